package feed

import (
	"fmt"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// maxListDepth is the number of nested lists that are indented.
const maxListDepth = 4

// textWriter makes plain text of HTML: paragraphs with an empty line between them, lists with dashes or numbers, and code that is
// indented by four spaces. It does not interpret HTML that is not needed for news.
type textWriter struct {
	base  string // the address of the page
	text  strings.Builder
	empty int  // the number of line breaks that are due before the next text
	space bool // a space is due before the next text

	lists    []int    // the open lists: the number of the next element, or 0 for a list without numbers
	links    []string // the addresses of the open links
	linkText int      // where the text of the innermost link begins
	code     int      // the number of open pre elements
	hidden   int      // the number of open elements whose content is not shown
	indent   string   // what a line begins with
	atMark   bool     // the text ends with the dash or the number of a list
}

// htmlText returns the text of HTML, with lines that are not wrapped and at most wire.MaxNewsText bytes. The parameter base is the address
// to which the addresses of links are relative.
func htmlText(source, base string) string {
	w := &textWriter{base: base}
	z := html.NewTokenizer(strings.NewReader(source))
	for w.text.Len() <= wire.MaxNewsText {
		switch z.Next() {
		case html.ErrorToken: // the end: reading a string does not fail
			return w.result()
		case html.TextToken:
			w.writeText(string(z.Text()))
		case html.StartTagToken:
			w.start(z.Token())
		case html.SelfClosingTagToken:
			t := z.Token()
			w.start(t)
			w.end(t.DataAtom)
		case html.EndTagToken:
			w.end(z.Token().DataAtom)
		}
	}
	return w.result()
}

func (w *textWriter) result() string {
	return cutText(strings.TrimRight(w.text.String(), " \n"), wire.MaxNewsText)
}

// breakLine makes the next text begin after at least the given number of line breaks.
func (w *textWriter) breakLine(n int) {
	if w.atMark {
		return // the text of the element begins beside its mark
	}
	if w.text.Len() > 0 {
		w.empty = max(w.empty, n)
	}
	w.space = false
}

// write writes clean text after the line breaks and the space that are due.
func (w *textWriter) write(text string) {
	switch {
	case w.empty > 0:
		w.text.WriteString(strings.Repeat("\n", w.empty) + w.indent)
	case w.text.Len() == 0:
		w.text.WriteString(w.indent)
	case w.space:
		w.text.WriteByte(' ')
	}
	w.empty, w.space, w.atMark = 0, false, false
	w.text.WriteString(text)
}

// writeText writes text between tags.
func (w *textWriter) writeText(text string) {
	switch {
	case w.hidden > 0:
		return
	case w.code > 0:
		for i, line := range strings.Split(strings.ReplaceAll(text, "\t", "    "), "\n") {
			if i > 0 {
				w.empty++
			}
			if line = strings.TrimRight(line, " \r"); line != "" {
				if w.text.Len() == 0 {
					w.empty = 0
				}
				w.empty = min(w.empty, 2)
				w.write(termtext.Clean(line))
			}
		}
		return
	}
	const spaces = " \t\r\n\f"
	w.space = w.space || strings.TrimLeft(text, spaces) != text
	for i, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(spaces, r) }) {
		w.space = w.space || i > 0
		w.write(termtext.Clean(word))
	}
	w.space = w.empty == 0 && w.text.Len() > 0 && (w.space || strings.TrimRight(text, spaces) != text)
}

// start handles a tag that opens an element.
func (w *textWriter) start(t html.Token) {
	switch t.DataAtom {
	case atom.Script, atom.Style, atom.Title, atom.Textarea, atom.Iframe, atom.Noscript, atom.Template:
		w.hidden++
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Blockquote, atom.Table, atom.Dl:
		w.breakLine(2)
	case atom.Div, atom.Section, atom.Tr, atom.Dt, atom.Dd:
		w.breakLine(1)
	case atom.Br:
		w.breakLine(w.empty + 1)
		w.empty = min(w.empty, 2)
	case atom.Hr:
		w.breakLine(2)
		w.write("---")
		w.breakLine(2)
	case atom.Pre:
		w.breakLine(2)
		w.code++
		w.setIndent()
	case atom.Ul, atom.Ol:
		w.breakLine(2)
		if len(w.lists) > 0 {
			w.empty = min(w.empty, 1)
		}
		number := 0
		if t.DataAtom == atom.Ol {
			number = 1
		}
		if len(w.lists) < 100 {
			w.lists = append(w.lists, number)
		}
		w.setIndent()
	case atom.Li:
		w.startListItem()
	case atom.Td, atom.Th:
		w.space = w.empty == 0 && w.text.Len() > 0
	case atom.A:
		address := ""
		for _, a := range t.Attr {
			if a.Key == "href" {
				address = webAddress(w.base, a.Val)
			}
		}
		if len(w.links) < 100 {
			w.links, w.linkText = append(w.links, address), w.text.Len()
		}
	case atom.Img:
		for _, a := range t.Attr {
			if a.Key == "alt" {
				w.writeText(a.Val)
			}
		}
	}
}

// startListItem begins a line with a dash or a number.
func (w *textWriter) startListItem() {
	w.atMark = false
	w.breakLine(1)
	if len(w.lists) == 0 {
		return
	}
	w.indent = strings.Repeat("  ", min(len(w.lists), maxListDepth)-1)
	mark := "-"
	if n := &w.lists[len(w.lists)-1]; *n > 0 {
		mark = fmt.Sprintf("%d.", *n)
		*n++
	}
	w.write(mark)
	w.space, w.atMark = true, true
	w.setIndent()
}

// setIndent sets what the next lines begin with.
func (w *textWriter) setIndent() {
	w.indent = strings.Repeat("  ", min(len(w.lists), maxListDepth))
	if w.code > 0 {
		w.indent += "    "
	}
}

// end handles a tag that closes an element.
func (w *textWriter) end(tag atom.Atom) {
	switch tag {
	case atom.Script, atom.Style, atom.Title, atom.Textarea, atom.Iframe, atom.Noscript, atom.Template:
		w.hidden = max(w.hidden-1, 0)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Blockquote, atom.Table, atom.Dl:
		w.breakLine(2)
	case atom.Div, atom.Section, atom.Tr, atom.Dt, atom.Dd, atom.Li:
		w.breakLine(1)
	case atom.Pre:
		w.code = max(w.code-1, 0)
		w.setIndent()
		w.empty = 0
		w.breakLine(2)
	case atom.Ul, atom.Ol:
		w.lists = w.lists[:max(len(w.lists)-1, 0)]
		w.setIndent()
		w.breakLine(2 - min(len(w.lists), 1))
	case atom.A:
		w.endLink()
	}
}

// endLink writes the address of a link after its text, unless they are equal.
func (w *textWriter) endLink() {
	last := len(w.links) - 1
	if last < 0 {
		return
	}
	address := w.links[last]
	w.links = w.links[:last]
	if address == "" || w.hidden > 0 {
		return
	}
	if strings.TrimSpace(w.text.String()[min(w.linkText, w.text.Len()):]) == address {
		return
	}
	hadSpace := w.space
	w.space = w.empty == 0 && w.text.Len() > 0
	w.write("<" + address + ">")
	w.space = hadSpace
}

package show

import (
	"bufio"
	"strconv"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// NewsEntry is an item of Arch's news with its number in the list of all items, and whether the user has to read it.
type NewsEntry struct {
	*wire.NewsItem
	Number   int
	IsUnread bool
}

const (
	dayFormat = "2006-01-02"
	// maxProseWidth is the number of columns at which running text is wrapped on a wide terminal.
	maxProseWidth = 100
	// maxNewsInNotice is the number of titles above the list of updates.
	maxNewsInNotice = 3
)

// PrintNewsHeadline prints the number, the day and the title of an item, and with markUnread whether it is unread.
func (s Style) PrintNewsHeadline(w *bufio.Writer, e *NewsEntry, markUnread bool) {
	p := printer{s, w}
	const unread = " [unread]"
	isMarked := markUnread && e.IsUnread
	if isMarked && p.Width > len(unread) {
		p.Width -= len(unread) // so that the mark fits behind the last line of the title
	}
	p.printNewsHeadline(e.Number, &e.NewsHeadline)
	if isMarked {
		p.printMark("unread")
	}
	p.writeRaw("\n")
}

func (p printer) printNewsHeadline(number int, h *wire.NewsHeadline) {
	start := strings.Repeat(" ", max(0, 2-len(strconv.Itoa(number)))) + strconv.Itoa(number) + "  " + newsDay(h) + "  "
	p.writeRaw(start)
	column := len(start)
	if p.Links && isWebAddress(h.URL) && (p.Width == 0 || column+textWidth(p.clean(h.Title)) <= p.Width) {
		p.printLink(h.Title, h.URL)
		return
	}
	p.wrap(h.Title, column)
}

// newsDay returns the day on which an item was published, in the local time zone.
func newsDay(h *wire.NewsHeadline) string {
	return time.Unix(h.PublishedAt, 0).Local().Format(dayFormat)
}

// PrintNewsItem prints an item with its text.
func (s Style) PrintNewsItem(w *bufio.Writer, e *NewsEntry) {
	p := printer{s, w}
	p.setColor(titleColor)
	p.wrap(e.Title, 0)
	p.setColor(resetColor)
	p.writeRaw("\n" + newsDay(&e.NewsHeadline))
	if e.URL != "" {
		p.writeRaw("  ")
		p.printLink(e.URL, e.URL)
	}
	p.writeRaw("\n")
	if e.Text != "" {
		p.writeRaw("\n")
	}
	for line := range strings.Lines(e.Text) {
		p.printNewsLine(strings.TrimSuffix(line, "\n"))
	}
}

// printNewsLine prints a line of a text. It is wrapped, unless it is code, and its next lines begin below the text after the dash or the
// number of a list.
func (p printer) printNewsLine(line string) {
	line = termtext.Clean(line)
	text := strings.TrimLeft(line, " ")
	indent := len(line) - len(text)
	width := min(p.Width, maxProseWidth)
	p.writeRaw(line[:indent])
	mark := listMark(text)
	if isCode := indent >= 4 && mark == 0; isCode || p.Width == 0 {
		width = 0
	}
	at, column := indent, min(indent+mark, 20)
	for i, word := range strings.Fields(text) {
		switch length := textWidth(word); {
		case width == 0:
			p.printLinks(text)
			p.writeRaw("\n")
			return
		case i > 0 && at+1+length > width:
			p.newline(column)
			at = column + length
		case i > 0:
			p.writeRaw(" ")
			at += 1 + length
		default:
			at += length
		}
		p.printLinks(word)
	}
	p.writeRaw("\n")
}

// listMark returns the length of the dash or the number with which an element of a list begins, with the space after it; otherwise 0.
func listMark(text string) int {
	first, _, found := strings.Cut(text, " ")
	number, isNumbered := strings.CutSuffix(first, ".")
	if _, err := strconv.ParseUint(number, 10, 16); found && (first == "-" || isNumbered && err == nil) {
		return len(first) + 1
	}
	return 0
}

// printLinks prints a clean text, in which each web address in angle brackets is a link.
func (p printer) printLinks(text string) {
	for {
		before, rest, found := strings.Cut(text, "<http")
		address, after, closed := strings.Cut(rest, ">")
		if !found || !closed {
			p.writeRaw(text)
			return
		}
		p.writeRaw(before + "<")
		p.printLink("http"+address, "http"+address)
		p.writeRaw(">")
		text = after
	}
}

// PrintNewsNotice prints a short block about unread items above another result.
func (s Style) PrintNewsNotice(w *bufio.Writer, unread []NewsEntry) {
	p := printer{s, w}
	p.setColor(warnColor)
	p.writeRaw("Arch news: " + strconv.Itoa(len(unread)) + " unread")
	p.setColor(resetColor)
	p.writeRaw("\n")
	for i := range unread[:min(len(unread), maxNewsInNotice)] {
		p.printNewsHeadline(unread[i].Number, &unread[i].NewsHeadline)
		p.writeRaw("\n")
	}
	p.writeRaw("omg news NUMBER shows the text, omg news --read marks all as read\n\n")
}

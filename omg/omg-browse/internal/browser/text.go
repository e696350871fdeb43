package browser

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
)

// Rows returns the visible rows, the number of the first one, and that of the selected row. A row that is not loaded is nil.
func (b *Browser) Rows() (rows []*Row, top, selected int) {
	v := &b.views[b.view]
	for i := v.top; i < min(v.top+b.layout.List.Height, v.length()); i++ {
		rows = append(rows, v.shown.At(i))
	}
	return rows, v.top, v.selected
}

// Length returns the number of packages in the list.
func (b *Browser) Length() int { return b.views[b.view].length() }

// ListMessage returns the text that is shown instead of a list; empty if there is a list.
func (b *Browser) ListMessage() string {
	v := &b.views[b.view]
	switch {
	case v.fail != "":
		return v.fail
	case v.invalid != "":
		return v.invalid
	case !v.loaded:
		return "loading…"
	case v.length() > 0:
		return ""
	case v.all != nil && len(v.all) == 0 && v.note == "":
		return b.view.emptyText()
	}
	text := "nothing found"
	if filters := b.Filters.names(); filters != nil && b.view != ViewFiles {
		text += " with the filters " + strings.Join(filters, ", ")
	}
	switch {
	case v.note != "":
		text += ": " + v.note
	case !b.view.isQuery():
		text += ": the view " + ViewSearch.String() + " has all packages"
	}
	return text
}

// Counts returns the text beside the input line: how many packages match, how they are sorted and filtered, and how many are marked.
func (b *Browser) Counts() string {
	v := &b.views[b.view]
	var parts []string
	if v.loaded && v.fail == "" && v.invalid == "" {
		more := ""
		if v.more {
			more = "+"
		}
		parts = append(parts, fmt.Sprintf("%d%s", v.length(), more))
		if v.all != nil && v.length() != len(v.all) {
			parts[0] += fmt.Sprintf("/%d", len(v.all))
		}
	}
	if b.Marks.Len() > 0 {
		parts = append(parts, fmt.Sprintf("%d marked", b.Marks.Len()))
	}
	if b.view != ViewFiles {
		parts = append(parts, b.Filters.names()...)
	}
	return strings.Join(append(parts, b.sorting().name), " · ")
}

// SortText returns the number by which the list is sorted, such as a size; empty if the order is another one or the number is unknown.
func (b *Browser) SortText(r *Row) string {
	if text := b.sorting().text; text != nil {
		return text(r)
	}
	return ""
}

// names returns the active filters.
func (f *Filters) names() (names []string) {
	switch f.AUR {
	case WithoutAUR:
		names = append(names, "no AUR")
	case OnlyAUR:
		names = append(names, "only AUR")
	}
	if f.Repo != "" {
		names = append(names, "only "+f.Repo)
	}
	if f.Installed {
		names = append(names, "installed")
	}
	if f.Explicit {
		names = append(names, "explicit")
	}
	return names
}

// StatusText returns the text of the last line.
func (b *Browser) StatusText() string {
	mode := b.modeName()
	if mode != "" {
		mode = "-- " + mode + " -- "
	}
	if b.Message != "" {
		return mode + b.Message
	}
	notice := b.Notice()
	if notice == "" {
		return mode + b.hints(b.layout.Width-2-styled.Width(mode))
	}
	if help := b.hint(keyHint{ActionHelp, "", "", "keys"}); help != "" { // a notice can stay for ever
		mode += help + " · "
	}
	return mode + notice
}

// Notice returns what the user should know now; empty if there is nothing.
func (b *Browser) Notice() string {
	if b.Message != "" {
		return b.Message
	}
	notices := []string{b.Connection, b.views[b.view].note}
	if b.Length() == 0 { // the note stands in the list
		notices = notices[:1]
	}
	return strings.Join(slices.DeleteFunc(notices, func(s string) bool { return s == "" }), " · ")
}

// keyHint names one or two actions in the last line.
type keyHint struct {
	first, second Action
	between, help string
}

// hint returns the text of a hint; empty if an action has no key.
func (b *Browser) hint(h keyHint) string {
	first, second := b.Keys.First(h.first), b.Keys.First(h.second)
	switch {
	case first == "" || second == "" && h.second != "":
		return ""
	case second == "":
		return keyTitle(first) + " " + h.help
	}
	return keyTitles(first, second, h.between) + " " + h.help
}

// hints returns the most important keys, as many as fit into a number of columns.
func (b *Browser) hints(columns int) string {
	hints := []keyHint{
		{ActionAccept, "", "", "choose"},
		{ActionMark, "", "", "mark"},
		{ActionHelp, "", "", "keys"},
		{ActionView1, ActionView7, "…", "views"},
		{ActionPreviousTab, ActionNextTab, "", "tabs"},
		{ActionAbort, "", "", "quit"},
		{ActionCommand, "", "", "command"},
		{ActionSort, "", "", "sort"},
		{ActionPreviewDown, "", "", "scroll"},
	}
	if b.Help || b.Command != nil {
		hints = []keyHint{{ActionAbort, "", "", "back"}, {ActionUp, ActionDown, "", "scroll"}}
	}
	line := ""
	for _, h := range hints {
		text := b.hint(h)
		if line != "" && text != "" {
			text = " · " + text
		}
		if styled.Width(line+text) > columns {
			break
		}
		line += text
	}
	return line
}

// helpHead is about the words. Their prefixes are on no key.
const helpHead = "Words find packages. not:WORD leaves out packages, repo:NAME selects a repository, and depends:NAME finds what needs a package. " +
	"omg search --help explains all prefixes. Esc closes this help."

// maxKeyColumns is the maximum width of the keys in the help, beside what they do.
const maxKeyColumns = 24

// HelpLines returns the lines of the help for the width of the screen.
func (b *Browser) HelpLines() []string {
	columns := b.layout.Width - 2
	lines := append(wrap(helpHead, columns), "")
	keyColumns := max(0, min(maxKeyColumns, columns/3))
	for _, k := range actions(KeysVi) {
		keys := b.Keys.keys[k.Action]
		if len(keys) == 0 {
			continue
		}
		for i, line := range wrap(strings.Repeat(" ", keyColumns+1)+k.Help, columns) {
			if i == 0 {
				line = fmt.Sprintf("%-*s %s", keyColumns, strings.Join(keys, ", "), strings.TrimLeft(line, " "))
			}
			lines = append(lines, line)
		}
	}
	return lines
}

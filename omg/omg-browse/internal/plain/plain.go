// Package plain shows the browser as lines of text and reads commands, for screen readers, terminals without a movable cursor, and scripts.
// It writes no escape sequences.
package plain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/shared/termtext"
)

const (
	// pageRows is the number of packages, and of lines of a text, that are shown at once.
	pageRows = 20
	// screenWidth is the width of a screen whose preview has room for about 80 columns.
	screenWidth = 148
	// maxLine is the maximum length of a command, in bytes.
	maxLine = 4096
)

// ErrQuit means that the user has ended the browser without choosing.
var ErrQuit = errors.New("ended without choosing")

// session is one run.
type session struct {
	b       *browser.Browser
	answers <-chan browser.Answer
	lines   <-chan string
	out     *bufio.Writer
	effect  func(browser.Effect)
	// top is the first row of the page.
	top int
	// rest holds the lines of a text that are not shown yet.
	rest []string
}

// Run shows the browser, which has to be started, until the user has chosen packages. Effects other than to accept and to abort are passed to
// a function. It returns ErrQuit if the user quits, or the input ends.
func Run(ctx context.Context, b *browser.Browser, answers <-chan browser.Answer, in io.Reader, out io.Writer, effect func(browser.Effect)) error {
	b.Place(browser.PlaceOff)
	b.Resize(screenWidth, pageRows+browser.FrameLines)
	lines := make(chan string)
	var readErr error // is set before lines is closed
	go func() {
		defer close(lines)
		readErr = read(ctx, in, lines)
	}()
	s := &session{b: b, answers: answers, lines: lines, out: bufio.NewWriter(out), effect: effect}
	if err := s.showList(ctx); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "Type words to search, a number to show a package, or help.")
	for {
		fmt.Fprint(s.out, "> ")
		if err := s.out.Flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line, ok := <-lines:
			switch {
			case !ok && readErr != nil:
				return fmt.Errorf("a command cannot be read: %w", readErr)
			case !ok:
				return ErrQuit
			}
			if done, err := s.do(ctx, strings.Fields(line)); done || err != nil {
				return err
			}
		}
	}
}

// read sends the lines of a reader. It ends with the reader, or with the context and the next line.
func read(ctx context.Context, in io.Reader, lines chan<- string) error {
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 0, maxLine), maxLine)
	for scanner.Scan() {
		select {
		case lines <- scanner.Text():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return scanner.Err()
}

// wait takes answers until the browser waits for none.
func (s *session) wait(ctx context.Context) error {
	for s.b.IsWaiting() {
		select {
		case a := <-s.answers:
			s.b.Answer(a)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// command is a command. Its words are what follows its name.
type command struct {
	names []string
	usage string
	help  string
	run   func(s *session, ctx context.Context, words []string) error
}

// errDone ends the session with what is chosen.
var errDone = errors.New("done")

// commands returns all commands in the order of the help.
func commands() []command {
	return []command{
		{[]string{"search"}, "search WORDS", "search; the word search may be left out", (*session).search},
		{[]string{"show"}, "show N", "show package N of the list; the word show may be left out", (*session).show},
		{[]string{"mark"}, "mark N...", "mark packages, as +N does", func(s *session, ctx context.Context, words []string) error { return s.mark(ctx, words, true) }},
		{[]string{"unmark"}, "unmark N...", "remove marks, as -N does; without a number: remove all marks", (*session).unmark},
		{[]string{"marks"}, "marks", "list the marked packages", (*session).marks},
		{[]string{"next", "n"}, "next", "show the next packages of the list", func(s *session, ctx context.Context, _ []string) error { return s.turn(ctx, pageRows) }},
		{[]string{"previous", "p"}, "previous", "show the previous packages of the list", func(s *session, ctx context.Context, _ []string) error { return s.turn(ctx, -pageRows) }},
		{[]string{"list"}, "list", "show the list again", func(s *session, ctx context.Context, _ []string) error { return s.turn(ctx, 0) }},
		{[]string{"more"}, "more", "show the next lines of a long text", (*session).more},
		{[]string{"view"}, "view NAME", "show another view: " + names(browser.Views()), (*session).view},
		{[]string{"tab"}, "tab NAME", "show something else about the package: " + names(browser.Tabs()), (*session).tab},
		{[]string{"sort"}, "sort", "sort in the next order", actions(browser.ActionSort)},
		{[]string{"filter"}, "filter NAME", "change a filter: aur, repository, installed, explicit", (*session).filter},
		{[]string{"command"}, "command", "show the command that installs, upgrades or removes the packages", (*session).command},
		{[]string{"done"}, "done", "print the names of the marked packages, or of the one shown last, and end", func(*session, context.Context, []string) error { return errDone }},
		{[]string{"quit", "q"}, "quit", "end without choosing", func(*session, context.Context, []string) error { return ErrQuit }},
		{[]string{"help", "?"}, "help", "show this help", (*session).help},
	}
}

// names returns the names of values in lower case.
func names[T fmt.Stringer](values []T) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = strings.ToLower(v.String())
	}
	return strings.Join(words, ", ")
}

// do runs a command. It reports whether the session ends.
func (s *session) do(ctx context.Context, words []string) (done bool, err error) {
	if len(words) == 0 {
		words = []string{"list"}
	}
	_, notNumber := number(words[0])
	i := slices.IndexFunc(commands(), func(c command) bool { return slices.Contains(c.names, words[0]) })
	switch {
	case i >= 0:
		err = commands()[i].run(s, ctx, words[1:])
	case notNumber == nil && strings.ContainsAny(words[0][:1], "+-"):
		err = s.mark(ctx, words, words[0][0] == '+')
	case notNumber == nil && len(words) == 1:
		err = s.show(ctx, words)
	default:
		if err = s.search(ctx, words); err == nil {
			s.hint(words)
		}
	}
	switch {
	case errors.Is(err, errDone):
		return true, nil
	case errors.Is(err, ErrQuit), ctx.Err() != nil:
		return true, err
	case err != nil:
		s.line(err.Error())
	}
	if s.b.Message != "" {
		s.line(s.b.Message)
		s.b.Message = ""
	}
	return false, nil
}

// line writes a line. Its text may come from anywhere.
func (s *session) line(text string) { fmt.Fprintln(s.out, termtext.Clean(text)) }

// number returns the number of a row in the browser.
func number(word string) (int, error) {
	n, err := strconv.Atoi(strings.TrimLeft(word, "+-"))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not the number of a package", word)
	}
	return n - 1, nil
}

// selectRow selects the package with a number, and waits until it is loaded.
func (s *session) selectRow(ctx context.Context, word string) (browser.Choice, error) {
	n, err := number(word)
	if err != nil {
		return browser.Choice{}, err
	}
	if !s.b.Select(n) {
		return browser.Choice{}, fmt.Errorf("the list has no package %d", n+1)
	}
	if err := s.wait(ctx); err != nil {
		return browser.Choice{}, err
	}
	c, ok := s.b.Selected()
	if !ok {
		return c, fmt.Errorf("the package %d cannot be loaded", n+1)
	}
	return c, nil
}

// choiceText returns a package as text.
func choiceText(c browser.Choice) string {
	name := c.Name
	if c.Repo != "" {
		name = c.Repo + "/" + name
	}
	return name + " " + c.Version
}

// rowText returns a row as text. Everything that the screen says by colour is in words.
func rowText(b *browser.Browser, r *browser.Row) string {
	parts := []string{r.Name}
	if r.Repo != "" {
		parts[0] = r.Repo + "/" + r.Name
	}
	if r.Installed != "" && r.Installed != r.Version {
		parts = append(parts, r.Installed, "->")
	}
	parts = append(parts, r.Version)
	if r.Installed != "" && b.View() == browser.ViewSearch {
		parts = append(parts, "[installed]")
	}
	for _, text := range []string{b.SortText(r), r.Note} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	text := strings.Join(parts, " ")
	if r.Desc != "" {
		text += ": " + r.Desc
	}
	return text
}

// showList writes the page of the list. The selected package stays selected.
func (s *session) showList(ctx context.Context) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	b := s.b
	_, _, selected := b.Rows()
	b.Select(min(s.top+pageRows, b.Length()) - 1) // the list scrolls so far that both are visible
	b.Select(s.top)
	if err := s.wait(ctx); err != nil {
		return err
	}
	words := b.Input.Text()
	if words != "" {
		words = " for " + words
	}
	s.line(fmt.Sprintf("%s%s: %s", b.View(), words, strings.ReplaceAll(b.Counts(), " · ", ", ")))
	if text := b.ListMessage(); text != "" {
		s.line(text)
		return nil
	}
	rows, top, _ := b.Rows()
	for i, r := range rows {
		mark := " "
		if r == nil {
			s.line(fmt.Sprintf("%d  not loaded", top+i+1))
			continue
		}
		if b.Marks.Has(r.Key) {
			mark = "*"
		}
		s.line(fmt.Sprintf("%d%s %s", top+i+1, mark, rowText(b, r)))
	}
	if b.Length() > top+len(rows) {
		s.line(fmt.Sprintf("%d to %d of %d. next shows more.", top+1, top+len(rows), b.Length()))
	}
	if notice := b.Notice(); notice != "" {
		s.line("Note: " + notice)
		b.Message = ""
	}
	b.Select(selected)
	return s.wait(ctx)
}

// showLines writes the beginning of a text; the command more writes the rest.
func (s *session) showLines(lines []string) {
	shown := min(len(lines), pageRows*2)
	for _, l := range lines[:shown] {
		s.line(strings.TrimRight(l, " "))
	}
	if s.rest = lines[shown:]; len(s.rest) > 0 {
		s.line(fmt.Sprintf("%d more lines. more shows them.", len(s.rest)))
	}
}

// showPage writes the preview of the selected package.
func (s *session) showPage(ctx context.Context) error {
	s.b.Place(browser.PlaceRight)
	defer s.b.Place(browser.PlaceOff)
	if err := s.wait(ctx); err != nil {
		return err
	}
	p := &s.b.Preview
	if p.Fail != "" {
		return errors.New(p.Fail)
	}
	s.showLines(text(p.Page.Lines))
	return nil
}

func text(lines []styled.Line) []string {
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.String()
	}
	return texts
}

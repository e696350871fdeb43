package plain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
)

// update writes the beginning of a new list.
func (s *session) update(ctx context.Context) error {
	s.top = 0
	return s.showList(ctx)
}

// actions returns a command that runs an action which changes the list.
func actions(a browser.Action) func(*session, context.Context, []string) error {
	return func(s *session, ctx context.Context, _ []string) error {
		s.b.Do(a)
		return s.update(ctx)
	}
}

func (s *session) search(ctx context.Context, words []string) error {
	s.b.Do(browser.ActionEnd)
	s.b.Do(browser.ActionDeleteBefore)
	s.b.Type(strings.Join(words, " "))
	return s.update(ctx)
}

// hint says how to show the view with a name, after a search for this name.
func (s *session) hint(words []string) {
	for _, v := range browser.Views() {
		if name := strings.ToLower(v.String()); len(words) == 1 && words[0] == name {
			s.line("view " + name + " shows the view " + v.String() + ".")
		}
	}
}

func (s *session) show(ctx context.Context, words []string) error {
	if len(words) != 1 {
		return errors.New("write show and one number")
	}
	if _, err := s.selectRow(ctx, words[0]); err != nil {
		return err
	}
	return s.showPage(ctx)
}

func (s *session) mark(ctx context.Context, words []string, on bool) error {
	if len(words) == 0 {
		return errors.New("write the numbers of packages")
	}
	for _, word := range words {
		on := on && word[0] != '-' || word[0] == '+'
		c, err := s.selectRow(ctx, word)
		if err != nil {
			return err
		}
		if s.b.Marks.Has(c.Key) != on && !s.b.ToggleMark() {
			return nil // the message says why
		}
		if on {
			s.line("marked " + choiceText(c))
		} else {
			s.line("not marked any more: " + choiceText(c))
		}
	}
	return nil
}

func (s *session) unmark(ctx context.Context, words []string) error {
	if len(words) > 0 {
		return s.mark(ctx, words, false)
	}
	s.b.Do(browser.ActionUnmarkAll)
	s.line("no package is marked")
	return nil
}

func (s *session) marks(context.Context, []string) error {
	if s.b.Marks.Len() == 0 {
		s.line("no package is marked")
	}
	lines := make([]string, s.b.Marks.Len())
	for i, c := range s.b.Marks.List() {
		lines[i] = choiceText(c)
	}
	s.showLines(lines)
	return nil
}

// turn shows the list, moved by a number of rows.
func (s *session) turn(ctx context.Context, rows int) error {
	switch {
	case rows > 0 && s.top+rows >= s.b.Length():
		return errors.New("this was the end of the list")
	case rows < 0 && s.top == 0:
		return errors.New("this was the beginning of the list")
	}
	s.top = max(0, s.top+rows)
	return s.showList(ctx)
}

func (s *session) more(context.Context, []string) error {
	if len(s.rest) == 0 {
		return errors.New("there are no more lines")
	}
	s.showLines(s.rest)
	return nil
}

// named returns the value of a name, which may be shortened.
func named[T fmt.Stringer](values []T, words []string) (value T, err error) {
	name := strings.ToLower(strings.Join(words, " "))
	i := slices.IndexFunc(values, func(v T) bool { return strings.HasPrefix(strings.ToLower(v.String()), name) })
	if i < 0 || name == "" {
		return value, fmt.Errorf("%q is none of these: %s", name, names(values))
	}
	return values[i], nil
}

func (s *session) view(ctx context.Context, words []string) error {
	v, err := named(browser.Views(), words)
	if err != nil {
		return err
	}
	s.b.Show(v)
	return s.update(ctx)
}

func (s *session) tab(ctx context.Context, words []string) error {
	t, err := named(browser.Tabs(), words)
	if err != nil {
		return err
	}
	s.b.Preview.Tab = t
	return s.showPage(ctx)
}

func (s *session) filter(ctx context.Context, words []string) error {
	for name, a := range map[string]browser.Action{
		"aur": browser.ActionFilterAUR, "repository": browser.ActionFilterRepo, "installed": browser.ActionFilterInst, "explicit": browser.ActionFilterExpl,
	} {
		if len(words) == 1 && words[0] == name {
			return actions(a)(s, ctx, nil)
		}
	}
	return errors.New("write filter and one of aur, repository, installed, explicit")
}

func (s *session) command(context.Context, []string) error {
	s.effect(s.b.Do(browser.ActionCommand))
	s.showLines(s.b.CommandLines())
	s.b.Command = nil
	return nil
}

func (s *session) help(context.Context, []string) error {
	var lines []string
	for _, c := range commands() {
		lines = append(lines, c.usage+": "+c.help)
	}
	s.showLines(lines)
	return nil
}

package plain

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
)

// run runs commands on a browser with 45 packages for each search, and returns the text after the first prompt.
func run(t *testing.T, commands ...string) (out string, b *browser.Browser, err error) {
	t.Helper()
	answers := make(chan browser.Answer, 100)
	b = browser.New(nil, func(r browser.Request) { answers <- answer(r) })
	b.Start()
	var text bytes.Buffer
	err = Run(t.Context(), b, answers, strings.NewReader(strings.Join(commands, "\n")+"\n"), &text, func(browser.Effect) {
		b.ShowCommand([]string{"pacman -S " + b.Choices()[0].Name})
	})
	for _, r := range text.String() {
		require.True(t, r == '\n' || r >= ' ' && r != 0x7f, "%q is no escape sequence", r)
	}
	_, out, found := strings.Cut(text.String(), "or help.\n")
	require.True(t, found)
	return out, b, err
}

func answer(r browser.Request) browser.Answer {
	a := browser.Answer{Request: &r}
	switch {
	case r.Search != nil:
		for i := range 45 {
			a.Rows = append(a.Rows, browser.Row{
				Key: browser.Key{Name: fmt.Sprintf("p%d", i+1)}, Repo: "extra", Version: "2", Desc: "text\x1b[31m",
			})
		}
		a.Rows[1].Installed, a.Rows[2].Note = "1", "no maintainer"
		a.Total = len(a.Rows)
	case r.Preview != nil:
		for i := range 45 {
			a.Page.Lines = append(a.Page.Lines, styled.Plain(fmt.Sprintf("%s %s %d", r.Preview.Row.Name, r.Preview.Tab, i+1), styled.Style{Color: 1}))
		}
	case r.Load != nil:
		a.Fail = "the database is broken"
	}
	return a
}

func TestRun_List(t *testing.T) {
	out, _, err := run(t, "some words", "next", "n", "n", "previous", "p", "p", "quit")
	require.ErrorIs(t, err, ErrQuit)
	pages := strings.Split("\n"+out, "\n> ")
	require.Equal(t, []string{
		"Search for some words: 45, relevance", "1  extra/p1 2: text\uFFFD[31m", "2  extra/p2 1 -> 2 [installed]: text\uFFFD[31m",
		"3  extra/p3 2 no maintainer: text\uFFFD[31m",
	}, strings.Split(pages[1], "\n")[:4])
	require.Contains(t, pages[1], "\n20  extra/p20 ")
	require.Contains(t, pages[1], "\n1 to 20 of 45. next shows more.")
	require.NotContains(t, pages[1], "p21")
	require.Contains(t, pages[2], "\n21  extra/p21 ")
	require.Contains(t, pages[3], "\n45  extra/p45 ")
	require.NotContains(t, pages[3], "next shows")
	require.Equal(t, "this was the end of the list", pages[4])
	require.Contains(t, pages[6], "\n1  extra/p1 ")
	require.Equal(t, "this was the beginning of the list", pages[7])
}

func TestRun_Choose(t *testing.T) {
	out, b, err := run(t, "+2", "mark 4 20", "-4", "marks", "list", "command", "done", "never read")
	require.NoError(t, err)
	var names []string
	for _, c := range b.Choices() {
		names = append(names, c.Name)
	}
	require.Equal(t, []string{"p2", "p20"}, names)
	require.Contains(t, out, "> marked extra/p2 2\n> marked extra/p4 2\nmarked extra/p20 2\n> not marked any more: extra/p4 2\n> extra/p2 2\nextra/p20 2\n> Search: 45, 2 marked, relevance\n")
	require.Contains(t, out, "\n20* extra/p20 ")
	require.Contains(t, out, "> pacman -S p2\n")

	out, b, _ = run(t, "+1 -1 2", "mark 3 -2", "-3 +4")
	require.Contains(t, out, "> marked extra/p1 2\nnot marked any more: extra/p1 2\nmarked extra/p2 2\n> marked extra/p3 2\nnot marked any more: extra/p2 2\n> ")
	require.Equal(t, "p4", b.Choices()[0].Name)

	_, b, err = run(t, "3", "done")
	require.NoError(t, err)
	require.Equal(t, "p3", b.Choices()[0].Name)
}

func TestRun_Show(t *testing.T) {
	out, _, err := run(t, "2", "more", "more", "tab dep", "show 45")
	require.ErrorIs(t, err, ErrQuit, "the input ends")
	require.Contains(t, out, "> p2 Info 1\n")
	require.Contains(t, out, "p2 Info 40\n5 more lines. more shows them.\n> p2 Info 41\n")
	require.Contains(t, out, "> there are no more lines\n> p2 Depends 1\n")
	require.Contains(t, out, "> p45 Depends 1\n", "the tab stays")
}

func TestRun_Errors(t *testing.T) {
	out, b, _ := run(t, "46", "0", "mark", "mark x", "view x", "tab", "filter x", "view upd", "view search", "search quit", "-x")
	require.Contains(t, out, `> the list has no package 46
> Search for 0: 45, relevance`)
	require.Contains(t, out, `> write the numbers of packages
> "x" is not the number of a package
> "x" is none of these: search, installed, updates, security, aur, orphans, files
> "" is none of these: info, depends, required by, files, history, news, build files
> write filter and one of aur, repository, installed, explicit
> Updates for 0: `)
	require.Contains(t, out, "\nthe database is broken\n> Search for 0:")
	require.Contains(t, out, "> Search for quit: 45")
	require.Equal(t, "-x", b.Input.Text())
}

func TestRun_ViewHint(t *testing.T) {
	out, _, _ := run(t, "orphans", "orphans x", "search orphans")
	require.Contains(t, out, "> Search for orphans: 45, relevance\n")
	require.Equal(t, 1, strings.Count(out, "\nview orphans shows the view Orphans.\n"), "after a search without the command")
}

// TestRun_LongCommand checks that a command that is too long does not look like the end of the input.
func TestRun_LongCommand(t *testing.T) {
	_, _, err := run(t, "+1", strings.Repeat("x", maxLine), "done")
	require.ErrorIs(t, err, bufio.ErrTooLong)
}

func TestRun_Help(t *testing.T) {
	out, _, _ := run(t, "help")
	for _, c := range commands() {
		require.Contains(t, out, c.usage+": "+c.help)
	}
}

// TestRun_Cancelled checks that Run returns while it waits for a command, and for an answer.
func TestRun_Cancelled(t *testing.T) {
	for _, isAnswered := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			answers := make(chan browser.Answer, 10)
			b := browser.New(nil, func(r browser.Request) {
				if isAnswered {
					answers <- answer(r)
				}
			})
			b.Start()
			in, end := io.Pipe()
			ended := make(chan error)
			go func() { ended <- Run(ctx, b, answers, in, io.Discard, nil) }()
			synctest.Wait()
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
			end.Close()
		})
	}
}

// Package app is the command line of omg-browse. It connects the browser with the terminal and with the source of its data.
package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v3"
	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/flags"
	"github.com/omg-arch/omg/omg/internal/session"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/omg/omg-browse/internal/choice"
	"github.com/omg-arch/omg/omg/omg-browse/internal/draw"
	"github.com/omg-arch/omg/omg/omg-browse/internal/loader"
	"github.com/omg-arch/omg/omg/omg-browse/internal/terminal"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// frameWait is how long a frame waits for what a key has requested, so that most keys need one frame, not two or three.
const frameWait = 8 * time.Millisecond

// Run runs omg-browse and returns its exit code.
func Run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var o backend.Options
	var indexPaths cli.StringSlice
	own := &flags.Browse{}
	return command.Run(ctx, &cli.App{
		Name:        "omg browse",
		Usage:       flags.BrowseUsage,
		ArgsUsage:   flags.BrowseArguments,
		Description: flags.BrowseDescription(),
		Flags:       append(flags.Sources(&o, &indexPaths), own.Flags()...),
		Action: func(c *cli.Context) error {
			if err := own.Check(c); err != nil {
				return err
			}
			o.IndexPaths, o.PrintNote = indexPaths.Value(), func(string) {}
			source := session.Open(o)
			defer source.Close()
			choices, err := browse(c.Context, source, own, c.Args().Slice())
			if err != nil {
				return err
			}
			notes, err := choice.Print(c.Context, stdout, source.Backend, own, choices)
			for _, note := range notes {
				command.PrintNote(stderr, "omg browse", note)
			}
			return err
		},
	}, args, stdout, stderr)
}

// browse runs the browser until the user has chosen packages.
func browse(ctx context.Context, source *session.Session, own *flags.Browse, words []string) ([]browser.Choice, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	screen, err := terminal.Open()
	if err != nil {
		return nil, exit.WithCode(exit.Failed, fmt.Errorf("the terminal cannot be used: %w", err))
	}
	defer screen.Fini()
	answers := make(chan browser.Answer, int(browser.LaneCount))
	l := loader.Start(ctx, source.Backend, func(a browser.Answer) {
		select {
		case answers <- a:
		case <-ctx.Done():
		}
	})
	defer l.Wait()
	defer cancel()
	messages := make(chan string, 1)
	pages := choice.NewPages(source.Backend, func(text string) {
		select {
		case messages <- text:
		case <-ctx.Done():
		}
	})
	defer pages.Wait()
	defer cancel()
	b := browser.New(words, l.Request)
	if own.RepoOnly {
		b.OnlyRepositories()
	}
	b.Begin(browser.View(slices.Index(flags.BrowseViews, own.View)))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	defer signal.Stop(signals)
	u := &ui{b: b, screen: screen, pages: pages, helper: helper(own)}
	b.Resize(screen.Size())
	b.Start()
	changes := watch(ctx, source)
	defer func() {
		cancel()
		for range changes { // until the watch has ended
		}
	}()
	var frame <-chan time.Time // ends the wait for answers; nil if there is none
	for {
		if frame == nil {
			draw.Draw(screen, b)
			screen.Show()
		}
		select {
		case e := <-screen.EventQ():
			if done, err := u.handleAll(ctx, e); done {
				return b.Choices(), err
			}
			if frame == nil && b.IsWaiting() {
				frame = time.After(frameWait)
			}
		case a := <-answers:
			b.Answer(a)
			if !b.IsWaiting() {
				frame = nil
			}
		case c := <-changes:
			u.applyChange(c)
		case text := <-messages:
			b.Message = text
		case <-frame:
			frame = nil
		case <-signals:
			return nil, exit.QuietError(exit.Aborted)
		}
	}
}

type ui struct {
	b      *browser.Browser
	screen *terminal.Screen
	pages  *choice.Pages
	helper string
	// generation is that of the last status, if there was one.
	hasStatus  bool
	generation uint64
	// pasted is the text of a paste that has not ended; nil if there is none.
	pasted []byte
}

// maxPaste is how much of a paste is used. It is more than the input line takes.
const maxPaste = 4096

// maxEvents is the maximum number of events between two frames.
const maxEvents = 1000

// handleAll handles an event of the terminal, and those that have arrived meanwhile, so that fast keys need one frame together.
func (u *ui) handleAll(ctx context.Context, e tcell.Event) (done bool, err error) {
	for range maxEvents {
		if done, err := u.handle(ctx, e); done {
			return true, err
		}
		select {
		case e = <-u.screen.EventQ():
		default:
			return false, nil
		}
	}
	return false, nil
}

// handle handles an event of the terminal. It reports whether the browser ends.
func (u *ui) handle(ctx context.Context, e tcell.Event) (done bool, err error) {
	switch e := e.(type) {
	case *tcell.EventResize:
		u.b.Resize(e.Size())
		u.screen.Sync()
	case *tcell.EventPaste:
		if text := string(u.pasted); e.End() && text != "" {
			u.b.Type(text)
		}
		u.pasted = nil
		if e.Start() {
			u.pasted = []byte{}
		}
	case *tcell.EventKey:
		if u.pasted != nil {
			u.paste(e)
			return false, nil
		}
		return u.done(ctx, u.b.Press(terminal.KeyName(e)))
	}
	return false, nil
}

// paste takes a character of a paste. Its line ends and tabs separate words: they are no keys.
func (u *ui) paste(e *tcell.EventKey) {
	_, text := terminal.KeyName(e)
	if text == "" {
		text = " "
	}
	if len(u.pasted)+len(text) <= maxPaste {
		u.pasted = append(u.pasted, text...)
	}
}

// done does what is outside of the browser. It reports whether the browser ends.
func (u *ui) done(ctx context.Context, effect browser.Effect) (done bool, err error) {
	switch effect {
	case browser.EffectAbort:
		return true, exit.QuietError(exit.Aborted)
	case browser.EffectAccept:
		if len(u.b.Choices()) == 0 {
			return true, exit.QuietError(exit.NotFound)
		}
		return true, nil
	case browser.EffectCopy:
		u.copy()
	case browser.EffectOpen:
		u.openPage(ctx)
	case browser.EffectCommand:
		u.showCommand()
	case browser.EffectRedraw:
		u.screen.Sync()
	}
	return false, nil
}

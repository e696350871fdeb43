// Package app is the command line of omg-browse. It connects the browser with the terminal and with the source of its data.
package app

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

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
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
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
			set, err := readSettings()
			if err != nil {
				return err
			}
			run := browse
			if own.Plain || isDumb() {
				run = func(ctx context.Context, source *session.Session, set *settings, own *flags.Browse, words []string) ([]browser.Choice, error) {
					return browsePlain(ctx, source.Backend, set, own, words, stdin, stderr)
				}
			}
			choices, err := run(c.Context, source, set, own, c.Args().Slice())
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
func browse(ctx context.Context, source *session.Session, set *settings, own *flags.Browse, words []string) ([]browser.Choice, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	screen, err := terminal.Open()
	if err != nil {
		return nil, exit.WithCode(exit.Failed, fmt.Errorf("the terminal cannot be used: %w", err))
	}
	defer screen.Close()
	look, err := set.theme(screen.Colors())
	if err != nil {
		return nil, err
	}
	answers := make(chan browser.Answer, int(browser.LaneCount))
	l := loader.Start(ctx, source.Backend, sendTo(ctx, answers), screen.RescueOnPanic)
	defer l.Wait()
	defer cancel()
	messages := make(chan string, 1)
	pages := choice.NewPages(source.Backend, sendTo(ctx, messages))
	defer pages.Wait()
	defer cancel()
	b := newBrowser(words, l, set, own)
	u := &ui{b: b, screen: screen, pages: pages, helper: set.helper(own)}
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
			draw.Draw(screen, b, look)
			screen.Show()
		}
		select {
		case e := <-screen.Events():
			if done, err := u.handleAll(ctx, screen.Event(e)); done {
				return b.Choices(), err
			}
			if frame == nil && b.IsWaiting() {
				frame = time.After(frameWait)
			}
		case a := <-answers:
			b.Answer(a)
			for effect := range b.Resume() {
				if done, err := u.done(ctx, effect); done {
					return b.Choices(), err
				}
			}
			if !b.IsWaiting() {
				frame = nil
			}
		case c := <-changes:
			u.applyChange(c)
		case text := <-messages:
			b.Message = text
		case <-frame:
			frame = nil
		case <-screen.Resized():
			b.Resize(screen.Resize())
		case <-screen.Continued():
			if done, err := u.resumed(screen.Continue()); done {
				return nil, err
			}
		case sig := <-screen.Ended():
			return nil, endedBy(sig)
		}
	}
}

// sendTo returns a function that sends a value to a channel, unless the context ends.
func sendTo[T any](ctx context.Context, c chan<- T) func(T) {
	return func(value T) {
		select {
		case c <- value:
		case <-ctx.Done():
		}
	}
}

// newBrowser returns a browser in the state in which it starts.
func newBrowser(words []string, l *loader.Loader, set *settings, own *flags.Browse) *browser.Browser {
	b := browser.New(words, l.Request)
	set.apply(b)
	if own.RepoOnly {
		b.OnlyRepositories()
	}
	b.Begin(browser.View(slices.Index(flags.BrowseViews, own.View)))
	return b
}

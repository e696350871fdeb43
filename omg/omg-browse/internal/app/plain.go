package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/flags"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/omg/omg-browse/internal/choice"
	"github.com/omg-arch/omg/omg/omg-browse/internal/loader"
	"github.com/omg-arch/omg/omg/omg-browse/internal/plain"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// isDumb reports whether the terminal cannot move its cursor.
func isDumb() bool { return os.Getenv("TERM") == "dumb" || os.Getenv("TERM") == "" }

// browsePlain runs the browser with lines of text, on the terminal of the process. With --plain and without a terminal as standard input, as in
// a script, it reads the commands from standard input and writes to standard error.
func browsePlain(ctx context.Context, source backend.Backend, set *settings, own *flags.Browse, words []string, stdin io.Reader, stderr io.Writer) ([]browser.Choice, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !own.Plain || command.IsTerminal(stdin) {
		tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if err != nil {
			return nil, exit.WithCode(exit.Failed, fmt.Errorf("the terminal cannot be used: %w", err))
		}
		defer tty.Close()
		stdin, stderr = tty, tty
	}
	answers := make(chan browser.Answer, int(browser.LaneCount))
	l := loader.Start(ctx, source, sendTo(ctx, answers), func() {})
	defer l.Wait()
	defer cancel()
	b := newBrowser(words, l, set, own)
	b.Start()
	helper := set.helper(own)
	err := plain.Run(ctx, b, answers, stdin, stderr, func(browser.Effect) {
		if text := choice.CommandText(choice.Commands(b.Choices(), helper)); len(b.Choices()) > 0 {
			b.ShowCommand(text[:len(text)-1]) // the last line is about keys
		}
	})
	switch {
	case errors.Is(err, plain.ErrQuit):
		return nil, exit.QuietError(exit.Aborted)
	case err == nil && len(b.Choices()) == 0:
		return nil, exit.QuietError(exit.NotFound)
	}
	return b.Choices(), err
}

package app

import (
	"context"
	"os"
	"syscall"

	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/omg/omg-browse/internal/choice"
	"github.com/omg-arch/omg/omg/omg-browse/internal/terminal"
	"github.com/omg-arch/omg/shared/exit"
)

type ui struct {
	b      *browser.Browser
	screen *terminal.Screen
	pages  *choice.Pages
	helper string
	// commands are those that are shown, or were shown last: what is selected may change while they are.
	commands []choice.Command
	// generation is that of the last status, if there was one.
	hasStatus  bool
	generation uint64
}

// maxEvents is the maximum number of events between two frames.
const maxEvents = 1000

// handleAll handles an event of the terminal, and those that have arrived meanwhile, so that fast keys need one frame together.
func (u *ui) handleAll(ctx context.Context, e terminal.Event) (done bool, err error) {
	for range maxEvents {
		if done, err := u.handle(ctx, e); done {
			return true, err
		}
		select {
		case next := <-u.screen.Events():
			e = u.screen.Event(next)
		case sig := <-u.screen.Ended():
			return true, endedBy(sig)
		default:
			return false, nil
		}
	}
	return false, nil
}

// handle handles an event of the terminal. It reports whether the browser ends.
func (u *ui) handle(ctx context.Context, e terminal.Event) (done bool, err error) {
	switch e := e.(type) {
	case terminal.Key:
		return u.done(ctx, u.b.Press(e.Name, e.Text))
	case terminal.Paste:
		u.b.Paste(e.Text)
	case terminal.Click:
		if e.Right {
			u.b.MarkAt(e.X, e.Y)
			break
		}
		return u.done(ctx, u.b.Click(e.X, e.Y, e.Double))
	case terminal.Wheel:
		u.b.Wheel(e.X, e.Y, e.Down)
	case terminal.Lost:
		return true, endedBy(syscall.SIGHUP)
	}
	return false, nil
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
	case browser.EffectSuspend:
		return u.resumed(u.screen.Suspend())
	case browser.EffectRedraw:
		u.screen.Redraw()
	}
	return false, nil
}

// resumed shows the browser again after it was suspended. The browser ends if the terminal has gone meanwhile.
func (u *ui) resumed(lost error) (done bool, err error) {
	if lost != nil {
		return true, endedBy(syscall.SIGHUP)
	}
	u.b.Resize(u.screen.Size())
	return false, nil
}

// exitSignal is added to the number of a signal that ends the browser, as shells do.
const exitSignal = 128

// endedBy returns the error for a signal that ends the browser.
func endedBy(sig os.Signal) error {
	number, _ := sig.(syscall.Signal)
	return exit.QuietError(exitSignal + int(number))
}

package app

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"github.com/omg-arch/omg/omg/internal/show"
)

// pager shows output that is longer than the screen with the user's pager, like git. Shorter output goes to the terminal directly.
type pager struct {
	terminal *os.File
	rows     int
	held     bytes.Buffer // the output until it is known whether it fits on the screen
	lines    int
	// to receives the output once it is no longer held: the terminal, or the input of the running pager.
	to      io.Writer
	input   io.Closer
	process *exec.Cmd
	// stopIgnoring ends ignoring Ctrl-C, which is for the pager while it runs.
	stopIgnoring func()
}

// usePager makes the printer use the user's pager, unless the output is not for people on a terminal, or the user does not want a pager.
func (o *resultPrinter) usePager() {
	terminal := terminalFile(o.app.stdout)
	if !o.isForPeople() || o.app.noPager || o.heldOutput != nil || os.Getenv("TERM") == "dumb" || pagerCommand(os.LookupEnv) == nil {
		return
	}
	o.pager = &pager{terminal: terminal, rows: show.TerminalRows(terminal)}
	o.app.pager = o.pager
	o.w.Reset(o.pager)
}

// pagerCommand returns the command of the user's pager, or nil if the user has none. The environment variable PAGER is a command line for
// the shell, as for git; without it, the pager is less.
func pagerCommand(lookup func(string) (string, bool)) *exec.Cmd {
	line, isSet := lookup("PAGER")
	if !isSet {
		line = "less"
	}
	switch {
	case line == "" || line == "cat":
		return nil
	case strings.ContainsAny(line, " \t\n|&;<>()$`\\\"'*?[#~=%"):
		return exec.Command("/bin/sh", "-c", line)
	}
	path, err := exec.LookPath(line)
	if err != nil {
		return nil
	}
	return exec.Command(path)
}

// Write implements io.Writer. It never returns an error if the user has ended the pager, who then needs no more output.
func (p *pager) Write(text []byte) (int, error) {
	if p.to == nil {
		p.held.Write(text)
		p.lines += bytes.Count(text, []byte("\n"))
		if p.lines < p.rows { // one line is for the prompt
			return len(text), nil
		}
		p.start()
		return len(text), p.release()
	}
	n, err := p.to.Write(text)
	if p.process != nil {
		return len(text), nil
	}
	return n, err
}

// release writes the held output to its destination.
func (p *pager) release() error {
	_, err := p.held.WriteTo(p.to)
	if p.process != nil {
		return nil
	}
	return err
}

// start starts the pager. If that fails, the output goes to the terminal.
func (p *pager) start() {
	p.to = p.terminal
	cmd := pagerCommand(os.LookupEnv)
	cmd.Stdout, cmd.Stderr = p.terminal, os.Stderr
	cmd.Env = os.Environ()
	// As git does: less ends if the text fits on the screen, passes colours on, and leaves the text on the screen.
	for name, value := range map[string]string{"LESS": "FRX", "LV": "-c"} {
		if os.Getenv(name) == "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	input, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	if cmd.Start() != nil {
		signal.Stop(interrupts)
		return
	}
	p.to, p.input, p.process, p.stopIgnoring = input, input, cmd, func() { signal.Stop(interrupts) }
}

// showHeld writes the held output to the terminal, before a wait for more. After that, no pager is started.
func (p *pager) showHeld() {
	if p.to == nil {
		p.to = p.terminal
		_ = p.release()
	}
}

// Close writes the remaining output, and waits until the user ends the pager.
func (p *pager) Close() error {
	if p.to == nil {
		p.to = p.terminal
		return p.release()
	}
	if p.process != nil {
		_ = p.input.Close()
		_ = p.process.Wait() // the exit code of the pager says nothing about the result
		p.stopIgnoring()
		p.process, p.to = nil, p.terminal
	}
	return nil
}

// closePager ends the pager after a command that has failed while its output was shown.
func (a *app) closePager() {
	if a.pager != nil {
		_ = a.pager.Close()
	}
}

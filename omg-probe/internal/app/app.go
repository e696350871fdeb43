// Package app is omg-probe's command line: it parses the arguments, reads the files until the deadline, and prints.
package app

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/omg-arch/omg/omg-probe/internal/render"
	"github.com/omg-arch/omg/omg-probe/internal/shell"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/version"
)

// Run runs omg-probe with its arguments and returns its exit code.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := run(args, stdin, stdout)
	if err == nil {
		return exit.OK
	}
	if e := new(exit.Error); errors.As(err, &e) && e.Err == nil {
		return e.Code
	}
	fmt.Fprintf(stderr, "omg-probe: error: %s\n", termtext.Clean(err.Error()))
	if e := new(exit.Error); errors.As(err, &e) && e.Hint != "" {
		fmt.Fprintf(stderr, "omg-probe: hint: %s\n", e.Hint)
	}
	return exit.Code(err)
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	o, err := parseArgs(args)
	if err != nil {
		return err
	}
	switch {
	case o.help:
		return write(stdout, help)
	case o.version:
		return write(stdout, "omg-probe "+version.String()+"\n")
	case o.isInit:
		return o.printShellCode(stdout)
	case o.isCommand:
		return o.findCommand(stdin, stdout)
	}
	format, err := render.ParseFormat(o.format)
	if err != nil {
		return exit.WithCode(exit.Usage, err)
	}
	r, err := o.newReader()
	if err != nil {
		return err
	}
	if o.explain {
		return write(stdout, r.explanation())
	}
	show := func(a render.Report) error {
		if o.numberName != "" {
			return write(stdout, statusNumber(o.numberName, a.Status).String()+"\n")
		}
		text, err := format(a)
		if err != nil {
			return err
		}
		return write(stdout, text)
	}
	return show(r.readUntil(o.waitLimit(), func(a render.Report) {
		_ = show(a) // a prompt must not fail
		os.Exit(exit.OK)
	}))
}

// printShellCode prints the code for a shell. The code runs this program, or omg beside it, with the arguments that follow the shell's name.
// It contains the program's path, so the shell does not search PATH.
func (o *options) printShellCode(stdout io.Writer) error {
	if _, err := render.ParseFormat(o.format); err != nil {
		return exit.WithCode(exit.Usage, err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if o.forCommands {
		// The name is sent through a pipe: other users can see the arguments of a process, and a system may log them.
		line := append(append([]string{self, "command"}, o.forwardedArgs...), "-")
		code, err := shell.CommandsCode(o.shell, line)
		if err != nil {
			return exit.WithCode(exit.Usage, err)
		}
		return write(stdout, code)
	}
	if o.forBrowse {
		line := append([]string{filepath.Join(filepath.Dir(self), "omg")}, o.forwardedArgs...)
		code, err := shell.BrowseCode(o.shell, append(line, "browse"), cmp.Or(o.browseKey, shell.DefaultBrowseKey))
		if err != nil {
			return exit.WithCode(exit.Usage, err)
		}
		return write(stdout, code)
	}
	env := paths.ProcessEnv()
	var files []string
	for _, socket := range env.Sockets(o.socket) {
		file := env.StatusFile(socket)
		if file, err = filepath.Abs(file); err != nil {
			return err
		}
		files = append(files, file)
	}
	code, err := shell.PromptCode(o.shell, append([]string{self}, o.forwardedArgs...), files)
	if err != nil {
		return exit.WithCode(exit.Usage, err)
	}
	return write(stdout, code)
}

// write writes a text in one call, so that a reader sees either the whole text or nothing.
func write(w io.Writer, text string) error {
	if text == "" {
		return nil
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("cannot write the output: %w", err)}
	}
	return nil
}

func quote(s string) string { return strconv.QuoteToASCII(s) }

package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/letters"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/version"
)

// hasPacmanOperation reports whether a command line has the form of pacman's: an operation such as -Q, with nothing but options
// before it. The slice args begins with the name of the program.
func hasPacmanOperation(args []string) bool {
	for i := 1; i < len(args); {
		if letters.IsOperation(args[i]) {
			return true
		}
		n := letters.SkipOption(args[i:])
		if n == 0 {
			return false
		}
		i += n
	}
	return false
}

// runLetters runs a command line in the form of pacman's, and returns the exit code.
func (a *app) runLetters(ctx context.Context, args []string) int {
	code, err := a.parseAndRunLetters(ctx, args[1:])
	if err != nil {
		err = withExitCode(err)
		command.PrintError(a.stderr, "omg", err)
		return exit.Code(err)
	}
	return code
}

func (a *app) parseAndRunLetters(ctx context.Context, args []string) (code int, err error) {
	line, err := letters.Parse(args)
	switch invalid := new(letters.InvalidError); {
	case errors.As(err, &invalid):
		return 0, &exit.Error{Code: exit.NotFound, Err: err} // pacman's exit code for a wrong command line is 1
	case err != nil:
		return 0, err
	case line.Help:
		_, err = fmt.Fprint(a.stdout, line.Usage())
		return exit.OK, err
	case line.Version:
		_, err = fmt.Fprintf(a.stdout, "omg version %s\n", version.String())
		return exit.OK, err
	}
	switch line.Kind() {
	case letters.Writes:
		return 0, &exit.Error{
			Code: exit.Usage, Err: fmt.Errorf("omg only reads, and -%c would change something here", line.Operation),
			Hint: line.PacmanCommand("sudo pacman"),
		}
	case letters.Unanswered:
		return 0, &exit.Error{
			Code: exit.Failed, Err: fmt.Errorf("omg cannot answer this form of -%c", line.Operation), Hint: line.PacmanCommand("pacman"),
		}
	}
	a.setLettersOptions(line)
	return a.openBackend(a.options).RunLetters(ctx, &backend.LettersRequest{
		Line: line, Stdin: os.Stdin, Stdout: a.stdout, Terminal: terminalFile(a.stdout), ReportError: a.reportError,
		Warn: func(text string) { command.Warn(a.stderr, "omg", text) },
	})
}

// setLettersOptions sets the options of the backend that a command line of pacman contains.
func (a *app) setLettersOptions(line *letters.Line) {
	o := &a.options
	o.DBPath, o.RootDir = line.Value("dbpath"), line.Value("root")
	o.PacmanConfig = line.Value("config")
	if own := line.Value("pacman-config"); own != "" && o.PacmanConfig == "" {
		o.PacmanConfig = own
	}
	o.IndexPaths, o.DataDir = line.Values("index"), line.Value("data-dir")
	o.Socket, o.NoDaemon = line.Value("socket"), line.Has("no-daemon") || line.Has("sysroot") // a daemon answers about another system
	o.LiveSocket, o.UnansweredSocket = line.Value("live-socket"), line.Value("unanswered-socket")
}

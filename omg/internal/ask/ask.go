// Package ask gets answers: from omgd, and where there is none, from whoever can
// answer without it.
package ask

import (
	"context"
	"errors"
	"io/fs"

	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// Asker is the way to an answer. Its fields are the command line's, empty for
// the usual places.
type Asker struct {
	Socket       string
	Index        []string
	DBPath       string
	PacmanConfig string
	DataDir      string
	NoDaemon     bool
	// Advisories is a file with the security tracker's records to judge by.
	Advisories string
	// Note takes a line about how the answer came about.
	Note func(line string)
	// Paused, which may be nil, is called where an answer goes on later: after a part
	// that another one follows.
	Paused func()
	// Local answers where the daemon does not.
	Local Local

	// asked is set once the daemon has answered: what one command prints comes
	// from one side.
	asked bool
	// served is how the daemon greeted; nil while it has not.
	served *wire.HelloResult
	// located are flags that name what the daemon reads, for the program that
	// answers in its place.
	located []string
}

// Emit takes a part of an answer; more says that another one follows.
type Emit func(result []byte, more bool) error

// Local answers a request without the daemon.
type Local func(ctx context.Context, a *Asker, op string, req any, emit Emit) error

// Search asks for packages and gives each of them to each, which may not keep
// it. The result has everything else.
func (a *Asker) Search(ctx context.Context, r *wire.SearchRequest, each func(*wire.Package) error) (wire.SearchResult, error) {
	var result wire.SearchResult
	err := a.ask(ctx, wire.OpSearch, r, a.pausing(func(part []byte) error {
		return wire.DecodeSearch(part, &result, each)
	}))
	return result, err
}

// Info asks about packages by name, as Search does.
func (a *Asker) Info(ctx context.Context, r *wire.InfoRequest, each func(*wire.Package) error) (wire.InfoResult, error) {
	var result wire.InfoResult
	err := a.ask(ctx, wire.OpInfo, r, a.pausing(func(part []byte) error {
		return wire.DecodeInfo(part, &result, each)
	}))
	return result, err
}

// pausing takes parts and calls Paused between them.
func (a *Asker) pausing(take func(part []byte) error) Emit {
	return func(part []byte, more bool) error {
		if err := take(part); err != nil {
			return err
		}
		if more && a.Paused != nil {
			a.Paused()
		}
		return nil
	}
}

// ask gets the parts of an answer from the first that can give it.
func (a *Asker) ask(ctx context.Context, op string, req any, emit Emit) error {
	if a.useDaemon(op) {
		came := false
		daemon := a.daemon
		if op == wire.OpSecurity {
			daemon = a.patiently
		}
		err := daemon(ctx, op, req, func(part []byte, more bool) error {
			came = true
			return emit(part, more)
		})
		if a.asked = a.asked || came; a.asked || err == nil {
			return exitError(err)
		}
		if err := a.without(op, err); err != nil {
			return exitError(err)
		}
	}
	if op == wire.OpLogLevel {
		return exit.With(exit.Failed, client.ErrNoDaemon) // only a daemon logs
	}
	return exitError(a.Local(ctx, a, op, req, emit))
}

// useDaemon: another database directory or configuration than the daemon's is a
// question that it cannot answer, unless the question is about the daemon.
func (a *Asker) useDaemon(op string) bool {
	elsewhere := a.DBPath != "" || a.PacmanConfig != "" || len(a.Index) > 0
	return !a.NoDaemon && a.Advisories == "" && (a.Socket != "" || !elsewhere || aboutDaemon(op))
}

// aboutDaemon reports whether a question is one to the daemon about itself, or to
// do something.
func aboutDaemon(op string) bool { return op == wire.OpHealth || wire.Administrative(op) }

// without prepares an answer without the daemon after this error, and notes why
// when it is not just that none runs. It returns the error where the daemon alone
// can answer, or where nobody knows which databases it would have answered from.
func (a *Asker) without(op string, err error) error {
	var refused *wire.Error
	note := err.Error() + ": answering without omgd"
	switch {
	case errors.Is(err, client.ErrNoDaemon):
		if a.Socket != "" {
			a.Note(err.Error())
		}
		a.locate() // one that ended during the question has greeted before
		return nil
	case aboutDaemon(op):
		return err
	case errors.As(err, &refused):
		if op == wire.OpSecurity || !passes(refused.Code) {
			return err // nobody else knows, or would say anything else
		}
		note = "omgd: " + refused.Message + ": answering without it"
	}
	if !a.locate() && !a.foreign(err) {
		return &exit.Error{Code: exit.Failed, Err: err, Hint: "with --no-daemon omg reads this machine's databases itself"}
	}
	a.Note(note)
	return nil
}

// passes reports whether a refusal has its reason in the daemon, not in the
// question.
func passes(code wire.Code) bool {
	switch code {
	case wire.CodeNotReady, wire.CodeInternal, wire.CodeBusy, wire.CodeShuttingDown, wire.CodeVersion, wire.CodeNotAllowed:
		return true
	}
	return false
}

// foreign reports whether the error shows that what listens where a daemon is
// looked for is not one for this user: it has no more to do with the question than
// if it did not run. A socket that the user names is one to believe or none.
func (a *Asker) foreign(err error) bool {
	if a.Socket != "" || paths.Process().Get("OMG_SOCKET_PATH") != "" {
		return false
	}
	var refused *wire.Error
	return errors.Is(err, client.ErrUntrusted) || errors.Is(err, client.ErrNoSocket) || errors.Is(err, fs.ErrPermission) ||
		errors.As(err, &refused) && refused.Code == wire.CodeNotAllowed
}

func (a *Asker) daemon(ctx context.Context, op string, req any, part Emit) error {
	conn, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = conn.Call(ctx, op, req, part)
	if err != nil {
		if hello, ok := conn.Server(); ok {
			a.served = &hello
		}
	}
	return err
}

// locate takes over which databases the daemon answers from, and reports whether
// they are known. What the command line names goes before.
func (a *Asker) locate() bool {
	if a.served != nil {
		if a.DBPath == "" && a.served.DBPath != "" {
			a.DBPath = a.served.DBPath
			a.located = append(a.located, "--dbpath", a.DBPath)
		}
		if a.PacmanConfig == "" && a.served.PacmanConfig != "" {
			a.PacmanConfig = a.served.PacmanConfig
			a.located = append(a.located, "--pacman-config", a.PacmanConfig)
		}
		return true
	}
	return a.DBPath != "" && a.PacmanConfig != ""
}

// dial connects to the first daemon that there is: the user's own, then the one
// that serves all users.
func (a *Asker) dial(ctx context.Context) (conn *client.Conn, err error) {
	env := paths.Process()
	for i, socket := range env.Sockets(a.Socket) {
		var next error
		conn, next = client.Dial(ctx, socket, client.Options{Trust: env.Trusts, Name: "omg " + version.String()})
		if next == nil {
			if err != nil && !errors.Is(err, client.ErrNoDaemon) {
				a.Note(err.Error())
			}
			return conn, nil
		}
		// Who may not even connect to the one of all users has nothing to do with it.
		if i == 0 || !errors.Is(next, client.ErrNoDaemon) && !errors.Is(next, fs.ErrPermission) {
			err = next
		}
	}
	return nil, err
}

// exitError gives an error the exit code that it calls for.
func exitError(err error) error {
	var said *wire.Error
	switch {
	case errors.As(err, &said) && said.Code == wire.CodeInvalid:
		return command.Usagef("%s", said.Message)
	case errors.As(err, &said) && said.Code == wire.CodeNetwork:
		return exit.With(exit.Network, errors.New(said.Message))
	case errors.Is(err, ErrNoTracker):
		return exit.With(exit.Network, err)
	default:
		return exit.With(exit.Failed, err)
	}
}

// Package alpm asks libalpm without linking it: for each request it runs the program
// omg-alpm-worker. The package also compares the facts that libalpm finds in the databases with the facts
// that package pacmandb finds.
package alpm

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omgd/internal/alpmproto"
	"github.com/omg-arch/omg/shared/child"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	program = "omg-alpm-worker"
	timeout = 10 * time.Second
	// maxMemory is the limit of the program's memory in bytes. It is several times what libalpm needs for the
	// largest databases.
	maxMemory = 512 << 20
)

// The errors of a request. The error can also be a *wire.Error from omg-alpm-worker (with the code
// wire.CodeInvalid, wire.CodeTooLarge or alpmproto.CodeOpenFailed), wire.ErrTooLarge for a request that does
// not fit in a frame, the error of the context, or an error of the operating system.
var (
	// ErrNotInstalled means that omg-alpm-worker is not installed.
	ErrNotInstalled = errors.New("missing")
	// ErrWithoutLibalpm means that omg-alpm-worker was built without libalpm.
	ErrWithoutLibalpm = errors.New("built without libalpm")
	// ErrMissingLibrary means that omg-alpm-worker was built for a libalpm that is not installed.
	ErrMissingLibrary = errors.New("cannot load its library")
	// ErrCrashed means that omg-alpm-worker was killed, or exited without a reply.
	ErrCrashed = errors.New("crashed")
	// ErrTimeout means that omg-alpm-worker took more than 10 s.
	ErrTimeout = errors.New("timed out")
	// ErrInvalidReply means that the output of omg-alpm-worker is not a valid reply.
	ErrInvalidReply = alpmproto.ErrInvalidReply
)

// Worker runs omg-alpm-worker, one process for each request. It has no state, and several goroutines may use
// it.
type Worker struct {
	path    string // the path of the program; "" means its usual place, beside omgd
	timeout time.Duration
}

// New returns a Worker that runs the omg-alpm-worker beside omgd. The program is searched for at each
// request.
func New() *Worker { return &Worker{timeout: timeout} }

// Databases lists the databases to read, and says how to use them.
type Databases struct {
	// Path is the absolute path of the database directory.
	Path string
	// Repos are the repositories in order of preference; only their Name and Usage are used.
	Repos                  []pacmandb.Repo
	IgnorePkg, IgnoreGroup []string
}

func (d Databases) request() alpmproto.Request {
	req := alpmproto.Request{DatabaseDir: d.Path, IgnorePkg: d.IgnorePkg, IgnoreGroup: d.IgnoreGroup}
	for _, r := range d.Repos {
		req.Repos = append(req.Repos, alpmproto.Repo{Name: r.Name, Usage: uint8(r.Usage)})
	}
	return req
}

// Result has the packages that were found, and the databases that were searched. A database whose field Err
// is set could not be searched.
type Result struct {
	Databases []alpmproto.Database
	Packages  []wire.Package
}

// Facts returns libalpm's facts about the databases.
func (w *Worker) Facts(ctx context.Context, d Databases) (*ReaderFacts, error) {
	a, err := w.ask(ctx, alpmproto.OpFacts, d.request())
	if err != nil {
		return nil, err
	}
	return &ReaderFacts{LibAlpm: a.LibAlpm, Databases: a.Databases, Installed: a.Installed}, nil
}

// Search returns the packages of the sync databases that match every word, like pacman -Ss. Each word is a
// POSIX extended regular expression. The packages have their summary fields only.
func (w *Worker) Search(ctx context.Context, d Databases, words []string) (*Result, error) {
	req := d.request()
	req.Words = words
	return w.askForPackages(ctx, alpmproto.OpSearch, req)
}

// Info returns the packages with these names, like pacman -Si. A name may be "repository/name". The packages
// are in order of the names, and for each name in order of the repositories. Unknown names are skipped.
func (w *Worker) Info(ctx context.Context, d Databases, names []string) (*Result, error) {
	req := d.request()
	req.Names = names
	return w.askForPackages(ctx, alpmproto.OpInfo, req)
}

func (w *Worker) askForPackages(ctx context.Context, op string, req alpmproto.Request) (*Result, error) {
	a, err := w.ask(ctx, op, req)
	if err != nil {
		return nil, err
	}
	return &Result{Databases: a.Databases, Packages: a.Packages}, nil
}

func (w *Worker) ask(ctx context.Context, op string, req alpmproto.Request) (*alpmproto.Reply, error) {
	path := w.path
	if path == "" {
		var err error
		if path, err = paths.ProgramPath(program); errors.Is(err, paths.ErrNotInstalled) {
			return nil, fmt.Errorf("%s is %w", program, ErrNotInstalled)
		} else if err != nil {
			return nil, err
		}
	}
	frame, err := wire.AppendRequest(nil, alpmproto.RequestID, op, &req)
	if err != nil {
		return nil, err
	}
	inner, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	var collector alpmproto.Collector
	stderr, err := child.Run(inner, child.Spec{Path: path, Stdin: frame, Stdout: &collector, MaxMemory: maxMemory})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, explain(err, stderr)
	}
	a, err := collector.Reply(op, req.Repos)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	return a, nil
}

// explain returns the error for a run of omg-alpm-worker that failed with err and wrote the text stderr to
// its standard error.
func explain(err error, stderr string) error {
	stderr, _, _ = strings.Cut(stderr, "\n")
	stderr = fmt.Sprintf("%.300s", stderr)
	var (
		werr   *wire.Error
		exited *exec.ExitError
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s %w", program, ErrTimeout)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%s is %w: %w", program, ErrNotInstalled, err)
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("%s %w: %w", program, ErrCrashed, err)
	case errors.Is(err, ErrInvalidReply):
		return fmt.Errorf("%s: %w", program, err)
	case errors.As(err, &werr):
		if werr.Code == alpmproto.CodeWithoutLibalpm {
			return fmt.Errorf("%s was %w", program, ErrWithoutLibalpm)
		}
		return werr
	case errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("%s: %w: its output stayed open after it had exited", program, ErrInvalidReply)
	case errors.As(err, &exited):
		// The dynamic linker exits with code 127, and prints the name of the missing library.
		if exited.ExitCode() == 127 && slices.ContainsFunc([]string{"shared librar", "symbol lookup", "version `"}, func(s string) bool {
			return strings.Contains(stderr, s)
		}) {
			return fmt.Errorf("%s %w: %s", program, ErrMissingLibrary, stderr)
		}
		if stderr != "" {
			return fmt.Errorf("%s %w (%v): %s", program, ErrCrashed, exited, stderr)
		}
		return fmt.Errorf("%s %w (%v)", program, ErrCrashed, exited)
	}
	return fmt.Errorf("%s: %w", program, err)
}

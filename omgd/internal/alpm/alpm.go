// Package alpm asks libalpm without linking it: it runs omg-alpm-worker for each
// question. It also compares libalpm's facts about the databases with those that
// package pacmandb reads.
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
	"github.com/omg-arch/omg/omgd/internal/child"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	program = "omg-alpm-worker"
	timeout = 10 * time.Second
	// maxData is several times what libalpm needs for the largest databases.
	maxData = 512 << 20
)

// The errors of a question. Others are a *wire.Error from the worker (its code is
// wire.CodeInvalid, wire.CodeTooLarge or alpmproto.CodeCannot), wire.ErrTooLarge
// for a question that does not fit in a frame, the context's and the system's.
var (
	// ErrMissing: the worker is not installed.
	ErrMissing = errors.New("missing")
	// ErrStub: the worker was built without libalpm.
	ErrStub = errors.New("built without libalpm")
	// ErrLibrary: the worker was built for a libalpm that is not installed.
	ErrLibrary = errors.New("cannot load its library")
	// ErrCrashed: the worker was killed, or exited without an answer.
	ErrCrashed = errors.New("crashed")
	// ErrTimeout: the worker took more than 10 s.
	ErrTimeout = errors.New("timed out")
	// ErrInvalidReply: the worker's output is not a valid reply.
	ErrInvalidReply = alpmproto.ErrInvalidReply
)

// Worker runs omg-alpm-worker, one process for each question. It has no state and
// may be used by several goroutines.
type Worker struct {
	path    string // "" for the program's usual place, beside omgd
	timeout time.Duration
}

// New returns a worker that runs the program beside omgd. The program is looked for
// at each question.
func New() *Worker { return &Worker{timeout: timeout} }

// Databases name the databases to read and how they are used.
type Databases struct {
	// Path is the database directory, absolute.
	Path string
	// Repos are in order of preference; only Name and Usage are used.
	Repos                  []pacmandb.Repo
	IgnorePkg, IgnoreGroup []string
}

func (d Databases) question() alpmproto.Request {
	q := alpmproto.Request{Path: d.Path, IgnorePkg: d.IgnorePkg, IgnoreGroup: d.IgnoreGroup}
	for _, r := range d.Repos {
		q.Repos = append(q.Repos, alpmproto.Repo{Name: r.Name, Usage: uint8(r.Usage)})
	}
	return q
}

// Result are packages and the databases that were searched for them. A database
// with an Err was left out.
type Result struct {
	Databases []alpmproto.Database
	Packages  []wire.Package
}

// Facts returns libalpm's facts about the databases.
func (w *Worker) Facts(ctx context.Context, d Databases) (*Facts, error) {
	a, err := w.ask(ctx, alpmproto.OpFacts, d.question())
	if err != nil {
		return nil, err
	}
	return &Facts{LibAlpm: a.LibAlpm, Databases: a.Databases, Installed: a.Installed}, nil
}

// Search returns the packages of the sync databases that match every word, each
// a POSIX extended expression, with their summary fields: pacman -Ss.
func (w *Worker) Search(ctx context.Context, d Databases, words []string) (*Result, error) {
	q := d.question()
	q.Words = words
	return w.find(ctx, alpmproto.OpSearch, q)
}

// Info returns the packages of these names, or "repository/name", as pacman -Si
// does: in order of the names, and for each name in order of the repositories.
// Unknown names are skipped.
func (w *Worker) Info(ctx context.Context, d Databases, names []string) (*Result, error) {
	q := d.question()
	q.Names = names
	return w.find(ctx, alpmproto.OpInfo, q)
}

func (w *Worker) find(ctx context.Context, op string, q alpmproto.Request) (*Result, error) {
	a, err := w.ask(ctx, op, q)
	if err != nil {
		return nil, err
	}
	return &Result{Databases: a.Databases, Packages: a.Packages}, nil
}

func (w *Worker) ask(ctx context.Context, op string, q alpmproto.Request) (*alpmproto.Reply, error) {
	path := w.path
	if path == "" {
		var err error
		if path, err = paths.Program(program); errors.Is(err, paths.ErrNotInstalled) {
			return nil, fmt.Errorf("%s is %w", program, ErrMissing)
		} else if err != nil {
			return nil, err
		}
	}
	frame, err := wire.AppendRequest(nil, alpmproto.ID, op, &q)
	if err != nil {
		return nil, err
	}
	inner, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	var collector alpmproto.Collector
	stderr, err := child.Run(inner, child.Spec{Path: path, Stdin: frame, Stdout: &collector, Data: maxData})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, explain(err, stderr)
	}
	a, err := collector.Reply(op, q.Repos)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	return a, nil
}

// explain returns the error for a worker that failed with err and wrote stderr.
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
		return fmt.Errorf("%s is %w: %w", program, ErrMissing, err)
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("%s %w: %w", program, ErrCrashed, err)
	case errors.Is(err, ErrInvalidReply):
		return fmt.Errorf("%s: %w", program, err)
	case errors.As(err, &werr):
		if werr.Code == alpmproto.CodeStub {
			return fmt.Errorf("%s was %w", program, ErrStub)
		}
		return werr
	case errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("%s: %w: its output did not end", program, ErrInvalidReply)
	case errors.As(err, &exited):
		// 127 is the exit code of the dynamic linker, which names the library.
		if exited.ExitCode() == 127 && slices.ContainsFunc([]string{"shared librar", "symbol lookup", "version `"}, func(s string) bool {
			return strings.Contains(stderr, s)
		}) {
			return fmt.Errorf("%s %w: %s", program, ErrLibrary, stderr)
		}
		if stderr != "" {
			return fmt.Errorf("%s %w (%v): %s", program, ErrCrashed, exited, stderr)
		}
		return fmt.Errorf("%s %w (%v)", program, ErrCrashed, exited)
	}
	return fmt.Errorf("%s: %w", program, err)
}

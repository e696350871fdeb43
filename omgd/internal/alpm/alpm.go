// Package alpm has libalpm's answers without libalpm in this process: it runs
// omg-alpm-worker for each question, and compares what libalpm says of the
// databases with what package pacmandb reads in them.
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

	"github.com/omg-arch/omg/omgd/internal/alpm/question"
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

// Why there is no answer. An error is one of these, a *wire.Error from the
// worker (its code is wire.CodeInvalid, wire.CodeTooLarge or
// question.CodeCannot), wire.ErrTooLarge for a question that does not fit in a
// frame, the context's or the system's.
var (
	// ErrMissing: the worker is not installed.
	ErrMissing = errors.New("missing")
	// ErrStub: the worker was built without libalpm.
	ErrStub = errors.New("built without libalpm")
	// ErrLibrary: the worker was built for a libalpm that is not there.
	ErrLibrary = errors.New("cannot load its library")
	// ErrCrashed: the worker was killed, or ended without an answer.
	ErrCrashed = errors.New("crashed")
	// ErrTimeout: the worker took more than 10 s.
	ErrTimeout = errors.New("timed out")
	// ErrRubbish: the worker wrote what is no answer.
	ErrRubbish = question.ErrRubbish
)

// Worker asks omg-alpm-worker. Each question has a process of its own, so a
// Worker holds nothing and any number of goroutines may use it.
type Worker struct {
	path    string // "" means where it belongs
	timeout time.Duration
}

// New returns a worker that is found beside omgd when it is needed.
func New() *Worker { return &Worker{timeout: timeout} }

// Databases say where the databases are and how they are used.
type Databases struct {
	// Path is the database directory, absolute.
	Path string
	// Repos are in order of preference; nothing but Name and Usage matters.
	Repos                  []pacmandb.Repo
	IgnorePkg, IgnoreGroup []string
}

func (d Databases) question() question.Question {
	q := question.Question{Path: d.Path, IgnorePkg: d.IgnorePkg, IgnoreGroup: d.IgnoreGroup}
	for _, r := range d.Repos {
		q.Repos = append(q.Repos, question.Repo{Name: r.Name, Usage: uint8(r.Usage)})
	}
	return q
}

// Found are packages and the databases that they were looked for in. One that
// has an Err was left out.
type Found struct {
	Databases []question.Database
	Packages  []wire.Package
}

// Version returns the version of the libalpm that the worker uses.
func (w *Worker) Version(ctx context.Context) (string, error) {
	a, err := w.ask(ctx, question.OpVersion, question.Question{})
	if err != nil {
		return "", err
	}
	return a.LibAlpm, nil
}

// Facts returns what libalpm knows of the databases.
func (w *Worker) Facts(ctx context.Context, d Databases) (*Facts, error) {
	a, err := w.ask(ctx, question.OpFacts, d.question())
	if err != nil {
		return nil, err
	}
	return &Facts{LibAlpm: a.LibAlpm, Databases: a.Databases, Installed: a.Installed}, nil
}

// Search returns the packages of the sync databases that match every word, each
// a POSIX extended expression, with their summary fields: pacman -Ss.
func (w *Worker) Search(ctx context.Context, d Databases, words []string) (*Found, error) {
	q := d.question()
	q.Words = words
	return w.find(ctx, question.OpSearch, q)
}

// Info returns the packages of these names, or "repository/name", in order of
// the names and for each of the repositories: pacman -Si. A name that there is
// not has no package.
func (w *Worker) Info(ctx context.Context, d Databases, names []string) (*Found, error) {
	q := d.question()
	q.Names = names
	return w.find(ctx, question.OpInfo, q)
}

func (w *Worker) find(ctx context.Context, op string, q question.Question) (*Found, error) {
	a, err := w.ask(ctx, op, q)
	if err != nil {
		return nil, err
	}
	return &Found{Databases: a.Databases, Packages: a.Packages}, nil
}

func (w *Worker) ask(ctx context.Context, op string, q question.Question) (*question.Answer, error) {
	path := w.path
	if path == "" {
		var err error
		if path, err = paths.Program(program); errors.Is(err, paths.ErrNotInstalled) {
			return nil, fmt.Errorf("%s is %w", program, ErrMissing)
		} else if err != nil {
			return nil, err
		}
	}
	frame, err := wire.AppendRequest(nil, question.ID, op, &q)
	if err != nil {
		return nil, err
	}
	inner, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	var answer question.Collector
	said, err := child.Run(inner, child.Spec{Path: path, Stdin: frame, Stdout: &answer, Data: maxData})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, explain(err, said)
	}
	a, err := answer.Answer(op, q.Repos)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	return a, nil
}

// explain says what the end of a worker means that printed said.
func explain(err error, said string) error {
	said, _, _ = strings.Cut(said, "\n")
	said = fmt.Sprintf("%.300s", said)
	var (
		answered *wire.Error
		exited   *exec.ExitError
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s %w", program, ErrTimeout)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%s is %w: %w", program, ErrMissing, err)
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("%s %w: %w", program, ErrCrashed, err)
	case errors.Is(err, ErrRubbish):
		return fmt.Errorf("%s: %w", program, err)
	case errors.As(err, &answered):
		if answered.Code == question.CodeStub {
			return fmt.Errorf("%s was %w", program, ErrStub)
		}
		return answered
	case errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("%s: %w: its output does not end", program, ErrRubbish)
	case errors.As(err, &exited):
		// 127 is the dynamic linker's, which names the library.
		if exited.ExitCode() == 127 && slices.ContainsFunc([]string{"shared librar", "symbol lookup", "version `"}, func(s string) bool {
			return strings.Contains(said, s)
		}) {
			return fmt.Errorf("%s %w: %s", program, ErrLibrary, said)
		}
		if said != "" {
			return fmt.Errorf("%s %w (%v): %s", program, ErrCrashed, exited, said)
		}
		return fmt.Errorf("%s %w (%v)", program, ErrCrashed, exited)
	}
	return fmt.Errorf("%s: %w", program, err)
}

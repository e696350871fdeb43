package harness

import (
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Way is one way in which omg gets an answer.
type Way struct {
	Name string
	Args []string // the flags that make omg use this way
	s    *System
}

// Ways prepares all three ways to an answer: a daemon, a current index, and the databases without an index.
func (s *System) Ways() []Way {
	s.T.Helper()
	index := s.IndexWay()
	return []Way{s.Start().Way("daemon"), index, s.DatabasesWay()}
}

// IndexWay builds an index, which omg then reads.
func (s *System) IndexWay() Way {
	s.T.Helper()
	s.Build()
	return Way{"index", append([]string{"--no-daemon", "--index", s.Indexes()}, s.Databases()...), s}
}

// DatabasesWay makes omg read the databases: its data directory has no index.
func (s *System) DatabasesWay() Way {
	s.T.Helper()
	return Way{"databases", append([]string{"--no-daemon", "--data-dir", s.T.TempDir()}, s.Databases()...), s}
}

// Way returns the way in which omg sends its requests to this daemon.
func (d *Daemon) Way(name string) Way { return Way{name, []string{"--socket", d.Socket}, d.System} }

// For returns a copy of the way for a subtest. A failure then fails the subtest.
func (w Way) For(t testing.TB) Way {
	w.s = w.s.For(t)
	return w
}

// Omg runs omg, which gets its answer in the way w.
func (w Way) Omg(args ...string) Result {
	w.s.T.Helper()
	return Run(w.s.T, w.Command(args...))
}

// Command prepares a run of omg that uses this way.
func (w Way) Command(args ...string) *exec.Cmd {
	w.s.T.Helper()
	return w.s.Command("omg", slices.Concat(w.Args, args)...)
}

// With returns a copy of the way with more environment variables.
func (w Way) With(variables ...string) Way {
	w.s = w.s.With(variables...)
	return w
}

// OK runs a command that must succeed, and returns its lines.
func (w Way) OK(args ...string) []string {
	w.s.T.Helper()
	r := w.Omg(args...)
	require.Zero(w.s.T, r.Code, "%s: omg %q: %s", w.Name, args, r.Stderr)
	return r.Lines()
}

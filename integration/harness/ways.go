package harness

import (
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// AnswerWay is one way in which omg gets an answer.
type AnswerWay struct {
	Name string
	Args []string // the flags that make omg use this way
	s    *System
}

// AnswerWays prepares all three ways to an answer: a daemon, a current index, and the databases without an index.
func (s *System) AnswerWays() []AnswerWay {
	s.T.Helper()
	index := s.IndexWay()
	return []AnswerWay{s.StartDaemon().AnswerWay("daemon"), index, s.DatabasesAnswerWay()}
}

// IndexWay builds an index, which omg then reads.
func (s *System) IndexWay() AnswerWay {
	s.T.Helper()
	s.BuildIndexes()
	return AnswerWay{"index", append([]string{"--no-daemon", "--index", s.IndexDir()}, s.DatabaseFlags()...), s}
}

// DatabasesAnswerWay makes omg read the databases: its data directory has no index.
func (s *System) DatabasesAnswerWay() AnswerWay {
	s.T.Helper()
	return AnswerWay{"databases", append([]string{"--no-daemon", "--data-dir", s.T.TempDir()}, s.DatabaseFlags()...), s}
}

// AnswerWay returns the way in which omg sends its requests to this daemon.
func (d *Daemon) AnswerWay(name string) AnswerWay {
	return AnswerWay{name, []string{"--socket", d.Socket}, d.System}
}

// ForSubtest returns a copy of the way for a subtest. A failure then fails the subtest.
func (w AnswerWay) ForSubtest(t testing.TB) AnswerWay {
	w.s = w.s.ForSubtest(t)
	return w
}

// Omg runs omg, which gets its answer in the way w.
func (w AnswerWay) Omg(args ...string) Result {
	w.s.T.Helper()
	return Run(w.s.T, w.Command(args...))
}

// Command prepares a run of omg that uses this way.
func (w AnswerWay) Command(args ...string) *exec.Cmd {
	w.s.T.Helper()
	return w.s.Command("omg", slices.Concat(w.Args, args)...)
}

// WithEnv returns a copy of the way with more environment variables.
func (w AnswerWay) WithEnv(variables ...string) AnswerWay {
	w.s = w.s.WithEnv(variables...)
	return w
}

// RunOK runs a command that must succeed, and returns its lines.
func (w AnswerWay) RunOK(args ...string) []string {
	w.s.T.Helper()
	r := w.Omg(args...)
	require.Zero(w.s.T, r.Code, "%s: omg %q: %s", w.Name, args, r.Stderr)
	return r.Lines()
}

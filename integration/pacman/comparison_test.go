package pacman

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// comparison is a system with the real pacman to compare with.
type comparison struct {
	*harness.System
	// oracle is the database directory for pacman: the system's, or one with the same content.
	oracle string
	daemon *harness.Daemon
	ways   []harness.AnswerWay
}

// newComparison prepares the three ways to an answer from a system's databases. The databases must not change
// afterwards.
func newComparison(t testing.TB, s *harness.System) *comparison {
	t.Helper()
	need.Program(t, "pacman")
	w := &comparison{System: s, oracle: s.DB}
	return w.start()
}

// plainDatabases returns a database directory with the same content as the system's, but with archives that are not
// compressed and have no extended headers. For each question, pacman reads all databases, and it would spend half of
// its time on decompression and extended headers.
func plainDatabases(t testing.TB, s *harness.System) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(s.DB, "local"), filepath.Join(dir, "local")))
	databases, err := filepath.Glob(s.SyncDBPath("*"))
	require.NoError(t, err)
	require.Len(t, databases, 3)
	for _, path := range databases {
		z, err := gzip.NewReader(bytes.NewReader(harness.ReadFile(t, path)))
		require.NoError(t, err)
		var out bytes.Buffer
		from, to := tar.NewReader(z), tar.NewWriter(&out)
		for {
			h, err := from.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if h.Typeflag != tar.TypeReg {
				continue
			}
			require.NoError(t, to.WriteHeader(&tar.Header{Name: h.Name, Mode: h.Mode, Size: h.Size}))
			_, err = io.Copy(to, from)
			require.NoError(t, err)
		}
		require.NoError(t, to.Close())
		harness.WriteFile(t, filepath.Join(dir, "sync", filepath.Base(path)), out.Bytes())
	}
	return dir
}

// start starts the daemon and builds the index.
func (w *comparison) start() *comparison {
	index := w.IndexWay()
	w.daemon = w.StartDaemon()
	w.ways = []harness.AnswerWay{w.daemon.AnswerWay("daemon"), index, w.DatabasesAnswerWay()}
	return w
}

// configured returns a comparison of the same databases with another pacman.conf.
func (w *comparison) configured(t testing.TB, conf string) *comparison {
	t.Helper()
	next := &comparison{System: w.SecondSystem(t, conf), oracle: w.oracle}
	return next.start()
}

// forSubtest returns a copy of the comparison for a subtest.
func (w *comparison) forSubtest(t testing.TB) *comparison {
	next := &comparison{System: w.ForSubtest(t), oracle: w.oracle, daemon: w.daemon.ForSubtest(t)}
	for _, way := range w.ways {
		next.ways = append(next.ways, way.ForSubtest(t))
	}
	return next
}

// pacman runs the real pacman.
func (w *comparison) pacman(args ...string) harness.Result {
	w.T.Helper()
	return w.RunTool("pacman", slices.Concat([]string{"--config", w.PacmanConf, "-b", w.oracle, "--color", "never"}, args)...)
}

// installed returns the packages of the local database.
func (w *comparison) installed() []*pacmandb.Installed {
	w.T.Helper()
	local, err := pacmandb.ReadLocal(w.T.Context(), w.DB)
	require.NoError(w.T, err)
	require.Greater(w.T, len(local.Packages), 500)
	return local.Packages
}

// offered returns the packages of the repositories.
func (w *comparison) offered() (all []wire.Package) {
	w.T.Helper()
	for _, repo := range []string{"core", "extra", "multilib"} {
		_, err := pacmandb.ReadSync(w.T.Context(), w.SyncDBPath(repo), repo, func(p *wire.Package) error {
			q := *p
			q.Provides, q.Groups = slices.Clone(p.Provides), slices.Clone(p.Groups)
			all = append(all, q)
			return nil
		}, nil)
		require.NoError(w.T, err)
	}
	require.Greater(w.T, len(all), 3000)
	return all
}

func names(packages []*pacmandb.Installed) []string {
	out := make([]string, len(packages))
	for i, p := range packages {
		out[i] = p.Name
	}
	return out
}

// question is one question, as arguments of pacman and of omg.
type question struct{ pacman, omg []string }

// newQuestion splits a command line of pacman and one of omg into arguments.
func newQuestion(pacman, omg string) question {
	return question{strings.Fields(pacman), strings.Fields(omg)}
}

// same asks pacman and, in each of the ways, omg. It requires that both print the same, and that omg exits with 1 if
// pacman finds nothing.
func (w *comparison) same(questions ...question) {
	w.T.Helper()
	for _, q := range questions {
		want := w.pacman(q.pacman...)
		for _, way := range w.ways {
			requireSame(w.T, want, way, q.omg...)
		}
	}
}

// requireSame runs omg in the given way, and compares its answer with pacman's. The exit codes only have to agree on
// success or failure, because pacman has the same exit code for an empty result and for every error.
func requireSame(t testing.TB, pacman harness.Result, way harness.AnswerWay, args ...string) {
	t.Helper()
	got := way.Omg(args...)
	what := fmt.Sprintf("%s: omg %.300q\n%s", way.Name, args, got.Stderr)
	requireSameLines(t, pacman.Stdout, got.Stdout, what)
	require.Equal(t, pacman.Code != 0, got.Code != 0, what)
	require.LessOrEqual(t, got.Code, 1, what)
}

// requireSameLines compares pacman's output with omg's, and shows the first line that differs. One difference is
// allowed: omg replaces the bidi control characters, which occur in two descriptions of the corpus.
func requireSameLines(t testing.TB, pacman, omg, what string) {
	t.Helper()
	want, got := strings.Split(pacman, "\n"), strings.Split(omg, "\n")
	for i := range min(len(want), len(got)) {
		require.Equal(t, termtext.Clean(want[i]), got[i], "%s, line %d", what, i)
	}
	require.Len(t, got, len(want), what)
}

// sameFiles requires that omg files lists the same files as pacman -Ql. If lacking is set, omg cannot read the file
// lists of some packages and must report this, which pacman does not.
func (w *comparison) sameFiles(packages []string, lacking bool) {
	w.T.Helper()
	want := w.pacman(append([]string{"-Ql"}, packages...)...)
	for _, way := range w.ways {
		got := way.Omg(append([]string{"files"}, packages...)...)
		requireSameLines(w.T, want.Stdout, got.Stdout, way.Name)
		require.Equal(w.T, lacking, got.Code == 3, got.Stderr)
		require.Equal(w.T, lacking, strings.Contains(got.Stderr, "no file list of "), got.Stderr)
	}
}

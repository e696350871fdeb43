package app

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// options describes the generated databases: 24 packages in core, 252 in extra and 24 in multilib, with their file lists.
var options = fixture.Options{Packages: 300, Seed: 1, FileLists: true}

// testSystem is a home directory with databases and a pacman.conf.
type testSystem struct {
	t    *testing.T
	home string
}

// newTestSystem creates a testSystem, sets HOME to its directory and clears the environment variables of omg-index.
func newTestSystem(t *testing.T) *testSystem {
	t.Helper()
	w := &testSystem{t, t.TempDir()}
	require.NoError(t, fixture.WriteDatabases(w.path("db"), options))
	w.write("pacman.conf", fixture.PacmanConfig)
	for _, name := range []string{"XDG_DATA_HOME", "SOURCE_DATE_EPOCH", "OMG_INDEX"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", w.home)
	return w
}

func (w *testSystem) path(name string) string { return filepath.Join(w.home, name) }

// indexes returns the directory of omg's indexes.
func (w *testSystem) indexes() string { return w.path(".local/share/omg/index") }

func (w *testSystem) database(repo string) string { return w.path("db/sync/" + repo + ".db") }

func (w *testSystem) write(name, text string) {
	w.t.Helper()
	require.NoError(w.t, os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	require.NoError(w.t, os.WriteFile(w.path(name), []byte(text), 0o644))
}

func (w *testSystem) read(path string) []byte {
	w.t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(w.t, err)
	return b
}

// ended holds the exit code and output of a run of omg-index.
type ended struct {
	code           int
	stdout, stderr string
}

func (e ended) lines() []string { return strings.Split(strings.TrimSuffix(e.stdout, "\n"), "\n") }

// run runs omg-index.
func (w *testSystem) run(args ...string) ended {
	w.t.Helper()
	return w.runIn(w.t.Context(), args...)
}

func (w *testSystem) runIn(ctx context.Context, args ...string) ended {
	var out, errs bytes.Buffer
	code := Run(ctx, append([]string{"omg-index"}, args...), &out, &errs)
	return ended{code, out.String(), errs.String()}
}

// config returns the flags that name the test system's databases.
func (w *testSystem) config() []string {
	return []string{"--dbpath", w.path("db"), "--pacman-config", w.path("pacman.conf")}
}

// build runs omg-index build.
func (w *testSystem) build(args ...string) ended {
	w.t.Helper()
	return w.run(slices.Concat([]string{"build"}, w.config(), args)...)
}

// built runs omg-index build, and fails the test unless the build succeeds without output on standard error.
func (w *testSystem) built(args ...string) ended {
	w.t.Helper()
	r := w.build(args...)
	require.Equal(w.t, exit.OK, r.code, r.stderr)
	require.Empty(w.t, r.stderr)
	return r
}

// files returns the names of the files in a directory.
func (w *testSystem) files(dir string) []string {
	w.t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(w.t, err)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// tree returns the content of all files in the home directory except the databases.
func (w *testSystem) tree() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	require.NoError(w.t, filepath.WalkDir(w.home, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(path, w.path("db")) {
			return err
		}
		all[path] = string(w.read(path))
		return nil
	}))
	return all
}

// packages returns the generated packages of repositories, by repository and name.
func packages(repos ...string) map[string]wire.Package {
	all := map[string]wire.Package{}
	for p := range fixture.GeneratePackages(options) {
		if slices.Contains(repos, p.Repo) {
			all[p.Repo+"/"+p.Name] = p
		}
	}
	return all
}

// full is a writer that fails like a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

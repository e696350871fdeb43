package badinput

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
)

// TestWithoutRepositoryDatabases has what is installed known where no repository
// is, by omgd and by omg alone, and an index from elsewhere served there.
func TestWithoutRepositoryDatabases(t *testing.T) {
	home := t.TempDir()
	db := filepath.Join(home, "db")
	require.NoError(t, fixture.Write(db, fixture.Options{Packages: 60, Seed: 1, Installed: 20}))
	env := programs.Env(home)
	index := filepath.Join(home, "given.omgidx")
	built := programs.Run(t, env, "omg-index", "build", "--dbpath", db, "-o", index)
	require.Zero(t, built.Code, built.Stderr)
	require.NoError(t, os.RemoveAll(filepath.Join(db, "sync")))
	conf := filepath.Join(home, "pacman.conf")
	require.NoError(t, os.WriteFile(conf, []byte("[core]\n[extra]\n[multilib]\n"), 0o644))
	where := []string{"--dbpath", db, "--pacman-config", conf}

	d := programs.Start(t, env, append([]string{"--data-dir", filepath.Join(home, "data")}, where...)...)
	for side, ask := range map[string][]string{"daemon": {"--socket", d.Socket}, "files": append([]string{"--no-daemon"}, where...)} {
		omg := func(args ...string) programs.Result { return programs.Run(t, env, "omg", append(ask, args...)...) }
		require.Eventually(t, func() bool { return omg("installed", "-q").Code == 0 }, 10*time.Second, 20*time.Millisecond, side)
		require.Len(t, omg("installed", "-q").Lines(), 20, side)
		require.NotEmpty(t, omg("explicit").Lines(), side)
		for _, args := range [][]string{{"outdated"}, {"foreign"}, {"search", "lib"}, {"info", "x"}} {
			r := omg(args...)
			require.Equal(t, 3, r.Code, "%s %q", side, args)
			require.Contains(t, r.Stderr, "no package databases", "%s %q", side, args)
		}
		status := omg("status")
		require.Zero(t, status.Code, side)
		require.Regexp(t, `Installed +: 20\n`, status.Stdout, side)
		require.Regexp(t, `Updates +: unknown`, status.Stdout, side)
	}

	given := programs.Start(t, env, append([]string{"--data-dir", filepath.Join(home, "other"), "--index", index}, where...)...)
	for side, ask := range map[string][]string{"daemon": {"--socket", given.Socket}, "files": append([]string{"--no-daemon", "--index", index}, where...)} {
		omg := func(args ...string) programs.Result { return programs.Run(t, env, "omg", append(ask, args...)...) }
		require.Eventually(t, func() bool { return omg("search", "-q", "lib").Code == 0 }, 10*time.Second, 20*time.Millisecond, side)
		require.Contains(t, omg("status").Stdout, "stale: no database here: as the index has it", side)
	}
}

// TestNamedIndexMustBeThere has a mistyped file named at once.
func TestNamedIndexMustBeThere(t *testing.T) {
	home := t.TempDir()
	r := programs.Run(t, programs.Env(home), "omgd", "--foreground", "--socket", filepath.Join(home, "s"), "--index", "/no/such.omgidx")
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.Stderr, "/no/such.omgidx: no such file or directory")
	r = programs.Run(t, programs.Env(home), "omg-index", "info", "/no/such.omgidx")
	require.Equal(t, "omg-index: error: /no/such.omgidx: no such file or directory\n", r.Stderr)
	r = programs.Run(t, programs.Env(home), "omgd", "--foreground", "--socket", filepath.Join(home, "no", "such", "s"))
	require.Equal(t, 3, r.Code)
	require.NoDirExists(t, filepath.Join(home, "no"))
	r = programs.Run(t, programs.Env(home), "omg", "--socket", "/etc/passwd", "search", "x")
	require.Contains(t, r.Stderr, "/etc/passwd: not a socket")
}

// TestPacmansFlags point to the command that is meant.
func TestPacmansFlags(t *testing.T) {
	for flag, ours := range map[string]string{"-Ss": "omg search", "-Qu": "omg outdated", "-Qdt": "omg orphans", "-Qeq": "omg explicit"} {
		r := programs.Run(t, programs.Env(t.TempDir()), "omg", flag, "x")
		require.Equal(t, 2, r.Code, flag)
		require.Contains(t, r.Stderr, ours, flag)
	}
}

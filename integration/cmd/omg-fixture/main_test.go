package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fixture"
)

// try runs the program and returns its exit code and its output.
func try(t *testing.T, args ...string) (code int, says string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"omg-fixture"}, args...), &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

func TestRun_Flags(t *testing.T) {
	dir := t.TempDir()
	db, conf, aur := filepath.Join(dir, "db"), filepath.Join(dir, "pacman.conf"), filepath.Join(dir, "aur.json.gz")
	code, says := try(t, db, "--packages", "50", "--installed=12", "--duplicates", "3", "--seed", "9", "--day", "3", "--compress", "zstd",
		"--no-signatures", "--files", "--config", conf, "--aur", aur, "--aur-packages", "20")
	require.Equal(t, exit.OK, code, says)
	require.Empty(t, says)

	// fixture.WriteDatabases writes the same files as the program.
	want := filepath.Join(dir, "want")
	require.NoError(t, fixture.WriteDatabases(want, fixture.Options{
		Packages: 50, Installed: 12, DuplicatePackages: 3, Seed: 9, Compression: fixture.Zstd, NoSignatures: true, FileLists: true, Day: 3,
	}))
	for _, name := range []string{"core.db", "extra.db", "multilib.db", "core.files", "extra.files", "multilib.files"} {
		got, err := os.ReadFile(filepath.Join(db, "sync", name))
		require.NoError(t, err)
		same, err := os.ReadFile(filepath.Join(want, "sync", name))
		require.NoError(t, err)
		require.Equal(t, same, got, name)
	}
	entries, err := os.ReadDir(filepath.Join(db, "local"))
	require.NoError(t, err)
	require.Len(t, entries, 12+1)
	text, err := os.ReadFile(conf)
	require.NoError(t, err)
	require.Equal(t, fixture.PacmanConfig, string(text))
	var dump bytes.Buffer
	require.NoError(t, fixture.WriteAURDumpOfDay(&dump, 20, 9, 3))
	text, err = os.ReadFile(aur)
	require.NoError(t, err)
	require.Equal(t, dump.Bytes(), text)
}

func TestRun_BadUse(t *testing.T) {
	taken := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(taken, "sync"), 0o755))
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no directory":      {nil, exit.Usage, "one directory is needed, not 0"},
		"two directories":   {[]string{"a", "b"}, exit.Usage, "one directory is needed, not 2"},
		"no packages":       {[]string{"--packages", "0", t.TempDir()}, exit.Usage, "0 packages, not between 1 and"},
		"no such method":    {[]string{"--compress", "rar", t.TempDir()}, exit.Usage, `unknown compression "rar"`},
		"too many":          {[]string{"--packages", "9", "--installed", "10", t.TempDir()}, exit.Usage, "10 installed packages, not between 0 and 9"},
		"unknown flag":      {[]string{"--colour", t.TempDir()}, exit.Usage, "colour"},
		"existing database": {[]string{taken}, exit.Failed, "choose a directory that does not contain sync or local yet"},
		"AUR out of bounds": {[]string{"--aur", filepath.Join(t.TempDir(), "aur"), "--aur-packages", "-1", t.TempDir()}, exit.Usage, "-1 packages of the AUR"},
	} {
		t.Run(name, func(t *testing.T) {
			code, says := try(t, c.args...)
			require.Equal(t, c.code, code, says)
			require.Contains(t, says, c.says)
		})
	}
}

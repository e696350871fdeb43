package filesindex

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
)

// writeDatabase writes packages as pacman's database of files.
func writeDatabase(t *testing.T, path string, packages []testPackage) {
	t.Helper()
	dir := t.TempDir()
	var entries []string
	for _, p := range packages {
		entry := p.name + "-" + p.version
		entries = append(entries, entry)
		require.NoError(t, os.Mkdir(filepath.Join(dir, entry), 0o755))
		desc := fmt.Sprintf("%%FILENAME%%\n%s.pkg.tar.zst\n\n%%NAME%%\n%s\n\n%%VERSION%%\n%s\n\n%%ARCH%%\nany\n\n", entry, p.name, p.version)
		require.NoError(t, os.WriteFile(filepath.Join(dir, entry, "desc"), []byte(desc), 0o644))
		files := "%FILES%\n" + strings.Join(p.files, "\n") + "\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, entry, "files"), []byte(files), 0o644))
	}
	tar := exec.CommandContext(t.Context(), "tar", append([]string{"-czf", path, "-C", dir}, entries...)...)
	out, err := tar.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestFind_EqualToPacman compares Find with the real pacman -F --machinereadable, whose lines have a NUL after the
// repository, the package and the version.
func TestFind_EqualToPacman(t *testing.T) {
	need.Program(t, "pacman")
	d := dice{rand.New(rand.NewPCG(3, 4))}
	packages := d.packages(120, 60)
	for i := range packages {
		// A database has one path a line, and pacman ends a list at an empty line.
		packages[i].files = slices.DeleteFunc(packages[i].files, func(path string) bool { return path == "" || strings.Contains(path, "\n") })
	}
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "db", "sync"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "db", "local"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "db", "local", "ALPM_DB_VERSION"), []byte("9\n"), 0o644))
	config := filepath.Join(root, "pacman.conf")
	require.NoError(t, os.WriteFile(config, []byte("[options]\nArchitecture = auto\n[extra]\nSigLevel = Never\nServer = file:///nowhere\n"), 0o644))
	writeDatabase(t, filepath.Join(root, "db", "sync", "extra.files"), packages)
	pacman := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "pacman", append([]string{"--config", config, "--dbpath", filepath.Join(root, "db"), "--root", root}, args...)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		var out, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &stderr
		_ = cmd.Run() // it exits with 1 if nothing was found
		require.Empty(t, stderr.String(), "%q", args)
		return out.String()
	}

	f := build(t, packages)
	line := func(pkg int, path string) string {
		p, err := f.Package(pkg)
		require.NoError(t, err)
		return "extra\x00" + p.Name + "\x00" + p.Version + "\x00" + path + "\n"
	}
	found := 0
	fixed := []string{"/", "//", "usr/", "///usr/", "usr//", "/usr/bin", ".", "..", "../", "none", "/none", " "}
	for i := range 150 {
		expression := d.IntN(3) == 0
		target := d.target(packages, expression)
		if i < len(fixed) {
			expression, target = false, fixed[i]
		}
		args := []string{"-F", "--machinereadable", "--", target}
		if expression {
			if strings.ContainsAny(target, "\u212aẞß") || strings.ContainsFunc(target, func(r rune) bool { return r < ' ' }) {
				continue // package posixre says where it differs from glibc
			}
			args[0] = "-Fx"
		}
		var got strings.Builder
		for _, m := range find(t, f, target, expression) {
			for _, path := range m.Paths {
				got.WriteString(line(m.Package, path))
			}
		}
		require.Equal(t, pacman(args...), got.String(), "%q", args)
		if got.Len() > 0 {
			found++
		}
	}
	require.Greater(t, found, 60)

	for _, p := range packages[:20] {
		pkg, ok, err := f.FindPackage(p.name)
		require.NoError(t, err)
		require.True(t, ok)
		var got strings.Builder
		for path, err := range f.Paths(pkg) {
			require.NoError(t, err)
			got.WriteString(line(pkg, path))
		}
		require.Equal(t, pacman("-Fl", "--machinereadable", p.name), got.String())
	}
}

package runtimes

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// machine is the file system of a test: a root directory with a home directory and the test's files.
type machine struct {
	root, home, dir string
	vars            map[string]string
}

// newMachine creates a machine from lines: "path: text" is a file, "path/" is a directory, "path -> target" is a
// symlink, "$NAME=value" is a variable. A path that begins with ~/ is in the home directory, a path that begins with /
// is in the root directory, and any other path is in the working directory, ~/src/project. In a text, $HOME is replaced
// with the home directory, and \n with a newline.
func newMachine(t testing.TB, lines ...string) *machine {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(root), 0o755)) // for asNobody
	w := &machine{root: root, home: filepath.Join(root, "home/u"), vars: map[string]string{}}
	w.dir = filepath.Join(w.home, "src/project")
	require.NoError(t, os.MkdirAll(w.dir, 0o755))
	w.add(t, lines...)
	return w
}

func (w *machine) path(path string) string {
	switch {
	case strings.HasPrefix(path, "~/"):
		return filepath.Join(w.home, path[2:])
	case strings.HasPrefix(path, "/"):
		return filepath.Join(w.root, path)
	}
	return filepath.Join(w.dir, path)
}

func (w *machine) add(t testing.TB, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if name, value, found := strings.Cut(line, "="); found && line[0] == '$' {
			w.vars[name[1:]] = strings.ReplaceAll(value, "$HOME", w.home)
			continue
		}
		if from, to, found := strings.Cut(line, " -> "); found {
			path := w.path(from)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.Symlink(strings.ReplaceAll(to, "$HOME", w.home), path))
			continue
		}
		if path, text, found := strings.Cut(line, ": "); found {
			path = w.path(path)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			text = strings.NewReplacer("$HOME", w.home, `\n`, "\n", `\r`, "\r").Replace(text)
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			continue
		}
		require.True(t, strings.HasSuffix(line, "/"), "%q is neither a file nor a directory", line)
		require.NoError(t, os.MkdirAll(w.path(line), 0o755))
	}
}

func (w *machine) env() Env {
	return Env{
		Getenv: func(name string) string { return w.vars[name] },
		Home:   w.home, Dir: w.dir, Root: w.root,
		OmgDataDir: filepath.Join(w.home, ".local/share/omg"),
	}
}

// format returns an active version in one line, with paths as in newMachine: "20.1.0 nvm range 20 .nvmrc", or "20
// missing range 20 .nvmrc", or "" if nothing is active.
func (w *machine) format(a Active) string {
	if a.Version == "" {
		return ""
	}
	by := a.Manager
	if a.Missing {
		by = "missing"
	}
	if a.Declared == nil {
		return a.Version + " " + by
	}
	line := fmt.Sprintf("%s %s %s %s %s", a.Version, by, a.Declared.WantKind, strings.Replace(a.Declared.Want, w.home, "~", 1), w.short(a.Declared.Source))
	if a.Differs {
		line += " differs"
	}
	return line
}

func (w *machine) short(path string) string {
	for _, at := range []struct{ dir, as string }{{w.dir + "/", ""}, {w.home + "/", "~/"}, {w.root + "/", "/"}} {
		if rest, found := strings.CutPrefix(path, at.dir); found {
			return at.as + rest
		}
	}
	return path
}

func (w *machine) notes(p *Prober) []string {
	var all []string
	for _, n := range p.IgnoredPathNotes() {
		all = append(all, w.short(n.Path)+": "+n.Text)
	}
	return all
}

// nodes contains arguments for newMachine. They make a machine on which nvm has installed five versions of node.
var nodes = []string{
	"~/.nvm/versions/node/v18.20.4/bin/node: x", "~/.nvm/versions/node/v20.11.0/bin/node: x", "~/.nvm/versions/node/v20.9.0/bin/node: x",
	"~/.nvm/versions/node/v21.0.0/bin/node: x", "~/.nvm/versions/node/v22.0.0-rc.1/bin/node: x",
}

func with(more []string, lines ...string) []string {
	return append(append([]string{}, more...), lines...)
}

// platform returns the last part of a Go toolchain's name for this system, such as linux-amd64.
func platform() string { return runtime.GOOS + "-" + runtime.GOARCH }

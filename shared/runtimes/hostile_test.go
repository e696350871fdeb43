package runtimes

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/need"
)

// TestMain sets a permissive umask: another user must be able to reach the files in the tests that use asNobody.
func TestMain(m *testing.M) {
	unix.Umask(0o022)
	os.Exit(m.Run())
}

// TestVersionFile_Unusable checks that a FIFO, a directory or another unusable file in place of a version file is
// skipped with a note, and that the next version file is read.
func TestVersionFile_Unusable(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T, w *machine, path string)
		want string
	}{
		{"a FIFO", func(t *testing.T, _ *machine, path string) { require.NoError(t, unix.Mkfifo(path, 0o644)) }, "not a regular file"},
		{"a directory", func(t *testing.T, _ *machine, path string) { require.NoError(t, os.Mkdir(path, 0o755)) }, "not a regular file"},
		{"a device", func(t *testing.T, _ *machine, path string) { require.NoError(t, os.Symlink("/dev/zero", path)) }, "not a regular file"},
		{"a terminal", func(t *testing.T, _ *machine, path string) {
			need.Terminal(t)
			require.NoError(t, os.Symlink("/dev/ptmx", path))
		}, "not a regular file"},
		{"a symlink to itself", func(t *testing.T, _ *machine, path string) { require.NoError(t, os.Symlink(path, path)) }, "too many levels of symbolic links"},
		{"a symlink to nothing", func(t *testing.T, _ *machine, path string) { require.NoError(t, os.Symlink("/nothing", path)) }, ""},
		{"a file of 1 GiB", func(t *testing.T, _ *machine, path string) {
			require.NoError(t, os.WriteFile(path, []byte("20"), 0o644))
			require.NoError(t, os.Truncate(path, 1<<30))
		}, "larger than 64 KiB"},
		{"an empty file", func(t *testing.T, _ *machine, path string) { require.NoError(t, os.WriteFile(path, nil, 0o644)) }, "empty"},
		{"an unreadable file", func(t *testing.T, _ *machine, path string) {
			require.NoError(t, os.WriteFile(path, []byte("20"), 0))
		}, "permission denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newMachine(t, with(nodes, ".node-version: 18")...)
			c.make(t, w, w.path(".nvmrc"))
			asNobody(t, func() {
				p := New(w.env())
				require.Equal(t, "18.20.4 nvm range 18 .node-version", w.format(p.Active(Node)))
				if c.want == "" {
					require.Empty(t, w.notes(p))
				} else {
					require.Equal(t, []string{".nvmrc: " + c.want}, w.notes(p))
				}
			})
		})
	}
}

// asNobody calls a function as a user who, unlike root, cannot read all files.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	if os.Getuid() != 0 {
		do()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread is never unlocked, so it ends with the goroutine, and no other goroutine runs as this user.
		runtime.LockOSThread()
		require.NoError(t, unix.Setfsuid(65534))
		do()
	}()
	<-done
}

func TestDirectory_Unlistable(t *testing.T) {
	w := newMachine(t, with(nodes, ".nvmrc: 18", "~/src/.ruby-version: 3.3.0")...)
	require.NoError(t, os.Chmod(w.dir, 0o711))
	require.NoError(t, os.Chmod(w.path("~/src"), 0o711))
	asNobody(t, func() {
		p := New(w.env())
		require.Equal(t, "18.20.4 nvm range 18 .nvmrc", w.format(p.Active(Node)))
		require.Equal(t, "3.3.0 missing pin 3.3.0 ~/src/.ruby-version", w.format(p.Active(Ruby)))
	})
	require.NoError(t, os.Chmod(w.path("~/src"), 0))
	t.Cleanup(func() { _ = os.Chmod(w.path("~/src"), 0o755) }) // otherwise the test's directory could not be removed
	asNobody(t, func() {
		p := New(w.env())
		require.Empty(t, p.AllActive())
		require.Contains(t, w.notes(p), "~/src/project: permission denied")
	})
}

func TestDirectory_Gone(t *testing.T) {
	w := newMachine(t, with(nodes, "~/src/.nvmrc: 18")...)
	env := w.env()
	env.Dir = filepath.Join(w.dir, "gone")
	require.Equal(t, "18.20.4 nvm range 18 ~/src/.nvmrc", w.format(New(env).Active(Node)))
}

func TestDirectory_ManyFiles(t *testing.T) {
	w := newMachine(t, with(nodes, ".nvmrc: 18")...)
	for i := range maxEntries + 1 {
		require.NoError(t, os.WriteFile(filepath.Join(w.dir, fmt.Sprintf(".a%d", i)), nil, 0o644))
	}
	require.Equal(t, "18.20.4 nvm range 18 .nvmrc", w.format(New(w.env()).Active(Node)))
}

func TestManager_ManyVersions(t *testing.T) {
	w := newMachine(t, ".nvmrc: 18")
	for i := range maxEntries + 1 {
		w.add(t, fmt.Sprintf("~/.nvm/versions/node/v18.0.%d/", i))
	}
	p := New(w.env())
	require.Equal(t, "18 missing range 18 .nvmrc", w.format(p.Active(Node)))
	require.Equal(t, []string{"~/.nvm/versions/node: too many entries"}, w.notes(p))
}

func TestInstalled_SymlinkLoops(t *testing.T) {
	w := newMachine(t, ".nvmrc: 18",
		"~/.nvm/versions/node -> node", "~/.pyenv -> .pyenv", "~/.local/share/omg/versions/node/current -> current",
		"~/.local/share/mise/installs/node/18 -> 18", "~/.sdkman/candidates/java/current -> current", "/usr/lib/jvm/default -> default")
	p := New(w.env())
	require.Equal(t, "18 missing range 18 .nvmrc", w.format(p.Active(Node)))
	for _, name := range Names() {
		require.Empty(t, p.Installed(name), name)
	}
}

func TestDirectory_SymlinkLoop(t *testing.T) {
	w := newMachine(t, "~/src/loop -> loop", "~/src/.nvmrc: 18", "~/.nvm/versions/node/v18.20.4/bin/node: x")
	env := w.env()
	env.Dir = w.path("~/src/loop/deep")
	p := New(env)
	require.Equal(t, "18.20.4 nvm range 18 ~/src/.nvmrc", w.format(p.Active(Node)))
	require.Contains(t, w.notes(p), "~/src/loop: too many levels of symbolic links")
}

func TestActive_OtherFileSystem(t *testing.T) {
	dir := need.SharedMemoryDir(t)
	p := New(Env{Root: t.TempDir(), Dir: dir})
	require.Empty(t, p.AllActive())
	require.Equal(t, []IgnoredPathNote{{"/dev", "on another file system than its subdirectory: not searched"}}, p.IgnoredPathNotes())
	p = New(Env{Root: t.TempDir(), Dir: dir, CrossBorders: true})
	require.Empty(t, p.AllActive())
	require.Empty(t, p.IgnoredPathNotes())
}

func TestDirectory_TooManyLevels(t *testing.T) {
	w := newMachine(t, with(nodes, ".nvmrc: 18", strings.Repeat("d/", maxLevels))...)
	env := w.env()
	env.Dir = w.path(strings.Repeat("d/", maxLevels))
	p := New(env)
	require.Empty(t, w.format(p.Active(Node)))
	require.Len(t, p.IgnoredPathNotes(), 1)
	require.Equal(t, "too many levels up: not searched", p.IgnoredPathNotes()[0].Text)
	env.Dir = w.path(strings.Repeat("d/", maxLevels-1))
	p = New(env)
	require.Equal(t, "18.20.4 nvm range 18 .nvmrc", w.format(p.Active(Node)))
}

func TestDirectory_RemoteFileSystem(t *testing.T) {
	w := newMachine(t, with(nodes, ".nvmrc: 18", "~/src/.ruby-version: 3.3.0")...)
	p := New(w.env())
	p.isRemoteFS = func(int) bool { return true }
	require.Equal(t, "18.20.4 nvm range 18 .nvmrc", w.format(p.Active(Node)))
	require.Equal(t, "", w.format(p.Active(Ruby)))
	require.Equal(t, []string{"~/src/project: on a network file system or FUSE: its parent directories are not searched"}, w.notes(p))

	env := w.env()
	env.CrossRemote = true
	p = New(env)
	p.isRemoteFS = func(int) bool { return true }
	require.Equal(t, "3.3.0 missing pin 3.3.0 ~/src/.ruby-version", w.format(p.Active(Ruby)))

	for _, kind := range []uint32{0x65735546, 0x6969, 0xff534d42, 0xfe534d42, 0x517b} {
		require.True(t, isRemote(kind), "%#x", kind)
	}
	for _, kind := range []uint32{0xef53, 0x01021994, 0x9123683e, 0x58465342} {
		require.False(t, isRemote(kind), "%#x", kind)
	}
}

func TestTOML_DeepNesting(t *testing.T) {
	for _, text := range []string{
		"a = " + strings.Repeat("[", 60_000), "a = " + strings.Repeat("{a=", 20_000), strings.Repeat("[", 60_000),
	} {
		w := newMachine(t, with(nodes, ".nvmrc: 18", "mise.toml: "+text)...)
		p := New(w.env())
		require.Equal(t, "18.20.4 nvm range 18 .nvmrc", w.format(p.Active(Node)))
		require.Equal(t, []string{"mise.toml: TOML: nested too deeply"}, w.notes(p))
	}
	w := newMachine(t, "package.json: "+strings.Repeat("[", 60_000))
	p := New(w.env())
	require.Empty(t, p.AllActive())
	require.Len(t, p.IgnoredPathNotes(), 1)
}

func TestNotes_Bounded(t *testing.T) {
	w := newMachine(t)
	for i := range 2 * maxNotes {
		w.add(t, fmt.Sprintf("~/.config/mise/conf.d/%d.toml: x", i), fmt.Sprintf("~/.nvm/alias/%d/", i))
	}
	p := New(w.env())
	for i := range 2 * maxNotes {
		p.resolveNvmAlias(fmt.Sprint(i))
	}
	require.Empty(t, p.AllActive())
	require.Len(t, p.IgnoredPathNotes(), maxNotes)
}

func TestSanitize(t *testing.T) {
	for _, good := range []string{"20", "1.80.0-nightly", "temurin-21.0.1+12", "system", "lts/iron", "path:a@b_c~d", strings.Repeat("a", 64)} {
		require.Equal(t, good, Sanitize(good))
	}
	for _, bad := range []string{
		"", "$(touch x)", "`touch x`", "%{A1:x:}", "#[fg=red]", "<span>", "a\nb", "a\x1b[31m", "-rf", ".hidden", "/abs", "lts/*", "a b",
		"\u202eabc", "ä", "a'b", `a"b`, `a\b`, "a;b", "a&b", "a|b", "%F{red}", "\x00", strings.Repeat("a", 65),
	} {
		require.Equal(t, "?", Sanitize(bad), "%q", bad)
	}
}

func TestShowable_Installed(t *testing.T) {
	w := newMachine(t, "~/.nvm/versions/node/v18.20.4$(touch x)/", "~/.nvm/versions/node/v19.0.0\nx/", "~/.nvm/versions/node/v18.0.0/bin/node: x")
	require.Len(t, New(w.env()).Installed(Node), 1)
}

func FuzzParsers(f *testing.F) {
	for _, seed := range []string{
		"v20\n", "[tools]\nnode = [\"20\", {version=\"18\"}]", "nodejs 20 18\n", "java=21-tem", "[toolchain]\nchannel=\"1.80\"",
		"go 1.24\ntoolchain go1.24.3\n", `{"volta":{"node":"1"},"devEngines":{"runtime":[{}]},"engines":{"node":">=1"}}`, ">=18 <21 || ^20 - 22",
	} {
		f.Add([]byte(seed))
	}
	mise := func(p *Prober, path string, text []byte) ([]rawDeclaration, error) {
		all, err := parseTOML(text)
		if err != nil {
			return nil, err
		}
		return p.miseTools(&miseFile{path, "/", all}), nil
	}
	files := append([]languageFile{
		{"mise.toml", "", true, mise}, {toolVersionsFile, "", false, parseToolVersions}, {"platform.json", Node, false, parseVoltaPlatform},
	}, languageFiles...)
	p := New(Env{Root: f.TempDir()})
	for _, name := range Names() {
		p.installationsByRuntime[name] = []Installation{{Runtime: name, Version: "20.1.0", Manager: "x"}, {Runtime: name, Version: "1.2.3-rc.1+x"}}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > maxFileBytes {
			return
		}
		for _, file := range files {
			p.cachedMise = nil
			if file.parse == nil {
				file.parse = rcFileParser(file.runtime)
			}
			all, err := file.parse(p, "/x/"+file.name, text)
			if err != nil {
				continue
			}
			for _, found := range all {
				require.NotEmpty(t, found.want)
				require.LessOrEqual(t, len(found.want), maxWantBytes+len("path:"))
				require.LessOrEqual(t, len(found.alternatives), maxAlternatives)
				d := found.toDeclaration(ScopeDirectory, "x")
				a := p.resolve(&d)
				require.Equal(t, a.Missing, a.Manager == "" && a.Version != "1.2.3-rc.1+x")
			}
		}
	})
}

func BenchmarkActive(b *testing.B) {
	w := newMachine(b, with(nodes, ".nvmrc: 20", ".python-version: 3.12", "go.mod: go 1.24", "rust-toolchain.toml: [toolchain]\nchannel = \"1.80.0\"", ".ruby-version: 3.3.0")...)
	env := w.env()
	env.SystemVersions = map[string]string{Java: "21"}
	b.ReportAllocs()
	for b.Loop() {
		if len(New(env).AllActive()) != 5 {
			b.Fatal("not five")
		}
	}
}

package runtimes

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestInstalled checks that the versions in each manager's directories are found.
func TestInstalled(t *testing.T) {
	for _, c := range []struct {
		name    string
		runtime string
		lines   []string
		want    []string
	}{
		{
			"omg", Node,
			[]string{"~/.local/share/omg/versions/node/20.5.0/", "~/.local/share/omg/versions/node/18.17.0/", "~/.local/share/omg/versions/node/current -> 20.5.0"},
			[]string{"20.5.0 omg ~/.local/share/omg/versions/node/20.5.0", "18.17.0 omg ~/.local/share/omg/versions/node/18.17.0"},
		},
		{"mise", Node, []string{
			"~/.local/share/mise/installs/node/20.11.0/", "~/.local/share/mise/installs/node/20 -> ./20.11.0", "~/.local/share/mise/installs/node/latest -> ./20.11.0",
			"~/.local/share/mise/installs/node/14 -> $HOME/n/14", "~/n/14/", "~/.local/share/mise/installs/node/.mise.backend: core:node",
		}, []string{"20.11.0 mise ~/.local/share/mise/installs/node/20.11.0", "14 mise ~/.local/share/mise/installs/node/14"}},
		{"MISE_DATA_DIR", Go, []string{"~/m/installs/go/1.24.3/", "$MISE_DATA_DIR=$HOME/m"}, []string{"1.24.3 mise ~/m/installs/go/1.24.3"}},
		{"mise in XDG_DATA_HOME", Go, []string{"~/d/mise/installs/go/1.24.3/", "$XDG_DATA_HOME=$HOME/d"}, []string{"1.24.3 mise ~/d/mise/installs/go/1.24.3"}},
		{"asdf", Node, []string{"~/.asdf/installs/nodejs/20.11.0/"}, []string{"20.11.0 asdf ~/.asdf/installs/nodejs/20.11.0"}},
		{"ASDF_DATA_DIR", Go, []string{"~/a/installs/golang/1.22.1/", "$ASDF_DATA_DIR=$HOME/a"}, []string{"1.22.1 asdf ~/a/installs/golang/1.22.1"}},
		{"nvm", Node, []string{"~/.nvm/versions/node/v20.11.0/bin/node: x", "~/.nvm/versions/io.js/v3.3.1/"}, []string{"20.11.0 nvm ~/.nvm/versions/node/v20.11.0"}},
		{"NVM_DIR", Node, []string{"~/n/versions/node/v20.11.0/bin/node: x", "$NVM_DIR=$HOME/n"}, []string{"20.11.0 nvm ~/n/versions/node/v20.11.0"}},
		{"fnm", Node, []string{"~/.local/share/fnm/node-versions/v20.1.0/installation/"}, []string{"20.1.0 fnm ~/.local/share/fnm/node-versions/v20.1.0/installation"}},
		{"FNM_DIR", Node, []string{"~/f/node-versions/v20.1.0/installation/", "$FNM_DIR=$HOME/f"}, []string{"20.1.0 fnm ~/f/node-versions/v20.1.0/installation"}},
		{"volta", Node, []string{"~/.volta/tools/image/node/20.5.1/"}, []string{"20.5.1 volta ~/.volta/tools/image/node/20.5.1"}},
		{"VOLTA_HOME", Node, []string{"~/v/tools/image/node/20.5.1/", "$VOLTA_HOME=$HOME/v"}, []string{"20.5.1 volta ~/v/tools/image/node/20.5.1"}},
		{
			"pyenv", Python,
			[]string{"~/.pyenv/versions/3.12.1/", "~/.pyenv/versions/pypy3.10-7.3.12/"},
			[]string{"3.12.1 pyenv ~/.pyenv/versions/3.12.1", "pypy3.10-7.3.12 pyenv ~/.pyenv/versions/pypy3.10-7.3.12"},
		},
		{"uv", Python, []string{
			"~/.local/share/uv/python/cpython-3.12.1-linux-x86_64-gnu/", "~/.local/share/uv/python/pypy-3.10.14-linux-x86_64-gnu/",
			"~/.local/share/uv/python/cpython-3.12-linux-x86_64-gnu -> cpython-3.12.1-linux-x86_64-gnu", "~/.local/share/uv/python/.lock: x", "~/.local/share/uv/python/.temp/",
		}, []string{"3.12.1 uv ~/.local/share/uv/python/cpython-3.12.1-linux-x86_64-gnu", "pypy-3.10.14 uv ~/.local/share/uv/python/pypy-3.10.14-linux-x86_64-gnu"}},
		{
			"UV_PYTHON_INSTALL_DIR", Python,
			[]string{"~/u/cpython-3.13.0+freethreaded-linux-x86_64-gnu/", "$UV_PYTHON_INSTALL_DIR=$HOME/u"},
			[]string{"3.13.0+freethreaded uv ~/u/cpython-3.13.0+freethreaded-linux-x86_64-gnu"},
		},
		{"rbenv", Ruby, []string{"~/.rbenv/versions/3.3.0/"}, []string{"3.3.0 rbenv ~/.rbenv/versions/3.3.0"}},
		{"RBENV_ROOT", Ruby, []string{"~/r/versions/3.3.0/", "$RBENV_ROOT=$HOME/r"}, []string{"3.3.0 rbenv ~/r/versions/3.3.0"}},
		{"goenv", Go, []string{"~/.goenv/versions/1.22.1/"}, []string{"1.22.1 goenv ~/.goenv/versions/1.22.1"}},
		{"GOENV_ROOT", Go, []string{"~/ge/versions/1.22.1/", "$GOENV_ROOT=$HOME/ge"}, []string{"1.22.1 goenv ~/ge/versions/1.22.1"}},
		{
			"go's toolchains", Go,
			[]string{"~/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.24.3." + platform() + "/", "~/go/pkg/mod/golang.org/x/"},
			[]string{"1.24.3 go ~/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.24.3." + platform()},
		},
		{
			"GOPATH", Go,
			[]string{"~/gp/pkg/mod/golang.org/toolchain@v0.0.1-go1.24rc1." + platform() + "/", "$GOPATH=$HOME/gp:/other"},
			[]string{"1.24rc1 go ~/gp/pkg/mod/golang.org/toolchain@v0.0.1-go1.24rc1." + platform()},
		},
		{
			"GOMODCACHE", Go,
			[]string{"~/gm/golang.org/toolchain@v0.0.1-go1.24.3." + platform() + "/", "$GOMODCACHE=$HOME/gm"},
			[]string{"1.24.3 go ~/gm/golang.org/toolchain@v0.0.1-go1.24.3." + platform()},
		},
		{"rustup", Rust, []string{
			"~/.rustup/toolchains/stable-x86_64-unknown-linux-gnu/lib/libLLVM-22-rust-1.95.0-stable.so: x", "~/.rustup/toolchains/1.80.0-x86_64-unknown-linux-gnu/",
			"~/.rustup/toolchains/mine -> $HOME/rust/build", "~/rust/build/",
		}, []string{
			"1.95.0 stable rustup ~/.rustup/toolchains/stable-x86_64-unknown-linux-gnu", "1.80.0 1.80.0 rustup ~/.rustup/toolchains/1.80.0-x86_64-unknown-linux-gnu",
			"mine mine rustup ~/.rustup/toolchains/mine",
		}},
		{"RUSTUP_HOME", Rust, []string{"~/rh/toolchains/1.80.0-aarch64-unknown-linux-gnu/", "$RUSTUP_HOME=$HOME/rh"}, []string{"1.80.0 1.80.0 rustup ~/rh/toolchains/1.80.0-aarch64-unknown-linux-gnu"}},
		{"SDKMAN", Java, []string{"~/.sdkman/candidates/java/21.0.1-tem/", "~/.sdkman/candidates/java/current -> 21.0.1-tem"}, []string{"21.0.1-tem sdkman ~/.sdkman/candidates/java/21.0.1-tem"}},
		{"SDKMAN_DIR", Java, []string{"~/s/candidates/java/21.0.1-tem/", "$SDKMAN_DIR=$HOME/s"}, []string{"21.0.1-tem sdkman ~/s/candidates/java/21.0.1-tem"}},
		{"java's packages", Java, []string{
			`/usr/lib/jvm/java-21-openjdk/release: JAVA_VERSION="21.0.5"`, `/usr/lib/jvm/java-8-openjdk/release: JAVA_VERSION="1.8.0_432"`, "/usr/lib/jvm/default -> java-8-openjdk", "/usr/lib/jvm/default-runtime -> java-8-openjdk/jre",
		}, []string{"21.0.5 java-21-openjdk system /usr/lib/jvm/java-21-openjdk", "1.8.0_432 java-8-openjdk system /usr/lib/jvm/java-8-openjdk"}},
		{"a package", Go, []string{"/var/lib/pacman/local/go-2:1.26.0-1/"}, []string{"1.26.0 system "}},
		{
			"two managers and the system", Node,
			[]string{"~/.nvm/versions/node/v20.1.0/bin/node: x", "~/.local/share/mise/installs/node/20.1.0/", "/var/lib/pacman/local/nodejs-20.1.0-1/"},
			[]string{"20.1.0 mise ~/.local/share/mise/installs/node/20.1.0", "20.1.0 nvm ~/.nvm/versions/node/v20.1.0", "20.1.0 system "},
		},
		{"files and broken symlinks", Node, []string{"~/.nvm/versions/node/v20.1.0: a file", "~/.nvm/versions/node/.cache/bin/node: x"}, nil},
		{"none", Bun, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newMachine(t, c.lines...)
			var got []string
			for _, i := range New(w.env()).Installed(c.runtime) {
				require.Equal(t, c.runtime, i.Runtime)
				line := i.Version + " "
				if i.Alias != "" {
					line += i.Alias + " "
				}
				path := i.Path
				if path != "" {
					_, err := os.Stat(path)
					require.NoError(t, err)
					path = w.short(path)
				}
				got = append(got, line+i.Manager+" "+path)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestPackages(t *testing.T) {
	for name, want := range map[string]string{
		"nodejs": Node, "nodejs-lts-krypton": Node, "python": Python, "go": Go, "rust": Rust, "ruby": Ruby, "bun": Bun, "bun-bin": Bun,
		"nodejs-emojione": "", "python2": "", "go-tools": "", "rustup": "", "jdk-openjdk": "", "node": "", "java": "",
	} {
		got, ok := RuntimeOfPackage(name)
		require.Equal(t, want, got, name)
		require.Equal(t, want != "", ok, name)
	}
	for full, want := range map[string]string{"2:1.26.0-1": "1.26.0", "24.1.0-1.1": "24.1.0", "1.0": "1.0", "": ""} {
		require.Equal(t, want, TrimPackageVersion(full))
	}
}

func TestSystem(t *testing.T) {
	w := newMachine(t, "/var/lib/pacman/local/nodejs-24.1.0-1/", `/usr/lib/jvm/java-21-openjdk/release: JAVA_VERSION="21.0.5"`, "/usr/lib/jvm/default -> java-21-openjdk")
	require.Equal(t, map[string]string{Node: "24.1.0", Java: "21.0.5"}, New(w.env()).SystemVersions())
	env := w.env()
	env.DBPath = filepath.Join(w.home, "db")
	require.Equal(t, map[string]string{Java: "21.0.5"}, New(env).SystemVersions())
}

func TestUse(t *testing.T) {
	w := newMachine(t, with(nodes, "~/.local/share/omg/versions/node/18.20.4/", "~/.local/share/omg/versions/node/19.0.0/", "/var/lib/pacman/local/nodejs-24.1.0-1/")...)
	current := w.path("~/.local/share/omg/versions/node/current")
	use := func(want, target string) {
		t.Helper()
		i, err := Use(w.env(), "nodejs", want)
		require.NoError(t, err)
		got, err := os.Readlink(current)
		require.NoError(t, err)
		require.Equal(t, target, w.short(got))
		a := New(w.env()).Active(Node)
		require.Equal(t, i.Version, a.Version)
		require.False(t, a.Missing)
		require.Equal(t, ScopeCurrent, a.Declared.Scope)
	}
	use("18", "18.20.4") // omg's own version takes precedence over nvm's equal version
	use("v20.9.0", "~/.nvm/versions/node/v20.9.0")
	use("lts/iron", "~/.nvm/versions/node/v20.11.0")
	use("19.0.0", "19.0.0")

	for _, want := range []string{"17", "24.1.0", "", "$(touch x)", "path:/usr", "../..", "current"} {
		_, err := Use(w.env(), Node, want)
		require.ErrorIs(t, err, ErrNotInstalled, want)
		got, err := os.Readlink(current)
		require.NoError(t, err)
		require.Equal(t, "19.0.0", got, "nothing changes")
	}
	_, err := Use(w.env(), "perl", "5")
	require.ErrorIs(t, err, ErrUnknown)
	_, err = Use(Env{Root: w.root}, Node, "20")
	require.Error(t, err)

	for range 2 {
		i, err := Use(w.env(), Node, "system")
		require.NoError(t, err)
		require.Equal(t, "24.1.0", i.Version)
		_, err = os.Lstat(current)
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

func TestUse_OneSymlink(t *testing.T) {
	w := newMachine(t, nodes...)
	stale := w.path("~/.local/share/omg/versions/node/current.new")
	w.add(t, "~/.local/share/omg/versions/node/current.new -> /nothing")
	_, err := Use(w.env(), Node, "20")
	require.NoError(t, err)
	_, err = os.Lstat(stale)
	require.ErrorIs(t, err, os.ErrNotExist)
	all, err := os.ReadDir(filepath.Dir(stale))
	require.NoError(t, err)
	require.Len(t, all, 1)

	// The function Use does not replace a directory at the symlink's path.
	w.add(t, "~/.local/share/omg/versions/bun/current/x/", "~/.asdf/installs/bun/1.1.0/")
	_, err = Use(w.env(), Bun, "1")
	require.Error(t, err)
	require.DirExists(t, w.path("~/.local/share/omg/versions/bun/current/x"))
	_, err = os.Lstat(w.path("~/.local/share/omg/versions/bun/current.new"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestUse_Concurrent checks that several concurrent calls all succeed, and that they leave only one symlink, which
// leads to one of the requested versions.
func TestUse_Concurrent(t *testing.T) {
	w := newMachine(t, nodes...)
	versions := []string{"18.20.4", "20.9.0", "20.11.0"}
	errs := make(chan error)
	for i := range 30 {
		go func() {
			_, err := Use(w.env(), Node, versions[i%len(versions)])
			errs <- err
		}()
	}
	for range 30 {
		require.NoError(t, <-errs)
	}
	all, err := os.ReadDir(w.path("~/.local/share/omg/versions/node"))
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Contains(t, versions, New(w.env()).Active(Node).Version)
}

// TestInstalled_HomeListed checks that a Prober lists the home directory only once. A name in the list may be a symlink,
// which is followed. A name that is not in the list counts as missing, without a further system call.
func TestInstalled_HomeListed(t *testing.T) {
	w := newMachine(t, "~/.nvm -> $HOME/n", "~/n/versions/node/v20.11.0/bin/node: x", "~/.volta -> $HOME/gone", ".nvmrc: 20")
	p := New(w.env())
	require.Equal(t, "20.11.0 nvm range 20 .nvmrc", w.format(p.Active(Node)))
	require.True(t, p.isPresent(w.path("~/n/versions")))
	require.False(t, p.isPresent(w.path("~/.volta")))
	w.add(t, "~/.sdkman/")
	require.False(t, p.isPresent(w.path("~/.sdkman/candidates")), "the home directory is listed once")
	require.True(t, New(Env{Home: w.home}).isPresent(w.path("~/.sdkman")), "no listing")
}

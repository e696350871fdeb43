package packages

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// fakeGo is a program go that writes "build N" to each program of the N-th make build, which starts go build three times. The tests of make install need to know
// when the programs are built, and not what they are.
const fakeGo = `#!/bin/sh
case $1 in
env) echo go1.99.0 ;;
build)
	mkdir -p bin
	echo x >>builds
	text="build $((($(wc -l <builds) + 2) / 3))"
	[ -z "$GOARCH" ] || text="$GOARCH $CGO_ENABLED"
	for word; do
		case $word in ./*) echo "$text" >"bin/$(basename "$word" | sed 's/^alpm-worker/omg-&/')" ;; esac
	done ;;
*) exit 1 ;;
esac
`

// project is a copy of the project whose programs are built by fakeGo.
type project struct {
	t         *testing.T
	dir, dest string
}

func newProject(t *testing.T) *project {
	t.Helper()
	p := &project{t: t, dir: filepath.Join(t.TempDir(), "omg"), dest: filepath.Join(t.TempDir(), "dest")}
	copyProject(t, p.dir)
	harness.WriteFile(t, filepath.Join(p.dir, "VERSION"), version+"\n")
	harness.WriteProgram(t, filepath.Join(p.dir, "build", "go"), []byte(fakeGo))
	return p
}

// make runs make with the project's own go.
func (p *project) make(args ...string) harness.Result {
	p.t.Helper()
	cmd := prepared(p.t, p.dir, "make", append(args, "DESTDIR="+p.dest)...)
	cmd.Env = append(cmd.Env, "PATH="+filepath.Join(p.dir, "build")+":"+os.Getenv("PATH"))
	return harness.Run(p.t, cmd)
}

// mustMake runs make, which must succeed.
func (p *project) mustMake(args ...string) {
	p.t.Helper()
	r := p.make(args...)
	require.Zero(p.t, r.Code, "%s%s", r.Stdout, r.Stderr)
}

// installed returns the content of an installed file.
func (p *project) installed(path string) string {
	p.t.Helper()
	return string(harness.ReadFile(p.t, filepath.Join(p.dest, path)))
}

// tree returns all files and directories in DESTDIR with their permissions.
func (p *project) tree() (all []string) {
	p.t.Helper()
	require.NoError(p.t, filepath.WalkDir(p.dest, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		all = append(all, fi.Mode().String()+" "+strings.TrimPrefix(path, p.dest))
		return err
	}))
	return all
}

// TestInstall_Removed checks that make uninstall removes everything that two installations have created, and nothing
// else.
func TestInstall_Removed(t *testing.T) {
	p := newProject(t)
	harness.WriteFile(t, filepath.Join(p.dest, "usr/local/bin/other"), "another program")
	for _, dir := range []string{"usr/local/share/man/man1", "etc/pacman.d"} {
		require.NoError(t, os.MkdirAll(filepath.Join(p.dest, dir), 0o755))
	}
	before := p.tree()
	p.mustMake("install")
	for _, path := range []string{
		"bin/omg", "bin/omgd", "bin/omg-index", "bin/omg-probe", "bin/omg-fleet", "lib/omg/omg-direct", "lib/omg/omg-browse", "lib/omg/omg-alpm-worker",
		"share/man/man1/omg.1", "share/man/man5/omg-config.5", "share/man/man8/omg-alpm-worker.8", "share/licenses/omg/LICENSE",
		"share/bash-completion/completions/omg", "share/zsh/site-functions/_omg", "share/fish/vendor_completions.d/omg.fish",
		"share/omg/aur-incidents.toml", "share/omg/before-build", "share/omg/yay.lua", "share/omg/after-transaction", "share/omg/omg-aur-check.hook", "share/omg/bars/omg-bar", "share/omg/bars/waybar.jsonc", "lib/systemd/user/omg-notify.service", "share/doc/omg/PROTOCOL.md", "share/doc/omg/service.md", "share/doc/omg/command-not-found.bash", "share/doc/omg/command-not-found.zsh", "share/doc/omg/command-not-found.fish", "lib/systemd/user/omgd.socket", "lib/sysusers.d/omg.conf",
	} {
		require.FileExists(t, filepath.Join(p.dest, "usr/local", path))
	}
	for _, entry := range p.tree() {
		_, path, _ := strings.Cut(entry, " ")
		switch {
		case entry[0] == 'd' || path == "/usr/local/bin/other":
		case strings.HasPrefix(path, "/usr/local/bin/") || strings.HasPrefix(path, "/usr/local/lib/omg/omg-"):
			require.Equal(t, "-rwxr-xr-x "+path, entry)
			require.Equal(t, "build 1\n", p.installed(path), path)
		default:
			require.Equal(t, "-rw-r--r-- "+path, entry)
			require.NotRegexp(t, `@(BINDIR|SHAREDIR|COMMAND)@`, p.installed(path), path)
		}
	}
	require.Contains(t, p.installed("usr/local/lib/systemd/system/omgd.service"), "\nExecStart=/usr/local/bin/omgd ")
	require.Contains(t, p.installed("etc/pacman.d/hooks/omg-index.hook"), " /usr/local/bin/omg-index ", "pacman does not look in /usr/local")

	require.Contains(t, p.installed("usr/local/share/doc/omg/command-not-found.fish"), "\n    set -g __omg_probe_packages '/usr/local/bin/omg-probe' command -\n")

	// The second installation has a document less.
	require.NoError(t, os.Remove(filepath.Join(p.dir, "docs/service.md")))
	p.mustMake("install")
	require.NoFileExists(t, filepath.Join(p.dest, "usr/local/share/doc/omg/service.md"))
	p.mustMake("uninstall")
	require.Equal(t, before, p.tree())
	r := p.make("uninstall")
	require.NotZero(t, r.Code)
	require.Contains(t, r.Stderr, "make install PREFIX=/usr/local has not installed omg")
}

// TestInstall_Config checks that make install does not replace a configuration file that an administrator has changed, and
// that make uninstall leaves it.
func TestInstall_Config(t *testing.T) {
	p := newProject(t)
	const config = "etc/omg/config.toml"
	own, template := filepath.Join(p.dest, config), filepath.Join(p.dir, "packaging/config.toml")
	p.mustMake("install")
	require.Equal(t, string(harness.ReadFile(t, template)), p.installed(config))

	harness.WriteFile(t, template, "# The next version.\n")
	p.mustMake("install")
	require.Equal(t, "# The next version.\n", p.installed(config), "nobody has changed it")

	harness.WriteFile(t, own, "[aur]\nenabled = false\n")
	harness.WriteFile(t, template, "# Another version.\n")
	for range 2 {
		r := p.make("install")
		require.Zero(t, r.Code, r.Stderr)
		require.Contains(t, r.Stdout, "/etc/omg/config.toml is not replaced")
		require.Equal(t, "[aur]\nenabled = false\n", p.installed(config))
	}
	r := p.make("uninstall")
	require.Zero(t, r.Code, r.Stderr)
	require.Contains(t, r.Stdout, "/etc/omg/config.toml has been changed, and is left")
	require.Len(t, p.tree(), 4, "DESTDIR, etc, omg and the file: %v", p.tree())

	// A file that make install has not written is not its own.
	p.mustMake("install")
	p.mustMake("uninstall")
	require.Equal(t, "[aur]\nenabled = false\n", p.installed(config))
}

// TestInstall_Stale checks that programs are built again if, and only if, they are older than their sources.
func TestInstall_Stale(t *testing.T) {
	p := newProject(t)
	omg := func() string {
		p.mustMake("install")
		return p.installed("usr/local/bin/omg")
	}
	require.Equal(t, "build 1\n", omg())
	require.Equal(t, "build 1\n", omg())
	harness.WriteFile(t, filepath.Join(p.dir, "omg/main_test.go"), "package main\n")
	require.Equal(t, "build 1\n", omg(), "a test is not a part of the programs")
	harness.WriteFile(t, filepath.Join(p.dir, "shared/wire/more.go"), "package wire\n")
	require.Equal(t, "build 2\n", omg())
	harness.WriteFile(t, filepath.Join(p.dir, "VERSION"), "v1.2.4\n")
	require.Equal(t, "build 3\n", omg())
	require.NoError(t, os.RemoveAll(filepath.Join(p.dir, "bin/.built")))
	require.Equal(t, "build 4\n", omg())

	// A list of modules from an earlier build is not installed.
	list := filepath.Join(p.dir, "bin/omg.cdx.json")
	harness.WriteFile(t, list, "{}\n")
	require.Equal(t, "build 4\n", omg())
	require.FileExists(t, filepath.Join(p.dest, "usr/local/share/doc/omg/sbom/omg.cdx.json"))
	harness.WriteFile(t, filepath.Join(p.dir, "VERSION"), "v1.2.5\n")
	require.Equal(t, "build 5\n", omg())
	require.NoFileExists(t, filepath.Join(p.dest, "usr/local/share/doc/omg/sbom/omg.cdx.json"))
}

// TestInstall_NoGo checks that make install needs no Go, and does not complain about it, if the programs are built: root often has
// another PATH than the user who has built them.
func TestInstall_NoGo(t *testing.T) {
	p := newProject(t)
	p.mustMake("build")
	harness.WriteProgram(t, filepath.Join(p.dir, "build", "go"), []byte("#!/bin/sh\necho 'go: not found' >&2\nexit 127\n"))
	r := p.make("install")
	require.Zero(t, r.Code, r.Stderr)
	require.Empty(t, r.Stderr)
}

// TestInstall_Parts checks that the parts for packagers contain together what make install installs, except the manifest.
func TestInstall_Parts(t *testing.T) {
	p := newProject(t)
	p.mustMake("install", "PREFIX=/usr")
	require.FileExists(t, filepath.Join(p.dest, "usr/share/libalpm/hooks/omg-index.hook"))
	require.NoDirExists(t, filepath.Join(p.dest, "etc/pacman.d"))
	require.NoError(t, os.Remove(filepath.Join(p.dest, "usr/lib/omg/manifest")))
	whole := p.tree()
	require.NoError(t, os.RemoveAll(p.dest))
	p.mustMake("install-omg", "PREFIX=/usr")
	for _, entry := range p.tree() {
		require.NotContains(t, entry, "alpm-worker")
	}
	p.mustMake("install-worker", "PREFIX=/usr")
	require.Equal(t, whole, p.tree())

	r := p.make("install", "PREFIX=usr")
	require.NotZero(t, r.Code)
	require.Contains(t, r.Stderr, "PREFIX and HOOKDIR have to begin with /")
}

package packages

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// machine is a root directory with a shell, in which pacman installs packages, and in which programs run.
type machine struct {
	t          *testing.T
	root, conf string
	before     []string // the files before anything is installed
}

// newMachine makes a root directory in which the packages glibc and pacman are installed. The package pacman provides
// library, the version of libalpm with which the worker in the directory content was built.
func newMachine(t *testing.T, content, library string) *machine {
	t.Helper()
	need.MountNamespace(t)
	m := &machine{t: t, root: filepath.Join(t.TempDir(), "root"), conf: filepath.Join(t.TempDir(), "pacman.conf")}
	for _, dir := range []string{"tmp", "run", "proc", "usr/lib", "var/lib/pacman/sync"} {
		require.NoError(t, os.MkdirAll(filepath.Join(m.root, dir), 0o755))
	}
	for _, program := range []string{"/bin/sh", "/bin/bash", "/bin/cat", "/bin/kill", need.Program(t, "systemd-analyze")} {
		m.provide(program)
		m.provideLibraries(program)
	}
	for _, kind := range []string{"system", "user"} { // systemd's own units, to which those of the package refer
		units, err := filepath.Glob(filepath.Join("/usr/lib/systemd", kind, "*.target"))
		require.NoError(t, err)
		for _, path := range units {
			harness.WriteFile(t, filepath.Join(m.root, path), harness.ReadFile(t, path))
		}
	}
	m.provideLibraries(filepath.Join(content, "usr/lib/omg/omg-alpm-worker")) // the other programs need only the loader
	harness.WriteFile(t, filepath.Join(m.root, "dev/null"), "")
	harness.WriteFile(t, filepath.Join(m.root, "etc/passwd"), "root:x:0:0::/root:/bin/sh\n")
	harness.WriteFile(t, filepath.Join(m.root, "etc/group"), "root:x:0:\n")
	harness.WriteFile(t, filepath.Join(m.root, "etc/pacman.conf"), "[options]\nArchitecture = auto\n[core]\nServer = https://mirror.invalid\n")
	harness.WriteFile(t, m.conf, "[options]\nArchitecture = auto\nSigLevel = Never\nLocalFileSigLevel = Never\n")
	harness.WriteFile(t, filepath.Join(m.root, "var/lib/pacman/sync/core.db"), harness.BuildDatabase(t, harness.NewPackageEntry("glibc", "1-1", "DESC", "x")))
	m.pacman("-U", m.emptyPackage("glibc", ""), m.emptyPackage("pacman", library))
	m.before = m.files()
	return m
}

// provide copies a program or a library of this machine.
func (m *machine) provide(path string) {
	m.t.Helper()
	if to := filepath.Join(m.root, path); !exists(to) {
		harness.WriteProgram(m.t, to, harness.ReadFile(m.t, path))
	}
}

// provideLibraries copies the libraries that a program needs.
func (m *machine) provideLibraries(program string) {
	m.t.Helper()
	found := regexp.MustCompile(`(/\S+) \(0x`).FindAllStringSubmatch(run(m.t, "/", "ldd", program), -1)
	require.NotEmpty(m.t, found, program)
	for _, library := range found {
		m.provide(library[1])
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// emptyPackage returns the file of a package without files.
func (m *machine) emptyPackage(name, provides string) string {
	m.t.Helper()
	text := "pkgname = " + name + "\npkgbase = " + name + "\npkgver = 1-1\npkgdesc = x\nsize = 0\narch = any\n"
	if provides != "" {
		text += "provides = " + provides + "\n"
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	require.NoError(m.t, w.WriteHeader(&tar.Header{Name: ".PKGINFO", Mode: 0o644, Size: int64(len(text))}))
	_, err := w.Write([]byte(text))
	require.NoError(m.t, err)
	require.NoError(m.t, w.Close())
	path := filepath.Join(m.t.TempDir(), name+".pkg.tar.gz")
	harness.WriteFile(m.t, path, harness.Gzip(m.t, archive.Bytes()))
	return path
}

// pacman changes the root directory with the real pacman, without an error, and returns what pacman printed.
func (m *machine) pacman(args ...string) string {
	m.t.Helper()
	cmd := prepared(m.t, "/", "pacman", slices.Concat([]string{
		"--root", m.root, "--dbpath", filepath.Join(m.root, "var/lib/pacman"), "--config", m.conf, "--cachedir", m.t.TempDir(),
		"--logfile", filepath.Join(m.t.TempDir(), "log"), "--gpgdir", m.t.TempDir(), "--noconfirm",
	}, args)...)
	cmd.Env = append(cmd.Env, "LC_ALL=C.UTF-8")
	r := harness.Run(m.t, cmd)
	require.Zero(m.t, r.Code, "%s%s", r.Stdout, r.Stderr)
	require.NotContains(m.t, r.Stderr, "error:", r.Stdout)
	return r.Stdout + r.Stderr
}

// files returns the paths of everything in the root directory, except pacman's databases.
func (m *machine) files() (all []string) {
	m.t.Helper()
	require.NoError(m.t, filepath.WalkDir(m.root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(m.root, path)
		if rel == "var/lib/pacman" {
			return filepath.SkipDir
		}
		all = append(all, rel)
		return err
	}))
	return all
}

// left returns the paths that did not exist before anything was installed.
func (m *machine) left() []string {
	m.t.Helper()
	return slices.DeleteFunc(m.files(), func(path string) bool { return slices.Contains(m.before, path) })
}

// command prepares a program of the root directory, with the root directory as /.
func (m *machine) command(program string, args ...string) *exec.Cmd {
	m.t.Helper()
	words := slices.Concat(need.MountNamespace(m.t),
		[]string{"sh", "-c", `mount -t proc proc "$0/proc" && exec chroot "$0" "$@"`, m.root, program}, args)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = "/"
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/tmp", "XDG_RUNTIME_DIR=/run", "LC_ALL=C.UTF-8", "OMG_AUR_ENABLED=false", "OMG_TRACKER_ENABLED=false", "OMG_NEWS_ENABLED=false",
		"OMG_LIMITS_SHUTDOWN_TIMEOUT=2m", "OMG_REFRESH_INTERVAL=5s", // a refresh repeats a comparison with libalpm that took too long
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run runs a program of the root directory, which must succeed, and returns its output.
func (m *machine) run(program string, args ...string) string {
	m.t.Helper()
	r := harness.Run(m.t, m.command(program, args...))
	require.Zero(m.t, r.Code, "%s %q: %s%s", program, args, r.Stdout, r.Stderr)
	return r.Stdout
}

// testInstalled installs the packages and runs their programs, first without a daemon and then with one. The
// installed omg-alpm-worker must confirm the data of this daemon.
func (m *machine) testInstalled(packages []string) {
	m.t.Helper()
	out := m.pacman(append([]string{"-U"}, packages...)...)
	require.Contains(m.t, out, "systemctl --user enable --now omgd.socket")
	require.NotContains(m.t, out, "runuser", "there is no shared index for the hook")
	for _, program := range []string{"omg", "omgd", "omg-index", "omg-probe", "omg-fleet"} {
		require.Contains(m.t, m.run("/usr/bin/"+program, "--version"), version)
	}
	const installed = "glibc\nomg\nomg-alpm-worker\npacman\n"
	require.Equal(m.t, installed, m.run("/usr/bin/omg", "installed", "-q"))
	require.Contains(m.t, m.run("/usr/bin/omg", "owns", "/usr/bin/omg"), "omg 1.2.3-1")

	p := harness.Start(m.t, m.command("/usr/bin/omgd", "--foreground"))
	healthy := regexp.MustCompile(`(?m)^ok +libalpm [0-9]+\.[0-9.]+ `)
	harness.Await(m.t, func() bool {
		return !p.Running() || healthy.MatchString(harness.Run(m.t, m.command("/usr/bin/omg", "health")).Stdout)
	}, "libalpm confirms; omgd printed: %s", p.Stderr)
	require.True(m.t, p.Running(), p.Stderr())
	require.Equal(m.t, installed, m.run("/usr/bin/omg", "installed", "-q"))
	require.Contains(m.t, m.run("/usr/bin/omg", "daemon", "status"), " is running ")
	p.Signal(syscall.SIGTERM)
	require.Zero(m.t, p.Wait().Code, p.Stderr())
}

// testUnits checks that systemd accepts the units, and that its tools create the user and its directories.
func (m *machine) testUnits() {
	m.t.Helper()
	for _, kind := range []string{"system", "user"} {
		dir := filepath.Join("/usr/lib/systemd", kind)
		args := []string{"--" + kind, "--man=no", "verify"}
		for _, name := range harness.ListDir(m.t, filepath.Join(m.root, dir)) {
			if strings.HasPrefix(name, "omg") {
				args = append(args, filepath.Join(dir, name))
			}
		}
		require.GreaterOrEqual(m.t, len(args), 5)
		r := harness.Run(m.t, m.command(need.Program(m.t, "systemd-analyze"), args...))
		require.Zero(m.t, r.Code, r.Stderr)
		require.NotContains(m.t, r.Stderr, "omg", "not even a warning")
	}
	run(m.t, "/", "systemd-sysusers", "--root="+m.root)
	run(m.t, "/", "systemd-tmpfiles", "--root="+m.root, "--create", "--prefix=/var/lib/omg", "--prefix=/run/omg")
	fi, err := os.Stat(filepath.Join(m.root, "var/lib/omg"))
	require.NoError(m.t, err)
	require.NotZero(m.t, fi.Sys().(*syscall.Stat_t).Uid)
}

// testUpgraded upgrades the packages: a changed configuration file stays, a document is removed, and the hook fails without
// a failure of the transaction.
func (m *machine) testUpgraded(packages []string) {
	m.t.Helper()
	const own = "[aur]\nenabled = false\n"
	config, document := filepath.Join(m.root, "etc/omg/config.toml"), filepath.Join(m.root, "usr/share/doc/omg/probe.md")
	harness.WriteFile(m.t, config, own)
	require.FileExists(m.t, document)
	require.NoError(m.t, os.Mkdir(filepath.Join(m.root, "var/lib/omg/index"), 0o755))
	out := m.pacman(append([]string{"-U"}, packages...)...)
	require.Contains(m.t, out, "omg daemon restart")
	require.Contains(m.t, out, "runuser", "the machine has no such program, for which the hook calls")
	require.Equal(m.t, own, string(harness.ReadFile(m.t, config)))
	require.FileExists(m.t, config+".pacnew")
	require.NoFileExists(m.t, document)
	require.Contains(m.t, m.run("/usr/bin/omg", "info", "--installed", "omg"), "1.2.3-2")
}

// testRemoved removes the packages. Only data and the changed configuration file are left.
func (m *machine) testRemoved() {
	m.t.Helper()
	out := m.pacman("-R", "omg", "omg-alpm-worker")
	require.Contains(m.t, out, "This data of omg is left:")
	state := regexp.MustCompile(`^(?:var/lib/omg|tmp/\.local/share/omg|run/omg$|etc/omg/config\.toml\.pac(?:new|save)$|run/systemd(?:/|$))`) // systemd-analyze writes the last
	users := []string{"etc/.pwd.lock", "etc/passwd-", "etc/group-", "etc/shadow", "etc/gshadow"}
	parents := []string{"etc/omg", "tmp/.local", "tmp/.local/share", "var/lib/omg"}
	for _, path := range m.left() {
		require.True(m.t, state.MatchString(path) || slices.Contains(users, path) || slices.Contains(parents, path), "%s is left", path)
	}
	for _, path := range []string{"var/lib/omg/index", "etc/omg/config.toml.pacsave"} {
		require.Contains(m.t, m.left(), path)
	}
}

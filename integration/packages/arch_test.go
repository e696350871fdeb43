package packages

import (
	"fmt"
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

// makepkgConf has the flags of Arch Linux for C, and a fast compression.
const makepkgConf = `CARCH=%s
CHOST=%[1]s-linux-gnu
CFLAGS='-O2 -pipe -fno-plt -fexceptions -Wp,-D_FORTIFY_SOURCE=3 -Wformat -Werror=format-security -fstack-clash-protection'
LDFLAGS='-Wl,-O1 -Wl,--sort-common -Wl,--as-needed -Wl,-z,relro -Wl,-z,now'
BUILDENV=(!distcc color !ccache check !sign)
OPTIONS=(strip docs !libtool !staticlibs emptydirs zipman purge !debug)
INTEGRITY_CHECK=(sha256)
STRIP_BINARIES=--strip-all
STRIP_SHARED=--strip-unneeded
STRIP_STATIC=--strip-debug
MAN_DIRS=({usr{,/local}{,/share},opt/*}/{man,info})
DOC_DIRS=(usr/{,local/}{,share/}{doc,gtk-doc} opt/*/{doc,gtk-doc})
PURGE_TARGETS=(usr/{,share}/info/dir .packlist *.pod)
COMPRESSGZ=(gzip -c -1 -n)
PKGEXT=.pkg.tar.gz
SRCEXT=.src.tar.gz
PACKAGER='Test <test@localhost>'
DLAGENTS=()
VCSCLIENTS=()
`

// writeMakepkgConf writes the configuration of makepkg for this machine, and returns its path.
func writeMakepkgConf(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "makepkg.conf")
	harness.WriteFile(t, path, fmt.Sprintf(makepkgConf, strings.TrimSpace(run(t, "/", "uname", "-m"))))
	return path
}

// tarball is the source of the packages.
const tarball = "omg-1.2.3-vendored.tar.gz"

// builder builds the packages of one release.
type builder struct {
	t            *testing.T
	project      string // the clone from which the release is made
	conf, output string
}

func newBuilder(t *testing.T) *builder {
	t.Helper()
	need.Root(t)
	need.LibAlpm(t)
	needMakepkg(t)
	skipLint(t)
	for _, name := range []string{"fakeroot", "bsdtar", "unshare", "git"} {
		need.Program(t, name)
	}
	b := &builder{t: t, project: filepath.Join(t.TempDir(), "project"), conf: writeMakepkgConf(t), output: t.TempDir()}
	repository(t, b.project)
	b.long(b.project, "make", "dist", "arch", "VENDOR=1", "VERSION="+version)

	clone := filepath.Join(t.TempDir(), "clone")
	run(t, b.project, "git", "clone", "-q", ".", clone)
	b.long(clone, "make", "dist", "VENDOR=1", "VERSION="+version)
	for _, name := range []string{tarball, tarball + ".sha256"} {
		require.True(t, string(harness.ReadFile(t, filepath.Join(b.project, "dist", name))) == string(harness.ReadFile(t, filepath.Join(clone, "dist", name))), name)
	}
	return b
}

// long runs a program that may take longer than the harness waits.
func (b *builder) long(dir, program string, args ...string) string {
	b.t.Helper()
	cmd := prepared(b.t, dir, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	require.NoError(b.t, err, "%s %q:\n%s", program, args, out)
	return string(out)
}

// checked are the packages whose tests makepkg runs: those that read the whole tree or need no time. All others are tested
// elsewhere, and this test is one of them.
var checked = []string{"./integration/archtest", "./integration/manuals", "./shared/version"}

// makepkg runs makepkg in a user namespace without a network. There, root has another number, because makepkg refuses root,
// and still may use the build cache.
func (b *builder) makepkg(dir, output string, flags ...string) string {
	b.t.Helper()
	return b.long(dir, "unshare", append([]string{
		"--map-user=1000", "--map-group=1000", "--net",
		"env", "PKGDEST=" + output, "TESTPACKAGES=" + strings.Join(checked, " "), "makepkg", "--config", b.conf, "--nodeps", "--nocolor", "--noconfirm",
	}, flags...)...)
}

// build builds the packages with makepkg in a directory of its own, and returns the files.
func (b *builder) build(release string, change func(dir string), flags ...string) []string {
	b.t.Helper()
	dir := filepath.Join(b.t.TempDir(), "build-"+release)
	require.NoError(b.t, os.CopyFS(dir, os.DirFS(filepath.Join(b.project, "dist/arch/omg"))))
	harness.WriteFile(b.t, filepath.Join(dir, tarball), harness.ReadFile(b.t, filepath.Join(b.project, "dist", tarball)))
	replaceIn(b.t, filepath.Join(dir, "PKGBUILD"), "pkgrel=1", "pkgrel="+release)
	if change != nil {
		change(dir)
	}
	out := b.makepkg(dir, b.output, flags...)
	for _, name := range checked {
		if len(flags) == 0 {
			require.Regexp(b.t, `(?m)^ok\s+github\.com/omg-arch/omg`+name[1:]+`\s`, out)
		}
	}
	require.Contains(b.t, out, tarball+" ... Passed", "the checksum is checked")
	const noDependencies = "WARNING: Skipping dependency checks."
	require.NotContains(b.t, strings.Replace(out, noDependencies, "", 1), "WARNING", "such as a reference to the directory of the build")
	packages, err := filepath.Glob(filepath.Join(b.output, "omg*-1.2.3-"+release+"-*.pkg.tar.gz"))
	require.NoError(b.t, err)
	require.Len(b.t, packages, 2)
	return packages
}

// replaceIn replaces a text that a file has once.
func replaceIn(t *testing.T, path, from, to string) {
	t.Helper()
	text := string(harness.ReadFile(t, path))
	require.Equal(t, 1, strings.Count(text, from), "%q in %s", from, path)
	harness.WriteFile(t, path, strings.Replace(text, from, to, 1))
}

// unpacked returns a directory with the content of packages.
func (b *builder) unpacked(packages []string) string {
	b.t.Helper()
	dir := b.t.TempDir()
	for _, path := range packages {
		run(b.t, dir, "bsdtar", "-xf", path)
	}
	return dir
}

// TestPackages_Arch builds the packages with makepkg from the tarball of make dist, without a network, and installs,
// upgrades and removes them with pacman in a root directory of their own.
func TestPackages_Arch(t *testing.T) {
	for _, name := range []string{"pacman", "systemd-analyze", "systemd-sysusers", "systemd-tmpfiles"} {
		need.Program(t, name)
	}
	b := newBuilder(t)
	first := b.build("1", nil)
	dir := b.unpacked(first)
	for _, path := range first {
		checkPackage(t, path, filepath.Dir(filepath.Dir(b.project))+"/") // the directory of all TempDirs of this test
	}
	worker := packageInfo(t, first[1])
	require.Contains(t, worker["depend"], "omg=1.2.3-1")
	i := slices.IndexFunc(worker["depend"], func(name string) bool { return strings.HasPrefix(name, "libalpm.so=") })
	require.NotEqual(t, -1, i, worker)
	library := worker["depend"][i]

	// The second release has another configuration file and no document about prompts. Its programs are the same, although
	// they are built in another directory.
	second := b.build("2", func(dir string) {
		harness.WriteFile(t, filepath.Join(dir, "PKGBUILD"), string(harness.ReadFile(t, filepath.Join(dir, "PKGBUILD")))+
			"\nprepare() {\n\tcd \"omg-$pkgver\"\n\techo '# The second release.' >>packaging/config.toml\n\trm docs/probe.md\n}\n")
	}, "--nocheck")
	next := b.unpacked(second)
	for _, dirs := range []string{"usr/bin", "usr/lib"} {
		r := harness.Run(t, exec.Command("diff", "-r", filepath.Join(dir, dirs), filepath.Join(next, dirs)))
		require.Zero(t, r.Code, "%s%s", r.Stdout, r.Stderr)
	}

	m := newMachine(t, dir, library)
	m.testInstalled(first)
	m.testUnits()
	m.testUpgraded(second)
	m.testRemoved()
}

// TestReadme_ArchPackage runs the README's lines that build packages on Arch, up to the check of their sources.
func TestReadme_ArchPackage(t *testing.T) {
	needMakepkg(t)
	skipLint(t)
	readme := string(harness.ReadFile(t, filepath.Join(harness.ProjectRoot(t), "README.md")))
	lines := regexp.MustCompile(`(?m)^(make dist .*)\n(cd .* makepkg -si\b.*)$`).FindStringSubmatch(readme)
	require.NotNil(t, lines, "the README does not show how to build the packages")
	dir := filepath.Join(t.TempDir(), "project")
	repository(t, dir)
	b := &builder{t: t}
	b.long(dir, "bash", "-ec", lines[1])
	command := strings.Replace(lines[2], "makepkg -si", "makepkg --config "+writeMakepkgConf(t)+" --nodeps --nocolor --verifysource", 1)
	as := []string{"bash", "-ec", command}
	if os.Getuid() == 0 {
		as = append([]string{"unshare", "--map-user=1000", "--map-group=1000", "--net"}, as...)
	}
	require.Contains(t, b.long(dir, as[0], as[1:]...), "omg-0.1.0-vendored.tar.gz ... Passed")
}

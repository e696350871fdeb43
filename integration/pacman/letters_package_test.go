package pacman

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// lettersPKGBUILD is a package with everything that pacman -Q can print about a package.
const lettersPKGBUILD = `pkgname=full
pkgver=1.2
pkgrel=3
pkgdesc="A package with a scriptlet, a changelog and configuration files"
arch=(any)
url=https://example.org/
license=(MIT)
groups=(some)
depends=('sh>=4')
optdepends=('plain: for tests' 'nothing')
provides=('virtual=2')
conflicts=(other)
backup=(etc/full.conf etc/gone.conf etc/touched.conf)
install=full.install
changelog=ChangeLog
options=(emptydirs)
package() {
	mkdir -p "$pkgdir"/etc "$pkgdir"/usr/share/full/empty "$pkgdir/usr/share/full/with space"
	for name in full gone touched; do echo $name >"$pkgdir"/etc/$name.conf; done
	echo text >"$pkgdir/usr/share/full/with space/größe"
	echo data >"$pkgdir"/usr/share/full/data
	echo deleted >"$pkgdir"/usr/share/full/deleted
	echo hidden >"$pkgdir"/usr/share/full/hidden
	echo time >"$pkgdir"/usr/share/full/time
	ln -s data "$pkgdir"/usr/share/full/link
	chmod 4755 "$pkgdir"/usr/share/full/data
}
`

const lettersMakepkgConf = `CARCH=x86_64
CHOST=x86_64-linux-gnu
BUILDENV=(!distcc !color !ccache !check !sign)
OPTIONS=(!strip docs libtool staticlibs emptydirs !zipman !purge !debug)
INTEGRITY_CHECK=(sha256)
COMPRESSGZ=(gzip -c -1 -n)
PKGEXT=.pkg.tar.gz
SRCEXT=.src.tar.gz
PACKAGER='Test <test@localhost>'
`

// builtPackage is a system with a package that makepkg has built and pacman has installed.
type builtPackage struct {
	*harness.System
	root, file string
}

// newBuiltPackage builds and installs the package full. A package plain is installed too, without any file.
func newBuiltPackage(t *testing.T) *builtPackage {
	t.Helper()
	need.Root(t)
	need.UserNamespace(t)
	for _, program := range []string{"pacman", "makepkg", "fakeroot", "bsdtar"} {
		need.Program(t, program)
	}
	s := harness.New(t, harness.WithoutDatabases())
	s.Install("plain", "1-1")
	root, build := s.Path("root"), s.Path("build")
	harness.WriteFile(t, filepath.Join(build, "PKGBUILD"), lettersPKGBUILD)
	harness.WriteFile(t, filepath.Join(build, "full.install"), "post_install() { :; }\n")
	harness.WriteFile(t, filepath.Join(build, "ChangeLog"), "2026-01-01\n\t* first\n")
	harness.WriteFile(t, s.Path("makepkg.conf"), lettersMakepkgConf)
	harness.WriteFile(t, s.PacmanConf, "[options]\nArchitecture = x86_64\nSigLevel = Never\nRootDir = "+root+"\nCacheDir = "+s.Path("cache")+
		"\nLogFile = "+s.Path("log")+"\nHookDir = "+s.Path("hooks")+"\nNoExtract = usr/share/full/hid* !usr/share/full/data\n")
	require.NoError(t, os.Mkdir(root, 0o755))
	in := *s
	in.WorkDir = build
	// On a busy machine, makepkg may take longer than the harness waits.
	out, err := in.Command(need.Program(t, "unshare"), "--map-user=1000", "--map-group=1000", "--net",
		"makepkg", "--config", s.Path("makepkg.conf"), "--nodeps", "--noconfirm").CombinedOutput()
	require.NoError(t, err, string(out))
	file := filepath.Join(build, "full-1.2-3-any.pkg.tar.gz")
	r := s.Pacman("-r", root, "--noconfirm", "--noscriptlet", "--nodeps", "--nodeps", "-U", file)
	require.Zero(t, r.Code, r.Stderr)
	return &builtPackage{s, root, file}
}

// alter removes, changes and replaces files of the package.
func (p *builtPackage) alter() {
	t := p.T
	t.Helper()
	full := func(name string) string { return filepath.Join(p.root, "usr/share/full", name) }
	harness.WriteFile(t, filepath.Join(p.root, "etc/full.conf"), "changed\n")
	require.NoError(t, os.Remove(filepath.Join(p.root, "etc/gone.conf")))
	require.NoError(t, os.Chtimes(filepath.Join(p.root, "etc/touched.conf"), time.Time{}, time.Unix(1e9, 0)))
	require.NoError(t, os.Chtimes(full("time"), time.Time{}, time.Unix(1e9, 0)))
	require.NoError(t, os.Remove(full("deleted")))
	require.NoError(t, os.Remove(full("link")))
	require.NoError(t, os.Symlink("other", full("link")))
	require.NoError(t, os.Chown(full("with space/größe"), 5, 6))
	require.NoError(t, os.Chmod(full("data"), 0o600))
	require.NoError(t, os.Remove(full("empty")))
	harness.WriteFile(t, full("empty"), "a file")
}

// TestLetters_Package compares omg with pacman on a package that makepkg has built and pacman has installed, before and after its
// files change.
func TestLetters_Package(t *testing.T) {
	s := newBuiltPackage(t)
	root, file := s.root, s.file
	// omgd answers none of these command lines.
	ways := [][]string{{"--no-daemon", "--data-dir", t.TempDir(), "--config", s.PacmanConf, "-b", s.DB}}
	compare := func() {
		for _, line := range []string{
			"-Qp " + file, "-Qpi " + file, "-Qpl " + file, "-Qplq " + file, "-Qpc " + file, "-Qpk " + file, "-Qpkk " + file, "-Qpe " + file, "-Qpd " + file,
			"-Qpt " + file, "-Qpq " + file + " nope",
			"-Qk", "-Qkk", "-Qkq full", "-Qkkq full plain", "-Qkk full", "-Qii full", "-Qi full", "-Qc full", "-Qc", "-Ql", "-Qlq full", "-Qicl full",
			"-Qg", "-Qqg some", "-T virtual>1 virtual>2", "-Dk", "-Dkq", "-Qdk", "-Qo " + root + "/usr/share/full", "-Qo " + root + "/etc/full.conf",
			"--color always -Qkk full", "--color always -Qii full", "-Qclq full plain",
		} {
			requireSameLetters(t, s.System, ways, strings.Fields(line), "")
		}
	}
	compare()
	s.alter()
	compare()
	requireSameLetters(t, s.System, ways, []string{"-Qi", "-"}, "full\n\nplain\n")
	requireSameLetters(t, s.System, ways, []string{"-Qq", "plain", "-"}, "nope\nfull")
}

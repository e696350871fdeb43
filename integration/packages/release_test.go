package packages

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// needMakepkg requires makepkg, and what it needs if root runs the test.
func needMakepkg(t *testing.T) {
	t.Helper()
	need.Program(t, "makepkg")
	if os.Getuid() == 0 {
		need.UserNamespace(t)
	}
}

// skipLint makes makepkg skip its checks of PKGBUILDs in this test. They start some 2,000 processes each time, which is most of
// the time that makepkg takes here, and TestSrcinfo_Current runs them on each PKGBUILD.
func skipLint(t *testing.T) {
	t.Helper()
	library := filepath.Join(t.TempDir(), "makepkg")
	require.NoError(t, os.CopyFS(library, os.DirFS("/usr/share/makepkg")))
	lint := filepath.Join(library, "lint_pkgbuild.sh")
	require.Contains(t, string(harness.ReadFile(t, lint)), "\nlint_pkgbuild() {\n")
	harness.WriteFile(t, lint, "lint_pkgbuild() { :; }\n")
	t.Setenv("LIBRARY", library)
}

// TestSrcinfo_Current checks that each committed .SRCINFO is the output of make srcinfo, and makepkg's checks of the PKGBUILDs.
func TestSrcinfo_Current(t *testing.T) {
	needMakepkg(t)
	dir := t.TempDir()
	copyProject(t, dir)
	want := map[string]string{}
	for _, name := range []string{"packaging/arch/.SRCINFO", "packaging/arch/bin/.SRCINFO"} {
		path := filepath.Join(dir, name)
		want[path] = string(harness.ReadFile(t, path))
		require.NoError(t, os.Remove(path))
	}
	b := &builder{t: t}
	b.long(dir, "make", "srcinfo")
	for path, text := range want {
		require.Equal(t, text, string(harness.ReadFile(t, path)), "run make srcinfo, and commit what it writes")
	}
}

// TestArch_Filled checks that make arch fills in the version, the checksums and the key.
func TestArch_Filled(t *testing.T) {
	needMakepkg(t)
	skipLint(t)
	p := newProject(t)
	sum := func(name, digit string) string {
		digits := strings.Repeat(digit, 64)
		harness.WriteFile(t, filepath.Join(p.dir, "dist", name+".sha256"), digits+"  "+name+"\n")
		return digits
	}
	r := p.make("arch")
	require.NotZero(t, r.Code)
	require.Contains(t, r.Stderr, "there is no dist/omg-1.2.3-vendored.tar.gz.sha256")

	vendored := sum("omg-1.2.3-vendored.tar.gz", "a")
	p.mustMake("arch")
	info := func(name string) string {
		return string(harness.ReadFile(t, filepath.Join(p.dir, "dist/arch", name, ".SRCINFO")))
	}
	require.Contains(t, info("omg"), "\tpkgver = 1.2.3\n")
	require.Contains(t, info("omg"), "\tsha256sums = "+vendored+"\n")
	require.NotContains(t, info("omg"), ".asc")
	require.NoDirExists(t, filepath.Join(p.dir, "dist/arch/omg-bin"), "there are no archives of programs")

	x86, arm := sum("omg-1.2.3-linux-x86_64.tar.gz", "b"), sum("omg-1.2.3-linux-aarch64.tar.gz", "c")
	key := strings.Repeat("0123456789", 3) + "ABCDEFABCD"
	p.mustMake("arch", "KEY="+key)
	const releases = "https://github.com/omg-arch/omg/releases/download/v1.2.3/"
	require.Contains(t, info("omg"), "\tsource = "+releases+"omg-1.2.3-vendored.tar.gz\n\tsource = "+releases+"omg-1.2.3-vendored.tar.gz.asc\n")
	require.Contains(t, info("omg"), "\tvalidpgpkeys = "+key+"\n\tsha256sums = "+vendored+"\n\tsha256sums = SKIP\n")
	for arch, sum := range map[string]string{"x86_64": x86, "aarch64": arm} {
		tarball := releases + "omg-1.2.3-linux-" + arch + ".tar.gz"
		require.Contains(t, info("omg-bin"), "\tsource_"+arch+" = "+tarball+"\n\tsource_"+arch+" = "+tarball+".asc\n")
		require.Contains(t, info("omg-bin"), "\tsha256sums_"+arch+" = "+sum+"\n\tsha256sums_"+arch+" = SKIP\n")
	}
	for _, name := range []string{"omg", "omg-bin"} {
		require.Equal(t, []string{".SRCINFO", "PKGBUILD", "omg.install"}, harness.ListDir(t, filepath.Join(p.dir, "dist/arch", name)))
	}

	for args, want := range map[string]string{
		"KEY=0123":          "KEY is not a fingerprint of 40 hexadecimal digits: 0123",
		"VERSION=v1.2-rc.1": "is not a version that a package can have",
	} {
		r := p.make("arch", args)
		require.NotZero(t, r.Code, args)
		require.Contains(t, r.Stderr, want)
	}
}

// TestDistBin checks the archive of programs for another architecture, and the package that makepkg makes of an archive.
func TestDistBin(t *testing.T) {
	needMakepkg(t)
	skipLint(t)
	need.UserNamespace(t)
	p := newProject(t)
	r := p.make("dist-bin", "ARCH=aarch64")
	require.NotZero(t, r.Code)
	require.Contains(t, r.Stderr, "run make dist VENDOR=1 first")
	r = p.make("dist-bin", "ARCH=sparc")
	require.NotZero(t, r.Code)
	require.Contains(t, r.Stderr, "unknown architecture sparc: x86_64 or aarch64")

	// A tarball without modules, because the fake go needs none.
	clone := filepath.Join(t.TempDir(), "clone")
	repository(t, clone)
	run(t, clone, "make", "dist", "VERSION="+version)
	harness.WriteFile(t, filepath.Join(p.dir, "dist/omg-1.2.3-vendored.tar.gz"), harness.ReadFile(t, filepath.Join(clone, "dist/omg-1.2.3.tar.gz")))
	harness.WriteFile(t, filepath.Join(p.dir, "dist/omg-1.2.3-vendored.tar.gz.sha256"), strings.Repeat("a", 64)+"  -\n")
	archives := map[string]string{}
	for _, arch := range []string{"x86_64", "aarch64"} {
		p.mustMake("dist-bin", "ARCH="+arch)
		archives[arch] = filepath.Join(p.dir, "dist/omg-1.2.3-linux-"+arch+".tar.gz")
	}
	before := harness.ReadFile(t, archives["aarch64"])
	p.mustMake("dist-bin", "ARCH=aarch64")
	require.True(t, string(before) == string(harness.ReadFile(t, archives["aarch64"])), "the same tarball gives the same archive")
	list := run(t, p.dir, "tar", "-tzf", archives["aarch64"])
	require.Contains(t, list, "\nomg-1.2.3-linux-aarch64/usr/bin/omgd\n")
	require.Contains(t, list, "\nomg-1.2.3-linux-aarch64/etc/omg/config.toml\n")
	require.NotContains(t, list, "alpm-worker")
	require.Equal(t, "arm64 0\n", run(t, p.dir, "tar", "-xzOf", archives["aarch64"], "omg-1.2.3-linux-aarch64/usr/bin/omgd"))

	p.mustMake("arch")
	dir := filepath.Join(p.dir, "dist/arch/omg-bin")
	machine := strings.TrimSpace(run(t, dir, "uname", "-m"))
	harness.WriteFile(t, filepath.Join(dir, filepath.Base(archives[machine])), harness.ReadFile(t, archives[machine]))
	b := &builder{t: t, conf: writeMakepkgConf(t)}
	out := b.makepkg(dir, dir)
	require.Contains(t, out, ".tar.gz ... Passed")
	list = run(t, dir, "bsdtar", "-tf", filepath.Join(dir, "omg-bin-1.2.3-1-"+machine+".pkg.tar.gz"))
	require.Contains(t, list, "\nusr/bin/omg\n")
	require.Contains(t, list, "\netc/omg/config.toml\n")
}

// TestDraft_Files checks that make draft uploads the files of a whole release with its changes, and refuses anything else.
func TestDraft_Files(t *testing.T) {
	p := newProject(t)
	uploaded := filepath.Join(p.dir, "build", "uploaded")
	harness.WriteProgram(t, filepath.Join(p.dir, "build", "gh"), []byte("#!/bin/sh\nprintf '%s\\n' \"$@\" >"+uploaded+"\n"))
	refuses := func(why string, args ...string) {
		t.Helper()
		r := p.make(append([]string{"draft"}, args...)...)
		require.NotZero(t, r.Code)
		require.Contains(t, r.Stderr, why)
		require.NoFileExists(t, uploaded)
	}
	refuses(`"v1.2.3-4-g0123abc" is not the version of a release`, "VERSION=v1.2.3-4-g0123abc")
	refuses(`"v1.2.3-dirty" is not the version of a release`, "VERSION=v1.2.3-dirty")
	refuses("## 1.2.3")
	harness.WriteFile(t, filepath.Join(p.dir, "CHANGELOG.md"), "# Changes\n\n## 1.2.3 (2026-01-02)\n\n- a change\n\n## 1.2.2\n\n- an old change\n")
	refuses("there is no dist/omg-1.2.3.tar.gz")
	for _, name := range []string{"omg-1.2.3", "omg-1.2.3-vendored", "omg-1.2.3-linux-x86_64", "omg-1.2.3-linux-aarch64"} {
		name += ".tar.gz"
		harness.WriteFile(t, filepath.Join(p.dir, "dist", name), name)
		harness.WriteFile(t, filepath.Join(p.dir, "dist", name+".sha256"), fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(name)), name))
	}
	last := filepath.Join(p.dir, "dist/omg-1.2.3-linux-aarch64.tar.gz")
	harness.WriteFile(t, last, "changed")
	refuses("does not have its checksum")
	harness.WriteFile(t, last, filepath.Base(last))

	p.mustMake("draft")
	args := string(harness.ReadFile(t, uploaded))
	require.Contains(t, args, "release\ncreate\nv1.2.3\n--draft\n--verify-tag\n")
	require.NotContains(t, args, "--prerelease")
	require.Contains(t, args, "- a change")
	require.NotContains(t, args, "- an old change")
	require.Equal(t, 8, strings.Count(args, "dist/omg-1.2.3"))
}

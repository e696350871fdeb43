package packages

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// packageInfo returns the fields of a package's .PKGINFO, each with all of its values.
func packageInfo(t *testing.T, path string) map[string][]string {
	t.Helper()
	fields := map[string][]string{}
	for line := range strings.Lines(run(t, t.TempDir(), "bsdtar", "-xOf", path, ".PKGINFO")) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), " = "); found {
			fields[key] = append(fields[key], value)
		}
	}
	require.Len(t, fields["pkgname"], 1, path)
	return fields
}

// checkPackage checks what Arch's namcap reports about a package. The package was built below the directory builtIn.
func checkPackage(t *testing.T, path, builtIn string) {
	t.Helper()
	info := packageInfo(t, path)
	name := info["pkgname"][0]
	require.NotContains(t, strings.ToLower(info["pkgdesc"][0]), name, "the description has the name")
	require.Equal(t, []string{"MIT"}, info["license"])
	require.NotEqual(t, []string{"any"}, info["arch"])
	for line := range strings.Lines(run(t, t.TempDir(), "bsdtar", "--numeric-owner", "-tvf", path)) {
		require.Regexp(t, `^\S+\s+0\s+0\s+0\s`, line, "each file belongs to root")
	}

	dir := t.TempDir()
	run(t, dir, "bsdtar", "-xf", path)
	require.FileExists(t, filepath.Join(dir, "usr/share/licenses", name, "LICENSE"))
	files := checkFiles(t, dir)
	for _, file := range info["backup"] {
		require.Contains(t, files, file, "backup is a file of the package")
	}
	needed, programs := map[string]bool{}, 0
	for _, file := range files {
		if strings.HasPrefix(file, "etc/") {
			require.Contains(t, info["backup"], file, "pacman would replace a changed %s", file)
		}
		content := harness.ReadFile(t, filepath.Join(dir, file))
		if bytes.HasPrefix(content, []byte("#!")) { // pacman itself needs bash, which is /bin/sh
			require.True(t, bytes.HasPrefix(content, []byte("#!/bin/sh\n")), "%s needs an interpreter, on which the package has to depend", file)
		}
		for _, place := range []string{builtIn, harness.ProjectRoot(t) + "/"} {
			if file == ".BUILDINFO" { // in which makepkg writes this directory
				break
			}
			require.False(t, bytes.Contains(content, []byte(place)), "%s names %s, where it was built", file, place)
		}
		if strings.HasPrefix(file, "usr/lib/systemd/") || strings.HasPrefix(file, "usr/share/libalpm/") {
			require.NotContains(t, string(content), "/usr/local/", file)
			require.NotContains(t, string(content), "@BINDIR@", file)
		}
		if bytes.HasPrefix(content, []byte(elf.ELFMAG)) {
			programs++
			for _, library := range checkProgram(t, dir, file) {
				needed[library] = true
			}
		}
	}
	require.NotZero(t, programs, "%s has no program", name)
	checkDependencies(t, info, needed)
}

// checkDependencies checks that a package depends on the packages of the libraries that its programs need, and on no other library.
func checkDependencies(t *testing.T, info map[string][]string, libraries map[string]bool) {
	t.Helper()
	require.Contains(t, info["depend"], "glibc", "its loader starts all position-independent programs")
	var want, got []string
	for library := range libraries {
		base, version, _ := strings.Cut(library, ".so.")
		if !slices.Contains([]string{"libc", "libm", "libpthread", "libresolv", "libdl"}, base) {
			want = append(want, base+".so="+version+"-64")
		}
	}
	for _, depend := range info["depend"] {
		if strings.Contains(depend, ".so") {
			got = append(got, depend)
		}
	}
	require.ElementsMatch(t, want, got, info["pkgname"])
}

// checkProgram checks that a program is position-independent and stripped, that its relocations are read-only from the start, and that
// it finds libraries only where the loader always looks. It returns the libraries.
func checkProgram(t *testing.T, dir, name string) []string {
	t.Helper()
	f, err := elf.Open(filepath.Join(dir, name))
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, elf.ET_DYN, f.Type, name)
	kinds := map[elf.ProgType]elf.ProgFlag{}
	for _, p := range f.Progs {
		kinds[p.Type] = p.Flags
		require.NotEqual(t, elf.PF_W|elf.PF_X, p.Flags&(elf.PF_W|elf.PF_X), "%s: memory of type %v is writable and executable", name, p.Type)
	}
	require.Contains(t, kinds, elf.PT_GNU_RELRO, name)
	require.Contains(t, kinds, elf.PT_GNU_STACK, name)
	require.Contains(t, kinds, elf.PT_INTERP, name)
	flags, err := f.DynValue(elf.DT_FLAGS_1)
	require.NoError(t, err)
	require.NotEmpty(t, flags, name)
	require.NotZero(t, elf.DynFlag1(flags[0])&elf.DF_1_NOW, "%s binds symbols later", name)
	textrel, err := f.DynValue(elf.DT_TEXTREL)
	require.NoError(t, err)
	require.Empty(t, textrel, "%s relocates its code", name)
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		places, err := f.DynString(tag)
		require.NoError(t, err)
		require.Empty(t, places, "%s: %v", name, tag)
	}
	require.Nil(t, f.Section(".symtab"), "%s is not stripped", name)
	libraries, err := f.ImportedLibraries()
	require.NoError(t, err)
	return libraries
}

// checkFiles checks the names, the places and the permissions of all files, and returns their paths.
func checkFiles(t *testing.T, dir string) (files []string) {
	t.Helper()
	place := regexp.MustCompile(`^(?:usr/(?:bin|lib/(?:omg|systemd|sysusers\.d|tmpfiles\.d)|share/(?:bash-completion|doc/omg|omg|fish|libalpm|licenses|man|zsh))/|etc/omg/config\.toml$|\.[A-Z]+$)`)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		rel, _ := filepath.Rel(dir, path)
		fi, err := d.Info()
		require.NoError(t, err)
		require.Zero(t, fi.Mode()&0o022, "%s: others may write to it", rel)
		if d.IsDir() {
			require.NotEmpty(t, harness.ListDir(t, path), "%s is empty", rel)
			return nil
		}
		require.Regexp(t, place, rel)
		require.Regexp(t, `^[!-~]+$`, rel, "the name has only characters of ASCII, without spaces")
		if fi.Mode()&fs.ModeSymlink != 0 {
			_, err := os.Stat(path)
			require.NoError(t, err, "a link")
		} else {
			require.True(t, fi.Mode().IsRegular(), rel)
			require.Equal(t, fs.FileMode(0o044), fi.Mode()&0o044, "%s: others must be able to read it", rel)
			require.Zero(t, fi.Mode()&(fs.ModeSetuid|fs.ModeSetgid), rel)
		}
		if strings.HasPrefix(rel, "usr/share/man/") {
			require.Equal(t, ".gz", filepath.Ext(rel))
		}
		files = append(files, rel)
		return nil
	}))
	require.NotEmpty(t, files)
	return files
}

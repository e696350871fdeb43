package syscheck

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/need"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func TestMeasureCache(t *testing.T) {
	dir, second := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		"bash-5.2-1-x86_64.pkg.tar.zst": "12345", "bash-5.2-1-x86_64.pkg.tar.zst.sig": "1", "bash-5.1-1-x86_64.pkg.tar.zst": "123", "a-b-c-1:2-3-any.pkg.tar": "12",
		"download.part": "123456789", "x.pkg.tar.gz": "123", "1-2-3.pkg.tar.gz": "123",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, "pipe-1-1-any.pkg.tar"), 0o644))
	write(t, filepath.Join(second, "gone-1-1-any.pkg.tar.xz"), "12")
	write(t, filepath.Join(second, "gone-1-1-any.pkg.tar.xz.sig"), "1")
	write(t, filepath.Join(second, "file"), "")
	c := MeasureCache([]string{dir, second, filepath.Join(dir, "missing"), filepath.Join(second, "file")}, func(name, version string) bool {
		return name == "bash" && version == "5.2-1" || name == "a-b-c" && version == "1:2-3"
	})
	require.Len(t, c.Problems, 1)
	require.Contains(t, c.Problems[0], "file")
	c.Problems = nil
	require.Equal(t, Cache{FileCount: 4, Size: 14, OldCount: 2, OldSize: 6}, c)
}

func TestFindLeftovers(t *testing.T) {
	root := t.TempDir() + "/"
	outside := t.TempDir()
	write(t, outside+"/y.pacnew", "")
	for _, name := range []string{"etc/a.pacnew", "etc/b/c.pacsave", "etc/b/c.pacsave.12", "etc/d.pacorig", "etc/e.pacnewer", "etc/f.pacsave.x", "usr/share/g.pacnew", "usr/share/h.pacnew", "etc/dir.pacnew/x"} {
		write(t, root+name, "")
	}
	require.NoError(t, os.Symlink(outside, root+"etc/link"))
	require.NoError(t, os.Symlink(root+"etc", root+"etc/b/loop"))
	l := FindLeftovers(root, []string{"usr/share/g", "etc/a", "usr/share/absent"})
	var names []string
	for _, path := range l.Paths {
		names = append(names, strings.TrimPrefix(path, root))
	}
	require.Equal(t, []string{"etc/a.pacnew", "etc/b/c.pacsave", "etc/b/c.pacsave.12", "etc/d.pacorig", "usr/share/g.pacnew"}, names)
	require.Zero(t, l.UnreadableCount)
	require.False(t, l.IsCut)
	require.Equal(t, Leftovers{}, FindLeftovers(outside+"/", nil), "a root without etc")
}

func TestStaleLock(t *testing.T) {
	db, proc := t.TempDir(), t.TempDir()
	_, since, _ := StaleLock(db, proc)
	require.Zero(t, since, "there is no lock")
	write(t, db+"/db.lck", "")
	path, since, isCertain := StaleLock(db, proc)
	require.NotZero(t, since)
	require.True(t, isCertain)
	require.Equal(t, db+"/db.lck", path)
	_, since, _ = StaleLock(db, proc+"/missing")
	require.Zero(t, since, "the processes are unknown")
	write(t, proc+"/12/comm", "other\n")
	write(t, proc+"/self/comm", "pacman\n")
	require.NoError(t, os.MkdirAll(proc+"/12/fd", 0o755))
	_, since, _ = StaleLock(db, proc)
	require.NotZero(t, since)
	write(t, proc+"/14/fd", "") // as a directory that cannot be read
	_, since, isCertain = StaleLock(db, proc)
	require.NotZero(t, since)
	require.False(t, isCertain)
	require.NoError(t, os.Symlink(db+"/db.lck", proc+"/12/fd/3"))
	_, since, _ = StaleLock(db, proc)
	require.Zero(t, since, "a process has it open")
	require.NoError(t, os.Remove(proc+"/12/fd/3"))
	write(t, proc+"/13/comm", "pacman\n")
	require.NoError(t, os.MkdirAll(proc+"/13/fd", 0o755))
	_, since, _ = StaleLock(db, proc)
	require.NotZero(t, since, "pacman works on other databases")
	write(t, proc+"/14/comm", "pacman\n")
	_, since, _ = StaleLock(db, proc)
	require.Zero(t, since, "pacman runs, and may hold it")
}

// TestRebuilder checks a real program in a root directory without, and then with, the libraries that it needs.
func TestRebuilder(t *testing.T) {
	program := need.Program(t, "xz")
	text, err := os.ReadFile(program)
	require.NoError(t, err)
	file, err := elf.Open(program)
	require.NoError(t, err)
	defer file.Close()
	needed, err := file.ImportedLibraries()
	require.NoError(t, err)
	require.NotEmpty(t, needed)
	slices.Sort(needed)

	root := t.TempDir() + "/"
	write(t, root+"usr/bin/xz", string(text))
	write(t, root+"usr/bin/damaged", "\x7fELF damaged")
	write(t, root+"usr/bin/script", "#!/bin/sh\n")
	require.NoError(t, unix.Mkfifo(root+"usr/bin/pipe", 0o644))
	require.NoError(t, os.Symlink("xz", root+"usr/bin/dir"))
	paths := []string{"usr/bin/", "usr/bin/xz", "usr/bin/damaged", "usr/bin/script", "usr/bin/pipe", "usr/bin/dir", "usr/bin/missing", "usr/share/x"}
	newRebuilder := func() *Rebuilder {
		return NewRebuilder(root, func(visit func(string)) {
			visit("usr/lib/python3.13/os.py")
			visit("usr/lib/perl5/5.40/x.pm")
		})
	}
	missing, directories, unreadable := newRebuilder().Problems(paths)
	require.Equal(t, needed, missing)
	require.Empty(t, directories)
	require.Zero(t, unreadable)
	for i, soname := range needed {
		switch i {
		case 0: // a library of the package itself, in a directory of its own
			paths = append(paths, "opt/own/"+soname)
		default:
			write(t, root+"etc/ld.so.conf.d/x.conf", "# comment\n/opt/libs\n")
			write(t, root+"opt/libs/"+soname, string(text[:64]))
		}
	}
	missing, _, _ = newRebuilder().Problems(paths)
	require.Empty(t, missing)
	for _, soname := range needed[1:] { // a library of the other class does not help
		other := []byte(string(text[:64]))
		other[elf.EI_CLASS] = 3 - other[elf.EI_CLASS]
		write(t, root+"opt/libs/"+soname, string(other))
	}
	missing, _, _ = newRebuilder().Problems(paths)
	require.Equal(t, needed[1:], append([]string{}, missing...))

	_, directories, _ = newRebuilder().Problems([]string{
		"usr/lib/python3.12/site-packages/x/", "usr/lib/python3.12/site-packages/x/y.py", "usr/lib/python3.13/site-packages/z.py", "usr/lib/perl5/5.40/vendor/a", "usr/lib/perl5/5.38/vendor/a",
		"usr/lib/ruby/gems/3.2.0/x", "usr/lib/python3/x",
	})
	require.Equal(t, []string{"/usr/lib/python3.12", "/usr/lib/perl5/5.38"}, directories, "ruby is not installed, so nothing is known about it")
}

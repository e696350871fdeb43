package acks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/paths"
)

var at = time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC)

// newFile returns the file of a new user.
func newFile(t *testing.T) *File {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	f, err := Open(paths.Env{UID: os.Getuid(), Getenv: func(name string) string { return map[string]string{"HOME": dir}[name] }})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, ".local/state/omg/aur-acks.json"), f.file.Path())
	return f
}

// adopted returns a package that was adopted at some time, and updated and flagged out of date.
func adopted(name string, when int64) *backend.CheckedPackage {
	updated, by := time.Unix(when+60, 0).UTC(), "bob"
	return &backend.CheckedPackage{Name: name, Base: name, Level: "look", Findings: []backend.AURFinding{
		{Level: "look", Reason: "adopted-and-updated", Updated: &updated, Events: []backend.AUREvent{
			{Base: name, Event: "adopted", To: &by, Source: "dump", Between: backend.NewInterval(when-100, when)},
		}},
		{Level: "note", Reason: "out-of-date", Flagged: &updated, Events: []backend.AUREvent{}},
	}}
}

// marked returns which findings about a package are acknowledged.
func marked(t *testing.T, f *File, pkg *backend.CheckedPackage) (is []bool) {
	t.Helper()
	list, err := f.Read()
	require.NoError(t, err)
	Mark(list, []backend.CheckedPackage{*pkg})
	for _, finding := range pkg.Findings {
		is = append(is, finding.Acknowledged != nil)
	}
	return is
}

// TestFile_Add checks that exactly the acknowledged finding is marked: neither that about another package, nor that of another event.
func TestFile_Add(t *testing.T) {
	f := newFile(t)
	require.Equal(t, []bool{false, false}, marked(t, f, adopted("a", 1000)))
	added, err := f.Add(adopted("a", 1000), "adopted-and-updated", at)
	require.NoError(t, err)
	require.Len(t, added, 1)
	require.Equal(t, []bool{true, false}, marked(t, f, adopted("a", 1000)))
	require.Equal(t, []bool{false, false}, marked(t, f, adopted("a", 2000)), "another adoption")
	require.Equal(t, []bool{false, false}, marked(t, f, adopted("b", 1000)))
	for name, change := range map[string]func(*backend.CheckedPackage){
		"another level":        func(p *backend.CheckedPackage) { p.Findings[0].Level = "act" },
		"another update":       func(p *backend.CheckedPackage) { *p.Findings[0].Updated = p.Findings[0].Updated.Add(time.Second) },
		"another package base": func(p *backend.CheckedPackage) { p.Base = "c" },
		"built from another":   func(p *backend.CheckedPackage) { p.BuiltBase = "c" },
		"another adopter":      func(p *backend.CheckedPackage) { *p.Findings[0].Events[0].To = "eve" },
	} {
		p := adopted("a", 1000)
		change(p)
		require.Equal(t, []bool{false, false}, marked(t, f, p), name)
	}

	// An acknowledged finding keeps its date, and one that there no longer is disappears.
	added, err = f.Add(adopted("a", 1000), "", at.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, []time.Time{at, at.Add(time.Hour)}, []time.Time{added[0].At, added[1].At})
	_, err = f.Add(adopted("b", 1000), "", at)
	require.NoError(t, err)
	_, err = f.Add(adopted("a", 2000), "out-of-date", at)
	require.NoError(t, err)
	list, err := f.Read()
	require.NoError(t, err)
	var left []string
	for _, a := range list {
		left = append(left, a.Package+" "+a.Finding.Reason)
	}
	require.Equal(t, []string{"b adopted-and-updated", "b out-of-date", "a out-of-date"}, left)
	fi, err := os.Stat(f.file.Path())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), fi.Mode().Perm())
}

func TestFile_Remove(t *testing.T) {
	f := newFile(t)
	removed, err := f.Remove("a", "")
	require.NoError(t, err)
	require.Empty(t, removed)
	for _, name := range []string{"a", "b"} {
		_, err := f.Add(adopted(name, 1000), "", at)
		require.NoError(t, err)
	}
	removed, err = f.Remove("a", "out-of-date")
	require.NoError(t, err)
	require.Len(t, removed, 1)
	require.Equal(t, []bool{true, false}, marked(t, f, adopted("a", 1000)))
	removed, err = f.Remove("a", "")
	require.NoError(t, err)
	require.Len(t, removed, 1)
	require.Equal(t, []bool{true, true}, marked(t, f, adopted("b", 1000)))
}

// TestFile_Hostile checks that a file that this user did not write is neither used nor replaced.
func TestFile_Hostile(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, path string){
		"not JSON":       func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("x"), 0o600)) },
		"another schema": func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte(`{"schema":2}`), 0o600)) },
		"too large": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, nil, 0o600))
			require.NoError(t, os.Truncate(path, maxFileSize+1))
		},
		"writable by all": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(`{"schema":1}`), 0o600))
			require.NoError(t, os.Chmod(path, 0o666))
		},
		"a link":      func(t *testing.T, path string) { require.NoError(t, os.Symlink("/dev/zero", path)) },
		"a FIFO":      func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o600)) },
		"a directory": func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
		"too many": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(`{"schema":1,"acks":[`+strings.Repeat("{},", maxAcks)+`{}]}`), 0o600))
		},
		"a list in a list": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("[", 1<<20)), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFile(t)
			require.NoError(t, os.MkdirAll(filepath.Dir(f.file.Path()), 0o700))
			make(t, f.file.Path())
			before, err := os.Lstat(f.file.Path())
			require.NoError(t, err)
			_, err = f.Read()
			require.Error(t, err)
			require.Contains(t, err.Error(), f.file.Path())
			_, err = f.Add(adopted("a", 1000), "", at)
			require.Error(t, err)
			_, err = f.Remove("a", "")
			require.Error(t, err)
			after, err := os.Lstat(f.file.Path())
			require.NoError(t, err)
			require.True(t, os.SameFile(before, after))
		})
	}
}

// TestFile_Link checks that the error for a link says that it is a link.
func TestFile_Link(t *testing.T) {
	f := newFile(t)
	require.NoError(t, os.MkdirAll(filepath.Dir(f.file.Path()), 0o700))
	require.NoError(t, os.Symlink("elsewhere", f.file.Path()))
	_, err := f.Read()
	require.ErrorContains(t, err, f.file.Path()+" is a symbolic link")
}

// TestFile_DiskFaults lets each step of writing the file fail once. The file has the acknowledgements of before or of after, and no other file is left.
func TestFile_DiskFaults(t *testing.T) {
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC} {
		f := newFile(t)
		_, err := f.Add(adopted("a", 1000), "", at)
		require.NoError(t, err)
		for step := 1; ; step++ {
			require.Less(t, step, 20)
			steps, failed := 0, atomicfile.Op("")
			inject := atomicfile.Fault(func(op atomicfile.Op, _ string) error {
				if steps++; steps == step {
					failed = op
					return fault
				}
				return nil
			})
			atomicfile.TestFault.Store(&inject)
			_, err := f.Add(adopted("b", 1000), "", at)
			atomicfile.TestFault.Store(nil)
			if failed == "" {
				require.NoError(t, err)
				break
			}
			require.ErrorIs(t, err, fault)
			list, err := f.Read()
			require.NoError(t, err)
			if failed != atomicfile.OpSyncDir { // after it, the new file is there
				require.Len(t, list, 2, failed)
			}
			left, err := os.ReadDir(filepath.Dir(f.file.Path()))
			require.NoError(t, err)
			require.Len(t, left, 1, failed)
		}
		list, err := f.Read()
		require.NoError(t, err)
		require.Len(t, list, 4)
	}
}

// TestFile_TooMany checks that the file does not grow without a limit, and that what is in it stays.
func TestFile_TooMany(t *testing.T) {
	f := newFile(t)
	var list []Ack
	for i := range maxAcks {
		list = append(list, Ack{Package: fmt.Sprint(i)})
	}
	require.NoError(t, f.write(list))
	_, err := f.Add(adopted("a", 1000), "", at)
	require.ErrorContains(t, err, "omg aur ack --remove")
	list, err = f.Read()
	require.NoError(t, err)
	require.Len(t, list, maxAcks)
}

// TestOpen_NoHome checks that without a home there is no file, instead of one in the working directory.
func TestOpen_NoHome(t *testing.T) {
	_, err := Open(paths.Env{Getenv: func(string) string { return "relative" }})
	require.Error(t, err)
}

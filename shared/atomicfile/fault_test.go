package atomicfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestFaults: each operation fails once, by a bad and by a full disk. The old content
// stays, or the new one is there whole; the error names the file, and no other is left.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	o := Options{Mode: 0o644, Sync: true}
	source, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer source.Close()
	_, err = source.WriteString("two")
	require.NoError(t, err)
	for name, replace := range map[string]func() error{
		"write": func() error { return Write(path, []byte("two"), o) },
		"write string": func() error {
			return WriteTo(path, o, func(f *File) error { _, err := f.WriteString("two"); return err })
		},
		"write at": func() error {
			return WriteTo(path, o, func(f *File) error { _, err := f.WriteAt([]byte("two"), 0); return err })
		},
		"copy": func() error {
			return WriteTo(path, o, func(f *File) error {
				_, err := source.Seek(0, 0)
				require.NoError(t, err)
				_, err = f.ReadFrom(source)
				return err
			})
		},
	} {
		for _, fault := range []error{unix.EIO, unix.ENOSPC} {
			t.Run(name+"/"+fault.Error(), func(t *testing.T) {
				failed := map[Op]bool{}
				for n := 1; ; n++ {
					require.NoError(t, Write(path, []byte("one"), o))
					at, op := 0, Op("")
					inject := Fault(func(now Op, of string) error {
						require.Equal(t, path, of)
						if at++; at == n {
							op = now
							return fault
						}
						return nil
					})
					Faults.Store(&inject)
					end := func() { Faults.Store(nil) }
					err := replace()
					end()
					if op == "" {
						require.NoError(t, err)
						require.Equal(t, "two", read(t, path))
						break
					}
					failed[op] = true
					require.ErrorIs(t, err, fault, op)
					require.ErrorContains(t, err, path, op)
					want := "one"
					if op == OpSyncDir {
						want = "two" // it was renamed already
					}
					require.Equal(t, want, read(t, path), op)
					require.Equal(t, []string{"file"}, names(t, dir), op)
				}
				require.Len(t, failed, 7)
			})
		}
	}
}

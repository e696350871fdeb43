package atomicfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestFaults lets each operation fail once, as on a bad disk and as on a full disk. It checks that the file has the
// complete old or the complete new content, that the error has the file's path, and that no temporary file is left.
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
					TestFault.Store(&inject)
					end := func() { TestFault.Store(nil) }
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
						want = "two" // the new file was renamed before the fault
					}
					require.Equal(t, want, read(t, path), op)
					require.Equal(t, []string{"file"}, names(t, dir), op)
				}
				require.Len(t, failed, 7)
			})
		}
	}
}

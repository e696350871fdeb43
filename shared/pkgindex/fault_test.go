package pkgindex

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/wire"
)

// TestWriteFile_Faults lets each step of writing an index fail once. Afterwards, the file is either the complete old
// index or the complete new index.
func TestWriteFile_Faults(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "core.omgidx")
	build := func(version string) *Builder {
		b := NewBuilder("test", 1)
		s := b.AddSource("core", KindRepo)
		require.NoError(t, s.Add(&wire.Package{Name: "a", Version: version, Desc: string(bytes.Repeat([]byte("words "), 1000))}))
		return b
	}
	for _, fault := range []error{unix.EIO, unix.ENOSPC} {
		for n := 1; ; n++ {
			require.NoError(t, build("1").WriteFile(path))
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			at, op := 0, atomicfile.Op("")
			inject := atomicfile.Fault(func(now atomicfile.Op, _ string) error {
				if at++; at == n {
					op = now
					return fault
				}
				return nil
			})
			atomicfile.TestFault.Store(&inject)
			end := func() { atomicfile.TestFault.Store(nil) }
			err = build("2").WriteFile(path)
			end()
			if op == "" {
				require.NoError(t, err)
				require.Greater(t, n, 7)
				break
			}
			require.ErrorIs(t, err, fault, op)
			f, err := Open(path, func(uint32) bool { return true })
			require.NoError(t, err, op)
			require.NoError(t, f.VerifyChecksums(), op)
			require.NoError(t, f.Close())
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, op != atomicfile.OpSyncDir, bytes.Equal(before, after), op)
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, 1, op)
		}
	}
}

package sectionfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
)

var testFormat = Format{Magic: "TESTFILE", Version: 3, Sections: []string{"AAAA", "BBBB", "CCCC"}, Rebuild: "rebuild it"}

func fillTest(out *Writer) error {
	out.WriteSection("AAAA", []byte("some bytes"))
	out.WriteSection("BBBB", nil)
	out.Begin("CCCC")
	out.Write([]byte("more "))
	out.Write(bytes.Repeat([]byte{7}, 1000))
	out.End()
	return nil
}

func testBytes(t testing.TB) []byte {
	t.Helper()
	data, err := testFormat.Bytes(fillTest)
	require.NoError(t, err)
	return data
}

func TestFormat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, testFormat.WriteFile(path, fillTest))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, testBytes(t), data)
	f, err := testFormat.Open(path, nil)
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, "some bytes", string(f.Section("AAAA")))
	require.Empty(t, f.Section("BBBB"))
	require.Len(t, f.Section("CCCC"), 1005)
	require.EqualValues(t, len(data), f.Size())
	require.Equal(t, path, f.Path())
	require.NoError(t, f.VerifyChecksums())
	require.NoError(t, f.Compare(fillTest))
	f.AdviseRandom()
	f.AdviseWillNeed(f.Section("CCCC")[500:])
}

func TestWriteTo_Pipe(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, testFormat.WriteTo(w, fillTest)) // a pipe holds more than the file has
	require.NoError(t, w.Close())
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, testBytes(t), data)
}

func TestCompare_Differs(t *testing.T) {
	f, err := testFormat.OpenBytes(testBytes(t))
	require.NoError(t, err)
	for name, fill := range map[string]func(*Writer) error{
		"AAAA": func(out *Writer) error {
			out.WriteSection("AAAA", []byte("some bytez"))
			return nil
		},
		"CCCC": func(out *Writer) error {
			out.WriteSection("AAAA", []byte("some bytes"))
			out.WriteSection("BBBB", nil)
			out.WriteSection("CCCC", []byte("mere"))
			return nil
		},
	} {
		err := f.Compare(fill)
		require.ErrorIs(t, err, ErrDamaged)
		require.ErrorContains(t, err, "section "+name)
	}
	wrong := errors.New("wrong")
	require.ErrorIs(t, f.Compare(func(*Writer) error { return wrong }), wrong)
}

// TestOpen_FlippedBits flips each bit of a file in turn. Open or VerifyChecksums must detect every flipped bit, except
// those in the unused part of the header and in the padding between sections.
func TestOpen_FlippedBits(t *testing.T) {
	good := testBytes(t)
	f, err := testFormat.OpenBytes(good)
	require.NoError(t, err)
	covered := make([]bool, len(good))
	for i := range testFormat.headSize() {
		covered[i] = i < 32 || i >= headerSize
	}
	for _, s := range f.table {
		for i := s.offset; i < s.offset+s.length; i++ {
			covered[i] = true
		}
	}
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			f, err := testFormat.OpenBytes(bad)
			if err == nil {
				err = f.VerifyChecksums()
			}
			if covered[i] {
				require.Error(t, err, "bit %d of byte %d", bit, i)
			}
		}
	}
	for n := range good {
		_, err := testFormat.OpenBytes(good[:n])
		require.Error(t, err, "%d bytes", n)
	}
}

func TestOpen_Refuses(t *testing.T) {
	me := func(uid uint32) bool { return uid == uint32(os.Getuid()) }
	for name, c := range map[string]struct {
		damage func(t *testing.T, path string)
		want   error
	}{
		"missing": {func(t *testing.T, p string) { require.NoError(t, os.Remove(p)) }, os.ErrNotExist},
		"a FIFO": {func(t *testing.T, p string) {
			require.NoError(t, os.Remove(p))
			require.NoError(t, syscall.Mkfifo(p, 0o644))
		}, ErrNotIndex},
		"an empty file":      {func(t *testing.T, p string) { require.NoError(t, os.Truncate(p, 0)) }, ErrNotIndex},
		"writable by group":  {func(t *testing.T, p string) { require.NoError(t, os.Chmod(p, 0o664)) }, paths.ErrUntrusted},
		"writable by others": {func(t *testing.T, p string) { require.NoError(t, os.Chmod(p, 0o646)) }, paths.ErrUntrusted},
		"truncated":          {func(t *testing.T, p string) { require.NoError(t, os.Truncate(p, 600)) }, ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			require.NoError(t, testFormat.WriteFile(path, fillTest))
			f, err := testFormat.Open(path, me)
			require.NoError(t, err)
			require.NoError(t, f.Close())
			c.damage(t, path)
			_, err = testFormat.Open(path, me)
			require.ErrorIs(t, err, c.want)
		})
	}
	newer := testFormat
	newer.Version++
	_, err := newer.OpenBytes(testBytes(t))
	require.ErrorIs(t, err, ErrVersion)
	require.ErrorContains(t, err, "rebuild it")
	more := testFormat
	more.Sections = append([]string{"DDDD"}, more.Sections...)
	_, err = more.OpenBytes(testBytes(t))
	require.ErrorIs(t, err, ErrDamaged)
}

func TestVerifyChecksums_TruncatedWhileMapped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, testFormat.WriteFile(path, fillTest))
	f, err := testFormat.Open(path, nil)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, os.Truncate(path, 0))
	require.ErrorIs(t, f.VerifyChecksums(), ErrDamaged)
}

// sparseFile skips what consists of zeros, so that the file has holes there.
type sparseFile struct{ *os.File }

func (f sparseFile) Write(b []byte) (int, error) {
	if len(bytes.Trim(b, "\x00")) > 0 {
		return f.File.Write(b)
	}
	at, err := f.Seek(int64(len(b)), io.SeekCurrent)
	if err == nil {
		err = f.Truncate(at)
	}
	return len(b), err
}

// TestOpen_Sparse checks that Open and OpenFromFile refuse a file that is nearly all holes before they map it, and that
// OpenFromFile does not change the offset of the open file.
func TestOpen_Sparse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, testFormat.WriteOpenFile(sparseFile{file}, func(out *Writer) error {
		out.WriteSection("AAAA", []byte("some bytes"))
		out.WriteSection("BBBB", nil)
		out.Begin("CCCC")
		zeros := make([]byte, 1<<20)
		for range 256 {
			out.Write(zeros)
		}
		out.End()
		return nil
	}))
	_, err = testFormat.Open(path, nil)
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorContains(t, err, "bytes were written")
	_, err = file.Seek(7, io.SeekStart)
	require.NoError(t, err)
	_, err = testFormat.OpenFromFile(file)
	require.ErrorIs(t, err, ErrDamaged)
	at, err := file.Seek(0, io.SeekCurrent)
	require.NoError(t, err)
	require.EqualValues(t, 7, at)
}

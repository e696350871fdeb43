package pkgindex

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sectionfile"
	"github.com/omg-arch/omg/shared/wire"
)

// allKinds returns queries of every kind: with words and expressions, for each field.
var allKinds = sync.OnceValue(func() (all []*Query) {
	for _, words := range [][]string{{"a"}, {"sh"}, {"shell"}, {"sh", "el"}, {"desc:shell"}, {"depends:glibc"}, {"repo:core"}, {"maint:me"}} {
		for _, regex := range []bool{false, true} {
			q, err := ParseQuery(&wire.SearchRequest{Words: words, Regex: regex, Sort: wire.SortName})
			if err != nil {
				panic(err)
			}
			all = append(all, q)
		}
	}
	return all
})

// useAll opens an index and calls the methods of File and FileSet, which must not crash. It returns the error of OpenBytes,
// Check or NewFileSet.
func useAll(t testing.TB, data []byte) error {
	t.Helper()
	f, err := OpenBytes(data)
	if err != nil {
		return err
	}
	checked := f.Check()
	s := NewFileSet([]*File{f}, FileSetOptions{})
	for _, q := range allKinds() {
		if r, err := s.Search(q, 0, 0); err == nil {
			_ = s.ReadRecords(r.Hits, true, func(Hit, Record, Record) bool { return true })
		}
	}
	_, _ = s.Lookup("", "sh")
	_, _ = s.NamesWithPrefix("s", 10)
	_, _ = s.Suggest("shh")
	_, _ = s.LookupByRelation(RelationDepends, "glibc")
	for _, err := range f.Packages() {
		if err != nil {
			break
		}
	}
	return checked
}

// TestCheck_FlippedBits flips each bit of an index in turn. OpenBytes or Check must detect every flipped bit, except
// those in the unused part of the header and in the padding between sections.
func TestCheck_FlippedBits(t *testing.T) {
	good := goldenIndex(t)
	require.NoError(t, useAll(t, good))
	f, err := OpenBytes(good)
	require.NoError(t, err)
	covered := make([]bool, len(good))
	for i := range headerSize + sectionEntrySize*len(format.Sections) {
		covered[i] = i < 32 || i >= headerSize
	}
	for _, name := range format.Sections {
		s := f.file.Section(name)
		for i := sectionOffset(good, name); i < sectionOffset(good, name)+len(s); i++ {
			covered[i] = true
		}
	}
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			err := useAll(t, bad)
			if covered[i] {
				require.Error(t, err, "bit %d of byte %d", bit, i)
			}
		}
	}
}

func TestOpen_Truncated(t *testing.T) {
	good := goldenIndex(t)
	for n := range good {
		require.Error(t, useAll(t, good[:n]), "%d bytes", n)
	}
}

// FuzzDamaged changes bytes of an index, and then corrects the checksums and the header, like an attacker. The methods
// must not crash.
func FuzzDamaged(f *testing.F) {
	good := goldenIndex(f)
	f.Add(uint32(400), []byte{0xff, 0xff, 0xff, 0xff})
	for at := uint32(headerSize); at < uint32(len(good)); at += 16 {
		f.Add(at, []byte{0x80, 0xff})
	}
	f.Fuzz(func(t *testing.T, offset uint32, replacement []byte) {
		bad := bytes.Clone(good)
		copy(bad[int(offset)%len(bad):], replacement)
		repair(bad)
		_ = useAll(t, bad)
	})
}

// FuzzOpen opens arbitrary bytes as an index. The methods must not crash.
func FuzzOpen(f *testing.F) {
	f.Add(goldenIndex(f))
	f.Add([]byte(format.Magic))
	f.Fuzz(func(t *testing.T, data []byte) { _ = useAll(t, data) })
}

// The sizes of the header and of an entry in the section table, see package sectionfile.
const (
	headerSize       = 64
	sectionEntrySize = 32
)

// sectionOffset returns where a section begins in an index.
func sectionOffset(data []byte, name string) int {
	e := data[headerSize+slices.Index(format.Sections, name)*sectionEntrySize:]
	return int(binary.LittleEndian.Uint64(e[8:]))
}

// repair recomputes the checksums of the header, the table and all sections.
func repair(b []byte) {
	copy(b, format.Magic)
	binary.LittleEndian.PutUint32(b[8:], FormatVersion)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(format.Sections)))
	binary.LittleEndian.PutUint64(b[16:], uint64(len(b)))
	for i := range format.Sections {
		e := b[headerSize+i*sectionEntrySize:][:sectionEntrySize]
		off, n := binary.LittleEndian.Uint64(e[8:]), binary.LittleEndian.Uint64(e[16:])
		if off <= uint64(len(b)) && n <= uint64(len(b))-off {
			binary.LittleEndian.PutUint32(e[4:], sectionfile.Checksum(b[off:off+n]))
		}
	}
	binary.LittleEndian.PutUint32(b[24:], sectionfile.Checksum(b[headerSize:headerSize+sectionEntrySize*len(format.Sections)]))
	binary.LittleEndian.PutUint32(b[28:], sectionfile.Checksum(b[:28]))
}

// writeGolden writes the index of goldenIndex to a temporary file, and returns its path.
func writeGolden(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.omgidx")
	require.NoError(t, os.WriteFile(path, goldenIndex(t), 0o644))
	return path
}

func TestOpen_Refuses(t *testing.T) {
	me := func(uid uint32) bool { return uid == uint32(os.Getuid()) }
	for name, c := range map[string]struct {
		damage func(t *testing.T, path string)
		want   error
	}{
		"missing":     {func(t *testing.T, p string) { require.NoError(t, os.Remove(p)) }, os.ErrNotExist},
		"a directory": {func(t *testing.T, p string) { require.NoError(t, os.Remove(p)); require.NoError(t, os.Mkdir(p, 0o755)) }, ErrNotIndex},
		"a FIFO": {func(t *testing.T, p string) {
			require.NoError(t, os.Remove(p))
			require.NoError(t, syscall.Mkfifo(p, 0o644))
		}, ErrNotIndex},
		"an empty file": {func(t *testing.T, p string) { require.NoError(t, os.Truncate(p, 0)) }, ErrNotIndex},
		"text": {func(t *testing.T, p string) {
			require.NoError(t, os.WriteFile(p, []byte("hello, world, this is text"), 0o644))
		}, ErrNotIndex},
		"writable by group":  {func(t *testing.T, p string) { require.NoError(t, os.Chmod(p, 0o664)) }, paths.ErrUntrusted},
		"writable by others": {func(t *testing.T, p string) { require.NoError(t, os.Chmod(p, 0o646)) }, paths.ErrUntrusted},
		"truncated":          {func(t *testing.T, p string) { require.NoError(t, os.Truncate(p, 600)) }, ErrDamaged},
		"a newer format": {func(t *testing.T, p string) {
			b, err := os.ReadFile(p)
			require.NoError(t, err)
			b[8]++
			require.NoError(t, os.WriteFile(p, b, 0o644))
		}, ErrVersion},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeGolden(t)
			f, err := Open(path, me)
			require.NoError(t, err)
			require.NoError(t, f.Check())
			require.NoError(t, f.Close())
			c.damage(t, path)
			_, err = Open(path, me)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, path)
		})
	}
	t.Run("another owner", func(t *testing.T) {
		_, err := Open(writeGolden(t), func(uint32) bool { return false })
		require.ErrorIs(t, err, paths.ErrUntrusted)
	})
}

// TestFile_TruncatedWhileMapped checks that reading a mapped file that was truncated returns an error and does not
// crash.
func TestFile_TruncatedWhileMapped(t *testing.T) {
	path := writeGolden(t)
	f, err := Open(path, nil)
	require.NoError(t, err)
	defer f.Close()
	s := NewFileSet([]*File{f}, FileSetOptions{})
	require.NoError(t, os.Truncate(path, 0))
	_, err = s.Lookup("", "sh")
	require.ErrorIs(t, err, ErrDamaged)
	q, err := ParseQuery(&wire.SearchRequest{Words: []string{"shell"}})
	require.NoError(t, err)
	_, err = s.Search(q, 0, 0)
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorIs(t, f.Check(), ErrDamaged)
}

func TestAdd_Oversized(t *testing.T) {
	s := NewBuilder("test", 1).AddSource("core", KindRepo)
	big := wire.Package{Repo: "core", Name: "big", Version: "1-1", Desc: string(bytes.Repeat([]byte{'x'}, MaxRecordSize))}
	require.ErrorIs(t, s.Add(&big), ErrRecordTooLarge)
	many := wire.Package{Repo: "core", Name: "many", Version: "1-1", Provides: make([]string, 70_000)}
	require.ErrorIs(t, s.Add(&many), ErrRecordTooLarge)
	require.Error(t, s.Add(&wire.Package{Repo: "core", Version: "1-1"}), "no name")
}

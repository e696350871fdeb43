package filesindex

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/commandindex"
	"github.com/omg-arch/omg/shared/sectionfile"
)

// allQueries are queries of every kind.
var allQueries = []struct {
	target     string
	expression bool
}{
	{"usr/bin/sh", false},
	{"usr/bin/", false},
	{"README", false},
	{"none", false},
	{"sh", true},
	{"readme", true},
	{"^s.*y$", true},
	{"usr/bin/sh", true},
	{"n/s", true},
	{"/", true},
	{"[a-z]", true},
}

// useAll opens an index and calls the methods of File, which must not crash. It returns the error of OpenBytes or Verify.
func useAll(t testing.TB, data []byte) error {
	t.Helper()
	f, err := OpenBytes(data)
	if err != nil {
		return err
	}
	for _, c := range allQueries {
		q, err := NewQuery(c.target, c.expression)
		require.NoError(t, err)
		if err := f.Find(q, t.Context().Err, func(Match) bool { return true }); err != nil {
			require.ErrorIs(t, err, ErrDamaged)
		}
	}
	for i := range f.PackageCount() {
		_, _ = f.Package(i)
		for _, err := range f.Paths(i) {
			if err != nil {
				require.ErrorIs(t, err, ErrDamaged)
			}
		}
	}
	_, _, _, _ = f.PackageFiles("sh")
	_, _ = f.Commands("sh")
	_, _ = f.CloseCommands("sh-coyp", 5)
	return f.Verify()
}

// TestVerify_FlippedBits flips each bit of an index in turn. OpenBytes or Verify must detect every flipped bit, except
// those in the unused part of the header and in the padding between sections.
func TestVerify_FlippedBits(t *testing.T) {
	good := goldenIndex(t)
	require.NoError(t, useAll(t, good))
	f, err := OpenBytes(good)
	require.NoError(t, err)
	covered := make([]bool, len(good))
	for i := range headerSize + sectionEntrySize*len(format.Sections) {
		covered[i] = i < 32 || i >= headerSize
	}
	for _, name := range format.Sections {
		at := sectionOffset(good, name)
		for i := at; i < at+len(f.file.Section(name)); i++ {
			covered[i] = true
		}
	}
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if err := useAll(t, bad); covered[i] {
				require.Error(t, err, "bit %d of byte %d", bit, i)
			}
		}
	}
}

// TestVerify_Forged changes each byte of the sections, and corrects the checksums like an attacker. Verify must detect
// every change but those of the facts.
func TestVerify_Forged(t *testing.T) {
	good := goldenIndex(t)
	f, err := OpenBytes(good)
	require.NoError(t, err)
	for _, name := range format.Sections {
		if name == commandindex.InfoSection {
			continue
		}
		at := sectionOffset(good, name)
		for i := at; i < at+len(f.file.Section(name)); i++ {
			for _, change := range []byte{1, 0x80, 0xff} {
				bad := bytes.Clone(good)
				bad[i] ^= change
				repair(bad)
				if err := useAll(t, bad); err == nil {
					require.True(t, isValidChange(t, bad), "byte %d of section %s is changed by %#x", i-at, name, change)
				} else {
					require.ErrorIs(t, err, ErrDamaged)
				}
			}
		}
	}
}

// isValidChange reports whether an index is what a builder writes from its packages: the change made another valid index,
// such as one with another version of a package.
func isValidChange(t *testing.T, data []byte) bool {
	t.Helper()
	f, err := OpenBytes(data)
	require.NoError(t, err)
	b := NewBuilder(f.info.Repository, f.info)
	for i := range f.PackageCount() {
		p, err := f.Package(i)
		require.NoError(t, err)
		var files []string
		for path, err := range f.Paths(i) {
			require.NoError(t, err)
			files = append(files, path)
		}
		require.NoError(t, b.Add(p.Name, p.Version, files, p.Groups...))
	}
	again, err := b.Bytes()
	require.NoError(t, err)
	return bytes.Equal(again, data)
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
	f.Add(uint32(700), []byte{0xff, 0xff, 0xff, 0xff})
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
	binary.LittleEndian.PutUint32(b[8:], format.Version)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(format.Sections)))
	binary.LittleEndian.PutUint64(b[16:], uint64(len(b)))
	table := b[headerSize:][:sectionEntrySize*len(format.Sections)]
	for e := table; len(e) > 0; e = e[sectionEntrySize:] {
		off, n := binary.LittleEndian.Uint64(e[8:]), binary.LittleEndian.Uint64(e[16:])
		if off <= uint64(len(b)) && n <= uint64(len(b))-off {
			binary.LittleEndian.PutUint32(e[4:], sectionfile.Checksum(b[off:off+n]))
		}
	}
	binary.LittleEndian.PutUint32(b[24:], sectionfile.Checksum(table))
	binary.LittleEndian.PutUint32(b[28:], sectionfile.Checksum(b[:28]))
}

// TestFile_TruncatedWhileMapped checks that reading a mapped file that was truncated returns an error and does not
// crash.
func TestFile_TruncatedWhileMapped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "core.files.omgidx")
	require.NoError(t, os.WriteFile(path, goldenIndex(t), 0o644))
	f, err := Open(path, nil)
	require.NoError(t, err)
	defer f.Close()
	commands, err := commandindex.Open(path, nil)
	require.NoError(t, err)
	defer commands.Close()
	require.NoError(t, os.Truncate(path, 0))
	for _, c := range allQueries {
		q, err := NewQuery(c.target, c.expression)
		require.NoError(t, err)
		require.ErrorIs(t, f.Find(q, t.Context().Err, func(Match) bool { return true }), ErrDamaged, c.target)
	}
	_, _, _, err = f.PackageFiles("sh")
	require.ErrorIs(t, err, ErrDamaged)
	for _, err := range f.Paths(0) {
		require.ErrorIs(t, err, ErrDamaged)
	}
	_, err = f.Commands("sh")
	require.ErrorIs(t, err, ErrDamaged)
	_, err = commands.Find("sh", 9)
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorIs(t, f.Verify(), ErrDamaged)
}

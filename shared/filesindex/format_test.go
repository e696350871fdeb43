package filesindex

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden file again")

// goldenIndex returns an index with every kind of entry: names that one and several packages have, directories with and
// without an entry of their own, duplicates, unusual bytes, groups, a package without files.
func goldenIndex(t testing.TB) []byte {
	t.Helper()
	b := NewBuilder("core", BuildInfo{
		Builder: "omg-index test", BuiltAt: 1000, SHA256: "abcd", FileSize: 12, AsOf: 900, LeftOutCount: 1, LeftOutReason: "bad: why",
	})
	require.NoError(t, b.Add("sh", "1:2.0-1", []string{"usr/", "usr/bin/", "usr/bin/sh", "usr/bin/sh-copy", "usr/share/doc/sh/README", "top"}, "base", "base-devel"))
	require.NoError(t, b.Add("a", "1-1", []string{"usr/share/doc/a/README", "usr/share/doc/a/README", "usr/share/doc/", "usr/share/doc/", "usr/bin/a"}))
	require.NoError(t, b.Add("empty", "1-1", nil))
	require.NoError(t, b.Add("z", "3-1", []string{"/abs", "../up", "a\nb/\xff", "usr/sbin/Straße", ""}))
	data, err := b.Bytes()
	require.NoError(t, err)
	return data
}

// TestGolden checks that the bytes of an index do not change: if the format changes, FormatVersion must change too.
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "v1.omgidx")
	data := goldenIndex(t)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, data)
}

// TestFormat checks the sections of the golden file by the package comment.
func TestFormat(t *testing.T) {
	data := goldenIndex(t)
	u32 := func(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	u64 := func(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	require.Equal(t, "OMGFILES", string(data[:8]))
	require.EqualValues(t, 1, u32(data, 8), "version")
	require.EqualValues(t, 15, u32(data, 12), "sections")
	sec := map[string][]byte{}
	for i, name := range []string{"INFO", "CMDS", "PKGN", "LIST", "PKGS", "DIRS", "DIRP", "DIRB", "DIRI", "DIRG", "NAMS", "NAMP", "NAMB", "NAMI", "NAMG"} {
		e := data[64+32*i:][:32]
		require.Equal(t, name, string(e[:4]))
		sec[name] = data[u64(e, 8):][:u64(e, 16)]
	}

	require.Equal(t, "\x04core\x0eomg-index test\x04abcd\x08bad: why", string(sec["INFO"][:len(sec["INFO"])-48]))
	for i, want := range []uint64{1000, 12, 900, 1, 4, 16} {
		require.Equal(t, want, u64(sec["INFO"][len(sec["INFO"])-48:], 8*i), "number %d", i)
	}

	require.Equal(t, "\x01a\x031-1\x05empty\x031-1\x02sh\x071:2.0-1\x04base\x0abase-devel\x01z\x033-1", string(sec["PKGN"]))
	require.Len(t, sec["PKGS"], 5*8)
	require.EqualValues(t, 6, u32(sec["PKGS"], 8), "the record of empty")

	// The directories and names, and their numbers.
	require.Equal(t, "\x00\x00\x03../\x00\x01/\x00\x04a\nb/\x00\x04usr/\x04\x04bin/\x04\x05sbin/\x05\x09hare/doc/\x0e\x02a/\x0e\x03sh/", string(sec["DIRS"]))
	require.EqualValues(t, 10, u64(sec["DIRB"], 0), "strings")
	require.Equal(t, "\x06README\x00\x07Stra\xc3\x9fe\x00\x01a\x01\x02bs\x00\x02sh\x02\x05-copy\x00\x03top\x00\x02up\x00\x01\xff", string(sec["NAMS"]))
	require.EqualValues(t, 9, u64(sec["NAMB"], 0), "strings")

	// The list of package a: usr/bin/a, usr/share/doc/ twice, usr/share/doc/a/README twice.
	require.Equal(t, []byte{
		5,
		10, 1 << 1, 2, // directory 5, one name, number 2
		4, 1, // directory 7 itself
		0, 1, // and again
		2, 2 << 1, 0, 0, // directory 8, two names, both number 0
	}, sec["LIST"][:u32(sec["PKGS"], 12)])
	require.Equal(t, []byte{0}, sec["LIST"][u32(sec["PKGS"], 12):u32(sec["PKGS"], 20)], "the list of empty")

	// The packages of the directories: "" is in 2 and 3, "../" in 3, "/" in 3, …
	require.Equal(t, []byte{2<<1 | 1, 2, 0, 6 << 1, 0, 0}, sec["DIRP"][:6])

	found := false
	for g := sec["NAMG"]; len(g) > 8; g = g[8:] {
		found = found || u32(g, 0) == 'r'<<16|'e'<<8|'a'
	}
	require.True(t, found, "the substring rea of README")
	require.EqualValues(t, 1<<24, u32(sec["NAMG"], len(sec["NAMG"])-8), "the final key")
	require.EqualValues(t, len(sec["NAMI"]), u32(sec["NAMG"], len(sec["NAMG"])-4), "the final offset")
}

func TestBuilder_Deterministic(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(5, 5))}
	packages := d.packages(100, 60)
	data := buildBytes(t, packages)
	d.Shuffle(len(packages), func(a, b int) { packages[a], packages[b] = packages[b], packages[a] })
	for _, p := range packages {
		d.Shuffle(len(p.files), func(a, b int) { p.files[a], p.files[b] = p.files[b], p.files[a] })
	}
	require.Equal(t, data, buildBytes(t, packages))
}

func TestBuilder_Info(t *testing.T) {
	f, err := OpenBytes(goldenIndex(t))
	require.NoError(t, err)
	require.Equal(t, &BuildInfo{
		Repository: "core", Builder: "omg-index test", BuiltAt: 1000, SHA256: "abcd", FileSize: 12, AsOf: 900,
		LeftOutCount: 1, LeftOutReason: "bad: why", PackageCount: 4, PathCount: 16,
	}, f.Info())
	require.Equal(t, 4, f.PackageCount())
	p, err := f.Package(2)
	require.NoError(t, err)
	require.Equal(t, Package{Name: "sh", Version: "1:2.0-1", Groups: []string{"base", "base-devel"}}, p)
	p, err = f.Package(0)
	require.NoError(t, err)
	require.Equal(t, Package{Name: "a", Version: "1-1"}, p)
}

package pkgindex

import (
	"bytes"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/sectionfile"
	"github.com/omg-arch/omg/shared/wire"
)

var update = flag.Bool("update", false, "write the golden file again")

// goldenPackages returns packages with every kind of field.
func goldenPackages() []wire.Package {
	return []wire.Package{
		{
			Repo: "core", Name: "sh", Version: "1:2.0-1", Desc: "Shell É", Groups: []string{"base"},
			Provides: []string{"Sh=2"}, Depends: []string{"glibc>=2"}, CSize: 300, BuildDate: 1,
			Validation: []string{"sha256"}, SHA256: "00ff",
		},
		{Repo: "core", Name: "a", Version: "1-1", OptDepends: []string{"sh: to run"}},
		{
			Repo: "aur", Name: "b", Version: "3-1",
			AUR: &wire.AUR{Votes: 7, Popularity: 0.5, Maintainer: "me", Keywords: []string{"key"}},
		},
	}
}

func goldenIndex(t testing.TB) []byte {
	t.Helper()
	b := NewBuilder("omg-index test", 1000)
	core, aur := b.AddSource("core", KindRepo), b.AddSource("aur", KindAUR)
	core.SetFileInfo("abcd", 12, 900)
	core.SetShares(readShares(t, map[string]float64{"sh": 12.34, "b": 1, "other": 2}))
	for _, p := range goldenPackages() {
		if p.Repo == "core" {
			require.NoError(t, core.Add(&p))
		} else {
			require.NoError(t, aur.Add(&p))
		}
	}
	data, err := b.Bytes()
	require.NoError(t, err)
	return data
}

// TestGolden checks that the bytes of an index do not change: if the format changes, Version must change too.
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "v3.omgidx")
	data := goldenIndex(t)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, data)
}

// TestFormat checks each field of the golden file, in the order of the package comment.
func TestFormat(t *testing.T) {
	data := goldenIndex(t)
	u32 := func(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	u64 := func(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

	// header
	require.Equal(t, "OMGINDEX", string(data[:8]))
	require.EqualValues(t, 3, u32(data, 8), "version")
	require.EqualValues(t, 11, u32(data, 12), "sections")
	require.EqualValues(t, len(data), u64(data, 16), "size")
	require.Equal(t, sectionfile.Checksum(data[64:64+11*32]), u32(data, 24), "table crc")
	require.Equal(t, sectionfile.Checksum(data[:28]), u32(data, 28), "header crc")
	require.Equal(t, make([]byte, 32), data[32:64], "zero")

	// section table
	sec := map[string][]byte{}
	for i, name := range []string{"FACT", "DOCS", "RANK", "SHAR", "RECS", "TEXT", "NAME", "GRAM", "TERM", "VALS", "POST"} {
		e := data[64+32*i:][:32]
		require.Equal(t, name, string(e[:4]))
		b := data[u64(e, 8):][:u64(e, 16)]
		require.Equal(t, sectionfile.Checksum(b), u32(e, 4), "crc of %s", name)
		require.Zero(t, u64(e, 8)%8, "alignment of %s", name)
		require.Zero(t, u64(e, 24))
		sec[name] = b
	}

	// FACT
	var facts map[string]any
	require.NoError(t, msgpack.Unmarshal(sec["FACT"], &facts))
	require.Equal(t, "omg-index test", facts["builder"])
	require.EqualValues(t, 1000, facts["built"])
	sources := facts["sources"].([]any)
	require.Len(t, sources, 2)
	require.Equal(t, "core", sources[0].(map[string]any)["name"])
	require.Equal(t, "abcd", sources[0].(map[string]any)["sha256"])
	require.Len(t, sources[0].(map[string]any)["popularity_sha256"], 64)
	require.NotContains(t, sources[1], "popularity_sha256")
	require.EqualValues(t, 2, sources[1].(map[string]any)["first"])
	require.Equal(t, "aur", sources[1].(map[string]any)["kind"])

	// DOCS and TEXT: the packages sh, a (after sh, because its share is unknown and no package needs it) and b
	texts := []string{"sh\x00sh\x00base\x00shell \u00c9\x00", "a\x00\x00", "b\x00\x00"}
	require.Equal(t, texts[0]+texts[1]+texts[2], string(sec["TEXT"]))
	require.Len(t, sec["DOCS"], 4*24)
	doc := sec["DOCS"][:24]
	require.Zero(t, u32(doc, 4), "text")
	require.EqualValues(t, len(texts[0]), u32(sec["DOCS"][24:], 4), "text of the next doc")
	require.EqualValues(t, 2, u32(doc, 8), "name")
	require.EqualValues(t, 3, u32(doc, 12), "provides")
	require.EqualValues(t, 5, u32(doc, 16), "groups")
	require.EqualValues(t, 1<<('s'-'a')|1<<('h'-'a'), u32(doc, 20), "letters")

	// RANK: the share of sh in hundredths of a percent and one, 1235, is 2^10 * 1.2, and sh has the description "shell É"; b has 7 votes
	require.Equal(t, []byte{96 + 6*10 + 1, 8, 96, 0, 96 + 30, 0}, sec["RANK"])

	// SHAR: the share of a is unknown, and b belongs to the AUR
	require.Equal(t, []byte{1235 & 0xff, 1235 >> 8, 0, 0, 0, 0}, sec["SHAR"])

	// RECS
	rec := sec["RECS"][u32(doc, 0):u32(sec["DOCS"][24:], 0)]
	n := u32(rec, 8)
	require.Equal(t, sectionfile.Checksum(rec[14:14+n]), u32(rec, 0), "summary crc")
	require.Equal(t, sectionfile.Checksum(rec[14+n:]), u32(rec, 4), "details crc")
	require.EqualValues(t, []byte{5, 6}, rec[12:14], "pairs")
	var p wire.Package
	require.NoError(t, msgpack.Unmarshal(append([]byte{0x80 | 11}, rec[14:]...), &p))
	require.Equal(t, goldenPackages()[0], p)

	// NAME: the packages a, b, sh, which are docs 1, 2, 0
	require.Equal(t, []byte{1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0}, sec["NAME"])

	// GRAM: doc 1 has the exact name "a", and a group of doc 0 contains "a"
	gram := func(key uint32) (where, count uint32, ok bool) {
		for g := sec["GRAM"]; len(g) > 0; g = g[12:] {
			if u32(g, 0) == key {
				return u32(g, 4), u32(g, 8), true
			}
		}
		return 0, 0, false
	}
	where, count, ok := gram(0<<29 | 1<<24 | 'a')
	require.True(t, ok)
	require.Equal(t, []uint32{1, 1}, []uint32{where, count}, "a list of one is the doc itself")
	where, count, ok = gram(5<<29 | 1<<24 | 'a')
	require.True(t, ok)
	require.Equal(t, []uint32{0, 1}, []uint32{where, count})
	_, _, ok = gram(3<<24 | 's'<<16 | 'h'<<8 | 'e')
	require.True(t, ok, "trigram of a description")
	_, _, ok = gram(3<<24 | 's'<<16 | 'h'<<8)
	require.False(t, ok, "no trigram has the NUL between fields")

	// TERM and VALS: sh is an optional dependency of doc 1
	found := false
	for e := sec["TERM"]; len(e) > 0; e = e[16:] {
		v := sec["VALS"][u32(e, 4):]
		if bytes.HasPrefix(v, []byte("\x02osh")) {
			found = true
			require.Equal(t, termHash('o', "sh"), u32(e, 0))
			require.Equal(t, []uint32{1, 1}, []uint32{u32(e, 8), u32(e, 12)})
		}
	}
	require.True(t, found)
}

func TestPosting_Sizes(t *testing.T) {
	for _, docs := range []uint32{1, 7, 8, 9, 64, 1000} {
		for _, step := range []uint32{1, 2, 3, 15, 16, 17, 100, 500} {
			var list []uint32
			for d := uint32(0); d < docs; d += step {
				list = append(list, d)
			}
			p := postingList{count: uint32(len(list)), indexDocCount: docs, onlyDoc: list[0]}
			if len(list) > 1 {
				p.encoded = appendPostingList(nil, list, docs)
			}
			got, err := p.appendDocs(nil)
			require.NoError(t, err)
			require.Equal(t, list, got, "%d docs, step %d", docs, step)
			var set, want []uint32
			for d := uint32(0); d < docs; d += 3 {
				set = append(set, d)
				if d%step == 0 {
					want = append(want, d)
				}
			}
			kept, err := p.intersect(set)
			require.NoError(t, err)
			require.Equal(t, want, kept, "%d docs, step %d", docs, step)
		}
	}
}

func TestStripVersion(t *testing.T) {
	for in, want := range map[string]string{
		"glibc": "glibc", "glibc>=2.36": "glibc", "a=1:2-3": "a", "a<2": "a", "sh: to run": "sh",
		"libx.so=6-64": "libx.so", "python>=3: for x=y": "python", "perl(A::B)": "perl(A::B)", "": "",
	} {
		require.Equal(t, want, stripVersion(in), in)
	}
}

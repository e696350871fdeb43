package pkgindex

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/sectionfile"
	"github.com/omg-arch/omg/shared/wire"
)

// forged is an index that a test takes apart, to change parts of it and put it together again.
type forged struct {
	t        testing.TB
	sections map[string][]byte
	records  [][]byte
}

// verifiable returns an index that contains every encoding of a list (a single doc, varints, a bitmap) and values of
// every kind.
func verifiable(t testing.TB) []byte {
	t.Helper()
	b := NewBuilder("omg-index test", 1000)
	core, aur := b.AddSource("core", KindRepo), b.AddSource("aur", KindAUR)
	core.SetShares(readShares(t, map[string]float64{"sh": 50}))
	for _, p := range goldenPackages()[:2] {
		require.NoError(t, core.Add(&p))
	}
	for i := range 70 {
		p := wire.Package{Repo: "aur", Name: "pkg" + string(rune('a'+i%26)) + string(rune('a'+i/26)), Version: "1-1", AUR: &wire.AUR{Votes: uint32(100 - i)}}
		if i < 2 {
			p.Desc, p.Depends = "rare words", []string{"glibc"}
		}
		p.EmptyDesc = i == 5
		require.NoError(t, aur.Add(&p))
	}
	data, err := b.Bytes()
	require.NoError(t, err)
	return data
}

func takeApart(t testing.TB, data []byte) *forged {
	t.Helper()
	f, err := OpenBytes(data)
	require.NoError(t, err)
	require.NoError(t, f.Verify())
	o := &forged{t: t, sections: make(map[string][]byte)}
	for _, name := range format.Sections {
		o.sections[name] = bytes.Clone(f.file.Section(name))
	}
	for doc := range int(f.docCount) {
		start, end := binary.LittleEndian.Uint32(f.docTable[doc*docEntrySize:]), binary.LittleEndian.Uint32(f.docTable[(doc+1)*docEntrySize:])
		o.records = append(o.records, bytes.Clone(f.recordSection[start:end]))
	}
	return o
}

// bytes puts the index together, with correct offsets and checksums.
func (o *forged) bytes() []byte {
	var records []byte
	docs := o.sections[docsSection]
	for doc, r := range o.records {
		binary.LittleEndian.PutUint32(docs[doc*docEntrySize:], uint32(len(records)))
		n := binary.LittleEndian.Uint32(r[8:])
		binary.LittleEndian.PutUint32(r, sectionfile.Checksum(r[recordHeaderSize:][:n]))
		binary.LittleEndian.PutUint32(r[4:], sectionfile.Checksum(r[recordHeaderSize+n:]))
		records = append(records, r...)
	}
	binary.LittleEndian.PutUint32(docs[len(docs)-docEntrySize:], uint32(len(records)))
	o.sections[recordsSection] = records
	forgedFormat := format
	if _, more := o.sections["MORE"]; more {
		forgedFormat.Sections = append(slices.Clone(format.Sections), "MORE")
	}
	data, err := forgedFormat.Bytes(func(out *sectionfile.Writer) error {
		for _, name := range forgedFormat.Sections {
			out.WriteSection(name, o.sections[name])
		}
		return nil
	})
	require.NoError(o.t, err)
	return data
}

// replace replaces the first occurrence of the text old, in a section or a record, with a text of the same length.
func (o *forged) replace(in []byte, old, with string) {
	o.t.Helper()
	at := bytes.Index(in, []byte(old))
	require.GreaterOrEqual(o.t, at, 0)
	require.Len(o.t, with, len(old))
	copy(in[at:], with)
}

// facts calls the function change with the build facts, and encodes the changed facts into section FACT.
func (o *forged) facts(change func(*IndexInfo)) {
	o.t.Helper()
	var f IndexInfo
	require.NoError(o.t, msgpack.Unmarshal(o.sections[factsSection], &f))
	change(&f)
	var err error
	o.sections[factsSection], err = msgpack.Marshal(&f)
	require.NoError(o.t, err)
}

// entry returns the first entry of the section with the given name, GRAM or TERM, whose list has at least minDocs and at
// most maxDocs docs. The parameter size is the size of an entry.
func (o *forged) entry(name string, size int, minDocs, maxDocs uint32) []byte {
	o.t.Helper()
	for b := o.sections[name]; len(b) > 0; b = b[size:] {
		if n := binary.LittleEndian.Uint32(b[size-4:]); n >= minDocs && n <= maxDocs {
			return b[:size]
		}
	}
	require.Fail(o.t, "no such list")
	return nil
}

func increase(b []byte, by uint32) {
	binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)+by)
}

// wrongs lists faults that an incorrect or malicious builder could put into an index. The key names the fault; want is a
// part of the error that Verify must return for the fault.
var wrongs = map[string]struct {
	change func(o *forged)
	want   string
}{
	"names not sorted": {func(o *forged) {
		n := o.sections[namesSection]
		a, b := binary.LittleEndian.Uint32(n), binary.LittleEndian.Uint32(n[4:])
		binary.LittleEndian.PutUint32(n, b)
		binary.LittleEndian.PutUint32(n[4:], a)
	}, "section NAME"},
	"a name twice":      {func(o *forged) { n := o.sections[namesSection]; copy(n[4:8], n[:4]) }, "section NAME"},
	"letters of a name": {func(o *forged) { o.sections[docsSection][20] ^= 1 }, "section DOCS"},
	"a field's length":  {func(o *forged) { increase(o.sections[docsSection][12:], 1) }, "section DOCS"},
	"text without a record": {func(o *forged) {
		o.sections[textSection] = append(o.sections[textSection], "more\x00"...)
		increase(o.sections[docsSection][len(o.sections[docsSection])-docEntrySize+4:], 5)
	}, "section DOCS"},
	"text of another package":    {func(o *forged) { o.replace(o.sections[textSection], "shell", "shall") }, "section TEXT"},
	"text that is not folded":    {func(o *forged) { o.replace(o.sections[textSection], "shell", "SHELL") }, "section TEXT"},
	"a name that the text lacks": {func(o *forged) { o.replace(o.records[2], "pkgaa", "pkgzz") }, `"aur"`},
	"another rank":               {func(o *forged) { o.sections[ranksSection][0]++ }, "section RANK"},
	"another share":              {func(o *forged) { o.sections[sharesSection][1]-- }, "section RANK"},
	"a share of a rank":          {func(o *forged) { clear(o.sections[sharesSection][:shareEntrySize]) }, "section RANK"},
	"more than all machines":     {func(o *forged) { copy(o.sections[sharesSection], "\x12\x27") }, "the share of doc 0"},
	"a share of the AUR":         {func(o *forged) { o.sections[sharesSection][2*shareEntrySize] = 1 }, "the share of doc 2"},
	"no shares":                  {func(o *forged) { o.sections[sharesSection] = nil }, "section RANK"},
	"a share too few":            {func(o *forged) { o.sections[sharesSection] = o.sections[sharesSection][shareEntrySize:] }, "section SHAR has the wrong length"},
	"shares without their file": {func(o *forged) {
		o.facts(func(f *IndexInfo) { f.Sources[0].PopularitySHA256 = "" })
	}, "the share of doc 0"},
	"a package of another source": {func(o *forged) { o.replace(o.records[0], "core", "cora") }, `of "cora"`},
	"a package without a version": {func(o *forged) { o.replace(o.records[0], "version", "virsion") }, "record 0"},
	"an unknown key":              {func(o *forged) { o.replace(o.records[0], "csize", "casio") }, "record 0 is not encoded"},
	"keys in another order": {func(o *forged) {
		r := o.records[1]
		n := binary.LittleEndian.Uint32(r[8:])
		var one, two bytes.Buffer
		_ = msgpack.NewEncoder(&one).EncodeMulti("repo", "core")
		_ = msgpack.NewEncoder(&two).EncodeMulti("name", "a")
		o.records[1] = append(append(append(append([]byte(nil), r[:recordHeaderSize]...), two.Bytes()...), one.Bytes()...), r[recordHeaderSize+one.Len()+two.Len():]...)
		require.EqualValues(o.t, n, binary.LittleEndian.Uint32(o.records[1][8:]))
	}, "record 1 is not encoded"},
	"a pair too many":                        {func(o *forged) { o.records[0][12]++ }, "record"},
	"pairs of the summary among the details": {func(o *forged) { o.records[0][12]--; o.records[0][13]++ }, "section RECS"},
	"packages not sorted": {func(o *forged) {
		// The first package of the AUR has 100 votes, more than any other. Change this to 1 vote.
		o.replace(o.records[2], "votes\xce\x00\x00\x00\x64", "votes\xce\x00\x00\x00\x01")
	}, "not sorted"},
	"a doc left out of a list":     {func(o *forged) { increase(o.entry(gramsSection, gramEntrySize, 2, 2)[8:], ^uint32(0)) }, "section GRAM"},
	"another doc in a list of one": {func(o *forged) { increase(o.entry(gramsSection, gramEntrySize, 1, 1)[4:], 1) }, "section GRAM"},
	"another doc in a list of varints": {func(o *forged) {
		e := o.entry(gramsSection, gramEntrySize, 2, 2)
		o.sections[postingsSection][binary.LittleEndian.Uint32(e[4:])]++
	}, "section POST"},
	"another doc in a bitmap": {func(o *forged) {
		e := o.entry(gramsSection, gramEntrySize, 10, 72)
		o.sections[postingsSection][binary.LittleEndian.Uint32(e[4:])] ^= 2
	}, "section POST"},
	"a substring without a list": {func(o *forged) {
		o.sections[gramsSection] = o.sections[gramsSection][:len(o.sections[gramsSection])-gramEntrySize]
	}, "section"},
	"a substring that no text has": {func(o *forged) {
		last := bytes.Clone(o.sections[gramsSection][len(o.sections[gramsSection])-gramEntrySize:])
		increase(last, 1)
		o.sections[gramsSection] = append(o.sections[gramsSection], last...)
	}, "section GRAM"},
	"a value of no package":      {func(o *forged) { o.replace(o.sections[valuesSection], "dglibc", "dglibd") }, "section VALS"},
	"a value in another field":   {func(o *forged) { o.replace(o.sections[valuesSection], "dglibc", "mglibc") }, "section VALS"},
	"a value under another hash": {func(o *forged) { increase(o.sections[termsSection][len(o.sections[termsSection])-termEntrySize:], 1) }, "section TERM"},
	"another doc of a value":     {func(o *forged) { increase(o.entry(termsSection, termEntrySize, 1, 1)[8:], 1) }, "section TERM"},
	"a value without an entry":   {func(o *forged) { o.sections[valuesSection] = append(o.sections[valuesSection], "\x01dx"...) }, "section"},
	"a list without an entry":    {func(o *forged) { o.sections[postingsSection] = append(o.sections[postingsSection], 1, 1) }, ""},
	"lists that overlap": {func(o *forged) {
		g := o.sections[gramsSection]
		for b := g; len(b) > 0; b = b[gramEntrySize:] {
			binary.LittleEndian.PutUint32(b[4:], 0)
			binary.LittleEndian.PutUint32(b[8:], 60)
		}
	}, "the lists together are longer"},
	"a package in another source": {func(o *forged) {
		o.facts(func(f *IndexInfo) { f.Sources[0].PackageCount++; f.Sources[1].FirstDoc++; f.Sources[1].PackageCount-- })
	}, `of "aur"`},
	"a repository that is the AUR": {func(o *forged) { o.facts(func(f *IndexInfo) { f.Sources[0].Kind = KindAUR }) }, "does not have the fields"},
	"an AUR that is a repository":  {func(o *forged) { o.facts(func(f *IndexInfo) { f.Sources[1].Kind = KindRepo }) }, "does not have the fields"},
	"an unknown kind":              {func(o *forged) { o.facts(func(f *IndexInfo) { f.Sources[0].Kind = "deb" }) }, `unknown kind "deb"`},
	"a source twice": {func(o *forged) {
		o.facts(func(f *IndexInfo) {
			f.Sources = append(f.Sources, SourceInfo{Name: "core", Kind: KindRepo, FirstDoc: 72})
		})
	}, `two sources are called "core"`},
	"facts with more": {func(o *forged) { o.sections[factsSection] = append(o.sections[factsSection], 0xc0) }, ""},
	"a section more":  {func(o *forged) { o.sections["MORE"] = []byte("more") }, ""},
}

// TestVerify_Wrong checks each fault in the table wrongs, in an index whose checksums are correct. Verify must find the
// fault, and no method that reads the index may panic.
func TestVerify_Wrong(t *testing.T) {
	good := verifiable(t)
	require.Equal(t, good, takeApart(t, good).bytes(), "what is put together without a change")
	for name, c := range wrongs {
		t.Run(name, func(t *testing.T) {
			o := takeApart(t, good)
			c.change(o)
			bad := o.bytes()
			require.NotEqual(t, good, bad)
			f, err := OpenBytes(bad)
			if err == nil {
				require.NoError(t, f.VerifyChecksums(), "the checksums are right")
				err = f.Verify()
			}
			require.ErrorIs(t, err, ErrDamaged)
			require.ErrorContains(t, err, c.want)
			_ = useAll(t, bad)
		})
	}
}

// TestVerify_EveryByte checks that Verify finds a change of any byte of an index, also in padding and in reserved bytes.
func TestVerify_EveryByte(t *testing.T) {
	good := goldenIndex(t)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x41
		f, err := OpenBytes(bad)
		if err == nil {
			err = f.Verify()
		}
		require.Error(t, err, "byte %d", i)
	}
}

// FuzzVerify changes bytes of an index and corrects all checksums. If Verify accepts the file, look-ups must find each
// package by its name and by each of its dependencies.
func FuzzVerify(f *testing.F) {
	good := verifiable(f)
	for at := uint32(headerSize); at < uint32(len(good)); at += 256 {
		f.Add(at, []byte{0x01})
		f.Add(at, []byte{0x80, 0xff})
	}
	f.Fuzz(func(t *testing.T, at uint32, with []byte) {
		bad := bytes.Clone(good)
		copy(bad[int(at)%len(bad):], with)
		repairRecords(bad)
		repair(bad)
		file, err := OpenBytes(bad)
		if err != nil || file.Verify() != nil {
			_ = useAll(t, bad)
			return
		}
		s := NewFileSet([]*File{file}, FileSetOptions{})
		for p, err := range file.Packages() {
			require.NoError(t, err)
			found, err := s.Lookup(p.Repo, p.Name)
			require.NoError(t, err)
			require.NotEmpty(t, found, p.Name)
			for _, d := range p.Depends {
				found, err := s.LookupByRelation(RelationDepends, stripVersion(d))
				require.NoError(t, err)
				require.NotEmpty(t, found, d)
			}
		}
	})
}

// repairRecords recomputes the checksums of an index's records. It does nothing if OpenBytes would refuse the index even
// with correct checksums of the header and the sections.
func repairRecords(b []byte) {
	c := bytes.Clone(b)
	repair(c)
	f, err := OpenBytes(c)
	if err != nil {
		return
	}
	at := uint64(sectionOffset(b, recordsSection))
	for doc := range int(f.docCount) {
		start, end := uint64(binary.LittleEndian.Uint32(f.docTable[doc*docEntrySize:])), uint64(binary.LittleEndian.Uint32(f.docTable[(doc+1)*docEntrySize:]))
		if end > uint64(len(f.recordSection)) || start+recordHeaderSize > end {
			continue
		}
		r := b[at+start : at+end]
		if n := uint64(binary.LittleEndian.Uint32(r[8:])); n <= uint64(len(r)-recordHeaderSize) {
			binary.LittleEndian.PutUint32(r, sectionfile.Checksum(r[recordHeaderSize:][:n]))
			binary.LittleEndian.PutUint32(r[4:], sectionfile.Checksum(r[recordHeaderSize+n:]))
		}
	}
}

package pkgindex

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/sectionfile"
	"github.com/omg-arch/omg/shared/wire"
)

// Builder collects packages and writes them into one index. Several goroutines may add packages concurrently, each
// to a different source. The packages of a source have different names and may be added in any order: the written bytes depend only on
// the packages and the facts.
type Builder struct {
	indexInfo IndexInfo
	sources   []*SourceBuilder
}

// NewBuilder returns an empty Builder. The parameters program and built (in Unix seconds) become the fields Builder and
// Built of the index's BuildInfo.
func NewBuilder(program string, built int64) *Builder {
	return &Builder{indexInfo: IndexInfo{Builder: program, BuiltAt: built}}
}

// AddSource begins the next source of the index, in the order of the file. It must not be called concurrently.
func (b *Builder) AddSource(name string, kind SourceKind) *SourceBuilder {
	s := newSourceBuilder(name, kind)
	b.sources = append(b.sources, s)
	return s
}

func newSourceBuilder(name string, kind SourceKind) *SourceBuilder {
	return &SourceBuilder{
		info:          SourceInfo{Name: name, Kind: kind},
		recordEncoder: newRecordEncoder(),
		termIDs:       make(map[termKey]uint32),
	}
}

// SourceBuilder is a repository or the AUR in an index that is being built.
type SourceBuilder struct {
	info          SourceInfo
	shares        *popularity.Shares
	recordEncoder *recordEncoder
	docs          []pendingDoc
	records       arena
	lastRecord    []byte // the record of the package that Add is adding
	text          []byte
	termIDs       map[termKey]uint32
	termKeys      []termKey
	termUses      []termUse
}

// pendingDoc is a package that was added.
type pendingDoc struct {
	record                                  arenaRef
	textStart                               uint32
	nameLen, providesTextLen, groupsTextLen uint32 // how many bytes the name, the provides and the groups have in the text
	textLen                                 uint32
	votes                                   uint32
	share                                   storedShare
	rank                                    docRank
	addOrder                                uint32 // how many packages of the source were added before this one
}

// The letters that identify the fields in the TERM dictionary.
const (
	termProvides     = 'p'
	termGroup        = 'g'
	termDepends      = 'd'
	termOptDepends   = 'o'
	termMakeDepends  = 'm'
	termCheckDepends = 'c'
	termReplaces     = 'r'
	termMaintainer   = 'M'
	termKeyword      = 'k'
)

type termKey struct {
	field byte
	value string
}

type termUse struct{ doc, termID uint32 }

// MaxRecordSize is the maximum size of one package's record in bytes: half a frame of a reply. It limits the memory that a
// package needs.
const MaxRecordSize = wire.MaxFrameSize / 2

// SetFileInfo sets the facts about the file that the source's packages come from.
func (s *SourceBuilder) SetFileInfo(sha256 string, size, asOf int64) {
	s.info.SHA256, s.info.FileSize, s.info.AsOf = sha256, size, asOf
}

// SetCommit sets the commit of the git archive that the packages come from.
func (s *SourceBuilder) SetCommit(commit string) { s.info.Commit = commit }

// AddLeftOut records in the facts that n packages of the source file were not added, or were added without some of their
// data. The parameter why is the reason for the first of these packages; only the reason of the first call is kept.
func (s *SourceBuilder) AddLeftOut(n int, why string) {
	if n > 0 && s.info.LeftOutCount == 0 {
		s.info.LeftOutReason = fmt.Sprintf("%.300s", why)
	}
	s.info.LeftOutCount += uint32(n)
}

// Reset removes all packages that were added, and the facts about their file, so that the source can be filled again. The shares stay.
func (s *SourceBuilder) Reset() {
	shares := s.shares
	*s = *newSourceBuilder(s.info.Name, s.info.Kind)
	s.SetShares(shares)
}

// Add adds a package to the source. The caller may change or reuse p afterwards.
func (s *SourceBuilder) Add(p *wire.Package) error {
	if s.records.size > maxSectionLen-wire.MaxFrameSize || len(s.text) > maxSectionLen-wire.MaxFrameSize {
		return fmt.Errorf("%w: %s", ErrTooLarge, s.info.Name)
	}
	var err error
	if s.lastRecord, err = s.recordEncoder.appendChecked(s.lastRecord[:0], p); err != nil {
		return err
	}
	d := pendingDoc{record: s.records.add(s.lastRecord), textStart: uint32(len(s.text)), addOrder: uint32(len(s.docs))}
	if p.AUR != nil {
		d.votes = p.AUR.Votes
	}
	if share, ok := s.shares.Of(p.Name); ok {
		d.share = storeShare(share)
	}

	var lens textLens
	s.text, lens = appendText(s.text, p)
	d.nameLen, d.providesTextLen, d.groupsTextLen = uint32(lens.name), uint32(lens.provides), uint32(lens.groups)
	d.textLen = uint32(len(s.text)) - d.textStart

	s.addTerms(d.addOrder, p)
	s.docs = append(s.docs, d)
	return nil
}

func (s *SourceBuilder) addTerms(doc uint32, p *wire.Package) {
	for _, r := range [...]struct {
		field byte
		list  []string
	}{
		{termProvides, p.Provides},
		{termDepends, p.Depends},
		{termOptDepends, p.OptDepends},
		{termMakeDepends, p.MakeDepends},
		{termCheckDepends, p.CheckDepends},
		{termReplaces, p.Replaces},
	} {
		for _, v := range r.list {
			s.addTerm(doc, r.field, stripVersion(v))
		}
	}
	for _, v := range p.Groups {
		s.addTerm(doc, termGroup, v)
	}
	if p.AUR != nil {
		if p.AUR.Maintainer != "" {
			s.addTerm(doc, termMaintainer, p.AUR.Maintainer)
		}
		for _, v := range p.AUR.CoMaintainers {
			s.addTerm(doc, termMaintainer, v)
		}
		for _, v := range p.AUR.Keywords {
			s.addTerm(doc, termKeyword, v)
		}
	}
}

func (s *SourceBuilder) addTerm(doc uint32, field byte, value string) {
	k := termKey{field, fold.String(value)}
	id, ok := s.termIDs[k]
	if !ok {
		k.value = strings.Clone(k.value) // it may be a part of a text with all values of the package
		id = uint32(len(s.termKeys))
		s.termIDs[k] = id
		s.termKeys = append(s.termKeys, k)
	}
	s.termUses = append(s.termUses, termUse{doc, id})
}

// sortDocs ranks the docs, and sorts them into the order of the file.
func (s *SourceBuilder) sortDocs() {
	s.rankDocs()
	slices.SortFunc(s.docs, func(a, b pendingDoc) int {
		if c := cmp.Or(cmp.Compare(b.rank.prominence, a.rank.prominence), cmp.Compare(a.nameLen, b.nameLen)); c != 0 {
			return c
		}
		if c := bytes.Compare(s.foldedNameOf(a), s.foldedNameOf(b)); c != 0 {
			return c
		}
		return cmp.Or(s.compareNames(a, b), cmp.Compare(a.addOrder, b.addOrder)) // few packages need their names to be read
	})
}

// compareNames compares the names of two docs as they are in the source, before case folding.
func (s *SourceBuilder) compareNames(a, b pendingDoc) int {
	return bytes.Compare(s.nameOf(a), s.nameOf(b))
}

func (s *SourceBuilder) nameOf(d pendingDoc) []byte {
	name, _ := nthSummaryString(s.records.get(d.record)[recordHeaderSize:], 1)
	return name
}

func (s *SourceBuilder) foldedNameOf(d pendingDoc) []byte {
	return s.text[d.textStart : d.textStart+d.nameLen]
}

// Bytes returns the index as bytes.
func (b *Builder) Bytes() ([]byte, error) { return format.Bytes(b.writeSections) }

// WriteFile atomically replaces the file at path with the index.
func (b *Builder) WriteFile(path string) error { return format.WriteFile(path, b.writeSections) }

// WriteTo writes the index to f, which must be an empty file or a pipe.
func (b *Builder) WriteTo(f *os.File) error { return format.WriteTo(f, b.writeSections) }

// writeSections writes the sections.
func (b *Builder) writeSections(out *sectionfile.Writer) error {
	docs := uint64(0)
	for _, s := range b.sources {
		docs += uint64(len(s.docs))
	}
	if docs > maxSectionLen/docEntrySize-1 {
		return fmt.Errorf("%w: %d packages", ErrTooLarge, docs)
	}
	n := uint32(docs)

	var wait sync.WaitGroup
	for _, s := range b.sources {
		wait.Go(s.sortDocs)
	}
	wait.Wait()
	b.indexInfo.Sources = nil
	first := uint32(0)
	for _, s := range b.sources {
		s.info.FirstDoc, s.info.PackageCount = first, uint32(len(s.docs))
		b.indexInfo.Sources = append(b.indexInfo.Sources, s.info)
		first += s.info.PackageCount
	}
	facts, err := msgpack.Marshal(&b.indexInfo)
	if err != nil {
		return err
	}

	out.WriteSection(factsSection, facts)
	out.WriteSection(docsSection, b.encodeDocs(n))
	out.WriteSection(ranksSection, b.encodeRanks(n))
	out.WriteSection(sharesSection, b.encodeShares(n))
	out.Begin(recordsSection)
	for _, s := range b.sources {
		for _, d := range s.docs {
			out.Write(s.records.get(d.record))
		}
		s.records, s.recordEncoder, s.lastRecord = arena{}, nil, nil // free the records: they use most of the memory, and the next steps do not need them
	}
	out.End()
	out.Begin(textSection)
	for _, s := range b.sources {
		for _, d := range s.docs {
			out.Write(s.text[d.textStart : d.textStart+d.textLen])
		}
	}
	out.End()
	if out.Err() != nil {
		return out.Err()
	}

	// The three-byte substrings are collected concurrently with the short substrings and the complete values, because
	// neither depends on the other.
	var (
		long  = new(trigrams)
		short = new(shortGrams)
		terms termTable
		names []byte
	)
	wait.Go(func() { long.collect(b) })
	wait.Go(func() { short.collect(b); terms.collectTerms(b, n); names = b.encodeNames(n) })
	wait.Wait()
	grams, post := encodeGrams(append(long.lists, short.lists...), n)
	termEntries, values, post := terms.encode(post, n)
	out.WriteSection(namesSection, names)
	out.WriteSection(gramsSection, grams)
	out.WriteSection(termsSection, termEntries)
	out.WriteSection(valuesSection, values)
	out.WriteSection(postingsSection, post)
	return out.Err()
}

// encodeDocs encodes the DOCS section.
func (b *Builder) encodeDocs(n uint32) []byte {
	out := make([]byte, 0, (int(n)+1)*docEntrySize)
	var record, text uint32
	for _, s := range b.sources {
		for _, d := range s.docs {
			out = binary.LittleEndian.AppendUint32(out, record)
			out = binary.LittleEndian.AppendUint32(out, text)
			out = binary.LittleEndian.AppendUint32(out, d.nameLen)
			out = binary.LittleEndian.AppendUint32(out, d.providesTextLen)
			out = binary.LittleEndian.AppendUint32(out, d.groupsTextLen)
			out = binary.LittleEndian.AppendUint32(out, nameCharBits(s.foldedNameOf(d)))
			record += d.record.size
			text += d.textLen
		}
	}
	out = binary.LittleEndian.AppendUint32(out, record)
	out = binary.LittleEndian.AppendUint32(out, text)
	return append(out, make([]byte, docEntrySize-8)...)
}

// encodeRanks encodes the RANK section.
func (b *Builder) encodeRanks(n uint32) []byte {
	out := make([]byte, 0, int(n)*rankEntrySize)
	for _, s := range b.sources {
		for _, d := range s.docs {
			out = append(out, d.rank.prominence, d.rank.headLen)
		}
	}
	return out
}

// encodeNames encodes the NAME section.
func (b *Builder) encodeNames(n uint32) []byte {
	type entry struct {
		name []byte
		doc  uint32
	}
	all := make([]entry, 0, n)
	for _, s := range b.sources {
		for _, d := range s.docs {
			all = append(all, entry{s.foldedNameOf(d), uint32(len(all))})
		}
	}
	slices.SortFunc(all, func(x, y entry) int {
		return cmp.Or(bytes.Compare(x.name, y.name), cmp.Compare(x.doc, y.doc))
	})
	out := make([]byte, 0, int(n)*4)
	for _, e := range all {
		out = binary.LittleEndian.AppendUint32(out, e.doc)
	}
	return out
}

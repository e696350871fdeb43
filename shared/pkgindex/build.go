package pkgindex

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/wire"
)

// Builder collects packages and writes them into one index. Several goroutines may add packages concurrently, each
// to a different source: the written bytes depend only on the packages and the facts.
type Builder struct {
	facts   BuildInfo
	sources []*SourceBuilder
}

// NewBuilder returns an empty Builder. The parameters program and built (in Unix seconds) become the fields Builder and
// Built of the index's BuildInfo.
func NewBuilder(program string, built int64) *Builder {
	return &Builder{facts: BuildInfo{Builder: program, Built: built}}
}

// AddSource begins the next source of the index, in the order of the file. It must not be called concurrently.
func (b *Builder) AddSource(name string, kind Kind) *SourceBuilder {
	s := newSource(name, kind)
	b.sources = append(b.sources, s)
	return s
}

func newSource(name string, kind Kind) *SourceBuilder {
	return &SourceBuilder{
		facts:         SourceInfo{Name: name, Kind: kind},
		recordEncoder: newRecordEncoder(),
		values:        make(map[termKey]uint32),
	}
}

// SourceBuilder is a repository or the AUR in an index that is being built.
type SourceBuilder struct {
	facts         SourceInfo
	recordEncoder *recordEncoder
	docs          []buildDoc
	records       arena
	record        []byte // the record of the package that Add is adding
	text          []byte
	values        map[termKey]uint32
	keys          []termKey
	terms         []termUse
}

// buildDoc is a package that was added.
type buildDoc struct {
	record                piece
	text                  uint32
	name, provides, group uint32 // how many bytes the name, the provides and the groups have in the text
	textLen               uint32
	votes                 uint32
	added                 uint32 // how many packages of the source were added before this one
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

type termUse struct{ doc, value uint32 }

// MaxRecord is the maximum size of one package's record in bytes: half a frame of a reply. It limits the memory that a
// package needs.
const MaxRecord = wire.MaxFrame / 2

// Describe sets the facts about the file that the source's packages come from.
func (s *SourceBuilder) Describe(sha256 string, size, asOf int64) {
	s.facts.SHA256, s.facts.Size, s.facts.AsOf = sha256, size, asOf
}

// LeaveOut records in the facts that n packages of the source file were not added, or were added without some of their
// data. The parameter why is the reason for the first of these packages; only the reason of the first call is kept.
func (s *SourceBuilder) LeaveOut(n int, why string) {
	if n > 0 && s.facts.LeftOut == 0 {
		s.facts.Why = fmt.Sprintf("%.300s", why)
	}
	s.facts.LeftOut += uint32(n)
}

// Reset removes all packages that were added, and the facts about their file, so that the source can be filled again.
func (s *SourceBuilder) Reset() { *s = *newSource(s.facts.Name, s.facts.Kind) }

// Add adds a package to the source. The caller may change or reuse p afterwards.
func (s *SourceBuilder) Add(p *wire.Package) error {
	if p.Name == "" || p.Version == "" {
		return errors.New("a package must have a name and a version")
	}
	if s.records.size > maxSectionLen-wire.MaxFrame || len(s.text) > maxSectionLen-wire.MaxFrame {
		return fmt.Errorf("%w: %s", ErrTooLarge, s.facts.Name)
	}
	s.record = s.recordEncoder.append(s.record[:0], p)
	if err := checkRecord(s.record); err != nil {
		return fmt.Errorf("%s/%s: %w", s.facts.Name, p.Name, err)
	}
	d := buildDoc{record: s.records.add(s.record), text: uint32(len(s.text)), added: uint32(len(s.docs))}
	if p.AUR != nil {
		d.votes = p.AUR.Votes
	}

	s.text = append(appendFold(s.text, p.Name), 0)
	d.name = uint32(len(s.text)) - d.text - 1
	mark := uint32(len(s.text))
	for _, v := range p.Provides {
		s.text = append(appendFold(s.text, relationName(v)), 0)
	}
	d.provides = uint32(len(s.text)) - mark
	mark = uint32(len(s.text))
	for _, v := range p.Groups {
		s.text = append(appendFold(s.text, v), 0)
	}
	d.group = uint32(len(s.text)) - mark
	s.text = append(appendFold(s.text, p.Desc), 0)
	if p.Desc == "" && p.EmptyDesc {
		s.text = append(s.text, 0)
	}
	d.textLen = uint32(len(s.text)) - d.text

	s.addTerms(d.added, p)
	s.docs = append(s.docs, d)
	return nil
}

// checkRecord returns an error if a record would not fit into a frame of a reply.
func checkRecord(r []byte) error {
	const small = 32 << 10 // every element has at least one byte, so a record of this size cannot have too many elements
	if len(r) <= small {
		return nil
	}
	if len(r) > MaxRecord {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrRecordTooLarge, len(r), MaxRecord)
	}
	body := r[recordHeader:]
	b := append([]byte{0xde, 0, r[12] + r[13]}, body...)
	if err := wire.Check(b); err != nil {
		return fmt.Errorf("%w: %w", ErrRecordTooLarge, err)
	}
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
			s.term(doc, r.field, relationName(v))
		}
	}
	for _, v := range p.Groups {
		s.term(doc, termGroup, v)
	}
	if p.AUR != nil {
		if p.AUR.Maintainer != "" {
			s.term(doc, termMaintainer, p.AUR.Maintainer)
		}
		for _, v := range p.AUR.CoMaintainers {
			s.term(doc, termMaintainer, v)
		}
		for _, v := range p.AUR.Keywords {
			s.term(doc, termKeyword, v)
		}
	}
}

func (s *SourceBuilder) term(doc uint32, field byte, value string) {
	k := termKey{field, Fold(value)}
	id, ok := s.values[k]
	if !ok {
		id = uint32(len(s.keys))
		s.values[k] = id
		s.keys = append(s.keys, k)
	}
	s.terms = append(s.terms, termUse{doc, id})
}

// sort sorts the docs into the order of the file.
func (s *SourceBuilder) sort() {
	slices.SortFunc(s.docs, func(a, b buildDoc) int {
		return cmp.Or(
			cmp.Compare(b.votes, a.votes),
			cmp.Compare(a.name, b.name),
			bytes.Compare(s.name(a), s.name(b)),
			cmp.Compare(a.added, b.added),
		)
	})
}

func (s *SourceBuilder) name(d buildDoc) []byte { return s.text[d.text : d.text+d.name] }

// Bytes returns the index as bytes.
func (b *Builder) Bytes() ([]byte, error) {
	var buf bytes.Buffer
	buf.Write(make([]byte, headerSize+entrySize*len(sectionOrder)))
	header, err := b.write(&buf)
	if err != nil {
		return nil, err
	}
	copy(buf.Bytes(), header)
	return buf.Bytes(), nil
}

// WriteFile atomically replaces the file at path with the index.
func (b *Builder) WriteFile(path string) error {
	return atomicfile.WriteTo(path, atomicfile.Options{Mode: 0o644, Sync: true}, func(f *atomicfile.File) error { return b.writeFile(f) })
}

// WriteTo writes the index to f, which must be an empty file or a pipe.
func (b *Builder) WriteTo(f *os.File) error {
	if _, err := f.Seek(0, io.SeekCurrent); err == nil {
		return b.writeFile(f)
	}
	data, err := b.Bytes()
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return err
}

// writeFile writes the index to an empty file: first the sections, and then, at the start of the file, the header and the
// section table.
func (b *Builder) writeFile(f interface {
	io.Writer
	io.WriterAt
},
) (err error) {
	w := bufio.NewWriterSize(f, 1<<20)
	_, _ = w.Write(make([]byte, headerSize+entrySize*len(sectionOrder)))
	header, err := b.write(w)
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = f.WriteAt(header, 0)
	return err
}

// write writes everything after the section table to w, and returns the header and the table.
func (b *Builder) write(w io.Writer) (header []byte, err error) {
	docs := uint64(0)
	for _, s := range b.sources {
		docs += uint64(len(s.docs))
	}
	if docs > maxSectionLen/docSize-1 {
		return nil, fmt.Errorf("%w: %d packages", ErrTooLarge, docs)
	}
	n := uint32(docs)

	var wait sync.WaitGroup
	for _, s := range b.sources {
		wait.Go(s.sort)
	}
	wait.Wait()
	b.facts.Sources = nil
	first := uint32(0)
	for _, s := range b.sources {
		s.facts.First, s.facts.Packages = first, uint32(len(s.docs))
		b.facts.Sources = append(b.facts.Sources, s.facts)
		first += s.facts.Packages
	}
	facts, err := msgpack.Marshal(&b.facts)
	if err != nil {
		return nil, err
	}

	out := sectionWriter{w: w, at: uint64(headerSize + entrySize*len(sectionOrder))}
	out.section(secFacts, facts)
	out.section(secDocs, b.docEntries(n))
	out.begin(secRecords)
	for _, s := range b.sources {
		for _, d := range s.docs {
			out.write(s.records.get(d.record))
		}
		s.records, s.recordEncoder, s.record = arena{}, nil, nil // free the records: they use most of the memory, and the next steps do not need them
	}
	out.end()
	out.begin(secText)
	for _, s := range b.sources {
		for _, d := range s.docs {
			out.write(s.text[d.text : d.text+d.textLen])
		}
	}
	out.end()
	if out.err != nil {
		return nil, out.err
	}

	// The three-byte substrings are collected concurrently with the short substrings and the complete values, because
	// neither depends on the other.
	var (
		long  = new(trigrams)
		short = new(shortGrams)
		terms termTable
		names []byte
	)
	wait.Go(func() { long.add(b) })
	wait.Go(func() { short.add(b); terms.add(b, n); names = b.names(n) })
	wait.Wait()
	grams, post := encodeGrams(append(long.all, short.all...), n)
	termEntries, values, post := terms.encode(post, n)
	out.section(secNames, names)
	out.section(secGrams, grams)
	out.section(secTerms, termEntries)
	out.section(secValues, values)
	out.section(secPostings, post)
	if out.err != nil {
		return nil, out.err
	}
	return marshalHeader(out.done, out.at), nil
}

// docEntries encodes the DOCS section.
func (b *Builder) docEntries(n uint32) []byte {
	out := make([]byte, 0, (int(n)+1)*docSize)
	var record, text uint32
	for _, s := range b.sources {
		for _, d := range s.docs {
			out = binary.LittleEndian.AppendUint32(out, record)
			out = binary.LittleEndian.AppendUint32(out, text)
			out = binary.LittleEndian.AppendUint32(out, d.name)
			out = binary.LittleEndian.AppendUint32(out, d.provides)
			out = binary.LittleEndian.AppendUint32(out, d.group)
			out = binary.LittleEndian.AppendUint32(out, letters(s.name(d)))
			record += d.record.size
			text += d.textLen
		}
	}
	out = binary.LittleEndian.AppendUint32(out, record)
	out = binary.LittleEndian.AppendUint32(out, text)
	return append(out, make([]byte, docSize-8)...)
}

// names encodes the NAME section.
func (b *Builder) names(n uint32) []byte {
	type entry struct {
		name []byte
		doc  uint32
	}
	all := make([]entry, 0, n)
	for _, s := range b.sources {
		for _, d := range s.docs {
			all = append(all, entry{s.name(d), uint32(len(all))})
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

// sectionWriter writes sections one after the other, and keeps the offset, length and checksum of each for the section
// table.
type sectionWriter struct {
	w    io.Writer
	at   uint64
	crc  hash.Hash32
	done []section
	err  error
}

func (o *sectionWriter) section(name string, b []byte) {
	o.begin(name)
	o.write(b)
	o.end()
}

func (o *sectionWriter) begin(name string) {
	if pad := -o.at & (sectionAlign - 1); pad > 0 && o.err == nil {
		_, o.err = o.w.Write(make([]byte, pad))
		o.at += pad
	}
	o.crc = crc32.New(castagnoli)
	o.done = append(o.done, section{name: name, offset: o.at})
}

func (o *sectionWriter) write(b []byte) {
	if o.err != nil {
		return
	}
	_, o.err = o.w.Write(b)
	_, _ = o.crc.Write(b)
	o.at += uint64(len(b))
}

func (o *sectionWriter) end() {
	s := &o.done[len(o.done)-1]
	s.crc, s.length = o.crc.Sum32(), o.at-s.offset
	if s.length > maxSectionLen && o.err == nil {
		o.err = fmt.Errorf("%w: section %s", ErrTooLarge, s.name)
	}
}

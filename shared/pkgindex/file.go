package pkgindex

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"sort"

	"github.com/omg-arch/omg/shared/sectionfile"
)

// File is an open index. Its methods are safe for concurrent use, but not after Close.
type File struct {
	file      *sectionfile.File
	indexInfo IndexInfo
	docCount  uint32

	docTable, rankSection, shareSection, recordSection, textSection, nameSection, gramSection, termSection, valueSection, postingSection []byte
}

// Open maps the index at path. It reads only the header, the section table and the facts. It refuses a file that the
// group or all users can write, and a file whose owner the function trust rejects. If trust is nil, every owner is
// accepted.
func Open(path string, trust func(uid uint32) bool) (*File, error) {
	file, err := format.Open(path, trust)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := openSections(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// OpenFromFile maps an index from an open file that cannot change, such as a sealed memory file. The returned File has an
// empty path. The caller may close the os.File afterwards.
func OpenFromFile(file *os.File) (*File, error) {
	f, err := format.OpenFromFile(file)
	if err != nil {
		return nil, err
	}
	return openSections(f)
}

// OpenBytes opens an index in memory.
func OpenBytes(data []byte) (*File, error) {
	f, err := format.OpenBytes(data)
	if err != nil {
		return nil, err
	}
	return openSections(f)
}

// CheckFileOwner returns the error with which Open would refuse the file f: f is not a regular file, the group or all users
// can write it, or the function trust rejects its owner.
func CheckFileOwner(f *os.File, trust func(uid uint32) bool) error {
	return sectionfile.CheckFileOwner(f, trust)
}

// openSections reads the facts, and closes the file after an error.
func openSections(file *sectionfile.File) (*File, error) {
	f := &File{file: file}
	if err := sectionfile.GuardFaults(f.readSections); err != nil {
		_ = file.Close()
		return nil, err
	}
	return f, nil
}

func (f *File) readSections() (err error) {
	sec := f.file.Section
	f.docTable, f.rankSection, f.shareSection = sec(docsSection), sec(ranksSection), sec(sharesSection)
	f.recordSection, f.textSection = sec(recordsSection), sec(textSection)
	f.nameSection, f.gramSection, f.termSection = sec(namesSection), sec(gramsSection), sec(termsSection)
	f.valueSection, f.postingSection = sec(valuesSection), sec(postingsSection)
	if len(f.docTable) < docEntrySize || len(f.docTable)%docEntrySize != 0 {
		return fmt.Errorf("%w: section %s has the wrong length", ErrDamaged, docsSection)
	}
	f.docCount = uint32(len(f.docTable)/docEntrySize - 1)
	if uint64(len(f.nameSection)) != uint64(f.docCount)*4 {
		return fmt.Errorf("%w: section %s has the wrong length", ErrDamaged, namesSection)
	}
	if uint64(len(f.rankSection)) != uint64(f.docCount)*rankEntrySize {
		return fmt.Errorf("%w: section %s has the wrong length", ErrDamaged, ranksSection)
	}
	if n := uint64(len(f.shareSection)); n != 0 && n != uint64(f.docCount)*shareEntrySize {
		return fmt.Errorf("%w: section %s has the wrong length", ErrDamaged, sharesSection)
	}
	facts := sec(factsSection)
	if len(facts) > maxFactsSize {
		return fmt.Errorf("%w: the build facts have %d bytes, at most %d are allowed", ErrDamaged, len(facts), maxFactsSize)
	}
	f.indexInfo, err = decodeIndexInfo(bytes.Clone(facts), f.docCount)
	return err
}

// maxFactsSize is the maximum size of the FACT section in bytes. The facts about one source are a few hundred bytes.
const maxFactsSize = 1 << 20

// Close unmaps the file. All records that its methods returned become invalid.
func (f *File) Close() error { return f.file.Close() }

// Path returns the path from which the index was opened, or an empty string for an index in memory.
func (f *File) Path() string { return f.file.Path() }

// IndexInfo returns the facts about the build: the program, the time and the sources.
func (f *File) IndexInfo() *IndexInfo { return &f.indexInfo }

// DocCount returns the number of packages.
func (f *File) DocCount() uint32 { return f.docCount }

// Size returns the size of the file in bytes.
func (f *File) Size() int64 { return f.file.Size() }

// docText returns the text of a doc, after checking its bounds.
func (f *File) docText(doc uint32) (docText, error) {
	if doc >= f.docCount {
		return docText{}, damagedDocError(doc)
	}
	e := f.docTable[int(doc)*docEntrySize:][: 2*docEntrySize : 2*docEntrySize]
	start := uint64(binary.LittleEndian.Uint32(e[4:]))
	end := uint64(binary.LittleEndian.Uint32(e[docEntrySize+4:]))
	name := uint64(binary.LittleEndian.Uint32(e[8:]))
	provides := uint64(binary.LittleEndian.Uint32(e[12:]))
	groups := uint64(binary.LittleEndian.Uint32(e[16:]))
	if end > uint64(len(f.textSection)) || start > end || name+provides+groups+2 > end-start {
		return docText{}, damagedDocError(doc)
	}
	return cutText(f.textSection[start:end:end], textLens{int(name), int(provides), int(groups)}), nil
}

// nameLen returns the number of bytes of a doc's folded name. The doc must be less than f.docCount.
func (f *File) nameLen(doc uint32) int {
	return int(binary.LittleEndian.Uint32(f.docTable[int(doc)*docEntrySize+8:]))
}

// nextNameByte returns the byte after a prefix of n bytes in a doc's folded name, or 0 if the tier is not that of a prefix.
func (f *File) nextNameByte(doc uint32, n int, tier Tier) (byte, error) {
	if tier != TierPrefix {
		return 0, nil
	}
	text, err := f.docText(doc)
	if err != nil || n >= len(text.name) {
		return 0, err
	}
	return text.name[n], nil
}

// rank returns the rank of a doc. The doc must be less than f.docCount.
func (f *File) rank(doc uint32) docRank {
	e := f.rankSection[int(doc)*rankEntrySize:][:rankEntrySize]
	return docRank{prominence: e[0], headLen: e[1]}
}

// share returns the share of machines that have the package of a doc, as it is stored. The doc must be less than f.docCount.
func (f *File) share(doc uint32) storedShare {
	if len(f.shareSection) == 0 {
		return 0
	}
	return storedShare(binary.LittleEndian.Uint16(f.shareSection[int(doc)*shareEntrySize:]))
}

func damagedDocError(doc uint32) error {
	return fmt.Errorf("%w: doc %d", ErrDamaged, doc)
}

// DocSummary returns the summary of a doc. Its bytes are part of the mapped file.
func (f *File) DocSummary(doc uint32) (Record, error) {
	s, _, err := f.record(doc, false)
	return s, err
}

// Record returns the summary and the details of a doc.
func (f *File) Record(doc uint32) (summary, details Record, err error) {
	return f.record(doc, true)
}

func (f *File) record(doc uint32, withDetails bool) (summary, details Record, err error) {
	if doc >= f.docCount {
		return summary, details, damagedDocError(doc)
	}
	e := f.docTable[int(doc)*docEntrySize:]
	start := uint64(binary.LittleEndian.Uint32(e))
	end := uint64(binary.LittleEndian.Uint32(e[docEntrySize:]))
	if end > uint64(len(f.recordSection)) || start > end || end-start < recordHeaderSize {
		return summary, details, damagedDocError(doc)
	}
	r := f.recordSection[start:end]
	h, body := r[:recordHeaderSize], r[recordHeaderSize:]
	n := uint64(binary.LittleEndian.Uint32(h[8:]))
	if n > uint64(len(body)) {
		return summary, details, damagedDocError(doc)
	}
	summary = Record{PairCount: int(h[12]), Bytes: body[:n]}
	if sectionfile.Checksum(summary.Bytes) != binary.LittleEndian.Uint32(h[0:]) {
		return summary, details, fmt.Errorf("%w: wrong checksum of record %d", ErrDamaged, doc)
	}
	if withDetails {
		details = Record{PairCount: int(h[13]), Bytes: body[n:]}
		if sectionfile.Checksum(details.Bytes) != binary.LittleEndian.Uint32(h[4:]) {
			return summary, details, fmt.Errorf("%w: wrong checksum of record %d", ErrDamaged, doc)
		}
	}
	return summary, details, nil
}

// postingListOfGram returns the list of a key in the GRAM dictionary, an empty list if the dictionary does not have the key.
func (f *File) postingListOfGram(key uint32) (postingList, error) {
	n := len(f.gramSection) / gramEntrySize
	i := sort.Search(n, func(i int) bool { return binary.LittleEndian.Uint32(f.gramSection[i*gramEntrySize:]) >= key })
	if i == n {
		return postingList{}, nil
	}
	e := f.gramSection[i*gramEntrySize:][:gramEntrySize]
	if binary.LittleEndian.Uint32(e) != key {
		return postingList{}, nil
	}
	return f.postingListAt(binary.LittleEndian.Uint32(e[4:]), binary.LittleEndian.Uint32(e[8:]))
}

func (f *File) postingListAt(where, count uint32) (postingList, error) {
	p := postingList{count: count, indexDocCount: f.docCount, onlyDoc: where}
	if count > f.docCount {
		return p, fmt.Errorf("%w: a list has %d docs, but the index has only %d", ErrDamaged, count, f.docCount)
	}
	if count > 1 {
		if uint64(where) > uint64(len(f.postingSection)) {
			return p, fmt.Errorf("%w: a list begins after the end of section %s", ErrDamaged, postingsSection)
		}
		p.encoded = f.postingSection[where:]
	}
	return p, nil
}

// postingListOfTerm returns the list of docs whose given field has exactly the given value. The value must be case-folded.
func (f *File) postingListOfTerm(field byte, value string) (postingList, error) {
	h := termHash(field, value)
	n := len(f.termSection) / termEntrySize
	i := sort.Search(n, func(i int) bool { return binary.LittleEndian.Uint32(f.termSection[i*termEntrySize:]) >= h })
	for ; i < n; i++ {
		e := f.termSection[i*termEntrySize:][:termEntrySize]
		if binary.LittleEndian.Uint32(e) != h {
			break
		}
		fld, v, err := f.valueAt(binary.LittleEndian.Uint32(e[4:]))
		if err != nil {
			return postingList{}, err
		}
		if fld == field && string(v) == value {
			return f.postingListAt(binary.LittleEndian.Uint32(e[8:]), binary.LittleEndian.Uint32(e[12:]))
		}
	}
	return postingList{}, nil
}

// valueAt reads the entry of VALS at an offset.
func (f *File) valueAt(at uint32) (field byte, value []byte, err error) {
	if uint64(at) < uint64(len(f.valueSection)) {
		b := f.valueSection[at:]
		if n, k := binary.Uvarint(b); k > 0 && n < uint64(len(b)-k) {
			return b[k], b[k+1:][:n], nil
		}
	}
	return 0, nil, fmt.Errorf("%w: a value is not inside section %s", ErrDamaged, valuesSection)
}

// docByNamePosition returns the doc whose name is the i-th in sorted order.
func (f *File) docByNamePosition(i int) uint32 {
	return binary.LittleEndian.Uint32(f.nameSection[i*4:])
}

// nameLowerBound returns the first position in the order of names whose name is not less than the folded name.
func (f *File) nameLowerBound(name string) (int, error) {
	var bad error
	i := sort.Search(int(f.docCount), func(i int) bool {
		t, err := f.docText(f.docByNamePosition(i))
		if err != nil {
			bad = err
			return true
		}
		return string(t.name) >= name
	})
	return i, bad
}

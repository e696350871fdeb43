package pkgindex

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"sort"

	"golang.org/x/sys/unix"
)

// File is an index that is open for reading. Its methods may be used from
// several goroutines, and none after Close.
type File struct {
	path   string
	facts  Facts
	data   []byte // the whole file
	mapped bool
	docs   uint32
	table  map[string]section

	docTable, records, text, names, grams, terms, values, postings []byte
}

// Open maps the index at path. It reads the header, the section table and the
// build facts only, and refuses a file that others can write or whose owner
// trust does not believe; a nil trust believes everyone.
func Open(path string, trust func(uid uint32) bool) (*File, error) {
	f, err := openFile(path, trust)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

func openFile(path string, trust func(uint32) bool) (*File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err // Open names the file
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	if err := checkOwner(&st, trust); err != nil {
		return nil, err
	}
	head := make([]byte, min(st.Size, headerSize+entrySize*maxSections))
	if err := readFull(fd, head); err != nil {
		return nil, err
	}
	// The header is judged by a copy: nobody can change it after the checks.
	if _, _, err := unmarshalHeader(head, st.Size); err != nil {
		return nil, err
	}
	data, err := unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	f, err := open(head, data)
	if err != nil {
		_ = unix.Munmap(data)
		return nil, err
	}
	f.path, f.mapped = path, true
	return f, nil
}

// CheckOwner refuses an open file as Open does: one that is not regular, that
// others can write, or whose owner is not believed.
func CheckOwner(f *os.File, trust func(uid uint32) bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	return checkOwner(&st, trust)
}

func checkOwner(st *unix.Stat_t, trust func(uint32) bool) error {
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("%w: not a regular file", ErrNotIndex)
	}
	if trust != nil && !trust(st.Uid) {
		return fmt.Errorf("%w: it belongs to user %d", ErrUntrusted, st.Uid)
	}
	if st.Mode&0o022 != 0 {
		return fmt.Errorf("%w: others can write it (mode %04o): chmod go-w it", ErrUntrusted, st.Mode&0o7777)
	}
	return nil
}

func readFull(fd int, b []byte) error {
	for off := 0; off < len(b); {
		n, err := unix.Pread(fd, b[off:], int64(off))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("read", err)
		}
		if n == 0 {
			return fmt.Errorf("%w: it became shorter", ErrDamaged)
		}
		off += n
	}
	return nil
}

// OpenBytes opens an index that is in memory.
func OpenBytes(data []byte) (*File, error) {
	return open(data[:min(len(data), headerSize+entrySize*maxSections)], data)
}

// open reads what head, a copy of the start of data, says of data.
func open(head, data []byte) (f *File, err error) {
	defer catchFault(&err)
	n, crc, err := unmarshalHeader(head, int64(len(data)))
	if err != nil {
		return nil, err
	}
	if len(head) < headerSize+n*entrySize {
		return nil, fmt.Errorf("%w: section table cut off", ErrDamaged)
	}
	table, err := unmarshalTable(head[headerSize:headerSize+n*entrySize], crc, int64(len(data)))
	if err != nil {
		return nil, err
	}
	f = &File{data: data, table: table}
	sec := func(name string) []byte {
		s := table[name]
		return data[s.offset : s.offset+s.length : s.offset+s.length]
	}
	f.docTable, f.records, f.text = sec(secDocs), sec(secRecords), sec(secText)
	f.names, f.grams, f.terms = sec(secNames), sec(secGrams), sec(secTerms)
	f.values, f.postings = sec(secValues), sec(secPostings)
	if len(f.docTable) < docSize || len(f.docTable)%docSize != 0 {
		return nil, fmt.Errorf("%w: length of section %s", ErrDamaged, secDocs)
	}
	f.docs = uint32(len(f.docTable)/docSize - 1)
	if uint64(len(f.names)) != uint64(f.docs)*4 {
		return nil, fmt.Errorf("%w: length of section %s", ErrDamaged, secNames)
	}
	facts := sec(secFacts)
	if len(facts) > maxFacts {
		return nil, fmt.Errorf("%w: %d bytes of build facts", ErrDamaged, len(facts))
	}
	f.facts, err = decodeFacts(bytes.Clone(facts), f.docs)
	return f, err
}

// maxFacts bounds the FACT section: some hundred bytes a source.
const maxFacts = 1 << 20

// Close unmaps the file. What Record and the like returned is gone with it.
func (f *File) Close() error {
	data := f.data
	f.data = nil
	if !f.mapped || data == nil {
		return nil
	}
	return os.NewSyscallError("munmap", unix.Munmap(data))
}

// Path is where the index was opened; empty for one in memory.
func (f *File) Path() string { return f.path }

// Facts say what the index was built from.
func (f *File) Facts() Facts { return f.facts }

// Docs is the number of packages.
func (f *File) Docs() uint32 { return f.docs }

// Size is the length of the file in bytes.
func (f *File) Size() int64 { return int64(len(f.data)) }

// docText is the text of one doc, cut into its fields.
type docText struct {
	all, name, provides, groups, desc []byte
}

// docText returns what DOCS and TEXT say of a doc, checked against the sections.
func (f *File) docText(doc uint32) (docText, error) {
	if doc >= f.docs {
		return docText{}, damagedDoc(doc)
	}
	e := f.docTable[int(doc)*docSize:][: 2*docSize : 2*docSize]
	start := uint64(binary.LittleEndian.Uint32(e[4:]))
	end := uint64(binary.LittleEndian.Uint32(e[docSize+4:]))
	name := uint64(binary.LittleEndian.Uint32(e[8:]))
	provides := uint64(binary.LittleEndian.Uint32(e[12:]))
	groups := uint64(binary.LittleEndian.Uint32(e[16:]))
	if end > uint64(len(f.text)) || start > end || name+provides+groups+2 > end-start {
		return docText{}, damagedDoc(doc)
	}
	t := f.text[start:end:end]
	return docText{
		all:      t,
		name:     t[:name],
		provides: t[name+1:][:provides],
		groups:   t[name+1+provides:][:groups],
		desc:     t[name+1+provides+groups : len(t)-1],
	}, nil
}

func damagedDoc(doc uint32) error {
	return fmt.Errorf("%w: doc %d", ErrDamaged, doc)
}

// Summary returns the summary of a doc; its bytes are those of the map.
func (f *File) Summary(doc uint32) (Record, error) {
	s, _, err := f.record(doc, false)
	return s, err
}

// Record returns the summary and the details of a doc.
func (f *File) Record(doc uint32) (summary, details Record, err error) {
	return f.record(doc, true)
}

func (f *File) record(doc uint32, withDetails bool) (summary, details Record, err error) {
	if doc >= f.docs {
		return summary, details, damagedDoc(doc)
	}
	e := f.docTable[int(doc)*docSize:]
	start := uint64(binary.LittleEndian.Uint32(e))
	end := uint64(binary.LittleEndian.Uint32(e[docSize:]))
	if end > uint64(len(f.records)) || start > end || end-start < recordHeader {
		return summary, details, damagedDoc(doc)
	}
	r := f.records[start:end]
	h, body := r[:recordHeader], r[recordHeader:]
	n := uint64(binary.LittleEndian.Uint32(h[8:]))
	if n > uint64(len(body)) {
		return summary, details, damagedDoc(doc)
	}
	summary = Record{Pairs: int(h[12]), Bytes: body[:n]}
	if checksum(summary.Bytes) != binary.LittleEndian.Uint32(h[0:]) {
		return summary, details, fmt.Errorf("%w: checksum of record %d", ErrDamaged, doc)
	}
	if withDetails {
		details = Record{Pairs: int(h[13]), Bytes: body[n:]}
		if checksum(details.Bytes) != binary.LittleEndian.Uint32(h[4:]) {
			return summary, details, fmt.Errorf("%w: checksum of record %d", ErrDamaged, doc)
		}
	}
	return summary, details, nil
}

// gram looks a key of the GRAM dictionary up; a key that is not there has an
// empty list.
func (f *File) gram(key uint32) (posting, error) {
	n := len(f.grams) / gramSize
	i := sort.Search(n, func(i int) bool { return binary.LittleEndian.Uint32(f.grams[i*gramSize:]) >= key })
	if i == n {
		return posting{}, nil
	}
	e := f.grams[i*gramSize:][:gramSize]
	if binary.LittleEndian.Uint32(e) != key {
		return posting{}, nil
	}
	return f.posting(binary.LittleEndian.Uint32(e[4:]), binary.LittleEndian.Uint32(e[8:]))
}

func (f *File) posting(where, count uint32) (posting, error) {
	p := posting{count: count, docs: f.docs, one: where}
	if count > f.docs {
		return p, fmt.Errorf("%w: a list of %d docs", ErrDamaged, count)
	}
	if count > 1 {
		if uint64(where) > uint64(len(f.postings)) {
			return p, fmt.Errorf("%w: a list outside its section", ErrDamaged)
		}
		p.bytes = f.postings[where:]
	}
	return p, nil
}

// term looks a whole value up, which must be folded.
func (f *File) term(field byte, value string) (posting, error) {
	h := termHash(field, value)
	n := len(f.terms) / termSize
	i := sort.Search(n, func(i int) bool { return binary.LittleEndian.Uint32(f.terms[i*termSize:]) >= h })
	for ; i < n; i++ {
		e := f.terms[i*termSize:][:termSize]
		if binary.LittleEndian.Uint32(e) != h {
			break
		}
		fld, v, err := f.value(binary.LittleEndian.Uint32(e[4:]))
		if err != nil {
			return posting{}, err
		}
		if fld == field && string(v) == value {
			return f.posting(binary.LittleEndian.Uint32(e[8:]), binary.LittleEndian.Uint32(e[12:]))
		}
	}
	return posting{}, nil
}

// value reads the entry of VALS at an offset.
func (f *File) value(at uint32) (field byte, value []byte, err error) {
	if uint64(at) < uint64(len(f.values)) {
		b := f.values[at:]
		if n, k := binary.Uvarint(b); k > 0 && n < uint64(len(b)-k) {
			return b[k], b[k+1:][:n], nil
		}
	}
	return 0, nil, fmt.Errorf("%w: a value outside its section", ErrDamaged)
}

// nameDoc is the i-th doc in the order of names.
func (f *File) nameDoc(i int) uint32 { return binary.LittleEndian.Uint32(f.names[i*4:]) }

// lowerBound is the first place in the order of names that is not less than
// the folded name.
func (f *File) lowerBound(name string) (int, error) {
	var bad error
	i := sort.Search(int(f.docs), func(i int) bool {
		t, err := f.docText(f.nameDoc(i))
		if err != nil {
			bad = err
			return true
		}
		return string(t.name) >= name
	})
	return i, bad
}

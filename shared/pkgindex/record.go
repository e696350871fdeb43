package pkgindex

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/sectionfile"
	"github.com/omg-arch/omg/shared/wire"
)

// recordEncoder encodes packages as records (see the package comment).
type recordEncoder struct {
	buf       bytes.Buffer
	enc       *msgpack.Encoder
	pairCount int
}

func newRecordEncoder() *recordEncoder {
	e := &recordEncoder{}
	e.enc = msgpack.NewEncoder(&e.buf)
	return e
}

// appendRecord appends p's record to dst. It ignores errors of the encoder, which cannot fail because it writes to memory.
func (e *recordEncoder) appendRecord(dst []byte, p *wire.Package) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, recordHeaderSize)...)

	e.reset()
	e.encodeSummary(p)
	summaryPairs, summaryLen := e.pairCount, e.buf.Len()
	dst = append(dst, e.buf.Bytes()...)
	h := dst[start:]
	binary.LittleEndian.PutUint32(h[0:], sectionfile.Checksum(e.buf.Bytes()))

	e.reset()
	e.encodeDetails(p)
	dst = append(dst, e.buf.Bytes()...)
	h = dst[start:]
	binary.LittleEndian.PutUint32(h[4:], sectionfile.Checksum(e.buf.Bytes()))
	binary.LittleEndian.PutUint32(h[8:], uint32(summaryLen))
	h[12], h[13] = byte(summaryPairs), byte(e.pairCount)
	return dst
}

func (e *recordEncoder) reset() {
	e.buf.Reset()
	e.pairCount = 0
}

func (e *recordEncoder) encodeSummary(p *wire.Package) {
	e.encodeKey("repo")
	_ = e.enc.EncodeString(p.Repo)
	e.encodeKey("name")
	_ = e.enc.EncodeString(p.Name)
	e.encodeKey("version")
	_ = e.enc.EncodeString(p.Version)
	e.encodeString("desc", p.Desc)
	e.encodeList("groups", p.Groups)
	if p.AUR != nil {
		e.encodeKey("aur")
		_ = e.enc.Encode(p.AUR)
	}
}

func (e *recordEncoder) encodeDetails(p *wire.Package) {
	e.encodeString("base", p.Base)
	e.encodeString("filename", p.Filename)
	e.encodeString("arch", p.Arch)
	e.encodeString("url", p.URL)
	e.encodeList("licenses", p.Licenses)
	e.encodeList("provides", p.Provides)
	e.encodeList("depends", p.Depends)
	e.encodeList("optdepends", p.OptDepends)
	e.encodeList("makedepends", p.MakeDepends)
	e.encodeList("checkdepends", p.CheckDepends)
	e.encodeList("conflicts", p.Conflicts)
	e.encodeList("replaces", p.Replaces)
	e.encodeUint("csize", p.CSize)
	e.encodeUint("isize", p.ISize)
	e.encodeString("packager", p.Packager)
	if p.BuildDate != 0 {
		e.encodeKey("builddate")
		_ = e.enc.EncodeInt(p.BuildDate)
	}
	e.encodeList("validation", p.Validation)
	e.encodeString("sha256", p.SHA256)
}

func (e *recordEncoder) encodeKey(k string) {
	e.pairCount++
	_ = e.enc.EncodeString(k)
}

func (e *recordEncoder) encodeString(k, v string) {
	if v != "" {
		e.encodeKey(k)
		_ = e.enc.EncodeString(v)
	}
}

func (e *recordEncoder) encodeUint(k string, v uint64) {
	if v != 0 {
		e.encodeKey(k)
		_ = e.enc.EncodeUint(v)
	}
}

func (e *recordEncoder) encodeList(k string, v []string) {
	if len(v) == 0 {
		return
	}
	e.encodeKey(k)
	_ = e.enc.EncodeArrayLen(len(v))
	for _, s := range v {
		_ = e.enc.EncodeString(s)
	}
}

// Checker checks whether packages can be added to an index.
type Checker struct {
	encoder *recordEncoder
	record  []byte
}

// NewChecker returns a Checker.
func NewChecker() *Checker { return &Checker{encoder: newRecordEncoder()} }

// Check returns the error with which Add refuses a package, whatever packages the index has.
func (c *Checker) Check(p *wire.Package) (err error) {
	c.record, err = c.encoder.appendChecked(c.record[:0], p)
	return err
}

// appendChecked appends p's record to dst, or returns the reason why an index cannot have the package.
func (e *recordEncoder) appendChecked(dst []byte, p *wire.Package) ([]byte, error) {
	if p.Name == "" || p.Version == "" {
		return dst, errors.New("a package must have a name and a version")
	}
	dst = e.appendRecord(dst, p)
	if err := checkRecordSize(dst); err != nil {
		return dst, fmt.Errorf("%s/%s: %w", p.Repo, p.Name, err)
	}
	return dst, nil
}

// checkRecordSize returns an error if a record would not fit into a frame of a reply.
func checkRecordSize(r []byte) error {
	const small = 32 << 10 // every element has at least one byte, so a record of this size cannot have too many elements
	if len(r) <= small {
		return nil
	}
	if len(r) > MaxRecordSize {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrRecordTooLarge, len(r), MaxRecordSize)
	}
	body := r[recordHeaderSize:]
	b := append([]byte{0xde, 0, r[12] + r[13]}, body...)
	if err := wire.CheckMessagePack(b); err != nil {
		return fmt.Errorf("%w: %w", ErrRecordTooLarge, err)
	}
	return nil
}

// Record is a sequence of MessagePack key-value pairs without a map header. A reply consists of a map header with the
// number of pairs and a copy of their bytes.
type Record struct {
	PairCount int
	Bytes     []byte
}

// nthSummaryString returns the value of the n-th pair of a summary: 0 is the repository, 1 the name, 2 the version. The value
// and all values before it must be strings.
func nthSummaryString(summary []byte, n int) ([]byte, bool) {
	for i := 0; ; i++ {
		_, rest, ok := wire.CutLeadingString(summary)
		if !ok {
			return nil, false
		}
		v, rest, ok := wire.CutLeadingString(rest)
		if !ok || i == n {
			return v, ok
		}
		summary = rest
	}
}

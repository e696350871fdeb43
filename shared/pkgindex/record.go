package pkgindex

import (
	"bytes"
	"encoding/binary"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// recordEncoder encodes packages as records (see the package comment).
type recordEncoder struct {
	buf   bytes.Buffer
	enc   *msgpack.Encoder
	pairs int
}

func newRecordEncoder() *recordEncoder {
	e := &recordEncoder{}
	e.enc = msgpack.NewEncoder(&e.buf)
	return e
}

// append appends p's record to dst. It ignores errors of the encoder, which cannot fail because it writes to memory.
func (e *recordEncoder) append(dst []byte, p *wire.Package) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, recordHeader)...)

	e.reset()
	e.summary(p)
	summaryPairs, summaryLen := e.pairs, e.buf.Len()
	dst = append(dst, e.buf.Bytes()...)
	h := dst[start:]
	binary.LittleEndian.PutUint32(h[0:], checksum(e.buf.Bytes()))

	e.reset()
	e.details(p)
	dst = append(dst, e.buf.Bytes()...)
	h = dst[start:]
	binary.LittleEndian.PutUint32(h[4:], checksum(e.buf.Bytes()))
	binary.LittleEndian.PutUint32(h[8:], uint32(summaryLen))
	h[12], h[13] = byte(summaryPairs), byte(e.pairs)
	return dst
}

func (e *recordEncoder) reset() {
	e.buf.Reset()
	e.pairs = 0
}

func (e *recordEncoder) summary(p *wire.Package) {
	e.key("repo")
	_ = e.enc.EncodeString(p.Repo)
	e.key("name")
	_ = e.enc.EncodeString(p.Name)
	e.key("version")
	_ = e.enc.EncodeString(p.Version)
	e.str("desc", p.Desc)
	e.list("groups", p.Groups)
	if p.AUR != nil {
		e.key("aur")
		_ = e.enc.Encode(p.AUR)
	}
}

func (e *recordEncoder) details(p *wire.Package) {
	e.str("base", p.Base)
	e.str("filename", p.Filename)
	e.str("arch", p.Arch)
	e.str("url", p.URL)
	e.list("licenses", p.Licenses)
	e.list("provides", p.Provides)
	e.list("depends", p.Depends)
	e.list("optdepends", p.OptDepends)
	e.list("makedepends", p.MakeDepends)
	e.list("checkdepends", p.CheckDepends)
	e.list("conflicts", p.Conflicts)
	e.list("replaces", p.Replaces)
	e.uint("csize", p.CSize)
	e.uint("isize", p.ISize)
	e.str("packager", p.Packager)
	if p.BuildDate != 0 {
		e.key("builddate")
		_ = e.enc.EncodeInt(p.BuildDate)
	}
	e.list("validation", p.Validation)
	e.str("sha256", p.SHA256)
}

func (e *recordEncoder) key(k string) {
	e.pairs++
	_ = e.enc.EncodeString(k)
}

func (e *recordEncoder) str(k, v string) {
	if v != "" {
		e.key(k)
		_ = e.enc.EncodeString(v)
	}
}

func (e *recordEncoder) uint(k string, v uint64) {
	if v != 0 {
		e.key(k)
		_ = e.enc.EncodeUint(v)
	}
}

func (e *recordEncoder) list(k string, v []string) {
	if len(v) == 0 {
		return
	}
	e.key(k)
	_ = e.enc.EncodeArrayLen(len(v))
	for _, s := range v {
		_ = e.enc.EncodeString(s)
	}
}

// Record is a sequence of MessagePack key-value pairs without a map header. A reply consists of a map header with the
// number of pairs and a copy of their bytes.
type Record struct {
	Pairs int
	Bytes []byte
}

// stringAt returns the value of the n-th pair of a summary: 0 is the repository, 1 the name, 2 the version. The value
// and all values before it must be strings.
func stringAt(summary []byte, n int) ([]byte, bool) {
	for i := 0; ; i++ {
		_, rest, ok := wire.CutString(summary)
		if !ok {
			return nil, false
		}
		v, rest, ok := wire.CutString(rest)
		if !ok || i == n {
			return v, ok
		}
		summary = rest
	}
}

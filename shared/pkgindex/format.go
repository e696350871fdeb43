package pkgindex

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// FormatVersion is the format version. History:
//
//	1  2026-11-23  the first version
//	2  2026-11-29  the section RANK, and docs in its order
const FormatVersion = 2

const (
	magic            = "OMGINDEX"
	headerSize       = 64
	sectionEntrySize = 32
	maxSections      = 64
	sectionAlign     = 8
	docEntrySize     = 24
	rankEntrySize    = 2
	recordHeaderSize = 14
	gramEntrySize    = 12
	termEntrySize    = 16
	maxSectionLen    = 1<<32 - 1
)

// The sections, in the order of the file.
const (
	factsSection    = "FACT"
	docsSection     = "DOCS"
	ranksSection    = "RANK"
	recordsSection  = "RECS"
	textSection     = "TEXT"
	namesSection    = "NAME"
	gramsSection    = "GRAM"
	termsSection    = "TERM"
	valuesSection   = "VALS"
	postingsSection = "POST"
)

var sectionOrder = [...]string{
	factsSection, docsSection, ranksSection, recordsSection, textSection, namesSection, gramsSection, termsSection, valuesSection, postingsSection,
}

// Errors for an index that cannot be used. Open adds the file's path.
var (
	// ErrDamaged means that the content is inconsistent: truncated, overwritten, or changed by a broken disk.
	ErrDamaged = errors.New("index is damaged")
	// ErrNotIndex means that the file is not an index.
	ErrNotIndex = errors.New("not an omg index")
	// ErrVersion means that the file has another format version.
	ErrVersion = errors.New("index format not supported")
	// ErrRecordTooLarge means that a package has more data than fits into a reply.
	ErrRecordTooLarge = errors.New("record too large")
	// ErrTooLarge means that the packages do not fit into the format.
	ErrTooLarge = errors.New("too many packages for one index")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// section is a part of the file.
type section struct {
	name   string
	crc    uint32
	offset uint64
	length uint64
}

// marshalHeader encodes the header and the section table.
func marshalHeader(secs []section, size uint64) []byte {
	b := make([]byte, headerSize, headerSize+sectionEntrySize*len(secs))
	for _, s := range secs {
		b = append(b, s.name...)
		b = binary.LittleEndian.AppendUint32(b, s.crc)
		b = binary.LittleEndian.AppendUint64(b, s.offset)
		b = binary.LittleEndian.AppendUint64(b, s.length)
		b = binary.LittleEndian.AppendUint64(b, 0)
	}
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], FormatVersion)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(secs)))
	binary.LittleEndian.PutUint64(b[16:], size)
	binary.LittleEndian.PutUint32(b[24:], checksum(b[headerSize:]))
	binary.LittleEndian.PutUint32(b[28:], checksum(b[:28]))
	return b
}

// unmarshalHeader checks the header at the start of b, the first bytes of a file of the given size. It returns the
// number of entries in the section table, which follows the header, and the table's checksum.
func unmarshalHeader(b []byte, size int64) (sections int, tableCRC uint32, err error) {
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return 0, 0, ErrNotIndex
	}
	if len(b) < headerSize {
		return 0, 0, fmt.Errorf("%w: the file has only %d bytes", ErrDamaged, len(b))
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != FormatVersion {
		return 0, 0, fmt.Errorf("%w: the file is version %d, this program reads version %d: rebuild it with omg-index build", ErrVersion, v, FormatVersion)
	}
	if binary.LittleEndian.Uint32(b[28:]) != checksum(b[:28]) {
		return 0, 0, fmt.Errorf("%w: wrong checksum of the header", ErrDamaged)
	}
	if want := binary.LittleEndian.Uint64(b[16:]); size < 0 || want != uint64(size) {
		return 0, 0, fmt.Errorf("%w: the file has %d bytes instead of %d", ErrDamaged, size, want)
	}
	n := binary.LittleEndian.Uint32(b[12:])
	if n > maxSections {
		return 0, 0, fmt.Errorf("%w: %d sections", ErrDamaged, n)
	}
	return int(n), binary.LittleEndian.Uint32(b[24:]), nil
}

// unmarshalSectionTable decodes the section table of a file of the given size. Each section must start directly after the
// previous section and its padding, and the last section must end where the file ends. So no two sections share a byte,
// and only padding is outside the sections.
func unmarshalSectionTable(b []byte, crc uint32, size int64) (map[string]section, error) {
	if checksum(b) != crc {
		return nil, fmt.Errorf("%w: wrong checksum of the section table", ErrDamaged)
	}
	secs := make(map[string]section, len(b)/sectionEntrySize)
	end := uint64(headerSize + len(b))
	for ; len(b) >= sectionEntrySize; b = b[sectionEntrySize:] {
		s := section{
			name:   string(b[:4]),
			crc:    binary.LittleEndian.Uint32(b[4:]),
			offset: binary.LittleEndian.Uint64(b[8:]),
			length: binary.LittleEndian.Uint64(b[16:]),
		}
		if s.length > maxSectionLen || s.offset > uint64(size) || s.length > uint64(size)-s.offset {
			return nil, fmt.Errorf("%w: section %q is outside the file", ErrDamaged, s.name)
		}
		if s.offset < end || s.offset-end >= sectionAlign {
			return nil, fmt.Errorf("%w: section %q does not follow the one before it", ErrDamaged, s.name)
		}
		if _, twice := secs[s.name]; twice {
			return nil, fmt.Errorf("%w: two sections are called %q", ErrDamaged, s.name)
		}
		secs[s.name] = s
		end = s.offset + s.length
	}
	if end != uint64(size) {
		return nil, fmt.Errorf("%w: the sections end at byte %d, but the file has %d bytes", ErrDamaged, end, size)
	}
	for _, name := range sectionOrder {
		if _, ok := secs[name]; !ok {
			return nil, fmt.Errorf("%w: section %q is missing", ErrDamaged, name)
		}
	}
	return secs, nil
}

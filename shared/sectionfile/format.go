// Package sectionfile writes and maps files that consist of named sections with checksums. The indexes of omg are such
// files; what is in the sections is described where they are used.
//
// # The file
//
// All integers are little-endian. Sections start at multiples of 8.
//
//	header [64]
//	  magic        [8]  what kind of file it is
//	  version      [4]  format version of this kind
//	  sections     [4]  entries in the section table
//	  size         [8]  bytes in the file
//	  table crc    [4]  CRC32C of the section table
//	  header crc   [4]  CRC32C of the bytes before it
//	  zero         [32] reserved, zero
//	section table, one entry a section [32]
//	  name         [4]  four letters
//	  crc          [4]  CRC32C of the section
//	  offset       [8]  from the start of the file
//	  length       [8]  in bytes
//	  zero         [8]  reserved, zero
//
// A reader skips sections with unknown names.
package sectionfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const (
	magicSize        = 8
	headerSize       = 64
	sectionEntrySize = 32
	maxSections      = 64
	sectionAlign     = 8
)

// MaxSectionLen is the maximum length of a section in bytes.
const MaxSectionLen = 1<<32 - 1

// Errors for a file that cannot be used.
var (
	// ErrDamaged means that the content is inconsistent: truncated, overwritten, or changed by a broken disk.
	ErrDamaged = errors.New("index is damaged")
	// ErrNotIndex means that the file is not of the kind.
	ErrNotIndex = errors.New("not an omg index")
	// ErrVersion means that the file has another format version.
	ErrVersion = errors.New("index format not supported")
	// ErrTooLarge means that the content does not fit into the format.
	ErrTooLarge = errors.New("too much for one index")
)

// Format is a kind of file.
type Format struct {
	// Magic is the first eight bytes of the file.
	Magic string
	// Version is the only format version that is read.
	Version uint32
	// Sections are the names of the sections that must be in the file, of four letters each.
	Sections []string
	// Rebuild says how to replace a file of another version: "rebuild it with omg-index build".
	Rebuild string
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum returns the CRC32C of b.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// section is a part of the file.
type section struct {
	name   string
	crc    uint32
	offset uint64
	length uint64
}

// headSize returns the size of the header and the section table of a file with all sections of the format.
func (m *Format) headSize() int { return headerSize + sectionEntrySize*len(m.Sections) }

// marshalHeader encodes the header and the section table.
func (m *Format) marshalHeader(secs []section, size uint64) []byte {
	b := make([]byte, headerSize, headerSize+sectionEntrySize*len(secs))
	for _, s := range secs {
		b = append(b, s.name...)
		b = binary.LittleEndian.AppendUint32(b, s.crc)
		b = binary.LittleEndian.AppendUint64(b, s.offset)
		b = binary.LittleEndian.AppendUint64(b, s.length)
		b = binary.LittleEndian.AppendUint64(b, 0)
	}
	copy(b, m.Magic)
	binary.LittleEndian.PutUint32(b[8:], m.Version)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(secs)))
	binary.LittleEndian.PutUint64(b[16:], size)
	binary.LittleEndian.PutUint32(b[24:], Checksum(b[headerSize:]))
	binary.LittleEndian.PutUint32(b[28:], Checksum(b[:28]))
	return b
}

// unmarshalHeader checks the header at the start of b, the first bytes of a file of the given size. It returns the
// number of entries in the section table, which follows the header, and the table's checksum.
func (m *Format) unmarshalHeader(b []byte, size int64) (sections int, tableCRC uint32, err error) {
	if len(b) < magicSize || string(b[:magicSize]) != m.Magic {
		return 0, 0, ErrNotIndex
	}
	if len(b) < headerSize {
		return 0, 0, fmt.Errorf("%w: the file has only %d bytes", ErrDamaged, len(b))
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != m.Version {
		return 0, 0, fmt.Errorf("%w: the file is version %d, this program reads version %d: %s", ErrVersion, v, m.Version, m.Rebuild)
	}
	if binary.LittleEndian.Uint32(b[28:]) != Checksum(b[:28]) {
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
func (m *Format) unmarshalSectionTable(b []byte, crc uint32, size int64) (map[string]section, error) {
	if Checksum(b) != crc {
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
		if s.length > MaxSectionLen || s.offset > uint64(size) || s.length > uint64(size)-s.offset {
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
	for _, name := range m.Sections {
		if _, ok := secs[name]; !ok {
			return nil, fmt.Errorf("%w: section %q is missing", ErrDamaged, name)
		}
	}
	return secs, nil
}

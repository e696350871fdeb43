package commandindex

import (
	"encoding/binary"
	"fmt"

	"github.com/omg-arch/omg/shared/sectionfile"
)

// Info describes which program built a files index, when, and from which database.
type Info struct {
	// Repository is the name of the repository.
	Repository string `json:"repository"`
	// Builder is the program and version that wrote the file.
	Builder string `json:"builder"`
	// BuiltAt is the time of the build, in Unix seconds.
	BuiltAt int64 `json:"built"`
	// SHA256 is the digest of the database in lower-case hexadecimal, FileSize its size in bytes and AsOf its modification
	// time in Unix seconds.
	SHA256   string `json:"sha256"`
	FileSize int64  `json:"size"`
	AsOf     int64  `json:"as_of"`
	// LeftOutCount is the number of packages in the database that are missing from the index, or that are in the index
	// without some of their files. LeftOutReason is the reason for the first such package.
	LeftOutCount  uint32 `json:"left_out,omitempty"`
	LeftOutReason string `json:"why,omitempty"`
	// PackageCount and PathCount are the numbers of packages and of their paths.
	PackageCount uint32 `json:"packages"`
	PathCount    uint64 `json:"paths"`
}

// maxInfoSize is the maximum size of section INFO in bytes, and maxInfoString that of a string in it.
const (
	maxInfoSize   = 1 << 16
	maxInfoString = 4 << 10
)

// Marshal encodes the facts as section INFO.
func (i *Info) Marshal() ([]byte, error) {
	var b []byte
	for _, s := range i.strings() {
		if len(*s) > maxInfoString {
			return nil, fmt.Errorf("%w: %d bytes in a fact about the build", sectionfile.ErrTooLarge, len(*s))
		}
		b = binary.AppendUvarint(b, uint64(len(*s)))
		b = append(b, *s...)
	}
	for _, n := range [...]uint64{uint64(i.BuiltAt), uint64(i.FileSize), uint64(i.AsOf), uint64(i.LeftOutCount), uint64(i.PackageCount), i.PathCount} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b, nil
}

func (i *Info) strings() [4]*string {
	return [...]*string{&i.Repository, &i.Builder, &i.SHA256, &i.LeftOutReason}
}

// unmarshalInfo decodes section INFO.
func unmarshalInfo(b []byte) (Info, error) {
	var i Info
	wrong := fmt.Errorf("%w: section %s is wrong", sectionfile.ErrDamaged, InfoSection)
	if len(b) > maxInfoSize {
		return i, wrong
	}
	for _, s := range i.strings() {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return i, wrong
		}
		*s = string(b[k:][:n])
		b = b[k:][n:]
	}
	if len(b) != 6*8 {
		return i, wrong
	}
	number := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at*8:]) }
	if number(3) > 1<<32-1 || number(4) > 1<<32-1 {
		return i, wrong
	}
	i.BuiltAt, i.FileSize, i.AsOf = int64(number(0)), int64(number(1)), int64(number(2))
	i.LeftOutCount, i.PackageCount, i.PathCount = uint32(number(3)), uint32(number(4)), number(5)
	return i, nil
}

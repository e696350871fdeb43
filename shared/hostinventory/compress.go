package hostinventory

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"

	"github.com/omg-arch/omg/shared/inventory"
)

// A compressed inventory is a file of zstd with two frames. The second one has the document. The first one is a skippable frame, which programs that
// decompress the file ignore (RFC 8878, section 3.1.2). It has a checksum of all that follows it, and then the short document, compressed: the inventory
// without the details of packages. Most questions need no more, and the short document is a fifth of the whole.
const (
	skippableMagic  = 0x184D2A5A // one of the 16 numbers of skippable frames
	skippableHeader = 8          // bytes of the number and of the size of the content, little-endian
	checksumSize    = 4          // CRC-32C, little-endian
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Compress compresses an inventory, whose document is given, with zstd. Equal inventories give equal bytes.
func Compress(v *inventory.Inventory, document []byte) ([]byte, error) {
	short, err := inventory.Encode(Shorten(v))
	if err != nil {
		return nil, err
	}
	e, err := NewEncoder()
	if err != nil {
		return nil, err
	}
	defer e.Close()
	return Join(e.EncodeAll(short, nil), e.EncodeAll(document, nil)), nil
}

// NewEncoder returns the encoder with which inventories are compressed.
func NewEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
}

// Shorten returns the inventory that the short document has: of each package only the name and the version.
func Shorten(v *inventory.Inventory) *inventory.Inventory {
	short := *v
	if v.Packages != nil {
		short.Packages = make([]inventory.HostPackage, len(v.Packages))
	}
	for i := range v.Packages {
		short.Packages[i] = inventory.HostPackage{Name: v.Packages[i].Name, Version: v.Packages[i].Version}
	}
	return &short
}

// Join returns the compressed inventory with a short document and a document, which are compressed.
func Join(short, document []byte) []byte {
	all := make([]byte, 0, skippableHeader+checksumSize+len(short)+len(document))
	all = binary.LittleEndian.AppendUint32(all, skippableMagic)
	all = binary.LittleEndian.AppendUint32(all, uint32(checksumSize+len(short)))
	all = binary.LittleEndian.AppendUint32(all, crc32.Checksum(document, castagnoli))
	return append(append(all, short...), document...)
}

var errParts = errors.New("its parts do not belong together: it is incomplete or damaged")

// Split returns the short document and the document of a compressed inventory, which are compressed. Both were made at the same time, or there is an
// error. The short one is nil if there is none.
func Split(data []byte) (short, document []byte, err error) {
	if len(data) < skippableHeader || binary.LittleEndian.Uint32(data) != skippableMagic {
		return nil, data, nil
	}
	size, rest := binary.LittleEndian.Uint32(data[4:]), data[skippableHeader:]
	if size < checksumSize || uint64(size) > uint64(len(rest)) {
		return nil, nil, errParts
	}
	if document = rest[size:]; binary.LittleEndian.Uint32(rest) != crc32.Checksum(document, castagnoli) {
		return nil, nil, errParts
	}
	return rest[checksumSize:size], document, nil
}

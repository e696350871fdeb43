package filesindex

import (
	"encoding/binary"
	"fmt"

	"github.com/omg-arch/omg/shared/sectionfile"
)

// writeDictionary writes the sections of a dictionary.
func writeDictionary(out *sectionfile.Writer, names dictionarySections, source stringSource, uses *uses) error {
	var (
		b, last []byte
		starts  []uint32 // of the blocks in the section of the strings
		grams   gramCollector
		end     uint64
		i       int
	)
	out.Begin(names.strings)
	err := source.each(func(text []byte) error {
		b = b[:0]
		shared := 0
		if i%blockStrings == 0 {
			starts = append(starts, uint32(end))
			grams.beginBlock(uint32(i / blockStrings))
			b = binary.AppendUvarint(b, uint64(len(text)))
			b = append(b, text...)
		} else {
			shared = commonPrefix(last, text)
			b = binary.AppendUvarint(b, uint64(shared))
			b = binary.AppendUvarint(b, uint64(len(text)-shared))
			b = append(b, text[shared:]...)
		}
		grams.add(text, shared)
		out.Write(b)
		end += uint64(len(b))
		last = append(last[:0], text...)
		i++
		return out.Err()
	})
	if err != nil {
		return err
	}
	out.End()
	starts = append(starts, uint32(end))

	out.Begin(names.packages)
	blocks := binary.LittleEndian.AppendUint64(nil, uint64(source.count()))
	end = 0
	only := uint32(0)
	for i := range source.count() {
		if i%blockStrings == 0 {
			blocks = binary.LittleEndian.AppendUint32(blocks, starts[i/blockStrings])
			blocks = binary.LittleEndian.AppendUint32(blocks, uint32(end))
			only = 0
		}
		if len(uses.of(i)) == 0 {
			return fmt.Errorf("no package has string %d of section %s", i, names.strings)
		}
		b, only = appendUses(b[:0], uses.of(i), only)
		out.Write(b)
		end += uint64(len(b))
	}
	out.End()
	blocks = binary.LittleEndian.AppendUint32(blocks, starts[len(starts)-1])
	blocks = binary.LittleEndian.AppendUint32(blocks, uint32(end))
	out.WriteSection(names.blocks, blocks)
	grams.write(out, names)
	return out.Err()
}

// appendUses appends the list of the packages that use a string. The parameter only is the package of the last string of
// the block that only one package uses; appendUses returns the next such package.
func appendUses(dst []byte, packages []uint32, only uint32) ([]byte, uint32) {
	if len(packages) == 1 {
		return binary.AppendUvarint(dst, zigzag(int64(packages[0])-int64(only))<<1), packages[0]
	}
	size, after := 0, uint32(0)
	for _, p := range packages {
		size += uvarintLen(uint64(p - after))
		after = p + 1
	}
	dst = binary.AppendUvarint(dst, uint64(size)<<1|1)
	after = 0
	for _, p := range packages {
		dst = binary.AppendUvarint(dst, uint64(p-after))
		after = p + 1
	}
	return dst, only
}

func commonPrefix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

package commandindex

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/sectionfile"
)

// Builder collects the commands of a repository.
type Builder struct {
	rows  []row
	text  []byte            // the strings
	names map[string]uint32 // the offset of each string
}

type row struct {
	name, pkg uint32 // offsets in the strings
	dir       uint32
}

// Dir returns the number of a directory in Dirs, and whether it is there.
func Dir(path string) (uint32, bool) {
	for i, d := range Dirs {
		if path == d {
			return uint32(i), true
		}
	}
	return 0, false
}

// maxNameLen is the maximum length of a command in bytes. No file system has longer names.
const maxNameLen = 255

// Add adds the command of a package with the given name in a directory, whose number Dir returns.
func (b *Builder) Add(pkg string, dir uint32, name string) error {
	if len(name) > maxNameLen {
		return nil
	}
	if uint64(len(b.text))+uint64(len(b.rows))*rowSize > sectionfile.MaxSectionLen/2 {
		return fmt.Errorf("%w: %d commands", sectionfile.ErrTooLarge, len(b.rows))
	}
	b.rows = append(b.rows, row{b.offset(name), b.offset(pkg), dir})
	return nil
}

func (b *Builder) offset(s string) uint32 {
	if at, ok := b.names[s]; ok {
		return at
	}
	if b.names == nil {
		b.names = make(map[string]uint32)
	}
	at := uint32(len(b.text))
	b.names[strings.Clone(s)] = at
	b.text = append(binary.AppendUvarint(b.text, uint64(len(s))), s...)
	return at
}

// Marshal returns section CMDS.
func (b *Builder) Marshal() []byte {
	slices.SortFunc(b.rows, func(x, y row) int {
		return cmp.Or(bytes.Compare(b.stringAt(x.name), b.stringAt(y.name)), bytes.Compare(b.stringAt(x.pkg), b.stringAt(y.pkg)), cmp.Compare(x.dir, y.dir))
	})
	rows := slices.Compact(b.rows)
	// The strings are written in the order of the rows, so that the section does not depend on the order in which packages
	// were added.
	var text []byte
	at := make(map[uint32]uint32, len(b.names))
	place := func(old uint32) uint32 {
		n, ok := at[old]
		if !ok {
			n = uint32(len(text))
			at[old] = n
			s := b.stringAt(old)
			text = append(binary.AppendUvarint(text, uint64(len(s))), s...)
		}
		return n
	}
	out := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(rows)*rowSize+len(b.text)), uint32(len(rows)))
	for _, r := range rows {
		out = binary.LittleEndian.AppendUint32(out, place(r.name))
		out = binary.LittleEndian.AppendUint32(out, place(r.pkg))
		out = binary.LittleEndian.AppendUint32(out, r.dir)
	}
	return append(out, text...)
}

func (b *Builder) stringAt(at uint32) []byte {
	n, k := binary.Uvarint(b.text[at:])
	return b.text[int(at)+k:][:n]
}

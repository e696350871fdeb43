package filesindex

import (
	"encoding/binary"
	"fmt"

	"github.com/omg-arch/omg/shared/commandindex"
	"github.com/omg-arch/omg/shared/sectionfile"
)

// content is what an index is written from.
type content struct {
	info     BuildInfo
	packages []pendingPackage // sorted by name
	lists    wordArena        // the paths of the packages, see Builder.addList
	commands commandindex.Builder

	dirs, names       stringSource
	dirRank, nameRank ranks // the numbers in the index of the directories and names in the lists
}

// stringSource has the strings of a dictionary.
type stringSource interface {
	count() int
	// each calls f for the strings in ascending order.
	each(f func(text []byte) error) error
}

// ranks are the numbers in the index of strings that have other numbers before; nil if they are the same.
type ranks []uint32

func (r ranks) of(n uint32) uint32 {
	if r == nil {
		return n
	}
	return r[n]
}

// write writes the sections of an index. It frees what it no longer needs.
func (c *content) write(out *sectionfile.Writer) error {
	c.info.PackageCount, c.info.PathCount = uint32(len(c.packages)), 0
	for _, p := range c.packages {
		c.info.PathCount += uint64(p.pathCount)
	}
	info, err := c.info.Marshal()
	if err != nil {
		return err
	}
	out.WriteSection(commandindex.InfoSection, info)
	out.WriteSection(commandindex.CommandsSection, c.commands.Marshal())
	c.commands = commandindex.Builder{}
	if err := c.writePackages(out); err != nil {
		return err
	}
	dirUses, nameUses := newUses(c.dirs.count()), newUses(c.names.count())
	c.eachUse(dirUses.countUse, nameUses.countUse)
	dirUses.allocate()
	nameUses.allocate()
	c.eachUse(dirUses.addUse, nameUses.addUse)
	c.lists, c.packages, c.dirRank, c.nameRank = wordArena{}, nil, nil, nil
	if err := writeDictionary(out, dirSections, c.dirs, dirUses); err != nil {
		return err
	}
	c.dirs = nil
	return writeDictionary(out, nameSections, c.names, nameUses)
}

// writePackages writes the sections of packages.
func (c *content) writePackages(out *sectionfile.Writer) error {
	var recordEnd, listEnd uint64
	table := make([]byte, 0, (len(c.packages)+1)*packageEntrySize)
	out.Begin(packageNamesSection)
	for _, p := range c.packages {
		out.Write(p.record)
	}
	out.End()
	out.Begin(listsSection)
	var list []byte
	for _, p := range c.packages {
		table = binary.LittleEndian.AppendUint32(table, uint32(recordEnd))
		table = binary.LittleEndian.AppendUint32(table, uint32(listEnd))
		list = appendPackageList(list[:0], c.lists.get(p.list), p.pathCount, c.dirRank, c.nameRank)
		out.Write(list)
		recordEnd += uint64(len(p.record))
		listEnd += uint64(len(list))
	}
	out.End()
	table = binary.LittleEndian.AppendUint32(table, uint32(recordEnd))
	table = binary.LittleEndian.AppendUint32(table, uint32(listEnd))
	out.WriteSection(packagesSection, table)
	return out.Err()
}

// eachUse calls the functions for each directory and each name of each package.
func (c *content) eachUse(dir, name func(n, pkg uint32)) {
	for i, p := range c.packages {
		for l := c.lists.get(p.list); len(l) > 0; {
			dir(c.dirRank.of(l[0]), uint32(i))
			for _, n := range l[2:][:l[1]] {
				if n > 0 {
					name(c.nameRank.of(n-1), uint32(i))
				}
			}
			l = l[2+l[1]:]
		}
	}
}

// appendPackageRecord appends a package in the format of section PKGN.
func appendPackageRecord(dst []byte, name, version string, groups []string) ([]byte, error) {
	for _, s := range append([]string{name, version}, groups...) {
		if len(dst)+len(s) > MaxPathLen {
			return nil, fmt.Errorf("%w: %.100s: the name, the version and the groups have more than %d bytes", ErrTooLarge, name, MaxPathLen)
		}
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	return dst, nil
}

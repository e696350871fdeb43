package filesindex

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/commandindex"
	"github.com/omg-arch/omg/shared/sectionfile"
)

// Builder collects the packages of a repository and their files, and writes them as an index. The packages may be added in
// any order: the written bytes depend only on the packages and the facts.
type Builder struct {
	info     BuildInfo
	dirs     interner
	names    interner
	packages []pendingPackage
	lists    wordArena
	commands commandindex.Builder

	sorted []string // the files of the package that Add is adding
	list   []uint32
	err    error // the index cannot be built
}

// pendingPackage is a package that was added.
type pendingPackage struct {
	name, version string
	list          wordRef
	pathCount     uint32
}

// NewBuilder returns an empty Builder for a repository. The builder counts packages and paths itself.
func NewBuilder(repository string, info BuildInfo) *Builder {
	info.Repository, info.PackageCount, info.PathCount = repository, 0, 0
	return &Builder{info: info}
}

// SetInfo replaces the facts, which may be known only after the packages were read. The name of the repository stays.
func (b *Builder) SetInfo(info BuildInfo) {
	info.Repository = b.info.Repository
	b.info = info
}

// Add adds a package with its files: paths without the leading slash, directories with a slash at the end, in any order.
// They are stored as they are, duplicates too. After an error, the package is not in the index. Add keeps none of the
// strings.
func (b *Builder) Add(name, version string, files []string) error {
	if b.err != nil {
		return b.err
	}
	if name == "" || len(name) > MaxPathLen || len(version) > MaxPathLen {
		return fmt.Errorf("%w: the name or the version of a package is empty or longer than %d bytes", ErrTooLarge, MaxPathLen)
	}
	if len(files) > MaxPathCount {
		return fmt.Errorf("%w: %s has %d files, at most %d are allowed", ErrTooLarge, name, len(files), MaxPathCount)
	}
	for _, path := range files {
		if len(path) > MaxPathLen {
			return fmt.Errorf("%w: %s has a path of %d bytes, at most %d are allowed", ErrTooLarge, name, len(path), MaxPathLen)
		}
	}
	b.sorted = append(b.sorted[:0], files...)
	slices.Sort(b.sorted)
	name, version = strings.Clone(name), strings.Clone(version)
	if b.err = b.addList(name); b.err != nil {
		return b.err
	}
	clear(b.sorted)
	b.packages = append(b.packages, pendingPackage{name, version, b.lists.add(b.list), uint32(len(files))})
	return nil
}

// addList numbers the directories and names of the sorted paths, and writes them to b.list as runs of paths in the same
// directory: the number of the directory, the number of paths, and for each the number of its name + 1, or 0 for the
// directory itself.
func (b *Builder) addList(pkg string) error {
	b.list = b.list[:0]
	run := -1 // where the last run begins
	lastDir := ""
	commandDir, isCommandDir := uint32(0), false
	for _, path := range b.sorted {
		slash := strings.LastIndexByte(path, '/') + 1
		dir, name := path[:slash], path[slash:]
		if run < 0 || dir != lastDir {
			n, err := b.dirs.number(dir)
			if err != nil {
				return err
			}
			lastDir, run = dir, len(b.list)
			b.list = append(b.list, n, 0)
			commandDir, isCommandDir = commandindex.Dir(dir)
		}
		b.list[run+1]++
		if name == "" {
			b.list = append(b.list, 0)
			continue
		}
		n, err := b.names.number(name)
		if err != nil {
			return err
		}
		b.list = append(b.list, n+1)
		if isCommandDir {
			if err := b.commands.Add(pkg, commandDir, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Bytes returns the index as bytes. It ends the builder.
func (b *Builder) Bytes() ([]byte, error) { return format.Bytes(b.writeSections) }

// WriteFile atomically replaces the file at path with the index. It ends the builder.
func (b *Builder) WriteFile(path string) error { return format.WriteFile(path, b.writeSections) }

// WriteTo writes the index to an empty file. It ends the builder.
func (b *Builder) WriteTo(f interface {
	io.Writer
	io.WriterAt
},
) error {
	return format.WriteOpenFile(f, b.writeSections)
}

func (b *Builder) writeSections(out *sectionfile.Writer) error {
	if b.err != nil {
		return b.err
	}
	slices.SortFunc(b.packages, func(x, y pendingPackage) int { return cmp.Compare(x.name, y.name) })
	b.info.PackageCount, b.info.PathCount = uint32(len(b.packages)), 0
	for i, p := range b.packages {
		if i > 0 && b.packages[i-1].name == p.name {
			return fmt.Errorf("two packages are called %q", p.name)
		}
		b.info.PathCount += uint64(p.pathCount)
	}
	info, err := b.info.Marshal()
	if err != nil {
		return err
	}
	out.WriteSection(commandindex.InfoSection, info)
	out.WriteSection(commandindex.CommandsSection, b.commands.Marshal())
	b.commands = commandindex.Builder{}

	dirs, names := newSortedStrings(&b.dirs), newSortedStrings(&b.names)
	if err := b.writePackages(out, dirs.rank, names.rank); err != nil {
		return err
	}
	dirUses, nameUses := newUses(dirs.count()), newUses(names.count())
	b.eachUse(dirs.rank, names.rank, dirUses.countUse, nameUses.countUse)
	dirUses.allocate()
	nameUses.allocate()
	b.eachUse(dirs.rank, names.rank, dirUses.addUse, nameUses.addUse)
	b.lists, b.packages = wordArena{}, nil
	dirs.rank, names.rank = nil, nil
	dirs.write(out, dirSections, dirUses)
	dirUses, b.dirs = nil, interner{}
	names.write(out, nameSections, nameUses)
	return out.Err()
}

// writePackages writes the sections of packages. The ranks are the numbers of the directories and names in the index.
func (b *Builder) writePackages(out *sectionfile.Writer, dirRank, nameRank []uint32) error {
	var table, text, list []byte
	var listEnd uint64
	for _, p := range b.packages {
		text = binary.AppendUvarint(text, uint64(len(p.name)))
		text = append(append(text, p.name...), p.version...)
	}
	out.WriteSection(packageNamesSection, text)
	textEnd := uint32(0)
	out.Begin(listsSection)
	for _, p := range b.packages {
		table = binary.LittleEndian.AppendUint32(table, textEnd)
		table = binary.LittleEndian.AppendUint32(table, uint32(listEnd))
		textEnd += uint32(uvarintLen(uint64(len(p.name))) + len(p.name) + len(p.version))
		list = appendPackageList(list[:0], b.lists.get(p.list), p.pathCount, dirRank, nameRank)
		out.Write(list)
		listEnd += uint64(len(list))
	}
	out.End()
	if uint64(len(text)) > sectionfile.MaxSectionLen || listEnd > sectionfile.MaxSectionLen {
		return fmt.Errorf("%w: %d packages", ErrTooLarge, len(b.packages))
	}
	table = binary.LittleEndian.AppendUint32(table, textEnd)
	table = binary.LittleEndian.AppendUint32(table, uint32(listEnd))
	out.WriteSection(packagesSection, table)
	return out.Err()
}

// eachUse calls the functions for each directory and each name of each package.
func (b *Builder) eachUse(dirRank, nameRank []uint32, dir, name func(rank, pkg uint32)) {
	for i, p := range b.packages {
		for l := b.lists.get(p.list); len(l) > 0; {
			dir(dirRank[l[0]], uint32(i))
			for _, n := range l[2:][:l[1]] {
				if n > 0 {
					name(nameRank[n-1], uint32(i))
				}
			}
			l = l[2+l[1]:]
		}
	}
}

// uses collects for each string of a dictionary the packages that use it.
type uses struct {
	last     []uint32 // the last package of each string + 1
	start    []uint32 // the start of each string's packages; while counting, start[i+1] is the number of packages of string i
	packages []uint32
}

func newUses(n int) *uses { return &uses{last: make([]uint32, n), start: make([]uint32, n+1)} }

func (u *uses) countUse(i, pkg uint32) {
	if u.last[i] != pkg+1 {
		u.last[i] = pkg + 1
		u.start[i+1]++
	}
}

func (u *uses) allocate() {
	for i := range u.last {
		u.start[i+1] += u.start[i]
	}
	u.packages = make([]uint32, u.start[len(u.last)])
	copy(u.last, u.start) // from now on, where the next package of each string goes
}

func (u *uses) addUse(i, pkg uint32) {
	if at := u.last[i]; at == u.start[i] || u.packages[at-1] != pkg {
		u.packages[at] = pkg
		u.last[i]++
	}
}

func (u *uses) of(i int) []uint32 { return u.packages[u.start[i]:u.start[i+1]] }

// wordArena stores slices of numbers in blocks that never move.
type wordArena struct{ blocks [][]uint32 }

const wordBlockSize = 1 << 18 // in numbers

// wordRef is the place of a slice in a wordArena.
type wordRef struct{ block, offset, size uint32 }

func (a *wordArena) add(w []uint32) wordRef {
	last := len(a.blocks) - 1
	if last < 0 || len(a.blocks[last])+len(w) > cap(a.blocks[last]) {
		a.blocks = append(a.blocks, make([]uint32, 0, max(wordBlockSize, len(w))))
		last++
	}
	p := wordRef{uint32(last), uint32(len(a.blocks[last])), uint32(len(w))}
	a.blocks[last] = append(a.blocks[last], w...)
	return p
}

func (a *wordArena) get(p wordRef) []uint32 { return a.blocks[p.block][p.offset:][:p.size] }

package filesindex

import (
	"cmp"
	"errors"
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
	dirs     *interner
	names    *interner
	packages []pendingPackage
	lists    wordArena
	commands commandindex.Builder

	sorted []string // the files of the package that Add is adding
	list   []uint32
	err    error // the index cannot be built
}

// pendingPackage is a package that was added.
type pendingPackage struct {
	name      string
	record    []byte // in the format of section PKGN
	list      wordRef
	pathCount uint32
}

// NewBuilder returns an empty Builder for a repository. The builder counts packages and paths itself.
func NewBuilder(repository string, info BuildInfo) *Builder {
	info.Repository, info.PackageCount, info.PathCount = repository, 0, 0
	return &Builder{info: info, dirs: new(interner), names: new(interner)}
}

// SetInfo replaces the facts, which may be known only after the packages were read. The name of the repository stays.
func (b *Builder) SetInfo(info BuildInfo) {
	info.Repository = b.info.Repository
	b.info = info
}

// Add adds a package with its files and its groups. The files are paths without the leading slash, directories with a slash
// at the end, in any order. They are stored as they are, duplicates too. After an error, the package is not in the index.
// Add keeps none of the strings.
func (b *Builder) Add(name, version string, files []string, groups ...string) error {
	if b.err != nil {
		return b.err
	}
	record, err := checkedPackageRecord(name, version, files, groups)
	if err != nil {
		return err
	}
	b.sorted = append(b.sorted[:0], files...)
	slices.Sort(b.sorted)
	name = strings.Clone(name)
	if b.err = b.addList(name); b.err != nil {
		return b.err
	}
	clear(b.sorted)
	b.packages = append(b.packages, pendingPackage{name, record, b.lists.add(b.list), uint32(len(files))})
	return nil
}

// Check returns the error with which Add refuses a package, whatever packages the index has.
func Check(name, version string, files []string, groups ...string) error {
	_, err := checkedPackageRecord(name, version, files, groups)
	return err
}

// checkedPackageRecord returns the package in the format of section PKGN, or the reason why an index cannot have the package.
func checkedPackageRecord(name, version string, files, groups []string) ([]byte, error) {
	if name == "" {
		return nil, errors.New("a package must have a name")
	}
	if len(files) > MaxPathCount {
		return nil, fmt.Errorf("%w: %s has %d files, at most %d are allowed", ErrTooLarge, name, len(files), MaxPathCount)
	}
	for _, path := range files {
		if len(path) > MaxPathLen {
			return nil, fmt.Errorf("%w: %s has a path of %d bytes, at most %d are allowed", ErrTooLarge, name, len(path), MaxPathLen)
		}
	}
	return appendPackageRecord(nil, name, version, groups)
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
	for i := range b.packages[min(1, len(b.packages)):] {
		if name := b.packages[i].name; name == b.packages[i+1].name {
			return fmt.Errorf("two packages are called %q", name)
		}
	}
	dirs, names := sortStrings(b.dirs), sortStrings(b.names)
	c := content{
		info: b.info, packages: b.packages, lists: b.lists, commands: b.commands,
		dirs: dirs, names: names, dirRank: dirs.rank(), nameRank: names.rank(),
	}
	*b = Builder{} // the content frees what it no longer needs
	return c.write(out)
}

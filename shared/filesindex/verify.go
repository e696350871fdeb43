package filesindex

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/omg-arch/omg/shared/commandindex"
	"github.com/omg-arch/omg/shared/sectionfile"
)

// Verify checks the checksum of every section, and that a Builder writes exactly these bytes from the packages in the file:
// that packages, paths and the strings of the dictionaries are in order, that each string is used, and that the lists of
// packages, substrings and commands agree with the lists of paths. So Verify also finds a file whose checksums are correct,
// but which was built wrong. A change of the bytes that a Builder writes needs a new FormatVersion.
//
// Verify needs less time and memory than building the index, both limited by the size of the file. Its error wraps
// ErrDamaged and describes the first fault.
func (f *File) Verify() error {
	if err := f.VerifyChecksums(); err != nil {
		return err
	}
	c := content{info: f.info, dirs: sortedDictionary{f.dirs, isDir}, names: sortedDictionary{f.names, isName}}
	err := sectionfile.GuardFaults(func() error { return f.addPackages(&c) })
	if err != nil {
		return err
	}
	err = f.file.Compare(c.write)
	if err != nil && !errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// addPackages adds the packages of the file to the content of another.
func (f *File) addPackages(c *content) error {
	commandDirs, err := f.commandDirs()
	if err != nil {
		return err
	}
	var (
		text     = f.pathStrings()
		list     []uint32
		lastName []byte
	)
	for pkg := range f.info.PackageCount {
		p, err := f.pendingPackage(pkg)
		if err != nil {
			return err
		}
		if pkg > 0 && string(lastName) >= p.name {
			return fmt.Errorf("%w: package %d is misplaced", ErrDamaged, pkg)
		}
		lastName = append(lastName[:0], p.name...)
		if list, err = f.appendList(list[:0], pkg, text); err != nil {
			return err
		}
		for l := list; len(l) > 0; l = l[2+l[1]:] {
			p.pathCount += l[1]
			dir, ok := commandDirs[l[0]]
			if !ok {
				continue
			}
			for _, n := range l[2:][:l[1]] {
				if n == 0 {
					continue
				}
				name, err := text.names.get(n - 1)
				if err == nil {
					err = c.commands.Add(p.name, dir, string(name))
				}
				if err != nil {
					return err
				}
			}
		}
		p.list = c.lists.add(list)
		c.packages = append(c.packages, p)
	}
	return nil
}

// commandDirs returns the directories of commands: their numbers in commandindex.Dirs by their numbers in the file.
func (f *File) commandDirs() (map[uint32]uint32, error) {
	dirs := make(map[uint32]uint32)
	for i, d := range commandindex.Dirs {
		n, ok, err := f.dirs.find([]byte(d))
		if err != nil {
			return nil, err
		}
		if ok {
			dirs[n] = uint32(i)
		}
	}
	return dirs, nil
}

// pendingPackage returns a package without its list.
func (f *File) pendingPackage(pkg uint32) (p pendingPackage, err error) {
	read, err := f.readPackage(pkg)
	if err != nil {
		return p, err
	}
	if read.Name == "" {
		return p, f.damagedPackage(pkg)
	}
	p.name = read.Name
	if p.record, err = appendPackageRecord(nil, read.Name, read.Version, read.Groups); err != nil {
		return p, fmt.Errorf("%w: package %d: %w", ErrDamaged, pkg, err)
	}
	return p, nil
}

// appendList appends the paths of a package in the format of Builder.addList, and checks their order.
func (f *File) appendList(dst []uint32, pkg uint32, text *pathStrings) ([]uint32, error) {
	r, err := f.pathReader(pkg)
	if err != nil {
		return nil, err
	}
	var path, last []byte
	run, lastDir := -1, uint32(0)
	add := func(name uint32, isSelf bool) (err error) {
		last, path = path, last
		if path, err = text.append(path[:0], r.dir, name, isSelf); err != nil {
			return err
		}
		if run >= 0 && bytes.Compare(last, path) > 0 {
			return fmt.Errorf("%w: the paths of package %d are not sorted", ErrDamaged, pkg)
		}
		if run < 0 || r.dir != lastDir {
			run, lastDir = len(dst), r.dir
			dst = append(dst, r.dir, 0)
		}
		dst[run+1]++
		if isSelf {
			dst = append(dst, 0)
		} else {
			dst = append(dst, name+1)
		}
		return nil
	}
	for r.nextRun() {
		if r.hasSelf {
			if err := add(0, true); err != nil {
				return nil, err
			}
		}
		for r.nextName() {
			if err := add(r.name, false); err != nil {
				return nil, err
			}
		}
	}
	return dst, r.err(pkg)
}

// isDir reports whether a text can be the part of a path up to its last slash.
func isDir(text []byte) bool { return len(text) == 0 || text[len(text)-1] == '/' }

// isName reports whether a text can be the part of a path after its last slash.
func isName(text []byte) bool { return len(text) > 0 && bytes.IndexByte(text, '/') < 0 }

// sortedDictionary is a dictionary that is checked while it is read: the order of its strings, and each with a function.
type sortedDictionary struct {
	d     *dictionary
	valid func(text []byte) bool
}

func (s sortedDictionary) count() int { return int(s.d.count) }

func (s sortedDictionary) each(f func([]byte) error) error {
	r := s.d.reader()
	var last []byte
	for block := range s.d.blockCount() {
		if err := r.openBlock(block); err != nil {
			return err
		}
		for r.next < r.end {
			text, err := r.read()
			if err != nil {
				return err
			}
			if r.next > 1 && bytes.Compare(last, text) >= 0 {
				return fmt.Errorf("%w: section %s is not sorted", ErrDamaged, s.d.sections.strings)
			}
			if !s.valid(text) {
				return fmt.Errorf("%w: string %d of section %s is not a part of a path", ErrDamaged, r.next-1, s.d.sections.strings)
			}
			last = append(last[:0], text...)
			if err := f(text); err != nil {
				return err
			}
		}
	}
	return nil
}

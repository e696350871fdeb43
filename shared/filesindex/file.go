package filesindex

import (
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"sort"

	"github.com/omg-arch/omg/shared/commandindex"
	"github.com/omg-arch/omg/shared/sectionfile"
)

// File is an open index. Its methods are safe for concurrent use, but not after Close.
type File struct {
	file         *sectionfile.File
	info         BuildInfo
	commands     *commandindex.Table
	packageTable []byte
	packageNames []byte
	lists        []byte
	dirs, names  *dictionary
	hasNoDir     bool // the first directory is the empty string
}

// Open maps the index at path. It reads only the header, the section table and the facts. It refuses a file that the
// group or all users can write, and a file whose owner the function trust rejects. If trust is nil, every owner is
// accepted.
func Open(path string, trust func(uid uint32) bool) (*File, error) {
	file, err := format.Open(path, trust)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := openSections(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// OpenFromFile maps an index from an open file that cannot change, such as a sealed memory file. The returned File has an
// empty path. The caller may close the os.File afterwards.
func OpenFromFile(file *os.File) (*File, error) {
	f, err := format.OpenFromFile(file)
	if err != nil {
		return nil, err
	}
	return openSections(f)
}

// openSections reads the facts, and closes the file after an error.
func openSections(file *sectionfile.File) (*File, error) {
	f := &File{file: file}
	err := sectionfile.GuardFaults(f.readSections)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	file.AdviseRandom()
	return f, nil
}

func (f *File) readSections() (err error) {
	if f.info, f.commands, err = commandindex.ReadSections(f.file); err != nil {
		return err
	}
	f.packageTable, f.packageNames, f.lists = f.file.Section(packagesSection), f.file.Section(packageNamesSection), f.file.Section(listsSection)
	if uint64(len(f.packageTable)) != (uint64(f.info.PackageCount)+1)*packageEntrySize {
		return fmt.Errorf("%w: section %s has the wrong length", ErrDamaged, packagesSection)
	}
	if f.dirs, err = openDictionary(f.file, dirSections, f.info.PackageCount); err != nil {
		return err
	}
	if f.names, err = openDictionary(f.file, nameSections, f.info.PackageCount); err != nil || f.dirs.count == 0 {
		return err
	}
	dirs := f.dirs.reader()
	first, err := dirs.get(0)
	f.hasNoDir = len(first) == 0
	return err
}

// Close unmaps the file.
func (f *File) Close() error { return f.file.Close() }

// Path returns the path from which the index was opened, or an empty string for an index in memory.
func (f *File) Path() string { return f.file.Path() }

// Size returns the size of the file in bytes.
func (f *File) Size() int64 { return f.file.Size() }

// Info returns the facts about the build.
func (f *File) Info() *BuildInfo { return &f.info }

// PackageCount returns the number of packages.
func (f *File) PackageCount() int { return int(f.info.PackageCount) }

// VerifyChecksums verifies the checksum of every section, which is about as fast as reading the file from memory. It
// detects damage, but not a file that was built wrong. The error wraps ErrDamaged.
func (f *File) VerifyChecksums() error { return f.file.VerifyChecksums() }

// Check checks the whole file, as VerifyChecksums does.
func (f *File) Check() error { return f.VerifyChecksums() }

// Package is a package of the repository.
type Package struct {
	Name, Version string
	// Groups lists the groups of the package, in the order of the database.
	Groups []string
}

// Package returns a package, whose number must be less than PackageCount.
func (f *File) Package(i int) (p Package, err error) {
	err = sectionfile.GuardFaults(func() error {
		p, err = f.readPackage(uint32(i))
		return err
	})
	return p, err
}

func (f *File) readPackage(pkg uint32) (p Package, err error) {
	name, rest, err := f.packageName(pkg)
	if err != nil {
		return p, err
	}
	version, rest, ok := cutString(rest)
	p = Package{Name: string(name), Version: string(version)}
	for ok && len(rest) > 0 {
		var g []byte
		g, rest, ok = cutString(rest)
		p.Groups = append(p.Groups, string(g))
	}
	if !ok {
		return p, f.damagedPackage(pkg)
	}
	return p, nil
}

const packageEntrySize = 8

// packageName returns the name of a package, and the rest of its record.
func (f *File) packageName(pkg uint32) (name, rest []byte, err error) {
	e := f.packageTable[uint64(pkg)*packageEntrySize:][: 2*packageEntrySize : 2*packageEntrySize]
	start, end := binary.LittleEndian.Uint32(e), binary.LittleEndian.Uint32(e[8:])
	if start <= end && uint64(end) <= uint64(len(f.packageNames)) {
		if name, rest, ok := cutString(f.packageNames[start:end:end]); ok {
			return name, rest, nil
		}
	}
	return nil, nil, f.damagedPackage(pkg)
}

func (f *File) damagedPackage(pkg uint32) error {
	return fmt.Errorf("%w: the record of package %d", ErrDamaged, pkg)
}

// cutString returns the string at the start of b, which is written as its length and its bytes, and the rest of b.
func cutString(b []byte) (s, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, false
	}
	return b[k:][:n], b[k:][n:], true
}

// pathReader returns a reader of the package's list of paths.
func (f *File) pathReader(pkg uint32) (r pathReader, err error) {
	e := f.packageTable[uint64(pkg)*packageEntrySize:][: 2*packageEntrySize : 2*packageEntrySize]
	start, end := binary.LittleEndian.Uint32(e[4:]), binary.LittleEndian.Uint32(e[12:])
	r.dirCount, r.nameCount = f.dirs.count, f.names.count
	if start <= end && uint64(end) <= uint64(len(f.lists)) {
		r.list = f.lists[start:end:end]
		if n, k := binary.Uvarint(r.list); k > 0 && n <= uint64(len(r.list)-k) {
			r.left, r.at = n, k
			return r, nil
		}
	}
	r.bad = true
	return r, r.err(pkg)
}

// FindPackage returns the number of the package with a name, and whether the index has it.
func (f *File) FindPackage(name string) (pkg int, found bool, err error) {
	err = sectionfile.GuardFaults(func() (bad error) {
		pkg = sort.Search(f.PackageCount(), func(i int) bool {
			n, _, err := f.packageName(uint32(i))
			if err != nil {
				bad = err
				return true
			}
			return string(n) >= name
		})
		if bad == nil && pkg < f.PackageCount() {
			n, _, err := f.packageName(uint32(pkg))
			found, bad = string(n) == name, err
		}
		return bad
	})
	return pkg, found, err
}

// Paths yields the paths of a package, whose number must be less than PackageCount, in the order in which pacman -Fl lists
// them. It stops after an error.
func (f *File) Paths(pkg int) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		stopped := false
		// The caller's code does not run under GuardFaults, which would take its faults for faults of the file.
		for paths := range f.pathBatches(uint32(pkg)) {
			for _, p := range paths.paths {
				if !yield(p, nil) {
					stopped = true
					break
				}
			}
			if stopped {
				return
			}
			if paths.err != nil {
				yield("", paths.err)
				return
			}
		}
	}
}

type pathBatch struct {
	paths []string
	err   error
}

// pathBatches yields the paths of a package in batches of at most maxBatch paths.
func (f *File) pathBatches(pkg uint32) iter.Seq[pathBatch] {
	return func(yield func(pathBatch) bool) {
		r, err := pathReader{}, error(nil)
		if err = sectionfile.GuardFaults(func() error { r, err = f.pathReader(pkg); return err }); err != nil {
			yield(pathBatch{err: err})
			return
		}
		s := f.pathStrings()
		var path []byte
		for {
			var b pathBatch
			b.err = sectionfile.GuardFaults(func() error {
				size := 0
				for len(b.paths) < maxBatch && size < maxBatchSize {
					isSelf := r.hasSelf
					r.hasSelf = false
					if !isSelf && !r.nextName() {
						if r.nextRun() {
							continue
						}
						return r.err(pkg)
					}
					if path, err = s.append(path[:0], r.dir, r.name, isSelf); err != nil {
						return err
					}
					b.paths = append(b.paths, string(path))
					size += len(path)
				}
				return nil
			})
			if len(b.paths) == 0 && b.err == nil || !yield(b) || b.err != nil {
				return
			}
		}
	}
}

// PackageFiles returns a package and its paths in the order in which pacman -Fl lists them, and whether
// the index has the package. The sequence stops after an error.
func (f *File) PackageFiles(name string) (p Package, paths iter.Seq2[string, error], found bool, err error) {
	pkg, found, err := f.FindPackage(name)
	if err != nil || !found {
		return p, nil, false, err
	}
	p, err = f.Package(pkg)
	return p, f.Paths(pkg), true, err
}

// maxCommandOwners is the maximum number of packages that bring a command. In Arch's repositories a command has a few.
const maxCommandOwners = 10_000

// Commands returns the packages that bring a command, see commandindex.Table. If there are more than 10,000, the error wraps
// ErrQuery.
func (f *File) Commands(name string) ([]commandindex.Owner, error) {
	owners, err := f.commands.Find(name, maxCommandOwners+1)
	if len(owners) > maxCommandOwners {
		return nil, fmt.Errorf("%w: more than %d packages of %s bring the command %.200q", ErrQuery, maxCommandOwners, f.info.Repository, name)
	}
	return owners, err
}

// CloseCommands returns up to limit commands that are similar to a name, see commandindex.Table.
func (f *File) CloseCommands(name string, limit int) ([]commandindex.CloseName, error) {
	return f.commands.FindClose(name, limit)
}

// isNoDir reports whether a directory is the empty string: its paths have no slash. The number must be that of a
// directory. Only the first directory in the order of the dictionary can be empty.
func (f *File) isNoDir(dir uint32) bool { return dir == 0 && f.hasNoDir }

// pathStrings returns the paths of a pathReader as text.
type pathStrings struct {
	dirs, names stringReader
	// cache has the last names, each at its number modulo cachedNames. Themes of icons and translations have the same names
	// in many directories.
	cache [cachedNames]struct {
		name uint32
		text []byte // nil if there is none
	}
}

const (
	cachedNames     = 256
	maxCachedLength = 256 // longer names are not kept
)

func (f *File) pathStrings() *pathStrings {
	return &pathStrings{dirs: f.dirs.reader(), names: f.names.reader()}
}

// append appends the path with a name in a directory to dst, or the directory itself.
func (s *pathStrings) append(dst []byte, dir, name uint32, isSelf bool) ([]byte, error) {
	text, err := s.dirs.get(dir)
	if err != nil {
		return dst, err
	}
	dst = append(dst, text...)
	if isSelf {
		return dst, nil
	}
	cached := &s.cache[name%cachedNames]
	if cached.text != nil && cached.name == name {
		return append(dst, cached.text...), nil
	}
	if text, err = s.names.get(name); err != nil {
		return dst, err
	}
	if len(text) <= maxCachedLength {
		cached.name, cached.text = name, append(cached.text[:0], text...)
	}
	return append(dst, text...), nil
}

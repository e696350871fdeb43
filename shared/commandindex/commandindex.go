// Package commandindex finds the packages of a repository that bring a command, in the section of a files index that lists
// the commands. It reads nothing else of the file and imports little, so that a shell can ask for a command at the cost of
// a process start. Package filesindex writes the file and describes the other sections.
//
// # The sections
//
// INFO has the facts about the build, see Info: the strings Repository, Builder, SHA256 and LeftOutReason, each as its
// length [1 or more, unsigned varint] and its bytes, and the numbers BuiltAt, FileSize, AsOf, LeftOutCount, PackageCount
// and PathCount [8 each].
//
// CMDS lists the files directly in the directories of commands, see Dirs, sorted by name, then by package, then by
// directory:
//
//	count [4]  rows
//	rows, [12] each
//	  name      [4] offset in the strings
//	  package   [4] offset in the strings
//	  directory [4] number in Dirs
//	strings: the names of commands and packages, each as its length [1 or more, unsigned varint] and its bytes
package commandindex

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/omg-arch/omg/shared/sectionfile"
	"github.com/omg-arch/omg/shared/similar"
)

// The format of a files index.
const (
	Magic   = "OMGFILES"
	Version = 1
	Rebuild = "rebuild it with omg-index build --files"

	InfoSection     = "INFO"
	CommandsSection = "CMDS"
)

var format = sectionfile.Format{Magic: Magic, Version: Version, Sections: []string{InfoSection, CommandsSection}, Rebuild: Rebuild}

// Dirs are the directories of commands, those that are usually in PATH on Arch Linux, without the leading slash.
var Dirs = [...]string{
	"usr/bin/", "usr/sbin/", "bin/", "sbin/", "usr/local/bin/", "usr/local/sbin/",
	"usr/bin/core_perl/", "usr/bin/vendor_perl/", "usr/bin/site_perl/",
}

const rowSize = 12

// Owner is a package that brings a command.
type Owner struct {
	Package string
	Path    string // without the leading slash
}

// Table is the list of commands of a repository. Its methods are safe for concurrent use, but not after Close of the
// file.
type Table struct {
	rows, strings []byte
}

// NewTable reads section CMDS. The table refers to the bytes of the section.
func NewTable(section []byte) (*Table, error) {
	if len(section) < 4 {
		return nil, damaged("it is too short")
	}
	n := uint64(binary.LittleEndian.Uint32(section))
	if body := section[4:]; n*rowSize <= uint64(len(body)) {
		return &Table{rows: body[:n*rowSize], strings: body[n*rowSize:]}, nil
	}
	return nil, damaged("it has fewer rows than it claims")
}

func damaged(what string) error {
	return fmt.Errorf("%w: section %s: %s", sectionfile.ErrDamaged, CommandsSection, what)
}

// RowCount returns the number of commands, where a command counts once for each package and directory.
func (t *Table) RowCount() int { return len(t.rows) / rowSize }

// stringAt returns the string at an offset that is the n-th number of a row.
func (t *Table) stringAt(row, n int) ([]byte, error) {
	at := binary.LittleEndian.Uint32(t.rows[row*rowSize+4*n:])
	if uint64(at) < uint64(len(t.strings)) {
		b := t.strings[at:]
		if n, k := binary.Uvarint(b); k > 0 && n <= uint64(len(b)-k) {
			return b[k:][:n:n], nil
		}
	}
	return nil, damaged("a string is outside of it")
}

func (t *Table) name(row int) ([]byte, error) { return t.stringAt(row, 0) }

// Row returns the name of the command in a row, which must be less than RowCount, and its package and path.
func (t *Table) Row(row int) (name string, o Owner, err error) {
	b, err := t.name(row)
	if err != nil {
		return "", o, err
	}
	pkg, err := t.stringAt(row, 1)
	if err != nil {
		return "", o, err
	}
	dir := binary.LittleEndian.Uint32(t.rows[row*rowSize+8:])
	if dir >= uint32(len(Dirs)) {
		return "", o, damaged("a directory is unknown")
	}
	name = string(b)
	return name, Owner{Package: string(pkg), Path: Dirs[dir] + name}, nil
}

// Find returns up to limit packages that bring a command, in the order of their names. A package that brings it in several
// directories is there several times.
func (t *Table) Find(name string, limit int) (owners []Owner, err error) {
	err = sectionfile.GuardFaults(func() (err error) {
		owners, err = t.find(name, limit)
		return err
	})
	return owners, err
}

func (t *Table) find(name string, limit int) (owners []Owner, bad error) {
	first := sort.Search(t.RowCount(), func(i int) bool {
		b, err := t.name(i)
		if err != nil {
			bad = err
			return true
		}
		return string(b) >= name
	})
	for row := first; row < t.RowCount() && bad == nil && len(owners) < limit; row++ {
		b, err := t.name(row)
		if err != nil {
			return nil, err
		}
		if string(b) != name {
			break
		}
		_, o, err := t.Row(row)
		if err != nil {
			return nil, err
		}
		owners = append(owners, o)
	}
	return owners, bad
}

// maxCloseOwners is the maximum number of packages of a similar command. In Arch's repositories a command has a few.
const maxCloseOwners = 1000

// CloseName is a command that is similar to a text.
type CloseName struct {
	Name string
	// Distance is how much the name differs from the text, see similar.Difference.
	Distance int
	Owners   []Owner
}

// FindClose returns up to limit commands that are similar to a name but not equal to it, the most similar first. Commands
// that differ only in case are similar. Each has at most maxCloseOwners packages.
func (t *Table) FindClose(name string, limit int) (found []CloseName, err error) {
	err = sectionfile.GuardFaults(func() (err error) {
		found, err = t.findClose(name, limit)
		return err
	})
	return found, err
}

func (t *Table) findClose(name string, limit int) ([]CloseName, error) {
	text := similar.NewText(appendLower(nil, []byte(name)))
	if text == nil {
		return nil, nil
	}
	var (
		found        []CloseName
		last, folded []byte
	)
	for row := range t.RowCount() {
		b, err := t.name(row)
		if err != nil {
			return nil, err
		}
		if string(b) == name || row > 0 && bytes.Equal(b, last) {
			continue
		}
		last = b
		folded = appendLower(folded[:0], b)
		if len(folded) == 0 || !text.BeginsSimilarly(folded) {
			continue
		}
		// The longer name of another command is hardly what was meant, unlike that of another package.
		if d, ok := text.Compare(folded); ok && d.Kind != similar.Variant {
			found = append(found, CloseName{Name: string(b), Distance: d.Distance})
		}
	}
	slices.SortStableFunc(found, func(a, b CloseName) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	found = found[:min(len(found), max(limit, 0))]
	for i := range found {
		var err error
		if found[i].Owners, err = t.find(found[i].Name, maxCloseOwners); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// appendLower appends s with ASCII letters in lower case.
func appendLower(dst, s []byte) []byte {
	for _, c := range s {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// File is the list of commands in a files index.
type File struct {
	file *sectionfile.File
	info Info
	*Table
}

// Open maps the files index at path, and checks its header and the sections INFO and CMDS. It refuses a file that the
// group or all users can write, and a file whose owner the function trust rejects. If trust is nil, every owner is
// accepted.
func Open(path string, trust func(uid uint32) bool) (*File, error) {
	file, err := format.Open(path, trust)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f := &File{file: file}
	err = file.VerifyChecksums()
	if err == nil {
		f.info, f.Table, err = ReadSections(file)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// ReadSections reads the sections INFO and CMDS of a files index.
func ReadSections(file *sectionfile.File) (info Info, t *Table, err error) {
	defer sectionfile.CatchFault(&err)
	if info, err = unmarshalInfo(file.Section(InfoSection)); err != nil {
		return info, nil, err
	}
	t, err = NewTable(file.Section(CommandsSection))
	return info, t, err
}

// Close unmaps the file.
func (f *File) Close() error { return f.file.Close() }

// Info returns the facts about the build.
func (f *File) Info() *Info { return &f.info }

package filesindex

import (
	"github.com/omg-arch/omg/shared/commandindex"
	"github.com/omg-arch/omg/shared/sectionfile"
)

// FormatVersion is the format version. History:
//
//	1  2026-11-29  the first version
const FormatVersion = commandindex.Version

// Limits of what an index can hold.
const (
	// MaxPathLen is the maximum length of a path, of a package's name and of a version in bytes.
	MaxPathLen = 64 << 10
	// MaxPathCount is the maximum number of paths of one package.
	MaxPathCount = 1 << 26
)

// The sections, in the order of the file.
const (
	listsSection        = "LIST"
	packagesSection     = "PKGS"
	packageNamesSection = "PKGN"
)

// dictionarySections are the names of the sections of a dictionary.
type dictionarySections struct{ strings, packages, blocks, grams, gramBlocks string }

var (
	dirSections  = dictionarySections{"DIRS", "DIRP", "DIRB", "DIRG", "DIRI"}
	nameSections = dictionarySections{"NAMS", "NAMP", "NAMB", "NAMG", "NAMI"}
)

var format = sectionfile.Format{
	Magic:   commandindex.Magic,
	Version: FormatVersion,
	Sections: []string{
		commandindex.InfoSection, commandindex.CommandsSection, packageNamesSection, listsSection, packagesSection,
		dirSections.strings, dirSections.packages, dirSections.blocks, dirSections.gramBlocks, dirSections.grams,
		nameSections.strings, nameSections.packages, nameSections.blocks, nameSections.gramBlocks, nameSections.grams,
	},
	Rebuild: commandindex.Rebuild,
}

// Errors for an index that cannot be used or built.
var (
	// ErrDamaged means that the content is inconsistent: truncated, overwritten, or changed by a broken disk.
	ErrDamaged = sectionfile.ErrDamaged
	// ErrNotIndex means that the file is not a files index.
	ErrNotIndex = sectionfile.ErrNotIndex
	// ErrVersion means that the file has another format version.
	ErrVersion = sectionfile.ErrVersion
	// ErrTooLarge means that a package or the repository does not fit into the format.
	ErrTooLarge = sectionfile.ErrTooLarge
)

// BuildInfo describes which program built an index, when, and from which database.
type BuildInfo = commandindex.Info

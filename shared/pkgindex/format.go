package pkgindex

import (
	"errors"

	"github.com/omg-arch/omg/shared/sectionfile"
)

// FormatVersion is the format version. History:
//
//	1  2026-11-23  the first version
//	2  2026-11-29  the section RANK, and docs in its order
//	3  2026-11-29  the section SHAR, and the prominence in RANK from it
const FormatVersion = 3

const (
	docEntrySize     = 24
	rankEntrySize    = 2
	shareEntrySize   = 2
	recordHeaderSize = 14
	gramEntrySize    = 12
	termEntrySize    = 16
	maxSectionLen    = sectionfile.MaxSectionLen
)

// The sections, in the order of the file.
const (
	factsSection    = "FACT"
	docsSection     = "DOCS"
	ranksSection    = "RANK"
	sharesSection   = "SHAR"
	recordsSection  = "RECS"
	textSection     = "TEXT"
	namesSection    = "NAME"
	gramsSection    = "GRAM"
	termsSection    = "TERM"
	valuesSection   = "VALS"
	postingsSection = "POST"
)

var format = sectionfile.Format{
	Magic:   "OMGINDEX",
	Version: FormatVersion,
	Sections: []string{
		factsSection, docsSection, ranksSection, sharesSection, recordsSection, textSection, namesSection, gramsSection, termsSection, valuesSection,
		postingsSection,
	},
	Rebuild: "rebuild it with omg-index build",
}

// Errors for an index that cannot be used. Open adds the file's path.
var (
	// ErrDamaged means that the content is inconsistent: truncated, overwritten, or changed by a broken disk.
	ErrDamaged = sectionfile.ErrDamaged
	// ErrNotIndex means that the file is not an index.
	ErrNotIndex = sectionfile.ErrNotIndex
	// ErrVersion means that the file has another format version.
	ErrVersion = sectionfile.ErrVersion
	// ErrRecordTooLarge means that a package has more data than fits into a reply.
	ErrRecordTooLarge = errors.New("record too large")
	// ErrTooLarge means that the packages do not fit into the format.
	ErrTooLarge = sectionfile.ErrTooLarge
)

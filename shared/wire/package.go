package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Package is one package: its data from a repository's database or from the AUR, and an overlay that the replying program
// adds, such as the installed version. The msgpack keys are the keys of the protocol, and the JSON keys are those of
// --json. A field that the source does not have is omitted from the encoding, and is not sent as zero or empty.
//
// An index stores a package as two sequences of key-value pairs without a map header, the summary (first block below)
// and the details (second block). A reply consists of a map header, a copy of one or both sequences, and the pairs of
// the overlay.
type Package struct {
	// Summary: the fields of a search result.
	Repo    string   `msgpack:"repo" json:"repo"`
	Name    string   `msgpack:"name" json:"name"`
	Version string   `msgpack:"version" json:"version"`
	Desc    string   `msgpack:"desc,omitempty" json:"desc,omitempty"`
	Groups  []string `msgpack:"groups,omitempty" json:"groups,omitempty"`
	AUR     *AUR     `msgpack:"aur,omitempty" json:"aur,omitempty"`

	// Details: further fields that pacman -Si shows.
	Base         string   `msgpack:"base,omitempty" json:"base,omitempty"`
	Filename     string   `msgpack:"filename,omitempty" json:"filename,omitempty"`
	Arch         string   `msgpack:"arch,omitempty" json:"arch,omitempty"`
	URL          string   `msgpack:"url,omitempty" json:"url,omitempty"`
	Licenses     []string `msgpack:"licenses,omitempty" json:"licenses,omitempty"`
	Provides     []string `msgpack:"provides,omitempty" json:"provides,omitempty"`
	Depends      []string `msgpack:"depends,omitempty" json:"depends,omitempty"`
	OptDepends   []string `msgpack:"optdepends,omitempty" json:"optdepends,omitempty"`
	MakeDepends  []string `msgpack:"makedepends,omitempty" json:"makedepends,omitempty"`
	CheckDepends []string `msgpack:"checkdepends,omitempty" json:"checkdepends,omitempty"`
	Conflicts    []string `msgpack:"conflicts,omitempty" json:"conflicts,omitempty"`
	Replaces     []string `msgpack:"replaces,omitempty" json:"replaces,omitempty"`
	// CSize is the download size and ISize the installed size, in bytes.
	CSize uint64 `msgpack:"csize,omitempty" json:"csize,omitempty"`
	ISize uint64 `msgpack:"isize,omitempty" json:"isize,omitempty"`
	// Packager is "Name <address>"; BuildDate is Unix seconds.
	Packager  string `msgpack:"packager,omitempty" json:"packager,omitempty"`
	BuildDate int64  `msgpack:"builddate,omitempty" json:"builddate,omitempty"`
	// Validation lists how the package file can be verified, in this order: "md5", "sha256", "pgp".
	Validation []string `msgpack:"validation,omitempty" json:"validation,omitempty"`
	// SHA256 is the package file's digest in lower-case hexadecimal.
	SHA256 string `msgpack:"sha256,omitempty" json:"sha256,omitempty"`

	// EmptyDesc means that the source has a description and the description is empty. If Desc is empty and EmptyDesc is not
	// set, the source has no description. A regular expression can only match an existing description. The field is never
	// sent.
	EmptyDesc bool `msgpack:"-" json:"-"`

	// Overlay: fields that are set for each reply and never stored in an index.

	// InstalledVersion is the version of the installed package with this name.
	InstalledVersion string `msgpack:"installed,omitempty" json:"installed,omitempty"`
	// Shadowed means that a configured repository has a package of the same name as this AUR package.
	Shadowed bool `msgpack:"shadowed,omitempty" json:"shadowed,omitempty"`
	// Advisories lists the advisories for the installed package with this name, as text: "AVG-1 (High, fixable)".
	Advisories []string `msgpack:"advisories,omitempty" json:"advisories,omitempty"`
	// AURFindings marks a package of the AUR that is installed, or an installed package that is in no repository. It is nil if there
	// are no findings about the package, or if they are unknown.
	AURFindings *AURMark `msgpack:"aur_findings,omitempty" json:"aur_findings,omitempty"`
	// Rank says why the package stands where it does in a search result. Only a search with Explain sets it.
	Rank *SearchRank `msgpack:"rank,omitempty" json:"rank,omitempty"`
}

// AUR has the fields of a package that only packages of the AUR have. Times are in Unix seconds.
type AUR struct {
	Votes      uint32  `msgpack:"votes" json:"votes"`
	Popularity float64 `msgpack:"popularity" json:"popularity"`
	// OutOfDate is when the package was flagged out of date; 0 if it is not flagged.
	OutOfDate int64 `msgpack:"outofdate,omitempty" json:"outofdate,omitempty"`
	// Maintainer is empty for an orphan.
	Maintainer    string   `msgpack:"maintainer,omitempty" json:"maintainer,omitempty"`
	Submitter     string   `msgpack:"submitter,omitempty" json:"submitter,omitempty"`
	CoMaintainers []string `msgpack:"comaintainers,omitempty" json:"comaintainers,omitempty"`
	Submitted     int64    `msgpack:"submitted,omitempty" json:"submitted,omitempty"`
	Modified      int64    `msgpack:"modified,omitempty" json:"modified,omitempty"`
	Keywords      []string `msgpack:"keywords,omitempty" json:"keywords,omitempty"`
	URLPath       string   `msgpack:"urlpath,omitempty" json:"urlpath,omitempty"`
	// PendingRequests is the number of requests about the package base (to delete, merge, orphan or adopt it) that nobody has decided yet.
	// It is nil if this is unknown: only replies of the AUR to info requests contain it, not the dump.
	PendingRequests *uint32 `msgpack:"pending_requests,omitempty" json:"pending_requests,omitempty"`
}

// IsPossibleName reports whether a name is not empty and has only characters that makepkg allows in names of packages: letters
// and digits of any language, and @ . _ + -. Bytes that are not UTF-8 count as letters in another encoding. A database with
// any other name is damaged, or part of an attack on users who pass a list of names to another program.
func IsPossibleName(name string) bool {
	for i, c := range name {
		switch {
		case c == '@', c == '.', c == '_', c == '+', c == '-':
		case c == utf8.RuneError && !strings.HasPrefix(name[i:], string(c)): // a byte that is not UTF-8
		case !unicode.IsLetter(c) && !unicode.IsNumber(c) && !unicode.IsMark(c):
			return false
		}
	}
	return name != ""
}

// IsSafeName reports whether a name is a IsPossibleName that does not begin with a hyphen or a dot. Makepkg does not allow
// names that begin with one of these characters, but pacman lists packages that have such names. On a command line, a
// package called -Rdd would be an option.
func IsSafeName(name string) bool {
	return IsPossibleName(name) && name[0] != '-' && name[0] != '.'
}

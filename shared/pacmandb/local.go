package pacmandb

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// Limits of a local database. The largest real databases have several thousand packages, with desc files of a few KiB
// and file lists of a few MiB.
const (
	maxLocalEntries  = 200_000
	maxLocalDesc     = 64 << 20
	maxLocalTotal    = 256 << 20
	maxFileListBytes = 256 << 20
	maxLocalWarnings = 100
)

// Errors of a local database as a whole, besides sourcefile.ErrOversize.
var (
	// ErrNoLocal means that the directory local/ does not exist. This is an error, and is never treated as a system
	// without packages.
	ErrNoLocal = errors.New("no local database")
	// ErrLocalVersion means that the file ALPM_DB_VERSION is missing, unreadable or does not contain 9.
	ErrLocalVersion = errors.New("local database has the wrong version")
	// ErrChanging means that the database changed during each of four attempts to read it.
	ErrChanging = errors.New("local database keeps changing")
)

// Reason is the reason why a package was installed. Any value except the constants means that the reason is unknown.
type Reason int32

// The values of Reason. A package whose desc has no %REASON% was installed explicitly.
const (
	ReasonExplicit Reason = 0
	ReasonDepend   Reason = 1
)

// String returns "explicit", "dependency" or, if the reason is unknown, an empty string.
func (r Reason) String() string {
	switch r {
	case ReasonExplicit:
		return "explicit"
	case ReasonDepend:
		return "dependency"
	}
	return ""
}

// Installed is one installed package. All its strings share the memory of one copy of the desc. The name and version
// are those of the package's directory, as in pacman. The fields Repo, Filename, CSize and SHA256 are always empty.
type Installed struct {
	wire.Package
	Reason Reason
	// InstallDate is in Unix seconds.
	InstallDate int64
	// InstalledFromRepo is the repository from which pacman 7 installed the package.
	InstalledFromRepo string
	// XData are "key=value" lines written by pacman 7, such as "pkgtype=pkg".
	XData []string

	raw     string       // the text of the desc
	problem EntryProblem // the problem of the desc, or empty
}

// localDirName returns the name of the package's directory in local/.
func (p *Installed) localDirName() string { return p.Name + "-" + p.Version }

// Explicit reports whether the user asked for the package itself.
func (p *Installed) Explicit() bool { return p.Reason == ReasonExplicit }

// EntryProblem is a problem of an entry of local/. As in pacman, the entry's package is still listed with its name and
// version, except if the constant's comment says "not listed".
type EntryProblem string

// The values of EntryProblem.
const (
	ProblemMalformedName  EntryProblem = "is not named name-version-release" // not listed
	ProblemImpossibleName EntryProblem = "has a name that no package can have"
	ProblemDuplicate      EntryProblem = "has the same package name as another entry" // not listed
	ProblemNotDirectory   EntryProblem = "is not a directory"                         // not listed
	ProblemMissingDesc    EntryProblem = "has no desc"
	ProblemUnreadable     EntryProblem = "has a desc that cannot be read"
	ProblemNotRegular     EntryProblem = "has a desc that is not a regular file"
	ProblemLarge          EntryProblem = "has a desc of more than 64 MiB"
	ProblemEmpty          EntryProblem = "has an empty desc"
	ProblemTruncated      EntryProblem = "has a desc that ends too early"
	ProblemZeros          EntryProblem = "has a desc with zero bytes"
	ProblemMismatch       EntryProblem = "has a desc whose name or version is not that of the directory"
)

// Warning is a problem of one entry.
type Warning struct {
	Entry   string // the entry's name in local/
	Problem EntryProblem
}

// Local is a local database at one moment. It and its packages are immutable.
type Local struct {
	// Packages are in byte order of their names.
	Packages []*Installed
	// Warnings holds the first 100 warnings, in order of entry; MoreWarnings is the number of further warnings.
	Warnings     []Warning
	MoreWarnings int
	// Stamp identifies this state of the database.
	Stamp LocalDBStamp
	// LockedAt is the modification time of db.lck if that file existed during the whole reading, and otherwise zero. If
	// it is not zero, a transaction may be half done.
	LockedAt time.Time

	descStamps []sourcefile.Stamp // the stamps of the packages' desc files
	readTime   time.Time          // the time just before the descs were read
}

// Unread returns the first package whose desc could not be read completely, and the number of such packages. The
// install reasons and dependencies of these packages are unknown.
func (l *Local) Unread() (first Warning, n int) {
	for _, p := range l.Packages {
		if p.problem == "" {
			continue
		}
		if n == 0 {
			first = Warning{p.localDirName(), p.problem}
		}
		n++
	}
	return first, n
}

// Find returns the package with the given name, or nil.
func (l *Local) Find(name string) *Installed {
	if i := l.indexOf(name); i >= 0 {
		return l.Packages[i]
	}
	return nil
}

func (l *Local) indexOf(name string) int {
	i, ok := slices.BinarySearchFunc(l.Packages, name, func(p *Installed, name string) int {
		return strings.Compare(p.Name, name)
	})
	if !ok {
		return -1
	}
	return i
}

// SamePackages reports whether other holds the very same packages. This is the case if Reread found only changed time
// stamps.
func (l *Local) SamePackages(other *Local) bool {
	return other != nil && slices.Equal(l.Packages, other.Packages)
}

// ExplicitPackages returns the packages that the user asked for: pacman -Qe.
func (l *Local) ExplicitPackages() []*Installed { return l.packagesWithReason(ReasonExplicit) }

// DependPackages returns the packages that were installed as dependencies: pacman -Qd.
func (l *Local) DependPackages() []*Installed { return l.packagesWithReason(ReasonDepend) }

func (l *Local) packagesWithReason(reason Reason) []*Installed {
	var out []*Installed
	for _, p := range l.Packages {
		if p.Reason == reason {
			out = append(out, p)
		}
	}
	return out
}

// SearchWord is one word of a search.
type SearchWord struct {
	// Text is the word as the user typed it. A package whose name contains this text matches.
	Text string
	// Match reports whether the word occurs in the text of a field.
	Match func(text string) bool
}

// Search returns the packages for which every word matches the name, the description, a provided name or a group:
// pacman -Qs.
func (l *Local) Search(words []SearchWord) []*Installed {
	var out []*Installed
	for _, p := range l.Packages {
		if p.matchesSearchWords(words) {
			out = append(out, p)
		}
	}
	return out
}

func (p *Installed) matchesSearchWords(words []SearchWord) bool {
	for _, w := range words {
		if !strings.Contains(p.Name, w.Text) && !w.Match(p.Name) && !((p.Desc != "" || p.EmptyDesc) && w.Match(p.Desc)) &&
			!slices.ContainsFunc(p.Provides, func(s string) bool { return w.Match(ParseDepend(s).Name) }) &&
			!slices.ContainsFunc(p.Groups, w.Match) {
			return false
		}
	}
	return true
}

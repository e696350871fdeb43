// Package snapshot is what omg knows of a system at one moment: the packages of its repositories and of the AUR, the
// installed packages, how both compare, and how reliable each of these is.
//
// It is the only place where this is put together. Inputs holds what was found of each source, Build makes an immutable
// Snapshot of it, and the snapshot's methods return structs. The daemon's refresh, omg-direct and the fallback to
// libalpm all call Build, and package answers encodes the results of the methods.
//
//	Inputs ── Build ──> Snapshot ── Search, Info, Installed, Outdated, Status … ──> structs
//
// # Degraded sources
//
// A source that cannot be read does not affect the others. It is stale if an earlier index of it answers in its place,
// otherwise missing or failed. Results that a missing or failed source could change are partial (wire.Basis). A result
// that is empty, but might not be with such a source, is an error for the caller.
package snapshot

import (
	"time"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Inputs is what was found of each source of a system.
type Inputs struct {
	// Generation is the number of the snapshot, within its process.
	Generation uint64
	// CheckedAt is when the inputs were last found to be current.
	CheckedAt time.Time
	// DBPath is pacman's database directory, and Config its configuration with the repositories in order.
	DBPath string
	Config *pacmandb.Config
	// Local is the local database.
	Local LocalInput
	// Repositories are the configured ones in order, with pacman's own databases.
	Repositories []IndexedSource
	// Downloaded are the same repositories, with the databases that omg downloads in place of pacman's where they are
	// newer; nil if omg downloads none. Updates, foreign packages and advisories are computed from these. With
	// SearchDownloaded, searches use them too.
	Downloaded       []IndexedSource
	SearchDownloaded bool
	// AUR is the AUR; nil if it is disabled and has no index.
	AUR *IndexedSource
	// Replies are the AUR's replies about installed packages; nil if it was not queried.
	Replies *AURReplies
	// Tracker is the security tracker; nil if it is disabled.
	Tracker *TrackerData
	// Correction is libalpm's result for the same databases; nil if it does not differ.
	Correction *Correction
	// Runtimes are the active versions in a new shell; nil if the process does not look for them. SystemRuntimes are
	// the versions of those that are packages.
	Runtimes       []wire.Runtime
	SystemRuntimes map[string]string
	// Problems are the parts of the system or of the daemon that do not work.
	Problems []wire.Problem
}

// LocalInput is the local database.
type LocalInput struct {
	// Packages are the installed packages; nil if unknown. If Why is set, they are from an earlier reading.
	Packages *pacmandb.Local
	// Why is the reason why the packages are missing or could not be read again.
	Why string
	// UnreadablePackages tells which packages could not be read; empty if none. Their descriptions, relations and reasons are
	// unknown.
	UnreadablePackages string
}

// IndexedSource is a repository or the AUR, as it was found.
type IndexedSource struct {
	// Source is its description in replies.
	wire.Source
	// Index holds its packages; nil if there is no index to answer from.
	Index *pkgindex.File
	Usage pacmandb.Usage
	// Building means that the first index is still being built.
	Building bool
}

// AURReplies are the AUR's replies to queries for packages by name.
type AURReplies struct {
	At time.Time
	// Names are the queried names, sorted. A name that is not in Packages is not in the AUR.
	Names    []string
	Packages map[string]*wire.Package
}

// TrackerData is the security tracker's data.
type TrackerData struct {
	Records []advisories.Record
	// Skipped counts records that could not be read.
	Skipped int
	// At is when the tracker last replied, in Unix seconds; 0 if never, and then there are no records. AsOf is the date
	// of the records; 0 if unknown.
	At, AsOf int64
	// Why is the error of the last request; empty if it succeeded.
	Why string
	// StaleAfter is the age from which the records are stale.
	StaleAfter time.Duration
}

// Correction is libalpm's result for the same databases, where it differs from omg's. libalpm is right by definition:
// pacman acts on its result.
type Correction struct {
	// Packages are all installed packages, sorted by name.
	Packages []CorrectedPackage
	// Repositories means that libalpm could read all repositories.
	Repositories bool
}

// CorrectedPackage is an installed package as libalpm sees it.
type CorrectedPackage struct {
	Name, Version string
	Reason        pacmandb.Reason
	Need          Need
	// Repo is the first repository that has the package, empty for a foreign package, and Offered the version there. It
	// is an update if Order is above 0, and older if Order is below.
	Repo, Offered string
	Order         int8
	Ignored       bool
}

// Need is how strongly other installed packages need a package.
type Need uint8

// The values of Need.
const (
	NeedNone Need = iota
	NeedOptional
	NeedRequired
)

// Package snapshot combines what omg knows about a system at one moment: the packages of the repositories and of the AUR,
// the installed packages, how the two compare, and how reliable each of these facts is.
//
// No other package combines these facts. Inputs holds the data that was read from each source, Build makes an immutable
// Snapshot of the inputs, and the methods of the snapshot return structs as results. The daemon's refresh, the reader
// without a daemon and the fallback to libalpm all call Build. Package answers encodes the results.
//
//	Inputs ── Build ──> Snapshot ── Search, Info, Installed, Outdated, Status … ──> structs
//
// # Degraded sources
//
// A source that cannot be read does not affect the other sources. Such a source is stale if an earlier index of it can be
// used, and otherwise missing or failed. A result that a missing or failed source could change is partial (see
// wire.Basis). If a partial result is empty, the callers report an error, because the missing data could have filled it.
package snapshot

import (
	"slices"
	"time"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Inputs holds the data that was read from each source of a system, and from which Build makes a snapshot.
type Inputs struct {
	// Generation is the number of the snapshot. Each process numbers its snapshots separately.
	Generation uint64
	// CheckedAt is when the inputs were last found to be current.
	CheckedAt time.Time
	// DBPath is pacman's database directory. Config is pacman's configuration, with the repositories in order.
	DBPath       string
	PacmanConfig *pacmandb.Config
	// Local is pacman's local database.
	Local LocalInput
	// Repositories lists the configured repositories in order, with the databases that pacman downloaded.
	Repositories []IndexedSource
	// DownloadedRepositories lists the same repositories as Repositories, but with the downloaded database or the pulled index of a repository if
	// this is newer than pacman's database. It is nil if omg neither downloads databases nor pulls indexes. If it is set, updates,
	// foreign packages and advisories are computed from it. Searches use it only if SearchDownloaded is set.
	DownloadedRepositories []IndexedSource
	SearchDownloaded       bool
	// Files lists the lists of files of the repositories, in the same order.
	Files []FilesSource
	// AUR is the source of the AUR's packages; nil if the AUR is disabled and has no index.
	AUR *IndexedSource
	// AURReplies holds the AUR's replies about installed packages; nil if the AUR was not queried.
	AURReplies *AURReplies
	// AURFindings holds the findings about the installed packages that are in no repository; nil if they are unknown.
	AURFindings *AURFindings
	// Tracker is the data of the security tracker; nil if the tracker is disabled.
	Tracker *TrackerData
	// News has the items of Arch's news; nil if the news are disabled. UpgradedAt is when the last full upgrade began, in Unix seconds
	// (see sources.PacmanSetup.LastUpgrade); 0 if this is unknown.
	News       *NewsData
	UpgradedAt int64
	// Popularity describes the shares of machines that have packages; nil if they are disabled.
	Popularity *PopularityData
	// Pulled describes the published directory from which indexes and other data are pulled; nil if nothing is.
	Pulled *wire.PulledStatus
	// LibalpmResult is libalpm's result for the same databases; nil if omg's result does not differ from it.
	LibalpmResult *LibalpmResult
	// Runtimes lists the active version of each runtime in a new shell; nil if the process does not look for runtimes.
	// SystemRuntimes maps a runtime that is installed as a package to its version.
	Runtimes       []wire.Runtime
	SystemRuntimes map[string]string
	// Problems lists the parts of the system or of the daemon that do not work.
	Problems []wire.Problem
}

// NewestRepositories returns the repositories with which installed packages are compared.
func (in *Inputs) NewestRepositories() []IndexedSource {
	if in.DownloadedRepositories != nil {
		return in.DownloadedRepositories
	}
	return in.Repositories
}

// UsePulled makes the repositories, some of which were pulled, those with which installed packages are compared. Searches use them if
// this machine has no database of pacman: otherwise they would find what pacman does not.
func (in *Inputs) UsePulled(repositories []IndexedSource) {
	in.DownloadedRepositories = repositories
	if !slices.ContainsFunc(in.Repositories, func(s IndexedSource) bool { return s.State != wire.SourceMissing }) {
		in.SearchDownloaded = true
	}
}

// LocalInput holds what was read from pacman's local database.
type LocalInput struct {
	// Packages lists the installed packages; nil if they are unknown. If Why is set, the packages were read earlier and
	// may be outdated.
	Packages *pacmandb.Local
	// FailureReason is the reason why the packages are unknown, or why they could not be read again.
	FailureReason string
	// UnreadablePackages is a text that lists the packages that could not be read; empty if all could be read. The
	// descriptions, relations and reasons of these packages are unknown.
	UnreadablePackages string
}

// IndexedSource is a repository or the AUR: its state and its packages.
type IndexedSource struct {
	// Source is the description of the source in replies.
	wire.Source
	// Index holds the packages of the source; nil if the source has no usable index.
	Index *pkgindex.File
	Usage pacmandb.Usage
	// Building means that the first index of the source is still being built.
	Building bool
}

// AURReplies holds the AUR's replies to queries for packages by name.
type AURReplies struct {
	RepliedAt time.Time
	// QueriedNames lists the queried names, sorted. If one of these names is not in Packages, the AUR does not have the package.
	QueriedNames []string
	Packages     map[string]*wire.Package
}

// TrackerData holds the advisories of the security tracker.
type TrackerData struct {
	Records []advisories.Record
	// SkippedCount is the number of advisories that could not be read.
	SkippedCount int
	// RepliedAt is when the tracker last replied, in Unix seconds. If it never replied, At is 0 and Records is empty. AsOf is the
	// date of the advisories, in Unix seconds; 0 if the date is unknown.
	RepliedAt, AsOf int64
	// LastError is the error of the last request to the tracker; empty if the request succeeded. NextRequestAt is when the next
	// request will be sent, in Unix seconds; 0 if this is unknown.
	LastError     string
	NextRequestAt int64
	// StaleAfter is the age from which the advisories are stale; 0 for never.
	StaleAfter time.Duration
	// Pulled describes the tracker if the advisories come from a published directory; nil if omgd requests them itself. The fields LastError,
	// NextRequestAt and StaleAfter are then not used.
	Pulled *wire.Source
}

// NewsData has the items of Arch's news.
type NewsData struct {
	// Items lists the items, the newest first. It is empty if the server never replied.
	Items []wire.NewsItem
	// RepliedAt is when the server last replied, in Unix seconds; 0 if it never did.
	RepliedAt int64
	// LastError, NextRequestAt, StaleAfter and Pulled are as in TrackerData.
	LastError     string
	NextRequestAt int64
	StaleAfter    time.Duration
	Pulled        *wire.Source
}

// PopularityData describes the shares of machines that have packages, which omgd downloads. The shares themselves are in the indexes.
type PopularityData struct {
	// SHA256 is the digest of the file with the shares, in lower-case hexadecimal; empty if there is none.
	SHA256 string
	// RepliedAt is when the server last replied, in Unix seconds; 0 if it never did.
	RepliedAt int64
	// LastError, NextRequestAt, StaleAfter and Pulled are as in TrackerData.
	LastError     string
	NextRequestAt int64
	StaleAfter    time.Duration
	Pulled        *wire.Source
}

// LibalpmResult is libalpm's result for the same databases, if omg's result differs from it. libalpm is right by definition,
// because pacman uses libalpm.
type LibalpmResult struct {
	// Packages lists all installed packages, sorted by name.
	Packages []LibalpmPackage
	// AllRepositoriesRead is true if libalpm could read all repositories.
	AllRepositoriesRead bool
}

// LibalpmPackage is an installed package as libalpm reads it and compares it with the repositories.
type LibalpmPackage struct {
	Name, Version string
	InstallReason pacmandb.Reason
	NeedLevel     NeedLevel
	// Repo is the first repository that has the package; empty for a foreign package. OfferedVersion is the package's version in
	// Repo. VersionOrder is above 0 if OfferedVersion is newer than the installed version, and below 0 if OfferedVersion is older.
	Repo, OfferedVersion string
	VersionOrder         int8
	Ignored              bool
}

// NeedLevel says whether other installed packages need a package: not at all, optionally, or as a dependency.
type NeedLevel uint8

// The values of NeedLevel, in the order of how strongly a package is needed.
const (
	NeedNone NeedLevel = iota
	NeedOptional
	NeedRequired
)

// Package backend defines the interface through which omg's commands get their data, with one method for each request.
// Package remote implements the interface by asking omgd, package direct by reading files.
package backend

import (
	"cmp"
	"context"
	"errors"

	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// Options selects the daemon and the files to read. An empty path means the default path.
type Options struct {
	Socket       string
	IndexPaths   []string // index files, or directories with index files
	DBPath       string
	PacmanConfig string
	DataDir      string
	// RootDir replaces the root directory of pacman.conf.
	RootDir string
	// NoDaemon means that no request is sent to omgd.
	NoDaemon bool
	// LiveSocket is the socket of the omgd that omg-direct asks for replies of the AUR, or for findings; empty for none. omg sets it when it starts omg-direct.
	LiveSocket string
	// UnansweredSocket is the socket of an omgd that has not answered; empty for none. omg sets it when it starts omg-direct, which neither
	// waits for this omgd again nor says that there is no daemon.
	UnansweredSocket string
	// AdvisoriesFile is a file with the security tracker's advisories, which is read instead of asking the daemon for them.
	AdvisoriesFile string
	// CommandLine holds the whole command line, for omg-direct.
	CommandLine []string
	// PrintNote prints a line that says from which data omg answers.
	PrintNote func(line string)
}

// WithServedPaths returns options for reading the databases that a daemon reads, unless the options name others.
func (o Options) WithServedPaths(served wire.ServedPaths) Options {
	o.DBPath = cmp.Or(o.DBPath, served.DBPath)
	o.PacmanConfig = cmp.Or(o.PacmanConfig, served.PacmanConfig)
	return o
}

// InfoDocument is the JSON document of omg info.
type InfoDocument struct {
	*wire.InfoResult
	// Local lists the installed packages with the requested names, if the sources do not have them.
	Local []wire.InstalledPackage `json:"local,omitempty"`
}

// OpenFunc returns the backend for one command.
type OpenFunc func(Options) Backend

// ErrNoLocal is returned for a request about installed packages on a system without a local database.
var ErrNoLocal = errors.New("no local database")

// Backend answers the requests of omg's commands. Its errors wrap a *wire.Error with the kind of the error, or have an
// exit code.
type Backend interface {
	// Search calls the function visit once for each package that was found. The package is only valid during that call.
	// The result of Search contains everything except the packages. Before Search waits for further packages, it calls
	// the function beforeWait.
	Search(ctx context.Context, r *wire.SearchRequest, visit func(*wire.Package) error, beforeWait func()) (*wire.SearchResult, error)
	// Info finds packages by name. Like Search, it calls the functions visit and beforeWait.
	Info(ctx context.Context, r *wire.InfoRequest, visit func(*wire.Package) error, beforeWait func()) (*wire.InfoResult, error)
	Status(ctx context.Context) (*wire.StatusResult, error)
	Installed(ctx context.Context, r *wire.InstalledRequest) (*wire.InstalledResult, error)
	Explicit(ctx context.Context) (*wire.ExplicitResult, error)
	Outdated(ctx context.Context) (*wire.OutdatedResult, error)
	Security(ctx context.Context, r *wire.SecurityRequest) (*wire.SecurityResult, error)
	// News returns the items of Arch's news that omgd has downloaded.
	News(ctx context.Context) (*wire.NewsResult, error)

	// RepoOwners finds packages of the repositories by their files. It calls the function visit for each package. If a package has many
	// files, it calls visit several times in a row for this package. The result contains everything except the packages.
	RepoOwners(ctx context.Context, r *RepoOwnersRequest, visit func(*wire.FileOwner) error) (*wire.FilesOwnerResult, error)
	// RepoFiles returns the files of packages of the repositories. It calls the function visit as RepoOwners does.
	RepoFiles(ctx context.Context, r *wire.FilesListRequest, visit func(*wire.RepositoryFiles) error) (*wire.FilesListResult, error)
	// Command returns the packages of the repositories that bring commands.
	Command(ctx context.Context, r *wire.CommandRequest) (*wire.CommandResult, error)

	// The following methods are about the daemon itself.
	StatusHistory(ctx context.Context, r *wire.HistoryRequest) (*wire.HistoryResult, error)
	Health(ctx context.Context) (*wire.HealthResult, error)
	Metrics(ctx context.Context) (*wire.MetricsResult, error)
	Refresh(ctx context.Context) (*wire.RefreshResult, error)
	RefreshSources(ctx context.Context) (*wire.RefreshSourcesResult, error)
	ClearCache(ctx context.Context) (*wire.CacheClearResult, error)
	LogLevel(ctx context.Context, level string) (*wire.LogLevelResult, error)
	// Watch calls the function visit with the status now and after each change, until visit returns an error or the output is closed.
	Watch(ctx context.Context, r *WatchRequest, visit func(*wire.StatusResult) error) error

	// The following methods read files whose content the daemon does not hold in memory.
	Owns(ctx context.Context, paths []string) (*Owners, error)
	Files(ctx context.Context, names []string) (*FilesResult, error)
	Why(ctx context.Context, name string, reverse bool) (*WhyResult, error)
	Tree(ctx context.Context, r *TreeRequest) (*TreeResult, error)
	// Size returns the sizes of the named installed packages or, without names, of all.
	Size(ctx context.Context, names []string) (*SizeResult, error)
	// PackageHistory returns transactions in pacman's log.
	PackageHistory(ctx context.Context, r *PackageHistoryRequest) (*PackageHistory, error)
	// SystemCheck checks the installed system.
	SystemCheck(ctx context.Context, r *SystemCheckRequest) (*SystemCheck, error)
	Config(ctx context.Context, system bool) (*Configuration, error)
	Doctor(ctx context.Context) (*Checks, error)
	// Inventory returns the state of this host and its installed packages, and writes them to a file if the request has one.
	Inventory(ctx context.Context, r *InventoryRequest) (*inventory.Inventory, error)
	// Devel returns the packages in no repository that are built from a VCS, with the commits that helpers have recorded.
	Devel(ctx context.Context, r *DevelRequest) (*DevelResult, error)
	// RunLetters runs a command line of pacman that only reads, and returns pacman's exit code.
	RunLetters(ctx context.Context, r *LettersRequest) (code int, err error)
	// AURLog calls the function visit once for each event that was found, the oldest first. The event is only valid during that
	// call. The result contains everything except the events.
	AURLog(ctx context.Context, r *AURLogRequest, visit func(*AUREvent) error) (*AURLogResult, error)
	// AURCheck returns the findings about the named packages and their dependencies or, without names, about the installed foreign packages.
	AURCheck(ctx context.Context, r *AURCheckRequest) (*AURCheckResult, error)
	// AURPKGBUILD returns the PKGBUILD of a package that the AUR's server has now. omgd downloads it.
	AURPKGBUILD(ctx context.Context, name string) (*wire.AURPKGBUILDResult, error)
	// AURDiff copies the current build files of a package base, and compares two copies.
	AURDiff(ctx context.Context, r *AURDiffRequest) (*AURDiff, error)

	// The following methods depend on the working directory and the environment of the caller.
	ActiveVersions(ctx context.Context, runtimes []string) (*ActiveVersions, error)
	InstalledVersions(ctx context.Context, runtimes []string) (*InstalledVersions, error)
	UseRuntime(ctx context.Context, runtime, version string) (*UseResult, error)
}

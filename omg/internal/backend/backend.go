// Package backend is what omg's commands ask: an interface with one method for
// each question. Package remote asks omgd, package direct reads the files.
package backend

import (
	"context"
	"errors"

	"github.com/omg-arch/omg/shared/wire"
)

// Options say where to ask and what to read. Paths are empty for the usual ones.
type Options struct {
	Socket       string
	Index        []string // index files, or directories of them
	DBPath       string
	PacmanConfig string
	DataDir      string
	// NoDaemon does not ask omgd.
	NoDaemon bool
	// Advisories is a file with the security tracker's records, to judge by it.
	Advisories string
	// Args are the whole command line, for a program that takes over.
	Args []string
	// Note prints a line about how the answer was found.
	Note func(line string)
}

// Open returns the backend of one command.
type Open func(Options) Backend

// ErrNoLocal is the error of a question about what is installed where pacman never
// installed anything.
var ErrNoLocal = errors.New("no local database")

// Backend answers. Its errors wrap a *wire.Error where that says what kind they
// are, or have an exit code.
type Backend interface {
	// Search gives each package to each, which may not keep it; the result has
	// everything else. Paused is called when more packages follow after a wait.
	Search(ctx context.Context, r *wire.SearchRequest, each func(*wire.Package) error, paused func()) (*wire.SearchResult, error)
	// Info finds packages by name. It gives them as Search does.
	Info(ctx context.Context, r *wire.InfoRequest, each func(*wire.Package) error, paused func()) (*wire.InfoResult, error)
	Status(ctx context.Context) (*wire.StatusResult, error)
	Installed(ctx context.Context, r *wire.InstalledRequest) (*wire.InstalledResult, error)
	Explicit(ctx context.Context) (*wire.ExplicitResult, error)
	Outdated(ctx context.Context) (*wire.OutdatedResult, error)
	Security(ctx context.Context, r *wire.SecurityRequest) (*wire.SecurityResult, error)

	// These are about the daemon itself.
	History(ctx context.Context, r *wire.HistoryRequest) (*wire.HistoryResult, error)
	Health(ctx context.Context) (*wire.HealthResult, error)
	Metrics(ctx context.Context) (*wire.MetricsResult, error)
	Refresh(ctx context.Context) (*wire.RefreshResult, error)
	ClearCache(ctx context.Context) (*wire.CacheClearResult, error)
	LogLevel(ctx context.Context, level string) (*wire.LogLevelResult, error)

	// These read files that the daemon does not keep.
	Owns(ctx context.Context, paths []string) (*Owners, error)
	Files(ctx context.Context, names []string) (*FileLists, error)
	Why(ctx context.Context, name string, reverse bool) (*Chains, error)
	Config(ctx context.Context, system bool) (*Configuration, error)
	Doctor(ctx context.Context) (*Checks, error)

	// These depend on the directory and environment of the caller.
	Which(ctx context.Context, runtimes []string) (*ActiveVersions, error)
	List(ctx context.Context, runtimes []string) (*Versions, error)
	Use(ctx context.Context, runtime, version string) (*Chosen, error)
}

// Package direct implements the backend without a daemon. It reads pacman's local database, and for each repository the
// index that matches its database, or the database itself if no index matches. Only AURCheck, Doctor and Inventory send requests to a
// daemon, if one runs, and only Devel runs git, which uses the network. AURCheck, AURDiff and Devel write into directories of the user.
package direct

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/aurcheck"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// Backend answers requests from files.
type Backend struct {
	o   backend.Options
	env paths.Env
	// aurInfo replaces the requests to omgd about packages of the AUR in tests; otherwise nil.
	aurInfo aurcheck.AskFunc
	// kept is what a process that keeps running has read; nil for one command, which reads the files itself.
	kept *Kept
	// notePulled prints the note about what was pulled and cannot be used.
	notePulled sync.Once
}

// Open returns the backend for one command.
func Open(o backend.Options) backend.Backend { return &Backend{o: o, env: paths.ProcessEnv()} }

// settings returns the configuration. It ignores errors, which the daemon and omg config report.
func (b *Backend) settings() config.Config {
	c, err := config.Load(b.env, false)
	if err != nil {
		return config.Default()
	}
	return c.Config
}

func (b *Backend) pacmanConfig(c *config.Config) (*sources.PacmanSetup, error) {
	return sources.Config{DBPath: b.o.DBPath, PacmanConfig: b.o.PacmanConfig, RootDir: b.o.RootDir, StaleAfter: time.Duration(c.Stale.Repos)}.ReadPacmanSetup()
}

// installedSnapshot returns a snapshot of the local database only.
func (b *Backend) installedSnapshot(ctx context.Context) (*snapshot.Snapshot, error) {
	l, err := b.localDatabase(ctx)
	if err != nil {
		return nil, err
	}
	if errors.Is(l.err, pacmandb.ErrNoLocal) {
		return nil, noLocalError{l.err}
	}
	if l.err != nil {
		return nil, l.err
	}
	return l.installed().WithCheckTime(clock.Now()), nil
}

// noLocalError is the error for a system without a local database.
type noLocalError struct{ error }

// Is reports whether target is backend.ErrNoLocal.
func (noLocalError) Is(target error) bool { return target == backend.ErrNoLocal }

// withSnapshot makes a snapshot of all sources, and returns the result of the function answer for this snapshot.
func withSnapshot[R any](ctx context.Context, b *Backend, answer func(*snapshot.Snapshot) (R, error)) (R, error) {
	return answerFrom(ctx, &snapshotReader{Backend: b}, answer)
}

// withNewsSnapshot does what withSnapshot does, for a snapshot that also has the news.
func withNewsSnapshot[R any](ctx context.Context, b *Backend, answer func(*snapshot.Snapshot) (R, error)) (R, error) {
	return answerFrom(ctx, &snapshotReader{Backend: b, readsNews: true}, answer)
}

// answerFrom returns the result of the function answer for the snapshot that r reads, or for the kept one, which has everything.
func answerFrom[R any](ctx context.Context, r *snapshotReader, answer func(*snapshot.Snapshot) (R, error)) (result R, err error) {
	if r.kept != nil {
		return withKept(ctx, r.kept, answer)
	}
	r.config = r.settings()
	defer r.close()
	in, err := r.read(ctx)
	if err != nil {
		return result, err
	}
	return answer(snapshot.Build(*in))
}

// Search implements backend.Backend.
func (b *Backend) Search(ctx context.Context, r *wire.SearchRequest, visit func(*wire.Package) error, _ func()) (*wire.SearchResult, error) {
	return answerFrom(ctx, &snapshotReader{Backend: b, readsFiles: true}, func(s *snapshot.Snapshot) (*wire.SearchResult, error) {
		found, err := s.Search(r)
		if err != nil {
			return nil, err
		}
		err = s.EachMatch(found, visit)
		return &wire.SearchResult{Basis: found.Basis, Total: uint32(found.Total), Suggestions: found.Suggestions}, err
	})
}

// Info implements backend.Backend.
func (b *Backend) Info(ctx context.Context, r *wire.InfoRequest, visit func(*wire.Package) error, _ func()) (*wire.InfoResult, error) {
	return withSnapshot(ctx, b, func(s *snapshot.Snapshot) (*wire.InfoResult, error) {
		found, err := s.Info(r)
		if err != nil {
			return nil, err
		}
		missing, err := s.SuggestForUnknown(found.UnknownNames)
		if err == nil {
			err = s.EachPackage(found.Hits, true, visit)
		}
		return &wire.InfoResult{Basis: found.Basis, Missing: missing}, err
	})
}

// Status implements backend.Backend.
func (b *Backend) Status(ctx context.Context) (*wire.StatusResult, error) {
	return withNewsSnapshot(ctx, b, (*snapshot.Snapshot).Status)
}

// Installed implements backend.Backend.
func (b *Backend) Installed(ctx context.Context, r *wire.InstalledRequest) (*wire.InstalledResult, error) {
	answer := func(s *snapshot.Snapshot) (*wire.InstalledResult, error) { return installedIn(s, r) }
	if r.Filter == wire.FilterForeign {
		return withSnapshot(ctx, b, answer)
	}
	s, err := b.installedSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	return answer(s)
}

// installedIn returns the installed packages of a snapshot that a request selects.
func installedIn(s *snapshot.Snapshot, r *wire.InstalledRequest) (*wire.InstalledResult, error) {
	found, err := s.Installed(r)
	if err != nil {
		return nil, err
	}
	result := &wire.InstalledResult{Basis: found.Basis, Packages: make([]wire.InstalledPackage, len(found.Packages)), Missing: found.NotInstalled}
	for i, p := range found.Packages {
		result.Packages[i] = s.DescribeInstalled(p, r.Details)
	}
	return result, nil
}

// Explicit implements backend.Backend.
func (b *Backend) Explicit(ctx context.Context) (*wire.ExplicitResult, error) {
	s, err := b.installedSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	return s.Explicit()
}

// Outdated implements backend.Backend.
func (b *Backend) Outdated(ctx context.Context) (*wire.OutdatedResult, error) {
	return withNewsSnapshot(ctx, b, (*snapshot.Snapshot).Outdated)
}

// Security implements backend.Backend. It needs a file with the tracker's advisories, because only omgd downloads them.
func (b *Backend) Security(ctx context.Context, r *wire.SecurityRequest) (*wire.SecurityResult, error) {
	tracker, err := b.advisories()
	if err != nil {
		return nil, err
	}
	return withSnapshot(ctx, b, func(s *snapshot.Snapshot) (*wire.SecurityResult, error) {
		in := *s.Inputs()
		in.Tracker = tracker
		found, err := snapshot.Build(in).Security(r)
		if err != nil {
			return nil, err
		}
		result := &wire.SecurityResult{Basis: found.Basis, Missing: found.NotInstalled, Skipped: uint32(found.SkippedCount)}
		for _, p := range found.Packages {
			result.Packages = append(result.Packages, *snapshot.ConvertVulnerable(p, p.Findings))
		}
		return result, nil
	})
}

// advisories returns the advisories in the file that the user named, or otherwise those that are pulled.
func (b *Backend) advisories() (*snapshot.TrackerData, error) {
	if b.o.AdvisoriesFile != "" {
		return readAdvisories(b.o.AdvisoriesFile)
	}
	c := b.settings()
	if tracker := b.pulledAdvisories(&c); tracker != nil {
		return tracker, nil
	}
	return nil, wire.Errorf(wire.CodeNetwork, "no data of the security tracker: start omgd, which downloads it, or name a file with --source")
}

// noDaemonError returns the error for a request that only a running daemon can answer. The parameter what describes the
// request.
func noDaemonError(what string) error {
	return fmt.Errorf("%s needs a running omgd: start it with omg daemon start", what)
}

// StatusHistory implements backend.Backend.
func (b *Backend) StatusHistory(context.Context, *wire.HistoryRequest) (*wire.HistoryResult, error) {
	return nil, errors.New("the history of counts needs a running omgd: start it with omg daemon start")
}

// Watch implements backend.Backend.
func (b *Backend) Watch(context.Context, *backend.WatchRequest, func(*wire.StatusResult) error) error {
	return noDaemonError("watch")
}

// Health implements backend.Backend.
func (b *Backend) Health(context.Context) (*wire.HealthResult, error) {
	return nil, noDaemonError("health")
}

// Metrics implements backend.Backend.
func (b *Backend) Metrics(context.Context) (*wire.MetricsResult, error) {
	return nil, noDaemonError("metrics")
}

// LogLevel implements backend.Backend.
func (b *Backend) LogLevel(context.Context, string) (*wire.LogLevelResult, error) {
	return nil, noDaemonError("log-level")
}

// Refresh implements backend.Backend. It does nothing, because each answer is read from the current files.
func (b *Backend) Refresh(context.Context) (*wire.RefreshResult, error) {
	return &wire.RefreshResult{}, nil
}

// RefreshSources implements backend.Backend.
func (b *Backend) RefreshSources(context.Context) (*wire.RefreshSourcesResult, error) {
	return nil, noDaemonError("refresh --sources")
}

// ClearCache implements backend.Backend.
func (b *Backend) ClearCache(context.Context) (*wire.CacheClearResult, error) {
	return &wire.CacheClearResult{}, nil
}

// Config implements backend.Backend. An invalid file is an error, as it is for omgd.
func (b *Backend) Config(_ context.Context, system bool) (*backend.Configuration, error) {
	loaded, err := config.Load(b.env, system)
	if err != nil {
		return nil, wire.Errorf(wire.CodeInvalid, "%v", err)
	}
	result := &backend.Configuration{Files: append([]string{}, loaded.Files...), Warnings: loaded.Warnings}
	for _, s := range loaded.Settings() {
		result.Settings = append(result.Settings, backend.Setting(s))
	}
	return result, nil
}

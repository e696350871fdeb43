package remote

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/buildfiles"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// Search implements backend.Backend.
func (b *Backend) Search(ctx context.Context, r *wire.SearchRequest, visit func(*wire.Package) error, beforeWait func()) (*wire.SearchResult, error) {
	return askWithFallback(ctx, b, func(c *client.Conn) (*wire.SearchResult, error) {
		return c.Search(ctx, r, withAnswerRecorded(b, visit), beforeWait)
	})
}

// Info implements backend.Backend.
func (b *Backend) Info(ctx context.Context, r *wire.InfoRequest, visit func(*wire.Package) error, beforeWait func()) (*wire.InfoResult, error) {
	return askWithFallback(ctx, b, func(c *client.Conn) (*wire.InfoResult, error) {
		return c.Info(ctx, r, withAnswerRecorded(b, visit), beforeWait)
	})
}

// withAnswerRecorded returns a function that does the same as visit, and also records that the daemon has sent a part of its
// answer.
func withAnswerRecorded[E any](b *Backend, visit func(*E) error) func(*E) error {
	return func(element *E) error {
		b.hasAnswered = true
		return visit(element)
	}
}

// Status implements backend.Backend.
func (b *Backend) Status(ctx context.Context) (*wire.StatusResult, error) {
	return askWithFallback(ctx, b, func(c *client.Conn) (*wire.StatusResult, error) { return c.Status(ctx) })
}

// Installed implements backend.Backend.
func (b *Backend) Installed(ctx context.Context, r *wire.InstalledRequest) (*wire.InstalledResult, error) {
	return askWithFallback(ctx, b, func(c *client.Conn) (*wire.InstalledResult, error) { return c.Installed(ctx, r) })
}

// Explicit implements backend.Backend.
func (b *Backend) Explicit(ctx context.Context) (*wire.ExplicitResult, error) {
	return askWithFallback(ctx, b, func(c *client.Conn) (*wire.ExplicitResult, error) { return c.Explicit(ctx) })
}

// Outdated implements backend.Backend.
func (b *Backend) Outdated(ctx context.Context) (*wire.OutdatedResult, error) {
	return askWithFallback(ctx, b, func(c *client.Conn) (*wire.OutdatedResult, error) { return c.Outdated(ctx) })
}

// Security implements backend.Backend. Without a daemon, which downloads the advisories of the tracker, an answer needs
// a file with advisories.
func (b *Backend) Security(ctx context.Context, r *wire.SecurityRequest) (*wire.SecurityResult, error) {
	switch {
	case b.o.AdvisoriesFile != "":
		return nil, b.switchToDirectWithDaemonPaths(ctx)
	case !b.asksDaemon():
		return nil, b.switchToDirect() // the daemon knows only the packages of its own system
	}
	return askDaemonOnly(ctx, b, func(c *client.Conn) (*wire.SecurityResult, error) { return c.Security(ctx, r) })
}

// News implements backend.Backend.
func (b *Backend) News(ctx context.Context) (*wire.NewsResult, error) {
	return askWithFallback(ctx, b, func(c *client.Conn) (*wire.NewsResult, error) { return c.News(ctx) })
}

// RepoOwners implements backend.Backend.
func (b *Backend) RepoOwners(ctx context.Context, r *backend.RepoOwnersRequest, visit func(*wire.FileOwner) error) (*wire.FilesOwnerResult, error) {
	return askWithFallback(ctx, b, func(c *client.Conn) (*wire.FilesOwnerResult, error) {
		return c.FilesOwner(ctx, &r.FilesOwnerRequest, withAnswerRecorded(b, visit))
	})
}

// RepoFiles implements backend.Backend.
func (b *Backend) RepoFiles(ctx context.Context, r *wire.FilesListRequest, visit func(*wire.RepositoryFiles) error) (*wire.FilesListResult, error) {
	return askWithFallback(ctx, b, func(c *client.Conn) (*wire.FilesListResult, error) {
		return c.FilesList(ctx, r, withAnswerRecorded(b, visit))
	})
}

// Command implements backend.Backend.
func (b *Backend) Command(ctx context.Context, r *wire.CommandRequest) (*wire.CommandResult, error) {
	return askWithFallback(ctx, b, func(c *client.Conn) (*wire.CommandResult, error) { return c.Command(ctx, r) })
}

// StatusHistory implements backend.Backend.
func (b *Backend) StatusHistory(ctx context.Context, r *wire.HistoryRequest) (*wire.HistoryResult, error) {
	if !b.asksDaemon() {
		return nil, b.switchToDirect()
	}
	return askDaemonOnly(ctx, b, func(c *client.Conn) (*wire.HistoryResult, error) { return c.StatusHistory(ctx, r) })
}

// Health implements backend.Backend.
func (b *Backend) Health(ctx context.Context) (*wire.HealthResult, error) {
	return askDaemonOnly(ctx, b, func(c *client.Conn) (*wire.HealthResult, error) { return c.Health(ctx) })
}

// Metrics implements backend.Backend.
func (b *Backend) Metrics(ctx context.Context) (*wire.MetricsResult, error) {
	return askDaemonOnly(ctx, b, func(c *client.Conn) (*wire.MetricsResult, error) { return c.Metrics(ctx) })
}

// Refresh implements backend.Backend.
func (b *Backend) Refresh(ctx context.Context) (*wire.RefreshResult, error) {
	return askDaemonOnly(ctx, b, func(c *client.Conn) (*wire.RefreshResult, error) { return c.Refresh(ctx) })
}

// RefreshSources implements backend.Backend.
func (b *Backend) RefreshSources(ctx context.Context) (*wire.RefreshSourcesResult, error) {
	return askDaemonOnly(ctx, b, func(c *client.Conn) (*wire.RefreshSourcesResult, error) { return c.RefreshSources(ctx) })
}

// ClearCache implements backend.Backend.
func (b *Backend) ClearCache(ctx context.Context) (*wire.CacheClearResult, error) {
	return askDaemonOnly(ctx, b, func(c *client.Conn) (*wire.CacheClearResult, error) { return c.ClearCache(ctx) })
}

// LogLevel implements backend.Backend.
func (b *Backend) LogLevel(ctx context.Context, level string) (*wire.LogLevelResult, error) {
	return askDaemonOnly(ctx, b, func(c *client.Conn) (*wire.LogLevelResult, error) { return c.LogLevel(ctx, level) })
}

// Owns implements backend.Backend.
func (b *Backend) Owns(ctx context.Context, _ []string) (*backend.Owners, error) {
	return nil, b.switchToDirectWithDaemonPaths(ctx)
}

// Files implements backend.Backend.
func (b *Backend) Files(ctx context.Context, _ []string) (*backend.FilesResult, error) {
	return nil, b.switchToDirectWithDaemonPaths(ctx)
}

// Why implements backend.Backend.
func (b *Backend) Why(ctx context.Context, _ string, _ bool) (*backend.WhyResult, error) {
	return nil, b.switchToDirectWithDaemonPaths(ctx)
}

// Tree implements backend.Backend.
func (b *Backend) Tree(ctx context.Context, _ *backend.TreeRequest) (*backend.TreeResult, error) {
	return nil, b.switchToDirectWithDaemonPaths(ctx)
}

// Size implements backend.Backend.
func (b *Backend) Size(ctx context.Context, _ []string) (*backend.SizeResult, error) {
	return nil, b.switchToDirectWithDaemonPaths(ctx)
}

// PackageHistory implements backend.Backend.
func (b *Backend) PackageHistory(ctx context.Context, _ *backend.PackageHistoryRequest) (*backend.PackageHistory, error) {
	return nil, b.switchToDirectWithDaemonPaths(ctx)
}

// SystemCheck implements backend.Backend.
func (b *Backend) SystemCheck(ctx context.Context, _ *backend.SystemCheckRequest) (*backend.SystemCheck, error) {
	return nil, b.switchToDirectWithDaemonPaths(ctx)
}

// Inventory implements backend.Backend. omg-direct asks the daemon, because only omg-direct can compress a file and derive the identity.
func (b *Backend) Inventory(ctx context.Context, _ *backend.InventoryRequest) (*inventory.Inventory, error) {
	b.passesSocket = true
	return nil, b.switchToDirectWithDaemonPaths(ctx)
}

// Devel implements backend.Backend.
func (b *Backend) Devel(ctx context.Context, _ *backend.DevelRequest) (*backend.DevelResult, error) {
	return nil, b.switchToDirectWithDaemonPaths(ctx)
}

// AURLog implements backend.Backend.
func (b *Backend) AURLog(ctx context.Context, _ *backend.AURLogRequest, _ func(*backend.AUREvent) error) (*backend.AURLogResult, error) {
	return nil, b.switchToDirectWithDaemonPaths(ctx)
}

// AURCheck implements backend.Backend. omgd has computed the findings about all installed packages. If the user has build files of the packages,
// which omgd does not read, omg-direct compares these, and asks for the findings itself. In all other cases it answers from files; if packages are named, it
// asks the daemon for replies of the AUR about them.
func (b *Backend) AURCheck(ctx context.Context, r *backend.AURCheckRequest) (*backend.AURCheckResult, error) {
	b.passesSocket = len(r.Names) > 0 && !r.Offline
	if len(r.Names) == 0 && b.asksDaemon() && b.o.DataDir == "" {
		found, err := askOnNewConn(ctx, b, func(c *client.Conn) (*wire.AURCheckResult, error) { return c.AURCheck(ctx) })
		if err == nil && !b.hasOtherSettings() {
			if !buildfiles.HasAny(b.env, found.Bases) {
				return backend.NewAURCheckResult(found, clock.Now()), nil
			}
			b.passesSocket = true // omg-direct compares the build files, and asks for the findings
		}
	}
	return nil, b.switchToDirectWithDaemonPaths(ctx)
}

// hasOtherSettings reports whether the user has settings that the daemon of the last connection does not read.
func (b *Backend) hasOtherSettings() bool {
	if b.connectedSocket == b.env.Sockets(b.o.Socket)[0] {
		return false
	}
	files, isChosen := b.env.ConfigFiles(false)
	return isChosen || slices.ContainsFunc(files[1:], func(path string) bool {
		_, err := os.Lstat(path)
		return !errors.Is(err, fs.ErrNotExist)
	})
}

// AURPKGBUILD implements backend.Backend. Only omgd uses the network.
func (b *Backend) AURPKGBUILD(ctx context.Context, name string) (*wire.AURPKGBUILDResult, error) {
	return askDaemonOnly(ctx, b, func(c *client.Conn) (*wire.AURPKGBUILDResult, error) { return c.AURPKGBUILD(ctx, name) })
}

// AURDiff implements backend.Backend.
func (b *Backend) AURDiff(ctx context.Context, _ *backend.AURDiffRequest) (*backend.AURDiff, error) {
	return nil, b.switchToDirectWithDaemonPaths(ctx)
}

// Config implements backend.Backend.
func (b *Backend) Config(context.Context, bool) (*backend.Configuration, error) {
	return nil, b.switchToDirect()
}

// Doctor implements backend.Backend. omg-direct checks the databases that the daemon reads. If the daemon does not answer,
// this is not an error, but one of the checks reports it. omg-direct does not wait again for a daemon that does not respond.
func (b *Backend) Doctor(ctx context.Context) (*backend.Checks, error) {
	if b.asksDaemon() {
		hello, err := askOnNewConn(ctx, b, func(c *client.Conn) (*wire.HelloResult, error) { return c.Hello(ctx) })
		if err == nil {
			b.learnServedPaths(&hello.ServedPaths)
		}
	}
	return nil, b.switchToDirect()
}

// ActiveVersions implements backend.Backend.
func (b *Backend) ActiveVersions(context.Context, []string) (*backend.ActiveVersions, error) {
	return nil, b.switchToDirect()
}

// InstalledVersions implements backend.Backend.
func (b *Backend) InstalledVersions(context.Context, []string) (*backend.InstalledVersions, error) {
	return nil, b.switchToDirect()
}

// UseRuntime implements backend.Backend.
func (b *Backend) UseRuntime(context.Context, string, string) (*backend.UseResult, error) {
	return nil, b.switchToDirect()
}

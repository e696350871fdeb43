package session

import (
	"context"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// answerer implements the backend of a session.
type answerer struct{ s *Session }

// Search implements backend.Backend.
func (a answerer) Search(ctx context.Context, r *wire.SearchRequest, visit func(*wire.Package) error, beforeWait func()) (*wire.SearchResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.SearchResult, error) { return b.Search(ctx, r, visit, beforeWait) })
}

// Info implements backend.Backend.
func (a answerer) Info(ctx context.Context, r *wire.InfoRequest, visit func(*wire.Package) error, beforeWait func()) (*wire.InfoResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.InfoResult, error) { return b.Info(ctx, r, visit, beforeWait) })
}

// Status implements backend.Backend.
func (a answerer) Status(ctx context.Context) (*wire.StatusResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.StatusResult, error) { return b.Status(ctx) })
}

// Installed implements backend.Backend.
func (a answerer) Installed(ctx context.Context, r *wire.InstalledRequest) (*wire.InstalledResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.InstalledResult, error) { return b.Installed(ctx, r) })
}

// Explicit implements backend.Backend.
func (a answerer) Explicit(ctx context.Context) (*wire.ExplicitResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.ExplicitResult, error) { return b.Explicit(ctx) })
}

// Outdated implements backend.Backend.
func (a answerer) Outdated(ctx context.Context) (*wire.OutdatedResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.OutdatedResult, error) { return b.Outdated(ctx) })
}

// Security implements backend.Backend.
func (a answerer) Security(ctx context.Context, r *wire.SecurityRequest) (*wire.SecurityResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.SecurityResult, error) { return b.Security(ctx, r) })
}

// News implements backend.Backend.
func (a answerer) News(ctx context.Context) (*wire.NewsResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.NewsResult, error) { return b.News(ctx) })
}

// RepoOwners implements backend.Backend.
func (a answerer) RepoOwners(ctx context.Context, r *backend.RepoOwnersRequest, visit func(*wire.FileOwner) error) (*wire.FilesOwnerResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.FilesOwnerResult, error) { return b.RepoOwners(ctx, r, visit) })
}

// RepoFiles implements backend.Backend.
func (a answerer) RepoFiles(ctx context.Context, r *wire.FilesListRequest, visit func(*wire.RepositoryFiles) error) (*wire.FilesListResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.FilesListResult, error) { return b.RepoFiles(ctx, r, visit) })
}

// Command implements backend.Backend.
func (a answerer) Command(ctx context.Context, r *wire.CommandRequest) (*wire.CommandResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.CommandResult, error) { return b.Command(ctx, r) })
}

// StatusHistory implements backend.Backend.
func (a answerer) StatusHistory(ctx context.Context, r *wire.HistoryRequest) (*wire.HistoryResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.HistoryResult, error) { return b.StatusHistory(ctx, r) })
}

// Health implements backend.Backend.
func (a answerer) Health(ctx context.Context) (*wire.HealthResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.HealthResult, error) { return b.Health(ctx) })
}

// Metrics implements backend.Backend.
func (a answerer) Metrics(ctx context.Context) (*wire.MetricsResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.MetricsResult, error) { return b.Metrics(ctx) })
}

// Refresh implements backend.Backend.
func (a answerer) Refresh(ctx context.Context) (*wire.RefreshResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.RefreshResult, error) { return b.Refresh(ctx) })
}

// RefreshSources implements backend.Backend.
func (a answerer) RefreshSources(ctx context.Context) (*wire.RefreshSourcesResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.RefreshSourcesResult, error) { return b.RefreshSources(ctx) })
}

// ClearCache implements backend.Backend.
func (a answerer) ClearCache(ctx context.Context) (*wire.CacheClearResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.CacheClearResult, error) { return b.ClearCache(ctx) })
}

// LogLevel implements backend.Backend.
func (a answerer) LogLevel(ctx context.Context, level string) (*wire.LogLevelResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.LogLevelResult, error) { return b.LogLevel(ctx, level) })
}

// Owns implements backend.Backend.
func (a answerer) Owns(ctx context.Context, paths []string) (*backend.Owners, error) {
	return ask(a.s, func(b backend.Backend) (*backend.Owners, error) { return b.Owns(ctx, paths) })
}

// Files implements backend.Backend.
func (a answerer) Files(ctx context.Context, names []string) (*backend.FilesResult, error) {
	return ask(a.s, func(b backend.Backend) (*backend.FilesResult, error) { return b.Files(ctx, names) })
}

// Why implements backend.Backend.
func (a answerer) Why(ctx context.Context, name string, reverse bool) (*backend.WhyResult, error) {
	return ask(a.s, func(b backend.Backend) (*backend.WhyResult, error) { return b.Why(ctx, name, reverse) })
}

// Tree implements backend.Backend.
func (a answerer) Tree(ctx context.Context, r *backend.TreeRequest) (*backend.TreeResult, error) {
	return ask(a.s, func(b backend.Backend) (*backend.TreeResult, error) { return b.Tree(ctx, r) })
}

// Size implements backend.Backend.
func (a answerer) Size(ctx context.Context, names []string) (*backend.SizeResult, error) {
	return ask(a.s, func(b backend.Backend) (*backend.SizeResult, error) { return b.Size(ctx, names) })
}

// PackageHistory implements backend.Backend.
func (a answerer) PackageHistory(ctx context.Context, r *backend.PackageHistoryRequest) (*backend.PackageHistory, error) {
	return ask(a.s, func(b backend.Backend) (*backend.PackageHistory, error) { return b.PackageHistory(ctx, r) })
}

// SystemCheck implements backend.Backend.
func (a answerer) SystemCheck(ctx context.Context, r *backend.SystemCheckRequest) (*backend.SystemCheck, error) {
	return ask(a.s, func(b backend.Backend) (*backend.SystemCheck, error) { return b.SystemCheck(ctx, r) })
}

// Config implements backend.Backend.
func (a answerer) Config(ctx context.Context, system bool) (*backend.Configuration, error) {
	return ask(a.s, func(b backend.Backend) (*backend.Configuration, error) { return b.Config(ctx, system) })
}

// Doctor implements backend.Backend.
func (a answerer) Doctor(ctx context.Context) (*backend.Checks, error) {
	return ask(a.s, func(b backend.Backend) (*backend.Checks, error) { return b.Doctor(ctx) })
}

// Inventory implements backend.Backend.
func (a answerer) Inventory(ctx context.Context, r *backend.InventoryRequest) (*inventory.Inventory, error) {
	return ask(a.s, func(b backend.Backend) (*inventory.Inventory, error) { return b.Inventory(ctx, r) })
}

// Devel implements backend.Backend.
func (a answerer) Devel(ctx context.Context, r *backend.DevelRequest) (*backend.DevelResult, error) {
	return ask(a.s, func(b backend.Backend) (*backend.DevelResult, error) { return b.Devel(ctx, r) })
}

// AURLog implements backend.Backend.
func (a answerer) AURLog(ctx context.Context, r *backend.AURLogRequest, visit func(*backend.AUREvent) error) (*backend.AURLogResult, error) {
	return ask(a.s, func(b backend.Backend) (*backend.AURLogResult, error) { return b.AURLog(ctx, r, visit) })
}

// AURCheck implements backend.Backend.
func (a answerer) AURCheck(ctx context.Context, r *backend.AURCheckRequest) (*backend.AURCheckResult, error) {
	return ask(a.s, func(b backend.Backend) (*backend.AURCheckResult, error) { return b.AURCheck(ctx, r) })
}

// AURPKGBUILD implements backend.Backend.
func (a answerer) AURPKGBUILD(ctx context.Context, name string) (*wire.AURPKGBUILDResult, error) {
	return ask(a.s, func(b backend.Backend) (*wire.AURPKGBUILDResult, error) { return b.AURPKGBUILD(ctx, name) })
}

// AURDiff implements backend.Backend.
func (a answerer) AURDiff(ctx context.Context, r *backend.AURDiffRequest) (*backend.AURDiff, error) {
	return ask(a.s, func(b backend.Backend) (*backend.AURDiff, error) { return b.AURDiff(ctx, r) })
}

// ActiveVersions implements backend.Backend.
func (a answerer) ActiveVersions(ctx context.Context, runtimes []string) (*backend.ActiveVersions, error) {
	return ask(a.s, func(b backend.Backend) (*backend.ActiveVersions, error) { return b.ActiveVersions(ctx, runtimes) })
}

// InstalledVersions implements backend.Backend.
func (a answerer) InstalledVersions(ctx context.Context, runtimes []string) (*backend.InstalledVersions, error) {
	return ask(a.s, func(b backend.Backend) (*backend.InstalledVersions, error) { return b.InstalledVersions(ctx, runtimes) })
}

// UseRuntime implements backend.Backend.
func (a answerer) UseRuntime(ctx context.Context, runtime, version string) (*backend.UseResult, error) {
	return ask(a.s, func(b backend.Backend) (*backend.UseResult, error) { return b.UseRuntime(ctx, runtime, version) })
}

// RunLetters implements backend.Backend.
func (a answerer) RunLetters(ctx context.Context, r *backend.LettersRequest) (int, error) {
	return ask(a.s, func(b backend.Backend) (int, error) { return b.RunLetters(ctx, r) })
}

// Watch implements backend.Backend. Session.Watch replaces it.
func (a answerer) Watch(ctx context.Context, r *backend.WatchRequest, visit func(*wire.StatusResult) error) error {
	_, err := ask(a.s, func(b backend.Backend) (struct{}, error) { return struct{}{}, b.Watch(ctx, r, visit) })
	return err
}

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// TestMain sets the time zone to UTC. The tests do not read the state directory of the user who runs them.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	_ = os.Setenv("XDG_STATE_HOME", "/nonexistent")
	os.Exit(m.Run())
}

// fake is a backend with a result for each request that a test expects. Every other request fails the test.
type fake struct {
	t *testing.T

	search    *wire.SearchResult
	info      *wire.InfoResult
	status    *wire.StatusResult
	installed *wire.InstalledResult
	explicit  *wire.ExplicitResult
	outdated  *wire.OutdatedResult
	security  *wire.SecurityResult
	news      *wire.NewsResult

	watched    []*wire.StatusResult // see Watch
	history    *wire.HistoryResult
	health     *wire.HealthResult
	metrics    *wire.MetricsResult
	refresh    *wire.RefreshResult
	sources    *wire.RefreshSourcesResult
	clearCache *wire.CacheClearResult
	logLevel   *wire.LogLevelResult

	owns   *backend.Owners
	files  *backend.FilesResult
	owners *wire.FilesOwnerResult // RepoOwners passes its packages to the function visit
	lists  *wire.FilesListResult  // RepoFiles passes its packages to the function visit
	cmds   *wire.CommandResult
	why    *backend.WhyResult
	tree   *backend.TreeResult
	size   *backend.SizeResult
	pkgs   *backend.PackageHistory
	devel  *backend.DevelResult
	system *backend.SystemCheck

	inventory *inventory.Inventory
	config    *backend.Configuration
	doctor    *backend.Checks
	aurLog    *backend.AURLogResult // AURLog passes its events to the function visit
	check     *backend.AURCheckResult
	diff      *backend.AURDiff
	which     *backend.ActiveVersions
	list      *backend.InstalledVersions
	use       *backend.UseResult

	// errs holds errors to return instead of results, by the name of the method.
	errs map[string]error
	// If waits is set, Search and Info call the function beforeWait after the first package.
	waits bool
	// onWait is called after beforeWait, with the output that omg has printed so far. It may be nil.
	onWait func(printed string)

	lettersCode int

	// The following fields record the last request.
	letters        *backend.LettersRequest
	options        backend.Options
	searched       *wire.SearchRequest
	listed         *wire.InstalledRequest
	logged         *backend.AURLogRequest
	checked        []string
	treeRequest    *backend.TreeRequest
	historyRequest *backend.PackageHistoryRequest
	develRequest   *backend.DevelRequest

	inventoryRequest *backend.InventoryRequest
	systemRequest    *backend.SystemCheckRequest
	ownersRequest    *backend.RepoOwnersRequest
	listsRequest     *wire.FilesListRequest
	cmdsRequest      *wire.CommandRequest
	diffed           *backend.AURDiffRequest
	watchRequest     *backend.WatchRequest
	printed          func() string
	questions        []string
}

// run runs omg with arguments and returns its exit code and what it printed.
func (f fake) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	code, stdout, stderr, _ = f.runBackend(t, args...)
	return code, stdout, stderr
}

// runBackend is like run, and also returns the backend as it was after the run.
func (f fake) runBackend(t *testing.T, args ...string) (code int, stdout, stderr string, after *fake) {
	t.Helper()
	var out, errs bytes.Buffer
	f.t, f.printed = t, out.String
	code = Run(t.Context(), append([]string{"omg"}, args...), &out, &errs, func(o backend.Options) backend.Backend {
		f.options = o
		return &f
	})
	return code, out.String(), errs.String(), &f
}

// give is called by the methods of fake. It records the request, and returns either a copy of the result r or the error
// in errs. It copies r because commands change the results that they receive.
func give[R any](f *fake, question string, r *R) (*R, error) {
	f.questions = append(f.questions, question)
	if err := f.errs[question]; err != nil {
		return nil, err
	}
	require.NotNil(f.t, r, "%s was not expected", question)
	encoded, err := json.Marshal(r)
	require.NoError(f.t, err)
	out := new(R)
	require.NoError(f.t, json.Unmarshal(encoded, out))
	return out, nil
}

// packages calls the function visit for each package.
func (f *fake) packages(packages []wire.Package, visit func(*wire.Package) error, beforeWait func()) error {
	for i := range packages {
		if err := visit(&packages[i]); err != nil {
			return err
		}
		if f.waits && i == 0 {
			beforeWait()
			if f.onWait != nil {
				f.onWait(f.printed())
			}
		}
	}
	return nil
}

func (f *fake) Search(_ context.Context, r *wire.SearchRequest, visit func(*wire.Package) error, beforeWait func()) (*wire.SearchResult, error) {
	f.searched = r
	result, err := give(f, "search", f.search)
	if err == nil {
		err = f.packages(result.Packages, visit, beforeWait)
		result.Packages = nil
	}
	return result, err
}

func (f *fake) Info(_ context.Context, _ *wire.InfoRequest, visit func(*wire.Package) error, beforeWait func()) (*wire.InfoResult, error) {
	result, err := give(f, "info", f.info)
	if err == nil {
		err = f.packages(result.Packages, visit, beforeWait)
		result.Packages = nil
	}
	return result, err
}

func (f *fake) Installed(_ context.Context, r *wire.InstalledRequest) (*wire.InstalledResult, error) {
	f.listed = r
	return give(f, "installed", f.installed)
}

func (f *fake) Status(context.Context) (*wire.StatusResult, error) {
	return give(f, "status", f.status)
}

func (f *fake) Explicit(context.Context) (*wire.ExplicitResult, error) {
	return give(f, "explicit", f.explicit)
}

func (f *fake) Outdated(context.Context) (*wire.OutdatedResult, error) {
	return give(f, "outdated", f.outdated)
}

func (f *fake) Security(context.Context, *wire.SecurityRequest) (*wire.SecurityResult, error) {
	return give(f, "security", f.security)
}

func (f *fake) News(context.Context) (*wire.NewsResult, error) {
	return give(f, "news", f.news)
}

func (f *fake) StatusHistory(context.Context, *wire.HistoryRequest) (*wire.HistoryResult, error) {
	return give(f, "history", f.history)
}

// Watch passes the statuses in watched or, without any, the result of status. A nil means that omgd is away.
func (f *fake) Watch(_ context.Context, r *backend.WatchRequest, visit func(*wire.StatusResult) error) error {
	f.watchRequest = r
	statuses := f.watched
	if statuses == nil {
		st, err := give(f, "watch", f.status)
		if err != nil {
			return err
		}
		statuses = []*wire.StatusResult{st}
	}
	for _, st := range statuses {
		var err error
		if st == nil {
			err = r.OnAway("omgd is not running")
		} else {
			err = visit(st)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) Health(context.Context) (*wire.HealthResult, error) {
	return give(f, "health", f.health)
}

func (f *fake) Metrics(context.Context) (*wire.MetricsResult, error) {
	return give(f, "metrics", f.metrics)
}

func (f *fake) Refresh(context.Context) (*wire.RefreshResult, error) {
	return give(f, "refresh", f.refresh)
}

func (f *fake) ClearCache(context.Context) (*wire.CacheClearResult, error) {
	return give(f, "clear cache", f.clearCache)
}

func (f *fake) LogLevel(context.Context, string) (*wire.LogLevelResult, error) {
	return give(f, "log level", f.logLevel)
}

func (f *fake) RefreshSources(context.Context) (*wire.RefreshSourcesResult, error) {
	return give(f, "refresh sources", f.sources)
}

func (f *fake) Owns(context.Context, []string) (*backend.Owners, error) {
	return give(f, "owns", f.owns)
}

func (f *fake) Files(context.Context, []string) (*backend.FilesResult, error) {
	return give(f, "files", f.files)
}

func (f *fake) RepoOwners(_ context.Context, r *backend.RepoOwnersRequest, visit func(*wire.FileOwner) error) (*wire.FilesOwnerResult, error) {
	f.ownersRequest = r
	result, err := give(f, "repo owners", f.owners)
	if err != nil {
		return nil, err
	}
	owners := result.Owners
	result.Owners = nil
	return result, visitAll(owners, visit)
}

func (f *fake) RepoFiles(_ context.Context, r *wire.FilesListRequest, visit func(*wire.RepositoryFiles) error) (*wire.FilesListResult, error) {
	f.listsRequest = r
	result, err := give(f, "repo files", f.lists)
	if err != nil {
		return nil, err
	}
	packages := result.Packages
	result.Packages = nil
	return result, visitAll(packages, visit)
}

func visitAll[E any](list []E, visit func(*E) error) error {
	for i := range list {
		if err := visit(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) Command(_ context.Context, r *wire.CommandRequest) (*wire.CommandResult, error) {
	f.cmdsRequest = r
	return give(f, "command", f.cmds)
}

func (f *fake) Tree(_ context.Context, r *backend.TreeRequest) (*backend.TreeResult, error) {
	f.treeRequest = r
	return give(f, "tree", f.tree)
}

func (f *fake) Size(_ context.Context, names []string) (*backend.SizeResult, error) {
	f.checked = names
	return give(f, "size", f.size)
}

func (f *fake) PackageHistory(_ context.Context, r *backend.PackageHistoryRequest) (*backend.PackageHistory, error) {
	f.historyRequest = r
	return give(f, "package history", f.pkgs)
}

func (f *fake) SystemCheck(_ context.Context, r *backend.SystemCheckRequest) (*backend.SystemCheck, error) {
	f.systemRequest = r
	return give(f, "system check", f.system)
}

func (f *fake) Inventory(_ context.Context, r *backend.InventoryRequest) (*inventory.Inventory, error) {
	f.inventoryRequest = r
	return give(f, "inventory", f.inventory)
}

func (f *fake) Devel(_ context.Context, r *backend.DevelRequest) (*backend.DevelResult, error) {
	f.develRequest = r
	return give(f, "devel", f.devel)
}

func (f *fake) Why(context.Context, string, bool) (*backend.WhyResult, error) {
	return give(f, "why", f.why)
}

func (f *fake) Config(context.Context, bool) (*backend.Configuration, error) {
	return give(f, "config", f.config)
}

func (f *fake) Doctor(context.Context) (*backend.Checks, error) { return give(f, "doctor", f.doctor) }

func (f *fake) AURLog(_ context.Context, r *backend.AURLogRequest, visit func(*backend.AUREvent) error) (*backend.AURLogResult, error) {
	f.logged = r
	result, err := give(f, "aur log", f.aurLog)
	if err != nil {
		return nil, err
	}
	for i := range result.Events {
		if err := visit(&result.Events[i]); err != nil {
			return nil, err
		}
	}
	result.Events = nil
	return result, nil
}

func (f *fake) AURPKGBUILD(context.Context, string) (*wire.AURPKGBUILDResult, error) {
	return give[wire.AURPKGBUILDResult](f, "aur pkgbuild", nil)
}

func (f *fake) AURDiff(_ context.Context, request *backend.AURDiffRequest) (*backend.AURDiff, error) {
	f.diffed = request
	return give(f, "aur diff", f.diff)
}

func (f *fake) AURCheck(_ context.Context, request *backend.AURCheckRequest) (*backend.AURCheckResult, error) {
	f.checked = request.Names
	r, err := give(f, "aur check", f.check)
	if err == nil {
		r.EventsSince = f.check.EventsSince // not in JSON
	}
	return r, err
}

func (f *fake) ActiveVersions(context.Context, []string) (*backend.ActiveVersions, error) {
	return give(f, "which", f.which)
}

func (f *fake) InstalledVersions(context.Context, []string) (*backend.InstalledVersions, error) {
	return give(f, "list", f.list)
}

func (f *fake) UseRuntime(context.Context, string, string) (*backend.UseResult, error) {
	return give(f, "use", f.use)
}

func pkg(name string) wire.InstalledPackage {
	return wire.InstalledPackage{Package: wire.Package{Repo: "local", Name: name, Version: "1-1"}}
}

// repository returns a repository as a source in the given state.
func repository(name string, state wire.SourceState, why string) wire.Source {
	return wire.Source{Name: name, Kind: wire.KindRepository, State: state, Why: why}
}

// aur returns the AUR as a source in the given state.
func aur(state wire.SourceState, why string) wire.Source {
	return wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: state, Why: why}
}

// tracker returns the security tracker as a source in the given state.
func tracker(state wire.SourceState, why string) wire.Source {
	return wire.Source{Name: wire.SourceTracker, Kind: wire.KindTracker, State: state, Why: why}
}

func (f *fake) RunLetters(_ context.Context, r *backend.LettersRequest) (int, error) {
	f.letters = r
	code, err := give(f, "letters", &f.lettersCode)
	if err != nil {
		return 0, err
	}
	return *code, nil
}

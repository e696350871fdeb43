package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/omg-arch/omg/omgd/internal/access"
	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/omgd/internal/aur"
	"github.com/omg-arch/omg/omgd/internal/findings"
	"github.com/omg-arch/omg/omgd/internal/health"
	"github.com/omg-arch/omg/omgd/internal/incidentlists"
	"github.com/omg-arch/omg/omgd/internal/listen"
	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/omgd/internal/metrics"
	"github.com/omg-arch/omg/omgd/internal/pull"
	"github.com/omg-arch/omg/omgd/internal/refresh"
	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/service"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/omgd/internal/systemd"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// options are the options of a daemon. Paths are absolute.
type options struct {
	env                  paths.Env
	config               config.Config
	isSystemWide         bool // this is the system-wide daemon
	isBackgroundProcess  bool // this is the background process, whose parent waits for detach.ReportReady
	socket               string
	dbpath, pacmanConfig string // "" means pacman's default path
	indexes              []string
	data                 string
	log                  *slog.Logger
	logging              *logging.Log // the same log as the field log, needed to change its level
	store                store.Limits // newStatusKeeper sets MemorySize, and the times that are 0, from the configuration
}

// daemon has all parts of a running omgd.
type daemon struct {
	options
	gate           *access.Gate // nil for a user's daemon
	listener       *listen.Socket
	snapshotHolder *state.Holder
	statusKeeper   *statusKeeper
	metrics        *metrics.Metrics
	healthMonitor  health.Monitor
	fetcher        *fetch.Client
	refreshConfig  refresh.Config // filled by the init steps, used by initRefresh
	aur            service.AUR    // nil if the AUR is disabled
	demands        []sourceDemands
	puller         *pull.Puller // nil if no indexes are pulled
	findings       *findings.Keeper
	incidentLists  []*incidentlists.Downloader
	refresher      *refresh.Refresher
	service        *service.Service
	server         *server.Server
	serviceManager systemd.Notifier

	// backgroundFuncs are functions that run in goroutines beside the server. Each function must return within 100 ms
	// after its context ends.
	backgroundFuncs []func(context.Context)
	// problemsAtInit are the problems that the init steps have found.
	problemsAtInit []wire.Problem
	closers        []func() // functions that undo the init steps
	closeOnce      sync.Once
}

// openDaemon returns a daemon that has opened its socket but does not serve requests yet.
func openDaemon(o options) (*daemon, error) {
	d := newDaemon(o)
	return d, d.init(d.initSteps())
}

func newDaemon(o options) *daemon {
	return &daemon{options: o, snapshotHolder: state.NewHolder(), serviceManager: systemd.Notifier{Log: o.log}}
}

// initSteps returns the init steps in their order. The socket is opened before any step that changes files: if
// another omgd uses the socket, no file is changed.
func (d *daemon) initSteps() []func() error {
	return []func() error{
		d.initAccess, d.initSocket, d.initData, d.initMetrics, d.initStatus, d.initNetwork,
		d.initPull, d.initTracker, d.initNews, d.initPopularity, d.initFindings, d.initAUR, d.initIncidentLists, d.initDownloads, d.initRefresh, d.initService, d.initServer, d.initDebug,
	}
}

// init runs steps. If one fails, the steps before it are undone.
func (d *daemon) init(steps []func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			d.Close()
			return err
		}
	}
	return nil
}

// Close undoes the init steps in reverse order. It removes the socket, its lock and the status file even if
// goroutines still run.
func (d *daemon) Close() {
	d.closeOnce.Do(func() {
		for _, undo := range slices.Backward(d.closers) {
			undo()
		}
	})
}

func (d *daemon) addCloser(undo func()) { d.closers = append(d.closers, undo) }

// initData makes the data directory. If that fails, omgd runs and keeps its data in memory only.
func (d *daemon) initData() error {
	if err := d.env.CheckRootWrites(d.data); errors.Is(err, paths.ErrUntrusted) {
		return fmt.Errorf("cannot write to %s as root: %w: run omgd as the owner of the directory, or choose another one with --data-dir", d.data, err)
	}
	if err := os.MkdirAll(d.data, 0o755); err != nil {
		d.log.Warn("no data directory", "err", err)
		d.problemsAtInit = append(d.problemsAtInit, wire.Problem{Name: "data", State: "memory", Why: err.Error()})
		return nil
	}
	sources.RemoveOldIndexes(d.data)
	return nil
}

func (d *daemon) initAccess() (err error) {
	d.gate, err = d.newGate()
	return err
}

func (d *daemon) initSocket() (err error) {
	if d.listener, err = d.openSocket(); err == nil {
		d.addCloser(d.listener.Close)
	}
	return err
}

// initMetrics makes the metrics, sets the memory limit, and adds the task that returns unused memory.
func (d *daemon) initMetrics() error {
	d.metrics = metrics.New(version.String(), metrics.Callbacks{
		Connections: func() int { return d.server.Connections() },
		Caches: func() map[string]metrics.CacheCounts {
			all := make(map[string]metrics.CacheCounts)
			for name, c := range d.service.CacheStats() {
				all[name] = metrics.CacheCounts{Hits: c.Hits, Misses: c.Misses}
			}
			return all
		},
		Memory: d.memoryUse,
		Status: d.currentStatus,
		Health: d.checkHealth,
	})
	limitMemory(d.config.Memory)
	d.backgroundFuncs = append(d.backgroundFuncs, d.scavenge)
	return nil
}

func (d *daemon) initStatus() error {
	d.statusKeeper = newStatusKeeper(d.options, d.listener.Addr().String(), d.snapshotHolder)
	d.statusKeeper.refreshInterval = func() time.Duration { return d.refresher.Interval() }
	d.statusKeeper.otherProblems = d.allProblems
	d.addCloser(d.statusKeeper.close)
	return nil
}

// initRefresh makes the refresher, with the sources that earlier steps have set up.
func (d *daemon) initRefresh() error {
	c := d.refreshConfig
	c.Interval = time.Duration(d.config.Refresh.Interval)
	c.Pacman = sources.Config{DBPath: d.dbpath, PacmanConfig: d.pacmanConfig, StaleAfter: time.Duration(d.config.Stale.Repos)}
	c.StaticIndexes, c.IndexDir = d.indexes, paths.IndexDir(d.data)
	for _, dir := range d.env.DataDirs(d.data) {
		if dir != d.data {
			c.SharedIndexDir = paths.IndexDir(dir)
		}
	}
	c.IsTrustedOwner, c.SnapshotHolder, c.Log, c.Alpm = d.env.Trusts, d.snapshotHolder, d.log, alpm.New()
	c.AURStaleAfter = time.Duration(d.config.Stale.AUR)
	c.ReadRuntimes = d.runtimes()
	c.OnRefresh = func(took time.Duration) {
		d.metrics.ObserveRefresh(took)
		d.service.WakeStatus() // a refresh that fails changes the problems, but not the snapshot
	}
	c.OnSuccess = func() {
		d.statusKeeper.onRefresh()
		d.findings.Wake()
		d.checkHealth()
		d.serviceManager.Status(d.statusLine())
	}
	d.refresher = refresh.New(c)
	d.addCloser(d.refresher.Close)
	d.backgroundFuncs = append(d.backgroundFuncs, d.refresher.Run, d.runWatchdog)
	return nil
}

func (d *daemon) initService() error {
	d.service = service.New(service.Config{
		Caches: cacheLimits(d.config), Log: d.logging, State: d.snapshotHolder,
		RecheckIndexes: d.refresher.CheckIndexes, Refresh: d.refresher.Refresh,
		LibAlpmSearch: d.refresher.LibAlpmSearch, LibAlpmInfo: d.refresher.LibAlpmInfo,
		AUR: d.aur, AURCheck: d.findings.Check, MultiUser: d.isSystemWide, Problems: d.allProblems, PreviousStatus: d.statusKeeper.previousStatus, CountsHistory: d.statusKeeper.history,
		RefreshSources: d.refreshSources, MetricsText: d.metrics.Text, Health: d.checkHealth,
	})
	d.addCloser(d.service.Close)
	d.backgroundFuncs = append(d.backgroundFuncs, d.service.PublishStatus)
	return nil
}

func (d *daemon) initServer() error {
	c := server.Config{
		Ops: d.service.Ops(), Limits: serverLimits(d.config.Limits), Log: d.log,
		Hello:         wire.HelloResult{Server: version.String(), ServedPaths: wire.ServedPaths{DBPath: d.dbpath, PacmanConfig: d.pacmanConfig}},
		OnMemoryFault: d.refresher.CheckIndexes, Observer: d.metrics,
	}
	if d.gate != nil {
		c.IsAllowed, c.IsAdmin, c.AllowRequest, c.OnCost, c.HasSeveralUsers = d.gate.Allow, d.gate.IsAdmin, d.gate.AllowRequest, d.gate.Spend, true
	}
	d.server = server.New(c)
	return nil
}

// initDebug opens the sockets for profiles and for metrics, if they are configured.
func (d *daemon) initDebug() error {
	if err := d.serveProfiles(); err != nil {
		return err
	}
	if address := d.config.Metrics.Address; address != "" {
		scraped, err := d.metrics.Listen(address)
		if err != nil {
			return err
		}
		d.addCloser(scraped.Close)
		d.backgroundFuncs = append(d.backgroundFuncs, scraped.Run)
	}
	return nil
}

// allProblems returns all problems that are not part of the snapshot.
func (d *daemon) allProblems() []wire.Problem {
	return slices.Concat(d.problemsAtInit, d.refresher.Problems(), d.statusKeeper.problems(), d.incidentListProblems())
}

// incidentListProblems returns a problem if lists of incidents could not be downloaded.
func (d *daemon) incidentListProblems() []wire.Problem {
	var reasons []string
	for _, l := range d.incidentLists {
		if why := l.FailureReason(); why != "" {
			reasons = append(reasons, l.Location.Address+": "+why)
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return []wire.Problem{{Name: wire.ProblemIncidentLists, State: "failed", Why: strings.Join(reasons, "; ")}}
}

// currentStatus returns the current status. It returns false while there is no snapshot.
func (d *daemon) currentStatus() (*wire.StatusResult, bool) {
	st, release, err := d.snapshotHolder.Acquire()
	if err != nil {
		return nil, false
	}
	defer release()
	r, err := st.Status()
	if err != nil {
		return nil, false
	}
	r.Problems = append(r.Problems, d.allProblems()...)
	return r, true
}

// checkHealth returns the state of the daemon's components.
func (d *daemon) checkHealth() wire.HealthResult {
	in := health.Input{Starting: d.snapshotHolder.IsStarting(), RefreshInterval: d.refresher.Interval(), LibAlpmVersion: d.refresher.LibAlpmVersion()}
	if d.config.AUR.Enabled {
		in.EnabledSources = append(in.EnabledSources, wire.KindAUR)
	}
	if d.config.Tracker.Enabled {
		in.EnabledSources = append(in.EnabledSources, wire.KindTracker)
	}
	if d.config.News.Enabled {
		in.EnabledSources = append(in.EnabledSources, wire.KindNews)
	}
	if d.config.Popularity.Enabled {
		in.EnabledSources = append(in.EnabledSources, wire.KindPopularity)
	}
	if st, ok := d.currentStatus(); ok {
		in.Status = st
	} else if _, release, err := d.snapshotHolder.Acquire(); err == nil {
		release()
	} else {
		in.NoStatusReason = err.Error()
	}
	return d.healthMonitor.Evaluate(in, time.Now())
}

// memoryUse returns the memory of each component in bytes.
func (d *daemon) memoryUse() map[string]uint64 {
	_, objects := heapSize()
	use := map[string]uint64{"heap": objects, "store": d.statusKeeper.store.MemoryUse()}
	for _, c := range d.service.CacheStats() {
		use["caches"] += c.Bytes
	}
	if st, release, err := d.snapshotHolder.Acquire(); err == nil {
		for _, x := range st.Indexes() {
			use["index_map"] += uint64(x.Size())
		}
		release()
	}
	return use
}

// errShutdownTimeout means that a task or a request did not end in time during the shutdown.
var errShutdownTimeout = errors.New("shutdown timeout: a task or a request is still running")

var _ service.AUR = (*aur.AUR)(nil)

package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/omg-arch/omg/omgd/internal/access"
	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/omgd/internal/health"
	"github.com/omg-arch/omg/omgd/internal/listen"
	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/omgd/internal/refresh"
	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/service"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/omgd/internal/systemd"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// options are what a daemon is started with. Paths are absolute.
type options struct {
	env                  paths.Env
	config               config.Config
	system               bool // serves all users
	copied               bool // is the background process that someone waits for
	socket               string
	dbpath, pacmanConfig string // empty for pacman's own
	indexes              []string
	data                 string
	log                  *slog.Logger
	logging              *logging.Log // log, with its level
	store                store.Limits // but for its memory
}

// daemon is all parts of a running omgd.
type daemon struct {
	options
	listener *listen.Socket
	holder   *state.Holder
	memory   *memory
	worker   *refresh.Worker
	service  *service.Service
	server   *server.Server
	manager  systemd.Notifier
	gate     *access.Gate // nil for a user's own daemon
	// tasks run beside the server. Each ends, within 100 ms, when its context does.
	tasks []func(context.Context)
}

// start puts a daemon together: it has its socket, and serves nothing yet.
func start(o options) (*daemon, error) {
	if err := os.MkdirAll(o.data, 0o755); err != nil {
		return nil, err
	}
	if err := o.makeDirectories(); err != nil {
		return nil, err
	}
	gate, err := o.gate()
	if err != nil {
		return nil, err
	}
	web, err := fetch.New(o.config.Network, "omg/"+version.String())
	if err != nil {
		return nil, err
	}
	socket, err := o.listen()
	if err != nil {
		return nil, err
	}
	d := &daemon{options: o, listener: socket, gate: gate, holder: &state.Holder{}, manager: systemd.Notifier{Log: o.log}}
	counted, monitor := d.observe(), &health.Monitor{}
	web.Observe = counted.Fetched
	d.memory = newMemory(o, socket.Addr().String(), d.holder, o.log)
	d.memory.interval = func() time.Duration { return d.worker.Every() }
	if o.system {
		d.memory.write = statusfile.WriteShared
	}
	limitMemory(o.config.Memory)
	tracker := d.askTracker(web)
	live, aurSource, asked, err := d.askAUR(web)
	if err != nil {
		return nil, err
	}
	d.worker = refresh.New(refresh.Config{
		Every:   time.Duration(o.config.Refresh.Interval),
		Catalog: catalog.Config{DBPath: o.dbpath, PacmanConfig: o.pacmanConfig, Stale: time.Duration(o.config.Stale.Repos), StaleAUR: time.Duration(o.config.Stale.AUR)},
		Given:   o.indexes,
		Own:     filepath.Join(o.data, paths.ReposIndex),
		OwnAUR:  filepath.Join(o.data, paths.AURIndex),
		Trust:   o.env.Trusts,
		Holder:  d.holder,
		Log:     o.log,
		Alpm:    alpm.New(),
		Tracker: tracker,
		AUR:     aurSource,
		Asked:   asked,

		Mirror: d.mirror(web), MirrorSearch: o.config.Sync.Own && o.config.Sync.Search,

		Runtimes: o.runtimes(),

		Took: counted.Refreshed,
		Refreshed: func() {
			d.memory.refreshed()
			d.wellness(monitor)
			d.manager.Status(d.summary())
		},
	})
	d.tasks = append(d.tasks, d.worker.Run, d.watchdog, d.thrift)
	d.service = service.New(service.Config{
		Caches: caches(o.config),
		Log:    o.logging,
		State:  d.holder, Suspect: d.worker.Suspect, Refresh: d.worker.Refresh,
		DirectSearch: d.worker.DirectSearch, DirectInfo: d.worker.DirectInfo,
		AUR:        live,
		Parts:      d.parts,
		Remembered: d.memory.remembered,
		Metrics:    counted.Text,
		Health:     func() wire.HealthResult { return d.wellness(monitor) },
	})
	if err := d.profile(); err != nil {
		d.abandon()
		return nil, err
	}
	if address := o.config.Metrics.Address; address != "" {
		scraped, err := counted.Listen(address)
		if err != nil {
			d.abandon()
			return nil, err
		}
		d.tasks = append(d.tasks, scraped.Run)
	}
	serving := server.Config{
		Ops:    d.service.Ops(),
		Limits: limits(o.config.Limits),
		Log:    o.log,
		Hello:  wire.HelloResult{Server: version.String(), DBPath: o.dbpath, PacmanConfig: o.pacmanConfig},
		Fault:  d.worker.Suspect,

		Observer: counted,
	}
	guard(&serving, gate)
	d.server = server.New(serving)
	return d, nil
}

// parts are the parts that do not work as they should.
func (d *daemon) parts() []wire.Part { return append(d.worker.Parts(), d.memory.parts()...) }

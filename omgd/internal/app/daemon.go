package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/omgd/internal/listen"
	"github.com/omg-arch/omg/omgd/internal/refresh"
	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/service"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// shutdownTime is the longest that the end may take.
const shutdownTime = 4500 * time.Millisecond

// options are what a daemon is started with. Paths are absolute.
type options struct {
	env                  paths.Env
	config               config.Config
	socket               string
	dbpath, pacmanConfig string // empty for pacman's own
	indexes              []string
	data                 string
	log                  *slog.Logger
}

// daemon is all parts of a running omgd.
type daemon struct {
	options
	listener *listen.Socket
	holder   *state.Holder
	memory   *memory
	worker   *refresh.Worker
	server   *server.Server
	// tasks run beside the server. Each ends, within 100 ms, when its context does.
	tasks []func(context.Context)
}

// start puts a daemon together: it has its socket, and serves nothing yet.
func start(o options) (*daemon, error) {
	if err := os.MkdirAll(o.data, 0o755); err != nil {
		return nil, err
	}
	socket, err := listen.Open(o.socket, o.env)
	if err != nil {
		return nil, err
	}
	d := &daemon{options: o, listener: socket, holder: &state.Holder{}}
	d.memory = newMemory(o.env, o.data, socket.Addr().String(), d.holder, o.log)
	d.worker = refresh.New(refresh.Config{
		Catalog: catalog.Config{DBPath: o.dbpath, PacmanConfig: o.pacmanConfig},
		Given:   o.indexes,
		Own:     filepath.Join(o.data, paths.ReposIndex),
		Trust:   o.env.Trusts,
		Holder:  d.holder,
		Log:     o.log,
		Alpm:    alpm.New(),

		Refreshed: d.memory.refreshed,
	})
	d.tasks = append(d.tasks, d.worker.Run)
	d.server = server.New(server.Config{
		Ops: service.New(service.Config{
			State: d.holder, Suspect: d.worker.Suspect, Refresh: d.worker.Refresh,
			Parts:      d.parts,
			Remembered: d.memory.remembered,
		}).Ops(),
		Log:     o.log,
		Version: version.String(),
		Fault:   d.worker.Suspect,
	})
	return d, nil
}

// parts are the parts that do not work as they should.
func (d *daemon) parts() []wire.Part { return append(d.worker.Parts(), d.memory.parts()...) }

// serve runs until ctx ends, and then ends everything: first the accept loop and
// the tasks, then the running requests.
func (d *daemon) serve(ctx context.Context) error {
	defer d.memory.close()
	tasks, stopTasks := context.WithCancel(context.Background())
	defer stopTasks()
	var wait sync.WaitGroup
	for _, task := range d.tasks {
		wait.Go(func() { task(tasks) })
	}
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(d.listener) }()
	d.log.Info("listening", "socket", d.listener.Addr().String())

	<-ctx.Done()
	d.log.Info("ending")
	err := d.listener.Close()
	stopTasks()
	end, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	err = errors.Join(err, d.server.Shutdown(end), <-served)
	wait.Wait()
	d.worker.Close()
	return err
}

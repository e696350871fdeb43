// Package app is omgd's command line, and how its parts are put together.
package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/omgd/internal/listen"
	"github.com/omg-arch/omg/omgd/internal/refresh"
	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/service"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// shutdownTime is the longest that the end may take.
const shutdownTime = 4500 * time.Millisecond

// Run runs omgd and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return command.Run(ctx, &cli.App{
		Name:      "omgd",
		Usage:     "keep the package index and answer omg",
		UsageText: "omgd --foreground [options]",
		Description: `Reads pacman's databases, and again after each change of them; writes nothing but
its own files in the data directory and beside its socket. Ends on SIGTERM and
SIGINT.

` + command.ExitCodes(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "foreground", Aliases: []string{"f"}, Usage: "stay in the foreground (the only way so far)"},
			&cli.StringFlag{Name: "socket", Aliases: []string{"s"}, Usage: "listen on `PATH`", DefaultText: "$OMG_SOCKET_PATH, else omg.sock in $XDG_RUNTIME_DIR, else in /tmp"},
			&cli.StringFlag{Name: "dbpath", Usage: "pacman's database `DIR`", DefaultText: "what pacman.conf says"},
			&cli.StringFlag{Name: "pacman-config", Usage: "read the repositories from `FILE`", DefaultText: "/etc/pacman.conf"},
			&cli.StringSliceFlag{Name: "index", Usage: "serve the index `FILE`, built elsewhere (repeatable)"},
			&cli.StringFlag{Name: "data-dir", Usage: "omg's data `DIR`", DefaultText: "$XDG_DATA_HOME/omg, else ~/.local/share/omg"},
		},
		Action: run,
	}, args, stdout, stderr)
}

func run(c *cli.Context) error {
	if c.Args().Present() {
		return command.Usagef("omgd takes no argument %q", c.Args().First())
	}
	if !c.Bool("foreground") {
		return command.Usagef("omgd runs in the foreground only: give --foreground")
	}
	log := slog.New(slog.NewTextHandler(c.App.ErrWriter, nil))
	env := paths.Process()
	data := env.DataDir(c.String("data-dir"))
	if err := os.MkdirAll(data, 0o755); err != nil {
		return exit.With(exit.Failed, err)
	}
	// Signals are caught before there is something to clean up.
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, unix.SIGTERM)
	defer stop()
	socket, err := listen.Open(env.Socket(c.String("socket")), env)
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	config := catalog.Config{DBPath: absolute(c.String("dbpath")), PacmanConfig: absolute(c.String("pacman-config"))}
	holder := &state.Holder{}
	memory := newMemory(env, absolute(data), socket.Addr().String(), holder, log)
	defer memory.close()
	worker := refresh.New(refresh.Config{
		Catalog: config,
		Own:     filepath.Join(absolute(data), paths.ReposIndex),
		Trust:   env.Trusts,
		Holder:  holder,
		Log:     log,
		Alpm:    alpm.New(),

		Refreshed: memory.refreshed,
	})
	for _, p := range c.StringSlice("index") {
		worker.Given = append(worker.Given, absolute(p))
	}
	srv := server.New(server.Config{
		Ops: service.New(service.Config{
			State: holder, Suspect: worker.Suspect, Refresh: worker.Refresh,
			Parts:      func() []wire.Part { return append(worker.Parts(), memory.parts()...) },
			Remembered: memory.remembered,
		}).Ops(),
		Log:     log,
		Version: version.String(),
		Fault:   worker.Suspect,
	})
	return serve(ctx, socket, srv, worker, log)
}

// serve runs until ctx ends, and then ends everything: first the accept loop and
// the worker, then the running requests.
func serve(ctx context.Context, socket *listen.Socket, srv *server.Server, worker *refresh.Worker, log *slog.Logger) error {
	workerCtx, stopWorker := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() { worker.Run(workerCtx) })
	served := make(chan error, 1)
	go func() { served <- srv.Serve(socket) }()
	log.Info("listening", "socket", socket.Addr().String())

	<-ctx.Done()
	log.Info("ending")
	err := socket.Close()
	stopWorker()
	end, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	err = errors.Join(err, srv.Shutdown(end), <-served)
	wait.Wait()
	worker.Close()
	return exit.With(exit.Failed, err)
}

// absolute makes a path independent of the working directory.
func absolute(path string) string {
	if path == "" {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

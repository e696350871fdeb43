// Package app implements omgd's command line, and creates and connects the parts of the daemon.
package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omgd/internal/detach"
	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
)

// Run runs omgd and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return command.Run(ctx, &cli.App{
		Name:      "omgd",
		Usage:     "daemon that keeps the package index and answers omg",
		UsageText: "omgd [options]",
		Description: `omgd reads pacman's databases, and reads them again after each change. It writes only
its own files, in the data directory and next to its socket. omgd runs in the
background, and the command returns as soon as the background process responds.
SIGTERM or SIGINT stops omgd, and a second signal stops it immediately. SIGHUP makes
omgd reload the configuration.

Exit codes: 0 started, or stopped normally; 1 the background process did not start;
2 wrong usage; 3 omgd cannot run.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "foreground", Aliases: []string{"f"}, Usage: "stay in the foreground"},
			&cli.BoolFlag{Name: "system", Usage: "serve all users, with data in " + paths.SystemDataDir},
			&cli.StringFlag{Name: "socket", Aliases: []string{"s"}, Usage: "listen on `PATH`", DefaultText: "$OMG_SOCKET_PATH, or omg.sock in $XDG_RUNTIME_DIR or /tmp"},
			&cli.StringFlag{Name: "log-level", Usage: "log messages of at least `LEVEL`: error, warn, info, debug or trace", DefaultText: "log.level in the configuration"},
			&cli.StringFlag{Name: "dbpath", Usage: "pacman's database `DIR`", DefaultText: "DBPath in pacman.conf"},
			&cli.StringFlag{Name: "pacman-config", Usage: "read the repositories from `FILE`", DefaultText: "/etc/pacman.conf"},
			&cli.StringSliceFlag{Name: "index", Usage: "answer from the index `FILE`, which was built elsewhere (repeatable)"},
			&cli.StringFlag{Name: "data-dir", Usage: "omg's data `DIR`", DefaultText: "$XDG_DATA_HOME/omg, or ~/.local/share/omg, or without HOME /var/lib/omg"},
		},
		Action: run,
	}, args, stdout, stderr)
}

func run(c *cli.Context) error {
	if c.Args().Present() {
		return command.Usagef("omgd takes no arguments, got %q", c.Args().First())
	}
	env := paths.ProcessEnv()
	loaded, err := config.Load(env, c.Bool("system"))
	if err != nil {
		return &exit.Error{Code: exit.Usage, Err: err, Hint: "omg config shows what can be set"}
	}
	if level := c.String("log-level"); level != "" {
		if err := loaded.SetFlag("log.level", level, "--log-level"); err != nil {
			return command.Usagef("%w", err)
		}
	}
	isCopy := detach.IsCopy()
	log, err := logging.New(loaded.Log.Level, isCopy, c.App.ErrWriter)
	if err != nil {
		return err
	}
	for _, w := range loaded.Warnings {
		log.Warn("configuration", "err", w)
	}
	o := options{
		env:                 env,
		config:              loaded.Config,
		isSystemWide:        c.Bool("system"),
		isBackgroundProcess: isCopy,
		dbpath:              absolute(c.String("dbpath")),
		pacmanConfig:        absolute(c.String("pacman-config")),
		log:                 log.Logger,
		logging:             log,
	}
	o.socket, o.data = socketAndDataPaths(env, o.isSystemWide, c.String("socket"), c.String("data-dir"))
	for _, p := range c.StringSlice("index") {
		if _, err := os.Stat(p); err != nil {
			return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("--index: %w", err), Hint: "create one with omg-index build"}
		}
		o.indexes = append(o.indexes, absolute(p))
	}
	// Catch signals before there is anything to clean up.
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, unix.SIGTERM)
	defer stop()
	if !c.Bool("foreground") && !o.isBackgroundProcess {
		return startBackground(ctx, o, c.App.ErrWriter)
	}
	unix.Umask(unix.Umask(0o777)&0o077 | 0o022) // omgd's files are always writable for their owner, and never for other users
	d, err := openDaemon(o)
	if err == nil {
		err = d.serve(ctx, stop)
	}
	return exit.WithCode(exit.Failed, err)
}

// socketAndDataPaths returns the absolute paths of the socket and the data directory.
func socketAndDataPaths(env paths.Env, system bool, socket, data string) (string, string) {
	if system {
		return absolute(cmp.Or(socket, paths.SystemSocket)), absolute(cmp.Or(data, paths.SystemDataDir))
	}
	return absolute(env.Socket(socket)), absolute(env.DataDir(data))
}

// absolute returns the absolute path for a path. An empty path stays empty.
func absolute(path string) string {
	if path == "" {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

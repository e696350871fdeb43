// Package flags defines the flags that omg and omg-browse share.
package flags

import (
	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// Sources returns the flags that select the daemon, or the files to read instead. They set o, except for the values of --index, which
// are those of indexPaths.
func Sources(o *backend.Options, indexPaths *cli.StringSlice) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "socket", Aliases: []string{"s"}, Destination: &o.Socket, Usage: "omgd's socket `PATH`", DefaultText: "$OMG_SOCKET_PATH, or omg.sock in $XDG_RUNTIME_DIR or /tmp"},
		&cli.StringSliceFlag{Name: "index", Destination: indexPaths, Usage: "read the index `FILE`, or all indexes in a directory, instead of asking omgd (repeatable)"},
		&cli.StringFlag{Name: "dbpath", Destination: &o.DBPath, Usage: "pacman's database `DIR`", DefaultText: "DBPath in pacman.conf"},
		&cli.StringFlag{Name: "pacman-config", Destination: &o.PacmanConfig, Usage: "read the repositories from `FILE`", DefaultText: "/etc/pacman.conf"},
		&cli.StringFlag{Name: "data-dir", Destination: &o.DataDir, Usage: "omg's data `DIR`", DefaultText: "$XDG_DATA_HOME/omg, or ~/.local/share/omg, or without HOME /var/lib/omg"},
		&cli.BoolFlag{Name: "no-daemon", Destination: &o.NoDaemon, Usage: "do not ask omgd"},
	}
}

// Package app is omg's command line: one file a command.
package app

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// Run runs omg and returns its exit code; local answers where no daemon does.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, local ask.Local) int {
	pacman := pacmans(args)
	if pacman != nil {
		args = args[:1]
	}
	return command.Run(ctx, &cli.App{
		Name:  "omg",
		Usage: "answer questions about Arch Linux packages",
		Description: `Asks omgd. Where none runs, and with --dbpath, --pacman-config, --index or
--no-daemon, it reads an index, or pacman's databases, itself.

` + exitCodes(exit.Network, exit.Finding, exit.Degraded),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "socket", Aliases: []string{"s"}, Usage: "omgd's socket `PATH`", DefaultText: "$OMG_SOCKET_PATH, else omg.sock in $XDG_RUNTIME_DIR, else in /tmp"},
			&cli.StringSliceFlag{Name: "index", Usage: "read the index `FILE` instead of asking omgd (repeatable)"},
			&cli.StringFlag{Name: "dbpath", Usage: "pacman's database `DIR`", DefaultText: "what pacman.conf says"},
			&cli.StringFlag{Name: "pacman-config", Usage: "read the repositories from `FILE`", DefaultText: "/etc/pacman.conf"},
			&cli.StringFlag{Name: "data-dir", Usage: "omg's data `DIR`", DefaultText: "$XDG_DATA_HOME/omg, else ~/.local/share/omg"},
			&cli.BoolFlag{Name: "no-daemon", Usage: "do not ask omgd"},
		},
		Metadata: map[string]any{localKey: local},
		Commands: commands(args),
		Action: func(c *cli.Context) error {
			if pacman != nil {
				return pacman
			}
			if c.Args().Present() {
				return command.NoCommand(c.Args().First(), names())
			}
			return cli.ShowAppHelp(c)
		},
	}, args, stdout, stderr)
}

// pacmans is the error for who types what pacman takes, naming what is meant; nil
// for anyone else.
func pacmans(args []string) error {
	if len(args) < 2 {
		return nil
	}
	for flag, ours := range map[string]string{
		"-Ss": "search", "-Si": "info", "-Sii": "info", "-Q": "installed", "-Qs": "installed WORDS", "-Qi": "info -i",
		"-Qe": "explicit", "-Qet": "explicit", "-Qm": "foreign", "-Qu": "outdated", "-Qdt": "orphans", "-Qtd": "orphans",
		"-Ql": "files", "-Qo": "owns", "-Sy": "refresh",
	} {
		if args[1] == flag || args[1] == flag+"q" {
			return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("%s is pacman's", args[1]), Hint: "omg " + ours}
		}
	}
	return nil
}

// all are the commands in the order of the help.
var all = []struct {
	name  string
	make  func() *cli.Command
	alias string // another name, empty for none
}{
	{name: "search", make: searchCommand},
	{name: "info", make: infoCommand},
	{name: "status", make: statusCommand},
	{name: "installed", make: installedCommand},
	{name: "explicit", make: explicitCommand},
	{name: "orphans", make: orphansCommand},
	{name: "foreign", make: foreignCommand},
	{name: "outdated", make: outdatedCommand},
	{name: "security", make: securityCommand, alias: "audit"},
	{name: "owns", make: ownsCommand},
	{name: "files", make: filesCommand},
	{name: "why", make: whyCommand},
	{name: "which", make: whichCommand},
	{name: "list", make: listCommand},
	{name: "use", make: useCommand},
	{name: "doctor", make: doctorCommand},
	{name: "health", make: healthCommand},
	{name: "metrics", make: metricsCommand},
	{name: "refresh", make: refreshCommand},
	{name: "cache", make: cacheCommand},
	{name: "daemon", make: daemonCommand},
	{name: "config", make: configCommand},
}

// commands makes the commands whose names stand among the arguments: one of them
// is meant. Making all of them, with their flags, for one to run takes a tenth of
// the time of a whole process. Where none is named, all are listed.
func commands(args []string) []*cli.Command {
	var some []*cli.Command
	for _, c := range all {
		if slices.Contains(args, c.name) || c.alias != "" && slices.Contains(args, c.alias) {
			some = append(some, c.make())
		}
	}
	if some != nil && !slices.Contains(args, "--help") && !slices.Contains(args, "-h") {
		return some
	}
	some = some[:0]
	for _, c := range all {
		some = append(some, c.make())
	}
	return some
}

func names() []string {
	list := make([]string, len(all))
	for i, c := range all {
		list[i] = c.name
	}
	return list
}

func exitCodes(more ...int) string {
	return command.ExitCodes(append([]int{exit.OK, exit.NotFound, exit.Usage, exit.Failed}, more...)...)
}

// localKey is where the app keeps who answers without a daemon.
const localKey = "local"

// asker is who answers this call.
func asker(c *cli.Context) *ask.Asker {
	return &ask.Asker{
		Socket:       c.String("socket"),
		Index:        c.StringSlice("index"),
		DBPath:       c.String("dbpath"),
		PacmanConfig: c.String("pacman-config"),
		DataDir:      c.String("data-dir"),
		NoDaemon:     c.Bool("no-daemon"),
		Local:        c.App.Metadata[localKey].(ask.Local),
		Note:         func(line string) { command.Note(c.App.ErrWriter, c.App.Name, line) },
	}
}

// Package app implements omg's command line, with one file for each command. A command parses its flags into a struct,
// sends a request to the backend and prints the result.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/flags"
	"github.com/omg-arch/omg/omg/internal/output"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// app holds the state of one command line.
type app struct {
	options        backend.Options
	indexPaths     cli.StringSlice
	requireCertain bool
	noPager        bool
	pager          *pager // the pager of the command, or nil

	openBackend    backend.OpenFunc
	stdout, stderr io.Writer
}

// Run runs omg and returns its exit code. The parameter open is called to open the backend of the command.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, open backend.OpenFunc) int {
	a := &app{openBackend: open, stdout: stdout, stderr: stderr}
	a.options.CommandLine = args
	a.options.PrintNote = a.printNote
	if hasPacmanOperation(args) {
		return a.runLetters(ctx, args)
	}
	global := a.globalFlags()
	if topic, ok := foreignHelpTopic(global, args[1:]); ok {
		err := unknownCommandError([]string{topic})
		command.PrintError(stderr, "omg", err)
		return exit.Code(err)
	}
	program := &cli.App{
		Name:  "omg",
		Usage: "answer questions about Arch Linux packages",
		Description: `omg sends its questions to omgd. If omgd is not running, omg reads an index or
pacman's databases itself. The options --dbpath, --pacman-config, --index and
--no-daemon make omg do so even if omgd is running.

If a database cannot be read, omg answers from the other databases, and a note says
which one is missing. With --strict a missing database is an error.

--quiet and --format leave out packages whose names could be taken for something
else on a command line, such as -Rdd, and a note lists these names. Search and info
with --quiet print REPO/-Rdd instead.

` + exitCodesHelp(exit.Network, exit.AdvisoryFound, exit.Degraded),
		Flags:    global,
		Commands: a.commandsNamedIn(global, args),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommandError(c.Args().Slice())
			}
			return withExitCode(a.runDashboard(c.Context))
		},
	}
	if len(program.Commands) == len(allCommands) {
		program.CustomAppHelpTemplate = helpTemplate(program.Commands)
	}
	return command.Run(ctx, program, args, stdout, stderr)
}

// globalFlags returns the flags that every command accepts.
func (a *app) globalFlags() []cli.Flag {
	return append(flags.Sources(&a.options, &a.indexPaths),
		&cli.StringFlag{Name: "live-socket", Destination: &a.options.LiveSocket, Hidden: true, Usage: "ask the omgd at the socket `PATH` for replies of the AUR (omg passes this to omg-direct)"},
		&cli.StringFlag{Name: "unanswered-socket", Destination: &a.options.UnansweredSocket, Hidden: true, Usage: "answer instead of the omgd at the socket `PATH` (omg passes this to omg-direct)"},
		&cli.BoolFlag{Name: "no-pager", Destination: &a.noPager, Usage: "do not show long output with the pager in $PAGER"},
		&cli.BoolFlag{Name: "strict", Destination: &a.requireCertain, Usage: "print nothing and exit with 3 unless every source could be read"},
	)
}

// hasOnlyFlags reports whether args consist only of the given flags and their values. It returns false if a value is missing.
func hasOnlyFlags(flags []cli.Flag, args []string) bool {
	for i := 0; i < len(args); i++ {
		name, _, inline := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		at := slices.IndexFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
		if at < 0 || !strings.HasPrefix(args[i], "-") {
			return false
		}
		if _, isBool := flags[at].(*cli.BoolFlag); isBool || inline {
			continue
		}
		i++ // the next argument is the value of this flag
		if i == len(args) {
			return false
		}
	}
	return true
}

// The groups of commands in the help.
const (
	findGroup      = "Find packages"
	installedGroup = "Installed packages"
	upgradeGroup   = "Before an upgrade"
	runtimeGroup   = "Versions of node, python, go and other runtimes"
	daemonGroup    = "Setup and daemon"
)

// namedCommand is a command of omg.
type namedCommand struct {
	group string
	name  string
	make  func(*app) *cli.Command
	alias string // another name of the command, or empty
}

// allCommands lists the commands in the order of the help. The commands of a group follow each other.
var allCommands = []namedCommand{
	{group: findGroup, name: "search", make: searchCommand},
	{group: findGroup, name: "browse", make: browseCommand},
	{group: findGroup, name: "info", make: infoCommand},
	{group: findGroup, name: "list", make: listCommand},
	{group: findGroup, name: "groups", make: groupsCommand},
	{group: findGroup, name: "command", make: commandCommand},
	{group: installedGroup, name: "installed", make: installedCommand},
	{group: installedGroup, name: "explicit", make: explicitCommand},
	{group: installedGroup, name: "orphans", make: orphansCommand},
	{group: installedGroup, name: "foreign", make: foreignCommand},
	{group: installedGroup, name: "why", make: whyCommand},
	{group: installedGroup, name: "tree", make: treeCommand},
	{group: installedGroup, name: "size", make: sizeCommand},
	{group: installedGroup, name: "history", make: historyCommand},
	{group: installedGroup, name: "check", make: checkCommand},
	{group: installedGroup, name: "inventory", make: inventoryCommand},
	{group: installedGroup, name: "files", make: filesCommand},
	{group: installedGroup, name: "owns", make: ownsCommand},
	{group: upgradeGroup, name: "outdated", make: outdatedCommand},
	{group: upgradeGroup, name: "security", make: securityCommand, alias: "audit"},
	{group: upgradeGroup, name: "aur", make: aurCommand},
	{group: upgradeGroup, name: "news", make: newsCommand},
	{group: upgradeGroup, name: "status", make: statusCommand},
	{group: upgradeGroup, name: "watch", make: watchCommand},
	{group: runtimeGroup, name: "runtime", make: runtimeCommand},
	{group: runtimeGroup, name: "which", make: whichCommand},
	{group: runtimeGroup, name: "use", make: useCommand},
	{group: daemonGroup, name: "setup", make: setupCommand},
	{group: daemonGroup, name: "doctor", make: doctorCommand},
	{group: daemonGroup, name: "daemon", make: daemonCommand},
	{group: daemonGroup, name: "refresh", make: refreshCommand},
	{group: daemonGroup, name: "config", make: configCommand},
	{group: daemonGroup, name: "health", make: healthCommand},
	{group: daemonGroup, name: "metrics", make: metricsCommand},
	{group: daemonGroup, name: "cache", make: cacheCommand},
}

// helpTemplate returns the framework's template for the help, with a list of all commands by group. The parameter commands holds the
// commands in the order of allCommands.
func helpTemplate(commands []*cli.Command) string {
	var list strings.Builder
	width, group := 0, ""
	for _, c := range commands {
		width = max(width, len(strings.Join(c.Names(), ", ")))
	}
	for i, c := range commands {
		if g := allCommands[i].group; g != group {
			group = g
			fmt.Fprintf(&list, "\n   %s:", group)
		}
		fmt.Fprintf(&list, "\n     %-*s  %s", width, strings.Join(c.Names(), ", "), c.Usage)
	}
	return strings.Replace(cli.AppHelpTemplate, `{{template "visibleCommandCategoryTemplate" .}}`, list.String(), 1)
}

// commandsNamedIn returns the commands whose names or aliases are among the arguments. The command to run is one of them, and
// making all commands with their flags takes a tenth of the run time of omg. If an argument is neither a command nor one of the
// flags, or the help is requested, all commands are returned. Without any argument but the flags, none is returned.
func (a *app) commandsNamedIn(flags []cli.Flag, args []string) []*cli.Command {
	if hasOnlyFlags(flags, args[1:]) {
		return nil
	}
	var made []*cli.Command
	for _, c := range allCommands {
		if slices.Contains(args, c.name) || c.alias != "" && slices.Contains(args, c.alias) {
			made = append(made, c.make(a))
		}
	}
	if made == nil || slices.Contains(args, "--help") || slices.Contains(args, "-h") {
		made = made[:0]
		for _, c := range allCommands {
			made = append(made, c.make(a))
		}
	}
	a.wrapActions(made)
	return made
}

// wrapActions wraps the actions of commands, so that every error that they return has an exit code, and that no pager remains.
func (a *app) wrapActions(commands []*cli.Command) {
	for _, c := range commands {
		a.wrapActions(c.Subcommands)
		action := c.Action
		c.Action = func(ctx *cli.Context) error {
			defer a.closePager()
			return withExitCode(action(ctx))
		}
	}
}

// withExitCode returns err with its exit code.
func withExitCode(err error) error {
	coded, refused := new(exit.Error), new(wire.Error)
	switch {
	case errors.As(err, &coded):
	case errors.As(err, &refused) && refused.Code == wire.CodeInvalid:
		return exit.WithCode(exit.Usage, errors.New(refused.Message)) // without the hint at the help: the message is enough
	case errors.As(err, &refused) && refused.Code == wire.CodeNetwork:
		return exit.WithCode(exit.Network, errors.New(refused.Message))
	}
	return exit.WithCode(exit.Failed, err)
}

func commandNames() []string {
	list := make([]string, len(allCommands))
	for i, c := range allCommands {
		list[i] = c.name
	}
	return list
}

func exitCodesHelp(more ...int) string {
	return command.ExitCodesHelp(append([]int{exit.OK, exit.NotFound, exit.Usage, exit.Failed}, more...)...)
}

// newBackend opens the backend for the options of this command line.
func (a *app) newBackend() backend.Backend {
	o := a.options
	o.IndexPaths = a.indexPaths.Value()
	return a.openBackend(o)
}

// printNote prints a note on standard error.
func (a *app) printNote(text string) { command.PrintNote(a.stderr, "omg", text) }

// reportError prints an error that does not end the command.
func (a *app) reportError(text string) { command.ReportError(a.stderr, "omg", text) }

// noArguments returns an error if the command line has arguments.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return command.Usagef("%s takes no arguments, got %s", c.Command.Name, output.QuoteWords(c.Args().Slice()))
	}
	return nil
}

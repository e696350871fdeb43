package command

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts flags where the flag parser wants them: the program's before the
// command, the command's before its arguments. Flags may thus stand anywhere
// until "--".
func arrange(app *cli.App, args []string) []string {
	global := flagNames(app.Flags)
	commands := app.Commands
	var front, path, flags, rest []string
	local := map[string]bool{}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			rest = append(rest, args[i+1:]...)
			i = len(args)
		case len(arg) < 2 || arg[0] != '-':
			if c := find(commands, arg); c != nil && len(rest) == 0 {
				path = append(append(path, flags...), arg)
				flags = nil
				commands, local = c.Subcommands, flagNames(c.Flags)
				continue
			}
			rest = append(rest, arg)
			commands = nil
		default:
			name, _, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			takesValue, isLocal := local[name]
			takesGlobal, isGlobal := global[name]
			taken := args[i : i+1]
			if value := isLocal && takesValue || !isLocal && isGlobal && takesGlobal; value && !inline && i+1 < len(args) {
				taken = args[i : i+2]
				i++
			}
			if !isLocal && isGlobal {
				front = append(front, taken...)
			} else {
				flags = append(flags, taken...)
			}
		}
	}
	out := append(append(front, path...), flags...)
	if len(rest) > 0 {
		out = append(append(out, "--"), rest...)
	}
	return out
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// flagNames maps the names of flags to whether they take a value.
func flagNames(flags []cli.Flag) map[string]bool {
	names := make(map[string]bool)
	for _, f := range flags {
		takes := false
		if d, ok := f.(cli.DocGenerationFlag); ok {
			takes = d.TakesValue()
		}
		for _, n := range f.Names() {
			names[n] = takes
		}
	}
	return names
}

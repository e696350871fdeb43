package command

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// moveFlagsFirst reorders arguments for the flag parser, which needs the program's flags before the command, and the command's
// flags before the command's arguments. So users may write flags anywhere before "--". It turns "help cache clear" into
// "cache clear --help", because the framework would show the help of the first command only, and not completely. The slice names holds
// the names of the command and of its subcommands.
func moveFlagsFirst(app *cli.App, args []string) (arranged, names []string) {
	global := takesValueByFlag(app.Flags)
	commands := app.Commands
	var front, path, flags, rest []string
	local := map[string]bool{}
	help, isHelpCommand := false, false
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			rest = append(rest, args[i+1:]...)
			i = len(args)
		case len(arg) < 2 || arg[0] != '-':
			if (arg == "help" || arg == "h") && len(app.Commands) > 0 && len(path) == 0 && len(rest) == 0 && !isHelpCommand {
				isHelpCommand = true
				continue
			}
			if c := findCommand(commands, arg); c != nil && len(rest) == 0 {
				path = append(append(path, flags...), arg)
				flags, names = nil, append(names, c.Name)
				commands, local = c.Subcommands, takesValueByFlag(c.Flags)
				continue
			}
			rest = append(rest, arg)
			commands = nil
		default:
			name, _, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			takesValue, isLocal := local[name]
			takesGlobal, isGlobal := global[name]
			help = help || !isLocal && !isGlobal && !inline && (name == "help" || name == "h")
			taken := args[i : i+1]
			if value := isLocal && takesValue || !isLocal && isGlobal && takesGlobal; value && !inline {
				if i+1 == len(args) {
					// The flag has no value. Append no argument after it, because the parser would take it for the value.
					if !isLocal {
						return taken, names
					}
					return append(append(front, path...), arg), names
				}
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
	if isHelpCommand && len(path) > 0 && len(rest) == 0 {
		return append(append(append(front, path...), flags...), "--help"), names
	}
	if isHelpCommand { // all commands, or a topic that is no command
		path, rest = nil, slices.Concat([]string{"help"}, path, rest)
	}
	out := append(append(front, path...), flags...)
	// Leave out arguments after --help, because the framework would show the help of a command with the argument's name.
	if len(rest) > 0 && !help {
		out = append(append(out, "--"), rest...)
	}
	return out, names
}

func findCommand(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// takesValueByFlag returns a map whose keys are all names of the flags. The value is true if the flag needs a value.
func takesValueByFlag(flags []cli.Flag) map[string]bool {
	names := make(map[string]bool, 2*len(flags))
	for _, f := range flags {
		// Do not call the framework's method Names, which runs a regular expression for each flag. For the flags of one
		// command, this would take a tenth of the run time of a short process.
		switch f := f.(type) {
		case *cli.BoolFlag:
			addFlagNames(names, false, f.Name, f.Aliases)
		case *cli.StringFlag:
			addFlagNames(names, true, f.Name, f.Aliases)
		case *cli.StringSliceFlag:
			addFlagNames(names, true, f.Name, f.Aliases)
		case *cli.IntFlag:
			addFlagNames(names, true, f.Name, f.Aliases)
		default:
			d, ok := f.(cli.DocGenerationFlag)
			addFlagNames(names, ok && d.TakesValue(), "", f.Names())
		}
	}
	return names
}

func addFlagNames(names map[string]bool, takesValue bool, name string, aliases []string) {
	if name != "" {
		names[name] = takesValue
	}
	for _, a := range aliases {
		names[a] = takesValue
	}
}

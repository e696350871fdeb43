package command

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange reorders arguments as the flag parser needs them: the program's flags before the command, the command's
// before its arguments. Users may thus put flags anywhere before "--".
func arrange(app *cli.App, args []string) []string {
	global := flagNames(app.Flags)
	commands := app.Commands
	var front, path, flags, rest []string
	local := map[string]bool{}
	help := false
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
			help = help || !isLocal && !isGlobal && !inline && (name == "help" || name == "h")
			taken := args[i : i+1]
			if value := isLocal && takesValue || !isLocal && isGlobal && takesGlobal; value && !inline {
				if i+1 == len(args) {
					// The flag lacks its value: no argument may follow that would be taken for it.
					if !isLocal {
						return taken
					}
					return append(append(front, path...), arg)
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
	out := append(append(front, path...), flags...)
	// After --help the framework takes an argument for a command to explain.
	if len(rest) > 0 && !help {
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

// flagNames maps each flag's names to whether it takes a value.
func flagNames(flags []cli.Flag) map[string]bool {
	names := make(map[string]bool, 2*len(flags))
	for _, f := range flags {
		// The framework's own Names runs a regular expression for each flag: for one command's flags that is a tenth of
		// the run time of a whole process.
		switch f := f.(type) {
		case *cli.BoolFlag:
			add(names, false, f.Name, f.Aliases)
		case *cli.StringFlag:
			add(names, true, f.Name, f.Aliases)
		case *cli.StringSliceFlag:
			add(names, true, f.Name, f.Aliases)
		case *cli.IntFlag:
			add(names, true, f.Name, f.Aliases)
		default:
			d, ok := f.(cli.DocGenerationFlag)
			add(names, ok && d.TakesValue(), "", f.Names())
		}
	}
	return names
}

func add(names map[string]bool, takesValue bool, name string, aliases []string) {
	if name != "" {
		names[name] = takesValue
	}
	for _, a := range aliases {
		names[a] = takesValue
	}
}

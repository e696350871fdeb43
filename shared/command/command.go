// Package command runs the command-line programs: it accepts flags before and after arguments, prints an error in one line,
// and turns the error into an exit code.
//
// An error is printed on standard error as "program: error: what went wrong", in lower case and without a full stop. If
// the fix is known, a line "program: hint: the fix" follows. Standard output contains only results.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/version"
)

// ExitCodesHelp returns the paragraph of a program's help that lists its exit codes.
func ExitCodesHelp(codes ...int) string {
	text := map[int]string{
		exit.OK:            "answered",
		exit.NotFound:      "nothing found",
		exit.Usage:         "wrong usage",
		exit.Failed:        "cannot answer",
		exit.Network:       "no data from the network",
		exit.AdvisoryFound: "something found (--fail-on)",
		exit.Degraded:      "problems found",
		exit.Incomplete:    "hosts have not answered",
		exit.Aborted:       "ended by Esc or Ctrl-C",
	}
	const width = 84
	lines := "Exit codes:"
	length := len(lines)
	for i, c := range codes {
		part := fmt.Sprintf(" %d %s;", c, text[c])
		if i == len(codes)-1 {
			part = part[:len(part)-1] + "."
		}
		if length+len(part) > width {
			lines, part, length = lines+"\n", part[1:], 0
		}
		lines += part
		length += len(part)
	}
	return lines
}

var printHelp = cli.HelpPrinterCustom

// Run runs a program with arguments like os.Args, and returns its exit code.
func Run(ctx context.Context, app *cli.App, args []string, stdout, stderr io.Writer) int {
	app.Writer, app.ErrWriter = stdout, stderr
	app.Version = version.String()
	app.Compiled = time.Unix(1, 0) // if Compiled is not set, the framework reads the modification time of the program file
	app.UseShortOptionHandling = true
	app.ExitErrHandler = func(*cli.Context, error) {}
	app.OnUsageError = usageError
	app.CommandNotFound = nil
	cli.OsExiter = func(int) {}
	app.HideHelpCommand = len(app.Commands) == 0
	adjustFlags(app.Flags)
	footer := ""
	if len(app.Flags) > 0 {
		footer = "Global options: see " + app.Name + " --help"
	}
	prepareCommands(app.Commands, footer)
	// The framework ignores write errors when it prints the help or the version. Therefore printErr keeps the last write error.
	var printErr error
	cli.HelpPrinterCustom = func(w io.Writer, templ string, data any, funcs map[string]any) {
		var text bytes.Buffer
		printHelp(&text, templ, data, funcs)
		shown := strings.Replace(text.String(), "Shows a list of commands or help for one command", "show the commands, or the help of one command", 1)
		_, printErr = io.WriteString(w, fitHelp(shown))
	}
	cli.VersionPrinter = func(c *cli.Context) {
		_, printErr = fmt.Fprintf(c.App.Writer, "%s version %s\n", c.App.Name, c.App.Version)
	}
	arranged, names := moveFlagsFirst(app, args[1:])
	err := app.RunContext(ctx, append(args[:1:1], arranged...))
	var exitCoder cli.ExitCoder // the framework's error "No help topic for …", which is a usage error
	if errors.As(err, &exitCoder) {
		err = Usagef("%s", strings.ToLower(err.Error()))
	}
	if err == nil {
		err = printErr
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) { // a signal canceled ctx; the user need not know during which step
		err = exit.WithCode(exit.Failed, errors.New("interrupted"))
	}
	if err != nil {
		printError(stderr, app.Name, strings.Join(append([]string{app.Name}, names...), " "), err)
	}
	return exit.Code(err)
}

// prepareCommands sets the options that all commands and their subcommands have in common, such as the handling of wrong flags. It
// appends the paragraph footer to the help of each command. The footer is empty if the program has no global flags.
func prepareCommands(commands []*cli.Command, footer string) {
	for _, c := range commands {
		c.HideHelpCommand = true
		c.UseShortOptionHandling = true
		c.OnUsageError = usageError
		adjustFlags(c.Flags)
		if footer != "" {
			c.Description += "\n\n" + footer
		}
		prepareCommands(c.Subcommands, footer)
	}
}

// adjustFlags removes "(default: false)" from the help of flags. It makes flags with a list of values refuse an empty value.
func adjustFlags(flags []cli.Flag) {
	for _, f := range flags {
		switch f := f.(type) {
		case *cli.BoolFlag:
			f.DisableDefaultText = true
		case *cli.StringSliceFlag:
			f.Action = func(_ *cli.Context, values []string) error {
				if slices.Contains(values, "") {
					return Usagef("%s must not be empty", withDashes(f.Name))
				}
				return nil
			}
		}
	}
}

func usageError(c *cli.Context, err error, _ bool) error {
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
		// Package flag does not report whether one dash or two were typed.
		return unknownNameError("flag", name, flagNames(slices.Concat(c.Command.Flags, c.App.Flags)), withDashes)
	}
	return Usagef("%s", rewriteFlagError(err.Error()))
}

// flagNames returns the names of flags, without names of one letter.
func flagNames(flags []cli.Flag) (names []string) {
	for _, f := range flags {
		if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() {
			continue
		}
		for _, name := range f.Names() {
			if len(name) > 1 && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// rewriteFlagError rewrites an error of package flag so that it contains the flag as a user types it.
func rewriteFlagError(message string) string {
	if name, ok := strings.CutPrefix(message, "flag needs an argument: -"); ok {
		return withDashes(name) + " needs a value"
	}
	for _, how := range [][2]string{{"invalid value ", " for flag -"}, {"invalid boolean value ", " for -"}} {
		rest, ok := strings.CutPrefix(message, how[0])
		if at := strings.LastIndex(rest, how[1]); ok && at >= 0 {
			name, _, _ := strings.Cut(rest[at+len(how[1]):], ":")
			return "invalid value " + rest[:at] + " for " + withDashes(name)
		}
	}
	return message
}

func withDashes(flag string) string {
	if len(flag) == 1 {
		return "-" + flag
	}
	return "--" + flag
}

// UnknownCommand returns the error for an unknown command. The hint of the error lists those commands whose names are
// similar.
func UnknownCommand(name string, commands []string) *exit.Error {
	return unknownNameError("command", name, commands, func(name string) string { return name })
}

// UnknownSubcommand is like UnknownCommand, for a subcommand of a command. The error lists all subcommands.
func UnknownSubcommand(command, name string, subcommands []string) error {
	e := UnknownCommand(name, subcommands)
	e.Err = fmt.Errorf("unknown command %q (have: %s)", command+" "+name, strings.Join(subcommands, ", "))
	return e
}

// unknownNameError returns the error for an unknown name of a command or flag. The function typed returns a name as a user types it.
func unknownNameError(what, name string, known []string, typed func(string) string) *exit.Error {
	e := &exit.Error{Code: exit.Usage, Err: fmt.Errorf("unknown %s %q", what, name), Hint: seeHelp}
	if similar := SimilarNames(name, known); len(similar) > 0 {
		for i := range similar {
			similar[i] = typed(similar[i])
		}
		e.Hint = "did you mean: " + strings.Join(similar, " ")
	}
	return e
}

// SimilarNames returns the known names that begin with a name. If there is none, it returns those that differ from it in a few letters.
func SimilarNames(name string, known []string) (similar []string) {
	for _, k := range known {
		if len(name) > 1 && strings.HasPrefix(k, name) {
			similar = append(similar, k)
		}
	}
	if similar != nil {
		return similar
	}
	for _, k := range known {
		if d := editDistance(name, k); d <= 2 && 2*d <= len(name) {
			similar = append(similar, k)
		}
	}
	return similar
}

// editDistance returns the Levenshtein distance of two strings: how many bytes must be inserted, deleted or replaced to
// turn one into the other.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Usagef returns an error for a wrong command line.
func Usagef(format string, args ...any) error {
	return &exit.Error{Code: exit.Usage, Err: fmt.Errorf(format, args...), Hint: seeHelp}
}

// seeHelp is the hint of an error about a wrong command line. When the error is printed, the hint names the command.
const seeHelp = "see --help"

// PrintError prints an error that ends a program on standard error, in one line. A second line follows if the error has a hint.
func PrintError(w io.Writer, program string, err error) { printError(w, program, program, err) }

// printError is like PrintError, for an error of a command. The parameter name is the program and the names of the command.
func printError(w io.Writer, program, name string, err error) {
	var e *exit.Error
	if errors.As(err, &e) && e.Err == nil {
		return
	}
	line := strings.ReplaceAll(err.Error(), "\n", "; ")
	fmt.Fprintf(w, "%s: error: %s\n", program, shortenLine(termtext.Clean(line)))
	if e != nil && e.Hint != "" {
		hint := e.Hint
		if hint == seeHelp {
			hint = "see " + name + " --help"
		}
		fmt.Fprintf(w, "%s: hint: %s\n", program, termtext.Clean(hint))
	}
}

// shortenLine cuts the middle out of a very long line, because an error may contain long arguments or text from a file.
func shortenLine(line string) string {
	const begin, end = 380, 180
	if len(line) <= begin+end {
		return line
	}
	return strings.ToValidUTF8(line[:begin], "") + "…" + strings.ToValidUTF8(line[len(line)-end:], "")
}

// PrintNote prints a note on standard error, in one line. The program goes on.
func PrintNote(w io.Writer, program, text string) { printWrapped(w, program, "note", text) }

// Warn prints a warning on standard error, in one line. The program goes on.
func Warn(w io.Writer, program, text string) { printLine(w, program, "warning", text) }

// printWrapped is like printLine. On a terminal it wraps the text between words.
func printWrapped(w io.Writer, program, kind, text string) {
	var line bytes.Buffer
	printLine(&line, program, kind, text)
	prefix, rest := "", strings.TrimSuffix(line.String(), "\n")
	if columns := terminalColumns(w); columns > 0 {
		prefix = program + ": "
		rest = strings.Join(wrapWords(prefix, strings.TrimPrefix(rest, prefix), columns), "\n")
	}
	_, _ = io.WriteString(w, rest+"\n")
}

// terminalColumns returns the number of columns of a terminal, or 0 for another stream.
func terminalColumns(stream any) int {
	f, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// ReportError prints an error on standard error, in one line. The program goes on, and may print further errors.
func ReportError(w io.Writer, program, text string) { printLine(w, program, "error", text) }

func printLine(w io.Writer, program, kind, text string) {
	fmt.Fprintf(w, "%s: %s: %s\n", program, kind, termtext.Clean(strings.ReplaceAll(text, "\n", "; ")))
}

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/template"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// schema is the version of the JSON output. New fields do not change the version; a change that could break a program
// that reads the output needs a new version.
const schema = 1

// packageTemplate is an example of --format for lists of packages.
const packageTemplate = "{{.name}} {{.version}}"

// outputOptions holds the flags for the form of the output.
type outputOptions struct {
	json, quiet   bool
	format, color string
	// certainOnly makes the command print nothing unless the result is certain.
	certainOnly bool
}

// listFlags returns the flags of commands that print a list. The parameter example is a template for one element, which
// the help shows.
func (o *outputOptions) listFlags(example string) []cli.Flag {
	return append(o.flags(example), &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Destination: &o.quiet, Usage: "print names only"})
}

// flags returns the flags of commands that print a single result. The parameter example is a template for the result,
// which the help shows.
func (o *outputOptions) flags(example string) []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Destination: &o.json, Usage: "print JSON"},
		&cli.StringFlag{Name: "format", Destination: &o.format, Usage: "print with a Go `TEMPLATE` over the JSON fields: '" + example + "'"},
		&cli.StringFlag{Name: "color", Destination: &o.color, Usage: "use colour `WHEN`: auto, always or never", Value: "auto"},
	}
}

// output prints a result in the form that the flags select.
type output struct {
	outputOptions
	app   *app
	w     *bufio.Writer
	held  *bytes.Buffer // buffers the output until the result is known to be certain; nil if uncertain results may be printed
	style show.Style
	tmpl  *template.Template

	odd []string // package names that are not printed, because a program could take the names for an option or a command
}

func (a *app) newOutput(c *cli.Context, o outputOptions) (*output, error) {
	out := &output{outputOptions: o, app: a}
	ways := 0
	for _, set := range []bool{o.json, o.quiet, c.IsSet("format")} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		return nil, command.Usagef("--quiet, --json and --format exclude each other")
	}
	if c.IsSet("format") {
		t, err := template.New("format").Option("missingkey=error").Parse(o.format)
		if err != nil {
			return nil, command.Usagef("--format: %s", strings.TrimPrefix(err.Error(), "template: "))
		}
		out.tmpl = t
	}
	style, err := show.NewStyle(o.color, terminalOf(a.stdout))
	if err != nil {
		return nil, command.Usagef("%w", err)
	}
	out.style = style
	to := a.stdout
	if out.certainOnly = o.certainOnly || a.strict; out.certainOnly {
		out.held = &bytes.Buffer{}
		to = out.held
	}
	out.w = bufio.NewWriterSize(to, 64<<10)
	return out, nil
}

// terminalOf returns the file of a stream if it is a terminal, otherwise nil.
func terminalOf(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && command.IsTerminal(f) {
		return f
	}
	return nil
}

// line prints a line of text, such as a name with --quiet.
func (o *output) line(text string) {
	_, _ = o.w.WriteString(termtext.Clean(text))
	_ = o.w.WriteByte('\n')
}

// templated prints one element with the template.
func (o *output) templated(element any) error {
	fields, err := jsonFields(element)
	if err != nil {
		return err
	}
	err = o.tmpl.Execute(o.w, fields)
	if wrong := new(template.ExecError); errors.As(err, wrong) {
		return &exit.Error{
			Code: exit.Usage, Err: fmt.Errorf("--format: %s", strings.TrimPrefix(err.Error(), "template: ")),
			Hint: "--json shows the names of the fields",
		}
	}
	if err != nil {
		return err
	}
	return o.w.WriteByte('\n')
}

// document prints the fields of a struct as one JSON document, with the version of the schema first.
func (o *output) document(v any) error {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	fields := bytes.TrimPrefix(buf.Bytes(), []byte("{"))
	fmt.Fprintf(o.w, `{"schema":%d`, schema)
	if fields[0] != '}' {
		_ = o.w.WriteByte(',')
	}
	_, err := o.w.Write(termtext.AppendJSON(nil, fields))
	return err
}

// printOne prints a single result.
func (o *output) printOne(v any, human func(*bufio.Writer)) error {
	switch {
	case o.json:
		return o.document(v)
	case o.tmpl != nil:
		return o.templated(v)
	}
	human(o.w)
	return nil
}

// leftOut is a special name for output.element: an element with this name is not printed.
const leftOut = "\x00"

// packageName returns the name of a package for output.element. The output of --quiet and --format is meant for other
// programs, which could take a name such as -Rdd or $(id) for something else. For such a name, packageName returns leftOut.
func (o *output) packageName(name string) string {
	if (o.quiet || o.tmpl != nil) && !wire.PlainName(name) {
		o.odd = append(o.odd, name)
		return leftOut
	}
	return name
}

// repositoryName is like packageName, for a package of a repository or the AUR. With --quiet it returns REPO/-Rdd for a
// name such as -Rdd: pacman and similar programs accept this form as the name of a package, and do not take it for an
// option.
func (o *output) repositoryName(p *wire.Package) string {
	if o.quiet && wire.PossibleName(p.Name) && !wire.PlainName(p.Name) && p.Repo != "" {
		return p.Repo + "/" + p.Name
	}
	return o.packageName(p.Name)
}

// element prints an element of a list in a form other than JSON.
func (o *output) element(v any, name string, human func(*bufio.Writer)) error {
	if name == leftOut {
		return nil
	}
	if o.quiet {
		o.line(name)
		return nil
	}
	if o.tmpl != nil {
		return o.templated(v)
	}
	human(o.w)
	return nil
}

// list prints a list, as one JSON document or element by element.
func list[T any](o *output, result any, elements []T, name func(*T) string, human func(*bufio.Writer, *T)) error {
	if o.json {
		return o.document(result)
	}
	for i := range elements {
		v := &elements[i]
		if err := o.element(v, name(v), func(w *bufio.Writer) { human(w, v) }); err != nil {
			return err
		}
	}
	return nil
}

// pause flushes the output printed so far. The backend calls pause before it waits for further packages.
func (o *output) pause() { _ = o.w.Flush() }

// end flushes the remaining output. A closed pipe is not an error: the program that reads it needs no more.
func (o *output) end() error {
	err := o.w.Flush()
	if err == nil && o.held != nil {
		_, err = o.held.WriteTo(o.app.stdout)
	}
	if n := len(o.odd); n > 0 {
		note := "left out 1 package whose name could be taken for something else on a command line"
		if n > 1 {
			note = fmt.Sprintf("left out %d packages whose names could be taken for something else on a command line", n)
		}
		o.app.printNote(note + ": " + quoted(o.odd))
	}
	return err
}

// endOn ends the output of a result that depends on sources. It prints notes about missing and stale sources. If
// uncertain results must not be printed, as with --strict, endOn returns an error for an uncertain result.
func (o *output) endOn(b *wire.Basis) error {
	if why := uncertain(b); o.certainOnly && why != "" {
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("the result is partial: %s", why), Hint: o.hint()}
	}
	err := o.end()
	if err == nil {
		o.noteBasis(b)
	}
	return err
}

// hint returns a hint at the option with which omg prints an uncertain result.
func (o *output) hint() string {
	if o.app.strict {
		return "without --strict, omg prints the result"
	}
	return "with --partial, omg prints the result"
}

// uncertain returns the reason why a result is uncertain, or "". An old database is not a reason: pacman would use the
// same database.
func uncertain(b *wire.Basis) string {
	if b.Partial {
		return show.MissingSources(b)
	}
	if b.Stale {
		return show.NotChecked(b)
	}
	for i := range b.Sources {
		if s := &b.Sources[i]; s.Outdated {
			return show.Reason(s)
		}
	}
	return ""
}

// noteBasis prints notes about what a result lacks, and which parts are stale.
func (o *output) noteBasis(b *wire.Basis) {
	if b.Stale {
		o.app.printNote(show.NotChecked(b))
	}
	if b.Partial {
		o.app.printNote("partial: " + show.MissingSources(b))
	}
	for i := range b.Sources {
		if s := &b.Sources[i]; s.Outdated && s.IsRepository() {
			o.app.printNote(show.Reason(s))
		}
	}
}

// emptyListError returns an error if a printed list is empty, that is, if n is 0. The exit code is that of "nothing found",
// as in pacman. If a source that could have filled the list was not read, the exit code is that of a failure.
func emptyListError(b *wire.Basis, n int) error {
	switch {
	case n > 0:
		return nil
	case b.Partial || b.Stale:
		return exit.Quiet(exit.Failed)
	}
	return exit.Quiet(exit.NotFound)
}

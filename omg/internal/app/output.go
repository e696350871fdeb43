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

// schema is the number of the JSON output. Fields may be added under the same
// number; whatever could break a reader needs a new one.
const schema = 1

// packageTemplate is an example for lists of packages.
const packageTemplate = "{{.name}} {{.version}}"

// outputOptions are the flags that say how to print.
type outputOptions struct {
	json, quiet   bool
	format, color string
	// whole prints nothing unless the result is certain.
	whole bool
}

// listFlags are the flags of every command that prints a list; example is a
// template for one element of it.
func (o *outputOptions) listFlags(example string) []cli.Flag {
	return append(o.flags(example), &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Destination: &o.quiet, Usage: "print names only"})
}

// flags are the flags of every command that prints one thing; example is a
// template for it.
func (o *outputOptions) flags(example string) []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Destination: &o.json, Usage: "print JSON"},
		&cli.StringFlag{Name: "format", Destination: &o.format, Usage: "print by a Go `TEMPLATE` over the JSON fields: '" + example + "'"},
		&cli.StringFlag{Name: "color", Destination: &o.color, Usage: "`WHEN` to colour: auto, always or never", Value: "auto"},
	}
}

// output prints a result in the way that the flags ask for.
type output struct {
	outputOptions
	app   *app
	w     *bufio.Writer
	held  *bytes.Buffer // what is printed, until the result is known to be certain
	style show.Style
	tmpl  *template.Template
}

func (a *app) output(c *cli.Context, o outputOptions) (*output, error) {
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
	if out.whole = o.whole || a.strict; out.whole {
		out.held = &bytes.Buffer{}
		to = out.held
	}
	out.w = bufio.NewWriterSize(to, 64<<10)
	return out, nil
}

// terminalOf is the terminal that a stream is, or nil.
func terminalOf(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && command.IsTerminal(f) {
		return f
	}
	return nil
}

// line prints a line of plain text, such as a name by --quiet.
func (o *output) line(text string) {
	_, _ = o.w.WriteString(termtext.Clean(text))
	_ = o.w.WriteByte('\n')
}

// templated prints one element by the template.
func (o *output) templated(element any) error {
	fields, err := jsonFields(element)
	if err != nil {
		return err
	}
	err = o.tmpl.Execute(o.w, fields)
	if wrong := new(template.ExecError); errors.As(err, wrong) {
		return &exit.Error{
			Code: exit.Usage, Err: fmt.Errorf("--format: %s", strings.TrimPrefix(err.Error(), "template: ")),
			Hint: "--json shows what fields there are",
		}
	}
	if err != nil {
		return err
	}
	return o.w.WriteByte('\n')
}

// document prints the fields of a struct as one JSON document, after the number of
// the schema.
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

// one prints a result that is one thing.
func (o *output) one(v any, human func(*bufio.Writer)) error {
	switch {
	case o.json:
		return o.document(v)
	case o.tmpl != nil:
		return o.templated(v)
	}
	human(o.w)
	return nil
}

// element prints an element of a list for a reader that is not JSON's.
func (o *output) element(v any, name string, human func(*bufio.Writer)) error {
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

// list prints a result that is a list: as one document, or each element.
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

// pause writes out what is printed so far: the rest comes later.
func (o *output) pause() { _ = o.w.Flush() }

// end writes out what is still held back. A reader that closed the pipe has
// seen enough.
func (o *output) end() error {
	err := o.w.Flush()
	if err == nil && o.held != nil {
		_, err = o.held.WriteTo(o.app.stdout)
	}
	return err
}

// endOn ends a result that rests on sources. It notes what is missing or uncertain;
// --strict refuses such a result.
func (o *output) endOn(b *wire.Basis) error {
	if why := uncertain(b); o.whole && why != "" {
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("the answer is not certain: %s", why), Hint: o.hint()}
	}
	err := o.end()
	if err == nil {
		o.noteBasis(b)
	}
	return err
}

// hint says how to get a result that is not certain.
func (o *output) hint() string {
	if o.app.strict {
		return "without --strict omg prints what there is"
	}
	return "with --partial omg prints what there is"
}

// uncertain says what makes a result uncertain, empty if nothing does. A database
// that is only old does not: pacman's own answer is as old.
func uncertain(b *wire.Basis) string {
	if b.Partial {
		return show.Lacking(b)
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

// noteBasis notes what a result lacks, and what in it is from before.
func (o *output) noteBasis(b *wire.Basis) {
	if b.Stale {
		o.app.note(show.NotChecked(b))
	}
	if b.Partial {
		o.app.note("partial: " + show.Lacking(b))
	}
	for i := range b.Sources {
		if s := &b.Sources[i]; s.Outdated && s.Repository() {
			o.app.note(show.Reason(s))
		}
	}
}

// some is the end of a list of n elements: an empty one is an answer that the exit
// code tells, as pacman's does. Nothing found while a source is missing that could
// have it is no answer.
func some(b *wire.Basis, n int) error {
	switch {
	case n > 0:
		return nil
	case b.Partial || b.Stale:
		return exit.Quiet(exit.Failed)
	}
	return exit.Quiet(exit.NotFound)
}

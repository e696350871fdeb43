package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"text/template"
	"unicode/utf8"

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

// outputFlags are the flags of every command that prints a list; example is a
// template for one element of it.
func outputFlags(example string) []cli.Flag {
	return append(documentFlags(example), &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print names only"})
}

// documentFlags are the flags of every command that prints one thing; example is
// a template for it.
func documentFlags(example string) []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		&cli.StringFlag{Name: "format", Usage: "print by a Go `TEMPLATE` over the JSON fields: '" + example + "'"},
		&cli.StringFlag{Name: "color", Usage: "`WHEN` to colour: auto, always or never", Value: "auto"},
	}
}

// output prints a list in the way that the flags ask for.
type output struct {
	w     *bufio.Writer
	style show.Style
	json  bool
	quiet bool
	tmpl  *template.Template
}

func newOutput(c *cli.Context) (*output, error) {
	o := &output{
		w:     bufio.NewWriterSize(c.App.Writer, 64<<10),
		json:  c.Bool("json"),
		quiet: c.Bool("quiet"),
	}
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
		t, err := template.New("format").Option("missingkey=error").Parse(c.String("format"))
		if err != nil {
			return nil, command.Usagef("--format: %s", strings.TrimPrefix(err.Error(), "template: "))
		}
		o.tmpl = t
	}
	style, err := show.NewStyle(c.String("color"), terminalOf(c.App.Writer))
	if err != nil {
		return nil, command.Usagef("%w", err)
	}
	o.style = style
	return o, nil
}

// terminalOf is the terminal that a stream is, or nil.
func terminalOf(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && command.IsTerminal(f) {
		return f
	}
	return nil
}

// name prints a name, by --quiet.
func (o *output) name(name string) {
	_, _ = o.w.WriteString(termtext.Clean(name))
	_ = o.w.WriteByte('\n')
}

// format prints one element by the template.
func (o *output) format(element any) error {
	fields, err := jsonFields(element)
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	err = o.tmpl.Execute(o.w, fields)
	if wrong := new(template.ExecError); errors.As(err, wrong) {
		return &exit.Error{
			Code: exit.Usage, Err: fmt.Errorf("--format: %s", strings.TrimPrefix(err.Error(), "template: ")),
			Hint: "--json shows what fields there are",
		}
	}
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	return o.w.WriteByte('\n')
}

// jsonFields returns the fields of a struct by their JSON names, cleaned for a
// terminal. One that is absent is empty text: unknown is not zero.
func jsonFields(element any) (map[string]any, error) {
	b, err := json.Marshal(element)
	if err != nil {
		return nil, err
	}
	fields := make(map[string]any)
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		return nil, err
	}
	for k, v := range fields {
		fields[k] = cleanValue(v)
	}
	addAbsent(fields, reflect.Indirect(reflect.ValueOf(element)).Type())
	return fields, nil
}

// addAbsent adds the fields of a struct, and of those in it, that JSON left out.
func addAbsent(fields map[string]any, t reflect.Type) {
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		value, ok := fields[name]
		if !ok {
			fields[name] = ""
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if m, ok := value.(map[string]any); ok && inner.Kind() == reflect.Struct {
			addAbsent(m, inner)
		}
	}
}

func cleanValue(v any) any {
	switch v := v.(type) {
	case string:
		return termtext.Clean(v)
	case []any:
		for i := range v {
			v[i] = cleanValue(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = cleanValue(v[k])
		}
	}
	return v
}

// document prints the fields of a struct as one JSON document, behind the number of
// the schema.
func (o *output) document(v any) error {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return exit.With(exit.Failed, err)
	}
	fields := bytes.TrimPrefix(buf.Bytes(), []byte("{"))
	fmt.Fprintf(o.w, `{"schema":%d`, schema)
	if fields[0] != '}' {
		_ = o.w.WriteByte(',')
	}
	for b := fields; len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		if r >= utf8.RuneSelf-1 && termtext.Unsafe(r) {
			fmt.Fprintf(o.w, `\u%04x`, r)
		} else {
			_, _ = o.w.Write(b[:n])
		}
		b = b[n:]
	}
	return nil
}

// pause writes out what is held back, for a reader who would else wait for what
// comes later.
func (o *output) pause() { _ = o.w.Flush() }

// end writes out what is still held back. A reader that closed the pipe has
// seen enough.
func (o *output) end() error {
	return exit.With(exit.Failed, o.w.Flush())
}

// pkg prints a package for a reader that is not JSON's.
func (o *output) pkg(p *wire.Package, human func(*bufio.Writer, *wire.Package)) error {
	return o.element(p, p.Name, func(w *bufio.Writer) { human(w, p) })
}

// element prints an element of a list for a reader that is not JSON's.
func (o *output) element(v any, name string, human func(*bufio.Writer)) error {
	switch {
	case o.quiet:
		o.name(name)
		return nil
	case o.tmpl != nil:
		return o.format(v)
	default:
		human(o.w)
		return nil
	}
}

// some ends a list of n elements: an empty one is an answer that the exit code
// tells, as pacman's does.
func (o *output) some(n int) error {
	if err := o.end(); err != nil {
		return err
	}
	if n == 0 {
		return exit.Quiet(exit.NotFound)
	}
	return nil
}

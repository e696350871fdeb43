package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/output"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fieldtemplate"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// schema is the version of the JSON output. New fields do not change the version; a change that could break a program
// that reads the output needs a new version.
const schema = 1

// packageTemplateExample is an example of --format for lists of packages.
const packageTemplateExample = "{{.name}} {{.version}}"

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

// resultPrinter prints a result in the form that the flags select.
type resultPrinter struct {
	outputOptions
	app        *app
	w          *bufio.Writer
	heldOutput *bytes.Buffer // buffers the output until the result is known to be certain; nil if uncertain results may be printed
	pager      *pager        // nil if the output is not shown with a pager
	style      show.Style
	tmpl       *fieldtemplate.Template

	// unprintedNames and unprintedGroups are names of packages and groups that are not printed, because a program could take them for an
	// option or a command.
	unprintedNames, unprintedGroups []string
}

func (a *app) newOutput(c *cli.Context, o outputOptions) (*resultPrinter, error) {
	out := &resultPrinter{outputOptions: o, app: a}
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
		t, err := fieldtemplate.Parse(o.format)
		if err != nil {
			return nil, err
		}
		out.tmpl = t
	}
	style, err := show.NewStyle(o.color, terminalFile(a.stdout))
	if err != nil {
		return nil, command.Usagef("%w", err)
	}
	out.style = style
	to := a.stdout
	if out.certainOnly = o.certainOnly || a.requireCertain; out.certainOnly {
		out.heldOutput = &bytes.Buffer{}
		to = out.heldOutput
	}
	out.w = bufio.NewWriterSize(to, 64<<10)
	return out, nil
}

// isForPeople reports whether the result is printed on a terminal, in the form for people.
func (o *resultPrinter) isForPeople() bool {
	return !o.json && !o.quiet && o.tmpl == nil && terminalFile(o.app.stdout) != nil
}

// terminalFile returns the file of a stream if it is a terminal, otherwise nil.
func terminalFile(w io.Writer) *os.File {
	if f, ok := w.(*os.File); ok && command.IsTerminal(f) {
		return f
	}
	return nil
}

// printLine prints a line of text, such as a name with --quiet.
func (o *resultPrinter) printLine(text string) {
	_, _ = o.w.WriteString(termtext.Clean(text))
	_ = o.w.WriteByte('\n')
}

// printWithTemplate prints one element with the template.
func (o *resultPrinter) printWithTemplate(element any) error {
	if err := o.tmpl.Print(o.w, element); err != nil {
		return err
	}
	return o.w.WriteByte('\n')
}

// printDocument prints the fields of a struct as one JSON document, with the version of the schema first.
func (o *resultPrinter) printDocument(v any) error {
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
	_, err := o.w.Write(termtext.AppendSafeJSON(nil, fields))
	return err
}

// printOne prints a single result.
func (o *resultPrinter) printOne(v any, human func(*bufio.Writer)) error {
	switch {
	case o.json:
		return o.printDocument(v)
	case o.tmpl != nil:
		return o.printWithTemplate(v)
	}
	human(o.w)
	return nil
}

// unprintedElementName is a special name for resultPrinter.printElement: an element with this name is not printed.
const unprintedElementName = "\x00"

// safePackageName returns the name of a package for resultPrinter.printElement. The output of --quiet and --format is meant for other
// programs, which could take a name such as -Rdd or $(id) for something else. For such a name, safePackageName returns unprintedElementName.
func (o *resultPrinter) safePackageName(name string) string {
	if (o.quiet || o.tmpl != nil) && !wire.IsSafeName(name) {
		o.unprintedNames = append(o.unprintedNames, name)
		return unprintedElementName
	}
	return name
}

// isSafeGroupName reports whether the name of a group may be printed for other programs: see safePackageName.
func (o *resultPrinter) isSafeGroupName(name string) bool {
	isSafe := wire.IsSafeName(name)
	if !isSafe {
		o.unprintedGroups = append(o.unprintedGroups, name)
	}
	return isSafe
}

// safeRepoPackageName is like safePackageName, for a package of a repository or the AUR. With --quiet it returns REPO/-Rdd for a
// name such as -Rdd: pacman and similar programs accept this form as the name of a package, and do not take it for an
// option.
func (o *resultPrinter) safeRepoPackageName(p *wire.Package) string {
	if safe, ok := output.SafeName(p.Repo, p.Name); o.quiet && ok {
		return safe
	}
	return o.safePackageName(p.Name)
}

// printElement prints an element of a list in a form other than JSON.
func (o *resultPrinter) printElement(v any, name string, human func(*bufio.Writer)) error {
	if name == unprintedElementName {
		return nil
	}
	if o.quiet {
		o.printLine(name)
		return nil
	}
	if o.tmpl != nil {
		return o.printWithTemplate(v)
	}
	human(o.w)
	return nil
}

// printList prints a list, as one JSON document or element by element.
func printList[T any](o *resultPrinter, result any, elements []T, name func(*T) string, human func(*bufio.Writer, *T)) error {
	if o.json {
		return o.printDocument(result)
	}
	for i := range elements {
		v := &elements[i]
		if err := o.printElement(v, name(v), func(w *bufio.Writer) { human(w, v) }); err != nil {
			return err
		}
	}
	return nil
}

// flushBeforeWait flushes the output printed so far. The backend calls flushBeforeWait before it waits for further packages.
func (o *resultPrinter) flushBeforeWait() {
	_ = o.w.Flush()
	if o.pager != nil {
		o.pager.showHeld()
	}
}

// finish flushes the remaining output. A closed pipe is not an error: the program that reads it needs no more.
func (o *resultPrinter) finish() error {
	err := o.w.Flush()
	if o.pager != nil {
		err = errors.Join(err, o.pager.Close())
	}
	if err == nil && o.heldOutput != nil {
		_, err = o.heldOutput.WriteTo(o.app.stdout)
	}
	o.noteUnprinted("package", o.unprintedNames)
	o.noteUnprinted("group", o.unprintedGroups)
	return err
}

// noteUnprinted prints a note about names of packages or groups that were not printed.
func (o *resultPrinter) noteUnprinted(noun string, names []string) {
	if len(names) > 0 {
		o.app.printNote(output.LeftOutNote(noun, names))
	}
}

// finishWithBasis ends the output of a result that depends on sources. It prints notes about missing and stale sources. If
// uncertain results must not be printed, as with --strict, finishWithBasis returns an error for an uncertain result.
func (o *resultPrinter) finishWithBasis(b *wire.Basis) error {
	if why := uncertaintyReason(b); o.certainOnly && why != "" {
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("the result is partial: %s", why), Hint: o.app.uncertainHint()}
	}
	err := o.finish()
	if err == nil {
		o.printBasisNotes(b)
	}
	return err
}

// uncertainHint returns a hint at the option with which omg prints an uncertain result.
func (a *app) uncertainHint() string {
	if a.requireCertain {
		return "without --strict, omg prints the result"
	}
	return "with --partial, omg prints the result"
}

// uncertaintyReason returns the reason why a result is uncertain, or "". An old database is not a reason: pacman would use the
// same database.
func uncertaintyReason(b *wire.Basis) string {
	if b.Partial {
		return show.MissingSourcesText(b)
	}
	if b.Stale {
		return show.NotCheckedNote(b)
	}
	for i := range b.Sources {
		if s := &b.Sources[i]; s.Outdated {
			return show.SourceStateAndReason(s)
		}
	}
	return ""
}

// printBasisNotes prints notes about what a result lacks, and which parts are stale.
func (o *resultPrinter) printBasisNotes(b *wire.Basis) {
	if b.Stale {
		o.app.printNote(show.NotCheckedNote(b))
	}
	if b.Partial {
		o.app.printNote("partial: " + show.MissingSourcesText(b))
	}
	for i := range b.Sources {
		if s := &b.Sources[i]; s.Outdated && (s.IsRepository() || s.Kind == wire.KindFiles) {
			o.app.printNote(show.SourceStateAndReason(s))
		}
	}
}

// checkLimit checks the value of a flag --limit.
func checkLimit(limit int) error {
	if limit < 0 || limit > 1<<31-1 {
		return command.Usagef("--limit must be 0 or more, not %d", limit)
	}
	return nil
}

// emptyListError returns an error if a printed list is empty, that is, if n is 0. The exit code is that of "nothing found",
// as in pacman. If a source that could have filled the list was not read, the exit code is that of a failure. Otherwise the note none,
// unless it is empty, says on a terminal that there is nothing; pacman, and omg if it is piped, print nothing.
func (o *resultPrinter) emptyListError(b *wire.Basis, n int, none string) error {
	switch {
	case n > 0:
		return nil
	case b.Partial || b.Stale:
		return exit.QuietError(exit.Failed)
	case none != "" && o.isForPeople():
		o.app.printNote(none)
	}
	return exit.QuietError(exit.NotFound)
}

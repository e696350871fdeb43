package app

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/fieldtemplate"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// output prints the answers of a command in the form that the flags select.
type output struct {
	json, quiet  bool
	format       string
	tmpl         *fieldtemplate.Template
	listsMissing bool // whether hosts without a file are printed like answers
	// human prints an answer for people, and none is the text for an empty answer.
	human func(o *output, a *question.Answer)
	none  string

	// unprinted is the number of hosts whose names are not printed, because a program could take them for an option or a command.
	unprinted int

	w   *bufio.Writer
	now time.Time
}

// flags returns the flags for the form of the output. The parameter example is a template, which the help shows.
func (o *output) flags(example string) []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Destination: &o.json, Usage: "print JSON: a line for each host, and one for the summary"},
		&cli.StringFlag{Name: "format", Destination: &o.format, Usage: "print each host with a Go `TEMPLATE` over the JSON fields: '" + example + "'"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Destination: &o.quiet, Usage: "print names of hosts only"},
	}
}

// prepare checks the flags.
func (o *output) prepare(c *cli.Context) (err error) {
	isFormat := c.IsSet("format")
	if o.json && o.quiet || o.json && isFormat || o.quiet && isFormat {
		return command.Usagef("--quiet, --json and --format exclude each other")
	}
	if isFormat {
		o.tmpl, err = fieldtemplate.Parse(o.format)
	}
	return err
}

// print prints the answer of a host.
func (o *output) print(a *question.Answer) error {
	switch {
	case o.json:
		return printJSONLine(o.w, a)
	case (o.quiet || o.tmpl != nil) && !wire.IsSafeName(a.Host):
		o.unprinted++
	case o.quiet:
		o.line("%s", a.Host)
	case o.tmpl != nil:
		if err := o.tmpl.Print(o.w, a); err != nil {
			return err
		}
		return o.w.WriteByte('\n')
	default:
		o.human(o, a)
	}
	return nil
}

// printSummary prints the numbers of hosts. For people it is the last line, and for programs only JSON has it.
func (o *output) printSummary(s *question.Summary) error {
	switch {
	case o.json:
		return printJSONLine(o.w, s)
	case !o.quiet && o.tmpl == nil:
		o.line("asked %d, answered %d", s.Asked, s.Answered)
	}
	return nil
}

// printJSONLine prints a value as a line of JSON.
func printJSONLine(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(termtext.AppendSafeJSON(nil, b.Bytes()))
	return err
}

// line prints a line of text.
func (o *output) line(format string, values ...any) {
	_, _ = o.w.WriteString(termtext.Clean(fmt.Sprintf(format, values...)))
	_ = o.w.WriteByte('\n')
}

// mark returns the text after a line of a host whose answer is not recent and complete.
func (o *output) mark(a *question.Answer) string {
	switch a.State {
	case question.Answered:
		return ""
	case question.Old:
		return " [" + clock.FormatAge(o.now.Sub(time.Unix(a.At, 0))) + "]"
	}
	return " [" + string(a.State) + "]"
}

func printHost(o *output, a *question.Answer) {
	if a.At == 0 {
		o.line("%s%s", a.Host, o.mark(a))
		return
	}
	text := a.Host + "  " + clock.FormatAge(o.now.Sub(time.Unix(a.At, 0)))
	if a.Counts != nil && a.Counts.Installed != nil {
		text += fmt.Sprintf(", %d packages", *a.Counts.Installed)
	}
	if a.OmgVersion != "" {
		text += ", omg " + a.OmgVersion
	}
	if a.Reported != "" {
		text += ", calls itself " + a.Reported
	}
	o.line("%s%s", text, o.mark(a))
}

func printStatus(o *output, a *question.Answer) {
	c := cmp.Or(a.Counts, &wire.Counts{}) // a host without an inventory has none
	count := func(n *uint32, field, one, many string) string {
		unsure := ""
		for _, name := range a.PartialCounts {
			if name == field {
				unsure = "?"
			}
		}
		switch {
		case n == nil:
			return many + " unknown"
		case *n == 1:
			return "1" + unsure + " " + one
		}
		return fmt.Sprintf("%d%s %s", *n, unsure, many)
	}
	var advisories, findings *uint32
	if c.Security != nil {
		advisories = &c.Security.Vulnerabilities
	}
	if f := c.AURFindings; f != nil {
		sum := f.Total()
		findings = &sum
	}
	parts := []string{
		count(c.Updates, "updates", "update", "updates"), count(advisories, "security", "advisory", "advisories"),
		count(findings, "aur_findings", "finding", "findings"),
	}
	if a.RebootNeeded != nil && *a.RebootNeeded {
		parts = append(parts, "reboot needed")
	}
	o.line("%s  %s%s", a.Host, strings.Join(parts, ", "), o.mark(a))
}

func printUpdates(o *output, a *question.Answer) {
	for _, u := range a.Updates {
		ignored := ""
		if u.Ignored {
			ignored = " (ignored)"
		}
		o.line("%s %s %s -> %s%s%s", a.Host, u.Name, u.Installed, u.Version, ignored, o.mark(a))
	}
}

func printAdvisories(o *output, a *question.Answer) {
	for _, p := range a.Advisories {
		version := p.Installed
		if p.Update != "" {
			version += " -> " + p.Update
		}
		list := make([]string, len(p.Advisories))
		for i, one := range p.Advisories {
			list[i] = one.Name + " " + one.Severity + ", " + one.Verdict
		}
		o.line("%s %s %s (%s)%s", a.Host, p.Name, version, strings.Join(list, "; "), o.mark(a))
	}
}

func printFindings(o *output, a *question.Answer) {
	for _, f := range a.Findings {
		o.line("%s %s %s %s: %s%s", a.Host, f.Name, f.Installed, f.Level, strings.Join(f.Reasons, ", "), o.mark(a))
	}
}

func printPackages(o *output, a *question.Answer) {
	for i := range a.Packages {
		p := &a.Packages[i]
		o.line("%s %s %s%s", a.Host, p.Name, p.Version, o.mark(a))
	}
}

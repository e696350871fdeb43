package app

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/lookup"
	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// defaultLookupLimit is the default of --limit.
const defaultLookupLimit = 50

func lookupCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:  "lookup",
		Usage: "search packages and commands in the index of a node",
		Description: `For a host without an index: one of the hosts on which omg-fleet node runs answers what
omg search, omg info and omg command would. omg-fleet search is something else: it asks
all hosts which packages they have installed.

If a node does not answer within a second, all are asked, and the first answer counts,
until the --deadline. The answer names the node, and the age of its databases.`,
		Subcommands: []*cli.Command{lookupSearchCommand(a), lookupInfoCommand(a), lookupCommandCommand(a)},
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return cli.ShowSubcommandHelp(c)
			}
			return command.UnknownSubcommand("lookup", c.Args().First(), []string{"search", "info", "command"})
		},
	}
}

// lookupOptions holds the flags of a lookup.
type lookupOptions struct {
	output
	host            string
	regex, nameOnly bool
	limit           int
}

func (o *lookupOptions) flags(example string) []cli.Flag {
	return []cli.Flag{
		hostFlag(&o.host),
		&cli.BoolFlag{Name: "json", Destination: &o.json, Usage: "print JSON"},
		&cli.StringFlag{Name: "format", Destination: &o.format, Usage: "print each result with a Go `TEMPLATE` over the JSON fields: '" + example + "'"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Destination: &o.quiet, Usage: "print names of packages only"},
	}
}

func lookupCodes() string {
	return command.ExitCodesHelp(exit.OK, exit.NotFound, exit.Usage, exit.Failed)
}

func lookupSearchCommand(a *app) *cli.Command {
	o := &lookupOptions{}
	return &cli.Command{
		Name:      "search",
		Usage:     "find packages in the repositories and the AUR, like omg search",
		ArgsUsage: "WORD...",
		Description: `The words are those of omg search, except is:installed and is:explicit, because nothing
is known of what is installed on this host.

` + lookupCodes(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "regex", Aliases: []string{"x"}, Destination: &o.regex, Usage: "words are POSIX extended regular expressions"},
			&cli.BoolFlag{Name: "name", Aliases: []string{"n"}, Destination: &o.nameOnly, Usage: "search names only"},
			&cli.IntFlag{Name: "limit", Destination: &o.limit, Value: defaultLookupLimit, Usage: fmt.Sprintf("print at most `N` packages, up to %d", messages.MaxLookupPackages)},
		}, o.flags("{{.repo}}/{{.name}}")...),
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return command.Usagef("lookup search needs a word")
			}
			l := messages.Lookup{Kind: messages.LookupSearch, Words: c.Args().Slice(), Regex: o.regex, NameOnly: o.nameOnly, Limit: o.limit}
			return a.lookUp(c, o, l, func(found *lookup.Answer) error { return a.printSearch(o, &l, found) })
		},
	}
}

func lookupInfoCommand(a *app) *cli.Command {
	o := &lookupOptions{}
	return &cli.Command{
		Name:        "info",
		Usage:       "show the details of packages of the repositories and the AUR, like omg info",
		ArgsUsage:   "[REPO/]PKG...",
		Description: "Packages of the AUR are those in the node's copy of its data.\n\n" + lookupCodes(),
		Flags:       o.flags("{{.repo}}/{{.name}}"),
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return command.Usagef("lookup info needs the name of a package")
			}
			return a.lookUp(c, o, messages.Lookup{Kind: messages.LookupInfo, Words: c.Args().Slice()}, func(found *lookup.Answer) error { return a.printInfo(o, found) })
		},
	}
}

func lookupCommandCommand(a *app) *cli.Command {
	o := &lookupOptions{}
	return &cli.Command{
		Name:        "command",
		Usage:       "show which packages of the repositories bring a command, like omg command",
		ArgsUsage:   "NAME...",
		Description: "A node answers if it has lists of files: sudo pacman -Fy downloads them there, or omgd\nwith sync.files = true in its configuration.\n\n" + lookupCodes(),
		Flags:       o.flags("{{.command}} {{.repo}}/{{.name}}"),
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return command.Usagef("lookup command needs the name of a command")
			}
			return a.lookUp(c, o, messages.Lookup{Kind: messages.LookupCommand, Words: c.Args().Slice()}, func(found *lookup.Answer) error { return a.printCommands(o, found) })
		},
	}
}

// lookUp asks a node, and prints its answer with the function print.
func (a *app) lookUp(c *cli.Context, o *lookupOptions, l messages.Lookup, print func(*lookup.Answer) error) error {
	if err := o.prepare(c); err != nil {
		return err
	}
	if err := a.needServer(); err != nil {
		return err
	}
	if err := a.checkDeadline(); err != nil {
		return err
	}
	host, err := a.hostName(c, o.host)
	if err != nil {
		return err
	}
	found, err := lookup.Ask(c.Context, a.link(), host, l, a.deadline)
	if err != nil {
		return err
	}
	o.w, o.now = bufio.NewWriterSize(a.stdout, 64<<10), clock.Now()
	return errors.Join(print(found), o.w.Flush())
}

// printElement prints a package, or a command of it.
func (o *lookupOptions) printElement(v any, name string, human func()) error {
	switch {
	case (o.quiet || o.tmpl != nil) && !wire.IsSafeName(name):
		o.unprinted++
	case o.quiet:
		o.line("%s", name)
	case o.tmpl != nil:
		if err := o.tmpl.Print(o.w, v); err != nil {
			return err
		}
		return o.w.WriteByte('\n')
	default:
		human()
	}
	return nil
}

// printPackage prints a package in the form of pacman -Ss, with a text in the second line.
func (o *lookupOptions) printPackage(repo, name, version string, groups []string, text string) {
	o.line("%s/%s %s%s", repo, name, version, groupsOf(groups))
	o.line("    %s", text)
}

// printFound prints an answer: the document as JSON, or n elements one by one, and then where they come from.
func (a *app) printFound(o *lookupOptions, found *lookup.Answer, b *wire.Basis, document any, n int, element func(i int) error) error {
	if o.json {
		if err := printJSONLine(o.w, document); err != nil {
			return err
		}
		return a.finishLookup(o, found, b)
	}
	for i := range n {
		if err := element(i); err != nil {
			return err
		}
	}
	return a.finishLookup(o, found, b)
}

// finishLookup prints which node has answered and how old its data is, and notes about what is not known.
func (a *app) finishLookup(o *lookupOptions, found *lookup.Answer, b *wire.Basis) error {
	if !o.json && !o.quiet && o.tmpl == nil {
		age := "the age of its databases is unknown"
		if found.AsOf != 0 {
			age = "its oldest database changed " + clock.FormatAge(o.now.Sub(time.Unix(found.AsOf, 0)))
		}
		o.line("answered by %s: %s", found.Node, age)
	}
	if err := o.w.Flush(); err != nil {
		return err
	}
	a.noteUnprinted(&o.output, "packages")
	if o.json {
		return nil
	}
	note := func(text string) { command.PrintNote(a.stderr, "omg-fleet", text) }
	switch {
	case b.Partial:
		note("partial: " + describeMissing(b))
	case b.Stale:
		note(found.Node + " could not check whether its data is current: " + cmp.Or(b.Why, "it gives no reason"))
	}
	return nil
}

// describeMissing says which sources a result lacks.
func describeMissing(b *wire.Basis) string {
	var missing []string
	for i := range b.Sources {
		if s := &b.Sources[i]; s.Unavailable() && (s.IsRepository() || s.Kind == wire.KindFiles) {
			missing = append(missing, strings.TrimSuffix(fmt.Sprintf("%s %s: %s", s.Name, s.State, s.Why), ": "))
		}
	}
	if b.Why != "" {
		missing = append(missing, b.Why)
	}
	return cmp.Or(strings.Join(missing, "; "), "a source could not be read")
}

// notFound returns the error for a name that was not found.
func notFound(b *wire.Basis, hint, format string, values ...any) error {
	e := &exit.Error{Code: exit.NotFound, Err: fmt.Errorf(format, values...), Hint: hint}
	if b.Partial {
		e.Code, e.Err = exit.Failed, fmt.Errorf("%w in the sources that could be read", e.Err)
	}
	return e
}

// reportMissing prints the errors of all names that were not found, and returns the last.
func (a *app) reportMissing(errs []error) error {
	if len(errs) < 2 {
		return errors.Join(errs...)
	}
	for _, err := range errs {
		command.PrintError(a.stderr, "omg-fleet", err)
	}
	return exit.QuietError(exit.Code(errs[len(errs)-1]))
}

func didYouMean(names []string, separator string) string {
	if len(names) == 0 {
		return ""
	}
	return "did you mean: " + strings.Join(names, separator)
}

func (a *app) printSearch(o *lookupOptions, l *messages.Lookup, found *lookup.Answer) error {
	all := found.Search
	if o.json {
		all.Close = wire.SuggestedNames(all.Suggestions)
	}
	err := a.printFound(o, found, &all.Basis, &lookup.SearchAnswer{Origin: found.Origin(), SearchResult: all}, len(all.Packages), func(i int) error {
		p := &all.Packages[i]
		return o.printElement(p, p.Name, func() { o.printPackage(p.Repo, p.Name, p.Version, p.Groups, p.Desc) })
	})
	if err != nil {
		return err
	}
	if more := int(all.Total) - len(all.Packages); more > 0 && !o.json {
		command.PrintNote(a.stderr, "omg-fleet", fmt.Sprintf("%d more; --limit prints up to %d", more, messages.MaxLookupPackages))
	}
	if all.Total == 0 {
		return notFound(&all.Basis, didYouMean(wire.SuggestedNames(all.Suggestions), " "), "nothing found for %s", strings.Join(l.Words, " "))
	}
	return nil
}

func groupsOf(groups []string) string {
	if len(groups) == 0 {
		return ""
	}
	return " (" + strings.Join(groups, " ") + ")"
}

func (a *app) printInfo(o *lookupOptions, found *lookup.Answer) error {
	all := found.Info
	for i := range all.Missing {
		all.Missing[i].Close = wire.SuggestedNames(all.Missing[i].Suggestions)
	}
	err := a.printFound(o, found, &all.Basis, &lookup.InfoAnswer{Origin: found.Origin(), InfoResult: all}, len(all.Packages), func(i int) error {
		p := &all.Packages[i]
		return o.printElement(p, p.Name, func() { o.printDetails(p) })
	})
	if err != nil {
		return err
	}
	var errs []error
	for i := range all.Missing {
		errs = append(errs, notFound(&all.Basis, didYouMean(all.Missing[i].Close, " "), "package %s not found", all.Missing[i].Name))
	}
	return a.reportMissing(errs)
}

// printDetails prints a package as a block of fields. A field that the package does not have is left out.
func (o *lookupOptions) printDetails(p *wire.Package) {
	field := func(name, value string) {
		if value != "" {
			o.line("%-15s : %s", name, value)
		}
	}
	list := func(name string, values []string) { field(name, strings.Join(values, "  ")) }
	field("Repository", p.Repo)
	field("Name", p.Name)
	field("Version", p.Version)
	field("Description", p.Desc)
	field("Architecture", p.Arch)
	field("URL", p.URL)
	list("Licenses", p.Licenses)
	list("Groups", p.Groups)
	list("Provides", p.Provides)
	list("Depends On", p.Depends)
	list("Make Deps", p.MakeDepends)
	list("Optional Deps", p.OptDepends)
	list("Conflicts With", p.Conflicts)
	list("Replaces", p.Replaces)
	if p.AUR != nil {
		field("Maintainer", cmp.Or(p.AUR.Maintainer, "Orphan"))
		field("Votes", fmt.Sprint(p.AUR.Votes))
		field("Last Modified", dateOf(p.AUR.Modified))
		field("Out-of-date", dateOf(p.AUR.OutOfDate))
	} else {
		field("Download Size", mebibytes(p.CSize))
		field("Installed Size", mebibytes(p.ISize))
		field("Packager", p.Packager)
		field("Build Date", dateOf(p.BuildDate))
	}
	o.line("")
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20)) }

func dateOf(unix int64) string {
	if unix == 0 {
		return ""
	}
	return time.Unix(unix, 0).Format(time.DateOnly)
}

func (a *app) printCommands(o *lookupOptions, found *lookup.Answer) error {
	all := found.Command
	err := a.printFound(o, found, &all.Basis, &lookup.CommandAnswer{Origin: found.Origin(), CommandResult: all}, len(all.Commands), func(i int) error {
		c := &all.Commands[i]
		return o.printElement(c, c.Name, func() { o.printPackage(c.Repo, c.Name, c.Version, c.Groups, c.Path) })
	})
	if err != nil {
		return err
	}
	var errs []error
	for i := range all.Missing {
		m := &all.Missing[i]
		var similar []string
		for j := range m.Similar {
			if text := fmt.Sprintf("%s (%s)", m.Similar[j].Command, m.Similar[j].Name); !slices.Contains(similar, text) {
				similar = append(similar, text)
			}
		}
		errs = append(errs, notFound(&all.Basis, didYouMean(similar, ", "), "no package in the repositories brings the command %s", m.Name))
	}
	return a.reportMissing(errs)
}

package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/omg-arch/omg/shared/aurdiff"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/termtext"
)

// journalOptions holds the flags of journal.
type journalOptions struct {
	to, exported, imported string
}

func journalCommand() *cli.Command {
	o := &journalOptions{}
	return &cli.Command{
		Name:      "journal",
		Usage:     "print what happened in the AUR between two of its dumps",
		ArgsUsage: "[OLD] NEW",
		Description: `Compares two dumps of the AUR (packages-meta-ext-v1.json.gz, compressed or not), and
prints each event as a line of JSON. The lines are sorted by package base. The keys
are pkgbase, event, from and to (the old and the new value, or null if there is no
value), and between (the times of the two dumps). Events are: maintainer changed,
orphaned, adopted, co-maintainer added, co-maintainer removed, deleted, recreated,
first seen, updated after at least a year, host of the URL changed, new dependency
on a package that is at most 90 days old, and flagged out of date.

The time of a dump is the modification time of its file, which curl -R sets. If NEW is
older than OLD, lacks a tenth of the packages in OLD, or lacks fields, nothing is
printed and the exit code is 3.

With --to, the events are not printed but added to a journal. The journal of omgd is
aur.omgjournal in the directory of the indexes. Without OLD, the dump NEW is recorded
without events, to begin a journal. A dump that is already in the journal is not added
again.

With --export, a journal is printed as lines of JSON: the line of each observation is
followed by the lines of its events. With --import and --to, a journal is created from
such lines, or from lines of events only.

` + command.ExitCodes(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Destination: &o.to, Usage: "add the events to the journal `FILE`"},
			&cli.StringFlag{Name: "export", Destination: &o.exported, Usage: "print the journal `FILE`"},
			&cli.StringFlag{Name: "import", Destination: &o.imported, Usage: "read lines of JSON from `FILE`, or from standard input if it is -"},
		},
		Action: func(c *cli.Context) error { return o.run(c) },
	}
}

func (o *journalOptions) run(c *cli.Context) error {
	for _, name := range []string{"to", "export", "import"} {
		if c.IsSet(name) && c.String(name) == "" {
			return command.Usagef("--%s needs the path of a file", name)
		}
	}
	switch dumps := c.Args().Slice(); {
	case o.exported != "":
		if len(dumps) > 0 || o.to != "" || o.imported != "" {
			return command.Usagef("--export cannot be combined with dumps, --to or --import")
		}
		return o.export(c)
	case o.imported != "":
		if len(dumps) > 0 || o.to == "" {
			return command.Usagef("--import cannot be combined with dumps, and needs --to with the journal to create")
		}
		return o.importLines(c)
	case len(dumps) == 2, len(dumps) == 1 && o.to != "":
		debug.SetGCPercent(gcPercent)
		return o.compare(c, dumps)
	}
	return command.Usagef("journal needs two dumps of the AUR, e.g. omg-index journal old.json.gz new.json.gz")
}

// observe reads one or two dumps concurrently. The second element of the list is the later dump. The first element is the
// earlier dump, or nil if only one dump is named.
func observe(ctx context.Context, dumps []string) (list [2]*aurdiff.Observation, err error) {
	var group errgroup.Group
	for i, path := range dumps {
		group.Go(func() (err error) {
			list[len(list)-len(dumps)+i], err = aurdiff.Read(ctx, path)
			return remedied(err)
		})
	}
	return list, group.Wait()
}

func (o *journalOptions) compare(c *cli.Context, dumps []string) error {
	if o.to != "" {
		if err := checkJournal(o.to, dumps); err != nil {
			return err
		}
	}
	dump, err := observe(c.Context, dumps)
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	newest := dumps[len(dumps)-1]
	if o.to != "" {
		return o.record(c, dump[0], dump[1], newest)
	}
	w := bufio.NewWriterSize(c.App.Writer, 64<<10)
	err = aurdiff.Compare(dump[0], dump[1], func(e journal.Event) error {
		line, err := journal.AppendLine(w.AvailableBuffer(), e)
		if err == nil {
			_, err = w.Write(line)
		}
		return err
	})
	return flushed(w, exit.With(exit.Failed, explained(newest, err)))
}

// explained adds the path of the dump to an error that says why the dump was not used, and a hint that says what the user
// can do.
func explained(path string, err error) error {
	switch {
	case errors.Is(err, aurdiff.ErrPartial):
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("%s: %w", path, err), Hint: "download it again"}
	case errors.Is(err, aurdiff.ErrOlder):
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("%s: %w", path, err), Hint: "name the older dump first"}
	}
	return err
}

// checkJournal returns an error if the journal at path must not be written. This is so if this process runs as root and
// another user controls the directory, or if the file is one of the dumps.
func checkJournal(path string, dumps []string) error {
	if err := paths.Process().CheckWritten(filepath.Dir(path)); err != nil {
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("cannot write to %s as root: %w", path, err), Hint: "run omg-index as that user"}
	}
	there, err := os.Stat(path)
	if err != nil {
		return nil // the file does not exist, or opening it later returns the error
	}
	for _, dump := range dumps {
		if fi, err := os.Stat(dump); err == nil && os.SameFile(there, fi) {
			return command.Usagef("--to %s: is one of the dumps: name another file", path)
		}
	}
	return nil
}

// record adds the events between two dumps to the journal.
func (o *journalOptions) record(c *cli.Context, old, now *aurdiff.Observation, path string) error {
	r, err := aurdiff.Record(o.to, old, now)
	warn := func(format string, args ...any) {
		command.Warn(c.App.ErrWriter, c.App.Name, fmt.Sprintf("%s: %s", o.to, fmt.Sprintf(format, args...)))
	}
	if problem := r.State.Problem(); problem != "" {
		warn("%s", problem)
	}
	if r.State.Damaged > 0 || r.State.Lost {
		warn("the damaged file is kept as %s", o.to+journal.DamagedSuffix)
	}
	if r.Dropped > 0 {
		warn("the journal was too large: its %d oldest observations were dropped", r.Dropped)
	}
	if err != nil {
		return exit.With(exit.Failed, explained(path, err))
	}
	if r.Outcome == journal.Refused {
		return explained(path, r.Why)
	}
	events := "events"
	if r.Events == 1 {
		events = "event"
	}
	what := fmt.Sprintf("%d %s between %s and %s", r.Events, events, journal.Time(r.Between.From), journal.Time(r.Between.To))
	switch {
	case r.Known:
		what = "has this dump already"
	case r.Outcome == journal.Baseline:
		what = fmt.Sprintf("begins with %d packages at %s", r.Packages, journal.Time(r.Between.To))
	}
	if r.Outcome == journal.Baseline && r.Why != nil {
		warn("events are missing: %s", r.Why)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %s\n", termtext.Clean(o.to), what)
	return exit.With(exit.Failed, err)
}

func (o *journalOptions) export(c *cli.Context) error {
	state, err := journal.Export(o.exported, c.App.Writer)
	if problem := state.Problem(); problem != "" {
		command.Warn(c.App.ErrWriter, c.App.Name, o.exported+": "+problem)
	}
	return exit.With(exit.Failed, err)
}

func (o *journalOptions) importLines(c *cli.Context) error {
	if err := checkJournal(o.to, nil); err != nil {
		return err
	}
	var in io.Reader = os.Stdin
	name := "standard input"
	if o.imported != "-" {
		f, err := os.Open(o.imported)
		if err != nil {
			return exit.With(exit.Failed, err)
		}
		defer f.Close()
		in, name = f, o.imported
	}
	n, err := journal.Import(o.to, in)
	switch {
	case errors.Is(err, fs.ErrExist):
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("%s exists", o.to), Hint: "name a new file"}
	case err != nil:
		return exit.With(exit.Failed, fmt.Errorf("cannot import %s: %w", name, err))
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %d observations\n", termtext.Clean(o.to), n)
	return exit.With(exit.Failed, err)
}

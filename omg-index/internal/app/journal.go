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
	journalPath, exportPath, importPath string
}

func journalCommand() *cli.Command {
	o := &journalOptions{}
	return &cli.Command{
		Name:      "journal",
		Usage:     "print what happened in the AUR between two of its dumps",
		ArgsUsage: "[OLD] NEW",
		Description: `Compares two dumps of the AUR (packages-meta-ext-v1.json.gz, compressed or not, or
commits of the git archive that the AUR has announced as its successor), and prints each
event as a line of JSON. The lines are sorted by package base. The keys
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

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Destination: &o.journalPath, Usage: "add the events to the journal `FILE`"},
			&cli.StringFlag{Name: "export", Destination: &o.exportPath, Usage: "print the journal `FILE`"},
			&cli.StringFlag{Name: "import", Destination: &o.importPath, Usage: "read lines of JSON from `FILE`, or from standard input if it is -"},
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
	case o.exportPath != "":
		if len(dumps) > 0 || o.journalPath != "" || o.importPath != "" {
			return command.Usagef("--export cannot be combined with dumps, --to or --import")
		}
		return o.exportJournal(c)
	case o.importPath != "":
		if len(dumps) > 0 || o.journalPath == "" {
			return command.Usagef("--import cannot be combined with dumps, and needs --to with the journal to create")
		}
		return o.importJournal(c)
	case len(dumps) == 2, len(dumps) == 1 && o.journalPath != "":
		debug.SetGCPercent(gcPercent)
		return o.compareDumps(c, dumps)
	}
	return command.Usagef("journal needs two dumps of the AUR, e.g. omg-index journal old.json.gz new.json.gz")
}

// readDumps reads one or two dumps concurrently. The second element of the list is the later dump. The first element is the
// earlier dump, or nil if only one dump is named.
func readDumps(ctx context.Context, dumps []string) (list [2]*aurdiff.Observation, err error) {
	var group errgroup.Group
	for i, path := range dumps {
		group.Go(func() (err error) {
			list[len(list)-len(dumps)+i], err = aurdiff.Read(ctx, path)
			return withDownloadHint(err)
		})
	}
	return list, group.Wait()
}

func (o *journalOptions) compareDumps(c *cli.Context, dumps []string) error {
	if o.journalPath != "" {
		if err := checkJournalWritable(o.journalPath, dumps); err != nil {
			return err
		}
	}
	dump, err := readDumps(c.Context, dumps)
	if err != nil {
		return exit.WithCode(exit.Failed, err)
	}
	newest := dumps[len(dumps)-1]
	if o.journalPath != "" {
		return o.recordEvents(c, dump[0], dump[1], newest)
	}
	w := bufio.NewWriterSize(c.App.Writer, 64<<10)
	err = aurdiff.Compare(dump[0], dump[1], func(e journal.Event) error {
		line, err := journal.AppendJSONLine(w.AvailableBuffer(), e)
		if err == nil {
			_, err = w.Write(line)
		}
		return err
	})
	return flushOutput(w, exit.WithCode(exit.Failed, explainRefusedDump(newest, err)))
}

// explainRefusedDump adds the path of the dump to an error that says why the dump was not used, and a hint that says what the user
// can do.
func explainRefusedDump(path string, err error) error {
	switch {
	case errors.Is(err, aurdiff.ErrPartial):
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("%s: %w", path, err), Hint: "download it again"}
	case errors.Is(err, aurdiff.ErrOlder):
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("%s: %w", path, err), Hint: "name the older dump first"}
	}
	return err
}

// checkJournalWritable returns an error if the journal at path must not be written. This is so if this process runs as root and
// another user controls the directory, or if the file is one of the dumps.
func checkJournalWritable(path string, dumps []string) error {
	if err := paths.ProcessEnv().CheckRootWrites(filepath.Dir(path)); err != nil {
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

// recordEvents adds the events between two dumps to the journal.
func (o *journalOptions) recordEvents(c *cli.Context, old, now *aurdiff.Observation, path string) error {
	r, err := aurdiff.RecordInJournal(o.journalPath, old, now)
	warn := func(format string, args ...any) {
		command.Warn(c.App.ErrWriter, c.App.Name, fmt.Sprintf("%s: %s", o.journalPath, fmt.Sprintf(format, args...)))
	}
	if problem := r.JournalState.Problem(); problem != "" {
		warn("%s", problem)
	}
	if r.JournalState.DamagedEntries > 0 || r.JournalState.RestLost {
		warn("the damaged file is kept as %s", o.journalPath+journal.DamagedSuffix)
	}
	if r.DroppedEntries > 0 {
		warn("the journal was too large: its oldest observations were dropped (%d)", r.DroppedEntries)
	}
	if err != nil {
		return exit.WithCode(exit.Failed, explainRefusedDump(path, err))
	}
	if r.Outcome == journal.OutcomeRefused {
		return explainRefusedDump(path, r.CompareErr)
	}
	events := "events"
	if r.EventCount == 1 {
		events = "event"
	}
	what := fmt.Sprintf("%d %s between %s and %s", r.EventCount, events, journal.FormatTime(r.Between.From), journal.FormatTime(r.Between.To))
	switch {
	case r.AlreadyRecorded:
		what = "has this dump already"
	case r.Outcome == journal.OutcomeBaseline:
		what = fmt.Sprintf("begins with %d packages at %s", r.PackageCount, journal.FormatTime(r.Between.To))
	}
	if r.Outcome == journal.OutcomeBaseline && r.CompareErr != nil {
		warn("events are missing: %s", r.CompareErr)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %s\n", termtext.Clean(o.journalPath), what)
	return exit.WithCode(exit.Failed, err)
}

func (o *journalOptions) exportJournal(c *cli.Context) error {
	state, err := journal.Export(o.exportPath, c.App.Writer)
	if problem := state.Problem(); problem != "" {
		command.Warn(c.App.ErrWriter, c.App.Name, o.exportPath+": "+problem)
	}
	return exit.WithCode(exit.Failed, err)
}

func (o *journalOptions) importJournal(c *cli.Context) error {
	if err := checkJournalWritable(o.journalPath, nil); err != nil {
		return err
	}
	var in io.Reader = os.Stdin
	name := "standard input"
	if o.importPath != "-" {
		f, err := os.Open(o.importPath)
		if err != nil {
			return exit.WithCode(exit.Failed, err)
		}
		defer f.Close()
		in, name = f, o.importPath
	}
	n, err := journal.Import(o.journalPath, in)
	switch {
	case errors.Is(err, fs.ErrExist):
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("%s exists", o.journalPath), Hint: "name a new file"}
	case err != nil:
		return exit.WithCode(exit.Failed, fmt.Errorf("cannot import %s: %w", name, err))
	}
	noun := "observations"
	if n == 1 {
		noun = "observation"
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %d %s\n", termtext.Clean(o.journalPath), n, noun)
	return exit.WithCode(exit.Failed, err)
}

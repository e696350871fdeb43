package app

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/inventories"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

func (a *app) runWithoutArguments(c *cli.Context, o *output, q *question.Question) error {
	if c.Args().Present() {
		return command.Usagef("%s takes no arguments, got %q", c.Command.Name, strings.Join(c.Args().Slice(), " "))
	}
	return a.run(c, o, q)
}

// run asks all hosts a question, and prints the answers in the order of the hosts.
func (a *app) run(c *cli.Context, o *output, q *question.Question) error {
	if err := o.prepare(c); err != nil {
		return err
	}
	if a.dir == "" {
		return command.Usagef("--from DIR names the directory with the inventories")
	}
	if a.stale <= 0 {
		return command.Usagef("--stale is a time such as 48h, not %s", a.stale)
	}
	files, err := inventories.List(a.dir)
	if err != nil {
		return fmt.Errorf("cannot list the inventories: %w", err)
	}
	var roster []string
	if a.rosterPath != "" {
		if roster, err = inventories.ReadRoster(a.rosterPath); err != nil {
			return fmt.Errorf("cannot read the roster: %w", err)
		}
		if len(roster) == 0 {
			return fmt.Errorf("the roster %s has no hosts", a.rosterPath)
		}
	}
	if len(files) == 0 && len(roster) == 0 {
		return fmt.Errorf("%s has no file HOST.json or HOST.json.zst", a.dir)
	}
	o.w = bufio.NewWriterSize(a.stdout, 64<<10)
	o.now = clock.Now()
	coverage := question.NewCoverage(roster, a.stale, o.now)
	err = inventories.Each(c.Context, files, q.Ask, func(f inventories.File, answer *question.Answer, err error) error {
		if err != nil {
			coverage.Refuse(f.Host, f.Path, err)
			return nil
		}
		coverage.Add(answer, f.Host, f.Path)
		if !answer.Found() {
			return nil
		}
		return o.print(answer)
	})
	if err == nil && o.listsMissing {
		for _, answer := range coverage.MissingHosts() {
			if err = o.print(answer); err != nil {
				break
			}
		}
	}
	if err != nil {
		return errors.Join(err, o.w.Flush())
	}
	return a.finish(o, coverage.Finish())
}

// maxNotes is the number of hosts that are named on standard error. JSON has all of them.
const maxNotes = 50

// finish prints how many hosts have answered, and which have not. It returns the error for an answer that is empty or incomplete.
func (a *app) finish(o *output, s *question.Summary) error {
	if err := o.printSummary(s); err != nil {
		return err
	}
	if err := o.w.Flush(); err != nil {
		return err
	}
	note := func(text string) { command.PrintNote(a.stderr, "omg-fleet", text) }
	if !o.json {
		for i, silent := range s.Silent {
			if i == maxNotes {
				note(fmt.Sprintf("and %d more hosts have not answered: --json names all", len(s.Silent)-i))
				break
			}
			note(silent.String())
		}
		for i, text := range s.Duplicates {
			if i == maxNotes {
				note(fmt.Sprintf("and %d more duplicates: --json describes all", len(s.Duplicates)-i))
				break
			}
			note(text)
		}
		if n := len(s.Unexpected); n > 0 {
			note(fmt.Sprintf("not in the roster: %s", shorten(s.Unexpected)))
		}
	}
	if o.unprinted > 0 {
		note(fmt.Sprintf("left out %d hosts whose names could be taken for something else on a command line", o.unprinted))
	}
	silent := s.Asked - s.Answered
	switch {
	case s.Found == 0 && silent > 0:
		return exit.WithCode(exit.Incomplete, fmt.Errorf("%s among the hosts that have answered, but %d of %d have not", o.none, silent, s.Asked))
	case a.requireAll && silent > 0:
		return exit.WithCode(exit.Incomplete, fmt.Errorf("%d of %d hosts have not answered", silent, s.Asked))
	case s.Found == 0:
		return exit.WithCode(exit.NotFound, errors.New(o.none))
	}
	return nil
}

// shorten joins names, and leaves out most of a long list.
func shorten(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], " ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, " ")
}

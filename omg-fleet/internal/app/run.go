package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/asking"
	"github.com/omg-arch/omg/omg-fleet/internal/inventories"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

func (a *app) runWithoutArguments(c *cli.Context, o *output, s question.Spec) error {
	if c.Args().Present() {
		return command.Usagef("%s takes no arguments, got %q", c.Command.Name, strings.Join(c.Args().Slice(), " "))
	}
	return a.run(c, o, s)
}

// run asks all hosts a question, and prints the answers.
func (a *app) run(c *cli.Context, o *output, s question.Spec) error {
	if err := o.prepare(c); err != nil {
		return err
	}
	q, err := s.Question()
	if err != nil {
		return err
	}
	if err := a.checkStates(); err != nil {
		return err
	}
	o.w = bufio.NewWriterSize(a.stdout, 64<<10)
	o.now = clock.Now()
	var coverage *question.Coverage
	if a.server != "" {
		coverage, err = a.askServer(c.Context, o, &s)
	} else {
		coverage, err = a.askFiles(c.Context, o, q)
	}
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

// checkStates returns an error if the flags do not say where the states of all hosts come from.
func (a *app) checkStates() error {
	if a.stale <= 0 {
		return command.Usagef("--stale is a time such as 48h, not %s", a.stale)
	}
	if a.dir == "" && a.server == "" {
		return command.Usagef("--from DIR names the directory with the inventories, or --server URL a NATS server")
	}
	return nil
}

// checkDeadline returns an error if no answer could arrive in time.
func (a *app) checkDeadline() error {
	if a.deadline <= 0 {
		return command.Usagef("--deadline is a time such as 5s, not %s", a.deadline)
	}
	return nil
}

// askFiles asks the files of all hosts, and prints the answers in the order of the hosts.
func (a *app) askFiles(ctx context.Context, o *output, q *question.Question) (*question.Coverage, error) {
	files, err := inventories.List(a.dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list the inventories: %w", err)
	}
	roster, err := inventories.FindRoster(a.rosterPath)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 && len(roster) == 0 {
		return nil, fmt.Errorf("%s has no file HOST.json or HOST.json.zst", a.dir)
	}
	coverage := question.NewCoverage(roster, a.stale, o.now)
	return coverage, inventories.Each(ctx, files, q.Ask, func(f inventories.File, answer *question.Answer, err error) error {
		if err != nil {
			coverage.Refuse(f.Host, f.Path, err)
			return nil
		}
		answer.Host = f.Host
		coverage.Add(answer, f.Path)
		if !answer.Found() {
			return nil
		}
		return o.print(answer)
	})
}

// askServer asks all hosts through a server. JSON is printed as the answers arrive, and everything else in the order of the hosts.
func (a *app) askServer(ctx context.Context, o *output, s *question.Spec) (*question.Coverage, error) {
	if err := a.checkDeadline(); err != nil {
		return nil, err
	}
	roster, err := inventories.FindRoster(a.rosterPath)
	if err != nil {
		return nil, err
	}
	fleet, err := asking.Open(ctx, a.link())
	if err != nil {
		return nil, err
	}
	defer fleet.Close()
	if roster == nil {
		roster = fleet.Roster()
	}
	coverage := question.NewCoverage(roster, a.stale, o.now)
	coverage.MissingWhy = question.NeverHeard
	for _, host := range fleet.Duplicates() {
		coverage.NoteAgents(host)
	}
	var later []*question.Answer
	take := func(answer *question.Answer) error {
		coverage.Add(answer, answer.Host)
		switch {
		case !answer.Found() && !o.listsMissing:
			return nil
		case o.json:
			return errors.Join(o.print(answer), o.w.Flush())
		}
		later = append(later, answer)
		return nil
	}
	if a.stored {
		err = fleet.AskStored(ctx, s, take)
	} else {
		err = fleet.Ask(ctx, s, a.deadline, take)
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(later, func(x, y *question.Answer) int { return strings.Compare(x.Host, y.Host) })
	for _, answer := range later {
		if err := o.print(answer); err != nil {
			return nil, err
		}
	}
	return coverage, nil
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
	a.noteUnprinted(o, "hosts")
	silent := s.Asked - s.Answered
	switch {
	case s.Asked == 0:
		return errors.New("there are no hosts: no agent has published the state of one, and there is no roster")
	case s.Found == 0 && silent > 0:
		return exit.WithCode(exit.Incomplete, fmt.Errorf("%s among the hosts that have answered, but %d of %d have not", o.none, silent, s.Asked))
	case a.requireAll && silent > 0:
		return exit.WithCode(exit.Incomplete, fmt.Errorf("%d of %d hosts have not answered", silent, s.Asked))
	case s.Found == 0:
		return exit.WithCode(exit.NotFound, errors.New(o.none))
	}
	return nil
}

// noteUnprinted says how many lines were left out because of their names.
func (a *app) noteUnprinted(o *output, what string) {
	if o.unprinted > 0 {
		command.PrintNote(a.stderr, "omg-fleet", fmt.Sprintf("left out %d %s whose names could be taken for something else on a command line", o.unprinted, what))
	}
}

// shorten joins names, and leaves out most of a long list.
func shorten(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], " ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, " ")
}

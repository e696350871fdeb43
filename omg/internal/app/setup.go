package app

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/manage"
	"github.com/omg-arch/omg/omg/internal/setup"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/termtext"
)

// setupOptions holds the flags of omg setup.
type setupOptions struct {
	accept, dryRun, remove bool
}

func setupCommand(a *app) *cli.Command {
	o := &setupOptions{}
	return &cli.Command{
		Name:  "setup",
		Usage: "set up the daemon, its sources and the shell prompt",
		Description: `omg works without any setup. omg setup asks whether to start omgd with systemd, which
sources omgd downloads and what this costs, and whether to show omg-probe in the prompt.
It then runs omg doctor.

It writes setup.toml, beside config.toml, and, if you agree after it has shown the change,
a marked block at the end of the startup file of your shell. What config.toml or an
environment variable sets is not asked. The files must be your own, in your home directory,
with one hard link each; otherwise they are left alone. A second run changes only what is
answered differently; the answer no does not undo the start by systemd, or the block in the
startup file. For --remove, it notes in $XDG_STATE_HOME/omg/setup.json that it has enabled
the units, and startup files that are not in their usual place.

--remove removes setup.toml and the blocks. It stops and disables omgd's units if omg setup
has enabled them. A startup file that omg setup has created is removed if nothing else is
in it.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed, exit.Degraded),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Destination: &o.accept, Usage: "do not ask: start omgd with systemd, keep the settings, and leave the startup file of the shell alone"},
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Destination: &o.dryRun, Usage: "show what would be changed, and change nothing"},
			&cli.BoolFlag{Name: "remove", Destination: &o.remove, Usage: "undo what omg setup has done: remove the settings and the blocks, and disable omgd's units"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			env := paths.ProcessEnv()
			if err := setup.CheckUser(env); err != nil {
				return err
			}
			s := &setupRun{app: a, setupOptions: *o, env: env, daemon: a.selectedDaemon(), answers: bufio.NewReaderSize(os.Stdin, maxAnswer)}
			if o.remove {
				return s.undo(c.Context)
			}
			return s.run(c)
		},
	}
}

// setupRun is one run of omg setup.
type setupRun struct {
	*app
	setupOptions
	env     paths.Env
	daemon  *manage.Daemon
	answers *bufio.Reader
	// writeErr is the first error of writing to standard output. Nothing is changed after it, because the user has not seen everything.
	writeErr error
}

const (
	maxAnswer  = 64 // the length of the longest line that is read as an answer, in bytes
	maxAnswers = 3  // after as many wrong answers to a question, omg setup gives up
)

var (
	// errNoAnswer means that standard input has ended before the last question was answered.
	errNoAnswer    = errors.New("a question was not answered, and nothing was changed: answer on a terminal, or use --yes")
	errWrongAnswer = errors.New("a question was not answered with y or n, and nothing was changed")
)

func (s *setupRun) say(format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		s.write(strings.TrimSuffix(line, "\n"), "\n")
	}
}

// write writes a line, without control characters, and then an ending.
func (s *setupRun) write(line, ending string) {
	if s.writeErr == nil {
		_, s.writeErr = io.WriteString(s.stdout, termtext.Clean(line)+ending)
	}
}

// ask asks a question until the answer is yes, no, or empty for the default answer. With --yes it returns the default answer.
func (s *setupRun) ask(question string, byDefault bool) (bool, error) {
	choices := "[y/N]"
	if byDefault {
		choices = "[Y/n]"
	}
	if s.accept {
		return byDefault, nil
	}
	for range maxAnswers {
		s.write(question+" "+choices, " ")
		if s.writeErr != nil {
			return false, s.writeErr
		}
		line, err := s.answers.ReadSlice('\n') // at most maxAnswer bytes
		if errors.Is(err, bufio.ErrBufferFull) {
			break
		}
		if err != nil && len(line) == 0 {
			s.say("\n")
			return false, errNoAnswer
		}
		switch strings.ToLower(strings.TrimSpace(string(line))) {
		case "":
			return byDefault, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		s.say("Answer y or n.")
	}
	return false, errWrongAnswer
}

// setupAnswers has the answers to the questions.
type setupAnswers struct {
	settings     setup.Settings
	enableDaemon bool
}

// run asks all questions, makes the changes, and runs omg doctor. It reads what it may change before it asks, so that no question is
// asked in vain.
func (s *setupRun) run(c *cli.Context) error {
	own, systemWide := s.daemon.FindServing(c.Context)
	record, err := setup.ReadRecord(s.env)
	if err != nil {
		return err
	}
	current := &setup.CurrentSettings{}
	if !systemWide {
		if current, err = setup.ReadSettings(s.env); err != nil {
			return err
		}
	}
	s.say("omg works without any setup. Enter keeps the answer in capitals.\n\n")
	answers, err := s.askAll(current, own, systemWide)
	if err != nil {
		return err
	}
	var settings, prompt setup.Change
	shell, noShell := setup.ShellName(s.env)
	if noShell != nil {
		s.say("Prompt: %s.\n\n", noShell)
	} else if prompt, err = s.askForPrompt(shell); err != nil {
		return err
	}
	if !systemWide {
		settings = current.Change(answers.settings)
		s.showDiff(&settings)
	}
	if !s.dryRun && s.writeErr == nil {
		if !prompt.IsEmpty() {
			record.AddStartupFile(s.env, shell)
		}
		if answers.enableDaemon && !s.daemon.IsEnabled(c.Context) {
			record.HasEnabledUnits = true
		}
		if err := record.Save(s.env); err != nil {
			return err
		}
	}
	// The settings are written last: if the other file cannot be written, the next run still finds a change, and restarts omgd.
	if err := s.apply(&prompt, &settings); err != nil {
		return err
	}
	if err := s.setUpDaemon(c.Context, answers.enableDaemon, own && !settings.IsEmpty()); err != nil {
		return err
	}
	if s.dryRun {
		s.say("Nothing was changed.")
		return nil
	}
	s.say("\nomg doctor:")
	line := append(s.options.CommandLine[:1:1], s.daemon.Args...) // omg-direct replaces this process with these arguments
	if s.daemon.Socket != "" {
		line = append(line, "--socket", s.daemon.Socket)
	}
	s.options.CommandLine = append(line, "doctor")
	return s.runDoctor(c, &outputOptions{color: "auto"})
}

// askAll asks at most six questions; the seventh is asked by askForPrompt.
func (s *setupRun) askAll(current *setup.CurrentSettings, own, systemWide bool) (answers setupAnswers, err error) {
	answers.settings = current.Settings
	ask := func(question string, answer *bool, about ...string) {
		if err == nil {
			s.say("%s", strings.Join(about, "\n"))
			*answer, err = s.ask(question, *answer)
			s.say("\n")
		}
	}
	if systemWide {
		s.say("The system-wide omgd answers you. The administrator chooses its sources in %s.\n\n", paths.SystemConfig)
	} else {
		if s.daemon.IsManaged() {
			answers.enableDaemon = true
			ask("Start omgd for you when it is needed?", &answers.enableDaemon,
				"Daemon: with omgd, answers take 3 ms, and it knows the AUR, advisories, Arch's news and the numbers",
				"for prompts.")
		} else if !own {
			s.say("Daemon: systemd does not manage this omgd: systemd or its units are missing, or a\nsocket or databases were chosen. omg daemon start, in a login script, starts it.\n\n")
		}
		askUnlessFixed := func(key, question string, answer *bool, about ...string) {
			if by := current.FixedBy[key]; by != "" {
				s.say("%s is set by %s, which omg setup does not change.\n\n", key, by)
				return
			}
			ask(question, answer, about...)
		}
		askUnlessFixed(setup.KeyAUR, "Use the AUR?", &answers.settings.AUR,
			"AUR: omgd downloads the list of all packages, about 10 MB, once a day if it has changed. This sends",
			"no names of packages.")
		if answers.settings.AUR {
			askUnlessFixed(setup.KeyWatch, "Ask the AUR once an hour?", &answers.settings.Watch,
				"Hourly look: omgd asks the AUR about your installed packages of the AUR, so that omg aur check shows",
				"changes earlier. This sends their names, and takes about 230 kB a day for 40 packages.")
		}
		askUnlessFixed(setup.KeyTracker, "Use the security tracker?", &answers.settings.Tracker,
			"Security tracker: omgd downloads its list of advisories once an hour if it has changed.",
			"The list has about 1 MB, so this is less than 24 MB a day.")
		askUnlessFixed(setup.KeyNews, "Use Arch's news?", &answers.settings.News,
			"News: omgd downloads the feed of archlinux.org every six hours if it has changed, about 50 kB.",
			"omg shows unread news before you upgrade.")
		askUnlessFixed(setup.KeySync, "Download databases?", &answers.settings.Sync,
			"Fresh counts: omgd downloads pacman's databases into its own directory, without root, so that",
			"the number of updates is current. "+s.downloadCost())
	}
	return answers, err
}

// downloadCost says how many bytes a day the downloaded databases cost, as far as the databases of this machine show it.
func (s *setupRun) downloadCost() string {
	databases, err := filepath.Glob(filepath.Join(cmp.Or(s.options.DBPath, "/var/lib/pacman"), "sync", "*.db"))
	size := int64(0)
	for _, path := range databases {
		if fi, err := os.Stat(path); err == nil {
			size += fi.Size()
		}
	}
	const mib, perDay = 1 << 20, 24
	if err != nil || size == 0 {
		return "Each is downloaded once an hour if it has changed."
	}
	return fmt.Sprintf("They have %.1f MiB, and each is downloaded once an hour\nif it has changed: at most %.0f MiB a day.", float64(size)/mib, float64(size)*perDay/mib)
}

// apply makes changes, unless --dry-run is set, or the output could not be written.
func (s *setupRun) apply(changes ...*setup.Change) error {
	if s.writeErr != nil {
		return s.writeErr
	}
	for _, change := range changes {
		if s.dryRun || change.IsEmpty() {
			continue
		}
		if err := change.Apply(s.env); err != nil {
			return err
		}
	}
	return nil
}

func (s *setupRun) showDiff(change *setup.Change) {
	if !change.IsEmpty() {
		s.say("%s:\n  %s", change.Path, strings.Join(change.Diff, "\n  "))
	}
}

// askToWrite shows a change of a startup file of a shell, and returns the change if the user agrees, otherwise an empty change.
// With --yes and --dry-run it does not ask.
func (s *setupRun) askToWrite(question string, change *setup.Change) (setup.Change, error) {
	s.showDiff(change)
	if s.accept || s.dryRun || change.IsEmpty() {
		return setup.Change{}, nil
	}
	agreed, err := s.ask(question+" "+change.Path+"?", false)
	if err != nil || !agreed {
		return setup.Change{}, err
	}
	return *change, nil
}

const restartHint = "omgd uses the new settings after: omg daemon restart"

// setUpDaemon enables the daemon's units, if this is wanted. The parameter restart means that the daemon runs with earlier
// settings.
func (s *setupRun) setUpDaemon(ctx context.Context, enable, restart bool) error {
	if enable {
		if err := s.runUnits(ctx, "systemctl --user enable --now omgd.socket", s.daemon.Enable); err != nil {
			if restart && !s.dryRun {
				s.say("%s", restartHint)
			}
			return err
		}
	}
	if restart {
		return s.restart(ctx)
	}
	return nil
}

// restart makes the daemon use its new settings, or says how.
func (s *setupRun) restart(ctx context.Context) error {
	if s.daemon.IsManaged() {
		return s.runUnits(ctx, "omg daemon restart", s.daemon.Restart)
	}
	s.say("%s", restartHint)
	return nil
}

// runUnits prints a command and calls the function that runs it, unless --dry-run is set.
func (s *setupRun) runUnits(ctx context.Context, line string, run func(context.Context) (int, error)) error {
	s.say("%s", line)
	if s.dryRun {
		return nil
	}
	code, err := run(ctx)
	if err == nil && code != 0 {
		err = fmt.Errorf("%s ended with exit code %d", line, code)
	}
	return err
}

// askForPrompt returns the change that adds omg-probe to the startup file of a shell, if the user agrees. Otherwise it prints the
// line, for the user to add it.
func (s *setupRun) askForPrompt(shell string) (setup.Change, error) {
	s.say("Prompt: omg-probe shows the versions of node, python and the like that a project uses. It reads only files,\nin 10 ms.")
	offered, err := setup.ChangePrompt(s.env, shell)
	if err != nil {
		s.printNote(err.Error())
	} else if offered.IsEmpty() {
		s.say("%s already shows omg-probe.", offered.Path)
		return offered, nil
	}
	agreed, err := s.askToWrite("Write this to", &offered)
	if err == nil && agreed.IsEmpty() && !s.dryRun {
		s.say("\nFor omg-probe in the prompt, add this line to the end of %s:\n  %s", setup.StartupFile(s.env, shell), setup.PromptLine(shell))
	}
	if err == nil && !s.dryRun {
		s.say("\nFor a key (Alt-I) that opens omg browse and inserts the chosen names, add this line to %s:\n  %s\n", setup.StartupFile(s.env, shell), setup.BrowseLine(shell))
	}
	return agreed, err
}

// undo removes what omg setup has set up: the settings, the blocks, and the links that enable the units. It returns an error if it
// could not read the settings, the record or a startup file, after it has done everything else.
func (s *setupRun) undo(ctx context.Context) error {
	own, _ := s.daemon.FindServing(ctx)
	var settings setup.Change
	current, unread := setup.ReadSettings(s.env)
	if unread == nil {
		settings = current.Remove()
	}
	record, err := setup.ReadRecord(s.env)
	if err != nil {
		unread = errors.Join(unread, err)
		record = nil
	}
	s.showDiff(&settings)
	blocks, err := setup.RemovePrompts(s.env, record)
	unread = errors.Join(unread, err)
	changes := []*setup.Change{}
	for i := range blocks {
		agreed, err := s.askToWrite("Remove this from", &blocks[i])
		if err != nil {
			return err
		}
		if agreed.IsEmpty() && !s.dryRun {
			s.say("Remove these lines from %s yourself.", blocks[i].Path)
		}
		changes = append(changes, &agreed)
	}
	if err := s.apply(append(changes, &settings)...); err != nil {
		return err
	}
	if err := s.undoDaemon(ctx, record, own && !settings.IsEmpty()); err != nil {
		return err
	}
	if s.dryRun {
		s.say("Nothing was changed.")
	} else if record != nil && s.writeErr == nil {
		record.Prune(s.env)
		unread = errors.Join(unread, record.Save(s.env))
	}
	return errors.Join(unread, s.writeErr)
}

// undoDaemon stops and disables the daemon's units, if omg setup has enabled them. The parameter restart means that the daemon runs
// with settings that have been removed.
func (s *setupRun) undoDaemon(ctx context.Context, record *setup.Record, restart bool) error {
	isManaged := s.daemon.IsManaged()
	if isManaged && record != nil && record.HasEnabledUnits {
		if err := s.runUnits(ctx, "systemctl --user disable --now omgd.socket omgd.service", s.daemon.Disable); err != nil {
			return err
		}
		record.HasEnabledUnits = s.dryRun
		return nil
	}
	if isManaged && s.daemon.IsEnabled(ctx) {
		s.say("omg setup has not enabled omgd's units, so they stay enabled. To disable them:\n  systemctl --user disable --now omgd.socket omgd.service")
	}
	if restart {
		return s.restart(ctx)
	}
	return nil
}

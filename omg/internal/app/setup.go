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
	"github.com/omg-arch/omg/shared/client"
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
		Usage: "set up the daemon, its sources and the shell prompt, with a few questions",
		Description: `omg works without any setup. omg setup asks whether to start omgd with systemd, which
sources omgd downloads and what this costs, and whether to show omg-probe in the prompt.
It then runs omg doctor.

It changes only a marked block in omg's own configuration file and, if you agree after
it has shown the change, a marked block in the startup file of your shell. These files
must be your own, in your home directory. A second run changes only what is answered
differently.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed, exit.Degraded),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Destination: &o.accept, Usage: "do not ask: start omgd with systemd, keep the settings, and leave the startup file of the shell alone"},
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Destination: &o.dryRun, Usage: "show what would be changed, and change nothing"},
			&cli.BoolFlag{Name: "remove", Destination: &o.remove, Usage: "remove what omg setup has set up"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			env := paths.ProcessEnv()
			if env.Get("SUDO_UID") != "" || env.Get("DOAS_USER") != "" {
				return setup.ErrSudo
			}
			s := &setupRun{app: a, setupOptions: *o, env: env, daemon: a.selectedDaemon(), answers: bufio.NewReader(os.Stdin)}
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
}

// errNoAnswer means that standard input has ended before the last question was answered.
var errNoAnswer = errors.New("a question was not answered, and nothing was changed: answer on a terminal, or use --yes")

func (s *setupRun) say(format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		_, _ = io.WriteString(s.stdout, termtext.Clean(strings.TrimSuffix(line, "\n"))+"\n")
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
	for {
		_, _ = io.WriteString(s.stdout, question+" "+choices+" ")
		line, err := s.answers.ReadString('\n')
		if err != nil {
			_, _ = io.WriteString(s.stdout, "\n")
			return false, errNoAnswer
		}
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "":
			return byDefault, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		s.say("Answer y or n.")
	}
}

// setupAnswers has the answers to the questions.
type setupAnswers struct {
	settings     setup.Settings
	enableDaemon bool
	wantsPrompt  bool // show omg-probe in the prompt
}

// run asks all questions, makes the changes, and runs omg doctor.
func (s *setupRun) run(c *cli.Context) error {
	own, systemWide := s.findDaemons(c.Context)
	s.say("omg works without any setup. Enter keeps the answer in capitals.\n\n")
	answers, err := s.askAll(own, systemWide)
	if err != nil {
		return err
	}
	var settings, prompt setup.Change
	if answers.wantsPrompt {
		if prompt, err = s.askForPrompt(); err != nil {
			return err
		}
	}
	if !systemWide {
		if settings, err = setup.ChangeSettings(s.env, answers.settings); err != nil {
			return err
		}
		s.showDiff(&settings)
	}
	if err := s.apply(&settings, &prompt); err != nil {
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

// findDaemons reports whether the user's own daemon runs or, if it does not, the system-wide daemon serves.
func (s *setupRun) findDaemons(ctx context.Context) (own, systemWide bool) {
	for i, socket := range s.env.Sockets(s.options.Socket) {
		conn, err := client.Dial(ctx, socket, client.Options{IsTrustedUser: s.env.Trusts, ClientName: "omg setup"})
		if err != nil {
			continue
		}
		_, err = conn.Hello(ctx)
		_ = conn.Close()
		if err == nil {
			return i == 0, i > 0
		}
	}
	return false, false
}

// askAll asks at most five questions; the sixth is asked by askForPrompt.
func (s *setupRun) askAll(own, systemWide bool) (answers setupAnswers, err error) {
	if answers.settings, err = setup.Current(s.env); err != nil {
		return answers, err
	}
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
				"Daemon: with omgd, answers take 3 ms, and it knows the AUR, advisories and the numbers for prompts.")
		} else if !own {
			s.say("Daemon: systemd or omgd's units are missing. omg daemon start, in a login script, starts omgd.\n\n")
		}
		ask("Use the AUR?", &answers.settings.AUR,
			"AUR: omgd downloads the list of all packages, about 10 MB, once a day if it has changed, and",
			"sends the names of your installed packages that are in no repository once an hour (a few kB).")
		ask("Use the security tracker?", &answers.settings.Tracker,
			"Security tracker: omgd downloads its list of advisories once an hour if it has changed.",
			"The list has about 1 MB, so this is less than 24 MB a day.")
		ask("Download databases?", &answers.settings.Sync,
			"Fresh counts: omgd downloads pacman's databases into its own directory, without root, so that",
			"the number of updates is current. "+s.downloadCost())
	}
	if err != nil {
		return answers, err
	}
	shell, noShell := setup.ShellName(s.env)
	if noShell != nil {
		s.say("Prompt: %s.\n\n", noShell)
		return answers, nil
	}
	answers.wantsPrompt = s.accept
	ask("Show omg-probe in the prompt of "+shell+"?", &answers.wantsPrompt,
		"Prompt: the versions of node, python and the like that a project uses. It reads only files, in 10 ms.")
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

// apply makes changes, unless --dry-run is set.
func (s *setupRun) apply(changes ...*setup.Change) error {
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

// setUpDaemon enables the daemon's units, if this is wanted. The parameter restart means that the daemon runs with earlier
// settings.
func (s *setupRun) setUpDaemon(ctx context.Context, enable, restart bool) error {
	if enable {
		if err := s.runUnits(ctx, "systemctl --user enable --now omgd.socket", s.daemon.Enable); err != nil {
			return err
		}
	}
	switch {
	case !restart:
		return nil
	case s.daemon.IsManaged():
		return s.runUnits(ctx, "omg daemon restart", s.daemon.Restart)
	}
	s.say("omgd uses the new settings after: omg daemon restart")
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

// askForPrompt returns the change that adds omg-probe to the startup file of the user's shell, if the user agrees. Otherwise it
// prints the line, for the user to add it.
func (s *setupRun) askForPrompt() (setup.Change, error) {
	shell, err := setup.ShellName(s.env)
	if err != nil {
		return setup.Change{}, err
	}
	offered, err := setup.ChangePrompt(s.env, shell)
	if err != nil {
		s.printNote(err.Error())
	} else if offered.IsEmpty() {
		s.say("%s already shows omg-probe.", offered.Path)
		return offered, nil
	}
	agreed, err := s.askToWrite("Write this to", &offered)
	if err == nil && agreed.IsEmpty() {
		s.say("Add this line to the end of %s:\n  %s", setup.StartupFile(s.env, shell), setup.PromptLine(shell))
	}
	return agreed, err
}

// undo removes what omg setup has set up: the blocks, and the links that enable the units.
func (s *setupRun) undo(ctx context.Context) error {
	settings, err := setup.RemoveSettings(s.env)
	if err != nil {
		return err
	}
	s.showDiff(&settings)
	changes := []*setup.Change{&settings}
	for _, shell := range setup.Shells {
		change, err := setup.RemovePrompt(s.env, shell)
		if err != nil {
			s.printNote(err.Error())
			continue
		}
		agreed, err := s.askToWrite("Remove this from", &change)
		if err != nil {
			return err
		}
		if agreed.IsEmpty() && !change.IsEmpty() && !s.dryRun {
			s.say("Remove these lines from %s yourself.", change.Path)
		}
		changes = append(changes, &agreed)
	}
	if err := s.apply(changes...); err != nil {
		return err
	}
	if s.daemon.IsManaged() {
		if err := s.runUnits(ctx, "systemctl --user disable --now omgd.socket omgd.service", s.daemon.Disable); err != nil {
			return err
		}
	}
	if s.dryRun {
		s.say("Nothing was changed.")
	}
	return nil
}

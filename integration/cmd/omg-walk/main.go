// Command omg-walk runs a walk: a text with the commands of a new user and what they print, in a Debian that is booted by
// systemd-nspawn. scripts/check-walk.sh prepares the Debian.
//
// In a walk, a line that does not begin with two spaces is a comment, except for empty lines above a line of output. The other lines are
// commands and their output:
//
//	alice$ COMMAND   a command in a login shell of the user alice, whose standard error is shown with its standard output
//	root# COMMAND    a command of root
//	wait$ COMMAND    a command of alice that is repeated until it succeeds; its output is not shown
//	wait# COMMAND    the same for root
//	alice> COMMAND   a command of alice on a terminal; all that the terminal shows is the output
//	alice>> COMMAND  the same, without the output, for programs that draw
//	< KEYS           keys that are typed on the terminal, as in a string of Go
//	= TEXT           a text that the terminal shows after these keys
//	? TEXT           a text in the prompt of the shell on the terminal. The first prompts may not have it: omg-probe gives up after
//	                 10 ms, which a busy machine needs for its start
//	.                the command on the terminal ends
//	[NUMBER]         the exit code, if it is not 0
//
// Times, numbers of processes and versions are replaced by the same words in each run.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

func main() {
	root := flag.String("root", "", "the `DIR` of the Debian")
	path := flag.String("walk", "", "the `FILE` with the walk")
	update := flag.Bool("update", false, "write what the commands print into the file")
	version := flag.String("version", "", "the version of omg, which is replaced by VERSION")
	flag.Parse()
	if err := run(*root, *path, *version, *update); err != nil {
		fmt.Fprintln(os.Stderr, "omg-walk: error:", err)
		os.Exit(1)
	}
}

func run(root, path, version string, update bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	steps, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	m, err := boot(root)
	if err != nil {
		return err
	}
	got, err := walk(m, steps, newNormalizer(version))
	if err := errors.Join(err, m.powerOff()); err != nil {
		return err
	}
	if update {
		return os.WriteFile(path, []byte(got), 0o644)
	}
	if got != string(text) {
		return showDifference(path, got)
	}
	return nil
}

// showDifference prints how the recorded walk and this walk differ.
func showDifference(path, got string) error {
	diff := exec.Command("diff", "-u", "--label", "recorded", "--label", "now", path, "-")
	diff.Stdin, diff.Stdout, diff.Stderr = strings.NewReader(got), os.Stdout, os.Stderr
	_ = diff.Run()
	return fmt.Errorf("the walk is not as recorded in %s; make check-walk UPDATE=1 records it again", path)
}

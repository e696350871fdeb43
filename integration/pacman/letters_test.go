package pacman

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// linesEach is the number of command lines that TestLetters runs on one system.
const linesEach = 25

// modifiers lists, for each operation, the letters with which it is combined. A letter may occur twice.
var modifiers = map[string]string{
	"Q": "cdegiikklmnoqqsttu",
	"D": "kkq",
	"S": "giilqqs",
	"T": "",
}

// longOfLetter is the long form of letters, for operations in which the letter has one.
var longOfLetter = map[string]map[byte]string{
	"Q": {
		'c': "changelog", 'd': "deps", 'e': "explicit", 'g': "groups", 'i': "info", 'k': "check", 'l': "list", 'm': "foreign", 'n': "native", 'o': "owns",
		'p': "file", 'q': "quiet", 's': "search", 't': "unrequired", 'u': "upgrades",
	},
	"S": {'g': "groups", 'i': "info", 'l': "list", 'q': "quiet", 's': "search"},
	"D": {'k': "check", 'q': "quiet"},
}

var longOfOperation = map[string]string{"Q": "query", "S": "sync", "D": "database", "T": "deptest"}

// TestLetters runs command lines in pacman's own form with omg and with pacman, on random systems. Standard output and the exit
// codes must be the same, and so must the errors and warnings, without the name of the program.
func TestLetters(t *testing.T) {
	need.Program(t, "pacman")
	systems := 6
	if os.Getenv("OMG_SOAK") != "" {
		systems = 2000
	}
	for i := range systems {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			d := newDice(seed+1, uint64(i))
			s := newRandomSystem(t, d)
			if s.damaged {
				t.Skip("pacman and omg read different parts of a damaged database: see TestDamaged")
			}
			ways := [][]string{{"--no-daemon", "--data-dir", t.TempDir(), "--pacman-config", s.PacmanConf, "-b", s.DB}}
			if i%6 == 0 {
				s.BuildIndexes()
				ways = append(ways, []string{"--no-daemon", "--index", s.IndexDir(), "--config", s.PacmanConf, "--dbpath=" + s.DB}, []string{"--socket", s.StartDaemon().Socket})
			}
			for range linesEach {
				requireSameLetters(t, s.System, ways, s.letterLine(d), "")
			}
		})
	}
}

// letterLine returns a random command line.
func (s *randomSystem) letterLine(d dice) (args []string) {
	operations := slices.Sorted(func(yield func(string) bool) {
		for o := range modifiers {
			if !yield(o) {
				return
			}
		}
	})
	operations = append(operations, "Q", "Q", "S")
	operation := pick(d, operations)
	var letters []byte
	if m := modifiers[operation]; m != "" {
		for range d.IntN(4) {
			letters = append(letters, m[d.IntN(len(m))])
		}
	}
	if operation == "S" && !strings.ContainsAny(string(letters), "gils") {
		letters = append(letters, pick(d, []byte("gils"))) // otherwise the line would install packages
	}
	if operation == "D" && !slices.Contains(letters, 'k') {
		letters = append(letters, 'k')
	}
	args = d.spell(operation, letters)
	targets := s.targets(d, letters)
	switch {
	case d.oneIn(4):
		args = append(append(args, "--"), targets...)
	case d.oneIn(4):
		args = append(targets, args...)
		if len(targets) > 0 && !strings.HasPrefix(args[0], "-") {
			args = append(args[len(targets):], targets...) // omg takes a first word for the name of a command
		}
	default:
		args = append(args, targets...)
	}
	if d.oneIn(6) {
		args = append([]string{"--color", pick(d, []string{"always", "auto", "never"})}, args...)
	}
	return args
}

// spell returns an operation and letters in one of the forms that pacman accepts.
func (d dice) spell(operation string, letters []byte) (args []string) {
	switch d.IntN(4) {
	case 0: // long options
		args = []string{"--" + longOfOperation[operation]}
		for _, c := range letters {
			args = append(args, "--"+longOfLetter[operation][c])
		}
	case 1: // one letter in each argument
		args = []string{"-" + operation}
		for _, c := range letters {
			args = append(args, "-"+string(c))
		}
	case 2: // the operation is not the first letter
		all := append([]byte(operation), letters...)
		d.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		args = []string{"-" + string(all)}
	default:
		args = []string{"-" + operation + string(letters)}
	}
	return args
}

// targets returns random targets that suit the letters.
func (s *randomSystem) targets(d dice, letters []byte) (targets []string) {
	for range d.IntN(3) {
		var t string
		switch {
		case slices.Contains(letters, 's'):
			t = pick(d, []string{"^a", "lib", "^$", "a|b", ".", "[ab]", "c\\+\\+", "c++", "x.*z$", "GRÖSSE", "(tool|app)-", "", "[", "name:a", "repo:core", "-"})
		case slices.Contains(letters, 'g'):
			t = pick(d, append([]string{"nope", ""}, someGroups...))
		case slices.Contains(letters, 'o'):
			t = s.Path("root") + pick(d, []string{"/usr", "/usr/", "/usr/share/always", "/usr//share/./always", "/none/x", "", "/"})
			if d.oneIn(6) {
				t = pick(d, []string{"", "/", ".", "sh", "no-such-program", "/usr/bin/sh"})
			}
		case slices.Contains(letters, 'l') && d.oneIn(2):
			t = pick(d, []string{"core", "extra", "own", "nope"})
		default:
			t = pick(d, []string{pick(d, s.names), pick(d, s.names), d.relation(s.names, false), "local/" + pick(d, s.names), "core/" + pick(d, s.names), "nope", "always", "", "none/a", "/"})
		}
		if t != "-" {
			targets = append(targets, t)
		}
	}
	return targets
}

// requireSameLetters runs a command line with pacman and, in each of the ways, with omg.
func requireSameLetters(t testing.TB, s *harness.System, ways [][]string, args []string, stdin string) {
	t.Helper()
	run := func(program string, args ...string) harness.Result {
		cmd := s.Command(program, args...)
		if stdin != "" {
			cmd.Stdin = strings.NewReader(stdin)
		}
		return harness.Run(t, cmd)
	}
	pacman, err := exec.LookPath("pacman")
	require.NoError(t, err)
	want := run(pacman, append([]string{"--config", s.PacmanConf, "-b", s.DB}, args...)...)
	// An invalid size is 0 for omg.
	want.Stdout = strings.ReplaceAll(want.Stdout, "Installed Size  : -1.00 B", "Installed Size  : 0.00 B")
	for _, way := range ways {
		got := run("omg", slices.Concat(way, args)...)
		what := fmt.Sprintf("omg %q\npacman: %s\nomg: %s", slices.Concat(way, args), want.Stderr, got.Stderr)
		require.Equal(t, want.Stdout, got.Stdout, what)
		require.Equal(t, want.Code, got.Code, what)
		require.Equal(t, messages(want.Stderr, ""), messages(got.Stderr, "omg: "), what)
	}
}

var (
	colorCode = regexp.MustCompile("\x1b\\[[0-9;]*m")
	// unequalMessages are messages whose text differs between pacman and omg. Only the beginning is compared.
	unequalMessages = regexp.MustCompile(`^(error: (search failed|could not open file|no file list|database '[^']*' )).*`)
	// ownMessages are messages that are not compared. About damaged entries of databases, omg has one line for all, or omg status has
	// the report. Pacman also has messages about a second section of a repository, and about the terminal, which it opens after it
	// has read standard input.
	ownMessages = regexp.MustCompile(`corrupted database entry|/desc: |some installed packages could not be read|invalid name for database|database is inconsistent|could not register|` +
		`duplicated database entry|failed to reopen stdin`)
)

// messages returns the errors and warnings on standard error, in the form of pacman.
func messages(stderr, prefix string) []string {
	list := []string{}
	for line := range strings.Lines(colorCode.ReplaceAllString(stderr, "")) {
		line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), prefix), ".")
		switch {
		case ownMessages.MatchString(line), strings.HasPrefix(line, "hint: "):
			continue
		case strings.HasPrefix(line, "pacman: "): // getopt's
			line = "error: " + strings.TrimPrefix(line, "pacman: ")
		}
		list = append(list, unequalMessages.ReplaceAllString(line, "$1"))
	}
	return list
}

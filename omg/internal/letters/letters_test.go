package letters

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/termtext"
)

func TestParse(t *testing.T) {
	l, err := Parse([]string{"a", "-Qii", "--li", "-bD", "b", "--color=never", "-r", "R", "--", "-c"})
	require.NoError(t, err)
	require.Equal(t, byte('Q'), l.Operation)
	require.Equal(t, []string{"a", "b", "-c"}, l.Targets)
	require.Equal(t, []int{2, 1, 0}, []int{l.Count("info"), l.Count("list"), l.Count("check")})
	require.Equal(t, []string{"D", "R", "never"}, []string{l.Value("dbpath"), l.Value("root"), l.Value("color")})
	for line, want := range map[string]string{
		"-Q --d":        "option '--d' is ambiguous",
		"-Q --nope":     "unrecognized option '--nope'",
		"-Q --info=1":   "option '--info' doesn't allow an argument",
		"-Q -b":         "option requires an argument -- 'b'",
		"-Q --root":     "option '--root' requires an argument",
		"-Qse":          "invalid option: '--search' and '--explicit' may not be used together",
		"-Ssl":          "invalid option: '--search' and '--list' may not be used together",
		"-Qed":          "invalid option: '--deps' and '--explicit' may not be used together",
		"-T --color x":  "invalid argument 'x' for --color",
		"-Dk --asdeps":  "invalid option: '--asdeps' and '--check' may not be used together",
		"-k":            "no operation specified",
		"-Rnp --dbonly": "invalid option: '--print' and '--dbonly' may not be used together",
	} {
		_, err := Parse(strings.Fields(line))
		require.ErrorContains(t, err, want, line)
	}
}

func TestKind(t *testing.T) {
	for line, want := range map[string]Kind{
		"-Q": Reads, "-Qpi a": Reads, "-Ss": Reads, "-Sg": Reads, "-Dk": Reads, "-T a": Reads,
		"-S a": Writes, "-Sys a": Writes, "-Sc": Writes, "-D --asdeps a": Writes, "-Fy": Writes, "-R a": Writes, "-U a": Writes,
		"-Qpu a": Reads, "-Q --sysroot /x": Reads, "-Qv": Reads, "-F a": Reads, "-Fl": Reads, "-Fxq a": Reads,
		"-Sp a": Unanswered, "-Rp a": Unanswered, "-Q --debug": Unanswered, "-S --debug a": Writes,
	} {
		l, err := Parse(strings.Fields(line))
		require.NoError(t, err, line)
		require.Equal(t, want, l.Kind(), line)
	}
}

// TestPacmanCommand checks that a shell reads the printed line as the same words, without omg's own options, and that a terminal shows it
// as it is.
func TestPacmanCommand(t *testing.T) {
	bash := need.Program(t, "bash")
	for _, args := range [][]string{
		{"-Syu"},
		{"-S", "--needed", "x"},
		{"-Rns", "x"},
		{"-nRs", "x", "y"},
		{"--sync", "--refresh", "--sysupgrade"},
		{"-S", "--", "-x", "--needed"},
		{"-S", "-y", "x"},
		{"--remove", "--recursive", "--", "--"},
		{"-U", "./a b.pkg.tar.zst"},
		{"-S", "it's", "$(id)", "`id`", "a;b", "*", "", "~"},
		{"-S", "a\x1b[31mb", "new\nline", "tab\there", "bidi\u202e", "bad\xff'\\", "größe"},
		{"-D", "--asdeps", "x"},
		{"-Scc", "--noconfirm"},
		{"-S", "x", "--overwrite", "*", "--config=/a b", "-b", "/db"},
		{"-Fy"},
		{"-Swb/db", "x"},
		{"--sync", "x"},
		{"-S", "--ignore=a,b", "x"},
	} {
		l, err := Parse(append([]string{"--no-daemon", "--data-dir", "-S", "--socket=x"}, args...))
		require.NoError(t, err, "%q", args)
		require.Equal(t, Writes, l.Kind(), "%q", args)
		line := l.PacmanCommand("sudo pacman")
		require.Equal(t, termtext.Clean(line), line)
		require.NotContains(t, line, "\n")
		out, err := exec.Command(bash, "-c", "printf '%s\\0' "+line).Output()
		require.NoError(t, err, line)
		require.Equal(t, append([]string{"sudo", "pacman"}, args...), strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), line)
	}
}

func TestSearchRequest(t *testing.T) {
	for target, want := range map[string]string{"lib": "lib", "a b": "a b", "c++": "c++", "": "()", "name:a": "(name:a)"} {
		l := &Line{Targets: []string{target}}
		r := l.SearchRequest()
		require.Equal(t, []string{want}, r.Words)
		require.Equal(t, target != "lib" && target != "a b", r.Regex, target)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("-Qe -- a", "--color=never")
	f.Fuzz(func(t *testing.T, line, more string) {
		args := append(strings.Fields(line), more)
		IsOperation(more)
		SkipOption(args)
		if l, err := Parse(args); err == nil && l.Operation == 0 && !l.Help && !l.Version {
			t.Fatal("no operation and no error")
		}
	})
}

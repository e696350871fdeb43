package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/exit"
)

func app(action cli.ActionFunc) *cli.App {
	return &cli.App{
		Name:  "prog",
		Flags: []cli.Flag{&cli.StringFlag{Name: "socket", Aliases: []string{"s"}}, &cli.BoolFlag{Name: "loud"}},
		Commands: []*cli.Command{
			{
				Name: "find", Aliases: []string{"f"}, Action: action,
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}}, &cli.BoolFlag{Name: "regex", Aliases: []string{"x"}},
					&cli.IntFlag{Name: "limit"}, &cli.StringSliceFlag{Name: "repo"},
				},
			},
			{Name: "cache", Subcommands: []*cli.Command{{Name: "clear", Action: action, Flags: []cli.Flag{&cli.BoolFlag{Name: "all"}}}}},
		},
	}
}

func TestRun_FlagsAnywhere(t *testing.T) {
	const want = "find find|-s /x|-q|-limit 3|-repo a,b|words one -two find"
	for _, line := range []string{
		"--socket /x find -q --limit 3 --repo a --repo b -- one -two find",
		"find --socket=/x -q --limit=3 --repo a --repo b -- one -two find",
		"find one -q -s /x --limit 3 --repo a --repo b -- -two find",
		"f --repo a one --repo b --socket /x --limit 3 -q -- -two find",
	} {
		var got string
		code := Run(context.Background(), app(func(c *cli.Context) error {
			got = "find " + c.Command.Name + "|-s " + c.String("socket")
			if c.Bool("quiet") {
				got += "|-q"
			}
			got += "|-limit " + c.String("limit")
			got += "|-repo " + strings.Join(c.StringSlice("repo"), ",") + "|words " + strings.Join(c.Args().Slice(), " ")
			return nil
		}), append([]string{"prog"}, strings.Fields(line)...), &bytes.Buffer{}, &bytes.Buffer{})
		require.Zero(t, code, line)
		require.Equal(t, want, got, line)
	}
}

func TestRun_SubcommandsAndShortFlags(t *testing.T) {
	ran := 0
	run := func(args ...string) int {
		return Run(context.Background(), app(func(c *cli.Context) error {
			ran++
			switch c.Command.Name {
			case "clear":
				require.True(t, c.Bool("all"))
				require.True(t, c.Bool("loud"))
			case "find":
				require.True(t, c.Bool("quiet"))
				require.True(t, c.Bool("regex"))
				require.Equal(t, []string{"-"}, c.Args().Slice())
			}
			return nil
		}), append([]string{"prog"}, args...), &bytes.Buffer{}, &bytes.Buffer{})
	}
	require.Zero(t, run("--loud", "cache", "clear", "--all"))
	require.Zero(t, run("find", "-", "-qx"))
	require.Equal(t, 2, ran)
}

func TestRun_Errors(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   int
		stderr string
	}{
		{nil, 0, ""},
		{exit.QuietError(exit.NotFound), 1, ""},
		{errors.New("some\nthing\x1b[31m"), 3, "prog: error: some; thing\uFFFD[31m\n"},
		{Usagef("bad %s", "word"), 2, "prog: error: bad word\nprog: hint: see prog find --help\n"},
		{&exit.Error{Code: exit.Network, Err: errors.New("no net"), Hint: "plug it in"}, 4, "prog: error: no net\nprog: hint: plug it in\n"},
	} {
		var out, stderr bytes.Buffer
		code := Run(context.Background(), app(func(*cli.Context) error { return c.err }), []string{"prog", "find"}, &out, &stderr)
		require.Equal(t, c.code, code)
		require.Equal(t, c.stderr, stderr.String())
		require.Empty(t, out.String())
	}
}

func TestRun_WrongUsage(t *testing.T) {
	for _, line := range []string{"find --nonsense", "find --limit x", "--nonsense", "find --limit", "help nonsense"} {
		var out, stderr bytes.Buffer
		code := Run(context.Background(), app(func(*cli.Context) error { return nil }), append([]string{"prog"}, strings.Fields(line)...), &out, &stderr)
		require.Equal(t, exit.Usage, code, line)
		require.Empty(t, out.String(), line)
		require.Equal(t, 2, strings.Count(stderr.String(), "\n"), stderr.String())
		require.True(t, strings.HasPrefix(stderr.String(), "prog: error: "), stderr.String())
	}
}

func TestRun_EmptyListElement(t *testing.T) {
	for _, line := range [][]string{{"find", "--repo", ""}, {"find", "--repo=core,,extra"}, {"find", "--repo", "core", "--repo="}} {
		var out, stderr strings.Builder
		code := Run(context.Background(), app(func(*cli.Context) error {
			t.Error("it ran")
			return nil
		}), append([]string{"prog"}, line...), &out, &stderr)
		require.Equal(t, exit.Usage, code, line)
		require.Equal(t, "prog: error: --repo must not be empty\nprog: hint: see prog find --help\n", stderr.String())
	}
}

func TestRun_LongErrors(t *testing.T) {
	for _, word := range []string{strings.Repeat("x", 100_000), strings.Repeat("é", 50_000), strings.Repeat("x", 379) + strings.Repeat("日", 1000)} {
		var out, stderr strings.Builder
		code := Run(context.Background(), app(func(c *cli.Context) error { return Usagef("no %s: there is nothing", c.Args().First()) }),
			[]string{"prog", "find", word}, &out, &stderr)
		require.Equal(t, exit.Usage, code)
		line, _, _ := strings.Cut(stderr.String(), "\n")
		require.Less(t, len(line), 600)
		require.True(t, utf8.ValidString(line))
		require.True(t, strings.HasPrefix(line, "prog: error: no "+string([]rune(word)[:100])))
		require.True(t, strings.HasSuffix(line, ": there is nothing"))
		require.Equal(t, 1, strings.Count(line, "…"))
	}
}

func TestRun_Interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var out, stderr strings.Builder
	code := Run(ctx, app(func(c *cli.Context) error {
		cancel()
		return fmt.Errorf("reading it: %w", c.Context.Err())
	}), []string{"prog", "find"}, &out, &stderr)
	require.Equal(t, exit.Failed, code)
	require.Equal(t, "prog: error: interrupted\n", stderr.String())
	require.Empty(t, out.String())
}

// full is a writer that fails like a file on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestRun_HelpOnStdout(t *testing.T) {
	for _, line := range []string{
		"--help", "-h", "--version", "find --help", "cache --help", "cache clear --help", "help", "help find",
		"find word --help", "find --help word", "find -h word -q", "cache clear word --help", "word --help",
	} {
		var out, stderr bytes.Buffer
		code := Run(context.Background(), app(func(*cli.Context) error { return nil }), append([]string{"prog"}, strings.Fields(line)...), &out, &stderr)
		require.Zero(t, code, line)
		require.NotEmpty(t, out.String(), line)
		require.Empty(t, stderr.String(), line)
		code = Run(context.Background(), app(nil), append([]string{"prog"}, strings.Fields(line)...), full{}, &stderr)
		require.Equal(t, exit.Failed, code, line)
		require.Equal(t, "prog: error: no room\n", stderr.String(), line)
	}
	require.Equal(t, "Exit codes: 0 answered; 2 wrong usage.", ExitCodesHelp(exit.OK, exit.Usage))
}

// TestRun_HelpTopics checks that help prints the same for a command as --help does.
func TestRun_HelpTopics(t *testing.T) {
	run := func(line string) string {
		var out, stderr bytes.Buffer
		require.Zero(t, Run(context.Background(), app(nil), append([]string{"prog"}, strings.Fields(line)...), &out, &stderr), line)
		require.Empty(t, stderr.String(), line)
		return out.String()
	}
	for _, topic := range []string{"find", "cache", "cache clear"} {
		require.Equal(t, run(topic+" --help"), run("help "+topic))
		require.Equal(t, run(topic+" --help"), run("h "+topic))
		require.Equal(t, run(topic+" --help"), run("--loud --socket x help "+topic), "after flags of the program")
	}
	require.Contains(t, run("help cache"), "clear")
}

func TestRun_FlagErrors(t *testing.T) {
	for line, want := range map[string]string{
		"find --nonsense":          `unknown flag "nonsense"`,
		"find -Ss word":            `unknown flag "Ss"`,
		"find word --limit":        "--limit needs a value",
		"find word --repo":         "--repo needs a value",
		"find word -q --socket":    "--socket needs a value",
		"find word -s":             "-s needs a value",
		"cache clear --socket":     "--socket needs a value",
		"find --limit x word":      `invalid value "x" for --limit`,
		"find --quiet=maybe word":  `invalid value "maybe" for --quiet`,
		"find -q=maybe":            `invalid value "maybe" for -q`,
		"find --limit=-\"-x-for:":  `invalid value "-\"-x-for:" for --limit`,
		"find --limit=1-for-flag-": `invalid value "1-for-flag-" for --limit`,
	} {
		var out, stderr bytes.Buffer
		code := Run(context.Background(), app(func(*cli.Context) error { return nil }), append([]string{"prog"}, strings.Fields(line)...), &out, &stderr)
		require.Equal(t, exit.Usage, code, line)
		named := "find"
		if strings.HasPrefix(line, "cache") {
			named = "cache clear"
		}
		require.Equal(t, "prog: error: "+want+"\nprog: hint: see prog "+named+" --help\n", stderr.String(), line)
		require.Empty(t, out.String(), line)
	}
}

// TestRun_UnknownFlag checks the hint at an unknown flag: similar flags of the command and of the program.
func TestRun_UnknownFlag(t *testing.T) {
	for line, hint := range map[string]string{
		"find --qiet": "did you mean: --quiet", "find -limti 3 word": "did you mean: --limit", "find --lim=3": "did you mean: --limit",
		"find word --re": "did you mean: --regex --repo", "find --sokcet /x": "did you mean: --socket", "--lodu find": "did you mean: --loud",
		"cache clear --al": "did you mean: --all", "cache --all": "see prog cache --help", "find -y": "see prog find --help",
		"find --nonsense": "see prog find --help", "--nonsense": "see prog --help", "-s /x find --nonsense": "see prog find --help",
		"f --nonsense": "see prog find --help", "find --inter": "see prog find --help",
	} {
		var out, stderr bytes.Buffer
		a := app(func(*cli.Context) error { return nil })
		a.Flags = append(a.Flags, &cli.BoolFlag{Name: "internal", Hidden: true})
		code := Run(context.Background(), a, append([]string{"prog"}, strings.Fields(line)...), &out, &stderr)
		require.Equal(t, exit.Usage, code, line)
		require.Contains(t, stderr.String(), "prog: error: unknown flag ", line)
		require.Contains(t, stderr.String(), "\nprog: hint: "+hint+"\n", line)
	}
}

func TestNoCommand(t *testing.T) {
	commands := []string{"search", "info", "why", "cache", "status"}
	for name, hint := range map[string]string{
		"serach": "did you mean: search", "inof": "did you mean: info", "wyh": "see --help", "wh": "did you mean: why",
		"stats": "did you mean: status", "version": "see --help", "x": "see --help", "": "see --help",
		strings.Repeat("search", 1000): "see --help",
	} {
		var e *exit.Error
		require.ErrorAs(t, UnknownCommand(name, commands), &e)
		require.Equal(t, exit.Usage, e.Code)
		require.Equal(t, hint, e.Hint, name)
	}
	require.EqualError(t, UnknownCommand("\n", commands), `unknown command "\n"`)
	require.Equal(t, 3, editDistance("kitten", "sitting"))
	require.Equal(t, 4, editDistance("", "info"))
}

func TestHelp_NoNoise(t *testing.T) {
	help := func(a *cli.App, line string) string {
		var out, stderr bytes.Buffer
		require.Zero(t, Run(context.Background(), a, append([]string{"prog"}, strings.Fields(line)...), &out, &stderr))
		return out.String()
	}
	nothing := func(*cli.Context) error { return nil }
	for _, line := range []string{"--help", "find --help", "cache clear --help"} {
		text := help(app(nothing), line)
		require.NotContains(t, text, "default: false", line)
		require.Equal(t, line != "--help", strings.Contains(text, "Global options: see prog --help"), line)
	}
	require.Contains(t, help(app(nothing), "--help"), "help, h")
	one := help(&cli.App{Name: "prog", Action: nothing}, "--help")
	require.NotContains(t, one, "COMMANDS", "a program without commands has no command help")
	require.NotContains(t, one, "command [command options]")
}

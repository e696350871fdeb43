package app

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/flags"
	"github.com/omg-arch/omg/shared/command"
)

// TestBrowse_Arguments checks that omg-browse gets the same values and words, wherever the flags are.
func TestBrowse_Arguments(t *testing.T) {
	for _, c := range []struct{ typed, want []string }{
		{[]string{"browse"}, []string{"--"}},
		{[]string{"--socket", "-x y", "browse", "--print0", "a", "--view", "files"}, []string{"--socket=-x y", "--print0=true", "--view=files", "--", "a"}},
		{[]string{"browse", "a", "-s", "browse", "--index", "1", "--index=2", "--no-daemon"}, []string{"--socket=browse", "--index=1", "--index=2", "--no-daemon=true", "--", "a"}},
		{[]string{"--dbpath=", "browse", "--", "--print0", "browse"}, []string{"--dbpath=", "--", "--print0", "browse"}},
		{[]string{"browse", "--print0=false"}, []string{"--print0=false", "--"}},
	} {
		a := &app{}
		var got []string
		made := browseCommand(a)
		made.Action = func(ctx *cli.Context) error {
			got = browseArguments(ctx, slices.Concat(flags.Sources(&backend.Options{}, &cli.StringSlice{}), made.Flags))
			return nil
		}
		program := &cli.App{Name: "omg", Flags: a.globalFlags(), Commands: []*cli.Command{made}}
		require.Zero(t, command.Run(t.Context(), program, append([]string{"omg"}, c.typed...), nil, nil))
		require.Equal(t, c.want, got, "%q", c.typed)
	}
}

func TestBrowse_Usage(t *testing.T) {
	for _, args := range [][]string{
		{"browse", "--prnt0"},
		{"browse", "--view", "all"},
		{"browse", "--helper", "pacman"},
		{"browse", "--helper="},
		{"browse", "--format", "{{"},
		{"browse", "--strict"},
	} {
		code, out, stderr := (&fake{}).run(t, args...)
		require.Equal(t, 2, code, "%q", args)
		require.Empty(t, out)
		require.Contains(t, stderr, "omg: error: ")
	}
	_, _, stderr := (&fake{}).run(t, "browse", "--prnt0")
	require.Contains(t, stderr, "omg: hint: did you mean: --print0")
	_, out, _ := (&fake{}).run(t, "browse", "--help")
	require.Contains(t, out, "omg browse - ")
	require.Contains(t, out, "130 ended by Esc or Ctrl-C")
}

func TestBrowse_NotInstalled(t *testing.T) {
	code, out, stderr := (&fake{}).run(t, "browse", "x")
	require.Equal(t, 3, code)
	require.Empty(t, out)
	require.Contains(t, stderr, "omg: error: the package browser cannot run: omg-browse is not installed in ")
}

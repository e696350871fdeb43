package badinput

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// TestOutput_Fails checks that a reader that closes the pipe is not an error, but a full disk is one.
func TestOutput_Fails(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	s.BuildIndexes()
	d := s.StartDaemon()
	omg, index := s.Program("omg"), s.Program("omg-index")
	key, published := s.Path("key"), s.Path("published")
	for _, args := range [][]string{
		{"keygen", "-W", "-s", key, "-p", key + ".pub"}, append([]string{"publish", "-s", key, "--out", published}, s.DatabaseFlags()...),
	} {
		r := s.Run(index, args...)
		require.Zero(t, r.Code, r.Stderr)
	}
	direct := slices.Concat([]string{omg, "--no-daemon"}, s.PathFlags())
	for name, line := range map[string][]string{
		"search":        {omg, "--socket", d.Socket, "search", "a"},
		"search json":   {omg, "--socket", d.Socket, "search", "a", "--json"},
		"search direct": append(slices.Clone(direct), "search", "a"),
		"info":          {omg, "--socket", d.Socket, "info", "glibc"},
		"dump":          {index, "dump", s.IndexPath("extra")},
		"verify":        {index, "verify", s.IndexPath("extra")},
		"index info":    {index, "info", s.IndexPath("extra")},
		"index json":    {index, "info", "--json", s.IndexPath("extra")},
		"build":         append([]string{index, "build", "-o", s.Path("other")}, s.DatabaseFlags()...),
		"publish":       append([]string{index, "publish", "-s", key, "--out", published}, s.DatabaseFlags()...),
		"keys":          {index, "keys", "-s", key, "--out", published, key + ".pub"},
		"pull":          {index, "pull", "-p", key + ".pub", "--data-dir", s.Path("puller"), published},
		"help":          {omg, "--help"},
		"search help":   {omg, "search", "--help"},
		"version":       {omg, "--version"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.ForSubtest(t)
			r := runShell(s, "exec \"$@\" >/dev/full", line)
			harness.RequireError(t, r, filepath.Base(line[0]), failed, "no space left")
			r = runShell(s, "\"$@\" | true; exit ${PIPESTATUS[0]}", line)
			require.Empty(t, r.Stderr)
			require.Contains(t, []int{answered, 141}, r.Code, "141 is the shell's word for the signal")
			if name == "search" {
				r = runShell(s, "\"$@\" | head -1", line)
				require.Empty(t, r.Stderr)
				require.Len(t, r.Lines(), 1)
			}
			r = runShell(s, "exec \"$@\" >&-", line)
			harness.RequireSafeOutput(t, r)
			require.Contains(t, []int{answered, failed}, r.Code)
		})
	}
}

// runShell runs a script in bash. In the script, "$@" is the command line in the parameter line.
func runShell(s *harness.System, script string, line []string) harness.Result {
	s.T.Helper()
	return s.Run(need.Program(s.T, "bash"), append([]string{"-c", script, "bash"}, line...)...)
}

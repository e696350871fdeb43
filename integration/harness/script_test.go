package harness

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestScript_Lines checks which lines of a script decide how often it runs, and which are refused.
func TestScript_Lines(t *testing.T) {
	for _, line := range []string{
		"omg search lib", "! omg search lib", "exits 1 omg search", "fails 2 omg search", "same -Qdt -- orphans",
		"await '^a b$' omg installed", "await x omg installed",
	} {
		require.True(t, omgLinePattern.MatchString("# A phase.\n"+line+"\n"), line)
	}
	for _, line := range []string{
		"omg-index build", "omg-probe node", "exits 1 omg-index build", "fails 2 exec omg -Ss x", "exec omg which node",
		"await '^omg x' omg-probe node", "stdout 'omg search'", "# omg search",
	} {
		require.False(t, omgLinePattern.MatchString(line+"\n"), line)
	}
	require.True(t, daemonCommandPattern.MatchString("generate 1 1\nomgd --index x\n"))
	require.False(t, daemonCommandPattern.MatchString("exec omgd --version\nfails 3 exec omgd\n"))
	require.True(t, stopCommandPattern.MatchString("omgd\nstop\n"))
	require.False(t, stopCommandPattern.MatchString("omgd\nomgd-stop\n"))
}

package screens

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// TestClock_OnlyInTests checks that the programs that users have cannot get another time from a variable.
func TestClock_OnlyInTests(t *testing.T) {
	const variable = "OMG_TEST_TIME"
	has := func(dir, name string) bool {
		path := filepath.Join(dir, name)
		require.NoError(t, exec.Command(path, "--version").Run())
		return bytes.Contains(harness.ReadFile(t, path), []byte(variable))
	}
	for _, name := range []string{"omg", "omg-direct", "omgd", "omg-index"} {
		require.True(t, has(harness.TestClockProgramsDir(t), name), "%s of this test", name)
		require.False(t, has(harness.ProgramsDir(t), name), "%s must not have the build tag testclock", name)
	}
}

package app

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
)

// TestAURCheck_Live checks the notes about the AUR's replies, and that the exit code says that findings may be missing if the AUR has not replied.
func TestAURCheck_Live(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().Add(-time.Hour)
		for want, live := range map[string]backend.LiveReading{
			"omg: note: the AUR was asked 60 minutes ago about 1 package and 2 dependencies\n": {At: &at, AskedCount: 3, DependencyCount: 2},
			"omg: note: the AUR was asked 60 minutes ago about 2 packages and 1 dependency\n" +
				"omg: note: the AUR was not asked about names that its last dump does not contain, because they could be private: \"own\\x1b\"\n": {
				At: &at, AskedCount: 3, DependencyCount: 1, NotAsked: []string{"own\x1b"},
			},
		} {
			f := aurCheck("look")
			f.check.Live = &live
			code, _, stderr := f.run(t, "aur", "check", "look")
			require.Equal(t, exit.OK, code)
			require.Equal(t, want, stderr)
		}
		for want, live := range map[string]backend.LiveReading{
			"the AUR was not asked what changed since its last dump: no network":    {FailureReason: "no network"},
			"too many dependencies: the AUR was not asked about at least 7 of them": {At: &at, AskedCount: 3, DependencyCount: 2, SkippedCount: 7},
		} {
			f := aurCheck("look")
			f.check.Live = &live
			code, stdout, stderr := f.run(t, "aur", "check", "look", "--json")
			require.Equal(t, exit.Network, code)
			require.Contains(t, stderr, "omg: note: "+want+"\n")
			require.Contains(t, stdout, `"certain":false`)
			code, stdout, stderr = f.run(t, "--strict", "aur", "check", "look")
			require.Equal(t, exit.Failed, code)
			require.Empty(t, stdout)
			require.Contains(t, stderr, "the result is partial: "+want)
		}
	})
}

func TestDescribeReplyAge(t *testing.T) {
	for age, want := range map[time.Duration]string{
		-time.Second: "now", time.Second: "now", 5 * time.Second: "5 seconds ago", 119 * time.Second: "119 seconds ago", 4*time.Minute + time.Second: "4 minutes ago",
	} {
		require.Equal(t, want, describeReplyAge(age))
	}
}

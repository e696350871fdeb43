package aurlevel

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/journal"
)

// TestFindBuildChanges checks that a difference between copies is a finding for as long as an event.
func TestFindBuildChanges(t *testing.T) {
	change := func(days int64) BuildChange {
		return BuildChange{ReasonChecksumSkipped, journal.Interval{From: now - 400*day, To: now - days*day}, []string{"x"}}
	}
	changes := []BuildChange{change(91), change(90), change(1)}
	require.Equal(t, []Finding{
		{Level: LevelLook, Reason: ReasonChecksumSkipped, Build: &changes[1]}, {Level: LevelLook, Reason: ReasonChecksumSkipped, Build: &changes[2]},
	}, FindBuildChanges(changes, now))
	require.Empty(t, FindBuildChanges(nil, now))
}

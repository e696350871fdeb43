package aurlevel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFindLive checks each finding that follows from a reply of the AUR, just within and just beyond its limits.
func TestFindLive(t *testing.T) {
	for name, c := range map[string]struct {
		live Live
		want []Finding
	}{
		"nothing":                     {Live{RepliedAt: now, SubmittedAt: now - 15*day}, nil},
		"an unknown submission":       {Live{RepliedAt: now}, nil},
		"submitted 14 days ago":       {Live{RepliedAt: now, SubmittedAt: now - 14*day}, []Finding{{Level: LevelLook, Reason: ReasonYoung, SubmittedAt: now - 14*day}}},
		"submitted more than 14 days": {Live{RepliedAt: now, SubmittedAt: now - 14*day - 1}, nil},
		"all": {
			Live{RepliedAt: now, SubmittedAt: now - day, UpdatedAt: now - 5, PendingRequests: 2, UnknownDependencies: []string{"x", "y"}},
			[]Finding{
				{Level: LevelLook, Reason: ReasonYoung, SubmittedAt: now - day},
				{Level: LevelLook, Reason: ReasonUnknownDependency, Dependencies: []string{"x", "y"}},
				{Level: LevelNote, Reason: ReasonUpdatedSinceDump, UpdatedAt: now - 5},
				{Level: LevelNote, Reason: ReasonPendingRequests, PendingRequests: 2},
			},
		},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, FindLive(&c.live)) })
	}
}

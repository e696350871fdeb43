package app

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/schedule"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/wire"
)

// TestDescribeDemand checks what a user is told about each result of a demanded request.
func TestDescribeDemand(t *testing.T) {
	ended, next := time.Unix(1000, 0), time.Unix(9000, 0)
	failure := &fetch.StatusError{Code: 503}
	for name, c := range map[string]struct {
		result schedule.DemandResult
		want   wire.SourceRefresh
	}{
		"replied": {
			schedule.DemandResult{Sent: true, LastEndedAt: ended, PlannedAt: next},
			wire.SourceRefresh{State: wire.RefreshDone, LastRequestAt: 1000, NextRequestAt: 9000},
		},
		"failed": {
			schedule.DemandResult{Sent: true, Err: failure, LastEndedAt: ended, PlannedAt: next},
			wire.SourceRefresh{State: wire.RefreshFailed, Why: fetch.ErrorText("the AUR", failure), LastRequestAt: 1000, NextRequestAt: 9000},
		},
		"running": {schedule.DemandResult{Sent: true, Running: true}, wire.SourceRefresh{State: wire.RefreshRunning}},
		"failed recently": {
			schedule.DemandResult{Err: errors.New("refused"), AllowedAt: next, LastEndedAt: ended},
			wire.SourceRefresh{State: wire.RefreshRecent, Why: fetch.ErrorText("the AUR", errors.New("refused")), LastRequestAt: 1000, AllowedAt: 9000},
		},
	} {
		source := sourceDemands{name: "aur", server: "the AUR"}
		c.want.Name = "aur"
		require.Equal(t, c.want, source.describe(c.result), name)
	}
}

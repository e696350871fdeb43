package aurlevel

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/config"
)

// TestLevels_Apply checks that a level replaces the usual one, that off leaves a finding out, and that the order follows.
func TestLevels_Apply(t *testing.T) {
	found := func() []Finding {
		return []Finding{{Level: LevelLook, Reason: ReasonAdoptedAndUpdated}, {Level: LevelNote, Reason: ReasonOrphaned}, {Level: LevelNote, Reason: ReasonOutOfDate}}
	}
	require.Equal(t, found(), Levels(nil).Apply(found()))
	levels := ParseLevels(map[string]string{"adopted-and-updated": "note", "orphaned": "off", "out-of-date": "act", "deleted": "look", "recreated": "default"})
	require.Equal(t, []Finding{{Level: LevelAct, Reason: ReasonOutOfDate}, {Level: LevelNote, Reason: ReasonAdoptedAndUpdated}}, levels.Apply(found()))
	require.Empty(t, ParseLevels(map[string]string{"out-of-date": "off"}).Apply([]Finding{{Level: LevelNote, Reason: ReasonOutOfDate}}))
}

// TestLevels_Settings checks that the settings have a level for each reason, and for nothing else.
func TestLevels_Settings(t *testing.T) {
	var reasons []string
	for _, r := range allReasons() {
		reasons = append(reasons, string(r))
	}
	require.ElementsMatch(t, reasons, slices.Collect(maps.Keys(config.Levels{}.ByReason())))
}

// allReasons lists all reasons for findings.
func allReasons() []Reason {
	return []Reason{
		ReasonKnownIncident, ReasonPossibleIncident, ReasonCurrentIncident,
		ReasonAdoptedAndUpdated, ReasonMaintainerAndUpdated, ReasonCoMaintainerAndUpdated, ReasonRecreated, ReasonUpdatedWithoutMaintainer,
		ReasonMoved, ReasonAppeared, ReasonYoungDependency, ReasonYoung, ReasonUnknownDependency, ReasonLookAlike,
		ReasonScriptletDownloads, ReasonScriptletPackageManager, ReasonScriptletEvaluates, ReasonScriptletUnreadable,
		ReasonScriptletEnablesService, ReasonScriptletWritesOutside,
		ReasonChecksumSkipped, ReasonSourceHostChanged, ReasonInstallScriptAdded, ReasonInstallScriptChanged,
		ReasonUpdatedSinceDump, ReasonPendingRequests, ReasonAdopted, ReasonMaintainerChanged, ReasonUpdatedAfterDormancy, ReasonOrphaned,
		ReasonOutOfDate, ReasonDeleted,
	}
}

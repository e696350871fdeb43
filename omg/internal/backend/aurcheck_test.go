package backend

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// FuzzNewAURCheckResult decodes arbitrary bytes as omgd's findings, and converts them.
func FuzzNewAURCheckResult(f *testing.F) {
	value := "bob"
	b, err := msgpack.Marshal(&wire.AURCheckResult{
		Journal: wire.JournalReading{ObservedFrom: 1, ObservedTo: 2, CompleteSince: 1}, CheckedCount: 1, Bases: []string{"a"},
		IncidentLists: []wire.IncidentList{{Location: "/list", Expires: "2027-01-31"}},
		Packages: []wire.CheckedPackage{{Name: "a", Evidence: &wire.InstallEvidence{BuiltAt: 1}, Findings: []wire.AURFinding{{
			Level: "look", Events: []wire.AUREvent{{Base: "a", Old: &value}}, Incident: &wire.AURIncident{First: "2026-06-09"},
			Scriptlet: []wire.ScriptletFact{{Line: 1, Text: "curl"}},
		}}}},
	})
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte{0x81, 0xa8, 'p', 'a', 'c', 'k', 'a', 'g', 'e', 's', 0x91, 0x80})
	now := time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, b []byte) {
		if wire.CheckMessagePack(b) != nil {
			return
		}
		var r wire.AURCheckResult
		if msgpack.Unmarshal(b, &r) != nil {
			return
		}
		all := NewAURCheckResult(&r, now)
		require.Len(t, all.Packages, len(r.Packages))
		require.Equal(t, time.Unix(1_700_000_000-90*86400, 0).UTC(), all.EventsSince.UTC())
		for i := range all.Packages {
			require.Len(t, all.Packages[i].Findings, len(r.Packages[i].Findings))
		}
	})
}

package show

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// TestPrintChecked_Incident checks that a known incident is printed with the dates of the package, the days, what happened and the
// source.
func TestPrintChecked_Incident(t *testing.T) {
	built := time.Date(2026, 6, 12, 12, 0, 0, 0, time.UTC)
	later := built.Add(time.Minute)
	incident := backend.AURIncident{What: "It ran a program.", Source: "https://example.org/news", First: "2026-06-09", Last: "2026-06-16"}
	withVersions := incident
	withVersions.Built, withVersions.InstalledAt, withVersions.Versions = &built, &later, "1-1, 2-1 to 2-9"
	for _, c := range []struct {
		installed string
		incident  *backend.AURIncident
		want      string
	}{
		{"1-1", &withVersions, "bad 1-1\n    act: built " + built.Local().Format(zonedMinuteFormat) + ", installed " + later.Local().Format(zonedMinuteFormat) +
			"; builds from 2026-06-09 to 2026-06-16 (UTC) are harmful, versions 1-1, 2-1 to 2-9: It ran a program. https://example.org/news\n"},
		{"1-1", &incident, "bad 1-1\n    act: build date unknown; builds from 2026-06-09 to 2026-06-16 (UTC) are harmful: It ran a program. https://example.org/news\n"},
		{"", &incident, "bad\n    act: builds from 2026-06-09 to 2026-06-16 (UTC) are harmful: It ran a program. https://example.org/news\n"},
	} {
		var b strings.Builder
		w := bufio.NewWriter(&b)
		Style{}.PrintChecked(w, &backend.CheckedPackage{
			Name: "bad", Base: "bad", Installed: c.installed, Level: "act", Findings: []backend.AURFinding{{Level: "act", Reason: "known-incident", Incident: c.incident}},
		})
		require.NoError(t, w.Flush())
		require.Equal(t, c.want, b.String())
	}
}

package show

import (
	"bufio"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// TestPrintChecked_Scriptlet checks that the lines of a scriptlet are printed safely, and that not too many are.
func TestPrintChecked_Scriptlet(t *testing.T) {
	zone := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = zone })
	at := time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC)
	facts := []backend.ScriptletFact{
		{Line: 3, Function: "post_install", Subject: "curl", Text: "curl \x1b[2J"},
		{Line: 9, Subject: "nc", Text: "nc x"},
		{Subject: "too large"},
		{Line: 10, Subject: "a", Text: "a"},
		{Line: 11, Subject: "b", Text: "b"},
		{Line: 12, Subject: "c", Text: "c"},
		{Line: 13, Subject: "d", Text: "d"},
	}
	pkg := &backend.CheckedPackage{
		Name: "a", Base: "a", Installed: "1-1", Level: "look",
		Findings: []backend.AURFinding{{Level: "look", Reason: "scriptlet-downloads", Scriptlet: facts, Acknowledged: &at}},
		Evidence: &backend.InstallEvidence{Built: &at, InstalledAt: &at, Packager: "eve\x1b", Validation: []string{"sha256", "pgp"}},
	}
	var out strings.Builder
	w := bufio.NewWriter(&out)
	Style{}.PrintChecked(w, pkg)
	require.NoError(t, w.Flush())
	require.Equal(t, "a 1-1\n"+
		"    look: the install scriptlet uses the network (acknowledged 2026-09-21)\n"+
		"        line 3 in post_install, curl: curl \uFFFD[2J\n"+
		"        line 9, nc: nc x\n"+
		"        too large\n"+
		"        line 10, a: a\n"+
		"        line 11, b: b\n"+
		"        and 2 more (omg aur check --json lists them)\n"+
		"    built 2026-09-21 12:00 +0000, packager \"eve\\x1b\", installed 2026-09-21 12:00 +0000, validated by sha256 and pgp\n", out.String())

	out.Reset()
	pkg.Findings[0].Scriptlet, pkg.Evidence = nil, &backend.InstallEvidence{}
	Style{}.PrintChecked(w, pkg)
	require.NoError(t, w.Flush())
	require.Equal(t, 2, strings.Count(out.String(), "\n"), "nothing is known about the installation")
}

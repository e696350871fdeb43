package show

import (
	"bufio"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// TestVisibleName checks that names that look alike are told apart, and that other names stay as they are.
func TestVisibleName(t *testing.T) {
	for name, want := range map[string]string{
		"yay": "yay", "gtk+3.0": "gtk+3.0", "größe": "größe", "ya\u200by": `"ya\u200by"`, "\ufeffyay": `"\ufeffyay"`, "a\u00adb": `"a\u00adb"`, "a\x1b": `"a\x1b"`,
	} {
		require.Equal(t, want, visibleName(name))
	}
}

func TestPrintChecked(t *testing.T) {
	zone := time.Local
	time.Local = time.FixedZone("", 2*60*60)
	t.Cleanup(func() { time.Local = zone })
	at := time.Date(2026, 9, 21, 12, 0, 0, 0, time.Local)
	between := backend.Interval{at, at.Add(24 * time.Hour)}
	event := func(kind string, from, to *string) []backend.AUREvent {
		return []backend.AUREvent{{Base: "base", Event: kind, From: from, To: to, Between: between}}
	}
	const noon = "2026-09-21 12:00 +0200"
	const when = " between " + noon + " and 2026-09-22 12:00 +0200"
	for want, f := range map[string]backend.AURFinding{
		`adopted by "bob"` + when + ", last updated " + noon:          {Events: event("adopted", nil, new("bob")), Updated: &at},
		`adopted by "bob\x1b[31m\u200b"` + when:                       {Events: event("adopted", nil, new("bob\x1b[31m\u200b"))},
		`maintainer changed from "eve" to "bob"` + when:               {Events: event("maintainer-changed", new("eve"), new("bob"))},
		`co-maintainer "bob" added` + when + ", last updated " + noon: {Events: event("comaintainer-added", nil, new("bob")), Updated: &at},
		"deleted and created again" + when:                            {Events: event("recreated", new("1"), new("2"))},
		"deleted" + when + ", created again" + when: {
			Events: append(event("deleted", new("1-1"), nil), event("first-seen", nil, new("2-1"))...),
		},
		"updated" + when + " for the first time since 2024-05-06":                              {Events: event("updated-after-dormancy", new("2024-05-06"), new("2026-09-21"))},
		`orphaned by "eve"` + when:                                                             {Events: event("orphaned", new("eve"), nil)},
		"last updated " + noon + ", although the dumps before and after it show no maintainer": {Reason: "updated-without-maintainer", Updated: &at},
		"now in the package base tool, but the installed package was built from other":         {Reason: "moved-to-another-base"},
		"seen for the first time, after the installation," + when: {
			Reason: "appeared-after-installation", Events: event("first-seen", nil, new("1-1")),
		},
		`new dependency "x", which was then new in the AUR, added` + when:                                                        {Events: event("young-dependency-added", nil, new("x"))},
		"the package base other deleted" + when:                                                                                  {Events: []backend.AUREvent{{Base: "other", Event: "deleted", From: new("1-1"), Between: between}}},
		"without a maintainer":                                                                                                   {},
		"last updated " + noon + ", after the last dump":                                                                         {Reason: "updated-since-dump", Updated: &at},
		"submitted to the AUR " + noon:                                                                                           {Reason: "young", Submitted: &at},
		"1 request about it is open (to delete, merge, orphan or adopt it)":                                                      {PendingRequests: 1},
		"3 requests about it are open (to delete, merge, orphan or adopt it)":                                                    {PendingRequests: 3},
		`needs what neither a repository nor the last dump of the AUR has: "a", "b\x1b"`:                                         {Dependencies: []string{"a", "b\x1b"}},
		`one edit from the name of "tol", which is older and has at least 100 times as many votes, submitted to the AUR ` + noon: {LookAlikeOf: "tol", Submitted: &at},
		"flagged out of date " + noon:                                                                                            {Flagged: &at},
		"event-99" + when:                                                                                                        {Events: event("event-99", nil, nil)},
	} {
		f.Level = "note"
		pkg := &backend.CheckedPackage{Name: "tool", Base: "tool", BuiltBase: "other", Installed: "1-1", Findings: []backend.AURFinding{f}}
		require.Equal(t, "tool 1-1\n    note: "+want+"\n", write(func(w *bufio.Writer) { Style{}.PrintChecked(w, pkg) }))
	}
	dependency := &backend.CheckedPackage{Name: "part", Base: "part", RequiredBy: "to\x1bol"}
	require.Equal(t, "part, required by to\uFFFDol\n", write(func(w *bufio.Writer) { Style{}.PrintChecked(w, dependency) }))
	pkg := &backend.CheckedPackage{Name: "part", Base: "ba\x1bse", Findings: []backend.AURFinding{{Level: "look", Flagged: &at}}}
	require.Equal(t, "\x1b[0;1mpart\x1b[0m (\"ba\\x1bse\")\n    \x1b[1;33mlook\x1b[0m: flagged out of date "+noon+"\n",
		write(func(w *bufio.Writer) { Style{Color: true}.PrintChecked(w, pkg) }))
}

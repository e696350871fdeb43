package direct

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/incidents"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// useLists makes the test system use only the given lists of incidents.
func (w *testSystem) useLists(lists ...string) {
	w.env["OMG_AUR_INCIDENTS_SHIPPED"], w.env["OMG_AUR_INCIDENTS_LISTS"] = "false", strings.Join(lists, ",")
}

// installBuilt installs a package that was built on a day of June 2026.
func (w *testSystem) installBuilt(name string, day int) {
	built := time.Date(2026, 6, day, 12, 0, 0, 0, time.UTC).Unix()
	w.write("db/local/"+name+"-3-1/desc", fmt.Sprintf("%%NAME%%\n%s\n\n%%VERSION%%\n3-1\n\n%%BUILDDATE%%\n%d\n\n%%INSTALLDATE%%\n%d\n\n", name, built, built+60))
}

// TestAURCheck_Incidents checks that the findings of a list are merged with the others, and that they come first.
func TestAURCheck_Incidents(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	now := time.Now().Unix()
	w.installBuilt("adopted", 2)
	w.installBuilt("bad", 12)
	w.installBuilt("gone", 12)
	w.installBuilt("old", 8)
	w.installBuilt("rebuilt", 17)
	w.write("db/local/undated-3-1/desc", "%NAME%\nundated\n\n%VERSION%\n3-1\n\n")
	w.writeAUR(now,
		&wire.Package{Name: "adopted", Version: "1-1", AUR: &wire.AUR{Maintainer: "bob", Modified: now - dayLength}},
		&wire.Package{Name: "bad", Version: "1-1", AUR: &wire.AUR{}},
	)
	writeJournal(t, w.path("share/omg"), now, []journal.Event{{Base: "adopted", Kind: journal.EventAdopted, To: "bob"}})
	w.write("list.toml", fixture.IncidentList(1, "9999-12-31", "bad", "gone", "old", "rebuilt", "undated", "not-installed"))
	w.useLists(w.path("list.toml"))

	found, result := w.checked()
	require.Equal(t, map[string][]string{
		"bad": {"known-incident", "orphaned"}, "gone": {"known-incident"}, "undated": {"possible-incident"}, "adopted": {"adopted-and-updated"},
	}, found)
	names := []string{}
	for _, p := range result.Packages {
		names = append(names, p.Name+" "+p.Level)
	}
	require.Equal(t, []string{"bad act", "gone act", "adopted look", "undated look"}, names)
	require.Equal(t, []backend.IncidentList{{Location: w.path("list.toml"), Name: "test", Sequence: 1, Expires: "9999-12-31"}}, result.IncidentLists)
	built := time.Date(2026, 6, 12, 12, 0, 0, 0, time.UTC)
	require.Equal(t, &backend.AURIncident{
		What: "The build ran a program from a server.", Source: "https://example.org/news", List: w.path("list.toml"),
		First: "2026-06-09", Last: "2026-06-16", Built: &built, InstalledAt: new(built.Add(time.Minute)),
	}, result.Packages[0].Findings[0].Incident)
	require.Nil(t, result.Packages[3].Findings[0].Incident.Built)

	found, _ = w.checked("gone", "old", "not-installed")
	require.Equal(t, map[string][]string{"gone": {"known-incident"}}, found)
}

// TestAURCheck_OnlyIncidents checks that a known incident is found without a journal, without a dump and without a repository, and
// that the reason for the missing findings is in the result.
func TestAURCheck_OnlyIncidents(t *testing.T) {
	w := newTestSystem(t)
	w.installBuilt("bad", 12)
	w.write("list.toml", fixture.IncidentList(1, "9999-12-31", "bad"))
	w.useLists(w.path("list.toml"))
	found, result := w.checked()
	require.Equal(t, map[string][]string{"bad": {"known-incident"}}, found)
	require.Contains(t, result.Unavailable, "no journal of the AUR in ")

	writeJournal(t, w.path("share/omg"), time.Now().Unix())
	require.NoError(t, os.RemoveAll(w.path("db/sync")))
	found, result = w.checked()
	require.Equal(t, map[string][]string{"bad": {"known-incident"}}, found)
	require.Contains(t, result.Unavailable, "no data of the AUR")

	w.write("list.toml", fixture.IncidentList(1, "9999-12-31", "other"))
	_, err := w.backend().AURCheck(t.Context(), &backend.AURCheckRequest{})
	require.Equal(t, wire.CodeNetwork, wire.CodeOf(err), "without a finding, the missing data is an error")
	require.Empty(t, w.notes)
	w.useLists(w.path("list.toml"), w.path("missing.toml"))
	_, err = w.backend().AURCheck(t.Context(), &backend.AURCheckRequest{})
	require.Error(t, err)
	require.Len(t, w.notes, 1)
	require.Contains(t, w.notes[0], "the list of incidents "+w.path("missing.toml")+": ")
}

// listProblems returns the problem of each list.
func (w *testSystem) listProblems() (problems []string) {
	w.t.Helper()
	lists, _ := w.backend().readIncidentLists(time.Now())
	for _, list := range lists {
		problems = append(problems, list.Problem)
	}
	return problems
}

// TestReadIncidentLists_Problems checks that each list that cannot be read, or has expired, is a problem.
func TestReadIncidentLists_Problems(t *testing.T) {
	w := newTestSystem(t)
	w.useLists()
	require.Empty(t, w.listProblems())
	w.write("old.toml", fixture.IncidentList(1, "2026-06-30", "bad"))
	w.write("wrong.toml", "name = 5\n")
	w.useLists(w.path("missing.toml"), w.path("old.toml"), w.path("wrong.toml"))
	problems := w.listProblems()
	require.Len(t, problems, 3)
	require.Contains(t, problems[0], "no such file")
	require.Equal(t, "expired after 2026-06-30: later incidents are unknown", problems[1])
	require.Equal(t, w.path("wrong.toml")+":1: name is not a string: put it in quotes", problems[2])

	w.useLists()
	w.env["OMG_AUR_INCIDENTS_SHIPPED"] = "true"
	problems = w.listProblems()
	require.Len(t, problems, 1)
	require.Contains(t, problems[0], "aur-incidents.toml is not installed in ", "the program of this test has no shared files")
	w.env["OMG_AUR_INCIDENTS_LISTS"] = "relative"
	problems = w.listProblems()
	require.Contains(t, problems[0], `the settings cannot be read: OMG_AUR_INCIDENTS_LISTS: "relative" is neither an absolute path nor an address`)
}

// TestReadIncidentLists_Downloaded checks that the list of a server is verified, that the newest one of all data directories is used,
// and that an old confirmation is a problem.
func TestReadIncidentLists_Downloaded(t *testing.T) {
	w := newTestSystem(t)
	w.installBuilt("bad", 12)
	public, private, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	element := "https://example.org/list.toml " + public.String()
	location, err := incidents.ParseLocation(element)
	require.NoError(t, err)
	w.useLists(element)
	require.Equal(t, []string{"not downloaded yet: omgd downloads it"}, w.listProblems())

	path := filepath.Join(paths.IndexDir(w.path("share/omg")), location.FileName())
	list := []byte(fixture.IncidentList(7, "9999-12-31", "bad"))
	w.write(strings.TrimPrefix(path, w.home+"/"), string(incidents.Join(list, minisign.Sign(private, list))))
	require.Equal(t, []string{""}, w.listProblems())
	found, result := w.checked()
	require.Equal(t, map[string][]string{"bad": {"known-incident"}}, found)
	require.Equal(t, "https://example.org/list.toml", result.Packages[0].Findings[0].Incident.List)

	old := time.Now().Add(-48*time.Hour - time.Hour)
	require.NoError(t, os.Chtimes(path, old, old))
	require.Equal(t, []string{"its server last confirmed it on " + old.Format(time.DateOnly)}, w.listProblems())

	// Another key must not sign the list, also if the file has the right name.
	_, other, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, incidents.Join(list, minisign.Sign(other, list)), 0o644))
	require.Equal(t, []string{"https://example.org/list.toml: the signature is not valid for this key"}, w.listProblems())
	_, err = w.backend().AURCheck(t.Context(), &backend.AURCheckRequest{})
	require.Error(t, err)
}

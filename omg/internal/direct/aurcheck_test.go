package direct

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/wire"
)

// checked returns the reasons of the findings about each package, and the result.
func (w *testSystem) checked(names ...string) (map[string][]string, *backend.AURCheckResult) {
	w.t.Helper()
	result, err := w.backend().AURCheck(w.t.Context(), &backend.AURCheckRequest{Names: names, Offline: true})
	require.NoError(w.t, err)
	found := map[string][]string{}
	for _, p := range result.Packages {
		for _, f := range p.Findings {
			found[p.Name] = append(found[p.Name], f.Reason)
		}
	}
	return found, result
}

// TestAURCheck checks which packages are checked, with which data, and in which order they are listed.
func TestAURCheck(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	now := time.Now().Unix()
	orphan, adopted, own := "an-orphan", "part", "own"
	for _, name := range []string{orphan, adopted, own} {
		w.write("db/local/"+name+"-3-1/desc", "%NAME%\n"+name+"\n\n%VERSION%\n3-1\n\n")
	}
	all, err := w.backend().Installed(t.Context(), &wire.InstalledRequest{Filter: wire.FilterForeign})
	require.NoError(t, err)
	w.writeAUR(now,
		&wire.Package{Name: orphan, Version: "1-1", AUR: &wire.AUR{OutOfDate: 5}},
		&wire.Package{Name: adopted, Version: "1-1", Base: "base", AUR: &wire.AUR{Maintainer: "bob", Modified: now - dayLength}},
		&wire.Package{Name: "elsewhere", Version: "1-1", AUR: &wire.AUR{}},
	)
	path := writeJournal(t, w.path("share/omg"), now, []journal.Event{
		{Base: "base", Kind: journal.EventAdopted, To: "bob"},
		{Base: "removed", Kind: journal.EventDeleted, From: "1-1"},
		{Base: adopted, Kind: journal.EventRecreated, From: "1", To: "2"}, // not the package base of this package
	})

	found, result := w.checked()
	require.Equal(t, map[string][]string{adopted: {"adopted-and-updated"}, orphan: {"orphaned", "out-of-date"}}, found)
	require.Equal(t, adopted, result.Packages[0].Name, "the highest level comes first")
	require.Equal(t, "base", result.Packages[0].Base)
	require.Equal(t, "3-1", result.Packages[0].Installed)
	require.Equal(t, []backend.AUREvent{{
		Base: "base", Event: "adopted", To: new("bob"), Source: "dump", Between: backend.NewInterval(now-dayLength, now),
	}}, result.Packages[0].Findings[0].Events)
	require.Equal(t, now-dayLength, result.Packages[0].Findings[0].Updated.Unix())
	require.False(t, result.Partial)
	require.Equal(t, 2, result.CheckedCount)
	require.Len(t, result.NotInAUR, len(all.Packages)-2)
	require.Contains(t, result.NotInAUR, own)
	require.Equal(t, path, result.Path)
	require.Equal(t, wire.SourceOK, source(t, result.Sources, wire.SourceAUR).State)

	found, result = w.checked("elsewhere", "removed", own, "nosuch", orphan, orphan)
	require.Equal(t, map[string][]string{"elsewhere": {"orphaned"}, "removed": {"deleted"}, orphan: {"orphaned", "out-of-date"}}, found)
	require.Equal(t, []string{"nosuch"}, result.Missing)
	require.Equal(t, []string{own}, result.NotInAUR)
	require.Equal(t, 3, result.CheckedCount)
	require.Equal(t, wire.SourceOK, source(t, result.Sources, wire.SourceAUR).State)
}

// TestAURCheck_OtherBase checks that a package that the AUR has in another package base is a finding, with the events of both.
func TestAURCheck_OtherBase(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	now := time.Now().Unix()
	for name, base := range map[string]string{"moved": "old", "split": "still", "split-debug": "split"} {
		w.write("db/local/"+name+"-3-1/desc", "%NAME%\n"+name+"\n\n%BASE%\n"+base+"\n\n%VERSION%\n3-1\n\n")
	}
	w.write("db/local/still-debug-3-1/desc", "%NAME%\nstill-debug\n\n%BASE%\nstill\n\n%VERSION%\n3-1\n\n")
	w.writeAUR(now,
		&wire.Package{Name: "moved", Version: "1-1", Base: "evil", AUR: &wire.AUR{Maintainer: "mallory"}},
		&wire.Package{Name: "still", Version: "1-1", AUR: &wire.AUR{Maintainer: "bob"}},
	)
	writeJournal(t, w.path("share/omg"), now, []journal.Event{
		{Base: "old", Kind: journal.EventDeleted, From: "1-1"}, {Base: "evil", Kind: journal.EventAdopted, To: "mallory"},
	})
	found, result := w.checked("moved", "split", "still-debug")
	require.Equal(t, map[string][]string{"moved": {"moved-to-another-base", "adopted", "deleted"}}, found)
	require.Equal(t, "old", result.Packages[0].BuiltBase)
	require.Equal(t, "evil", result.Packages[0].Base)
	require.Equal(t, []string{"split"}, result.NotInAUR, "its package base does not have it any more")
	require.False(t, result.DumpDiffers)
}

// TestAURCheck_DumpDiffers checks that a dump that the journal has not observed is reported.
func TestAURCheck_DumpDiffers(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	now := time.Now().Unix()
	w.writeAUR(now, &wire.Package{Name: "yay", Version: "1-1", AUR: &wire.AUR{}})
	writeJournal(t, w.path("share/omg"), now-1)
	_, result := w.checked("yay")
	require.True(t, result.DumpDiffers)
}

// TestAURCheck_NoData checks that the exit code says that data is missing if there is no journal or no dump of the AUR.
func TestAURCheck_NoData(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	check := func() error {
		_, err := w.backend().AURCheck(t.Context(), &backend.AURCheckRequest{})
		return err
	}
	require.ErrorContains(t, check(), "no journal of the AUR in ")
	require.Equal(t, exit.Network, exit.Code(check()))
	coded := new(exit.Error)
	require.True(t, errors.As(check(), &coded))
	require.NotEmpty(t, coded.Hint)

	now := time.Now().Unix()
	path := writeJournal(t, w.path("share/omg"), now)
	require.Equal(t, wire.CodeNetwork, wire.CodeOf(check()))
	require.ErrorContains(t, check(), "no data of the AUR: it is disabled")
	w.writeAUR(now-3*dayLength, &wire.Package{Name: "yay", Version: "1-1", AUR: &wire.AUR{}})
	_, result := w.checked()
	require.Equal(t, wire.SourceStale, source(t, result.Sources, wire.SourceAUR).State)
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o644))
	require.ErrorIs(t, check(), journal.ErrNotJournal)
	require.Equal(t, exit.Network, exit.Code(check()))
	require.NoError(t, os.RemoveAll(w.path("db/local")))
	require.ErrorContains(t, check(), "the installed packages are unknown")
}

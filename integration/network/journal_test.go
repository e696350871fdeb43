package network

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/paths"
)

// nextDump starts omgd again with another dump. It first removes the store of omgd, and with it the time of the last
// download, so that omgd downloads the dump immediately.
func (w *aurSystem) nextDump(list []fakeserver.Package) {
	w.T.Helper()
	w.omgd.Stop()
	require.DirExists(w.T, filepath.Join(w.Data, "cache.pebble"))
	require.NoError(w.T, os.RemoveAll(filepath.Join(w.Data, "cache.pebble")))
	w.aur.Replace(w.T, list)
	w.start(long)
}

// TestJournal_Dumps checks that omgd begins a journal with its first dump, adds the events up to the next dump, and
// refuses a dump that lacks a sixth of the packages. omg reads the journal while omgd runs, and without omgd.
func TestJournal_Dumps(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	path := filepath.Join(paths.IndexDir(w.Data), journal.FileName)
	w.startWithDump()
	exported := func() []string { return w.Run("omg-index", "journal", "--export", path).Lines() }
	harness.Await(t, func() bool { return len(exported()) == 1 && strings.Contains(exported()[0], `"baseline"`) },
		"the journal begins; omgd printed: %s", w.omgd.Stderr)
	observed := harness.ReadFile(t, filepath.Join(w.Data, "aur.observed"))
	require.Equal(t, harness.ReadFile(t, filepath.Join(w.Data, "aur.json.gz")), observed)
	none := w.omgd.Omg("--data-dir", w.Data, "aur", "log", "--all")
	require.Equal(t, 1, none.Code, none.Stderr)
	require.Contains(t, none.Stderr, "omg: error: no events after ")

	next := packages()
	bob := "bob"
	next[0].Maintainer = &bob
	next[0].LastModified++
	w.nextDump(next)
	harness.Await(t, func() bool { return len(exported()) == 3 }, "the change is in the journal; omgd printed: %s", w.omgd.Stderr)
	got := w.omgd.Omg("--data-dir", w.Data, "aur", "log", "--all", "--format", "{{.pkgbase}} {{.event}} {{.from}}>{{.to}}")
	require.Equal(t, "yay adopted >bob\n", got.Stdout)

	w.nextDump(next[:len(next)-1])
	harness.Await(t, func() bool { return strings.Contains(w.omgd.Stderr(), "AUR journal not written") }, "the dump is refused")
	require.Contains(t, w.omgd.Stderr(), "the dump is probably incomplete: it has 5 packages, the previous dump had 6")
	require.Contains(t, exported()[3], `"refused"`)
	w.omgd.Stop()
	got = w.Run("omg", "--no-daemon", "--data-dir", w.Data, "aur", "log", "yay", "--json")
	require.Contains(t, got.Stdout, `"pkgbase":"yay","event":"adopted","from":null,"to":"bob"`)
	require.Contains(t, got.Stderr, "the last dump of the AUR was not used")
}

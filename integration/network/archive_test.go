package network

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// archiveSystem is a system whose AUR serves its git archive, with the real git.
type archiveSystem struct {
	*aurSystem
	archive *fakeserver.GitArchive
}

func newArchiveSystem(t *testing.T) *archiveSystem {
	t.Helper()
	w := &archiveSystem{newAURSystem(t), fakeserver.NewGitArchive(t)}
	w.aur.Archive = w.archive
	w.dump.Store(true)
	return w
}

// use starts omgd with a value of the setting aur.source.
func (w *archiveSystem) use(source string) {
	w.T.Helper()
	if w.omgd != nil {
		w.omgd.Stop()
	}
	w.start(long, "OMG_AUR_SOURCE="+source, "OMG_AUR_ARCHIVE_URL="+w.server.URL+fakeserver.ArchiveURLPath)
}

// journalLines returns the lines of the exported journal.
func (w *archiveSystem) journalLines() []string {
	got := w.Run("omg-index", "journal", "--export", filepath.Join(paths.IndexDir(w.Data), journal.FileName))
	return strings.Split(strings.TrimSpace(got.Stdout), "\n")
}

// awaitObservation waits until the journal has n observations, and returns the events of the last one.
func (w *archiveSystem) awaitObservation(n int) []string {
	w.T.Helper()
	var events []string
	harness.Await(w.T, func() bool {
		found := 0
		events = nil
		for _, line := range w.journalLines() {
			if strings.HasPrefix(line, `{"observation"`) {
				found++
				events = nil
				continue
			}
			events = append(events, line)
		}
		return found == n
	}, "the journal has %d observations; omgd printed: %s", n, w.omgd.Stderr)
	return events
}

// forget stops omgd and removes its store, and with it the time of the last download, so that the next omgd sends a request immediately.
func (w *archiveSystem) forget() {
	w.T.Helper()
	w.omgd.Stop()
	w.omgd = nil
	require.NoError(w.T, os.RemoveAll(filepath.Join(w.Data, "cache.pebble")))
}

// TestArchive downloads the git archive from the real git, and checks that its packages, its journal and its status are those of the dump. The source
// changes from the dump to the archive and back: what did not change in the AUR is no event.
func TestArchive(t *testing.T) {
	t.Parallel()
	w := newArchiveSystem(t)
	list := packages()
	for i := range list {
		list[i].PackageBaseID = 100 + i
		maintainer := "eva"
		list[i].Maintainer, list[i].CoMaintainers, list[i].FirstSubmitted = &maintainer, []string{"bob"}, 1_600_000_000
		list[i].License, list[i].MakeDepends = []string{"MIT"}, []string{"go"}
	}
	w.aur.Replace(t, list)
	w.aur.SetModified(time.Unix(1_700_005_000, 0))
	w.use("dump")
	require.Empty(t, w.awaitObservation(1))
	require.Zero(t, w.server.Count("refs"), "only the dump is requested")

	w.archive.Commit(t, list, time.Unix(1_700_010_000, 0))
	w.use("archive")
	require.Empty(t, w.awaitObservation(2), "the same packages")
	require.Equal(t, 1, w.server.Count("dump"))
	require.Equal(t, []int{1, 1}, []int{w.server.Count("refs"), w.server.Count("pack")})
	require.NoFileExists(t, filepath.Join(w.Data, "aur.json.gz"))
	w.omgd.AwaitOutput("git archive", "status")
	require.Contains(t, w.omgd.Omg("info", "aur/zoom").Stdout, "eva")
	require.Equal(t, wire.SourceOK, w.awaitSource().State)

	bob := "bob"
	list[0].Maintainer, list[0].CoMaintainers, list[0].Version, list[0].LastModified = &bob, nil, "2-1", 1_700_020_000
	w.archive.Commit(t, list, time.Unix(1_700_030_000, 0))
	w.forget()
	w.use("archive")
	events := w.awaitObservation(3)
	require.Len(t, events, 2, "%s", events)
	require.Contains(t, events[0], `"pkgbase":"yay","event":"maintainer-changed","from":"eva","to":"bob","between":["2023-11-15T01:00:00Z","2023-11-15T06:33:20Z"]`)
	require.Contains(t, events[1], `"comaintainer-removed"`)

	w.aur.Replace(t, list)
	w.aur.SetModified(time.Unix(1_700_040_000, 0))
	w.use("dump")
	require.Empty(t, w.awaitObservation(4), "the same packages")
	require.NoFileExists(t, filepath.Join(w.Data, "aur.pack"))
	harness.Await(t, func() bool { return !strings.Contains(w.omgd.Omg("status").Stdout, "git archive") }, "the status names the dump")
}

// awaitSource waits until the AUR's data is current, and returns the source.
func (w *archiveSystem) awaitSource() wire.Source {
	w.T.Helper()
	w.awaitDump()
	a := w.search(wire.SearchRequest{Words: []string{"spotify"}, Offline: true})
	return a.source()
}

// TestArchive_Refused checks that an archive that is older, or lacks a tenth of its packages, gets no events.
func TestArchive_Refused(t *testing.T) {
	t.Parallel()
	w := newArchiveSystem(t)
	w.archive.Commit(t, packages(), time.Unix(1_700_010_000, 0))
	w.use("archive")
	w.awaitObservation(1)

	older := packages()
	older[1].LastModified -= 1000
	w.archive.Commit(t, older, time.Unix(1_700_009_000, 0))
	w.forget()
	w.use("archive")
	harness.Await(t, func() bool { return strings.Contains(w.omgd.Stderr(), "the dump is older than the previous dump") }, "the archive is refused")
	w.awaitObservation(1)

	w.archive.Commit(t, packages()[1:], time.Unix(1_700_020_000, 0))
	w.forget()
	w.use("archive")
	harness.Await(t, func() bool { return strings.Contains(w.omgd.Stderr(), "the dump is probably incomplete") }, "the archive is refused")
	require.Empty(t, w.awaitObservation(2))
}

// TestArchive_Faults checks that omgd uses the last good archive after a failed download, whatever the server sends.
func TestArchive_Faults(t *testing.T) {
	t.Parallel()
	for _, sw := range fakeserver.Misbehaviours() {
		t.Run(url.PathEscape(sw.Name), func(t *testing.T) {
			t.Parallel()
			w := newArchiveSystem(t)
			w.archive.Commit(t, packages(), time.Unix(1_700_010_000, 0))
			w.use("archive")
			w.awaitObservation(1)
			pack := harness.ReadFile(t, filepath.Join(w.Data, "aur.pack"))
			index := harness.ReadFile(t, w.IndexPath("aur"))
			w.archive.Commit(t, packages()[:5], time.Unix(1_700_020_000, 0))
			w.forget()
			sw.SwitchOn(w.server)
			more := "OMG_NETWORK_TIMEOUT=2m"
			if sw.Hangs {
				more = "OMG_NETWORK_TIMEOUT=200ms"
			}
			w.start(long, more, "OMG_AUR_SOURCE=archive", "OMG_AUR_ARCHIVE_URL="+w.server.URL+fakeserver.ArchiveURLPath)
			harness.Await(t, func() bool { return strings.Contains(w.omgd.Stderr(), "AUR dump not downloaded") }, "the download fails; omgd printed: %s", w.omgd.Stderr)
			require.Equal(t, pack, harness.ReadFile(t, filepath.Join(w.Data, "aur.pack")))
			require.Equal(t, index, harness.ReadFile(t, w.IndexPath("aur")))
			left, err := filepath.Glob(filepath.Join(w.Data, ".*.tmp"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// TestArchive_NoAddress checks that omgd and omg config say what is missing.
func TestArchive_NoAddress(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	got := w.WithEnv("OMG_AUR_SOURCE=archive").Run("omgd", "--foreground")
	require.Equal(t, 2, got.Code, got.Stderr)
	require.Contains(t, got.Stderr, "OMG_AUR_SOURCE: the archive needs an address: set aur.archive_url")
	require.Contains(t, w.WithEnv("OMG_AUR_SOURCE=archive").Run("omg", "doctor").Stdout, "set aur.archive_url")
}

package mirror

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { harness.MainParallel(m, "16") }

var (
	all = []string{"core", "extra", "multilib"} // repositories
	// localTime is the time of this machine's databases, and mirrorTime is the time of newer databases on the mirror.
	localTime  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	mirrorTime = localTime.Add(48 * time.Hour)
)

// everySecond makes omgd ask the mirror as often as possible.
const everySecond = "OMG_SYNC_INTERVAL=1s"

// small are the options for small generated databases, for tests that need no real databases.
var small = harness.WithGenerated(fixture.Options{Packages: 60, Installed: 30, Seed: 1})

// mirrorSystem is a system and its mirror, from which omgd downloads databases.
type mirrorSystem struct {
	*harness.System
	repos  []string // in pacman.conf
	mirror *fakeserver.Server
	files  string // directory of the mirror
	omgd   *harness.Daemon
}

// newMirrorSystem creates a mirrorSystem, but does not start its omgd. At first the mirror has the same databases as
// the machine.
func newMirrorSystem(t *testing.T, databases harness.Option, repos []string, more ...string) *mirrorSystem {
	t.Helper()
	certs := fakeserver.NewCertificates(t)
	w := &mirrorSystem{repos: repos, files: t.TempDir()}
	w.System = harness.New(t, databases, harness.WithEnv("SSL_CERT_FILE="+certs.CAFile, "OMG_SYNC_ENABLED=true", "OMG_NETWORK_TIMEOUT=2m"), harness.WithEnv(more...))
	for _, repo := range w.repos {
		require.NoError(t, os.Chtimes(w.SyncDBPath(repo), localTime, localTime))
		w.put(repo, harness.ReadFile(t, w.SyncDBPath(repo)), localTime)
	}
	w.mirror = fakeserver.Serve(t, fakeserver.Mirror{Dir: w.files}, certs)
	list := w.Path("mirrorlist")
	harness.WriteFile(t, list, "Server = "+w.mirror.URL+"/$repo/os/$arch\n")
	conf := "[options]\nArchitecture = x86_64\nSigLevel = Never\nDBPath = " + w.DB + "\n"
	for _, repo := range w.repos {
		conf += "[" + repo + "]\nInclude = " + list + "\n"
	}
	harness.WriteFile(t, w.PacmanConf, conf)
	return w
}

// put makes the mirror serve a database from now on.
func (w *mirrorSystem) put(repo string, b []byte, at time.Time) {
	w.T.Helper()
	put(w.T, filepath.Join(w.files, repo+".db"), b, at)
}

// put replaces a file by a rename. The new file has another modification time.
func put(t testing.TB, path string, b []byte, at time.Time) {
	t.Helper()
	tmp := path + ".tmp"
	harness.WriteFile(t, tmp, b)
	require.NoError(t, os.Chtimes(tmp, at, at))
	require.NoError(t, os.Rename(tmp, path))
}

// start starts omgd with additional environment variables.
func (w *mirrorSystem) start(more ...string) {
	w.T.Helper()
	w.omgd = w.WithEnv(more...).StartDaemon()
}

// alone runs omg without a daemon, on databases that pacman.conf names.
func (w *mirrorSystem) alone(args ...string) harness.Result {
	w.T.Helper()
	return w.Run("omg", append([]string{"--no-daemon", "--pacman-config", w.PacmanConf, "--data-dir", w.Data}, args...)...)
}

// outdated returns the updates that the daemon lists.
func (w *mirrorSystem) outdated() []string {
	w.T.Helper()
	return w.omgd.Omg("outdated", "--no-aur").Lines()
}

// awaitOwn waits until omgd compares the installed packages only with databases that it has downloaded itself, and that
// were modified at the given time.
func (w *mirrorSystem) awaitOwn(at time.Time) {
	w.T.Helper()
	w.omgd.AwaitStatus(func(st *wire.StatusResult) bool {
		list := st.ComparedSources
		if list == nil {
			list = st.Sources[:min(len(st.Sources), len(w.repos))]
		}
		return !st.Stale && len(list) == len(w.repos) &&
			!slices.ContainsFunc(list, func(s wire.Source) bool { return !s.Downloaded || s.AsOf != at.Unix() })
	}, "databases of omgd's own, of "+at.Format(time.DateTime))
}

// awaitWhy waits until the status reports a failure of the mirror or, if fails is false, no failure.
func (w *mirrorSystem) awaitWhy(fails bool) {
	w.T.Helper()
	w.omgd.AwaitStatus(func(st *wire.StatusResult) bool {
		return len(st.ComparedSources) > 0 && (st.ComparedSources[0].Why != "") == fails
	},
		fmt.Sprintf("a mirror that fails: %v", fails))
}

// pacman lists the updates that the real pacman finds with databases.
func (w *mirrorSystem) pacman(sync string) []string {
	w.T.Helper()
	need.Program(w.T, "pacman")
	dir := w.T.TempDir()
	require.NoError(w.T, os.Symlink(filepath.Join(w.DB, "local"), filepath.Join(dir, "local")))
	for _, repo := range w.repos {
		harness.WriteFile(w.T, filepath.Join(dir, "sync", repo+".db"), harness.ReadFile(w.T, filepath.Join(sync, repo+".db")))
	}
	return w.RunTool("pacman", "--config", w.PacmanConf, "-b", dir, "--color", "never", "-Qu").Lines()
}

// TestMirror_Corpus checks that newer databases of a mirror change the list of updates, but not the results of a
// search. pacman lists the same updates for the same databases, and without omgd, omg still uses the downloaded
// databases.
func TestMirror_Corpus(t *testing.T) {
	t.Parallel()
	begin := time.Now().Truncate(time.Second)
	w := newMirrorSystem(t, harness.WithCorpus(), all, everySecond)
	own := filepath.Join(w.Data, "sync")
	w.start()
	w.awaitOwn(localTime)
	before := w.outdated()
	require.Equal(t, w.pacman(filepath.Join(w.DB, "sync")), before)
	require.Len(t, before, 48)
	search, info := w.omgd.Omg("search", "shell"), w.omgd.Omg("info", "bash", "firefox")

	for _, repo := range w.repos {
		w.put(repo, raise(t, w.SyncDBPath(repo), "bash", "zlib", "firefox", "glibc", "lib32-glibc"), mirrorTime)
	}
	w.awaitOwn(mirrorTime)
	outdated := w.omgd.Omg("outdated", "--no-aur")
	after := outdated.Lines()
	require.Equal(t, w.pacman(own), after)
	require.Greater(t, len(after), len(before))
	require.Contains(t, outdated.Stderr, "updates are from omgd's downloaded databases, as of ")
	require.Equal(t, search, w.omgd.Omg("search", "shell"), "what is found stays pacman's")
	require.Equal(t, info, w.omgd.Omg("info", "bash", "firefox"))

	st := w.omgd.Status()
	require.EqualValues(t, len(after), *st.Counts.Updates)
	require.Equal(t, "core", st.Sources[0].Name)
	require.False(t, st.Sources[0].Downloaded)
	require.Equal(t, localTime.Unix(), st.Sources[0].AsOf)
	human := w.omgd.Omg("status").Stdout
	require.Contains(t, human, fmt.Sprintf("Updates         : %d, as of ", len(after)))
	require.Contains(t, human, "Compared With   : core (downloaded by omgd)      ok  ")
	var file statusfile.Status
	harness.Await(t, func() (ok bool) {
		var err error
		file, err = statusfile.Read(w.Path("omg.status"))
		return err == nil && file.Updates == statusfile.NewNumber(len(after))
	}, "the status file has %d updates", len(after))
	require.False(t, file.UpdatesAsOf.Before(begin), "%s", file.UpdatesAsOf)
	require.False(t, file.UpdatesAsOf.After(time.Now()), "%s", file.UpdatesAsOf)

	// Without a daemon the results are the same.
	w.omgd.Stop()
	require.Equal(t, after, w.alone("outdated", "--no-aur").Lines())
	require.Equal(t, search.Stdout, w.alone("search", "shell").Stdout)
	require.Equal(t, before, w.alone("--dbpath", w.DB, "outdated", "--no-aur").Lines(), "another directory is compared with itself")

	// With this setting, searches use the downloaded databases.
	const show = "OMG_SYNC_SEARCH=true"
	w.start(show)
	w.awaitOwn(mirrorTime)
	require.Equal(t, after, w.outdated())
	require.Contains(t, w.omgd.Omg("info", "bash").Stdout, "999:")
	w.omgd.Stop()
	w.System = w.WithEnv(show)
	require.Contains(t, w.alone("info", "bash").Stdout, "999:")
}

// TestMirror_PacmanIsNewer checks that omgd immediately uses the databases that `pacman -Sy` downloads, if they are
// newer than omgd's.
func TestMirror_PacmanIsNewer(t *testing.T) {
	t.Parallel()
	w := newMirrorSystem(t, small, all)
	w.start()
	w.awaitOwn(localTime)
	before := w.outdated()
	put(t, w.SyncDBPath("core"), raise(t, w.SyncDBPath("core")), mirrorTime)
	w.omgd.AwaitOutput("999:", "info", "glibc")
	after := w.outdated()
	require.Equal(t, w.pacman(filepath.Join(w.DB, "sync")), after)
	require.NotEqual(t, before, after)
	st := w.omgd.Status()
	require.False(t, st.ComparedSources[0].Downloaded)
	require.True(t, st.ComparedSources[1].Downloaded)
}

// TestMirror_Faults checks that with a misbehaving mirror the old databases stay and the failure is reported, and that
// newer databases are used when the mirror is back.
func TestMirror_Faults(t *testing.T) {
	t.Parallel()
	for _, sw := range fakeserver.Misbehaviours() {
		t.Run(url.PathEscape(sw.Name), func(t *testing.T) {
			t.Parallel()
			w := newMirrorSystem(t, small, []string{"extra"}, everySecond)
			if sw.Hangs {
				w.start("OMG_NETWORK_TIMEOUT=200ms") // ends what hangs
			} else {
				w.start()
			}
			w.awaitOwn(localTime)
			before := w.outdated()
			require.NotEmpty(t, before)
			sw.SwitchOn(w.mirror)
			for _, repo := range w.repos {
				w.put(repo, harness.ReadFile(t, w.SyncDBPath(repo)), mirrorTime)
			}
			w.omgd.AwaitStatus(func(st *wire.StatusResult) bool {
				return len(st.ComparedSources) > 0 && strings.Contains(st.ComparedSources[0].Why, w.mirror.URL)
			}, "the failure of the mirror")
			require.Equal(t, before, w.outdated())
			require.Zero(t, w.omgd.Omg("search", "lib").Code)
			w.mirror.StopFaults(t)
			w.awaitOwn(mirrorTime)
			w.awaitWhy(false)
			left, err := filepath.Glob(filepath.Join(w.Data, "sync", ".*"))
			require.NoError(t, err)
			require.LessOrEqual(t, len(left), 1, "at most what is being downloaded")
		})
	}
}

// TestMirror_Requests checks that omgd sends one conditional request per interval for an unchanged file, and that omg's
// queries cause no request to the mirror.
func TestMirror_Requests(t *testing.T) {
	t.Parallel()
	w := newMirrorSystem(t, small, all, "OMG_SYNC_INTERVAL=24h")
	w.start()
	w.awaitOwn(localTime)
	require.Len(t, w.mirror.RequestTargets(), len(w.repos))
	require.Equal(t, "/core/os/x86_64/core.db", w.mirror.RequestTargets()[0])
	for range 20 {
		require.NoError(t, w.omgd.Ask(wire.OpOutdated, nil, &wire.OutdatedResult{}))
		require.Zero(t, w.omgd.Omg("refresh").Code)
	}
	// The databases are used before omgd has stored when it downloaded them. Until then, a demand joins the first request.
	w.omgd.AwaitOutput("downloaded databases: no new request", "refresh", "--sources")
	w.omgd.Stop()
	w.start()
	w.awaitOwn(localTime)
	w.omgd.Stop()
	require.Len(t, w.mirror.RequestTargets(), len(w.repos))
}

// TestMirror_Alone checks that omgd has the same data after a restart without a network, and that omgd counts updates
// with downloaded databases if pacman has none.
func TestMirror_Alone(t *testing.T) {
	t.Parallel()
	w := newMirrorSystem(t, small, all)
	w.start()
	w.awaitOwn(localTime)
	before := w.outdated()
	require.NotEmpty(t, before)
	w.omgd.Stop()
	w.mirror.RefuseConnections()
	w.start(everySecond)
	w.awaitOwn(localTime)
	w.awaitWhy(true)
	require.Equal(t, before, w.outdated())
	require.NoError(t, os.RemoveAll(filepath.Join(w.DB, "sync")))
	w.omgd.AwaitStatus(func(st *wire.StatusResult) bool { return st.Sources[0].Outdated }, "no databases of pacman's, but their last indexes")
	require.Equal(t, before, w.outdated())
	require.NoError(t, os.RemoveAll(w.IndexDir()))
	w.omgd.AwaitStatus(func(st *wire.StatusResult) bool { return st.Sources[0].State == wire.SourceMissing }, "no databases of pacman's")
	require.Equal(t, before, w.outdated())
	w.omgd.Stop()
	require.Equal(t, before, w.alone("outdated", "--no-aur").Lines())
}

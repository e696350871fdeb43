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
	// then is when this machine was synchronized, and later what the mirror has.
	then  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	later = then.Add(48 * time.Hour)
)

// everySecond has omgd ask the mirror as often as it can be told to.
const everySecond = "OMG_SYNC_INTERVAL=1s"

// small is what needs no real databases.
var small = harness.Generated(fixture.Options{Packages: 60, Installed: 30, Seed: 1})

// world is a system and its mirror, whose databases omgd downloads.
type world struct {
	*harness.System
	repos  []string // that pacman.conf names
	mirror *fakeserver.Server
	files  string // what the mirror has
	omgd   *harness.Daemon
}

// newWorld makes one whose omgd is not started yet. The mirror has what the
// machine has.
func newWorld(t *testing.T, databases harness.Option, repos []string, more ...string) *world {
	t.Helper()
	certs := fakeserver.NewCertificates(t)
	w := &world{repos: repos, files: t.TempDir()}
	w.System = harness.New(t, databases, harness.Env("SSL_CERT_FILE="+certs.File, "OMG_SYNC_ENABLED=true", "OMG_NETWORK_TIMEOUT=2m"), harness.Env(more...))
	for _, repo := range w.repos {
		require.NoError(t, os.Chtimes(w.Sync(repo), then, then))
		w.put(repo, harness.Read(t, w.Sync(repo)), then)
	}
	w.mirror = fakeserver.Serve(t, fakeserver.Mirror{Dir: w.files}, certs)
	list := w.Path("mirrorlist")
	harness.Write(t, list, "Server = "+w.mirror.URL+"/$repo/os/$arch\n")
	conf := "[options]\nArchitecture = x86_64\nSigLevel = Never\nDBPath = " + w.DB + "\n"
	for _, repo := range w.repos {
		conf += "[" + repo + "]\nInclude = " + list + "\n"
	}
	harness.Write(t, w.Conf, conf)
	return w
}

// put has the mirror serve a database from now on.
func (w *world) put(repo string, b []byte, at time.Time) {
	w.T.Helper()
	put(w.T, filepath.Join(w.files, repo+".db"), b, at)
}

// put writes a file of another time in a rename.
func put(t testing.TB, path string, b []byte, at time.Time) {
	t.Helper()
	tmp := path + ".tmp"
	harness.Write(t, tmp, b)
	require.NoError(t, os.Chtimes(tmp, at, at))
	require.NoError(t, os.Rename(tmp, path))
}

// start starts omgd, with more variables.
func (w *world) start(more ...string) {
	w.T.Helper()
	w.omgd = w.With(more...).Start()
}

// alone runs omg without a daemon, on databases that pacman.conf names.
func (w *world) alone(args ...string) harness.Result {
	w.T.Helper()
	return w.Run("omg", append([]string{"--no-daemon", "--pacman-config", w.Conf, "--data-dir", w.Data}, args...)...)
}

// outdated are the updates that the daemon lists.
func (w *world) outdated() []string {
	w.T.Helper()
	return w.omgd.Omg("outdated", "--no-aur").Lines()
}

// awaitOwn waits until all that is compared is omgd's own and of a time.
func (w *world) awaitOwn(at time.Time) {
	w.T.Helper()
	w.omgd.AwaitStatus(func(st *wire.StatusResult) bool {
		list := st.Compared
		if list == nil {
			list = st.Sources[:min(len(st.Sources), len(w.repos))]
		}
		return !st.Stale && len(list) == len(w.repos) &&
			!slices.ContainsFunc(list, func(s wire.Source) bool { return !s.Downloaded || s.AsOf != at.Unix() })
	}, "databases of omgd's own, of "+at.Format(time.DateTime))
}

// awaitWhy waits until the status says that the mirror fails, or that it does not.
func (w *world) awaitWhy(fails bool) {
	w.T.Helper()
	w.omgd.AwaitStatus(func(st *wire.StatusResult) bool { return len(st.Compared) > 0 && (st.Compared[0].Why != "") == fails },
		fmt.Sprintf("a mirror that fails: %v", fails))
}

// pacman lists the updates that real pacman finds in databases.
func (w *world) pacman(sync string) []string {
	w.T.Helper()
	need.Program(w.T, "pacman")
	dir := w.T.TempDir()
	require.NoError(w.T, os.Symlink(filepath.Join(w.DB, "local"), filepath.Join(dir, "local")))
	for _, repo := range w.repos {
		harness.Write(w.T, filepath.Join(dir, "sync", repo+".db"), harness.Read(w.T, filepath.Join(sync, repo+".db")))
	}
	return w.Tool("pacman", "--config", w.Conf, "-b", dir, "--color", "never", "-Qu").Lines()
}

// TestMirror_Corpus: a mirror with newer databases changes what is outdated, and
// not what is found; pacman says the same of the same databases, and without omgd
// they go on counting.
func TestMirror_Corpus(t *testing.T) {
	t.Parallel()
	begin := time.Now().Truncate(time.Second)
	w := newWorld(t, harness.Corpus(), all, everySecond)
	own := filepath.Join(w.Data, "sync")
	w.start()
	w.awaitOwn(then)
	before := w.outdated()
	require.Equal(t, w.pacman(filepath.Join(w.DB, "sync")), before)
	require.Len(t, before, 48)
	search, info := w.omgd.Omg("search", "shell"), w.omgd.Omg("info", "bash", "firefox")

	for _, repo := range w.repos {
		w.put(repo, raise(t, w.Sync(repo), "bash", "zlib", "firefox", "glibc", "lib32-glibc"), later)
	}
	w.awaitOwn(later)
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
	require.Equal(t, then.Unix(), st.Sources[0].AsOf)
	human := w.omgd.Omg("status").Stdout
	require.Contains(t, human, fmt.Sprintf("Updates         : %d, as of ", len(after)))
	require.Contains(t, human, "Compared With   : core (downloaded by omgd)      ok  ")
	var file statusfile.Status
	harness.Await(t, func() (ok bool) {
		var err error
		file, err = statusfile.Read(w.Path("omg.status"))
		return err == nil && file.Updates == statusfile.Count(len(after))
	}, "the status file has %d updates", len(after))
	require.False(t, file.UpdatesAsOf.Before(begin), "%s", file.UpdatesAsOf)
	require.False(t, file.UpdatesAsOf.After(time.Now()), "%s", file.UpdatesAsOf)

	// Without a daemon, the same.
	w.omgd.Stop()
	require.Equal(t, after, w.alone("outdated", "--no-aur").Lines())
	require.Equal(t, search.Stdout, w.alone("search", "shell").Stdout)
	require.Equal(t, before, w.alone("--dbpath", w.DB, "outdated", "--no-aur").Lines(), "another directory is compared with itself")

	// And if asked to, searches show them.
	const show = "OMG_SYNC_SEARCH=true"
	w.start(show)
	w.awaitOwn(later)
	require.Equal(t, after, w.outdated())
	require.Contains(t, w.omgd.Omg("info", "bash").Stdout, "999:")
	w.omgd.Stop()
	w.System = w.With(show)
	require.Contains(t, w.alone("info", "bash").Stdout, "999:")
}

// TestMirror_PacmanIsNewer: what somebody synchronizes counts at once.
func TestMirror_PacmanIsNewer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, small, all)
	w.start()
	w.awaitOwn(then)
	before := w.outdated()
	put(t, w.Sync("core"), raise(t, w.Sync("core")), later)
	harness.Await(t, func() bool { return strings.Contains(w.omgd.Omg("info", "glibc").Stdout, "999:") }, "omgd has read the new database")
	after := w.outdated()
	require.Equal(t, w.pacman(filepath.Join(w.DB, "sync")), after)
	require.NotEqual(t, before, after)
	st := w.omgd.Status()
	require.False(t, st.Compared[0].Downloaded)
	require.True(t, st.Compared[1].Downloaded)
}

// TestMirror_Faults: however the mirror misbehaves, what was there stays, that is
// said, and when it is back so are newer databases.
func TestMirror_Faults(t *testing.T) {
	t.Parallel()
	for _, sw := range fakeserver.Switches() {
		t.Run(url.PathEscape(sw.Name), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, small, []string{"extra"}, everySecond)
			if sw.Hangs {
				w.start("OMG_NETWORK_TIMEOUT=200ms") // what hangs is sure to end with it
			} else {
				w.start()
			}
			w.awaitOwn(then)
			before := w.outdated()
			require.NotEmpty(t, before)
			sw.On(w.mirror)
			for _, repo := range w.repos {
				w.put(repo, harness.Read(t, w.Sync(repo)), later)
			}
			w.awaitWhy(true)
			require.Contains(t, w.omgd.Status().Compared[0].Why, w.mirror.URL)
			require.Equal(t, before, w.outdated())
			require.Zero(t, w.omgd.Omg("search", "lib").Code)
			w.mirror.Off(t)
			w.awaitOwn(later)
			w.awaitWhy(false)
			left, err := filepath.Glob(filepath.Join(w.Data, "sync", ".*"))
			require.NoError(t, err)
			require.LessOrEqual(t, len(left), 1, "at most what is being downloaded")
		})
	}
}

// TestMirror_Requests: what has not changed is asked for once an interval,
// conditionally, and no question causes a request.
func TestMirror_Requests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, small, all, "OMG_SYNC_INTERVAL=24h")
	w.start()
	w.awaitOwn(then)
	require.Len(t, w.mirror.Asked(), len(w.repos))
	require.Equal(t, "/core/os/x86_64/core.db", w.mirror.Asked()[0])
	for range 20 {
		require.NoError(t, w.omgd.Ask(wire.OpOutdated, nil, &wire.OutdatedResult{}))
		require.Zero(t, w.omgd.Omg("refresh").Code)
	}
	w.omgd.Stop()
	w.start()
	w.awaitOwn(then)
	w.omgd.Stop()
	require.Len(t, w.mirror.Asked(), len(w.repos))
}

// TestMirror_Alone: without a network a restart knows what was known, and without
// databases of pacman's what is downloaded is enough to count.
func TestMirror_Alone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, small, all)
	w.start()
	w.awaitOwn(then)
	before := w.outdated()
	require.NotEmpty(t, before)
	w.omgd.Stop()
	w.mirror.Refuse()
	w.start(everySecond)
	w.awaitOwn(then)
	w.awaitWhy(true)
	require.Equal(t, before, w.outdated())
	require.NoError(t, os.RemoveAll(filepath.Join(w.DB, "sync")))
	w.omgd.AwaitStatus(func(st *wire.StatusResult) bool { return st.Sources[0].Outdated }, "no databases of pacman's, but their last indexes")
	require.Equal(t, before, w.outdated())
	require.NoError(t, os.RemoveAll(w.Indexes()))
	w.omgd.AwaitStatus(func(st *wire.StatusResult) bool { return st.Sources[0].State == wire.SourceMissing }, "no databases of pacman's")
	require.Equal(t, before, w.outdated())
	w.omgd.Stop()
	require.Equal(t, before, w.alone("outdated", "--no-aur").Lines())
}

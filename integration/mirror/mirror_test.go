package mirror

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

// TestMain lets more tests run at the same time than there are processors: they
// mostly wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	programs.Main(m)
}

var (
	repos = []string{"core", "extra", "multilib"}
	// then is when this machine was synchronized, and later what the mirror has.
	then  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	later = then.Add(48 * time.Hour)
)

// world is a machine, a mirror and an omgd.
type world struct {
	t      *testing.T
	home   string
	db     string // the machine's database directory
	mirror *fakeserver.Server
	files  string // what the mirror has
	conf   string
	env    []string
	omgd   *programs.Daemon
}

// newWorld makes one of a database directory, whose omgd is not started yet. The
// mirror has what the machine has.
func newWorld(t *testing.T, db string, more ...string) *world {
	t.Helper()
	certs := fakeserver.NewCertificates(t)
	w := &world{t: t, home: t.TempDir(), db: db, files: t.TempDir()}
	for _, repo := range repos {
		path := filepath.Join(db, "sync", repo+".db")
		require.NoError(t, os.Chtimes(path, then, then))
		w.serve(repo, path, then)
	}
	w.mirror = fakeserver.Serve(t, fakeserver.Mirror{Dir: w.files}, certs)
	w.conf = filepath.Join(w.home, "pacman.conf")
	list := filepath.Join(w.home, "mirrorlist")
	require.NoError(t, os.WriteFile(list, []byte("Server = "+w.mirror.URL+"/$repo/os/$arch\n"), 0o644))
	conf := "[options]\nArchitecture = x86_64\nSigLevel = Never\nDBPath = " + db + "\n"
	for _, repo := range repos {
		conf += "[" + repo + "]\nInclude = " + list + "\n"
	}
	require.NoError(t, os.WriteFile(w.conf, []byte(conf), 0o644))
	w.env = programs.Env(w.home, append([]string{
		"SSL_CERT_FILE=" + certs.File, "OMG_SYNC_OWN=true", "OMG_SYNC_INTERVAL=1s", "OMG_NETWORK_TIMEOUT=2s",
	}, more...)...)
	return w
}

// small is a database directory for what needs no real data.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, fixture.Write(dir, fixture.Options{Packages: 60, Installed: 30, Seed: 1}))
	return dir
}

// serve has the mirror serve a copy of a file from now on.
func (w *world) serve(repo, path string, at time.Time) {
	w.t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(w.t, err)
	w.put(repo, b, at)
}

func (w *world) put(repo string, b []byte, at time.Time) {
	w.t.Helper()
	put(w.t, filepath.Join(w.files, repo+".db"), b, at)
}

func put(t *testing.T, path string, b []byte, at time.Time) {
	t.Helper()
	tmp := path + ".tmp"
	require.NoError(t, os.WriteFile(tmp, b, 0o644))
	require.NoError(t, os.Chtimes(tmp, at, at))
	require.NoError(t, os.Rename(tmp, path))
}

func (w *world) start() {
	w.t.Helper()
	w.omgd = programs.Start(w.t, w.env, "--pacman-config", w.conf)
}

// omg asks the daemon, or the files while none runs.
func (w *world) omg(args ...string) programs.Result {
	w.t.Helper()
	if w.omgd == nil {
		return programs.Run(w.t, w.env, "omg", append([]string{"--pacman-config", w.conf}, args...)...)
	}
	return programs.Run(w.t, w.env, "omg", append([]string{"--socket", w.omgd.Socket}, args...)...)
}

func (w *world) status() (st wire.StatusResult) {
	w.t.Helper()
	r := w.omg("status", "--json")
	require.Zero(w.t, r.Code, r.Stderr)
	require.NoError(w.t, json.Unmarshal([]byte(r.Stdout), &st))
	return st
}

// own waits until all that is compared is omgd's own and of a time.
func (w *world) own(at time.Time) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		r := w.omg("status", "--json")
		var st wire.StatusResult
		if r.Code != 0 || json.Unmarshal([]byte(r.Stdout), &st) != nil || st.Stale {
			return false
		}
		list := st.Compared
		if list == nil {
			list = st.Sources[:min(len(st.Sources), len(repos))]
		}
		return len(list) == len(repos) && !slices.ContainsFunc(list, func(s wire.Source) bool { return !s.Own || s.AsOf != at.Unix() })
	}, time.Minute, 20*time.Millisecond)
}

// pacman lists the updates that real pacman finds in databases.
func (w *world) pacman(sync string) []string {
	w.t.Helper()
	pacman, err := exec.LookPath("pacman")
	if err != nil {
		w.t.Skip("pacman is not installed: make deps installs it")
	}
	dir := w.t.TempDir()
	require.NoError(w.t, os.Mkdir(filepath.Join(dir, "sync"), 0o755))
	require.NoError(w.t, os.CopyFS(filepath.Join(dir, "local"), os.DirFS(filepath.Join(w.db, "local"))))
	for _, repo := range repos {
		b, err := os.ReadFile(filepath.Join(sync, repo+".db"))
		require.NoError(w.t, err)
		require.NoError(w.t, os.WriteFile(filepath.Join(dir, "sync", repo+".db"), b, 0o644))
	}
	r := programs.Exec(w.t, w.env, pacman, "--config", w.conf, "-b", dir, "-Qu")
	return r.Lines()
}

// TestCorpus: a mirror with newer databases changes what is outdated, and not what is
// found; pacman says the same of the same databases, and without omgd they go on
// counting.
func TestCorpus(t *testing.T) {
	w := newWorld(t, corpus.DB(t))
	own := filepath.Join(w.home, ".local/share/omg/sync")
	w.start()
	w.own(then)
	before := w.omg("outdated", "--no-aur").Lines()
	require.Equal(t, w.pacman(filepath.Join(w.db, "sync")), before)
	require.Len(t, before, 48)
	search, info := w.omg("search", "shell"), w.omg("info", "bash", "firefox")

	for _, repo := range repos {
		newer := raise(t, filepath.Join(w.db, "sync", repo+".db"), "bash", "zlib", "firefox", "glibc", "lib32-glibc")
		w.put(repo, newer, later)
	}
	w.own(later)
	outdated := w.omg("outdated", "--no-aur")
	after := outdated.Lines()
	require.Equal(t, w.pacman(own), after)
	require.Greater(t, len(after), len(before))
	require.Contains(t, outdated.Stderr, "by databases of omgd's own, as of ")
	require.Equal(t, search, w.omg("search", "shell"), "what is found stays pacman's")
	require.Equal(t, info, w.omg("info", "bash", "firefox"))

	st := w.status()
	require.EqualValues(t, len(after), *st.Counts.Updates)
	require.Equal(t, "core", st.Sources[0].Name)
	require.False(t, st.Sources[0].Own)
	require.Equal(t, then.Unix(), st.Sources[0].AsOf)
	human := w.omg("status").Stdout
	require.Contains(t, human, fmt.Sprintf("Updates         : %d (and 0 ignored), as of ", len(after)))
	require.Contains(t, human, "Compared With   : core (omgd's own): ok; of 2026-03-03 12:00:00 ")
	file, err := statusfile.Read(filepath.Join(filepath.Dir(w.omgd.Socket), "omg.status"))
	require.NoError(t, err)
	require.Equal(t, statusfile.Count(len(after)), file.Updates)
	require.WithinDuration(t, time.Now(), file.UpdatesAsOf, time.Minute)

	// Without a daemon, the same.
	w.omgd.Stop(t)
	w.omgd = nil
	require.Equal(t, after, w.omg("outdated", "--no-aur").Lines())
	require.Equal(t, search.Stdout, w.omg("search", "shell").Stdout)
	require.Equal(t, before, programs.Run(t, w.env, "omg", "--dbpath", w.db, "--pacman-config", w.conf, "outdated", "--no-aur").Lines(),
		"another directory is compared with itself")

	// And if asked to, searches show them.
	w.env = append(w.env, "OMG_SYNC_SEARCH=true")
	w.start()
	w.own(later)
	require.Equal(t, after, w.omg("outdated", "--no-aur").Lines())
	require.Contains(t, w.omg("info", "bash").Stdout, "999:")
	w.omgd.Stop(t)
	w.omgd = nil
	require.Contains(t, w.omg("info", "bash").Stdout, "999:")
}

// TestPacmanIsNewer: what somebody synchronizes counts at once.
func TestPacmanIsNewer(t *testing.T) {
	w := newWorld(t, corpus.DB(t))
	w.start()
	w.own(then)
	before := w.omg("outdated", "--no-aur").Lines()
	path := filepath.Join(w.db, "sync", "core.db")
	put(t, path, raise(t, path, "bash", "glibc"), later)
	require.Eventually(t, func() bool {
		return w.omg("info", "bash").Code == 0 && strings.Contains(w.omg("info", "bash").Stdout, "999:")
	}, 20*time.Second, 20*time.Millisecond)
	after := w.omg("outdated", "--no-aur").Lines()
	require.Equal(t, w.pacman(filepath.Join(w.db, "sync")), after)
	require.NotEqual(t, before, after)
	st := w.status()
	require.False(t, st.Compared[0].Own)
	require.True(t, st.Compared[1].Own)
}

// TestSwitches: however the mirror misbehaves, what was there stays, that is said,
// and when it is back so are newer databases.
func TestSwitches(t *testing.T) {
	switches := fakeserver.Switches()
	require.NotEmpty(t, switches)
	for _, sw := range switches {
		t.Run(url.PathEscape(sw.Name), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, small(t))
			w.start()
			w.own(then)
			before := w.omg("outdated", "--no-aur").Lines()
			sw.On(w.mirror)
			for _, repo := range repos {
				w.serve(repo, filepath.Join(w.db, "sync", repo+".db"), later)
			}
			require.Eventually(t, func() bool { return w.status().Compared[0].Why != "" }, time.Minute, 20*time.Millisecond)
			require.Contains(t, w.status().Compared[0].Why, w.mirror.URL)
			require.Equal(t, before, w.omg("outdated", "--no-aur").Lines())
			require.Zero(t, w.omg("search", "lib").Code)
			w.mirror.Off(t)
			w.own(later)
			require.Eventually(t, func() bool { return w.status().Compared[0].Why == "" }, time.Minute, 20*time.Millisecond)
			left, err := filepath.Glob(filepath.Join(w.home, ".local/share/omg/sync/.*"))
			require.NoError(t, err)
			require.LessOrEqual(t, len(left), 1, "at most what is being downloaded")
		})
	}
}

// TestRequests: what has not changed is asked for once an interval, conditionally,
// and no question causes a request.
func TestRequests(t *testing.T) {
	w := newWorld(t, small(t), "OMG_SYNC_INTERVAL=1h")
	w.start()
	w.own(then)
	require.Len(t, w.mirror.Asked(), len(repos))
	require.Equal(t, "/core/os/x86_64/core.db", w.mirror.Asked()[0])
	for range 20 {
		w.omg("outdated")
		w.omg("refresh")
	}
	w.omgd.Stop(t)
	w.start()
	w.own(then)
	require.Len(t, w.mirror.Asked(), len(repos))
}

// TestAlone: without a network a restart knows what was known, and without databases
// of pacman's what is downloaded is enough to count.
func TestAlone(t *testing.T) {
	w := newWorld(t, small(t))
	w.start()
	w.own(then)
	before := w.omg("outdated", "--no-aur").Lines()
	require.NotEmpty(t, before)
	w.omgd.Stop(t)
	w.mirror.Refuse()
	w.start()
	w.own(then)
	require.Equal(t, before, w.omg("outdated", "--no-aur").Lines())
	require.NoError(t, os.RemoveAll(filepath.Join(w.db, "sync")))
	require.Eventually(t, func() bool { return w.status().Sources[0].State == wire.SourceMissing }, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, before, w.omg("outdated", "--no-aur").Lines())
	w.omgd.Stop(t)
	w.omgd = nil
	require.Equal(t, before, w.omg("outdated", "--no-aur").Lines())
}

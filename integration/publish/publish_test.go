package publish

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/wire"
)

// seed is that of all databases of the tests, so that those of a later day are updates of those of an earlier one.
const seed = 1

// packageCount is the number of packages: in a day, some of them change.
const packageCount = 3000

func databasesOf(day int) harness.Option { return harness.WithGenerated(optionsOf(day, packageCount)) }

func optionsOf(day, packages int) fixture.Options {
	return fixture.Options{Packages: packages, Installed: packages / 10, Seed: seed, FileLists: true, Day: day}
}

// publisher is a machine that publishes its databases and a dump of the AUR.
type publisher struct {
	*harness.System
	dir, key string
	secret   string // the name of the file with the secret key
	packages int
	// aurPackages is the number of packages of the AUR. It is a third of those of the repositories, as long as a test does not change it.
	aurPackages int
	noFiles     bool // no lists of files
}

// newSystem returns a system without databases. Its programs have a directory for their temporary files, because those that are killed leave
// some behind.
func newSystem(t *testing.T, options ...harness.Option) *harness.System {
	t.Helper()
	s := harness.New(t, append(options, harness.WithoutDatabases())...)
	dir := s.Path("temporary")
	require.NoError(t, os.Mkdir(dir, 0o700))
	return s.WithEnv("TMPDIR=" + dir)
}

func newPublisher(t *testing.T, day, packages int, options ...harness.Option) *publisher {
	t.Helper()
	p := &publisher{
		System: newSystem(t, options...), packages: packages, aurPackages: packages / 3, secret: "key", dir: filepath.Join(t.TempDir(), "published"),
	}
	requireOK(t, p.Run("omg-index", "keygen", "-W", "-s", p.Path("key"), "-p", p.Path("key.pub")))
	harness.WriteFile(t, p.PacmanConf, fixture.PacmanConfig)
	p.key = strings.Split(string(harness.ReadFile(t, p.Path("key.pub"))), "\n")[1]
	p.publish(day)
	return p
}

// dayTime returns the modification time of the databases of a day.
func dayTime(day int) time.Time { return time.Date(2026, 9, 20+day, 12, 0, 0, 0, time.UTC) }

// publish publishes the databases of a day.
func (p *publisher) publish(day int) {
	p.T.Helper()
	at := dayTime(day)
	require.NoError(p.T, os.RemoveAll(p.DB))
	o, sources := optionsOf(day, p.packages), []string{"--source", "repositories", "--source", "files"}
	if p.noFiles {
		o.FileLists, sources = false, sources[:2]
	}
	require.NoError(p.T, fixture.WriteDatabases(p.DB, o))
	dump := p.Path("dump.json.gz")
	f, err := os.Create(dump)
	require.NoError(p.T, err)
	require.NoError(p.T, fixture.WriteAURDumpOfDay(f, p.aurPackages, seed, day))
	require.NoError(p.T, f.Close())
	paths, err := filepath.Glob(filepath.Join(p.DB, "sync", "*"))
	require.NoError(p.T, err)
	for _, path := range append(paths, dump) {
		require.NoError(p.T, os.Chtimes(path, at, at))
	}
	requireOK(p.T, p.Run("omg-index", slices.Concat([]string{"publish", "-s", p.Path(p.secret), "--out", p.dir, "--note", "day " + fmt.Sprint(day)},
		sources, []string{"--source", "aur=" + dump}, p.DatabaseFlags())...))
}

func requireOK(t testing.TB, r harness.Result) harness.Result {
	t.Helper()
	require.Zero(t, r.Code, r.Stderr)
	return r
}

// machine creates a system that pulls from mirrors with a key.
func machine(t *testing.T, databases harness.Option, key string, urls ...string) *harness.System {
	t.Helper()
	return harness.New(t, databases, harness.WithEnv("OMG_INDEX_URLS="+strings.Join(urls, ","), "OMG_INDEX_KEYS="+key, "OMG_NETWORK_TIMEOUT=2m"))
}

// awaitPulled waits until omgd compares the installed packages with what was pulled of a day.
func awaitPulled(d *harness.Daemon, day int) {
	at := dayTime(day).Unix()
	d.AwaitStatus(func(st *wire.StatusResult) bool {
		list := st.ComparedSources
		if list == nil {
			list = st.Sources
		}
		n := 0
		for _, s := range list {
			if s.IsRepository() && s.Publisher != "" && s.AsOf == at {
				n++
			}
		}
		return n == 3
	}, fmt.Sprintf("the repositories of day %d", day))
}

// TestPull_Machines pulls to a machine with pacman's databases, and to one without, from an edge of which only the first request of each file
// reaches the origin.
func TestPull_Machines(t *testing.T) {
	p := newPublisher(t, 1, packageCount)
	origin := startNginx(t, "omg-origin.conf", map[string]string{"/srv/omg": p.dir})
	edge := startNginx(t, "omg-edge.conf", map[string]string{"http://omg.example.org": origin.URL, "/var/cache/nginx/omg": filepath.Join(t.TempDir(), "cache")})

	var aurRequests atomic.Int64
	aur := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		aurRequests.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(aur.Close)
	withAUR := []string{"OMG_AUR_ENABLED=true", "OMG_AUR_URL=" + aur.URL, "OMG_AUR_LIVE_ENABLED=false"}

	// Pacman's databases are of the day before: updates come from what was pulled, search does not.
	old := machine(t, databasesOf(0), p.key, edge.URL).WithEnv(withAUR...)
	daemon := old.StartDaemon()
	awaitPulled(daemon, 1)
	current := harness.New(t, databasesOf(1))
	require.NoError(t, os.RemoveAll(filepath.Join(current.DB, "local")))
	require.NoError(t, os.CopyFS(filepath.Join(current.DB, "local"), os.DirFS(filepath.Join(old.DB, "local"))))
	updates := requireOK(t, current.RunWithoutDaemon(append([]string{"outdated", "--no-aur"}, current.PathFlags()...)...)).Lines()
	require.NotEmpty(t, updates)
	require.Equal(t, updates, requireOK(t, daemon.Omg("outdated", "--no-aur")).Lines())
	own := requireOK(t, harness.New(t, databasesOf(0)).StartDaemon().Omg("search", "--no-aur", "--limit", "0", "lib")).Stdout
	require.Equal(t, own, requireOK(t, daemon.Omg("search", "--no-aur", "--limit", "0", "lib")).Stdout)
	found := requireOK(t, current.StartDaemon().Omg("search", "--no-aur", "--limit", "0", "lib")).Stdout
	require.NotEqual(t, own, found)

	// Everybody who asks how omgd is learns where the data comes from.
	status := requireOK(t, daemon.Omg("status")).Stdout
	require.Regexp(t, `(?s)Pulled +: sequence \d+, published .*, expires in .*, confirmed by a mirror .*, next request in .*from `+edge.URL+`, signed with `+regexp.QuoteMeta(p.key), status)
	require.Contains(t, daemon.Omg("doctor").Stdout, "pulled indexes")
	require.Regexp(t, `ok +pulled indexes`, daemon.Omg("health").Stdout)
	metrics := requireOK(t, daemon.Omg("metrics")).Stdout
	require.Contains(t, metrics, "\nomg_pull_ok 1\n")
	require.Contains(t, metrics, "\nomg_pull_texts_total{form=\"whole\"} 8\n")

	// A machine without any database of pacman finds what was pulled, in the same order as the publisher.
	none := machine(t, harness.WithoutDatabases(), p.key, edge.URL).WithEnv(withAUR...)
	harness.WriteFile(t, none.PacmanConf, fixture.PacmanConfig)
	require.NoError(t, os.CopyFS(filepath.Join(none.DB, "local"), os.DirFS(filepath.Join(old.DB, "local"))))
	other := none.StartDaemon()
	awaitPulled(other, 1)
	require.Equal(t, found, requireOK(t, other.Omg("search", "--no-aur", "--limit", "0", "lib")).Stdout)
	other.AwaitStatus(func(st *wire.StatusResult) bool {
		s := wire.FindSourceByKind(st.Sources, wire.KindAUR)
		return s != nil && s.Publisher == p.key && s.State == wire.SourceOK
	}, "the AUR that was pulled")
	require.NotEmpty(t, requireOK(t, other.Omg("search", "--aur", "lib")).Stdout)
	require.Zero(t, aurRequests.Load(), "omgd requests nothing that it pulls")

	objects, requests := origin.sentBytes("/objects/")
	require.NotZero(t, objects)
	published := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(p.dir, "objects"), func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			published++
		}
		return err
	}))
	require.LessOrEqual(t, requests, published, "each object left the origin once")

	// The origin ends: a new machine gets everything from the edge.
	origin.stop()
	late := machine(t, harness.WithoutDatabases(), p.key, edge.URL)
	requireOK(t, late.Run("omg-index", "pull", "-P", p.key, "--data-dir", late.Data, edge.URL))
	state, err := pulled.Read(pulled.Dir(late.Data), func(uint32) bool { return true })
	require.NoError(t, err)
	require.Len(t, state.Sources, 7, "three repositories, their file lists, and the AUR")
}

// TestPull_ManyReaders has many readers at once ask two edges, one after the other. What leaves the origin does not depend on their number.
func TestPull_ManyReaders(t *testing.T) {
	p := newPublisher(t, 1, packageCount)
	origin := startNginx(t, "omg-origin.conf", map[string]string{"/srv/omg": p.dir})
	var edges []*server
	for range 2 {
		edges = append(edges, startNginx(t, "omg-edge.conf", map[string]string{"http://omg.example.org": origin.URL, "/var/cache/nginx/omg": filepath.Join(t.TempDir(), "cache")}))
	}
	var names []string
	require.NoError(t, filepath.WalkDir(p.dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			name, _ := filepath.Rel(p.dir, path)
			names = append(names, name)
		}
		return err
	}))
	read := func(readers int) {
		var reading sync.WaitGroup
		slots := make(chan struct{}, 32)
		for i := range readers {
			reading.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				for _, name := range names {
					r, err := http.Get(edges[i%2].URL + "/" + name)
					if err == nil { // nginx does not keep what a reader does not take
						_, err = io.Copy(io.Discard, r.Body)
						_ = r.Body.Close()
					}
					if err != nil || r.StatusCode != http.StatusOK {
						t.Errorf("%s: %v", name, err)
						return
					}
				}
			})
		}
		reading.Wait()
	}
	objects := 0
	for _, name := range names {
		if strings.HasPrefix(name, "objects/") {
			objects++
		}
	}
	read(len(edges))
	harness.Await(t, func() bool { // nginx writes its log after its response
		_, requests := origin.sentBytes("/objects/")
		return requests >= len(edges)*objects
	}, "the requests of the edges in the log of the origin")
	first, _ := origin.sentBytes("/objects/")
	read(1000)
	origin.stop()
	last, _ := origin.sentBytes("/objects/")
	require.Equal(t, first, last, "the edges have everything")
}

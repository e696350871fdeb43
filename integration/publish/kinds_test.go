package publish

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/wire"
)

// allKinds is a publisher of all kinds of sources, and a machine whose installed packages they concern.
type allKinds struct {
	*publisher
	// served is the directory that the web server serves, with links to the entries of the published one.
	served  string
	machine *harness.System
	local   *pacmandb.Local
	// base is the package base of an installed package of the AUR, which somebody has adopted by the publisher's journal.
	base string
	// names are those of all packages of the repositories.
	names []string
}

// newAllKinds creates a publisher of all kinds with the databases of the machine, and publishes them. All addresses that omgd has in the settings of the
// machine belong to a server that fails the test when it is asked.
func newAllKinds(t *testing.T, databases harness.Option) *allKinds {
	t.Helper()
	k := &allKinds{publisher: newPublisher(t, 1, packageCount), served: t.TempDir()}
	for _, name := range harness.ListDir(t, k.dir) {
		require.NoError(t, os.Symlink(filepath.Join(k.dir, name), filepath.Join(k.served, name)))
	}
	world := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("omgd has requested %s %s of the world", r.Method, r.URL)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(world.Close)
	origin := startNginx(t, "omg-origin.conf", map[string]string{"/srv/omg": k.served})
	k.machine = machine(t, databases, k.key, origin.URL).WithEnv(
		"OMG_AUR_ENABLED=true", "OMG_AUR_URL="+world.URL, "OMG_TRACKER_ENABLED=true", "OMG_TRACKER_URL="+world.URL,
		"OMG_NEWS_ENABLED=true", "OMG_NEWS_URL="+world.URL, "OMG_POPULARITY_ENABLED=true", "OMG_POPULARITY_URL="+world.URL, "OMG_NETWORK_PROXY=none",
		"OMG_INDEX_INTERVAL=1m")
	if _, err := os.Stat(filepath.Join(k.machine.DB, "local")); err != nil {
		require.NoError(t, os.CopyFS(filepath.Join(k.machine.DB, "local"), os.DirFS(filepath.Join(k.DB, "local"))))
		harness.WriteFile(t, k.machine.PacmanConf, fixture.PacmanConfig)
	}
	var err error
	k.local, err = pacmandb.ReadLocal(t.Context(), k.machine.DB)
	require.NoError(t, err)
	k.names = requireOK(t, k.RunWithoutDaemon(append([]string{"search", "-q", "--no-aur", "--limit", "0", ""}, k.PathFlags()...)...)).Lines()
	k.writeAll("AVG-1", "Read this first", 1)
	requireOK(t, k.publishAll())
	return k
}

// writeAll writes the files from which the kinds without an index are published. The shares grow with the names, or fall with them if the sign is -1.
func (k *allKinds) writeAll(advisory, headline string, sign int) {
	k.T.Helper()
	harness.WriteFile(k.T, k.Path("all.json"), fmt.Sprintf(
		`[{"name":%q,"packages":[%q],"status":"Vulnerable","severity":"High","type":"multiple issues","affected":%q,"fixed":null,"ticket":null,"issues":["CVE-2026-1"],"advisories":[]},{"name":5}]`,
		advisory, k.local.Packages[3].Name, k.local.Packages[3].Version))
	now := time.Now()
	items := news.File{URL: "https://news.example/", ConfirmedAt: now.Unix(), Items: []wire.NewsItem{{
		NewsHeadline: wire.NewsHeadline{ID: headline, Title: headline, URL: "https://news.example/1", PublishedAt: now.Add(-time.Hour).Unix()}, Text: "All of it.",
	}}}
	require.NoError(k.T, items.Write(k.Path("news.json")))
	slices.Sort(k.names)
	shares := map[string]float64{}
	for i, name := range k.names {
		shares[name] = float64(50*len(k.names)+sign*40*i) / float64(len(k.names))
	}
	harness.WriteFile(k.T, k.Path("popularity.json"), fixture.PopularityReply(shares))
	k.writeJournal(now)
}

// writeJournal writes a journal whose last observation is that of the dump. Somebody has adopted the package base of an installed package.
func (k *allKinds) writeJournal(now time.Time) {
	k.T.Helper()
	content := harness.ReadFile(k.T, k.Path("dump.json.gz"))
	file, err := os.Open(k.Path("dump.json.gz"))
	require.NoError(k.T, err)
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	require.NoError(k.T, err)
	var dump []struct{ Name, PackageBase string }
	require.NoError(k.T, json.NewDecoder(unpacked).Decode(&dump))
	k.base = ""
	for _, p := range dump {
		isInstalled := slices.ContainsFunc(k.local.Packages, func(i *pacmandb.Installed) bool { return i.Name == p.Name })
		if isInstalled && !slices.Contains(k.names, p.Name) {
			k.base = p.PackageBase
		}
	}
	require.NotEmpty(k.T, k.base, "no installed package is in the dump")
	from, to := now.Add(-25*time.Hour).UTC().Format(time.RFC3339), now.Add(-time.Hour).UTC().Format(time.RFC3339)
	digest := sha256.Sum256(content)
	harness.WriteFile(k.T, k.Path("journal.jsonl"), fmt.Sprintf(`{"observation":"baseline","source":"dump","between":[%q,%q],"packages":9,"sha256":"%064x"}
{"observation":"compared","source":"dump","between":[%q,%q],"packages":9,"sha256":"%x"}
{"pkgbase":%q,"event":"adopted","from":null,"to":"mallory","between":[%q,%q]}
`, from, from, 0, from, to, digest, k.base, from, to))
	require.NoError(k.T, os.RemoveAll(k.Path("aur.omgjournal")))
	requireOK(k.T, k.Run("omg-index", "journal", "--import", k.Path("journal.jsonl"), "--to", k.Path("aur.omgjournal")))
}

// publishAll publishes all kinds of sources.
func (k *allKinds) publishAll(flags ...string) harness.Result {
	k.T.Helper()
	args := []string{"publish", "-s", k.Path("key"), "--out", k.dir}
	for _, source := range []string{
		"repositories", "files", "aur=" + k.Path("dump.json.gz"), "advisories=" + k.Path("all.json"), "news=" + k.Path("news.json"),
		"popularity=" + k.Path("popularity.json"), "journal=" + k.Home,
	} {
		args = append(args, "--source", source)
	}
	return k.Run("omg-index", slices.Concat(args, flags, k.DatabaseFlags())...)
}

// searchWithShares returns the results of a search in the publisher's databases, in their order with the published shares.
func (k *allKinds) searchWithShares() string {
	k.T.Helper()
	index := k.T.TempDir()
	requireOK(k.T, k.Run("omg-index", slices.Concat([]string{"build", "--data-dir", index, "--popularity", k.Path("popularity.json")}, k.DatabaseFlags())...))
	return requireOK(k.T, k.RunWithoutDaemon(slices.Concat([]string{"search", "--no-aur", "--limit", "0", "lib"}, k.DatabaseFlags(), []string{"--data-dir", index})...)).Stdout
}

// awaitSources waits until sources are in a state and, unless it is empty, have a reason with a text.
func awaitSources(d *harness.Daemon, state wire.SourceState, why string, kinds ...wire.SourceKind) {
	d.AwaitStatus(func(st *wire.StatusResult) bool {
		for _, kind := range kinds {
			s := wire.FindSourceByKind(st.Sources, kind)
			if s == nil || s.State != state || s.Publisher == "" || !strings.Contains(s.Why, why) {
				return false
			}
		}
		return true
	}, fmt.Sprintf("%v that are %s", kinds, state))
}

// pullAgain has omgd pull, as soon as another pull can be demanded.
func pullAgain(d *harness.Daemon) {
	harness.Await(d.System.T, func() bool {
		r := d.Omg("refresh", "--sources")
		return strings.Contains(r.Stdout+r.Stderr, "pulled indexes: ") && !strings.Contains(r.Stdout+r.Stderr, "pulled indexes: no new request")
	}, "another pull")
}

// requireAnswers checks the answers that follow from what was pulled. The function run runs omg.
func (k *allKinds) requireAnswers(run func(args ...string) harness.Result, advisory, headline string) {
	k.T.Helper()
	victim := k.local.Packages[3]
	var r harness.Result
	harness.Await(k.T, func() bool { // omgd takes over one kind after the other, and says that a source is right before its state is
		r = run("security")
		return r.Stdout == fmt.Sprintf("%s %s (%s High, affected)\n", victim.Name, victim.Version, advisory)
	}, "the advisory "+advisory)
	require.Contains(k.T, r.Stderr, "1 records of the security tracker could not be read", "what the publisher could not read is unknown")
	harness.Await(k.T, func() bool {
		r = run("news", "--all")
		return r.Code == 0 && strings.Contains(r.Stdout, headline)
	}, "the news "+headline)
	harness.Await(k.T, func() bool {
		return run("search", "--no-aur", "--limit", "0", "lib").Stdout == k.searchWithShares()
	}, "the indexes with the shares")
	require.Contains(k.T, requireOK(k.T, run("aur", "log", "--all", "--data-dir", k.machine.Data)).Stdout, k.base+"  adopted")
}

// TestPull_AllKinds checks that a machine that pulls all kinds of sources answers from them, with and without omgd, and asks nobody else.
func TestPull_AllKinds(t *testing.T) {
	k := newAllKinds(t, databasesOf(1))
	before := requireOK(t, harness.New(t, databasesOf(1)).StartDaemon().Omg("search", "--no-aur", "--limit", "0", "lib")).Stdout
	require.NotEqual(t, before, k.searchWithShares(), "the shares change the order")

	daemon := k.machine.StartDaemon()
	all := []wire.SourceKind{wire.KindTracker, wire.KindNews, wire.KindPopularity, wire.KindAUR}
	awaitSources(daemon, wire.SourceOK, "", all...)
	k.requireAnswers(daemon.Omg, "AVG-1", "Read this first")

	// The journal has no names: what follows from them is unknown, and not nothing.
	daemon.AwaitOutput("adopted by somebody", "aur", "check")
	check := daemon.Omg("aur", "check")
	require.Equal(t, 4, check.Code, check.Stderr)
	require.Contains(t, check.Stderr, "the names of maintainers are left out: what follows from them is unknown")
	require.Contains(t, check.Stderr, filepath.Join(pulled.Dir(k.machine.Data), "aur.omgjournal"))
	require.NotContains(t, string(harness.ReadFile(t, filepath.Join(pulled.Dir(k.machine.Data), "aur.omgjournal"))), "mallory")
	daemon.AwaitStatus(func(st *wire.StatusResult) bool { return slices.Contains(st.PartialCounts, "aur_findings") }, "a number of findings that is not the whole")

	// Everybody who asks how omgd is learns where the data comes from, and how old it is.
	status := requireOK(t, daemon.Omg("status")).Stdout
	for _, name := range []string{"tracker", "news", "popularity", "aur"} {
		require.Regexp(t, name+` \(pulled\) +ok +.*confirmed by a mirror .*signed with `, status)
	}
	require.NotContains(t, requireOK(t, daemon.Omg("refresh", "--sources")).Stdout, "tracker", "a pulled source has no requests of its own")
	health := daemon.Omg("health").Stdout
	for _, name := range []string{"pulled indexes", "aur", "tracker", "news", "popularity"} {
		require.Regexp(t, `ok +`+name, health)
	}
	require.True(t, strings.Contains(daemon.Omg("metrics").Stdout, "\nomg_source_ok{kind=\"tracker\",source=\"tracker\",state=\"ok\"} 1\n"))
	daemon.Stop()
	withoutDaemon := func(args ...string) harness.Result {
		config := k.machine.Path("direct.conf")
		harness.WriteFile(t, config, strings.Replace(fixture.PacmanConfig, "[options]", "[options]\nDBPath = "+k.machine.DB, 1))
		return k.machine.Run("omg", append([]string{"--no-daemon", "--pacman-config", config, "--data-dir", k.machine.Data}, args...)...)
	}
	k.requireAnswers(withoutDaemon, "AVG-1", "Read this first")
	require.Contains(t, withoutDaemon("aur", "check").Stderr, "the names of maintainers are left out")

	// What was published next arrives as patches, now with the names.
	k.writeAll("AVG-2", "Read this later", -1)
	requireOK(t, k.publishAll("--journal-names"))
	daemon = k.machine.StartDaemon()
	pullAgain(daemon)
	k.requireAnswers(daemon.Omg, "AVG-2", "Read this later")
	daemon.AwaitOutput(`adopted by "mallory"`, "aur", "check")
	require.NotContains(t, daemon.Omg("aur", "check").Stderr, "left out")
}

// TestPull_AllKindsWithoutDatabases checks that a machine without databases of pacman has the order of the published shares, too.
func TestPull_AllKindsWithoutDatabases(t *testing.T) {
	k := newAllKinds(t, harness.WithoutDatabases())
	daemon := k.machine.StartDaemon()
	awaitPulled(daemon, 1)
	awaitSources(daemon, wire.SourceOK, "", wire.KindTracker, wire.KindNews, wire.KindPopularity)
	k.requireAnswers(daemon.Omg, "AVG-1", "Read this first")
}

// TestPull_FailedKinds checks that after a failure the last good data stays with its age, for the publisher and for the machines, and that omgd
// asks nobody else.
func TestPull_FailedKinds(t *testing.T) {
	k := newAllKinds(t, databasesOf(1))
	daemon := k.machine.StartDaemon()
	kinds := []wire.SourceKind{wire.KindTracker, wire.KindNews, wire.KindPopularity}
	awaitSources(daemon, wire.SourceOK, "", kinds...)

	// Files that the publisher cannot read are named, and what was published last stays.
	files := map[string]string{"all.json": "{", "news.json": "<html>", "popularity.json": "[]", "aur.omgjournal": "precious"}
	good := map[string][]byte{}
	for name, bad := range files {
		good[name] = harness.ReadFile(t, k.Path(name))
		harness.WriteFile(t, k.Path(name), bad)
	}
	r := k.publishAll()
	require.Equal(t, 3, r.Code, r.Stderr)
	for name := range files {
		require.Contains(t, r.Stderr, k.Path(name)+": ")
	}
	for _, name := range []string{"tracker", "news", "popularity", "aur"} {
		require.Contains(t, r.Stderr, name+": what was published last stays in the manifest")
	}
	pullAgain(daemon)
	awaitSources(daemon, wire.SourceOK, "", kinds...)
	k.restore(good)
	k.requireAnswers(daemon.Omg, "AVG-1", "Read this first")

	// A mirror without the new objects: the machine keeps what it has, which is stale. omgd also pulls by itself, so no objects are served from
	// before they are published.
	objects := filepath.Join(k.served, "objects")
	require.NoError(t, os.Remove(objects))
	k.writeAll("AVG-2", "Read this later", -1)
	requireOK(t, k.publishAll())
	pullAgain(daemon)
	awaitSources(daemon, wire.SourceStale, "objects/", kinds...)
	require.Contains(t, daemon.Omg("security").Stdout, "AVG-1 High")
	require.Contains(t, daemon.Omg("news", "--all").Stdout, "Read this first")
	// omgd computes the findings after the state. As long as it has none, omg aur check reads the files of this user.
	harness.Await(t, func() bool { return strings.Contains(daemon.Omg("aur", "check").Stderr, "objects/") }, "the findings from a journal that could not be pulled")
	require.Contains(t, daemon.Omg("doctor").Stdout, "objects/")

	require.NoError(t, os.Symlink(filepath.Join(k.dir, "objects"), objects))
	pullAgain(daemon)
	awaitSources(daemon, wire.SourceOK, "", kinds...)
	k.requireAnswers(daemon.Omg, "AVG-2", "Read this later")
}

// restore restores files.
func (k *allKinds) restore(files map[string][]byte) {
	for name, content := range files {
		harness.WriteFile(k.T, k.Path(name), string(content))
	}
}

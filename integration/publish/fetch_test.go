package publish

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/publication"
)

// sourceServers has stand-ins for all servers that publish --fetch asks.
type sourceServers struct {
	*harness.System
	// files has the directory of each server.
	files map[string]string
	// servers are mirror, late, aur, advisories, news and popularity. late is another mirror.
	servers map[string]*fakeserver.Server
	out     string
}

// fetchedFiles has the name of the file on the server of each source that is not a database.
var fetchedFiles = map[string]string{"aur": "packages-meta-ext-v1.json.gz", "advisories": "all.json", "news": "news", "popularity": "packages"}

func newSourceServers(t *testing.T) *sourceServers {
	t.Helper()
	w := &sourceServers{System: newSystem(t), files: map[string]string{}, servers: map[string]*fakeserver.Server{}}
	w.out = w.Path("public")
	requireOK(t, w.Run("omg-index", "keygen", "-W", "-s", w.Path("key"), "-p", w.Path("key.pub")))
	for _, name := range []string{"mirror", "late", "aur", "advisories", "news", "popularity"} {
		w.files[name] = t.TempDir()
		w.servers[name] = fakeserver.Serve(t, fakeserver.Mirror{Dir: w.files[name]}, nil)
	}
	harness.WriteFile(t, w.PacmanConf, "[options]\nArchitecture = x86_64\nSigLevel = Never\n"+strings.ReplaceAll("[core]\nInclude = LIST\n[extra]\nInclude = LIST\n", "LIST", w.Path("mirrorlist")))
	harness.WriteFile(t, w.Path("mirrorlist"), "Server = "+w.servers["mirror"].URL+"/$repo/os/$arch\nServer = "+w.servers["late"].URL+"/$repo/os/$arch\n")
	w.change(1)
	return w
}

// change makes the servers have the data of a day.
func (w *sourceServers) change(day int) {
	w.T.Helper()
	at := time.Date(2026, 9, 20+day, 12, 0, 0, 0, time.UTC)
	db := w.T.TempDir()
	require.NoError(w.T, fixture.WriteDatabases(db, optionsOf(day, 80)))
	databases, err := filepath.Glob(filepath.Join(db, "sync", "*"))
	require.NoError(w.T, err)
	for _, path := range databases {
		for _, mirror := range []string{"mirror", "late"} {
			harness.WriteFile(w.T, filepath.Join(w.files[mirror], filepath.Base(path)), string(harness.ReadFile(w.T, path)))
		}
	}
	dump, err := os.Create(filepath.Join(w.files["aur"], fetchedFiles["aur"]))
	require.NoError(w.T, err)
	require.NoError(w.T, fixture.WriteAURDumpOfDay(dump, 100, seed, day))
	require.NoError(w.T, dump.Close())
	harness.WriteFile(w.T, filepath.Join(w.files["advisories"], "all.json"),
		fmt.Sprintf(`[{"name":"AVG-%d","packages":["a"],"status":"Fixed","severity":"High","type":"x","affected":"1-1","fixed":"2-1","issues":[],"advisories":[]}]`, day))
	harness.WriteFile(w.T, filepath.Join(w.files["news"], "news"), fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>News</title>`+
		`<item><title>Day %d</title><link>https://archlinux.org/news/%[1]d/</link><description>About it.</description></item></channel></rss>`, day))
	harness.WriteFile(w.T, filepath.Join(w.files["popularity"], "packages"), fixture.PopularityReply(map[string]float64{"bash": 50 + float64(day)/10}))
	for _, dir := range w.files {
		paths, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(w.T, err)
		for _, path := range paths {
			require.NoError(w.T, os.Chtimes(path, at, at))
		}
	}
}

// address returns the address of a source that is not a database.
func (w *sourceServers) address(name string) string {
	if name == "news" {
		return w.servers[name].URL + "/news" // the address of the feed itself
	}
	return w.servers[name].URL
}

// fetch runs omg-index publish --fetch with all sources.
func (w *sourceServers) fetch() harness.Result {
	w.T.Helper()
	return harness.Run(w.T, w.fetchCommand())
}

func (w *sourceServers) fetchCommand() *exec.Cmd {
	args := []string{"publish", "--fetch", "-s", w.Path("key"), "--out", w.out, "--cache-dir", w.Path("cache"), "--pacman-config", w.PacmanConf, "--proxy", "none", "--timeout", "2m"}
	for _, name := range []string{"repositories", "files"} {
		args = append(args, "--source", name)
	}
	for name := range fetchedFiles {
		args = append(args, "--source", name+"="+w.address(name))
	}
	return w.Command("omg-index", args...)
}

// manifest returns the last manifest.
func (w *sourceServers) manifest() *publication.Manifest {
	w.T.Helper()
	m, err := publication.ParseManifest(harness.ReadFile(w.T, filepath.Join(w.out, "manifest.json")))
	require.NoError(w.T, err)
	return m
}

// textHashes returns the hash of the text of each source of a manifest.
func textHashes(m *publication.Manifest) map[string]string {
	all := map[string]string{}
	for _, s := range m.Sources {
		all[s.Kind+" "+s.Name+" "+s.Architecture] = s.SHA256
	}
	return all
}

// watch records the requests to all servers: the values of If-None-Match.
func (w *sourceServers) watch() func() []string {
	var seen [6]atomic.Pointer[[]string]
	i := 0
	for _, s := range w.servers {
		list := &seen[i]
		i++
		list.Store(&[]string{})
		s.SetFault(func(rw http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
			longer := append(slices.Clone(*list.Load()), r.URL.Path+" "+r.Header.Get("If-None-Match")+" "+r.Header.Get("User-Agent"))
			list.Store(&longer)
			next.ServeHTTP(rw, r)
		})
	}
	return func() (all []string) {
		for i := range seen {
			all = append(all, *seen[i].Load()...)
		}
		for _, s := range w.servers {
			s.StopFaults(w.T)
		}
		return all
	}
}

// TestFetch publishes what servers have: the first time all of it, then nothing, then what has changed.
func TestFetch(t *testing.T) {
	w := newSourceServers(t)
	r := requireOK(t, w.fetch())
	require.Empty(t, r.Stderr)
	require.Contains(t, r.Stdout, "cache: 8 of 8 files new, ")
	require.Contains(t, r.Stdout, ", 9 sources, ", "the AUR has two")
	first := textHashes(w.manifest())
	require.Contains(t, first, "repository core x86_64")
	require.Contains(t, first, "files extra x86_64")
	requireOK(t, w.RunTool("minisign", "-V", "-p", w.Path("key.pub"), "-m", filepath.Join(w.out, "manifest.json")))

	requests := w.watch()
	r = requireOK(t, w.fetch())
	require.Contains(t, r.Stdout, "cache: 0 of 8 files new, ")
	require.Contains(t, r.Stdout, "(0 new, 0 removed, 0 bytes written)")
	require.Equal(t, first, textHashes(w.manifest()))
	all := requests()
	require.Len(t, all, 7, "pkgstats is asked once a week")
	for _, request := range all {
		require.Regexp(t, `^/\S+ "\S+" omg/\S+$`, request, "each request has a condition")
	}

	// Another publisher with the same files publishes the same objects.
	one := w.out
	w.out = w.Path("other")
	requireOK(t, w.fetch())
	require.Equal(t, fileNames(t, filepath.Join(one, "objects")), fileNames(t, filepath.Join(w.out, "objects")))
	w.out = one

	w.change(2)
	r = requireOK(t, w.fetch())
	require.Contains(t, r.Stdout, "cache: 7 of 8 files new, ")
	second := textHashes(w.manifest())
	for name, hash := range second {
		require.Equal(t, strings.HasPrefix(name, "shares "), hash == first[name], name)
	}

	// A machine pulls what was fetched.
	requireOK(t, w.Run("omg-index", "pull", "-p", w.Path("key.pub"), "--data-dir", w.Data, w.out))
}

// fileNames returns the names of all files below a directory.
func fileNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, strings.TrimPrefix(path, dir))
		}
		return err
	}))
	require.NotEmpty(t, names)
	return names
}

// TestFetch_Failures has each server fail in each way, one after the other: what it had stays published, the other sources are new, and the exit
// code says whether only the network failed.
func TestFetch_Failures(t *testing.T) {
	w := newSourceServers(t)
	requireOK(t, w.fetch())
	day := 1
	prefixes := map[string][]string{
		"mirror": {"repository ", "files "}, "aur": {"aur ", "aur-votes "}, "advisories": {"advisories "}, "news": {"news "}, "popularity": {"shares "},
	}
	for _, c := range []struct {
		name  string
		fault fakeserver.Fault // nil means that connections are refused
		code  int
	}{
		{"connection refused", nil, 4},
		{"503", fakeserver.ErrorStatus(http.StatusServiceUnavailable), 4},
		{"404", fakeserver.ErrorStatus(http.StatusNotFound), 3},
		{"a page", fakeserver.Page(), 3},
		{"half", fakeserver.TruncatedAnswer(), 3},
		{"cut off", fakeserver.WrongLength(), 4},
		{"without an end", fakeserver.LargeAnswer(1 << 40), 3},
		{"not modified, without a condition", fakeserver.ErrorStatus(http.StatusNotModified), 4},
	} {
		for server, kinds := range prefixes {
			if c.name == "without an end" && server == "mirror" {
				continue // a gigabyte for each list of files
			}
			day++
			w.change(day)
			before := textHashes(w.manifest())
			lost := w.Path("cache", "popularity.json") // so that pkgstats is asked
			if strings.HasPrefix(c.name, "not modified") {
				lost = w.Path("cache")
			}
			require.NoError(t, os.RemoveAll(lost))
			failing := []string{server}
			if server == "mirror" {
				failing = append(failing, "late")
			}
			for _, name := range failing {
				if c.fault == nil {
					w.servers[name].RefuseConnections()
				} else {
					w.servers[name].SetFault(c.fault)
				}
			}
			r := w.fetch()
			require.Equal(t, c.code, r.Code, "%s of %s\n%s%s", c.name, server, r.Stdout, r.Stderr)
			label := server
			if server == "mirror" {
				label = "core.files"
			}
			require.Regexp(t, `(?m)^omg-index: error: `+label+` could not be fetched: .+$`, r.Stderr, c.name)
			require.Contains(t, r.Stderr, "what was published last stays in the manifest")
			require.NotContains(t, r.Stderr, w.Home+"/cache", "no path of a temporary file")
			for name, hash := range textHashes(w.manifest()) {
				stays := slices.ContainsFunc(kinds, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
				require.Equal(t, stays, hash == before[name], "%s of %s: %s", c.name, server, name)
			}
			for _, name := range failing {
				w.servers[name].StopFaults(t)
			}
		}
	}
	requireOK(t, w.fetch())
}

// TestFetch_AllFail checks that nothing is signed if nothing could be fetched.
func TestFetch_AllFail(t *testing.T) {
	w := newSourceServers(t)
	requireOK(t, w.fetch())
	before := harness.ReadFile(t, filepath.Join(w.out, "manifest.json"))
	require.NoError(t, os.Remove(w.Path("cache", "popularity.json")))
	for _, s := range w.servers {
		s.RefuseConnections()
	}
	require.Equal(t, 4, w.fetch().Code)
	require.Equal(t, before, harness.ReadFile(t, filepath.Join(w.out, "manifest.json")))
}

// TestFetch_Mirrors checks that the next mirror is asked if one fails, and that an older one does not replace newer databases.
func TestFetch_Mirrors(t *testing.T) {
	w := newSourceServers(t)
	w.servers["mirror"].SetFault(fakeserver.Page())
	requireOK(t, w.fetch())
	first := textHashes(w.manifest())
	w.servers["mirror"].StopFaults(t)
	w.change(0)
	requireOK(t, w.fetch())
	for name, hash := range textHashes(w.manifest()) {
		if strings.HasPrefix(name, "repository ") || strings.HasPrefix(name, "files ") {
			require.Equal(t, first[name], hash, name)
		}
	}
}

// TestFetch_NoFileLists checks that a mirror that has a database without file lists in place of one with them is not used.
func TestFetch_NoFileLists(t *testing.T) {
	w := newSourceServers(t)
	spoil := func(mirror string) {
		path := filepath.Join(w.files[mirror], "core.files")
		harness.ReplaceFile(t, path, string(harness.ReadFile(t, filepath.Join(w.files[mirror], "core.db"))))
		require.NoError(t, os.Chtimes(path, time.Now(), time.Now()))
	}
	requireOK(t, w.fetch())
	first := textHashes(w.manifest())
	spoil("mirror")
	requireOK(t, w.fetch())
	require.Equal(t, first, textHashes(w.manifest()))
	spoil("late")
	r := w.fetch()
	require.Equal(t, 3, r.Code)
	const rejected = "/core/os/x86_64: its database was rejected: a database without file lists"
	require.Contains(t, r.Stderr, "omg-index: error: core.files could not be fetched: "+w.servers["mirror"].URL+rejected+"; "+w.servers["late"].URL+rejected+"\n")
	require.Equal(t, first, textHashes(w.manifest()))
}

// TestFetch_Cache checks that files that were lost or changed in the cache, and those of which a server says that another version of them has not
// changed, are requested without a condition.
func TestFetch_Cache(t *testing.T) {
	w := newSourceServers(t)
	requireOK(t, w.fetch())
	first := textHashes(w.manifest())
	for _, spoil := range []func(path string) error{
		os.Remove,
		func(path string) error { return os.Truncate(path, 10) },
		func(path string) error { return os.WriteFile(path, []byte("<html>"), 0o644) },
	} {
		for _, name := range []string{"core.db", "extra.files", "packages-meta-ext-v1.json.gz", "all.json", "news.json", "popularity.json", "fetched.json"} {
			require.NoError(t, spoil(w.Path("cache", name)))
		}
		require.Contains(t, requireOK(t, w.fetch()).Stdout, "cache: 8 of 8 files new, ")
		require.Equal(t, first, textHashes(w.manifest()))
	}
	for _, s := range w.servers {
		s.SetFault(fakeserver.OtherNotModified())
	}
	require.Contains(t, requireOK(t, w.fetch()).Stdout, "cache: 7 of 8 files new, ")
	require.Equal(t, first, textHashes(w.manifest()))
}

// TestFetch_FewPackages checks that a dump with far fewer packages than the last one is a fault of the AUR.
func TestFetch_FewPackages(t *testing.T) {
	w := newSourceServers(t)
	requireOK(t, w.fetch())
	before := textHashes(w.manifest())
	f, err := os.Create(filepath.Join(w.files["aur"], fetchedFiles["aur"]))
	require.NoError(t, err)
	require.NoError(t, fixture.WriteAURDumpOfDay(f, 49, seed, 1))
	require.NoError(t, f.Close())
	r := w.fetch()
	require.Equal(t, 3, r.Code, r.Stderr)
	require.Contains(t, r.Stderr, "aur could not be fetched: the AUR's dump was rejected: 49 packages, the last dump had 100\n")
	require.Equal(t, before, textHashes(w.manifest()))
}

// TestFetch_Slow checks that a server that never answers is given up.
func TestFetch_Slow(t *testing.T) {
	w := newSourceServers(t)
	for name, fault := range map[string]fakeserver.Fault{"none": fakeserver.Hang(), "byte by byte": fakeserver.Drip()} {
		w.servers["advisories"].SetFault(fault)
		r := w.Run("omg-index", "publish", "--fetch", "-s", w.Path("key"), "--out", w.out, "--cache-dir", w.Path("cache"), "--proxy", "none", "--timeout", "200ms",
			"--source", "advisories="+w.servers["advisories"].URL)
		require.Equal(t, 4, r.Code, name)
		require.Contains(t, r.Stderr, "advisories could not be fetched: too slow", name)
	}
}

// TestFetch_Killed kills omg-index at each of its requests, in the middle of the reply. What is published stays, and the next run goes on.
func TestFetch_Killed(t *testing.T) {
	w := newSourceServers(t)
	requireOK(t, w.fetch())
	first := textHashes(w.manifest())
	w.change(2)
	var requests, killAt atomic.Int64
	started := make(chan *harness.Process, 1)
	for _, s := range w.servers {
		s.SetFault(func(rw http.ResponseWriter, r *http.Request, next http.Handler, ended <-chan struct{}) {
			if requests.Add(1) != killAt.Load() {
				next.ServeHTTP(rw, r)
				return
			}
			fakeserver.TruncatedAnswer()(rw, r, next, ended)
			rw.(http.Flusher).Flush()
			(<-started).Signal(syscall.SIGKILL)
			fakeserver.Hang()(rw, r, next, ended)
		})
	}
	kills := int64(1)
	for ; ; kills++ {
		requests.Store(0)
		killAt.Store(kills)
		process := harness.Start(t, w.fetchCommand())
		started <- process
		process.Wait()
		if requests.Load() < kills {
			<-started
			killAt.Store(0)
			break
		}
		require.Equal(t, first, textHashes(w.manifest()), "nothing is published before all is fetched")
	}
	require.Greater(t, kills, int64(7))
	second := textHashes(w.manifest())
	for name, hash := range second {
		require.Equal(t, strings.HasPrefix(name, "shares "), hash == first[name], name)
	}
	names, err := filepath.Glob(w.Path("cache", ".*"))
	require.NoError(t, err)
	require.Empty(t, names, "nothing is left of the killed ones")

	w.out = w.Path("other")
	requireOK(t, w.fetch())
	require.Equal(t, second, textHashes(w.manifest()), "the same as without a kill")
}

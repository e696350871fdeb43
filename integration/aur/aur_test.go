package aur

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { programs.Main(m) }

// world is a machine with the corpus' databases and, when built, an index of the
// AUR.
type world struct {
	t              *testing.T
	home, db, conf string
	env            []string
	asking         []string // flags by which omg asks
}

func newWorld(t *testing.T, env ...string) *world {
	t.Helper()
	w := &world{t: t, home: t.TempDir(), db: corpus.DB(t)}
	w.env = programs.Env(w.home, env...)
	w.conf = filepath.Join(w.home, "pacman.conf")
	require.NoError(t, os.WriteFile(w.conf, []byte(fmt.Sprintf(`[options]
DBPath = %s
Architecture = x86_64
SigLevel = Never
[core]
Server = file:///nowhere
[extra]
Server = file:///nowhere
[multilib]
Server = file:///nowhere
`, w.db)), 0o644))
	w.directly()
	return w
}

func (w *world) index() string { return filepath.Join(w.home, ".local/share/omg/aur.omgidx") }

// build makes an index of a dump; empty for the corpus'.
func (w *world) build(dump string) {
	w.t.Helper()
	if dump == "" {
		dump = corpus.AUR(w.t)
	}
	r := programs.Run(w.t, w.env, "omg-index", "build", "--aur", dump)
	require.Zero(w.t, r.Code, r.Stderr)
}

// dump writes a dump of these objects.
func (w *world) dump(objects ...string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "dump.json")
	require.NoError(w.t, os.WriteFile(path, []byte("["+strings.Join(objects, ",")+"]"), 0o644))
	return path
}

// directly has omg answer without a daemon.
func (w *world) directly() {
	w.asking = []string{"--no-daemon", "--dbpath", w.db, "--pacman-config", w.conf}
}

// start starts a daemon that omg asks from now on, and waits until it is ready.
func (w *world) start() *programs.Daemon {
	w.t.Helper()
	d := programs.Start(w.t, w.env, "--dbpath", w.db, "--pacman-config", w.conf)
	w.asking = []string{"--socket", d.Socket}
	require.Eventually(w.t, func() bool {
		r := w.omg("status", "--json")
		var st wire.StatusResult
		return json.Unmarshal([]byte(r.Stdout), &st) == nil && st.Counts.Updates != nil && !strings.Contains(r.Stderr, "without")
	}, 20*time.Second, 20*time.Millisecond)
	return d
}

func (w *world) omg(args ...string) programs.Result {
	w.t.Helper()
	return programs.Run(w.t, w.env, "omg", append(slices.Clone(w.asking), args...)...)
}

// ok asks omg what has an answer.
func (w *world) ok(args ...string) []string {
	w.t.Helper()
	r := w.omg(args...)
	require.Zero(w.t, r.Code, "%v: %s", args, r.Stderr)
	require.NotContains(w.t, r.Stderr, "without")
	return r.Lines()
}

// both runs a test through a daemon and without one.
func both(t *testing.T, prepare func(w *world), test func(t *testing.T, w *world)) {
	w := newWorld(t)
	prepare(w)
	t.Run("directly", func(t *testing.T) {
		w.t = t
		test(t, w)
	})
	t.Run("daemon", func(t *testing.T) {
		w.t = t
		w.start()
		test(t, w)
	})
}

const two = `{"Name":"firefox","Version":"1:200-1","Description":"A browser that is not the repository's","NumVotes":7,"Popularity":0.5,"Maintainer":"someone",
"LastModified":1600000000,"FirstSubmitted":1500000000,"Keywords":["browser","web"],"Depends":["glibc"],"MakeDepends":["git"],"CheckDepends":["xvfb"],"OptDepends":["cups: printing"],"License":["MPL"],"URL":"https://example.org"},
{"Name":"firefox-zebra","Version":"3-1","Description":"Stripes","NumVotes":90,"Popularity":2.25,"OutOfDate":1650000000,"LastModified":1400000000,"CoMaintainers":["other"]},
{"Name":"firefox-apple","Version":"2-1","Description":"Fruit","NumVotes":50,"Popularity":9,"Maintainer":"Other","LastModified":1650000000}`

func TestSearchShowsTheAURBehindTheRepositories(t *testing.T) {
	both(t, func(w *world) { w.build(w.dump(two)) }, func(t *testing.T, w *world) {
		lines := w.ok("search", "-n", "firefox")
		at := func(begin string) int {
			return slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, begin) })
		}
		require.Equal(t, 0, at("extra/firefox "))
		require.Equal(t, 2, at("aur/firefox 1:200-1 (+7 0.50) [shadowed]"), "an exact name comes before what begins with it")
		require.Greater(t, at("aur/firefox-zebra 3-1 (+90 2.25) [out of date]"), at("extra/firefox-i18n-ach "))
		require.Equal(t, at("aur/firefox-zebra ")+2, at("aur/firefox-apple 2-1 (+50 9.00)"), "more votes first")

		aur := func(flags ...string) []string {
			return w.ok(append([]string{"search", "-q", "firefox", "--aur"}, flags...)...)
		}
		require.Equal(t, []string{"firefox", "firefox-zebra", "firefox-apple"}, aur())
		require.Equal(t, []string{"firefox-zebra", "firefox-apple", "firefox"}, aur("--sort", "votes"))
		require.Equal(t, []string{"firefox-apple", "firefox-zebra", "firefox"}, aur("--sort", "popularity"))
		require.Equal(t, []string{"firefox-apple", "firefox", "firefox-zebra"}, aur("--sort", "modified"))
		require.Equal(t, []string{"firefox", "firefox-apple", "firefox-zebra"}, aur("--sort", "name"))
		require.Equal(t, []string{"firefox-zebra"}, aur("--sort", "votes", "--limit", "1"))
		require.Equal(t, []string{"firefox-zebra", "firefox-apple", "firefox"}, w.ok("search", "-q", "-n", "firefox", "--sort", "votes", "--limit", "3"))
		require.Equal(t, aur(), w.ok("search", "-q", "firefox", "--repo", "aur"))
		require.Equal(t, aur(), w.ok("search", "-q", "firefox", "repo:aur"))

		require.Equal(t, []string{"firefox"}, w.ok("search", "-q", "maint:someone"))
		require.ElementsMatch(t, []string{"firefox-zebra", "firefox-apple"}, w.ok("search", "-q", "maint:other"), "who maintains it with others, too")
		require.Equal(t, []string{"firefox"}, w.ok("search", "-q", "keyword:WEB"))
		require.Equal(t, 1, w.omg("search", "keyword:we").Code)

		repos := w.ok("search", "-q", "firefox", "--no-aur")
		require.NotContains(t, repos, "firefox-zebra")
		require.Len(t, w.ok("search", "-q", "firefox"), len(repos)+3)
		require.Equal(t, 2, w.omg("search", "firefox", "--no-aur", "--aur").Code)
		require.Equal(t, 2, w.omg("search", "firefox", "--repo", "core", "--aur").Code)
		wrong := w.omg("search", "firefox", "--sort", "colour")
		require.Equal(t, 2, wrong.Code)
		require.Contains(t, wrong.Stderr, "votes, popularity or modified")
	})
}

func TestInfoShowsWhatTheAURKnows(t *testing.T) {
	both(t, func(w *world) { w.build(w.dump(two)) }, func(t *testing.T, w *world) {
		text := strings.Join(w.ok("info", "firefox"), "\n")
		require.Less(t, strings.Index(text, "Repository      : extra\n"), strings.Index(text, "Repository      : aur\n"))
		text = text[strings.Index(text, "Repository      : aur\n"):]
		for _, line := range []string{
			"Name            : firefox", "Keywords        : browser  web", "Version         : 1:200-1",
			"AUR URL         : https://aur.archlinux.org/packages/firefox", "Depends On      : glibc", "Make Deps       : git",
			"Check Deps      : xvfb", "Optional Deps   : cups: printing", "Maintainer      : someone", "Votes           : 7",
			"Popularity      : 0.500000", "First Submitted : Fri Jul 14 02:40:00 2017", "Last Modified   : Sun Sep 13 12:26:40 2020",
			"Out-of-date     : No", "Shadowed By     : a repository's package of this name",
		} {
			require.Contains(t, text+"\n", line+"\n")
		}
		only := strings.Join(w.ok("info", "aur/firefox"), "\n")
		require.Equal(t, 1, strings.Count(only, "Repository "))
		zebra := strings.Join(w.ok("info", "firefox-zebra"), "\n")
		require.Contains(t, zebra, "Maintainer      : Orphan\n")
		require.Contains(t, zebra, "Out-of-date     : Fri Apr 15 05:20:00 2022")
		require.NotContains(t, zebra, "Shadowed")
	})
}

// TestTheRepositoriesAnswerAsBefore: with --no-aur a search is what it is without
// the AUR's index, on all of the corpus.
func TestTheRepositoriesAnswerAsBefore(t *testing.T) {
	w := newWorld(t)
	w.start()
	queries := [][]string{{"firefox"}, {"lib"}, {"a"}, {"web", "browser"}, {"-x", "^lib.*gtk"}, {"-n", "git"}, {"desc:music"}}
	var before [][]string
	for _, q := range queries {
		before = append(before, w.ok(append([]string{"search"}, q...)...))
	}
	w.build("")
	require.Eventually(t, func() bool { return w.omg("info", "aur/yay").Code == 0 }, 20*time.Second, 20*time.Millisecond)
	for i, q := range queries {
		require.Equal(t, before[i], w.ok(append([]string{"search", "--no-aur"}, q...)...))
	}
}

// TestTakeover: a new index of the AUR is taken up, a damaged one is refused and
// named, and the repositories answer all the time from the index that they have.
func TestTakeover(t *testing.T) {
	w := newWorld(t)
	d := w.start()
	repos := filepath.Join(filepath.Dir(w.index()), "repos.omgidx")
	before, err := os.Stat(repos)
	require.NoError(t, err)
	require.Equal(t, 1, w.omg("info", "firefox-zebra").Code)

	w.build(w.dump(two))
	found := func(name string) func() bool { return func() bool { return w.omg("info", name).Code == 0 } }
	require.Eventually(t, found("firefox-zebra"), 20*time.Second, 20*time.Millisecond)
	w.build(w.dump(`{"Name":"firefox-new","Version":"1-1"}`))
	require.Eventually(t, found("firefox-new"), 20*time.Second, 20*time.Millisecond)
	require.Equal(t, 1, w.omg("info", "firefox-zebra").Code)

	source := func() wire.Source {
		var st wire.StatusResult
		require.NoError(t, json.Unmarshal([]byte(w.omg("status", "--json").Stdout), &st))
		for _, s := range st.Sources {
			if s.Name == "aur" {
				return s
			}
		}
		return wire.Source{}
	}
	require.Equal(t, wire.SourceOK, source().State)
	require.NotZero(t, source().AsOf)

	content, err := os.ReadFile(w.index())
	require.NoError(t, err)
	for name, bad := range map[string][]byte{
		"cut off": content[:len(content)/2], "another file": []byte("not an index"),
	} {
		next := w.index() + ".next"
		require.NoError(t, os.WriteFile(next, bad, 0o644))
		require.NoError(t, os.Rename(next, w.index()))
		require.Eventually(t, func() bool { return source().State == wire.SourceFailed }, 20*time.Second, 20*time.Millisecond, name)
		require.Contains(t, source().Why, w.index())
		require.NotEmpty(t, w.ok("search", "--no-aur", "firefox"))
		require.NotEmpty(t, w.ok("info", "firefox"))
		r := w.omg("search", "--aur", "firefox")
		require.Equal(t, 4, r.Code, r.Stderr)
		require.Contains(t, r.Stderr, w.index())
	}
	w.build(w.dump(two))
	require.Eventually(t, found("firefox-zebra"), 20*time.Second, 20*time.Millisecond)
	after, err := os.Stat(repos)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "the repositories' index was not built anew: %s", d.Stderr())
}

// TestADamagedIndexWithoutADaemon takes only the AUR down.
func TestADamagedIndexWithoutADaemon(t *testing.T) {
	w := newWorld(t)
	w.build(w.dump(two))
	content, err := os.ReadFile(w.index())
	require.NoError(t, err)
	content[len(content)-3] ^= 0x40
	require.NoError(t, os.WriteFile(w.index(), content, 0o644))
	r := w.omg("search", "firefox")
	require.Zero(t, r.Code)
	require.Contains(t, r.Stderr, w.index())
	require.NotContains(t, r.Stdout, "aur/")
	require.Equal(t, 4, w.omg("search", "--aur", "firefox").Code)
	require.Equal(t, 4, w.omg("info", "aur/firefox").Code, "what is not known is not missing")
}

// TestNoAURAtAll: where it is not asked and there is no index, nothing is said of
// it unless someone asks for it.
func TestNoAURAtAll(t *testing.T) {
	both(t, func(*world) {}, func(t *testing.T, w *world) {
		r := w.omg("search", "--json", "firefox")
		require.Zero(t, r.Code)
		require.NotContains(t, r.Stdout, `"name":"aur"`)
		r = w.omg("search", "--aur", "firefox")
		require.Equal(t, 4, r.Code, r.Stderr)
		require.Contains(t, r.Stderr, "the AUR is not known")
	})
}

// TestAStaleDump is served, and says so.
func TestAStaleDump(t *testing.T) {
	w := newWorld(t)
	dump := w.dump(two)
	old := time.Now().Add(-72 * time.Hour)
	require.NoError(t, os.Chtimes(dump, old, old))
	w.build(dump)
	r := w.omg("search", "--json", "firefox-zebra")
	require.Zero(t, r.Code)
	var got wire.SearchResult
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &got))
	s := got.Sources[len(got.Sources)-1]
	require.Equal(t, "aur", s.Name)
	require.Equal(t, wire.SourceStale, s.State)
	require.Equal(t, old.Unix(), s.AsOf)
	require.Equal(t, "not downloaded for 3 days", s.Why)
}

// TestOneFileWithBoth is named with --index, or beside another one.
func TestOneFileWithBoth(t *testing.T) {
	w := newWorld(t)
	both, alone := filepath.Join(w.home, "both"), filepath.Join(w.home, "alone")
	dump := w.dump(two)
	r := programs.Run(t, w.env, "omg-index", "build", "--dbpath", w.db, "--pacman-config", w.conf, "--aur", dump, "-o", both)
	require.Zero(t, r.Code, r.Stderr)
	r = programs.Run(t, w.env, "omg-index", "build", "--aur", dump, "-o", alone)
	require.Zero(t, r.Code, r.Stderr)
	for _, index := range []string{both, alone} {
		w.directly()
		w.asking = append(w.asking, "--index", index)
		r := w.omg("search", "-q", "-n", "firefox")
		require.Zero(t, r.Code, r.Stderr)
		require.Contains(t, r.Lines(), "firefox-zebra", index)
		require.Contains(t, r.Lines(), "firefox-i18n-de", index)
		d := programs.Start(t, w.env, "--dbpath", w.db, "--pacman-config", w.conf, "--index", index)
		w.asking = []string{"--socket", d.Socket}
		require.Eventually(t, func() bool {
			lines := w.omg("search", "-q", "-n", "firefox").Lines()
			return slices.Contains(lines, "firefox-zebra") && slices.Contains(lines, "firefox-i18n-de")
		}, 20*time.Second, 20*time.Millisecond, index)
	}
}

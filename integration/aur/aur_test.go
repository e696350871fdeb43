package aur

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { harness.MainParallel(m, "8") }

// twoPackages is the JSON of two AUR packages. No generated repository has a package of these names.
const twoPackages = `{"Name":"zebra-aur","Version":"3-1","Description":"Stripes","NumVotes":90,"Popularity":2.25,"Maintainer":"m","LastModified":1400000000},
{"Name":"apple-aur","Version":"2-1","Description":"Fruit","NumVotes":50,"Popularity":9,"Maintainer":"m","LastModified":1650000000}`

// index returns the path of the AUR's index.
func index(s *harness.System) string { return s.IndexPath(wire.SourceAUR) }

// build builds an index of a dump.
func build(s *harness.System, dump string) {
	s.T.Helper()
	r := s.Run("omg-index", "build", "--aur", dump, "--data-dir", s.Data)
	require.Zero(s.T, r.Code, r.Stderr)
}

// dump writes a dump of these objects, with a modification time if one is given.
func dump(t *testing.T, objects string, at ...time.Time) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dump.json")
	harness.WriteFile(t, path, "["+objects+"]")
	for _, at := range at {
		require.NoError(t, os.Chtimes(path, at, at))
	}
	return path
}

// source returns the AUR in a list of sources.
func source(list []wire.Source) wire.Source {
	for _, s := range list {
		if s.Name == wire.SourceAUR {
			return s
		}
	}
	return wire.Source{}
}

// awaitInfo waits until the daemon finds a package.
func awaitInfo(d *harness.Daemon, name string) {
	d.System.T.Helper()
	harness.Await(d.System.T, func() bool { return d.Omg("info", name).Code == 0 }, "omgd knows %s; so far omgd has printed: %s", name, d.Stderr)
}

// TestIndex_Corpus checks on the whole corpus that a search with --no-aur has the same result as one without the AUR's
// index.
func TestIndex_Corpus(t *testing.T) {
	t.Parallel()
	s := harness.New(t, harness.WithCorpus())
	d := s.StartDaemon()
	queries := [][]string{{"firefox"}, {"lib"}, {"a"}, {"web", "browser"}, {"-x", "^lib.*gtk"}, {"-n", "git"}, {"desc:music"}}
	search := func(query []string, flags ...string) []string {
		r := d.Omg(slices.Concat([]string{"search"}, flags, query)...)
		require.Zero(t, r.Code, "%q: %s", query, r.Stderr)
		require.Empty(t, r.Stderr)
		return r.Lines()
	}
	var before [][]string
	for _, q := range queries {
		before = append(before, search(q))
	}
	build(s, corpus.AURDump(t))
	awaitInfo(d, "aur/yay")
	for i, q := range queries {
		require.Equal(t, before[i], search(q, "--no-aur"), "%q", q)
	}
}

// TestIndex_Takeover checks that omgd uses a new index of the AUR, rejects a damaged index with a reason, and
// meanwhile answers searches of the repositories from their indexes.
func TestIndex_Takeover(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	d := s.StartDaemon()
	before, err := os.Stat(s.IndexPath("extra"))
	require.NoError(t, err)
	require.Equal(t, 1, d.Omg("info", "zebra-aur").Code)

	build(s, dump(t, twoPackages))
	awaitInfo(d, "zebra-aur")
	build(s, dump(t, `{"Name":"new-aur","Version":"1-1"}`))
	awaitInfo(d, "new-aur")
	require.Equal(t, 1, d.Omg("info", "zebra-aur").Code)
	aur := source(d.Status().Sources)
	require.Equal(t, wire.SourceOK, aur.State)
	require.NotZero(t, aur.AsOf)

	content := harness.ReadFile(t, index(s))
	for name, bad := range map[string][]byte{
		"cut off": content[:len(content)/2], "another file": []byte("not an index"),
	} {
		harness.ReplaceFile(t, index(s), bad)
		d.AwaitStatus(func(r *wire.StatusResult) bool { return source(r.Sources).State == wire.SourceFailed }, "an index that is refused: "+name)
		require.Contains(t, source(d.Status().Sources).Why, index(s))
		for _, args := range [][]string{{"search", "--no-aur", "lib"}, {"info", "glibc"}} {
			r := d.Omg(args...)
			require.Zero(t, r.Code, r.Stderr)
			require.NotEmpty(t, r.Stdout)
		}
		r := d.Omg("search", "--aur", "zebra")
		require.Equal(t, 4, r.Code, r.Stderr)
		require.Contains(t, r.Stderr, index(s))
		build(s, dump(t, twoPackages))
		awaitInfo(d, "zebra-aur")
	}
	after, err := os.Stat(s.IndexPath("extra"))
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "a repository's index was built again: %s", d.Stderr())
}

// TestIndex_DamagedWithoutDaemon checks that a damaged index of the AUR affects only the AUR.
func TestIndex_DamagedWithoutDaemon(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	build(s, dump(t, twoPackages))
	content := harness.ReadFile(t, index(s))
	content[len(content)-3] ^= 0x40
	harness.WriteFile(t, index(s), content)
	r := s.RunWithoutDaemon("search", "lib")
	require.Zero(t, r.Code)
	require.Contains(t, r.Stderr, index(s))
	require.NotContains(t, r.Stdout, "aur/")
	require.Equal(t, 4, s.RunWithoutDaemon("search", "--aur", "zebra").Code)
	require.Equal(t, 4, s.RunWithoutDaemon("info", "aur/zebra-aur").Code, "what is not known is not missing")
}

// TestIndex_Stale checks that an old dump is used and marked stale.
func TestIndex_Stale(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	old := time.Now().Add(-72 * time.Hour)
	build(s, dump(t, twoPackages, old))
	r := s.RunWithoutDaemon("search", "--json", "zebra-aur")
	require.Zero(t, r.Code)
	var got wire.SearchResult
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &got))
	aur := got.Sources[len(got.Sources)-1]
	require.Equal(t, wire.SourceAUR, aur.Name)
	require.Equal(t, wire.SourceStale, aur.State)
	require.Equal(t, old.Unix(), aur.AsOf)
	require.Equal(t, "the dump is 3 days old", aur.Why)
}

// TestIndex_Named checks the flag --index with one file for both the repositories and the AUR, and with a file for
// the AUR alone.
func TestIndex_Named(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	both, alone := s.Path("both"), s.Path("alone")
	packages := dump(t, twoPackages)
	r := s.Run("omg-index", slices.Concat([]string{"build"}, s.DatabaseFlags(), []string{"--aur", packages, "-o", both})...)
	require.Zero(t, r.Code, r.Stderr)
	r = s.Run("omg-index", "build", "--aur", packages, "-o", alone)
	require.Zero(t, r.Code, r.Stderr)
	for _, index := range []string{both, alone} {
		for _, name := range []string{"zebra-aur", "glibc"} {
			r := s.RunWithoutDaemon("--index", index, "search", "-q", "-n", name)
			require.Zero(t, r.Code, r.Stderr)
			require.Contains(t, r.Lines(), name, index)
		}
		d := s.StartDaemon("--index", index)
		awaitInfo(d, "zebra-aur")
		awaitInfo(d, "glibc")
		for _, name := range []string{"zebra-aur", "glibc"} {
			require.Contains(t, d.Omg("search", "-q", "-n", name).Lines(), name, index)
		}
		d.Stop()
	}
}

// TestIndex_StatusFile checks that the status file has the number of the AUR's updates only while the AUR is known and
// not stale.
func TestIndex_StatusFile(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	s.Install("yay-bin", "12-1")
	s.StartDaemon()
	awaitNumber(s, "?")
	build(s, dump(t, twoPackages))
	awaitNumber(s, "0")
	packages := `{"Name":"yay-bin","Version":"999-1"}`
	build(s, dump(t, packages))
	awaitNumber(s, "1")
	build(s, dump(t, packages, time.Now().Add(-100*time.Hour)))
	awaitNumber(s, "?") // a prompt has no space for the age of the data
}

// awaitNumber waits until the status file has this number of updates from the AUR.
func awaitNumber(s *harness.System, want string) {
	s.T.Helper()
	number := func() string {
		status, err := statusfile.Read(s.Path("omg.status"))
		if err != nil {
			return err.Error()
		}
		return status.AURUpdates.String()
	}
	harness.Await(s.T, func() bool { return number() == want }, "the status file has %s as the AUR's updates; it has %s", want, number)
}

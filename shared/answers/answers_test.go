package answers

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// generated returns the inputs of a generated system, without unreadable sources.
func generated(t testing.TB, o fixture.Options) snapshot.Inputs {
	t.Helper()
	dir := t.TempDir()
	db, conf := filepath.Join(dir, "db"), filepath.Join(dir, "pacman.conf")
	require.NoError(t, fixture.WriteDatabases(db, o))
	require.NoError(t, os.WriteFile(conf, []byte(fixture.PacmanConfig), 0o644))
	pacman, err := sources.Config{DBPath: db, PacmanConfig: conf}.ReadPacmanSetup()
	require.NoError(t, err)
	require.Len(t, pacman.Repositories, 3)
	in := snapshot.Inputs{Generation: 7, CheckedAt: time.Unix(1_700_000_000, 0), DBPath: db, PacmanConfig: pacman.Config}
	for i := range pacman.Repositories {
		r := &pacman.Repositories[i]
		e := r.Examine(t.Context(), nil)
		f, err := r.BuildInMemory(t.Context(), nil)
		require.NoError(t, err)
		e.SetBuilt(f)
		in.Repositories = append(in.Repositories, e.IndexedSource)
	}
	in.Local.Packages, err = pacmandb.ReadLocal(t.Context(), db)
	require.NoError(t, err)
	return in
}

// repository returns a repository with an index of these packages.
func repository(t testing.TB, name string, packages ...wire.Package) snapshot.IndexedSource {
	t.Helper()
	return snapshot.IndexedSource{
		Source: wire.Source{Name: name, Kind: wire.KindRepository, State: wire.SourceOK, AsOf: 5, ChangedAt: 6},
		Usage:  pacmandb.UsageAll, Index: index(t, pkgindex.KindRepo, name, packages...),
	}
}

// index returns an index of one source with packages in the given order.
func index(t testing.TB, kind pkgindex.SourceKind, name string, packages ...wire.Package) *pkgindex.File {
	t.Helper()
	b := pkgindex.NewBuilder("test", 1)
	into := b.AddSource(name, kind)
	for _, p := range packages {
		p.Repo = name
		require.NoError(t, into.Add(&p))
	}
	data, err := b.Bytes()
	require.NoError(t, err)
	f, err := pkgindex.OpenBytes(data)
	require.NoError(t, err)
	return f
}

// named returns packages with these names.
func named(names ...string) (list []wire.Package) {
	for _, name := range names {
		list = append(list, wire.Package{Name: name, Version: "1-1"})
	}
	return list
}

func encoder(t testing.TB, in snapshot.Inputs) *Encoder {
	t.Helper()
	s := snapshot.Build(in)
	return New(s)
}

// chunks returns the chunks that the function answer emits. It checks each chunk as a client does.
func chunks(t testing.TB, answer func(Emit) error) [][]byte {
	t.Helper()
	var out [][]byte
	more := true
	require.NoError(t, answer(func(b []byte, next bool) error {
		require.True(t, more, "nothing follows the last chunk")
		require.NoError(t, wire.CheckMessagePack(b))
		require.Less(t, len(b), wire.MaxFrameSize)
		out = append(out, slices.Clone(b))
		more = next
		return nil
	}))
	require.False(t, more, "more is false for the last chunk")
	for i, b := range out {
		// Only a single element may be larger than a chunk.
		require.True(t, len(b) <= MaxChunk || elements(t, b) == 1, "chunk %d has %d bytes", i, len(b))
		require.False(t, i > 0 && i+1 < len(out) && elements(t, b) == 0, "chunk %d is empty", i)
	}
	return out
}

// elements returns the number of packages in a chunk.
func elements(t testing.TB, b []byte) int {
	t.Helper()
	var chunk struct {
		Packages []msgpack.RawMessage `msgpack:"packages"`
	}
	require.NoError(t, msgpack.Unmarshal(b, &chunk))
	return len(chunk.Packages)
}

// searched decodes the chunks of a search and joins them into one result.
func searched(t testing.TB, chunks [][]byte) (r wire.SearchResult) {
	t.Helper()
	for _, b := range chunks {
		require.NoError(t, wire.DecodeSearchResult(b, &r, func(p *wire.Package) error {
			r.Packages = append(r.Packages, *p)
			return nil
		}))
	}
	return r
}

// lookedUp decodes the chunks of a look-up and joins them into one result.
func lookedUp(t testing.TB, chunks [][]byte) (r wire.InfoResult) {
	t.Helper()
	for _, b := range chunks {
		require.NoError(t, wire.DecodeInfoResult(b, &r, func(p *wire.Package) error {
			r.Packages = append(r.Packages, *p)
			return nil
		}))
	}
	return r
}

// packages returns the decoded packages of the given hits.
func packages(t testing.TB, s *snapshot.Snapshot, hits []pkgindex.Hit, details bool) (list []wire.Package) {
	t.Helper()
	require.NoError(t, s.EachPackage(hits, details, func(p *wire.Package) error {
		list = append(list, *p)
		return nil
	}))
	return list
}

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	b, err := msgpack.Marshal(v)
	require.NoError(t, err)
	return b
}

// fails fails the test unless the function answer returns an error with this code and emits no chunk.
func fails(t testing.TB, code wire.Code, answer func(Emit) error) error {
	t.Helper()
	err := answer(func([]byte, bool) error {
		t.Error("a chunk was emitted before the error")
		return nil
	})
	require.Equal(t, code, wire.CodeOf(err), "%v", err)
	return err
}

// TestSearch_RoundTrip checks that the decoded chunks of a search equal the snapshot's result.
func TestSearch_RoundTrip(t *testing.T) {
	e := encoder(t, generated(t, fixture.Options{Packages: 1800, Installed: 100, Seed: 3, DuplicatePackages: 5}))
	for _, r := range []*wire.SearchRequest{
		{Words: []string{""}},
		{Words: []string{"lib"}, Limit: 3},
		{Words: []string{"lib"}, Skip: 2, Limit: 3},
		{Words: []string{"lib", "is:installed"}},
		{Words: []string{"e"}, Repos: []string{"core"}, Sort: wire.SortName},
		{Words: []string{"repo:multilib"}},
		{Words: []string{"firefxo"}},
		{Words: []string{"^lib.*[0-9]"}, Regex: true},
	} {
		all := chunks(t, func(emit Emit) error { return e.Search(r, emit) })
		found, err := e.Snapshot.Search(r)
		require.NoError(t, err)
		require.Equal(t, wire.SearchResult{
			Basis: found.Basis, Total: uint32(found.Total), Packages: packages(t, e.Snapshot, found.Hits, false), Suggestions: found.Suggestions,
		}, searched(t, all), "%+v", r)
		asked, _ := snapshot.SplitReposFromWords(r)
		require.Len(t, found.Sources, cmp.Or(len(asked), 3), "the sources that were searched")
		if r.Words[0] == "" {
			require.Greater(t, len(all), 2)
			require.Equal(t, 1805, found.Total)
		}
	}
}

// TestInfo_RoundTrip checks that the decoded chunks of a look-up equal the snapshot's result.
func TestInfo_RoundTrip(t *testing.T) {
	o := fixture.Options{Packages: 600, Installed: 100, Seed: 3, DuplicatePackages: 5}
	e := encoder(t, generated(t, o))
	r := &wire.InfoRequest{Names: []string{"firefxo", "core/nothing", "", "a/b/c"}}
	for p := range fixture.GeneratePackages(o) {
		r.Names = append(r.Names, p.Name, p.Repo+"/"+p.Name)
	}
	require.Len(t, r.Names, 4+2*605)
	all := chunks(t, func(emit Emit) error { return e.Info(r, emit) })
	require.Greater(t, len(all), 10)
	found, err := e.Snapshot.Info(r)
	require.NoError(t, err)
	got := lookedUp(t, all)
	require.Equal(t, wire.InfoResult{
		Basis: found.Basis, Packages: packages(t, e.Snapshot, found.Hits, true), Missing: got.Missing,
	}, got)
	require.Len(t, got.Missing, 4)
	require.Equal(t, wire.MissingName{Name: "firefxo", Suggestions: []wire.Suggestion{{Name: "firefox", Reason: wire.SuggestionSpelling}}}, got.Missing[0])
	require.Greater(t, len(got.Packages), 2*605, "duplicates are found twice by name")
}

// TestInstalled_RoundTrip checks that the decoded chunks of installed packages equal the snapshot's result, with and
// without details.
func TestInstalled_RoundTrip(t *testing.T) {
	in := generated(t, fixture.Options{Packages: 1600, Installed: 800, Seed: 3})
	in.Local.FailureReason = "permission denied"
	e := encoder(t, in)
	for _, r := range []*wire.InstalledRequest{
		{Details: true},
		{},
		{Filter: wire.FilterForeign, Details: true},
		{Names: []string{in.Local.Packages.Packages[5].Name, "nothing"}, Details: true},
		{Words: []string{"no such words"}},
	} {
		all := chunks(t, func(emit Emit) error { return e.Installed(r, emit) })
		found, err := e.Snapshot.Installed(r)
		require.NoError(t, err)
		var got, want wire.InstalledResult
		for i, b := range all {
			var chunk wire.InstalledResult
			require.NoError(t, msgpack.Unmarshal(b, &chunk))
			if i == 0 {
				got = chunk
			} else {
				require.Equal(t, wire.InstalledResult{Packages: chunk.Packages}, chunk, "all other fields are in the first chunk")
				got.Packages = append(got.Packages, chunk.Packages...)
			}
		}
		want = wire.InstalledResult{Basis: found.Basis, Packages: []wire.InstalledPackage{}, Missing: found.NotInstalled}
		for _, p := range found.Packages {
			want.Packages = append(want.Packages, e.DescribeInstalled(p, r.Details))
		}
		// An omitted empty list is decoded as nil.
		require.Equal(t, string(encoded(t, &want)), string(encoded(t, &got)))
		require.True(t, got.Stale)
		require.Equal(t, "permission denied", got.Why)
		if r.Details && r.Filter == "" && len(r.Names) == 0 {
			require.Greater(t, len(all), 2)
		}
	}
}

// TestOneChunk checks that results that contain no package descriptions are encoded in one chunk. For example, Explicit
// returns only names.
func TestOneChunk(t *testing.T) {
	in := generated(t, fixture.Options{Packages: 600, Installed: 200, Seed: 3})
	in.Runtimes = []wire.Runtime{{Runtime: "go", Version: "1.30"}}
	e := encoder(t, in)
	explicit, err := e.Snapshot.Explicit()
	require.NoError(t, err)
	outdated, err := e.Snapshot.Outdated()
	require.NoError(t, err)
	runtimes, err := e.ActiveRuntimes()
	require.NoError(t, err)
	for _, c := range []struct {
		answer func(Emit) error
		want   any
	}{{e.Explicit, explicit}, {e.Outdated, outdated}, {e.Runtimes, runtimes}} {
		all := chunks(t, c.answer)
		require.Len(t, all, 1)
		got := reflect.New(reflect.TypeOf(c.want).Elem()).Interface()
		require.NoError(t, msgpack.Unmarshal(all[0], got))
		require.Equal(t, string(encoded(t, c.want)), string(encoded(t, got)))
	}
	require.NotEmpty(t, explicit.Names)
	require.NotEmpty(t, outdated.Updates)
}

// TestEncoder_Errors checks that nothing is emitted if the snapshot returns an error.
func TestEncoder_Errors(t *testing.T) {
	in := generated(t, fixture.Options{Packages: 60, Installed: 5, Seed: 3})
	e := encoder(t, in)
	fails(t, wire.CodeInvalid, func(emit Emit) error {
		return e.Search(&wire.SearchRequest{Words: []string{"a"}, Repos: []string{"none"}}, emit)
	})
	fails(t, wire.CodeNetwork, func(emit Emit) error {
		return e.Search(&wire.SearchRequest{Words: []string{"a"}, Repos: []string{"aur"}}, emit)
	})
	fails(t, wire.CodeNetwork, func(emit Emit) error { return e.Info(&wire.InfoRequest{Names: []string{"aur/yay"}}, emit) })
	fails(t, wire.CodeNetwork, func(emit Emit) error { return e.Security(&wire.SecurityRequest{}, emit) })
	fails(t, wire.CodeNotReady, e.Runtimes)

	in.Local = snapshot.LocalInput{FailureReason: "local is on fire"}
	e = encoder(t, in)
	for _, answer := range []func(Emit) error{
		e.Explicit, e.Outdated,
		func(emit Emit) error { return e.Installed(&wire.InstalledRequest{}, emit) },
		func(emit Emit) error { return e.Security(&wire.SecurityRequest{}, emit) },
	} {
		require.ErrorContains(t, fails(t, wire.CodeNotReady, answer), "on fire")
	}

	in.Repositories = nil
	e = encoder(t, in)
	fails(t, wire.CodeNotReady, func(emit Emit) error { return e.Search(&wire.SearchRequest{Words: []string{"a"}}, emit) })
	fails(t, wire.CodeNotReady, func(emit Emit) error { return e.Info(&wire.InfoRequest{Names: []string{"a"}}, emit) })
}

// TestEmit_Fails checks that encoding ends with the first error that the Emit function returns.
func TestEmit_Fails(t *testing.T) {
	e := encoder(t, generated(t, fixture.Options{Packages: 1800, Installed: 400, Seed: 3}))
	for name, answer := range map[string]func(Emit) error{
		"search":    func(emit Emit) error { return e.Search(&wire.SearchRequest{Words: []string{""}}, emit) },
		"installed": func(emit Emit) error { return e.Installed(&wire.InstalledRequest{Details: true}, emit) },
		"explicit":  e.Explicit,
	} {
		calls := 0
		require.ErrorIs(t, answer(func([]byte, bool) error { calls++; return os.ErrClosed }), os.ErrClosed, name)
		require.Equal(t, 1, calls, name)
	}
}

// TestEncodeBasis checks that encodeBasis encodes a basis as the MessagePack library does.
func TestEncodeBasis(t *testing.T) {
	require.Equal(t, 6, reflect.TypeFor[wire.Basis]().NumField(), "a new field has to be encoded")
	list := []wire.Source{{Name: "core", Kind: wire.KindRepository, State: wire.SourceFailed, Why: "damaged", Outdated: true}}
	for mask := range 1 << 4 {
		b := wire.Basis{Generation: 1 << 40, ConfirmedAt: 5}
		b.Stale, b.Partial = mask&1 != 0, mask&2 != 0
		if mask&4 != 0 {
			b.Why = "some reason"
		}
		if mask&8 != 0 {
			b.Sources = list
		}
		encoded := encodeBasis(b)
		whole := append(wire.AppendMapHeader(nil, encoded.pairCount), encoded.bytes...)
		require.NoError(t, wire.CheckMessagePack(whole))
		var got wire.Basis
		require.NoError(t, msgpack.Unmarshal(whole, &got))
		require.Equal(t, b, got)
		want, err := msgpack.Marshal(&b)
		require.NoError(t, err)
		var decoded, expected map[string]any
		require.NoError(t, msgpack.Unmarshal(whole, &decoded))
		require.NoError(t, msgpack.Unmarshal(want, &expected))
		require.Len(t, decoded, len(expected), "the same keys")
	}
}

// TestEncoder_LargePackages checks that a package larger than MaxChunk is the only element of its chunk.
func TestEncoder_LargePackages(t *testing.T) {
	list := named("a", "huge", "b", "larger", "c")
	list[1].Depends = slices.Repeat([]string{strings.Repeat("x", 100)}, MaxChunk/100)
	list[3].Provides = slices.Repeat([]string{strings.Repeat("y", 100)}, 2*MaxChunk/100)
	e := encoder(t, snapshot.Inputs{Repositories: []snapshot.IndexedSource{repository(t, "core", list...)}})
	all := chunks(t, func(emit Emit) error {
		return e.Info(&wire.InfoRequest{Names: []string{"a", "huge", "b", "larger", "c"}}, emit)
	})
	require.Len(t, all, 5)
	got := lookedUp(t, all)
	require.Len(t, got.Packages, len(list))
	for i, p := range list {
		p.Repo = "core"
		require.Equal(t, p, got.Packages[i])
	}
}

// TestEncoder_Concurrent encodes several results concurrently, and checks that no result contains data of another result.
func TestEncoder_Concurrent(t *testing.T) {
	e := encoder(t, generated(t, fixture.Options{Packages: 900, Installed: 50, Seed: 3}))
	want := map[string][][]byte{}
	repos := []string{"core", "extra", "multilib"}
	ask := func(repo string) [][]byte {
		return chunks(t, func(emit Emit) error { return e.Search(&wire.SearchRequest{Words: []string{"repo:" + repo}}, emit) })
	}
	for _, repo := range repos {
		want[repo] = ask(repo)
	}
	got := make([][][]byte, 24)
	var group sync.WaitGroup
	for i := range got {
		group.Go(func() {
			_ = e.Search(&wire.SearchRequest{Words: []string{"repo:" + repos[i%3]}}, func(b []byte, _ bool) error {
				got[i] = append(got[i], slices.Clone(b))
				return nil
			})
		})
	}
	group.Wait()
	for i := range got {
		require.Equal(t, want[repos[i%3]], got[i], fmt.Sprint(i))
	}
}

// TestMaxEncodedRankLen checks that no rank is longer in a reply than the room that is made for it.
func TestMaxEncodedRankLen(t *testing.T) {
	share, points := 99.99, uint8(255)
	for _, r := range []wire.SearchRank{
		{Place: wire.PlaceName, Closeness: 255, Prominence: 255},
		{Place: wire.PlaceDesc, Closeness: 255, Prominence: 255, Share: &share, SharePoints: &points},
	} {
		key, err := msgpack.Marshal("rank")
		require.NoError(t, err)
		value, err := msgpack.Marshal(&r)
		require.NoError(t, err)
		require.LessOrEqual(t, len(key)+len(value), maxEncodedRankLen(&r))
	}
}

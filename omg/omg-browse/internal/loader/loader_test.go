package loader

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// fakeBackend answers some requests. The others panic.
type fakeBackend struct {
	backend.Backend
	search    func(context.Context, *wire.SearchRequest) (*wire.SearchResult, error)
	info      []wire.Package
	installed []wire.InstalledPackage
	outdated  *wire.OutdatedResult
	security  *wire.SecurityResult
	owners    []wire.FileOwner
	fileLists []wire.Source
}

func (f *fakeBackend) Search(ctx context.Context, r *wire.SearchRequest, visit func(*wire.Package) error, _ func()) (*wire.SearchResult, error) {
	result, err := f.search(ctx, r)
	if err != nil {
		return nil, err
	}
	for i := range result.Packages {
		if err := visit(&result.Packages[i]); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func (f *fakeBackend) Info(_ context.Context, r *wire.InfoRequest, visit func(*wire.Package) error, _ func()) (*wire.InfoResult, error) {
	for i := range f.info {
		if err := visit(&f.info[i]); err != nil {
			return nil, err
		}
	}
	return &wire.InfoResult{}, nil
}

func (f *fakeBackend) Installed(context.Context, *wire.InstalledRequest) (*wire.InstalledResult, error) {
	return &wire.InstalledResult{Packages: f.installed}, nil
}

func (f *fakeBackend) Outdated(context.Context) (*wire.OutdatedResult, error) {
	if f.outdated == nil {
		return nil, wire.Errorf(wire.CodeNotReady, "no repository can be read")
	}
	return f.outdated, nil
}

func (f *fakeBackend) Security(context.Context, *wire.SecurityRequest) (*wire.SecurityResult, error) {
	return f.security, nil
}

func (f *fakeBackend) RepoOwners(_ context.Context, _ *backend.RepoOwnersRequest, visit func(*wire.FileOwner) error) (*wire.FilesOwnerResult, error) {
	for i := range f.owners {
		if err := visit(&f.owners[i]); err != nil {
			return nil, err
		}
	}
	return &wire.FilesOwnerResult{Basis: wire.Basis{Sources: f.fileLists}}, nil
}

// TestLoader_NewestRequest holds the first search until it is cancelled, and checks that only the newest of the later ones is answered.
func TestLoader_NewestRequest(t *testing.T) {
	begun := make(chan string, 3)
	f := &fakeBackend{search: func(ctx context.Context, r *wire.SearchRequest) (*wire.SearchResult, error) {
		begun <- r.Words[0]
		if r.Words[0] == "slow" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return &wire.SearchResult{Total: 1, Packages: []wire.Package{{Name: r.Words[0]}}}, nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	answers := make(chan browser.Answer, 3)
	l := Start(ctx, f, func(a browser.Answer) { answers <- a }, func() {})
	ask := func(number uint64, word string) {
		l.Request(browser.Request{Number: number, Search: &browser.SearchPage{Words: []string{word}}})
	}
	ask(1, "slow")
	require.Equal(t, "slow", <-begun)
	ask(2, "fast")
	a := <-answers
	require.Equal(t, uint64(2), a.Number)
	require.Equal(t, "fast", a.Rows[0].Name)
	cancel()
	l.Wait()
	require.Empty(t, answers)
}

func answer(t *testing.T, f *fakeBackend, r browser.Request) browser.Answer {
	t.Helper()
	l := &Loader{backend: f}
	a, err := l.answer(t.Context(), &r)
	require.NoError(t, err)
	return a
}

func load(t *testing.T, f *fakeBackend, v browser.View) browser.Answer {
	t.Helper()
	return answer(t, f, browser.Request{Load: &v})
}

func TestSearch(t *testing.T) {
	var sent *wire.SearchRequest
	f := &fakeBackend{search: func(_ context.Context, r *wire.SearchRequest) (*wire.SearchResult, error) {
		sent = r
		return &wire.SearchResult{
			Basis: wire.Basis{Sources: []wire.Source{
				{Name: "core", Kind: wire.KindRepository, State: wire.SourceFailed, Why: "damaged"}, {Name: "aur", Kind: wire.KindAUR, State: wire.SourceOK},
			}},
			Total: 403, Packages: []wire.Package{
				{Repo: "core", Name: "a", Version: "1", InstalledVersion: "0"},
				{Repo: "aur", Name: "b", AUR: &wire.AUR{Votes: 3, Maintainer: "m"}},
				{Repo: "aur", Name: "c", AUR: &wire.AUR{}},
			},
		}, nil
	}}
	a := answer(t, f, browser.Request{Search: &browser.SearchPage{
		Words: []string{"x"}, Page: 2, Sort: wire.SortName, Filters: browser.Filters{Repo: "core", Installed: true, Explicit: true, AUR: browser.WithoutAUR},
	}})
	require.Equal(t, &wire.SearchRequest{
		Words: []string{"x", "is:installed", "is:explicit"}, Repos: []string{"core"}, NoAUR: true, Sort: wire.SortName, Offline: true,
		Skip: 2 * browser.PageSize, Limit: browser.PageSize,
	}, sent)
	require.Equal(t, 403, a.Total)
	require.Equal(t, []string{"core"}, a.Repos)
	require.Equal(t, "core is failed: damaged", a.Note)
	require.Equal(t, browser.Row{Key: browser.Key{Name: "a"}, Repo: "core", Version: "1", Installed: "0"}, a.Rows[0])
	require.Equal(t, "3 votes", a.Rows[1].Note)
	require.Equal(t, browser.Key{Name: "b", AUR: true}, a.Rows[1].Key)
	require.Equal(t, "no maintainer", a.Rows[2].Note)
	answer(t, f, browser.Request{Search: &browser.SearchPage{Page: 2}})
	require.True(t, sent.AllRepos, "without words, each package is found")

	f.search = func(context.Context, *wire.SearchRequest) (*wire.SearchResult, error) {
		return &wire.SearchResult{Suggestions: []wire.Suggestion{{Name: "spotify"}, {Name: "spotify-tui"}}}, nil
	}
	require.Equal(t, "did you mean: spotify-tui", answer(t, f, browser.Request{Search: &browser.SearchPage{Words: []string{"spotify"}}}).Note)
}

// TestSearch_WrongPage checks that a page without all of its rows is an error: the browser would request it again and again.
func TestSearch_WrongPage(t *testing.T) {
	for _, c := range []struct {
		total      uint32
		rows, page int
		isCorrect  bool
	}{
		{0, 0, 0, true},
		{3, 3, 0, true},
		{300, browser.PageSize, 0, true},
		{300, 100, 1, true},
		{100, 0, 1, true},
		{4_294_967_295, 0, 0, false},
		{3, 2, 0, false},
		{2, 3, 0, false},
		{300, browser.PageSize + 1, 0, false},
		{300, browser.PageSize, 1, false},
	} {
		f := &fakeBackend{search: func(context.Context, *wire.SearchRequest) (*wire.SearchResult, error) {
			return &wire.SearchResult{Total: c.total, Packages: make([]wire.Package, c.rows)}, nil
		}}
		_, err := (&Loader{backend: f}).search(t.Context(), &browser.SearchPage{Page: c.page})
		if c.isCorrect {
			require.NoError(t, err, "%+v", c)
		} else {
			require.ErrorIs(t, err, errWrongPage, "%+v", c)
		}
	}
}

func TestViews(t *testing.T) {
	size := uint64(7)
	f := &fakeBackend{
		installed: []wire.InstalledPackage{
			{Package: wire.Package{Name: "a", Version: "1", Desc: "d", ISize: 9}, Reason: "explicit", InstallDate: 200_000}, {Package: wire.Package{Name: "f", Version: "1"}},
		},
		outdated: &wire.OutdatedResult{
			Updates:      []wire.Update{{Name: "a", Installed: "1", Version: "2", Repo: "core", Fixes: []string{"AVG-1"}, Severity: "High", DownloadSize: &size}},
			Replacements: []wire.Replacement{{ReplacedName: "old", Installed: "1", By: "new", Version: "3", Repo: "extra"}},
			Foreign: []wire.ForeignPackage{
				{Name: "f", Installed: "1", AURVersion: "4", State: wire.ForeignUpdate, Orphan: true},
				{Name: "g", Installed: "1", State: wire.ForeignGone},
				{Name: "h", Installed: "1", AURVersion: "1", State: wire.ForeignCurrent, AURFindings: &wire.AURMark{Level: "act", Reasons: []string{"adopted"}}},
			},
		},
		info:     []wire.Package{{Repo: "core", Name: "a", Desc: "first"}, {Repo: "extra", Name: "a", Desc: "second"}, {Repo: "aur", Name: "f", Desc: "in the AUR", AUR: &wire.AUR{}}},
		security: &wire.SecurityResult{Packages: []wire.VulnerablePackage{{Name: "a", Installed: "1", Update: "2", Severity: "Critical", Verdict: "fixable"}}},
	}
	rows := load(t, f, browser.ViewInstalled).Rows
	require.Len(t, rows, 2)
	require.Equal(t, "2", rows[0].Version)
	require.True(t, rows[0].Explicit)
	require.Equal(t, browser.Key{Name: "f", AUR: true}, rows[1].Key)
	require.Equal(t, "4", rows[1].Version)
	require.Equal(t, [2]string{"9 B", time.Unix(200_000, 0).Format(time.DateOnly)}, rows[0].SortText)
	require.Equal(t, [2]string{"0 B", ""}, rows[1].SortText, "the date is unknown")

	rows = load(t, f, browser.ViewUpdates).Rows
	require.Len(t, rows, 3)
	require.Equal(t, "fixes AVG-1 (High)", rows[0].Note)
	require.Equal(t, "first", rows[0].Desc, "that of the first repository")
	require.Equal(t, int64(7), rows[0].SortBy[0])
	require.Equal(t, "7 B", rows[0].SortText[0])
	require.Empty(t, rows[1].SortText[0], "the size is unknown")
	require.Equal(t, "in the AUR", rows[1].Desc)
	require.Equal(t, "replaces old 1", rows[2].Note)

	rows = load(t, f, browser.ViewSecurity).Rows
	require.Equal(t, "Critical, fixable", rows[0].Note)
	require.Equal(t, browser.LevelBad, rows[0].Level)

	rows = load(t, f, browser.ViewAUR).Rows
	require.Len(t, rows, 3)
	require.Equal(t, []string{"no maintainer", "not in the AUR", "adopted"}, []string{rows[0].Note, rows[1].Note, rows[2].Note})
	require.Equal(t, browser.LevelBad, rows[2].Level)

	f.outdated = nil
	a := load(t, f, browser.ViewOrphans)
	require.Len(t, a.Rows, 2)
	require.Equal(t, "updates are unknown: no repository can be read", a.Note)
}

func TestFiles(t *testing.T) {
	f := &fakeBackend{
		owners:    []wire.FileOwner{{RepositoryPackage: wire.RepositoryPackage{Repo: "core", Name: "a", Version: "1"}, Paths: []string{"usr/bin/x", "usr/bin/y"}}},
		fileLists: []wire.Source{{Name: "core", State: wire.SourceOK}, {Name: "extra", State: wire.SourceMissing}},
	}
	a := answer(t, f, browser.Request{Files: &browser.FilesQuery{Words: []string{"bin"}}})
	require.Equal(t, []string{"/usr/bin/x", "/usr/bin/y"}, []string{a.Rows[0].Note, a.Rows[1].Note})
	require.Equal(t, "the files of extra are unknown", a.Note)
	f.owners[0].Paths = make([]string, maxFileRows+1)
	a = answer(t, f, browser.Request{Files: &browser.FilesQuery{Words: []string{"bin"}}})
	require.Len(t, a.Rows, maxFileRows)
	require.True(t, a.More)
	_, err := (&Loader{}).answer(t.Context(), &browser.Request{Files: &browser.FilesQuery{}})
	require.ErrorContains(t, err, "type the name of a file")
}

// TestFiles_Lists checks that the view says which lists of files it lacks, so that no file is taken for one that no package has.
func TestFiles_Lists(t *testing.T) {
	ok, missing := wire.Source{Name: "core", State: wire.SourceOK}, wire.Source{Name: "extra", State: wire.SourceMissing}
	stale := wire.Source{Name: "core", State: wire.SourceStale, Why: "damaged"}
	failed := wire.Source{Name: "multilib", State: wire.SourceFailed, Why: "the database is being indexed"}
	const unknown = "the files of the repositories are unknown: "
	for _, c := range []struct {
		lists         []wire.Source
		note, failure string
	}{
		{[]wire.Source{ok}, "", ""},
		{[]wire.Source{ok, missing}, "the files of extra are unknown", ""},
		{[]wire.Source{stale, missing}, "core is stale: damaged", ""},
		{[]wire.Source{missing, failed, ok}, "multilib is failed: the database is being indexed", ""},
		{nil, "", unknown + "sudo pacman -Fy downloads their lists, or omgd with sync.files = true"},
		{[]wire.Source{missing}, "", unknown + "sudo pacman -Fy downloads their lists, or omgd with sync.files = true"},
		{[]wire.Source{missing, failed}, "", unknown + "multilib: the database is being indexed"},
	} {
		l := &Loader{backend: &fakeBackend{fileLists: c.lists}}
		a, err := l.answer(t.Context(), &browser.Request{Files: &browser.FilesQuery{Words: []string{"bin"}}})
		require.Equal(t, c.note, a.Note, "%+v", c.lists)
		if c.failure == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, c.failure)
		}
	}
}

func TestMessage(t *testing.T) {
	require.Equal(t, "damaged", message(wire.Errorf(wire.CodeInternal, "damaged")))
	require.Equal(t, "broken", message(errors.New("broken")))
	require.Equal(t, "broken: try again", message(&exit.Error{Err: errors.New("broken"), Hint: "try again"}))
}

package loader

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/omg/omg-browse/internal/styled"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// TestMain sets the time zone to UTC. The tests do not read the state directory of the user who runs them.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	_ = os.Setenv("XDG_STATE_HOME", "/nonexistent")
	os.Exit(m.Run())
}

// previewBackend is a backend that has what previews ask for. Each request whose error is set fails.
type previewBackend struct {
	backend.Backend
	packages  []wire.Package // by Info and Search; a search for depends:X finds those that depend on X
	installed []wire.InstalledPackage
	basis     wire.Basis // of all results that have one
	security  []wire.VulnerablePackage
	trees     map[bool]*backend.TreeResult // by TreeRequest.Optional
	files     *backend.FilesResult
	lists     *wire.FilesListResult
	log       *backend.PackageHistory
	events    []backend.AUREvent
	reading   backend.JournalReading
	news      *wire.NewsResult
	check     *backend.AURCheckResult
	diff      *backend.AURDiff
	pkgbuild  *wire.AURPKGBUILDResult
	errs      map[string]error
	asked     []string
	noCopies  bool     // the last AURCheckRequest.NoCopies
	checked   []string // the last AURCheckRequest.Names
}

// fail records a request, and returns its error.
func (f *previewBackend) fail(name string) error {
	f.asked = append(f.asked, name)
	return f.errs[name]
}

func (f *previewBackend) Info(_ context.Context, r *wire.InfoRequest, visit func(*wire.Package) error, _ func()) (*wire.InfoResult, error) {
	for _, name := range r.Names {
		for i := range f.packages {
			if p := &f.packages[i]; p.Name == name || p.Repo+"/"+p.Name == name {
				if err := visit(p); err != nil {
					return nil, err
				}
			}
		}
	}
	return &wire.InfoResult{Basis: f.basis}, f.fail("info")
}

func (f *previewBackend) Search(_ context.Context, r *wire.SearchRequest, visit func(*wire.Package) error, _ func()) (*wire.SearchResult, error) {
	result := &wire.SearchResult{Basis: f.basis}
	field, word, _ := strings.Cut(r.Words[0], ":")
	for i := range f.packages {
		p := &f.packages[i]
		values := map[string][]string{"depends": p.Depends, "provides": p.Provides}[field]
		for _, v := range values {
			if nameOf(v) != word {
				continue
			}
			if result.Total++; result.Total <= r.Limit {
				if err := visit(&wire.Package{Repo: p.Repo, Name: p.Name, AUR: p.AUR, InstalledVersion: p.InstalledVersion}); err != nil {
					return nil, err
				}
			}
			break
		}
	}
	return result, f.fail("search")
}

func (f *previewBackend) Installed(_ context.Context, r *wire.InstalledRequest) (*wire.InstalledResult, error) {
	result := &wire.InstalledResult{}
	for _, p := range f.installed {
		for _, name := range r.Names {
			if p.Name == name {
				result.Packages = append(result.Packages, p)
			}
		}
	}
	return result, f.fail("installed")
}

func (f *previewBackend) Security(context.Context, *wire.SecurityRequest) (*wire.SecurityResult, error) {
	return &wire.SecurityResult{Basis: f.basis, Packages: f.security}, f.fail("security")
}

func (f *previewBackend) Tree(_ context.Context, r *backend.TreeRequest) (*backend.TreeResult, error) {
	t := backend.TreeResult{Basis: f.basis}
	if from := f.trees[r.Optional]; from != nil {
		t.Name = from.Name
		for _, p := range from.Packages {
			p.Edges = append([]backend.TreeEdge{}, p.Edges...)
			t.Packages = append(t.Packages, p)
		}
	}
	return &t, f.fail("tree")
}

func (f *previewBackend) Files(context.Context, []string) (*backend.FilesResult, error) {
	return f.files, f.fail("files")
}

func (f *previewBackend) RepoFiles(_ context.Context, _ *wire.FilesListRequest, visit func(*wire.RepositoryFiles) error) (*wire.FilesListResult, error) {
	for i := range f.lists.Packages {
		if err := visit(&f.lists.Packages[i]); err != nil {
			return nil, err
		}
	}
	return &wire.FilesListResult{Basis: f.lists.Basis, Missing: f.lists.Missing}, f.fail("repo files")
}

func (f *previewBackend) PackageHistory(context.Context, *backend.PackageHistoryRequest) (*backend.PackageHistory, error) {
	return f.log, f.fail("history")
}

func (f *previewBackend) AURLog(_ context.Context, _ *backend.AURLogRequest, visit func(*backend.AUREvent) error) (*backend.AURLogResult, error) {
	for i := range f.events {
		if err := visit(&f.events[i]); err != nil {
			return nil, err
		}
	}
	return &backend.AURLogResult{Basis: f.basis, JournalReading: f.reading}, f.fail("aur log")
}

func (f *previewBackend) News(context.Context) (*wire.NewsResult, error) {
	return f.news, f.fail("news")
}

func (f *previewBackend) AURCheck(_ context.Context, r *backend.AURCheckRequest) (*backend.AURCheckResult, error) {
	f.noCopies, f.checked = r.NoCopies, r.Names
	return f.check, f.fail("aur check")
}

func (f *previewBackend) AURDiff(_ context.Context, r *backend.AURDiffRequest) (*backend.AURDiff, error) {
	diff := *f.diff
	if r.Current != nil {
		diff.From, diff.To = &f.diff.Copies[1], &backend.BuildCopy{Copied: r.CurrentAsOf}
	}
	return &diff, f.fail("aur diff")
}

func (f *previewBackend) AURPKGBUILD(context.Context, string) (*wire.AURPKGBUILDResult, error) {
	return f.pkgbuild, f.fail("aur pkgbuild")
}

// show returns the lines of a preview of 80 columns, and the packages to which they lead.
func (f *previewBackend) show(t *testing.T, q browser.PreviewQuery) (lines []string, page browser.Page) {
	t.Helper()
	if q.Width == 0 {
		q.Width = 80
	}
	page, err := (&Loader{backend: f}).preview(t.Context(), &q)
	require.NoError(t, err)
	for _, l := range page.Lines {
		lines = append(lines, strings.TrimRight(l.String(), " "))
	}
	require.True(t, page.Targets == nil || len(page.Targets) == len(page.Lines))
	return lines, page
}

// text returns the text of a preview.
func (f *previewBackend) text(t *testing.T, q browser.PreviewQuery) string {
	t.Helper()
	lines, _ := f.show(t, q)
	return strings.Join(lines, "\n")
}

// failure returns the error of a preview.
func (f *previewBackend) failure(t *testing.T, q browser.PreviewQuery) string {
	t.Helper()
	q.Width = 80
	_, err := (&Loader{backend: f}).preview(t.Context(), &q)
	require.Error(t, err)
	return message(err)
}

func about(tab browser.Tab, name string) browser.PreviewQuery {
	return browser.PreviewQuery{Tab: tab, Row: browser.Row{Key: browser.Key{Name: name}}}
}

func edge(name, dependency string) backend.TreeEdge {
	return backend.TreeEdge{Name: name, Dependency: dependency}
}

// world returns a backend with data for each tab: bash from core, demo from the AUR, and own, which is only installed.
func world() *previewBackend {
	at := time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC)
	text := "bob"
	return &previewBackend{
		errs: map[string]error{},
		packages: []wire.Package{
			{
				Repo: "core", Name: "bash", Version: "5.2-1", Desc: "The shell", InstalledVersion: "5.1-1", Provides: []string{"sh"},
				Depends: []string{"glibc"}, Advisories: []string{"AVG-1 (High, fixable)"},
			},
			{Repo: "core", Name: "glibc", Version: "2", Provides: []string{"libc.so=6-64"}},
			{Repo: "extra", Name: "zsh", Version: "5", Depends: []string{"glibc>=2"}},
			{Repo: "extra", Name: "extra-only", Version: "1", Depends: []string{"libc.so=6"}},
			{
				Repo: "aur", Name: "demo", Version: "1-1", Base: "demo-base", AUR: &wire.AUR{Maintainer: "bob", Votes: 3}, Depends: []string{"glibc>=2", "sh", "helper", "gone"},
				MakeDepends: []string{"zsh"}, OptDepends: []string{"bash: for scripts"},
			},
			{Repo: "aur", Name: "helper", Version: "1", AUR: &wire.AUR{}, Depends: []string{"glibc"}},
		},
		installed: []wire.InstalledPackage{
			{Package: wire.Package{Repo: "local", Name: "bash", Version: "5.1-1"}},
			{Package: wire.Package{Repo: "local", Name: "own", Version: "1-1", Desc: "My own"}, Reason: "explicit"},
		},
		security: []wire.VulnerablePackage{
			{Name: "bash", Installed: "5.1-1", Advisories: []wire.Advisory{{Name: "AVG-1", Severity: "High", Verdict: "fixable", Issues: []string{"CVE-2026-1"}, FixedVersion: "5.2-1"}}},
		},
		trees: map[bool]*backend.TreeResult{
			false: {Name: "bash", Packages: []backend.TreePackage{
				{Name: "bash", Edges: []backend.TreeEdge{edge("readline", "libreadline.so=8-64"), edge("glibc", "glibc"), {Dependency: "absent"}}},
				{Name: "readline", Distance: 1, Edges: []backend.TreeEdge{edge("glibc", "glibc")}},
				{Name: "glibc", Distance: 1, Edges: []backend.TreeEdge{edge("bash", "sh")}},
			}},
			true: {Name: "bash", Packages: []backend.TreePackage{{Name: "bash", Edges: []backend.TreeEdge{
				edge("readline", "libreadline.so=8-64"), {Name: "bash-completion", Dependency: "bash-completion", Optional: true},
			}}}},
		},
		files: &backend.FilesResult{Packages: []backend.FileList{{Name: "bash", Files: []string{"/usr/", "/usr/bin/bash"}}}},
		lists: &wire.FilesListResult{
			Basis: wire.Basis{Sources: []wire.Source{{Name: "core", Kind: wire.KindFiles, State: wire.SourceOK}, {Name: "extra", Kind: wire.KindFiles, State: wire.SourceMissing}}},
			Packages: []wire.RepositoryFiles{
				{RepositoryPackage: wire.RepositoryPackage{Repo: "core", Name: "glibc", Version: "2"}, Paths: []string{"usr/lib/libc.so.6"}},
				{RepositoryPackage: wire.RepositoryPackage{Repo: "core", Name: "glibc", Version: "2"}, Paths: []string{"usr/lib/libm.so.6"}},
			},
		},
		log: &backend.PackageHistory{Transactions: []backend.Transaction{
			{At: at, Command: "pacman -Syu", FullUpgrade: true, Result: "completed", Changes: []backend.PackageChange{{Action: "upgraded", Name: "bash", Old: "5.0-1", New: "5.1-1"}}},
			{At: at.AddDate(0, 0, 1), Changes: []backend.PackageChange{{Action: "reinstalled", Name: "bash", Old: "5.1-1", New: "5.1-1"}}},
		}},
		events:  []backend.AUREvent{{Base: "demo-base", Event: "adopted", To: &text, Between: backend.Interval{at, at.AddDate(0, 0, 1)}}},
		reading: backend.JournalReading{CompleteSince: &at},
		news: &wire.NewsResult{
			Sources: []wire.Source{{Name: "news", Kind: wire.KindNews, State: wire.SourceOK}}, UpgradedAt: 2000,
			Items: []wire.NewsItem{
				{NewsHeadline: wire.NewsHeadline{ID: "3", Title: "Something else", PublishedAt: 3000}, Text: "About zsh-completions."},
				{NewsHeadline: wire.NewsHeadline{ID: "2", Title: "Manual intervention", PublishedAt: 1000}, Text: "Upgrade bash."},
			},
		},
		check: &backend.AURCheckResult{Certain: true, Packages: []backend.CheckedPackage{
			{Name: "demo", Base: "demo-base", Level: "act", Findings: []backend.AURFinding{{Level: "act", Reason: "adopted", Events: []backend.AUREvent{
				{Base: "demo-base", Event: "adopted", To: &text, Between: backend.Interval{at, at}},
			}}}},
		}},
		diff: &backend.AURDiff{
			Base: "demo-base", Copies: []backend.BuildCopy{{Number: 1, Copied: at}, {Number: 2, Copied: at}}, From: &backend.BuildCopy{Number: 1, Copied: at},
			To: &backend.BuildCopy{Number: 2, Copied: at}, Changes: []backend.BuildChange{{Change: "source-host-changed", Old: []string{"a"}, New: []string{"b"}}},
			Files: []backend.FileDiff{{Name: "PKGBUILD", State: backend.FileChanged, Diff: "@@ -1 +1 @@\n-pkgver=1\n+pkgver=2\n"}},
			Last:  []backend.BuildFile{{Name: "PKGBUILD", Content: []byte("pkgver=2\n")}, {Name: "demo.install", Content: []byte("post_install() { :; }\n")}},
		},
		pkgbuild: &wire.AURPKGBUILDResult{Base: "demo-base", AsOf: 1_700_000_000, Content: []byte("pkgver=3\nbuild() {\n\tmake\n}\n")},
	}
}

func TestInfo(t *testing.T) {
	f := world()
	text := f.text(t, about(browser.TabInfo, "bash"))
	require.Contains(t, text, "Installed       : 5.1-1\nAdvisories      : AVG-1 (High, fixable)\n")
	require.Contains(t, text, "Issues          : CVE-2026-1\n")
	require.Less(t, strings.Index(text, "Repository"), strings.Index(text, "Severity"))

	q := about(browser.TabInfo, "bash")
	q.View = browser.ViewSecurity
	text = f.text(t, q)
	require.True(t, strings.HasPrefix(text, "Advisory        : AVG-1\n"), text)
	require.Equal(t, 1, strings.Count(text, "Severity"))
	f.errs["security"] = errors.New("no data of the security tracker")
	require.Contains(t, f.text(t, q), "the advisories are unknown: no data of the security tracker")

	text = f.text(t, about(browser.TabInfo, "demo"))
	require.Contains(t, text, "Votes           : 3\n")
	require.NotContains(t, text, "adopted")
	q = about(browser.TabInfo, "demo")
	q.View = browser.ViewAUR
	require.True(t, strings.HasPrefix(f.text(t, q), "demo (demo-base)\n    act: adopted by"), f.text(t, q))
	require.True(t, f.noCopies, "nothing is written for a preview")
	require.Equal(t, []string{"demo"}, f.checked)
	own := about(browser.TabInfo, "own")
	own.View = browser.ViewAUR
	f.check.NotInAUR = []string{"own"}
	require.True(t, strings.HasPrefix(f.text(t, own), "not checked: the package is neither in the AUR nor in its journal\n\n"), f.text(t, own))
	require.Empty(t, f.checked, "omgd has computed the findings about all installed packages")
	f.check = &backend.AURCheckResult{Certain: true}
	require.True(t, strings.HasPrefix(f.text(t, q), "no findings\n"))
	f.check.Certain = false
	require.True(t, strings.HasPrefix(f.text(t, q), "findings may be missing"), "not: no findings")
	f.errs["aur check"] = errors.New("no journal")
	require.True(t, strings.HasPrefix(f.text(t, q), "the findings are unknown: no journal\n"))

	text = f.text(t, about(browser.TabInfo, "own"))
	require.True(t, strings.HasPrefix(text, "Name            : own\n"), text)
	f.packages[4].InstalledVersion = "1-1"
	f.installed = append(f.installed, wire.InstalledPackage{Package: wire.Package{Name: "demo", Version: "1-1"}})
	text = f.text(t, about(browser.TabInfo, "demo"))
	require.Contains(t, text, "\nInstalled\nName            : demo\n", "a package in no repository has both blocks")

	require.Equal(t, "no source has the package nothing", f.failure(t, about(browser.TabInfo, "nothing")))
	f.basis = wire.Basis{Sources: []wire.Source{{Name: "extra", Kind: wire.KindRepository, State: wire.SourceFailed, Why: "damaged"}}}
	require.Equal(t, "the package nothing was not found: extra is failed: damaged", f.failure(t, about(browser.TabInfo, "nothing")))
	require.Contains(t, f.text(t, about(browser.TabInfo, "bash")), "extra is failed: damaged")
	f.errs["info"] = wire.Errorf(wire.CodeNotReady, "not ready")
	require.Equal(t, "not ready", f.failure(t, about(browser.TabInfo, "bash")))
	f = world()
	f.errs["installed"] = errors.New("locked")
	require.Equal(t, "the package own was not found: the installed packages are unknown: locked", f.failure(t, about(browser.TabInfo, "own")))
}

func TestDepends(t *testing.T) {
	f := world()
	lines, page := f.show(t, about(browser.TabDepends, "bash"))
	require.Equal(t, []string{
		"bash",
		"├─readline provides libreadline.so=8-64",
		"│ └─glibc",
		"├─glibc",
		"│ └─bash provides sh [cycle]",
		"├─absent [not installed]",
		"└─bash-completion [optional]",
	}, lines)
	require.Equal(t, []string{"", "readline", "glibc", "glibc", "bash", "absent", "bash-completion"}, page.Targets)

	f.trees[false].Name, f.trees[true] = "glibc", nil
	f.trees[false].Packages[0] = backend.TreePackage{Name: "glibc", Edges: []backend.TreeEdge{edge("bash", "sh"), {Dependency: "absent"}}}
	f.trees[false].Packages = f.trees[false].Packages[:1]
	lines, _ = f.show(t, about(browser.TabDepends, "glibc"))
	require.Equal(t, []string{"glibc", "├─bash provides sh [installed]", "└─absent [in no repository]"}, lines)
	f.errs["installed"] = errors.New("locked")
	require.Contains(t, f.text(t, about(browser.TabDepends, "glibc")), "which of them are installed is unknown: locked")

	f = world()
	lines, page = f.show(t, about(browser.TabDepends, "demo"))
	require.Equal(t, []string{
		"demo",
		"├─glibc",
		"├─bash provides sh [installed]",
		"├─helper [AUR]",
		"├─gone [in no repository] [nor in the AUR]",
		"├─zsh [make]",
		"└─bash [installed, optional]",
	}, lines)
	require.Equal(t, []string{"", "glibc", "bash", "helper", "gone", "zsh", "bash"}, page.Targets)

	f.trees = map[bool]*backend.TreeResult{false: {Name: "bash", Packages: []backend.TreePackage{{Name: "bash"}}}}
	require.Equal(t, "bash needs no other package", f.text(t, about(browser.TabDepends, "bash")))
	f.basis = wire.Basis{Partial: true, Why: "an entry cannot be read"}
	require.Equal(t, "bash needs no other package\nan entry cannot be read", f.text(t, about(browser.TabDepends, "bash")))
	f.trees[false] = &backend.TreeResult{}
	require.Equal(t, "the package bash was not found: an entry cannot be read", f.failure(t, about(browser.TabDepends, "bash")))
	f.errs["tree"] = errors.New("no local database")
	require.Equal(t, "no local database", f.failure(t, about(browser.TabDepends, "bash")))
	f.errs["search"] = errors.New("busy")
	require.Equal(t, "busy", f.failure(t, about(browser.TabDepends, "demo")))
}

// TestDepends_Limits checks that a tree with too many lines loses levels, and that the first level says what is left out.
func TestDepends_Limits(t *testing.T) {
	f := world()
	root := backend.TreePackage{Name: "bash"}
	packages := []backend.TreePackage{root}
	for i := range maxTreeEdges + 5 {
		name := fmt.Sprintf("p%d", i)
		packages[0].Edges = append(packages[0].Edges, edge(name, name))
		packages = append(packages, backend.TreePackage{Name: name, Distance: 1, Edges: []backend.TreeEdge{edge("deep", "deep")}})
	}
	f.trees = map[bool]*backend.TreeResult{false: {Name: "bash", Packages: packages}}
	lines, _ := f.show(t, about(browser.TabDepends, "bash"))
	require.Len(t, lines, maxTreeEdges+2)
	require.Equal(t, "… and 5 more", lines[len(lines)-1])
	require.NotContains(t, lines, "│ └─deep")
	packages[0].Edges = packages[0].Edges[:100]
	f.trees[false].Packages = packages[:101]
	require.Contains(t, f.text(t, about(browser.TabDepends, "bash")), "│ └─deep")
}

func TestRequiredBy(t *testing.T) {
	f := world()
	f.trees = map[bool]*backend.TreeResult{false: {Name: "bash", Packages: []backend.TreePackage{{Name: "bash", Edges: []backend.TreeEdge{edge("base", "sh")}}}}}
	text := f.text(t, about(browser.TabRequiredBy, "bash"))
	require.Contains(t, text, "bash\n└─base requires sh\n")
	f.trees[false].Packages[0].Edges = nil
	require.Contains(t, f.text(t, about(browser.TabRequiredBy, "bash")), "bash is needed by no installed package\n")

	lines, page := f.show(t, about(browser.TabRequiredBy, "glibc"))
	require.Equal(t, []string{
		"glibc", "├─bash [installed]", "├─zsh", "├─demo [AUR]", "├─helper [AUR]", "└─extra-only requires libc.so",
	}, lines, "glibc is not installed: the packages of all sources that need it, or what it provides")
	require.Equal(t, []string{"", "bash", "zsh", "demo", "helper", "extra-only"}, page.Targets)
	require.Equal(t, "no package of the sources needs zsh to run", f.text(t, about(browser.TabRequiredBy, "zsh")))
	f.basis = wire.Basis{Partial: true, Why: "the AUR is missing"}
	require.Equal(t, "no package of the sources needs zsh to run\nthe AUR is missing", f.text(t, about(browser.TabRequiredBy, "zsh")))
	for i := range maxTreeLines {
		f.packages = append(f.packages, wire.Package{Name: fmt.Sprintf("p%d", i), Depends: []string{"zsh"}})
	}
	f.packages = append(f.packages, wire.Package{Name: "last", Depends: []string{"zsh"}})
	require.Contains(t, f.text(t, about(browser.TabRequiredBy, "zsh")), "… and 1 more: depends:zsh in the view Search finds all")
	f.errs["search"] = errors.New("busy")
	require.Equal(t, "busy", f.failure(t, about(browser.TabRequiredBy, "zsh")))
	f.errs["tree"] = errors.New("locked")
	require.Equal(t, "locked", f.failure(t, about(browser.TabRequiredBy, "bash")))
}

func TestPackageFiles(t *testing.T) {
	f := world()
	require.Equal(t, "/usr/\n/usr/bin/bash", f.text(t, about(browser.TabFiles, "bash")))
	require.Equal(t, "files of core/glibc 2, which is not installed:\n/usr/lib/libc.so.6\n/usr/lib/libm.so.6", f.text(t, about(browser.TabFiles, "glibc")))
	require.Equal(t, "unknown: the files of a package of the AUR are known once it is built", f.text(t, about(browser.TabFiles, "demo")))
	f.lists.Packages = nil
	require.Equal(t, "glibc has no files", f.text(t, about(browser.TabFiles, "glibc")))
	f.lists.Missing = []string{"core/glibc"}
	require.Contains(t, f.failure(t, about(browser.TabFiles, "glibc")), "the list of files of core does not have the package glibc")
	require.Contains(t, f.failure(t, about(browser.TabFiles, "zsh")), "sudo pacman -Fy downloads their lists, or omgd with sync.files = true")
	f.lists.Sources = nil
	require.Equal(t, errNoFileLists.Error(), f.failure(t, about(browser.TabFiles, "zsh")))
	f.lists.Sources = []wire.Source{{Name: "extra", State: wire.SourceFailed, Why: "damaged"}, {Name: "core", State: wire.SourceStale, Why: "old"}}
	require.Equal(t, "the list of files of extra cannot be read: damaged", f.failure(t, about(browser.TabFiles, "zsh")))
	require.Equal(t, "the list of files of core is stale: old", f.text(t, about(browser.TabFiles, "glibc")))
	f.files.Packages[0].UnknownReason = "the list of files of bash is damaged"
	require.Equal(t, "the list of files of bash is damaged", f.failure(t, about(browser.TabFiles, "bash")))
	f.files = &backend.FilesResult{Packages: []backend.FileList{{Name: "bash"}}}
	require.Equal(t, "bash has no files", f.text(t, about(browser.TabFiles, "bash")))
	f.files = &backend.FilesResult{Reading: backend.Reading{WhyPartial: "an entry is damaged"}}
	require.Equal(t, "the files of bash are unknown: an entry is damaged", f.failure(t, about(browser.TabFiles, "bash")))
	f.errs["files"] = errors.New("locked")
	require.Equal(t, "locked", f.failure(t, about(browser.TabFiles, "bash")))
	f.errs["repo files"] = errors.New("busy")
	require.Equal(t, "busy", f.failure(t, about(browser.TabFiles, "glibc")))
}

func TestPackageFiles_Many(t *testing.T) {
	f := world()
	f.files.Packages[0].Files = make([]string, maxFileLines+7)
	lines, _ := f.show(t, about(browser.TabFiles, "bash"))
	require.Len(t, lines, maxFileLines+1)
	require.Equal(t, "7 more are left out", lines[maxFileLines])
	f.lists.Packages = []wire.RepositoryFiles{{Paths: make([]string, maxFileLines)}, {Paths: make([]string, 7)}}
	lines, _ = f.show(t, about(browser.TabFiles, "glibc"))
	require.Equal(t, "7 more are left out", lines[len(lines)-1])
}

func TestHistory(t *testing.T) {
	f := world()
	text := f.text(t, about(browser.TabHistory, "bash"))
	require.Equal(t, []string{
		"2026-09-22 12:00", "  reinstalled  bash  5.1-1", "2026-09-21 12:00  pacman -Syu [full upgrade]", "  upgraded     bash  5.0-1 -> 5.1-1",
	}, strings.Split(text, "\n"), "the last one first")
	require.NotContains(t, f.asked, "aur log")
	text = f.text(t, about(browser.TabHistory, "demo"))
	require.True(t, strings.HasPrefix(text, "journal of the AUR\n2026-09-21 12:00 to 2026-09-22 12:00  demo-base  adopted: bob\n\npacman's log\n"), text)
	require.Contains(t, f.text(t, about(browser.TabHistory, "own")), "demo-base  adopted")

	f.events, f.log = nil, &backend.PackageHistory{}
	require.Equal(t, "journal of the AUR\nno event after 2026-09-21 12:00\n\npacman's log\nno transaction of demo", f.text(t, about(browser.TabHistory, "demo")))
	f.reading, f.log = backend.JournalReading{}, &backend.PackageHistory{Partial: true, Why: "pacman.log.1 cannot be read", OmittedCount: 3}
	require.Equal(t, "journal of the AUR\nthe journal has no observation yet\n\npacman's log\n3 more are left out\ntransactions may be missing: pacman.log.1 cannot be read",
		f.text(t, about(browser.TabHistory, "demo")))
	f.reading = backend.JournalReading{Incomplete: true, Problem: "a block is damaged"}
	require.Contains(t, f.text(t, about(browser.TabHistory, "demo")), "events may be missing: a block is damaged")
	f.errs["aur log"], f.errs["history"] = errors.New("no journal"), errors.New("no log")
	require.Equal(t, "journal of the AUR\nthe events are unknown: no journal\n\npacman's log\nthe transactions are unknown: no log",
		f.text(t, about(browser.TabHistory, "demo")), "one that fails does not hide the other")

	f = world()
	for range maxEvents {
		f.events = append(f.events, f.events[0])
	}
	require.Contains(t, f.text(t, about(browser.TabHistory, "demo")), "1 more are left out")
}

func TestNews(t *testing.T) {
	f := world()
	text := f.text(t, about(browser.TabNews, "bash"))
	require.True(t, strings.HasPrefix(text, "1 of the last 2 items of Arch's news have the word bash\n\nManual intervention\n1970-01-01\n\nUpgrade bash."), text)
	require.NotContains(t, text, "Something else")
	q := about(browser.TabNews, "bash")
	q.View = browser.ViewUpdates
	require.Contains(t, f.text(t, q), "\n1 other unread items since the last full upgrade\n\nSomething else\n")
	require.Equal(t, "0 of the last 2 items of Arch's news have the word demo or demo-base", f.text(t, about(browser.TabNews, "demo")))
	f.news.UpgradedAt = 0
	require.Contains(t, f.text(t, q), "when the last full upgrade was is unknown")
	f.news.Sources[0].State, f.news.Sources[0].Why = wire.SourceStale, "timeout"
	require.Contains(t, f.text(t, q), "stale: timeout")
	f.news.Sources[0].State, f.news.Items = wire.SourceMissing, nil
	text = f.text(t, q)
	require.Contains(t, text, "missing")
	require.NotContains(t, text, "0 of", "there is no data, which is not: no news")
	f.errs["news"] = errors.New("omgd is not running")
	require.Equal(t, "omgd is not running", f.failure(t, q))
}

func TestNews_UnreadableMarks(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", dir)
	require.NoError(t, os.MkdirAll(dir+"/omg", 0o700))
	require.NoError(t, os.WriteFile(dir+"/omg/news-read.json", []byte("{"), 0o600))
	require.Contains(t, world().text(t, about(browser.TabNews, "bash")), "your marks of read news are not used")
}

func TestHasWord(t *testing.T) {
	for text, want := range map[string]bool{
		"linux": true, "the linux package": true, "Upgrade linux.": true, "linux-firmware": false, "linux-": true, "linux--x": false, "arch-linux": false, "Linux": false,
		"linux5": false, "(linux)": true, "“linux”": true, "linux, zsh": true, "linuxes and linux": true, "élinux": false, "linux+": false, "": false, "lin": false,
		"linux=6.1": true, "linux...": true, "\xfflinux\xff": true,
	} {
		require.Equal(t, want, hasWord(text, "linux"), text)
	}
	require.False(t, hasWord("anything", ""))
}

func TestBuildFiles(t *testing.T) {
	f := world()
	text := f.text(t, about(browser.TabBuild, "bash"))
	require.Contains(t, text, "pkgctl repo clone --protocol=https bash")
	f.asked = nil
	text = f.text(t, about(browser.TabBuild, "demo"))
	require.Contains(t, text, "The key of this tab, Alt-B, shows the build files of demo-base")
	require.Equal(t, []string{"info", "installed"}, f.asked, "nothing is read or downloaded without a request")

	q := about(browser.TabBuild, "demo")
	q.Fetch = true
	changes := []string{"    source host changed: \"a\" -> \"b\"", "", "PKGBUILD changed", "@@ -1 +1 @@", "-pkgver=1", "+pkgver=2"}
	want := []string{"Findings", "demo (demo-base)", "    act: adopted by \"bob\" between 2026-09-21 12:00 +0000 and 2026-09-21 12:00", "        +0000", "", "PKGBUILD in the AUR"}
	want = append(want, "demo-base: copy 2 (version unknown, of 2026-09-21 12:00) and the AUR's PKGBUILD", "    (version unknown, of 2023-11-14 22:13)")
	want = append(append(want, changes...), "", "pkgver=3", "build() {", "    make", "}", "", "Copies")
	want = append(want, "demo-base: copy 1 (version unknown, of 2026-09-21 12:00) and copy 2 (version", "    unknown, of 2026-09-21 12:00)")
	want = append(append(want, changes...), "", "PKGBUILD of the last copy", "pkgver=2", "", "demo.install of the last copy", "post_install() { :; }")
	require.Equal(t, want, strings.Split(f.text(t, q), "\n"))

	f.pkgbuild.Content = f.diff.Last[0].Content
	f.diff.Files, f.diff.Problem = nil, "the build files were not copied"
	text = f.text(t, q)
	require.Contains(t, text, "PKGBUILD in the AUR\nequal to the last copy\n\npkgver=2\n\n")
	require.True(t, strings.HasSuffix(text, "Copies\nthe last two copies do not differ\nthe build files were not copied\n\ndemo.install of the last copy\npost_install() { :; }"), text)
	f.diff.From, f.diff.To = nil, nil
	require.Contains(t, f.text(t, q), "there is only one copy, of 2026-09-21 12:00: nothing to compare it with")
	f.diff.Last[1].Content = []byte(strings.Repeat("x\n", maxBuildLines+2))
	require.True(t, strings.HasSuffix(f.text(t, q), "x\n2 more are left out"))
	f.pkgbuild.Content = nil
	require.Contains(t, f.text(t, q), "\nPKGBUILD of the last copy\n", "an empty PKGBUILD in the AUR is not an unknown one")
}

func TestBuildFiles_Failures(t *testing.T) {
	f := world()
	q := about(browser.TabBuild, "demo")
	q.Fetch = true
	f.errs["aur pkgbuild"] = wire.Errorf(wire.CodeNetwork, "the AUR did not answer in time")
	text := f.text(t, q)
	require.Contains(t, text, "PKGBUILD in the AUR\nunknown: the AUR did not answer in time\ngit clone https://aur.archlinux.org/demo-base.git, yay -G demo-base or paru -G\n")
	require.Contains(t, text, "PKGBUILD of the last copy\npkgver=2\n")
	f.errs["aur pkgbuild"], f.errs["aur diff"] = nil, exit.WithCode(exit.NotFound, errors.New("no build files"))
	text = f.text(t, q)
	require.Contains(t, text, "PKGBUILD in the AUR\nthere is no copy to compare it with\n\npkgver=3\n")
	require.True(t, strings.HasSuffix(text, "\nCopies\nno build files"), text)
	f.errs["aur diff"] = errors.New("read-only")
	text = f.text(t, q)
	require.Contains(t, text, "not compared: read-only\n")
	require.Contains(t, text, "act: adopted", "what is known stays")
}

// hostileText has escape sequences, bidi controls, wide and combining characters, a tab, and bytes that are not UTF-8.
const hostileText = "\x1b[31mred\x1b]0;title\x07 \u202edlrow \u2066x\t日本語 e\u0301\U0001F3F3\uFE0F\u200D\U0001F308 \xff\r\x9b31m end"

// TestPreview_Hostile shows packages whose every text is hostile, in all tabs, views and widths.
func TestPreview_Hostile(t *testing.T) {
	long := strings.Repeat(hostileText+"\n", 300) + strings.Repeat("ｗ", 5000)
	at := time.Unix(0, 0)
	f := world()
	for i := range f.packages {
		p := &f.packages[i]
		p.Desc, p.URL, p.Packager, p.Groups, p.OptDepends = hostileText, hostileText, hostileText, []string{hostileText}, []string{hostileText, hostileText + ": x"}
		p.Depends, p.Base, p.Version, p.Advisories = append(p.Depends, hostileText), hostileText, hostileText, []string{hostileText}
		if p.AUR != nil {
			p.AUR.Maintainer, p.AUR.Keywords = hostileText, []string{hostileText}
		}
	}
	f.installed[1].Desc, f.installed[1].Packager = hostileText, hostileText
	hostile := hostileText
	f.security[0].Advisories[0] = wire.Advisory{Name: hostile, Severity: hostile, Verdict: hostile, Status: hostile, Type: hostile, Issues: []string{hostile}, Ticket: hostile}
	f.trees[false].Packages[0].Edges = append(f.trees[false].Packages[0].Edges, edge(hostile, hostile))
	f.files.Packages[0].Files = []string{hostile, long}
	f.lists.Packages[0].Paths = []string{hostile, long}
	f.log.Transactions[0].Command, f.log.Transactions[0].Changes[0].Name, f.log.Why, f.log.Partial = long, hostile, hostile, true
	f.events = []backend.AUREvent{{Base: hostile, Event: hostile, From: &hostile, To: &long, Between: backend.Interval{at, at}}}
	f.news.Items[0].Title, f.news.Items[0].Text, f.news.Items[1].Text, f.news.Items[1].URL = hostile, long, "bash demo "+long, hostile
	f.news.Sources[0].Why = hostile
	f.check.Packages[0].Findings = append(f.check.Packages[0].Findings, backend.AURFinding{Level: hostile, Reason: hostile, Dependencies: []string{hostile}})
	f.check.Unavailable = hostile
	f.diff.Base, f.diff.Problem, f.diff.Unknown = hostile, hostile, []string{hostile}
	f.diff.Files = []backend.FileDiff{{Name: hostile, State: backend.FileChanged, Diff: long}}
	f.diff.Last, f.pkgbuild.Content = []backend.BuildFile{{Name: hostile, Content: []byte(long)}}, []byte(long+"\n")
	f.basis = wire.Basis{Partial: true, Why: hostile}
	for _, width := range []int{1, 20, 39, 80, 200} {
		for _, tab := range browser.Tabs() {
			for i, name := range []string{"bash", "glibc", "demo", "own"} {
				q := about(tab, name)
				q.Width, q.Fetch, q.View = width, true, []browser.View{browser.ViewSecurity, browser.ViewSearch, browser.ViewAUR, browser.ViewUpdates}[i]
				lines, page := f.show(t, q)
				require.NotEmpty(t, lines)
				require.Less(t, len(lines), 1_000_000)
				for _, l := range page.Lines {
					text := l.String()
					if width > 1 {
						require.LessOrEqual(t, styled.Width(text), width, "%s %s: %q", tab, name, text)
					}
					if termtext.Clean(text) != text {
						require.Failf(t, "unsafe text", "%s %s: %q", tab, name, text)
					}
				}
			}
		}
	}
}

// TestPreview_Cancelled checks that a preview that is not wanted any more ends with an error.
func TestPreview_Cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tab := range browser.Tabs() {
		q := about(tab, "bash")
		_, err := (&Loader{backend: world()}).preview(ctx, &q)
		require.ErrorIs(t, err, context.Canceled, tab.String())
	}
}

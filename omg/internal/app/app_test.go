package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

func TestInstalled_WaysToPrint(t *testing.T) {
	f := fake{installed: &wire.InstalledResult{
		Basis:    wire.Basis{Generation: 7},
		Packages: []wire.InstalledPackage{pkg("a"), pkg("b"), pkg("c")}, Missing: []string{"z"},
	}}
	code, out, _ := f.run(t, "installed")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "a 1-1\nb 1-1\nc 1-1\n", out)
	code, out, _ = f.run(t, "installed", "--json")
	require.Equal(t, exit.OK, code)
	var document struct {
		Schema, Generation int
		Packages           []struct{ Name, Version string }
		Missing            []string
	}
	require.NoError(t, json.Unmarshal([]byte(out), &document))
	require.Equal(t, 1, document.Schema)
	require.Equal(t, 7, document.Generation)
	require.Len(t, document.Packages, 3)
	require.Equal(t, []string{"z"}, document.Missing)
	code, out, _ = f.run(t, "orphans", "--format", "{{.name}}{{.reason}}!")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "a!\nb!\nc!\n", out)
}

// TestInstalled_Request checks the request that each list of installed packages sends: the filter, and details if the
// output may contain every field.
func TestInstalled_Request(t *testing.T) {
	f := fake{installed: &wire.InstalledResult{Packages: []wire.InstalledPackage{pkg("a")}}}
	for line, want := range map[string]wire.InstalledRequest{
		"installed":                  {},
		"installed two words":        {Words: []string{"two", "words"}},
		"installed -x ^a":            {Words: []string{"^a"}, Regex: true},
		"installed --explicit":       {Filter: wire.FilterExplicit},
		"installed --deps --json":    {Filter: wire.FilterDeps, Details: true},
		"installed --orphans":        {Filter: wire.FilterOrphans},
		"installed --foreign":        {Filter: wire.FilterForeign},
		"explicit":                   {Filter: wire.FilterExplicit},
		"orphans":                    {Filter: wire.FilterOrphans},
		"orphans --required -q":      {Filter: wire.FilterOrphansOrOptional},
		"foreign --format {{.name}}": {Filter: wire.FilterForeign, Details: true},
		"info -i a b":                {Names: []string{"a", "b"}, Details: true},
	} {
		code, _, _, after := f.runBackend(t, strings.Fields(line)...)
		require.Equal(t, exit.OK, code, line)
		if len(after.listed.Words) == 0 {
			after.listed.Words = nil
		}
		if len(after.listed.Names) == 0 {
			after.listed.Names = nil
		}
		require.Equal(t, want, *after.listed, line)
	}
}

func TestNothingFound(t *testing.T) {
	f := fake{
		installed: &wire.InstalledResult{}, explicit: &wire.ExplicitResult{},
		outdated: &wire.OutdatedResult{Basis: wire.Basis{Sources: []wire.Source{repository("core", wire.SourceOK, "")}}},
	}
	for _, command := range []string{"installed x", "orphans", "foreign", "explicit", "explicit -q", "outdated", "outdated -a"} {
		code, out, stderr := f.run(t, strings.Fields(command)...)
		require.Equal(t, exit.NotFound, code, command)
		require.Empty(t, out, command)
		require.Empty(t, stderr, command)
	}
	code, out, _ := f.run(t, "outdated", "--json")
	require.Equal(t, exit.NotFound, code)
	require.Contains(t, out, `"updates":[]`)
	code, out, _ = f.run(t, "explicit", "-c")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "0\n", out)
}

func TestOutdated_All(t *testing.T) {
	f := fake{outdated: &wire.OutdatedResult{
		Updates:        []wire.Update{{Name: "git", Installed: "1", Version: "2", Ignored: true}},
		Replacements:   []wire.Replacement{{ReplacedName: "old", Installed: "1", By: "new", Version: "3", Repo: "core"}},
		InstalledNewer: []wire.Update{{Name: "vim", Installed: "9", Version: "8", Repo: "extra"}},
	}}
	_, out, _ := f.run(t, "outdated")
	require.Equal(t, "git 1 -> 2 [ignored]\n", out)
	_, out, _ = f.run(t, "outdated", "--all")
	require.Equal(t, "git 1 -> 2 [ignored]\nold 1 replaced by core/new 3\nvim 9 newer than extra/8\n", out)
	_, out, _ = f.run(t, "outdated", "-aq")
	require.Equal(t, "git\nold\nvim\n", out)
}

// TestOutdated_Selection checks the names and the order of the updates.
func TestOutdated_Selection(t *testing.T) {
	size := func(n uint64) *uint64 { return &n }
	f := fake{outdated: &wire.OutdatedResult{
		Basis: wire.Basis{Sources: []wire.Source{repository("core", wire.SourceOK, ""), repository("extra", wire.SourceOK, "")}},
		Updates: []wire.Update{
			{Name: "a", Installed: "1", Version: "2", Repo: "extra", BuiltAt: 30},
			{Name: "b", Installed: "1", Version: "2", Repo: "core", BuiltAt: 10, DownloadSize: size(7)},
			{Name: "c", Installed: "1", Version: "2", Repo: "extra", DownloadSize: size(9)},
		},
		Replacements: []wire.Replacement{{ReplacedName: "old", Installed: "1", By: "new", Version: "3", Repo: "core"}},
		Foreign:      []wire.ForeignPackage{{Name: "yay", Installed: "1", AURVersion: "2", State: wire.ForeignUpdate}},
	}, installed: &wire.InstalledResult{}}
	for line, want := range map[string]string{
		"": "a b c yay", "--by name": "a b c yay", "--by repo": "b a c yay", "--by size": "c b a yay", "--by age": "b a c yay",
		"c yay": "c yay", "-a new": "old", "-a old b": "b old", "--no-aur yay b": "b",
	} {
		code, out, _ := f.run(t, append([]string{"outdated", "-q"}, strings.Fields(line)...)...)
		require.Equal(t, exit.OK, code, line)
		require.Equal(t, want, strings.Join(strings.Fields(out), " "), line)
	}
	code, out, _ := f.run(t, "outdated", "no-update")
	require.Equal(t, exit.NotFound, code)
	require.Empty(t, out)
	missing := f
	missing.installed = &wire.InstalledResult{Missing: []string{"nosuch"}}
	code, out, stderr := missing.run(t, "outdated", "-q", "b", "nosuch")
	require.Equal(t, exit.NotFound, code, "the name is not installed, although there is an update for another")
	require.Equal(t, "b\n", out)
	require.Equal(t, "omg: error: package \"nosuch\" is not installed\n", stderr)
	code, out, _ = f.run(t, "outdated", "--size", "new")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "core  new  3 [replaces old 1]\n\n0 updates, 1 replacement\n", out)
	code, out, _ = f.run(t, "outdated", "--size", "--by", "age", "c")
	require.Equal(t, exit.OK, code)
	require.Contains(t, out, "[build date unknown]", "the table shows by what it is sorted")
	require.True(t, (&outdatedOptions{by: bySize}).updateTable(f.outdated, nil).AlwaysShowSizes)
}

// TestOutdated_AUR checks that --aur lists only packages that are not in a repository, and fails if the AUR is unknown.
func TestOutdated_AUR(t *testing.T) {
	foreign := []wire.ForeignPackage{
		{Name: "yay", Installed: "1", AURVersion: "2", State: wire.ForeignUpdate},
		{Name: "mine", Installed: "1", State: wire.ForeignGone},
		{Name: "same", Installed: "1", AURVersion: "1", State: wire.ForeignCurrent},
	}
	update := []wire.Update{{Name: "git", Installed: "1", Version: "2"}}
	on := func(sources ...wire.Source) fake {
		return fake{outdated: &wire.OutdatedResult{Basis: wire.Basis{Sources: sources}, Updates: update, Foreign: foreign}}
	}
	good := on(repository("core", wire.SourceOK, ""), aur(wire.SourceOK, ""))
	for line, want := range map[string]string{
		"outdated":             "git 1 -> 2\nyay 1 -> 2 [aur]\n",
		"outdated --no-aur":    "git 1 -> 2\n",
		"outdated --aur":       "yay 1 -> 2 [aur]\n",
		"outdated --aur --all": "yay 1 -> 2 [aur]\nmine 1 [aur] [gone from the AUR]\n",
	} {
		code, out, stderr := good.run(t, strings.Fields(line)...)
		require.Equal(t, exit.OK, code, line)
		require.Equal(t, want, out, line)
		require.Empty(t, stderr, line)
	}
	for why, f := range map[string]fake{
		"it is disabled (aur.enabled) and has no index": on(repository("core", wire.SourceOK, "")),
		"not downloaded yet":                            on(aur(wire.SourceMissing, "not downloaded yet")),
		"the index of it is broken":                     on(aur(wire.SourceFailed, "the index of it is broken")),
	} {
		code, out, stderr := f.run(t, "outdated", "--aur")
		require.Equal(t, exit.Network, code)
		require.Empty(t, out)
		require.Contains(t, stderr, "omg: error: no data of the AUR: "+why)
	}
	code, out, stderr := on(aur(wire.SourceStale, "not downloaded for 3 days")).run(t, "outdated")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "git 1 -> 2\nyay 1 -> 2 [aur]\n", out)
	require.Contains(t, stderr, "omg: note: AUR: old data: not downloaded for 3 days")
}

func TestStatus_Unknown(t *testing.T) {
	f := fake{status: &wire.StatusResult{Basis: wire.Basis{Stale: true, ConfirmedAt: 1}}}
	code, out, _ := f.run(t, "status")
	require.Equal(t, exit.OK, code)
	require.Contains(t, out, "stale, last checked ")
	require.Contains(t, out, "Installed       : unknown\n")
	_, out, _ = f.run(t, "status", "--json")
	require.Contains(t, out, `"counts":{}`)
	_, out, _ = f.run(t, "status", "--format", "{{.stale}}<{{.counts.updates}}>")
	require.Equal(t, "true<>\n", out)
}

func TestStatus_History(t *testing.T) {
	n := func(v uint32) *uint32 { return &v }
	f := fake{history: &wire.HistoryResult{Entries: []wire.CountsHistoryEntry{
		{At: 60, Counts: wire.Counts{Installed: n(9), Updates: n(1)}},
		{At: 120, Counts: wire.Counts{Installed: n(9), Updates: n(3)}},
	}}}
	code, out, _ := f.run(t, "status", "--history")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "1970-01-01 00:01:00  installed 9, updates 1\n1970-01-01 00:02:00  updates 1 -> 3\n", out)
	_, out, _ = f.run(t, "status", "--history", "--json", "--limit", "2")
	require.Contains(t, out, `"entries":[{"at":60,"counts":{"installed":9,"updates":1}},`)
	f.history.Entries = nil
	code, out, _ = f.run(t, "status", "--history")
	require.Equal(t, exit.NotFound, code)
	require.Empty(t, out)
	for _, line := range []string{"status --limit 3", "status --history --limit -1"} {
		code, _, _ := f.run(t, strings.Fields(line)...)
		require.Equal(t, exit.Usage, code, line)
	}
}

func TestInfo_Installed(t *testing.T) {
	f := fake{
		info: &wire.InfoResult{
			Packages: []wire.Package{{Repo: "core", Name: "bash", Version: "2-1", InstalledVersion: "1-1"}},
			Missing:  []wire.MissingName{{Name: "mine"}, {Name: "sh"}, {Name: "core/mine"}},
		},
		// The local database returns bash for the name sh, because bash provides sh. But omg info accepts only exact names.
		installed: &wire.InstalledResult{Packages: []wire.InstalledPackage{pkg("mine"), pkg("bash")}},
	}
	code, out, stderr := f.run(t, "info", "bash", "mine", "sh", "core/mine")
	require.Equal(t, exit.NotFound, code)
	require.Contains(t, out, "Installed       : 1-1\n\nName            : mine\n")
	require.Equal(t, 2, strings.Count(out, "\n\n"))
	require.Equal(t, "omg: error: package \"sh\" was not found\nomg: error: package \"core/mine\" was not found\n", stderr)
	_, out, _ = f.run(t, "info", "--json", "bash", "mine")
	require.Contains(t, out, `"local":[{"repo":"local","name":"mine"`)
}

// TestInfo_InstalledUnknown checks the exit code of info for a package that is in no repository. If the local database
// cannot be read, the command fails, because the package may be installed. If there is no local database, the package
// was not found.
func TestInfo_InstalledUnknown(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{fmt.Errorf("%w at /db", backend.ErrNoLocal), exit.NotFound},
		{errors.New("local/ cannot be read"), exit.Failed},
		{wire.Errorf(wire.CodeNotReady, "the installed packages are unknown"), exit.Failed},
	} {
		f := fake{info: &wire.InfoResult{Missing: []wire.MissingName{{Name: "mine"}}}, errs: map[string]error{"installed": c.err}}
		code, out, stderr := f.run(t, "info", "mine")
		require.Equal(t, c.code, code, c.err)
		require.Empty(t, out)
		require.Equal(t, "omg: note: the AUR was not queried: "+c.err.Error()+"\nomg: error: package \"mine\" was not found\n", stderr)
	}
}

// TestInfo_OtherNames checks the advice for names of groups and for names that packages provide.
func TestInfo_OtherNames(t *testing.T) {
	f := fake{
		info: &wire.InfoResult{Missing: []wire.MissingName{
			{Name: "gnome", IsGroup: true, Suggestions: []wire.Suggestion{{Name: "gnomes"}}},
			{Name: "-S", IsGroup: true},
			{Name: "sh", Providers: []string{"bash", "-x", "dash"}},
			{Name: "x", Providers: []string{"-x"}},
		}},
		installed: &wire.InstalledResult{},
	}
	code, out, stderr := f.run(t, "info", "--", "gnome", "-S", "sh", "x")
	require.Equal(t, exit.NotFound, code)
	require.Empty(t, out)
	require.Equal(t, "omg: error: package \"gnome\" was not found; omg groups gnome lists the packages of the group\n"+
		"omg: error: package \"-S\" was not found\nomg: error: package \"sh\" was not found; omg info bash dash shows what provides it\n"+
		"omg: error: package \"x\" was not found\n", stderr)
}

// TestPartsInTurn checks that packages of the repositories are printed before the AUR has answered. With --json, all
// packages are printed at the end, as one document.
func TestPartsInTurn(t *testing.T) {
	f := fake{
		waits:  true,
		search: &wire.SearchResult{Total: 2, Packages: []wire.Package{{Repo: "core", Name: "a", Version: "1"}, {Repo: "aur", Name: "b", Version: "1"}}},
		info:   &wire.InfoResult{Packages: []wire.Package{{Repo: "core", Name: "a", Version: "1"}, {Repo: "aur", Name: "b", Version: "1"}}},
	}
	for _, command := range []string{"search", "info"} {
		for flag, first := range map[string]string{"-q": "a\n", "--json": "", "--format={{.name}}!": "a!\n"} {
			printed := ""
			f.onWait = func(now string) { printed = now }
			code, out, _ := f.run(t, command, flag, "a", "b")
			require.Equal(t, exit.OK, code)
			require.Equal(t, first, printed, "%s %s", command, flag)
			require.Contains(t, out, "b", "%s %s", command, flag)
		}
	}
	printed := "no request was sent"
	f.onWait = func(now string) { printed = now }
	_, out, _ := f.run(t, "--strict", "search", "-q", "a")
	require.Empty(t, printed, "--strict prints nothing before the result is known to be certain")
	require.Equal(t, "a\nb\n", out)
}

func TestFiles_Unreadable(t *testing.T) {
	f := fake{owners: &wire.FilesOwnerResult{}, files: &backend.FilesResult{Packages: []backend.FileList{{Name: "a", Files: []string{"/a"}}, {Name: "b", UnknownReason: "no file list of b"}}}}
	code, out, stderr := f.run(t, "files", "a", "b")
	require.Equal(t, exit.Failed, code)
	require.Equal(t, "a /a\n", out)
	require.Equal(t, "omg: error: no file list of b\n", stderr)

	f.owns = &backend.Owners{Paths: []backend.OwnedPath{{Path: "/a", Owners: []backend.Owner{{Name: "a", Version: "1"}}}, {Path: "/b"}}}
	code, out, stderr = f.run(t, "owns", "/a", "/b")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "/a is owned by a 1\n", out)
	require.Equal(t, "omg: error: no package owns /b\n", stderr)
	f.owns.UnreadCount = 2
	code, _, stderr = f.run(t, "owns", "/a", "/b")
	require.Equal(t, exit.Failed, code)
	require.Equal(t, "omg: error: cannot find the owner of /b: the file lists of 2 packages cannot be read\n", stderr)
}

func TestWhy(t *testing.T) {
	f := fake{why: &backend.WhyResult{Name: "bash", Chains: []backend.DependencyChain{
		{Links: []backend.ChainLink{{Name: "a", DependOnNext: "sh"}, {Name: "bash"}}},
	}}}
	_, out, _ := f.run(t, "why", "sh")
	require.Equal(t, "a -> bash (sh)\n", out)
	_, out, _ = f.run(t, "why", "-q", "sh")
	require.Equal(t, "a\n", out)
	_, out, _ = f.run(t, "why", "-qr", "sh")
	require.Equal(t, "bash\n", out)
	f.why = &backend.WhyResult{Name: "bash"}
	code, _, stderr := f.run(t, "why", "sh")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: no explicitly installed package needs bash\n", stderr)
	f.why = &backend.WhyResult{}
	code, _, stderr = f.run(t, "why", "sh")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: package \"sh\" is not installed\n", stderr)
}

func TestActions(t *testing.T) {
	refresh := func(r wire.RefreshResult) string {
		code, out, _ := fake{refresh: &r}.run(t, "refresh")
		require.Equal(t, exit.OK, code)
		return out
	}
	require.Equal(t, "refreshed, generation 3\n", refresh(wire.RefreshResult{Refreshed: true, Generation: 3, At: 1}))
	require.Contains(t, refresh(wire.RefreshResult{At: 1}), "already refreshed: ")
	require.Equal(t, "nothing to refresh without omgd\n", refresh(wire.RefreshResult{}))
	f := fake{refresh: &wire.RefreshResult{Refreshed: true, Generation: 8, At: 1, Why: "no local database"}}
	code, out, stderr := f.run(t, "refresh")
	require.Equal(t, exit.Failed, code)
	require.Equal(t, "refreshed, generation 8\n", out)
	require.Contains(t, stderr, "some databases could not be read: no local database")
	f = fake{clearCache: &wire.CacheClearResult{ClearedCount: 5}}
	code, out, _ = f.run(t, "cache", "clear")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "cleared 5 cached replies\n", out)
	_, out, _ = f.run(t, "cache", "clear", "--json")
	require.Equal(t, "{\"schema\":1,\"cleared\":5}\n", out)
}

func TestHealth(t *testing.T) {
	for state, want := range map[string]int{
		wire.HealthOK: exit.OK, wire.HealthDegraded: exit.Degraded, wire.HealthStarting: exit.Failed, wire.HealthFailed: exit.Failed,
	} {
		f := fake{health: &wire.HealthResult{State: state, Components: []wire.Component{{Name: "store", State: state, Why: "a\nreason", Version: "1", Since: 60}}}}
		code, out, _ := f.run(t, "health")
		require.Equal(t, want, code, state)
		require.Regexp(t, "^"+state+" +store 1  a\ufffdreason, for [0-9]+ years\n$", out)
	}
}

func TestUsage_Wrong(t *testing.T) {
	for _, command := range []string{
		"status x", "outdated --by x", "outdated --size -q", "orphans x", "foreign x", "refresh x", "cache x", "cache clear x", "explicit x", "explicit -q x",
		"info", "owns", "files", "why", "why a b", "tree", "tree a b", "tree a -d -2", "tree a --dot --mermaid", "tree a --dot -q", "tree a -u --json", "installed --deps --foreign", "explicit -cq", "explicit -c --json",
		"outdated --json -q", "status --format {{", "status -q", "installed --color sometimes",
	} {
		code, out, stderr := fake{}.run(t, strings.Fields(command)...)
		require.Equal(t, exit.Usage, code, command)
		require.Empty(t, out, command)
		require.Contains(t, stderr, "omg: hint: see omg "+strings.Fields(command)[0], command)
	}
}

func TestHelp_ExitCodes(t *testing.T) {
	commands := []string{
		"search", "info", "status", "installed", "explicit", "orphans", "foreign", "outdated", "owns", "files", "why", "tree", "refresh",
		"cache", "cache clear",
	}
	_, overview, _ := fake{}.run(t, "--help")
	for _, command := range commands {
		code, out, _ := fake{}.run(t, slices.Concat(strings.Fields(command), []string{"--help"})...)
		require.Equal(t, exit.OK, code, command)
		want := "Exit codes: 0 answered; 1 nothing found; 2 wrong usage; 3 cannot answer"
		if slices.Contains([]string{"search", "info", "outdated", "refresh"}, command) { // these commands may need the AUR
			want += "; 4 no data from the network"
		}
		require.Contains(t, strings.Join(strings.Fields(out), " "), want+".", command)
		require.Contains(t, overview, "  "+strings.Fields(command)[0]+" ", command)
	}
}

func TestUsage_UnknownCommand(t *testing.T) {
	for line, hint := range map[string]string{
		"serach firefox": "did you mean: search", "stauts": "did you mean: status",
		// "did you mean" is printed even if a later argument is the name of a command.
		"serach info": "did you mean: search", "out": "did you mean: outdated", "info/x": "did you mean: info",
		// Other words may be meant for a search.
		"firefox":     "omg search firefox finds packages, omg info firefox shows one, omg help lists the commands",
		"o":           "omg search o finds packages, omg info o shows one, omg help lists the commands",
		"web browser": "omg search web browser finds packages, omg help lists the commands",
		"$(id)":       "see omg --help", "web $(id)": "omg search PKG finds packages, omg help lists the commands",
		// Commands of other package managers.
		"install vim git": "omg changes nothing on the system: sudo pacman -S vim git",
		"upgrade":         "omg outdated shows what there is, sudo pacman -Syu changes the system",
		"se fire":         "omg search fire", "show vim": "omg info vim", "ls": "omg installed",
		// Only harmless names are repeated, because a user may copy the line into a shell.
		"install $(id)": "omg changes nothing on the system: sudo pacman -S PKG", "rm -- -Rdd": "omg changes nothing on the system: sudo pacman -Rs PKG",
	} {
		args := strings.Fields(line)
		code, out, stderr := fake{}.run(t, args...)
		require.Equal(t, exit.Usage, code, line)
		require.Empty(t, out, line)
		require.Equal(t, "omg: error: unknown command \""+args[0]+"\"\nomg: hint: "+hint+"\n", stderr)
	}
}

func TestTree(t *testing.T) {
	f := fake{tree: &backend.TreeResult{Name: "bash", Packages: []backend.TreePackage{
		{Name: "bash", Version: "5-1", Edges: []backend.TreeEdge{{Name: "glibc", Dependency: "glibc>=2"}, {Dependency: "absent"}}},
		{Name: "glibc", Version: "2-1", Distance: 1, Edges: []backend.TreeEdge{}},
	}}}
	code, out, _, after := f.runBackend(t, "tree", "sh", "--ascii")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "bash\n|-glibc\n`-absent [not installed]\n", out)
	require.Equal(t, backend.TreeRequest{Name: "sh", MaxDepth: -1}, *after.treeRequest)
	_, _, _, after = f.runBackend(t, "tree", "-rosu", "-d", "3", "sh")
	require.Equal(t, backend.TreeRequest{Name: "sh", Reverse: true, Optional: true, FromRepositories: true, MaxDepth: 3}, *after.treeRequest)
	for line, want := range map[string]string{
		"-u": "bash\nglibc\n", "-q": "bash\nglibc\n", "--format {{.from}}-{{.name}}-{{.dependency}}-{{.distance}}": "bash-glibc-glibc>=2-1\n",
		"--dot":     "digraph \"bash\" {\n\tnode [shape=box];\n\t\"bash\";\n\t\"bash\" -> \"glibc\";\n\t\"bash\" -> \"absent\" [color=red];\n}\n",
		"--mermaid": "flowchart LR\n\tp0[\"bash\"]\n\tp0 --> p1[\"glibc\"]\n\tp0 --> p2[\"absent\"]\n",
	} {
		_, out, _ = f.run(t, append([]string{"tree", "bash"}, strings.Fields(line)...)...)
		require.Equal(t, want, out, line)
	}
	_, out, _ = f.run(t, "tree", "bash", "--json")
	require.Contains(t, out, `"name":"bash","packages":[{"name":"bash","version":"5-1","distance":0,"edges":[{"name":"glibc","dependency":"glibc>=2"}`)

	f.tree = &backend.TreeResult{}
	code, _, stderr := f.run(t, "tree", "nothing")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: package \"nothing\" is not installed\n", stderr)
	code, _, stderr = f.run(t, "tree", "-s", "nothing")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: no repository has or provides the package \"nothing\"\n", stderr)
	f.tree.Partial = true
	code, _, _ = f.run(t, "tree", "-s", "nothing")
	require.Equal(t, exit.Failed, code)
}

// TestLetters checks which command lines are in the form of pacman's, and how omg's own options beside them are read.
func TestLetters(t *testing.T) {
	for line, want := range map[string]backend.Options{
		"-Qe":                        {},
		"--query --explicit":         {},
		"-b D -Qdt":                  {DBPath: "D"},
		"--dbpath=D --no-daemon -Qi": {DBPath: "D", NoDaemon: true},
		"-Q --pacman-config C -r R":  {PacmanConfig: "C", RootDir: "R"},
		"--config C --socket S -qQ":  {PacmanConfig: "C", Socket: "S"},
		"--color never -T a --index I --data-dir D": {IndexPaths: []string{"I"}, DataDir: "D"},
	} {
		f := fake{lettersCode: 127}
		code, _, stderr, after := f.runBackend(t, strings.Fields(line)...)
		require.Equal(t, 127, code, "%s: %s", line, stderr)
		after.options.CommandLine, after.options.PrintNote = nil, nil
		require.Equal(t, want, after.options, line)
	}
	for _, line := range []string{"--dbpath -Qdt", "search -Ss", "--nonsense -Qdt", "-- -Qdt", "--dbpath", "-bQ"} {
		_, _, _, after := fake{search: &wire.SearchResult{}, status: &wire.StatusResult{}}.runBackend(t, strings.Fields(line)...)
		require.Nil(t, after.letters, line)
	}
}

// TestOtherCommands checks that no command of omg is regarded as a command of another package manager, and that no word is listed twice.
func TestOtherCommands(t *testing.T) {
	seen := commandNames()
	for _, other := range otherCommands {
		require.NotEqual(t, other.ours+other.pacmans, "")
		for _, word := range other.words {
			require.NotContains(t, seen, word)
			seen = append(seen, word)
		}
		if command, ok := strings.CutPrefix(other.ours, "omg "); ok && command != "--version" {
			require.Contains(t, commandNames(), strings.Fields(command)[0])
		}
	}
	_, _, stderr := fake{}.run(t, "provides", "rg")
	require.Equal(t, "omg: error: unknown command \"provides\"\nomg: hint: omg owns --repos PATH\n", stderr)
	_, _, stderr = fake{}.run(t, "cnf", "rg")
	require.Equal(t, "omg: error: unknown command \"cnf\"\nomg: hint: omg command rg\n", stderr)
}

// TestLetters_Refused checks the errors for command lines that omg does not run.
func TestLetters_Refused(t *testing.T) {
	for line, want := range map[string]struct {
		code   int
		stderr string
	}{
		"-Syu":                       {exit.Usage, "omg: error: omg only reads, and -S would change something here\nomg: hint: sudo pacman -Syu\n"},
		"--no-daemon -Rns it's -b d": {exit.Usage, "omg: error: omg only reads, and -R would change something here\nomg: hint: sudo pacman -Rns 'it'\\''s' -b d\n"},
		"-U a --pacman-config c":     {exit.Usage, "omg: error: omg only reads, and -U would change something here\nomg: hint: sudo pacman -U a --config c\n"},
		"-D --asdeps a":              {exit.Usage, "omg: error: omg only reads, and -D would change something here\nomg: hint: sudo pacman -D --asdeps a\n"},
		"-Fy":                        {exit.Usage, "omg: error: omg only reads, and -F would change something here\nomg: hint: sudo pacman -Fy\n"},
		"-Sp a":                      {exit.Failed, "omg: error: omg cannot answer this form of -S\nomg: hint: pacman -Sp a\n"},
		"-QS":                        {exit.NotFound, "omg: error: only one operation may be used at a time\n"},
		"-Qy":                        {exit.NotFound, "omg: error: invalid option '-y'\n"},
		"-Qz":                        {exit.NotFound, "omg: error: invalid option -- 'z'\n"},
	} {
		code, stdout, stderr, after := fake{}.runBackend(t, strings.Fields(line)...)
		require.Equal(t, want.code, code, line)
		require.Empty(t, stdout, line)
		require.Equal(t, want.stderr, stderr, line)
		require.Nil(t, after.letters, line)
	}
	code, stdout, _ := fake{}.run(t, "-V")
	require.Equal(t, exit.OK, code)
	require.Contains(t, stdout, "omg version ")
	code, stdout, _ = fake{}.run(t, "-Qh")
	require.Equal(t, exit.OK, code)
	require.Contains(t, stdout, "  -e, --explicit\n")
}

func TestSearch_NothingFoundInARepository(t *testing.T) {
	f := fake{search: &wire.SearchResult{Packages: []wire.Package{}, Suggestions: []wire.Suggestion{{Name: "bash", Reason: wire.SuggestionSpelling}}}}
	_, _, stderr := f.run(t, "search", "bsah")
	require.Equal(t, "omg: error: nothing found for \"bsah\"\nomg: hint: did you mean: bash\n", stderr)
	code, _, stderr := f.run(t, "search", "bash", "--repo", "nope", "--repo", "core")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: nothing found for \"bash\" in nope, core\n", stderr)
}

// TestSearch_Command checks that a note on a terminal, or the hint if nothing is found, says which packages bring a command.
func TestSearch_Command(t *testing.T) {
	f := fake{search: &wire.SearchResult{Packages: []wire.Package{}, Suggestions: []wire.Suggestion{{Name: "ripgrep", Reason: wire.SuggestionCommand}, {Name: "a\x1b", Reason: wire.SuggestionCommand}}}}
	code, _, stderr := f.run(t, "search", "rg")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: nothing found for \"rg\"\nomg: hint: rg is a command of ripgrep, a\ufffd\n", stderr)
	f.search.Suggestions = f.search.Suggestions[:1]
	_, _, stderr = f.run(t, "search", "[")
	require.Equal(t, "omg: error: nothing found for \"[\"\nomg: hint: [ is a command of ripgrep\n", stderr, "it was not meant as an expression")
	f.search.Partial = true
	code, _, stderr = f.run(t, "search", "rg")
	require.Equal(t, exit.Failed, code)
	require.Contains(t, stderr, "omg: hint: rg is a command of ripgrep\n")

	f.search = &wire.SearchResult{Total: 1, Packages: []wire.Package{{Repo: "extra", Name: "rgb", Version: "1-1"}}, Suggestions: f.search.Suggestions}
	code, _, stderr = f.run(t, "search", "rg")
	require.Equal(t, exit.OK, code)
	require.Empty(t, stderr, "it is not a terminal")
	_, stdout, _ := f.run(t, "search", "--json", "rg")
	require.Contains(t, stdout, `{"name":"ripgrep","reason":"command"}`)
}

// TestOptions checks that the flags of all commands reach the backend.
func TestOptions(t *testing.T) {
	f := fake{installed: &wire.InstalledResult{Packages: []wire.InstalledPackage{pkg("a")}}}
	_, _, _, after := f.runBackend(t, "--socket", "/s", "--index", "/i", "installed", "--index", "/j", "--dbpath=/d", "--pacman-config", "/p", "--data-dir", "/x", "--no-daemon")
	after.options.PrintNote, after.options.CommandLine = nil, nil
	require.Equal(t, backend.Options{
		Socket: "/s", IndexPaths: []string{"/i", "/j"}, DBPath: "/d", PacmanConfig: "/p", DataDir: "/x", NoDaemon: true,
	}, after.options)
	f.security = &wire.SecurityResult{}
	_, _, _, after = f.runBackend(t, "security", "--source", "/avg.json")
	require.Equal(t, "/avg.json", after.options.AdvisoriesFile)
	require.Equal(t, []string{"omg", "security", "--source", "/avg.json"}, after.options.CommandLine)
}

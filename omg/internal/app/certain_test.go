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

// withBasis returns a backend whose results have the basis b. If filled is set, each list in a result has one element;
// otherwise the lists are empty.
func withBasis(b wire.Basis, filled bool) fake {
	f := fake{
		search: &wire.SearchResult{Basis: b}, info: &wire.InfoResult{Basis: b}, installed: &wire.InstalledResult{Basis: b},
		explicit: &wire.ExplicitResult{Basis: b}, outdated: &wire.OutdatedResult{Basis: b}, security: &wire.SecurityResult{Basis: b},
		status: &wire.StatusResult{Basis: b},
	}
	if !filled {
		f.info.Missing = []wire.MissingName{{Name: "core/a"}}
		return f
	}
	f.search.Total, f.search.Packages = 1, []wire.Package{pkg("a").Package}
	f.info.Packages = f.search.Packages
	f.installed.Packages = []wire.InstalledPackage{pkg("a")}
	f.explicit.Names = []string{"a"}
	f.outdated.Updates = []wire.Update{{Name: "a", Installed: "1", Version: "2"}}
	f.security.Packages = []wire.VulnerablePackage{{
		Name: "a", Severity: "Low", Advisories: []wire.Advisory{{Name: "AVG-1", Severity: "Low", Verdict: "affected", Counted: true}},
	}}
	return f
}

// commandCase describes which sources a command's result depends on.
type commandCase struct {
	line        string
	local       bool // the result depends on the local database
	repos       bool // the result depends on the repositories
	forRemoval  bool // the printed list is used to remove packages
	none        int  // the exit code if nothing is found
	alwaysPrint bool // the command prints a line even if nothing is found
	limit       bool // the severity of --fail-on is above that of the test's advisory
}

var commandCases = []commandCase{
	{line: "search a", repos: true, none: exit.NotFound},
	{line: "search -q a", repos: true, none: exit.NotFound},
	{line: "search --json a", repos: true, none: exit.NotFound, alwaysPrint: true},
	{line: "info core/a", repos: true, none: exit.NotFound},
	{line: "installed", local: true, none: exit.NotFound},
	{line: "installed -q", local: true, none: exit.NotFound},
	{line: "installed --deps -q", local: true, none: exit.NotFound},
	{line: "installed --orphans", local: true, none: exit.NotFound},
	{line: "installed --orphans -q", local: true, none: exit.NotFound, forRemoval: true},
	{line: "installed --foreign", local: true, repos: true, none: exit.NotFound},
	{line: "installed --foreign -q", local: true, repos: true, none: exit.NotFound, forRemoval: true},
	{line: "orphans", local: true, none: exit.NotFound},
	{line: "orphans --json", local: true, none: exit.NotFound, alwaysPrint: true},
	{line: "orphans -q", local: true, none: exit.NotFound, forRemoval: true},
	{line: "orphans -q --required", local: true, none: exit.NotFound, forRemoval: true},
	{line: "foreign", local: true, repos: true, none: exit.NotFound},
	{line: "foreign --format {{.name}}", local: true, repos: true, none: exit.NotFound},
	{line: "foreign -q", local: true, repos: true, none: exit.NotFound, forRemoval: true},
	{line: "explicit", local: true, none: exit.NotFound},
	{line: "explicit -q", local: true, none: exit.NotFound},
	{line: "explicit --count", local: true, none: exit.OK, alwaysPrint: true},
	{line: "outdated", local: true, repos: true, none: exit.NotFound},
	{line: "outdated -q", local: true, repos: true, none: exit.NotFound},
	{line: "outdated --json", local: true, repos: true, none: exit.NotFound, alwaysPrint: true},
	{line: "security", local: true, repos: true, none: exit.NotFound},
	{line: "security --fail-on critical", local: true, repos: true, none: exit.OK, limit: true},
}

// TestCertain checks the output, notes and exit code of each command if a source is missing, failed or stale.
func TestCertain(t *testing.T) {
	core := func(state wire.SourceState, outdated bool) []wire.Source {
		s := repository("core", state, "a reason")
		s.Outdated = outdated
		return []wire.Source{s, repository("extra", wire.SourceOK, "")}
	}
	for _, s := range []struct {
		name  string
		basis wire.Basis
		local bool   // if set, the local database is the uncertain source; otherwise a repository is
		sure  bool   // whether omg treats the result as certain
		empty bool   // whether an empty result is a failure, because data that could have filled it is missing
		note  string // text that the notes of every command must contain
	}{
		{name: "ok", basis: wire.Basis{Sources: core(wire.SourceOK, false)}, sure: true},
		{name: "an old database", basis: wire.Basis{Sources: core(wire.SourceStale, false)}, sure: true},
		{name: "an earlier database", basis: wire.Basis{Sources: core(wire.SourceStale, true)}, note: "core: stale: a reason"},
		{name: "a missing database", basis: wire.Basis{Partial: true, Sources: core(wire.SourceMissing, false)}, empty: true, note: "partial: core missing: a reason"},
		{name: "a failed database", basis: wire.Basis{Partial: true, Sources: core(wire.SourceFailed, false)}, empty: true, note: "partial: core failed: a reason"},
		{name: "unread packages", basis: wire.Basis{Partial: true, Why: "local/a-1 is unread"}, local: true, empty: true, note: "partial: local/a-1 is unread"},
		{name: "remembered packages", basis: wire.Basis{Stale: true, ConfirmedAt: 1, Why: "no reading"}, local: true, empty: true, note: "the installed packages could not be checked, last checked "},
		{name: "packages read at no time", basis: wire.Basis{Stale: true}, local: true, empty: true, note: "the installed packages could not be checked\n"},
		{name: "partial without a reason", basis: wire.Basis{Partial: true}, empty: true, note: "partial: a source could not be read"},
	} {
		for _, c := range commandCases {
			if s.local && !c.local || !s.local && !c.repos {
				continue
			}
			for _, filled := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/%t", s.name, c.line, filled), func(t *testing.T) {
					checkCertain(t, withBasis(s.basis, filled), c, s.sure, s.empty, filled, s.note)
				})
			}
		}
	}
}

func checkCertain(t *testing.T, f fake, c commandCase, sure, empty, filled bool, note string) {
	args := strings.Fields(c.line)
	code, out, stderr := f.run(t, args...)
	want := exit.OK
	switch {
	case (!filled || c.limit) && empty:
		want = exit.Failed
	case !filled:
		want = c.none
	}
	if c.forRemoval && !sure {
		require.Equal(t, exit.Failed, code)
		require.Empty(t, out)
		require.Contains(t, stderr, "omg: error: the result is partial: "+strings.TrimPrefix(note, "partial: "))
		require.Contains(t, stderr, "omg: hint: with --partial, omg prints the result\n")
		code, out, stderr = f.run(t, append(args, "--partial")...)
	}
	require.Equal(t, want, code, stderr)
	require.Equal(t, filled || c.alwaysPrint, out != "", out)
	if note != "" {
		require.Contains(t, stderr, note)
	}
	if slices.Contains(args, "--json") {
		var document struct{ Partial, Stale bool }
		require.NoError(t, json.Unmarshal([]byte(out), &document))
		require.Equal(t, empty, document.Partial || document.Stale)
	}
	plain := out

	code, out, stderr = f.run(t, append([]string{"--strict"}, args...)...)
	if sure {
		require.Equal(t, want, code)
		require.Equal(t, plain, out)
		return
	}
	require.Equal(t, exit.Failed, code)
	require.Empty(t, out)
	require.Contains(t, stderr, "omg: error: the result is partial: "+strings.TrimPrefix(note, "partial: "))
	require.Contains(t, stderr, "omg: hint: without --strict, omg prints the result\n")
	require.Equal(t, 2, strings.Count(stderr, "\n"), stderr)
}

// TestCertain_Unread checks the exit codes of commands about installed packages if a part of the local database could
// not be read.
func TestCertain_Unread(t *testing.T) {
	read := backend.Reading{Partial: true, WhyPartial: "local/b-1 has no desc"}
	chains := []backend.DependencyChain{{Links: []backend.ChainLink{{Name: "a"}}}}
	lists := []backend.FileList{{Name: "a", Files: []string{"/a"}}}
	for _, c := range []struct {
		line string
		f    fake
		code int
	}{
		{"why a", fake{why: &backend.WhyResult{Reading: read, Name: "a", Chains: chains}}, exit.OK},
		{"why a", fake{why: &backend.WhyResult{Reading: read, Name: "a"}}, exit.Failed},
		{"why a", fake{why: &backend.WhyResult{Reading: read}}, exit.Failed},
		{"why a", fake{why: &backend.WhyResult{}}, exit.NotFound},
		{"files a", fake{files: &backend.FilesResult{Reading: read, Packages: lists}}, exit.OK},
		{"files a", fake{files: &backend.FilesResult{Reading: read, Missing: []string{"a"}}, lists: &wire.FilesListResult{Missing: []string{"a"}}}, exit.Failed},
		{"files a", fake{files: &backend.FilesResult{Missing: []string{"a"}}, lists: &wire.FilesListResult{Missing: []string{"a"}}}, exit.NotFound},
		{"info -i a", fake{installed: &wire.InstalledResult{Basis: wire.Basis{Partial: true, Why: read.WhyPartial}, Missing: []string{"a"}}}, exit.Failed},
		{"info -i a", fake{installed: &wire.InstalledResult{Missing: []string{"a"}}}, exit.NotFound},
		{"info a", fake{
			info:      &wire.InfoResult{Missing: []wire.MissingName{{Name: "a"}}},
			installed: &wire.InstalledResult{Basis: wire.Basis{Partial: true, Why: read.WhyPartial}, Packages: []wire.InstalledPackage{pkg("a")}},
		}, exit.OK},
	} {
		code, _, stderr := c.f.run(t, strings.Fields(c.line)...)
		require.Equal(t, c.code, code, "%s: %s", c.line, stderr)
		if c.code != exit.NotFound {
			require.Contains(t, stderr, "omg: note: partial: local/b-1 has no desc\n", c.line)
			code, _, stderr = c.f.run(t, append([]string{"--strict"}, strings.Fields(c.line)...)...)
			require.Equal(t, exit.Failed, code, c.line)
			require.Contains(t, stderr, "the result is partial: local/b-1 has no desc\n", c.line)
		}
	}
}

// TestOddNames checks that lists for other programs leave out names such as -Rdd, which a program could take for an
// option, and that a note lists these names.
func TestOddNames(t *testing.T) {
	open := []wire.Advisory{{Name: "AVG-1", Severity: "Low", Verdict: "affected", Counted: true}}
	f := fake{
		installed: &wire.InstalledResult{Packages: []wire.InstalledPackage{pkg("-Rdd"), pkg("a"), pkg("$(id)")}},
		explicit:  &wire.ExplicitResult{Names: []string{"-Rdd", "a", "$(id)"}},
		search:    &wire.SearchResult{Total: 2, Packages: []wire.Package{pkg("a").Package, pkg("-Rdd b").Package}},
		outdated: &wire.OutdatedResult{
			Updates: []wire.Update{{Name: "-Rdd"}, {Name: "a"}}, Replacements: []wire.Replacement{{ReplacedName: "-Rdd"}}, Foreign: []wire.ForeignPackage{{Name: "-Rdd"}},
		},
		security: &wire.SecurityResult{Packages: []wire.VulnerablePackage{
			{Name: "-Rdd", Severity: "Low", Advisories: open}, {Name: "a", Severity: "Low", Advisories: open},
		}},
		why:  &backend.WhyResult{Name: "a", Chains: []backend.DependencyChain{{Links: []backend.ChainLink{{Name: "-Rdd"}, {Name: "a"}}}, {Links: []backend.ChainLink{{Name: "a"}}}}},
		owns: &backend.Owners{Paths: []backend.OwnedPath{{Path: "/a/", Owners: []backend.Owner{{Name: "-Rdd"}, {Name: "a"}}}}},
	}
	for _, line := range []string{
		"installed -q", "installed --format {{.name}}", "orphans -q", "foreign -q", "explicit -q", "search -q a",
		"outdated -q", "outdated -q --all", "security -q", "why -q a", "owns -q /a/", "info -i -q",
	} {
		code, out, stderr := f.run(t, strings.Fields(line)...)
		require.Equal(t, exit.OK, code, line)
		require.Equal(t, "a\n", out, line)
		require.Contains(t, stderr, "note: left out ", line)
	}
	f.why.Chains = []backend.DependencyChain{{Links: []backend.ChainLink{{Name: "a"}, {Name: "-Rdd"}}}, {Links: []backend.ChainLink{{Name: "a"}, {Name: "b"}}}}
	_, out, _ := f.run(t, "why", "-q", "--reverse", "a")
	require.Equal(t, "b\n", out)
	_, out, stderr := f.run(t, "installed")
	require.Contains(t, out, "-Rdd")
	require.Empty(t, stderr)
	f.search.Packages = []wire.Package{{Repo: "extra", Name: "-Rdd"}, {Repo: "aur", Name: ".x"}, {Repo: "extra", Name: "$(id)"}}
	_, out, stderr = f.run(t, "search", "-q", "a")
	require.Equal(t, "extra/-Rdd\naur/.x\n", out)
	require.Equal(t, "omg: note: left out 1 package whose name could be taken for something else on a command line: \"$(id)\"\n", stderr)
}

// TestCertain_Status checks that status marks uncertain numbers, and that with --strict it fails instead of printing
// them.
func TestCertain_Status(t *testing.T) {
	n := uint32(2)
	st := &wire.StatusResult{
		Basis:         wire.Basis{Partial: true, ConfirmedAt: 1, Sources: []wire.Source{repository("core", wire.SourceFailed, "cut off")}},
		Counts:        wire.Counts{Installed: &n, Updates: &n},
		PartialCounts: []string{"updates"},
	}
	code, out, stderr := fake{status: st}.run(t, "status")
	require.Equal(t, exit.OK, code)
	require.Empty(t, stderr, "the status itself shows the reason")
	require.Contains(t, out, "Partial         : core failed (numbers with ? may change)\n")
	require.Contains(t, out, "\nInstalled       : 2\n")
	require.Contains(t, out, "\nUpdates         : 2?\n")
	_, out, _ = fake{status: st}.run(t, "status", "--json")
	require.Contains(t, out, `"partial":true`)
	require.Contains(t, out, `"partial_counts":["updates"]`)
	require.Contains(t, out, `{"name":"core","kind":"repository","state":"failed","why":"cut off"}`)
	code, out, stderr = fake{status: st}.run(t, "--strict", "status")
	require.Equal(t, exit.Failed, code)
	require.Empty(t, out)
	require.Contains(t, stderr, "omg: error: the result is partial: core failed: cut off\n")
	st.Basis = wire.Basis{ConfirmedAt: 1, Sources: []wire.Source{repository("core", wire.SourceOK, "")}}
	code, out, _ = fake{status: st}.run(t, "--strict", "status")
	require.Equal(t, exit.OK, code)
	require.NotEmpty(t, out)
}

// TestCertain_AUR checks that results about repositories stay certain if the AUR could not be queried.
func TestCertain_AUR(t *testing.T) {
	for _, c := range []struct {
		line  string
		state wire.SourceState
		code  int
		note  string
	}{
		{"search a", wire.SourceMissing, exit.NotFound, "AUR: not searched (a reason)"},
		{"search a", wire.SourceStale, exit.NotFound, "AUR: old data: a reason"},
		{"search a", wire.SourceFailed, exit.Failed, "nothing found for \"a\", and the AUR could not be searched"},
		{"search --no-aur a", wire.SourceFailed, exit.NotFound, "nothing found for \"a\""},
		{"search --repo core a", wire.SourceFailed, exit.NotFound, "nothing found for \"a\" in core"},
		{"search --aur a", wire.SourceFailed, exit.Failed, "and the AUR could not be searched"},
		{"outdated", wire.SourceFailed, exit.NotFound, ""},
		{"foreign", wire.SourceFailed, exit.NotFound, ""},
		{"--strict foreign", wire.SourceFailed, exit.NotFound, ""},
		{"--strict outdated", wire.SourceFailed, exit.NotFound, ""},
	} {
		f := withBasis(wire.Basis{Sources: []wire.Source{repository("core", wire.SourceOK, ""), aur(c.state, "a reason")}}, false)
		code, out, stderr := f.run(t, strings.Fields(c.line)...)
		require.Equal(t, c.code, code, "%s, %s", c.line, c.state)
		require.Empty(t, out)
		require.Contains(t, stderr, c.note)
	}
}

// TestCertain_Info checks the exit code of info for a package that was not found, but may be in a source that could not
// be read, or in the AUR.
func TestCertain_Info(t *testing.T) {
	for _, c := range []struct {
		name, missing string
		partial       bool
		state         wire.SourceState
		code          int
	}{
		{"known", "a", false, wire.SourceOK, exit.NotFound},
		{"old AUR", "a", false, wire.SourceStale, exit.NotFound},
		{"no AUR", "a", false, wire.SourceMissing, exit.Network},
		{"no AUR", "aur/a", false, wire.SourceMissing, exit.Network},
		{"not in the AUR", "core/a", false, wire.SourceMissing, exit.NotFound},
		{"not in the AUR", "core/a", false, wire.SourceFailed, exit.NotFound},
		{"failed AUR", "a", false, wire.SourceFailed, exit.Failed},
		{"a database is missing", "a", true, wire.SourceOK, exit.Failed},
		{"a database too is missing", "a", true, wire.SourceMissing, exit.Failed},
	} {
		f := fake{
			info:      &wire.InfoResult{Basis: wire.Basis{Partial: c.partial, Sources: []wire.Source{aur(c.state, "a reason")}}, Missing: []wire.MissingName{{Name: c.missing}}},
			installed: &wire.InstalledResult{},
		}
		code, out, stderr := f.run(t, "info", c.missing)
		require.Equal(t, c.code, code, "%s: %s", c.name, c.missing)
		require.Empty(t, out)
		require.Contains(t, stderr, "omg: error: package \""+c.missing+"\" was not found\n")
	}
	// The daemon has no data of the AUR and could not query the AUR. The package may be installed.
	f := fake{
		installed: &wire.InstalledResult{Packages: []wire.InstalledPackage{pkg("mine")}},
		errs:      map[string]error{"info": wire.Errorf(wire.CodeNetwork, "no data of the AUR: refused")},
	}
	code, out, stderr := f.run(t, "info", "mine", "other")
	require.Equal(t, exit.Network, code)
	require.Contains(t, out, "Name            : mine\n")
	require.Equal(t, "omg: error: no data of the AUR: refused\n", stderr)
	code, _, stderr = f.run(t, "info", "mine")
	require.Equal(t, exit.OK, code)
	require.Empty(t, stderr)
}

// TestCertain_Which checks that --strict does not affect commands that use no sources.
func TestCertain_Which(t *testing.T) {
	code, out, _ := fullBackend().run(t, "--strict", "runtime", "list", "-q")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "x\n", out)
	code, out, _ = fullBackend().run(t, "--strict", "health", "-q")
	require.Equal(t, exit.Failed, code, "its state is unknown")
	require.Equal(t, "x\n", out)
}

// TestExitCodes_OfRefusals checks that the exit code of a refused request depends only on the protocol's error code, and
// not on the command.
func TestExitCodes_OfRefusals(t *testing.T) {
	want := map[wire.Code]int{
		wire.CodeNotFound: exit.Failed, wire.CodeInvalid: exit.Usage, wire.CodeInternal: exit.Failed, wire.CodeNetwork: exit.Network,
		wire.CodeBusy: exit.Failed, wire.CodeShuttingDown: exit.Failed, wire.CodeNotAllowed: exit.Failed, wire.CodeTooLarge: exit.Failed,
		wire.CodeNotReady: exit.Failed, wire.CodeVersion: exit.Failed,
	}
	require.Len(t, want, int(wire.CodeVersion), "one for each code")
	questions := map[string]string{
		"search a": "search", "info core/a": "info", "status": "status", "status --history": "history", "installed": "installed",
		"orphans -q": "installed", "explicit -c": "explicit", "outdated": "outdated", "security": "security", "health": "health",
		"metrics": "metrics", "refresh": "refresh", "refresh --sources": "refresh sources", "cache clear": "clear cache", "daemon log-level": "log level",
		"owns /a": "owns", "files a": "files", "why a": "why", "config": "config", "doctor": "doctor", "which": "which", "runtime list": "list", "use node 20": "use",
		"list core": "search", "size": "size", "check": "system check", "history": "package history", "groups": "search", "groups -i": "installed",
	}
	for line, question := range questions {
		for code, exits := range want {
			if question == "info" && code == wire.CodeNetwork {
				continue // if the package is installed, info does not fail: see TestCertain_Info
			}
			for _, err := range []error{wire.Errorf(code, "a refusal"), fmt.Errorf("in a program: %w", wire.Errorf(code, "a refusal"))} {
				got, out, stderr := fake{errs: map[string]error{question: err}}.run(t, strings.Fields(line)...)
				require.Equal(t, exits, got, "%s: code %d", line, code)
				require.Empty(t, out)
				require.Contains(t, stderr, "a refusal\n")
			}
		}
		other := &exit.Error{Code: exit.NotFound, Err: errors.New("it has a code"), Hint: "a hint"}
		for _, err := range []error{other, fmt.Errorf("in a program: %w", other)} {
			got, _, stderr := fake{errs: map[string]error{question: err}}.run(t, strings.Fields(line)...)
			require.Equal(t, exit.NotFound, got, line)
			require.Contains(t, stderr, "omg: hint: a hint\n")
		}
		got, _, _ := fake{errs: map[string]error{question: errors.New("anything else")}}.run(t, strings.Fields(line)...)
		require.Equal(t, exit.Failed, got, line)
	}
}

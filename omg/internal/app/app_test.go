package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// TestMain has times shown as in UTC, wherever the tester lives.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// answered runs omg where the parts are the answers to an operation, and nobody
// may ask another.
func answered(t *testing.T, parts map[string][]any, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	local := func(_ context.Context, _ *ask.Asker, op string, _ any, emit ask.Emit) error {
		require.Contains(t, parts, op)
		for i, part := range parts[op] {
			b, err := msgpack.Marshal(part)
			require.NoError(t, err)
			if err := emit(b, i < len(parts[op])-1); err != nil {
				return err
			}
		}
		return nil
	}
	var out, errs bytes.Buffer
	code = Run(t.Context(), append([]string{"omg", "--no-daemon"}, args...), &out, &errs, local)
	return code, out.String(), errs.String()
}

func pkg(name string) wire.InstalledPackage {
	return wire.InstalledPackage{Package: wire.Package{Repo: "local", Name: name, Version: "1-1"}}
}

func TestPartsAreOneList(t *testing.T) {
	parts := map[string][]any{wire.OpInstalled: {
		wire.InstalledResult{Generation: 7, Packages: []wire.InstalledPackage{pkg("a"), pkg("b")}, Missing: []string{"z"}},
		map[string]any{"packages": []wire.InstalledPackage{pkg("c")}},
	}}
	code, out, _ := answered(t, parts, "installed")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "a 1-1\nb 1-1\nc 1-1\n", out)
	code, out, _ = answered(t, parts, "installed", "--json")
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
	code, out, _ = answered(t, parts, "orphans", "--format", "{{.name}}{{.reason}}!")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "a!\nb!\nc!\n", out)
}

func TestNothing(t *testing.T) {
	parts := map[string][]any{
		wire.OpInstalled: {wire.InstalledResult{}},
		wire.OpExplicit:  {wire.ExplicitResult{}},
		wire.OpOutdated:  {wire.OutdatedResult{Sources: []wire.Source{{Name: "core", State: wire.SourceOK}}}},
	}
	for _, command := range []string{"installed x", "orphans", "foreign", "explicit", "explicit -q", "outdated", "outdated -a"} {
		code, out, stderr := answered(t, parts, strings.Fields(command)...)
		require.Equal(t, exit.NotFound, code, command)
		require.Empty(t, out, command)
		require.Empty(t, stderr, command)
	}
	code, out, _ := answered(t, parts, "outdated", "--json")
	require.Equal(t, exit.NotFound, code)
	require.Contains(t, out, `"updates":[]`)
	code, out, _ = answered(t, parts, "explicit", "-c")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "0\n", out)
}

// TestOutdatedIsNeverWrongInSilence: no update is only an answer when every
// database could be read.
func TestOutdatedIsNeverWrongInSilence(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer wire.OutdatedResult
		code   int
		note   string
	}{
		{"old", wire.OutdatedResult{Sources: []wire.Source{{Name: "core", State: wire.SourceStale, Why: "3 days old"}}}, exit.NotFound, "core: stale: 3 days old"},
		{"missing", wire.OutdatedResult{Sources: []wire.Source{{Name: "core", State: wire.SourceMissing}}}, exit.Failed, "core: missing"},
		{"others missing", wire.OutdatedResult{Sources: []wire.Source{{Name: "aur", State: wire.SourceMissing}, {Name: "tracker", State: wire.SourceMissing}}}, exit.NotFound, ""},
		{"failed", wire.OutdatedResult{Sources: []wire.Source{{Name: "core", State: wire.SourceFailed, Why: "cut off"}}}, exit.Failed, "core: failed: cut off"},
		{"remembered", wire.OutdatedResult{Stale: true, At: 1}, exit.Failed, "could not be checked since 1970"},
		{
			"some", wire.OutdatedResult{
				Updates: []wire.Update{{Name: "a", Installed: "1", Version: "2"}},
				Sources: []wire.Source{{Name: "core", State: wire.SourceFailed}},
			}, exit.OK, "core: failed",
		},
	} {
		code, _, stderr := answered(t, map[string][]any{wire.OpOutdated: {c.answer}}, "outdated")
		require.Equal(t, c.code, code, c.name)
		require.Contains(t, stderr, c.note, c.name)
	}
}

// TestInstalledIsNeverWrongInSilence: a list from before is called one, and an empty
// one is no answer.
func TestInstalledIsNeverWrongInSilence(t *testing.T) {
	const note = "what is installed could not be checked since 1970"
	some := []wire.InstalledPackage{{Package: wire.Package{Name: "a", Version: "1"}}}
	for _, packages := range [][]wire.InstalledPackage{nil, some} {
		code := exit.OK
		if packages == nil {
			code = exit.Failed
		}
		parts := map[string][]any{wire.OpInstalled: {wire.InstalledResult{Stale: true, At: 1, Packages: packages}}}
		for _, args := range []string{"installed", "installed -q", "installed --json", "orphans", "foreign", "explicit"} {
			got, _, stderr := answered(t, parts, strings.Fields(args)...)
			require.Equal(t, code, got, args)
			require.Contains(t, stderr, note, args)
		}
	}
	parts := map[string][]any{
		wire.OpInstalled: {wire.InstalledResult{Stale: true, At: 1, Packages: some}},
		wire.OpExplicit:  {wire.ExplicitResult{Stale: true, At: 1, Names: []string{"a"}}},
	}
	for _, args := range []string{"info -i a", "explicit -q", "explicit --count"} {
		code, out, stderr := answered(t, parts, strings.Fields(args)...)
		require.Zero(t, code, args)
		require.NotEmpty(t, out, args)
		require.Contains(t, stderr, note, args)
	}
}

func TestOutdatedAll(t *testing.T) {
	parts := map[string][]any{wire.OpOutdated: {wire.OutdatedResult{
		Updates:      []wire.Update{{Name: "git", Installed: "1", Version: "2", Ignored: true}},
		Replacements: []wire.Replacement{{Name: "old", Installed: "1", By: "new", Version: "3", Repo: "core"}},
		Newer:        []wire.Update{{Name: "vim", Installed: "9", Version: "8", Repo: "extra"}},
	}}}
	_, out, _ := answered(t, parts, "outdated")
	require.Equal(t, "git 1 -> 2 [ignored]\n", out)
	_, out, _ = answered(t, parts, "outdated", "--all")
	require.Equal(t, "git 1 -> 2 [ignored]\nold 1 replaced by core/new 3\nvim 9 newer than extra/8\n", out)
	_, out, _ = answered(t, parts, "outdated", "-aq")
	require.Equal(t, "git\nold\nvim\n", out)
}

func TestStatusUnknown(t *testing.T) {
	parts := map[string][]any{wire.OpStatus: {wire.StatusResult{Stale: true, At: 1}}}
	code, out, _ := answered(t, parts, "status")
	require.Equal(t, exit.OK, code)
	require.Contains(t, out, "stale since 1970-01-01")
	require.Contains(t, out, "Installed       : unknown\n")
	_, out, _ = answered(t, parts, "status", "--json")
	require.Contains(t, out, `"counts":{}`)
	_, out, _ = answered(t, parts, "status", "--format", "{{.stale}}<{{.counts.updates}}>")
	require.Equal(t, "true<>\n", out)
}

func TestInfoShowsWhatIsInstalled(t *testing.T) {
	parts := map[string][]any{
		wire.OpInfo: {wire.InfoResult{
			Packages: []wire.Package{{Repo: "core", Name: "bash", Version: "2-1", Installed: "1-1"}},
			Missing:  []wire.Missing{{Name: "mine"}, {Name: "sh"}, {Name: "core/mine"}},
		}},
		// What provides sh is another package than the one asked for.
		wire.OpInstalled: {wire.InstalledResult{Packages: []wire.InstalledPackage{pkg("mine"), pkg("bash")}}},
	}
	code, out, stderr := answered(t, parts, "info", "bash", "mine", "sh", "core/mine")
	require.Equal(t, exit.NotFound, code)
	require.Contains(t, out, "Installed       : 1-1\n\nName            : mine\n")
	require.Equal(t, 2, strings.Count(out, "\n\n"))
	require.Equal(t, "omg: error: package 'sh' was not found\nomg: error: package 'core/mine' was not found\n", stderr)
	_, out, _ = answered(t, parts, "info", "--json", "bash", "mine")
	require.Contains(t, out, `"local":[{"repo":"local","name":"mine"`)
}

func TestInfoWhereNothingIsKnownOfWhatIsInstalled(t *testing.T) {
	local := func(_ context.Context, _ *ask.Asker, op string, _ any, emit ask.Emit) error {
		if op != wire.OpInfo {
			return errors.New("no local database")
		}
		b, err := msgpack.Marshal(wire.InfoResult{Packages: []wire.Package{}, Missing: []wire.Missing{{Name: "mine"}}})
		require.NoError(t, err)
		return emit(b, false)
	}
	var out, errs bytes.Buffer
	require.Equal(t, exit.NotFound, Run(t.Context(), []string{"omg", "--no-daemon", "info", "mine"}, &out, &errs, local))
	require.Empty(t, out.String())
	require.Equal(t, "omg: only the repositories were asked: no local database\nomg: error: package 'mine' was not found\n", errs.String())
}

func TestFilesThatCannotBeRead(t *testing.T) {
	files := ask.FilesResult{Packages: []ask.PackageFiles{{Name: "a", Files: []string{"/a"}}, {Name: "b", Why: "no file list of b"}}}
	code, out, stderr := answered(t, map[string][]any{ask.OpFiles: {files}}, "files", "a", "b")
	require.Equal(t, exit.Failed, code)
	require.Equal(t, "a /a\n", out)
	require.Equal(t, "omg: error: no file list of b\n", stderr)

	owned := ask.OwnsResult{Paths: []ask.Owned{{Path: "/a", Owners: []ask.Owner{{Name: "a", Version: "1"}}}, {Path: "/b"}}}
	code, out, stderr = answered(t, map[string][]any{ask.OpOwns: {owned}}, "owns", "/a", "/b")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "/a is owned by a 1\n", out)
	require.Equal(t, "omg: error: no package owns /b\n", stderr)
	owned.Unread = 2
	code, _, stderr = answered(t, map[string][]any{ask.OpOwns: {owned}}, "owns", "/a", "/b")
	require.Equal(t, exit.Failed, code)
	require.Equal(t, "omg: error: not known who owns /b: the file lists of 2 packages cannot be read\n", stderr)
}

func TestWhy(t *testing.T) {
	parts := map[string][]any{ask.OpWhy: {ask.WhyResult{Name: "bash", Chains: []ask.Chain{
		{Links: []ask.Link{{Name: "a", Depend: "sh"}, {Name: "bash"}}},
	}}}}
	_, out, _ := answered(t, parts, "why", "sh")
	require.Equal(t, "a -> bash (sh)\n", out)
	_, out, _ = answered(t, parts, "why", "-q", "sh")
	require.Equal(t, "a\n", out)
	_, out, _ = answered(t, parts, "why", "-qr", "sh")
	require.Equal(t, "bash\n", out)
	code, _, stderr := answered(t, map[string][]any{ask.OpWhy: {ask.WhyResult{Name: "bash"}}}, "why", "sh")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: nothing that was installed on purpose needs bash\n", stderr)
	code, _, stderr = answered(t, map[string][]any{ask.OpWhy: {ask.WhyResult{}}}, "why", "sh")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: package 'sh' was not found\n", stderr)
}

func TestActions(t *testing.T) {
	act := func(result any, op string, args ...string) string {
		code, out, _ := answered(t, map[string][]any{op: {result}}, args...)
		require.Equal(t, exit.OK, code)
		return out
	}
	require.Equal(t, "refreshed, generation 3\n", act(wire.RefreshResult{Refreshed: true, Generation: 3, At: 1}, wire.OpRefresh, "refresh"))
	require.Contains(t, act(wire.RefreshResult{At: 1}, wire.OpRefresh, "refresh"), "refreshed shortly before: 1970")
	require.Equal(t, "nothing to refresh without omgd\n", act(wire.RefreshResult{}, wire.OpRefresh, "refresh"))
	code, out, stderr := answered(t, map[string][]any{wire.OpRefresh: {wire.RefreshResult{Refreshed: true, Generation: 8, At: 1, Why: "no local database"}}}, "refresh")
	require.Equal(t, exit.Failed, code)
	require.Equal(t, "refreshed, generation 8\n", out)
	require.Contains(t, stderr, "not all could be read: no local database")
	require.Equal(t, "5 answers forgotten\n", act(wire.CacheClearResult{Cleared: 5}, wire.OpCacheClear, "cache", "clear"))
	require.Equal(t, "{\"schema\":1,\"cleared\":5}\n", act(wire.CacheClearResult{Cleared: 5}, wire.OpCacheClear, "cache", "clear", "--json"))
}

func TestWrongUsage(t *testing.T) {
	for _, command := range []string{
		"status x", "outdated x", "orphans x", "foreign x", "refresh x", "cache x", "cache clear x", "explicit x", "explicit -q x",
		"info", "owns", "files", "why", "why a b", "installed --deps --foreign", "explicit -cq", "explicit -c --json",
		"outdated --json -q", "status --format {{", "status -q", "installed --color sometimes",
	} {
		code, out, stderr := answered(t, nil, strings.Fields(command)...)
		require.Equal(t, exit.Usage, code, command)
		require.Empty(t, out, command)
		require.Contains(t, stderr, "omg: hint: see --help\n", command)
	}
}

func TestHelpListsExitCodes(t *testing.T) {
	commands := []string{
		"search", "info", "status", "installed", "explicit", "orphans", "foreign", "outdated", "owns", "files", "why", "refresh",
		"cache", "cache clear",
	}
	_, overview, _ := answered(t, nil, "--help")
	for _, command := range commands {
		code, out, _ := answered(t, nil, slices.Concat(strings.Fields(command), []string{"--help"})...)
		require.Equal(t, exit.OK, code, command)
		want := "Exit codes: 0 answered; 1 nothing found; 2 wrong usage; 3 cannot answer"
		if slices.Contains([]string{"search", "info", "outdated"}, command) { // they may need the AUR
			want += "; 4 network"
		}
		require.Contains(t, out, want+".", command)
		require.Contains(t, overview, "  "+strings.Fields(command)[0]+" ", command)
	}
}

func TestUnknownCommand(t *testing.T) {
	for line, hint := range map[string]string{
		"serach firefox": "close commands: search", "stauts": "close commands: status",
		// The name of another command among the words does not hide the close ones.
		"serach info": "close commands: search", "upgrade": "see --help",
	} {
		args := strings.Fields(line)
		code, out, stderr := answered(t, nil, args...)
		require.Equal(t, exit.Usage, code, line)
		require.Empty(t, out, line)
		require.Equal(t, "omg: error: no command \""+args[0]+"\"\nomg: hint: "+hint+"\n", stderr)
	}
}

func TestNothingFoundInARepository(t *testing.T) {
	parts := map[string][]any{wire.OpSearch: {wire.SearchResult{Packages: []wire.Package{}, Close: []string{"bash"}}}}
	_, _, stderr := answered(t, parts, "search", "bsah")
	require.Equal(t, "omg: error: nothing found for 'bsah'\nomg: hint: close names: bash\n", stderr)
	code, _, stderr := answered(t, parts, "search", "bash", "--repo", "nope", "--repo", "core")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: error: nothing found for 'bash' in nope, core\n", stderr)
}

// TestFormatExamples: what the help shows as an example works.
func TestFormatExamples(t *testing.T) {
	some := []wire.InstalledPackage{pkg("a")}
	parts := map[string][]any{
		wire.OpSearch:    {wire.SearchResult{Total: 1, Packages: []wire.Package{some[0].Package}}},
		wire.OpInfo:      {wire.InfoResult{Packages: []wire.Package{some[0].Package}}},
		wire.OpInstalled: {wire.InstalledResult{Packages: some}},
		wire.OpOutdated:  {wire.OutdatedResult{Updates: []wire.Update{{Name: "a", Installed: "1", Version: "2"}}}},
		ask.OpDoctor:     {ask.DoctorResult{Checks: []ask.Check{{Name: "clock", State: ask.CheckOK}}}},
		wire.OpHealth:    {wire.HealthResult{State: "ok", Components: []wire.Component{{Name: "socket", State: "ok"}}}},
		ask.OpWhich:      {ask.WhichResult{Runtimes: []wire.Runtime{{Runtime: "node", Version: "20.1.0", Manager: "omg"}}}},
		ask.OpList:       {ask.ListResult{Versions: []ask.RuntimeVersion{{Runtime: "node", Version: "20.1.0", Manager: "omg"}}}},
		ask.OpUse:        {ask.UseResult{RuntimeVersion: ask.RuntimeVersion{Runtime: "node", Version: "20.1.0"}, Now: wire.Runtime{Version: "20.1.0"}}},
		wire.OpSecurity: {wire.SecurityResult{Packages: []wire.VulnerablePackage{{
			Name: "a", Severity: "High", Advisories: []wire.Advisory{{Name: "AVG-1", Severity: "High", Counted: true}},
		}}}},
		wire.OpStatus: {wire.StatusResult{}}, wire.OpRefresh: {wire.RefreshResult{}}, wire.OpCacheClear: {wire.CacheClearResult{}},
		ask.OpFiles:  {ask.FilesResult{Packages: []ask.PackageFiles{{Name: "a", Files: []string{"/a"}}}}},
		ask.OpConfig: {ask.ConfigResult{Settings: []ask.Setting{{Key: "a.b", Value: "x", Origin: "default"}}}},
		ask.OpOwns:   {ask.OwnsResult{Paths: []ask.Owned{{Path: "/a", Owners: []ask.Owner{{Name: "a", Version: "1"}}}}}},
		ask.OpWhy:    {ask.WhyResult{Name: "a", Chains: []ask.Chain{{Links: []ask.Link{{Name: "a"}}}}}},
	}
	for _, c := range all {
		line := c.name
		switch c.name {
		case "search", "info", "files", "owns", "why":
			line += " a"
		case "cache":
			line += " clear"
		case "use":
			line += " node 20"
		case "metrics":
			continue // its format is Prometheus'
		case "daemon":
			continue // it asks the system, not the daemon
		}
		_, help, _ := answered(t, nil, append(strings.Fields(line), "--help")...)
		_, example, found := strings.Cut(help, "over the JSON fields: '")
		require.True(t, found, line)
		example, _, _ = strings.Cut(example, "'\n")
		code, out, stderr := answered(t, parts, append(strings.Fields(line), "--format", example)...)
		require.Equal(t, exit.OK, code, "%s --format '%s': %s", line, example, stderr)
		require.Equal(t, 1, strings.Count(out, "\n"), line)
	}
	code, _, stderr := answered(t, parts, "status", "--format", "{{.name}}")
	require.Equal(t, exit.Usage, code)
	require.Contains(t, stderr, "omg: hint: --json shows what fields there are\n")
}

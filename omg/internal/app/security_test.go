package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// vulnerable is an answer in two parts, with a package that goes on in the second.
func vulnerable() map[string][]any {
	advisory := func(name, severity, verdict string) wire.Advisory {
		return wire.Advisory{Name: name, Severity: severity, Verdict: verdict, Counted: verdict != "unconfirmed", Issues: []string{"CVE-" + name[4:]}}
	}
	pkg := func(name, update string, advisories ...wire.Advisory) wire.VulnerablePackage {
		return wire.VulnerablePackage{
			Name: name, Installed: "1-1", Update: update, Severity: advisories[0].Severity, Verdict: advisories[0].Verdict, Advisories: advisories,
		}
	}
	return map[string][]any{wire.OpSecurity: {
		wire.SecurityResult{
			Generation: 7, Sources: []wire.Source{{Name: "tracker", State: wire.SourceOK}, {Name: "core", State: wire.SourceOK}},
			Packages: []wire.VulnerablePackage{pkg("ssl", "2-1", advisory("AVG-1", "High", "affected"), advisory("AVG-2", "Medium", "fixable"))},
		},
		map[string]any{"packages": []wire.VulnerablePackage{
			pkg("ssl", "2-1", advisory("AVG-3", "Unknown", "fixed-in-testing")),
			pkg("old", "", advisory("AVG-4", "Critical", "unconfirmed")),
		}},
	}}
}

func TestSecurity(t *testing.T) {
	for _, c := range []struct {
		args, out string
		code      int
	}{
		{"security", "ssl 1-1 -> 2-1 (AVG-1 High, affected; AVG-2 Medium, fixable; AVG-3 Unknown, fixed-in-testing)\n", exit.OK},
		{"audit -q", "ssl\n", exit.OK},
		{"security -q --all", "ssl\nold\n", exit.OK},
		{"security --severity medium", "ssl 1-1 -> 2-1 (AVG-1 High, affected; AVG-2 Medium, fixable)\n", exit.OK},
		{"security --severity Critical", "", exit.NotFound},
		{"security --severity critical --all", "old 1-1 (AVG-4 Critical, unconfirmed)\n", exit.OK},
		{"security --fixable", "ssl 1-1 -> 2-1 (AVG-2 Medium, fixable)\n", exit.OK},
		{"security --fixable --cve", `ssl 1-1 -> 2-1 (AVG-2 Medium, fixable)
    CVE-2 https://security.archlinux.org/CVE-2
`, exit.OK},
		{"security --format {{.name}}:{{.severity}}:{{.verdict}}", "ssl:High:affected\n", exit.OK},
		{"security --fixable --format {{.name}}:{{.severity}}:{{.verdict}}", "ssl:Medium:fixable\n", exit.OK},
		{"security -q --fail-on high", "ssl\n", exit.Finding},
		{"security -q --fail-on critical", "ssl\n", exit.OK},
		{"security -q --fail-on critical --all", "ssl\nold\n", exit.Finding},
		{"security -q --fail-on high --fixable", "ssl\n", exit.OK},
		{"security -q --fail-on medium --fixable", "ssl\n", exit.Finding},
		{"security --fail-on low --severity critical", "", exit.OK},
	} {
		code, out, stderr := answered(t, vulnerable(), strings.Fields(c.args)...)
		require.Equal(t, c.out, out, c.args)
		require.Equal(t, c.code, code, c.args)
		require.Empty(t, stderr, c.args)
	}
	for _, args := range []string{"security --severity bad", "security --fail-on unknown", "security --json -q", "security --format {{.nothing}}"} {
		code, _, _ := answered(t, vulnerable(), strings.Fields(args)...)
		require.Equal(t, exit.Usage, code, args)
	}
	code, out, _ := answered(t, vulnerable(), "security", "--json", "--all", "--fail-on", "low")
	require.Equal(t, exit.Finding, code)
	var document struct {
		Schema   int
		Packages []wire.VulnerablePackage
	}
	require.NoError(t, json.Unmarshal([]byte(out), &document))
	require.Equal(t, 1, document.Schema)
	require.Len(t, document.Packages, 2)
	require.Len(t, document.Packages[0].Advisories, 3, "the parts are joined")
}

// TestSecurityIsNeverWrongInSilence: no finding is only an all-clear where the
// advisories and what is installed are known.
func TestSecurityIsNeverWrongInSilence(t *testing.T) {
	tracker := wire.Source{Name: "tracker", State: wire.SourceOK}
	for _, c := range []struct {
		name   string
		answer wire.SecurityResult
		args   string
		code   int
		note   string
	}{
		{"all is well", wire.SecurityResult{Sources: []wire.Source{tracker}}, "--fail-on low", exit.OK, ""},
		{"nothing to list", wire.SecurityResult{Sources: []wire.Source{tracker}}, "", exit.NotFound, ""},
		{"old", wire.SecurityResult{Sources: []wire.Source{{Name: "tracker", State: wire.SourceStale, Why: "refused"}}}, "--fail-on low", exit.OK, "tracker: stale: refused"},
		{"remembered", wire.SecurityResult{Stale: true, At: 1}, "--fail-on low", exit.Failed, "could not be checked since 1970"},
		{"remembered, listed", wire.SecurityResult{Stale: true, At: 1}, "", exit.Failed, "could not be checked since 1970"},
		{"no repository", wire.SecurityResult{Sources: []wire.Source{tracker, {Name: "core", State: wire.SourceMissing}}}, "--fail-on low", exit.OK, "core: missing"},
		{"no repository to have a fix", wire.SecurityResult{Sources: []wire.Source{tracker, {Name: "core", State: wire.SourceMissing}}}, "--fail-on low --fixable", exit.Failed, "core: missing"},
		{"no AUR", wire.SecurityResult{Sources: []wire.Source{tracker, {Name: "aur", State: wire.SourceMissing}}}, "--fail-on low --fixable", exit.OK, ""},
		{"skipped", wire.SecurityResult{Skipped: 2, Sources: []wire.Source{tracker}}, "--fail-on low", exit.OK, "2 of the tracker's records could not be read"},
		{"not installed", wire.SecurityResult{Missing: []string{"x"}, Sources: []wire.Source{tracker}}, "--fail-on low x", exit.NotFound, "package 'x' was not found"},
	} {
		code, out, stderr := answered(t, map[string][]any{wire.OpSecurity: {c.answer}}, append([]string{"security"}, strings.Fields(c.args)...)...)
		require.Equal(t, c.code, code, c.name)
		require.Empty(t, out, c.name)
		require.Contains(t, stderr, c.note, c.name)
		require.Equal(t, c.note == "", stderr == "", c.name)
	}
	var out, errs strings.Builder
	code := Run(t.Context(), []string{"omg", "--no-daemon", "security", "--fail-on", "critical"}, &out, &errs,
		func(context.Context, *ask.Asker, string, any, ask.Emit) error {
			return fmt.Errorf("%w: refused", ask.ErrNoTracker)
		})
	require.Equal(t, exit.Network, code, "neither a finding nor an all-clear")
	require.Contains(t, errs.String(), "not known: refused")
}

func TestOutdatedSecurity(t *testing.T) {
	parts := map[string][]any{wire.OpOutdated: {wire.OutdatedResult{
		Updates: []wire.Update{{Name: "git", Installed: "1", Version: "2", Fixes: []string{"AVG-1", "AVG-2"}}, {Name: "vim", Installed: "8", Version: "9"}},
		Sources: []wire.Source{{Name: "tracker", State: wire.SourceStale}},
	}}}
	_, out, _ := answered(t, parts, "outdated")
	require.Equal(t, "git 1 -> 2\nvim 8 -> 9\n", out)
	code, out, _ := answered(t, parts, "outdated", "--security")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "git 1 -> 2 [fixes AVG-1 AVG-2]\nvim 8 -> 9\n", out)
	_, out, _ = answered(t, parts, "outdated", "--json")
	require.Contains(t, out, `"fixes":["AVG-1","AVG-2"]`)
	parts[wire.OpOutdated] = []any{wire.OutdatedResult{Updates: []wire.Update{{Name: "vim", Installed: "8", Version: "9"}}}}
	code, out, stderr := answered(t, parts, "outdated", "--security")
	require.Equal(t, exit.Network, code, "none is marked, and nobody knows")
	require.Equal(t, "vim 8 -> 9\n", out)
	require.Contains(t, stderr, "not known")
}

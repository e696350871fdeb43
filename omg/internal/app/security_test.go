package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// vulnerable returns a backend with two packages: one has three advisories, the other an unconfirmed advisory.
func vulnerable() fake {
	advisory := func(name, severity, verdict string) wire.Advisory {
		return wire.Advisory{Name: name, Severity: severity, Verdict: verdict, Counted: verdict != "unconfirmed", Issues: []string{"CVE-" + name[4:]}}
	}
	pkg := func(name, update string, advisories ...wire.Advisory) wire.VulnerablePackage {
		return wire.VulnerablePackage{
			Name: name, Installed: "1-1", Update: update, Severity: advisories[0].Severity, Verdict: advisories[0].Verdict, Advisories: advisories,
		}
	}
	return fake{security: &wire.SecurityResult{
		Basis: wire.Basis{Generation: 7, Sources: []wire.Source{tracker(wire.SourceOK, ""), repository("core", wire.SourceOK, "")}},
		Packages: []wire.VulnerablePackage{
			pkg("ssl", "2-1", advisory("AVG-1", "High", "affected"), advisory("AVG-2", "Medium", "fixable"), advisory("AVG-3", "Unknown", "fixed-in-testing")),
			pkg("old", "", advisory("AVG-4", "Critical", "unconfirmed")),
		},
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
		{"security -q --fail-on high", "ssl\n", exit.AdvisoryFound},
		{"security -q --fail-on critical", "ssl\n", exit.OK},
		{"security -q --fail-on critical --all", "ssl\nold\n", exit.AdvisoryFound},
		{"security -q --fail-on high --fixable", "ssl\n", exit.OK},
		{"security -q --fail-on medium --fixable", "ssl\n", exit.AdvisoryFound},
		{"security --fail-on low --severity critical", "", exit.OK},
	} {
		code, out, stderr := vulnerable().run(t, strings.Fields(c.args)...)
		require.Equal(t, c.out, out, c.args)
		require.Equal(t, c.code, code, c.args)
		require.Empty(t, stderr, c.args)
	}
	for _, args := range []string{"security --severity bad", "security --fail-on unknown", "security --json -q", "security --format {{.nothing}}"} {
		code, _, _ := vulnerable().run(t, strings.Fields(args)...)
		require.Equal(t, exit.Usage, code, args)
	}
	code, out, _ := vulnerable().run(t, "security", "--json", "--all", "--fail-on", "low")
	require.Equal(t, exit.AdvisoryFound, code)
	var document struct {
		Schema   int
		Packages []wire.VulnerablePackage
	}
	require.NoError(t, json.Unmarshal([]byte(out), &document))
	require.Equal(t, 1, document.Schema)
	require.Len(t, document.Packages, 2)
	require.Len(t, document.Packages[0].Advisories, 3)
}

// TestSecurity_Certain checks that an empty result means "no vulnerabilities" only if the advisories, the local
// database and the repositories could be read.
func TestSecurity_Certain(t *testing.T) {
	good := tracker(wire.SourceOK, "")
	on := func(b wire.Basis, sources ...wire.Source) wire.SecurityResult {
		b.Sources = sources
		return wire.SecurityResult{Basis: b}
	}
	noCore := on(wire.Basis{Partial: true}, good, repository("core", wire.SourceMissing, "no database"))
	for _, c := range []struct {
		name   string
		result wire.SecurityResult
		args   string
		code   int
		note   string
	}{
		{"ok", on(wire.Basis{}, good), "--fail-on low", exit.OK, ""},
		{"nothing to list", on(wire.Basis{}, good), "", exit.NotFound, ""},
		{"old advisories", on(wire.Basis{}, tracker(wire.SourceStale, "refused")), "--fail-on low", exit.OK, "tracker: stale: refused"},
		{"old database", on(wire.Basis{}, good, repository("core", wire.SourceStale, "3 days old")), "--fail-on low", exit.OK, "core: stale: 3 days old"},
		{"remembered", on(wire.Basis{Stale: true, ConfirmedAt: 1}), "--fail-on low", exit.Failed, "could not be checked, last checked "},
		{"remembered, listed", on(wire.Basis{Stale: true, ConfirmedAt: 1}), "", exit.Failed, "could not be checked, last checked "},
		{"no repository", noCore, "--fail-on low", exit.Failed, "partial: core missing: no database"},
		{"no repository to have a fix", noCore, "--fail-on low --fixable", exit.Failed, "partial: core missing: no database"},
		{"no repository, listed", noCore, "", exit.Failed, "partial: core missing: no database"},
		{"no AUR", on(wire.Basis{}, good, aur(wire.SourceMissing, "")), "--fail-on low --fixable", exit.OK, ""},
		{"skipped", wire.SecurityResult{Skipped: 2, Basis: wire.Basis{Sources: []wire.Source{good}}}, "--fail-on low", exit.OK, "2 records of the security tracker could not be read"},
		{"not installed", wire.SecurityResult{Missing: []string{"x"}, Basis: wire.Basis{Sources: []wire.Source{good}}}, "--fail-on low x", exit.NotFound, "package \"x\" is not installed"},
	} {
		code, out, stderr := fake{security: &c.result}.run(t, append([]string{"security"}, strings.Fields(c.args)...)...)
		require.Equal(t, c.code, code, c.name)
		require.Empty(t, out, c.name)
		require.Contains(t, stderr, c.note, c.name)
		require.Equal(t, c.note == "", stderr == "", "%s: %s", c.name, stderr)
		require.LessOrEqual(t, strings.Count(stderr, "\n"), 1, c.name)
	}
	unknown := wire.Errorf(wire.CodeNetwork, "the security tracker's advisories are not known: refused")
	for _, err := range []error{unknown, fmt.Errorf("asking: %w", unknown)} {
		code, _, stderr := fake{errs: map[string]error{"security": err}}.run(t, "security", "--fail-on", "critical")
		require.Equal(t, exit.Network, code, "neither a finding nor an all-clear")
		require.Contains(t, stderr, "not known: refused")
	}
	partial := vulnerable()
	partial.security.Basis = noCore.Basis
	code, _, _ := partial.run(t, "security", "--fail-on", "high")
	require.Equal(t, exit.AdvisoryFound, code, "a finding has its exit code even if a source is missing")
	code, _, _ = partial.run(t, "security", "--fail-on", "critical")
	require.Equal(t, exit.Failed, code, "a package is listed, and a worse one may be missing")
}

func TestOutdated_Security(t *testing.T) {
	f := fake{outdated: &wire.OutdatedResult{
		Updates: []wire.Update{{Name: "git", Installed: "1", Version: "2", Fixes: []string{"AVG-1", "AVG-2"}}, {Name: "vim", Installed: "8", Version: "9"}},
		Basis:   wire.Basis{Sources: []wire.Source{tracker(wire.SourceStale, "")}},
	}}
	_, out, _ := f.run(t, "outdated")
	require.Equal(t, "git 1 -> 2\nvim 8 -> 9\n", out)
	code, out, stderr := f.run(t, "outdated", "--security")
	require.Equal(t, exit.OK, code)
	require.Equal(t, "git 1 -> 2 [fixes AVG-1 AVG-2]\nvim 8 -> 9\n", out)
	require.Contains(t, stderr, "omg: note: tracker: stale")
	_, out, _ = f.run(t, "outdated", "--json")
	require.Contains(t, out, `"fixes":["AVG-1","AVG-2"]`)
	f.outdated = &wire.OutdatedResult{Updates: []wire.Update{{Name: "vim", Installed: "8", Version: "9"}}}
	code, out, stderr = f.run(t, "outdated", "--security")
	require.Equal(t, exit.Network, code, "no update is marked, because the advisories are unknown")
	require.Equal(t, "vim 8 -> 9\n", out)
	require.Equal(t, "omg: error: no data of the security tracker\nomg: hint: omgd downloads it unless tracker.enabled is false\n", stderr)
	f.outdated.Sources = []wire.Source{tracker(wire.SourceMissing, "refused")}
	code, _, stderr = f.run(t, "outdated", "--security")
	require.Equal(t, exit.Network, code)
	require.Equal(t, "omg: error: no data of the security tracker: refused\n", stderr)
}

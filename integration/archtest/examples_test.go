package archtest

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/incidents"
)

// example is an example of a guide that TestReadme_ExamplesRun does not run. Exactly one of the last four fields is set.
type example struct {
	guide  string // the document
	line   string // the beginning of its line
	test   string // the test that runs it
	script string // the script of integration/scripts that runs it
	walk   bool   // make check-walk runs the same line
	why    string // why it cannot run here
}

// elsewhere lists these examples.
var elsewhere = []example{
	{guide: "README.md", line: "make demo", test: "TestDemo_NoPacman"},
	{guide: "README.md", line: "make test", why: "it is the run of this test"},
	{guide: "README.md", line: "make dist arch", test: "TestReadme_ArchPackage"},
	{guide: "README.md", line: "cd dist/arch/omg && ", test: "TestReadme_ArchPackage"},
	{guide: "README.md", line: "make                            #", why: "scripts/check-walk.sh and make test run it"},
	{guide: "README.md", line: "make install", walk: true},
	{guide: "README.md", line: "make uninstall", walk: true},

	{guide: "README.md", line: "sudo pacman -S $(omg browse", test: "TestBrowse_Output"},
	{guide: "docs/usage.md", line: "omg browse", test: "TestBrowse_Output"},
	{guide: "docs/usage.md", line: "sudo pacman -S $(omg browse", test: "TestBrowse_Output"},
	{guide: "docs/browse.md", line: "omg browse", test: "TestBrowse_Output"},
	{guide: "docs/browse.md", line: "sudo pacman -S $(omg browse", test: "TestBrowse_Output"},

	{guide: "docs/service.md", line: "systemctl --user enable --now omgd.socket", walk: true},
	{guide: "docs/service.md", line: "omg daemon start", test: "TestManage_Units"},
	{guide: "docs/service.md", line: "systemd-sysusers && systemd-tmpfiles --create", walk: true},
	{guide: "docs/service.md", line: "systemctl enable --now omgd.socket", walk: true},
	{guide: "docs/service.md", line: "systemctl start omg-index.service", walk: true},
	{guide: "docs/service.md", line: "systemctl enable --now omg-index.timer", walk: true},

	{guide: "docs/administrators.md", line: "systemd-sysusers && systemd-tmpfiles --create", walk: true},
	{guide: "docs/administrators.md", line: "systemctl enable --now omgd.socket", walk: true},
	{guide: "docs/administrators.md", line: "systemctl restart omgd.service", walk: true},
	{guide: "docs/administrators.md", line: "mkdir -p /etc/systemd/system/omgd.socket.d", walk: true},
	{guide: "docs/administrators.md", line: "printf '[Socket]", walk: true},
	{guide: "docs/administrators.md", line: "systemctl daemon-reload && systemctl restart omgd.socket", walk: true},
	{guide: "docs/administrators.md", line: "systemd-analyze security --no-pager omgd.service", walk: true},
	{guide: "docs/administrators.md", line: "systemctl disable --now omgd.socket omgd.service", walk: true},

	{guide: "docs/fleet.md", line: "omg-fleet --from inventories --roster hosts has 'xz", test: "TestGuide_Fleet"},
	{guide: "docs/fleet.md", line: "omg-fleet --from inventories --roster hosts has --json", test: "TestGuide_Fleet"},
	{guide: "docs/fleet.md", line: "omg-fleet init --dir fleet", test: "TestGuide_NATS"},
	{guide: "docs/fleet.md", line: "omg-fleet setup --dir fleet", test: "TestGuide_NATS"},
	{guide: "docs/fleet.md", line: "omg-fleet key", test: "TestGuide_NATS"},
	{guide: "docs/fleet.md", line: "omg-fleet host", test: "TestGuide_NATS"},
	{guide: "docs/fleet.md", line: "omg-fleet doctor --dir fleet", test: "TestGuide_NATS"},

	{guide: "docs/fleet.md", line: "omg-fleet dev", test: "TestGuide_Server"},
	{guide: "docs/fleet.md", line: "omg-fleet --server nats://127.0.0.1:4222 node", test: "TestGuide_Lookups"},
	{guide: "docs/fleet.md", line: "omg-fleet --server nats://127.0.0.1:4222 lookup", test: "TestGuide_Lookups"},
	{guide: "docs/fleet.md", line: "omg-fleet --server nats://127.0.0.1:4222 agent", test: "TestGuide_Server"},
	{guide: "docs/fleet.md", line: "omg-fleet --server nats://127.0.0.1:4222 has", test: "TestGuide_Server"},

	{guide: "docs/fleet-guide.md", line: "", test: "TestGuide_FiftyMachines"}, // all of them

	{guide: "docs/fleet-web.md", line: "omg-fleet --from inventories --roster hosts web", test: "TestGuide_FleetWeb"},
	{guide: "docs/fleet-web.md", line: "(umask 077 && head -c 32 /dev/urandom | base64 >token)", test: "TestGuide_FleetWeb"},
	{guide: "docs/fleet-web.md", line: "omg-fleet --from inventories web --listen 127.0.0.1:8480 --token-file", test: "TestGuide_FleetWeb"},
	{guide: "docs/fleet-web.md", line: "omg-fleet --from inventories web --listen 0.0.0.0:8443", test: "TestGuide_FleetWeb"},
	{guide: "docs/fleet-web.md", line: "omg-fleet --from inventories web --listen unix:", test: "TestGuide_Proxy"},
	{guide: "docs/fleet-web.md", line: "systemd-sysusers", test: "TestUnits_SystemUser"},
	{guide: "docs/fleet-web.md", line: "install -d", test: "TestSystemUnits"},
	{guide: "docs/fleet-web.md", line: "(umask 077 && head -c 32 /dev/urandom | base64 >/etc/omg", why: "it writes into the machine's /etc; TestGuide_FleetWeb writes such a file elsewhere"},
	{guide: "docs/fleet-web.md", line: "(umask 027 && head -c 32 /dev/urandom | base64 >/etc/omg", why: "it writes into the machine's /etc; TestFleet has a real Prometheus read such a file elsewhere"},
	{guide: "docs/fleet-web.md", line: "chgrp prometheus", why: "it changes a file in the machine's /etc"},
	{guide: "docs/fleet-web.md", line: "systemctl enable --now omg-fleet-web.service", test: "TestSystemUnits"},

	{guide: "docs/packagers.md", line: "make dist VENDOR=1", test: "TestReadme_ArchPackage"},
	{guide: "docs/packagers.md", line: "make build", test: "TestInstall_NoGo"},
	{guide: "docs/packagers.md", line: "make check", test: "TestPackages_Arch"},
	{guide: "docs/packagers.md", line: "make install-omg", test: "TestInstall_Parts"},
	{guide: "docs/packagers.md", line: "make install-worker", test: "TestInstall_Parts"},

	{guide: "docs/publishing.md", line: "omg-index publish --fetch", test: "TestFetch"},
	{guide: "docs/publishing.md", line: "install -o omg -g omg -m 0400 publish.key", test: "TestFetch_Unit"},
	{guide: "docs/publishing.md", line: "systemctl enable --now omg-publish.timer", test: "TestUnits_Verified"},

	{guide: "docs/journal.md", line: "omg aur ack", script: "aur-ack.txtar"},
	{guide: "docs/usage.md", line: "omg outdated --devel", test: "TestDevel"},
	{guide: "docs/scripts.md", line: "omg watch", script: "watch.txtar"},
	{guide: "docs/usage.md", line: "omg outdated --security", test: "TestPictures_Current"},
	{guide: "docs/usage.md", line: "omg history", script: "history.txtar"},
	{guide: "docs/usage.md", line: "omg check", script: "check.txtar"},
	{guide: "docs/journal.md", line: "omg aur diff", script: "aur-diff.txtar"},
	{guide: "docs/journal-measures.md", line: "make replay", why: "it takes minutes; a test replays a smaller year"},
	{guide: "docs/helpers.md", line: "ln -s /usr/share/omg/omg-aur-check.hook", test: "TestHook_AURCheck"},
	{guide: "docs/journal.md", line: "omg aur check --fail-on look --honour-ack", script: "aur-ack.txtar"},
	{guide: "docs/administrators.md", line: "omg aur check --fail-on look", script: "aur-ack.txtar"},

	{guide: "docs/incidents.md", line: "minisign ", why: "it asks for a password on a terminal; shared/incidents tests the signatures with minisign's own library"},

	{guide: "docs/releasing.md", line: "gpg --quick-generate-key", test: "TestRelease_Signatures"},
	{guide: "docs/releasing.md", line: "gpg --list-keys", test: "TestRelease_Signatures"},
	{guide: "docs/releasing.md", line: "gpg --keyserver", why: "it needs a keyserver"},
	{guide: "docs/releasing.md", line: "git tag --sign", test: "TestRelease_Signatures"},
	{guide: "docs/releasing.md", line: "git verify-tag", test: "TestRelease_Signatures"},
	{guide: "docs/releasing.md", line: "git push", why: "it needs the public repository"},
	{guide: "docs/releasing.md", line: "make dist", test: "TestDist"},
	{guide: "docs/releasing.md", line: "make draft", why: "it needs the public repository"},
	{guide: "docs/releasing.md", line: "for file in dist/", test: "TestRelease_Signatures"},
	{guide: "docs/releasing.md", line: "gh ", why: "it needs the public repository"},
	{guide: "docs/releasing.md", line: "make arch KEY=", test: "TestArch"},
	{guide: "docs/releasing.md", line: "sha256sum --check", why: "it needs a release"},
	{guide: "docs/releasing.md", line: "gpg --verify", test: "TestRelease_Signatures"},
}

// findElsewhere returns the element of elsewhere for an example, or nil if TestReadme_ExamplesRun runs the example.
func findElsewhere(guide, line string) *example {
	for i := range elsewhere {
		if e := &elsewhere[i]; e.guide == guide && strings.HasPrefix(line, e.line) {
			return e
		}
	}
	return nil
}

// probeGuide has examples in several shells and for several programs. integration/probe runs them.
const probeGuide = "docs/probe.md"

// documents returns the README and the guides in docs/.
func documents(t *testing.T) []string {
	t.Helper()
	all := []string{"README.md", "SECURITY.md"}
	files(t, func(path string) {
		if filepath.Dir(path) == "docs" && filepath.Ext(path) == ".md" {
			all = append(all, path)
		}
	})
	require.Greater(t, len(all), 10)
	return all
}

// guides returns the documents with examples of commands, except probeGuide.
func guides(t *testing.T) []string {
	t.Helper()
	found := slices.DeleteFunc(documents(t), func(path string) bool {
		return path == probeGuide || !strings.Contains(read(t, path), "```sh\n")
	})
	require.Greater(t, len(found), 5)
	return found
}

// startsProgram matches a command. In an indented block, or in a block of another language than sh, no test would find it.
var startsProgram = regexp.MustCompile(`^(?:[$#] )?(?:sudo )?(?:pacman -|(?:omg|omgd|omg-index|omg-probe|omg-fleet|make|systemctl|makepkg|git|gh|minisign) [a-z-])`)

// TestDocs_ExamplesRun checks that each example of a command is run, or is in the list elsewhere; that what the list promises exists; and
// that commands are only in blocks of the language sh.
func TestDocs_ExamplesRun(t *testing.T) {
	for _, document := range documents(t) {
		if document == probeGuide {
			continue
		}
		language, isInside := "", false
		for line := range strings.Lines(read(t, document)) {
			text := strings.TrimSpace(line)
			if next, isFence := strings.CutPrefix(text, "```"); isFence {
				language, isInside = next, !isInside
				continue
			}
			isCode := isInside && language != "sh" || !isInside && strings.HasPrefix(line, "    ")
			if isCode && startsProgram.MatchString(text) {
				t.Errorf("%s: write this command into a block of the language sh: %s", document, text)
			}
		}
	}

	used := map[*example]int{}
	for _, guide := range guides(t) {
		for _, line := range commands(t, read(t, guide)) {
			e := findElsewhere(guide, line)
			if e == nil {
				continue
			}
			used[e]++
			if e.script != "" {
				script := read(t, filepath.Join("integration/scripts/testdata", e.script))
				require.Contains(t, script, " "+strings.TrimPrefix(e.line, "omg "), "%s: %s does not run this", guide, e.script)
			}
			if e.walk {
				command := regexp.QuoteMeta(strings.TrimSpace(comment.ReplaceAllString(line, "")))
				require.Regexp(t, `(?m)^  (alice\$|root#) (cd \S+ && )?`+command+`( \||$)`, read(t, "integration/walk/walk.txt"), guide)
			}
		}
	}
	tests := testNames(t)
	for i := range elsewhere {
		e := &elsewhere[i]
		require.NotZero(t, used[e], "%s has no example %q", e.guide, e.line)
		ways := 0
		for _, isSet := range []bool{e.test != "", e.script != "", e.walk, e.why != ""} {
			if isSet {
				ways++
			}
		}
		require.Equal(t, 1, ways, e.line)
		require.True(t, e.test == "" || slices.ContainsFunc(tests, func(name string) bool { return strings.HasPrefix(name, e.test) }), "there is no test %s", e.test)
	}
}

var testFunction = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)

// testNames returns the names of all tests.
func testNames(t *testing.T) (names []string) {
	t.Helper()
	files(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			for _, m := range testFunction.FindAllStringSubmatch(read(t, path), -1) {
				names = append(names, m[1])
			}
		}
	})
	require.NotEmpty(t, names)
	return names
}

var tomlBlock = regexp.MustCompile("(?s)```toml\n(.*?)```")

// TestDocs_SettingsAreValid checks that each example of a configuration file in the guides is valid, and has only known settings.
func TestDocs_SettingsAreValid(t *testing.T) {
	checked := 0
	for _, document := range documents(t) {
		if document == probeGuide {
			continue // its TOML is for starship
		}
		for _, m := range tomlBlock.FindAllStringSubmatch(read(t, document), -1) {
			checked++
			if strings.Contains(m[1], "[[incident]]") {
				_, err := incidents.Parse(document, []byte(m[1]))
				require.NoError(t, err, m[1])
				continue
			}
			parsed, err := config.Parse(document, []byte(m[1]))
			require.NoError(t, err, "%s: %s", document, m[1])
			require.Empty(t, parsed.Warnings, document)
		}
	}
	require.Greater(t, checked, 3)
}

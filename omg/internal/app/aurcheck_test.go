package app

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// aurCheck returns a backend with complete and recent data, and one package for each given level, named after this level.
func aurCheck(levels ...string) fake {
	now := time.Now().Unix()
	observed := backend.NewInterval(now-200*dayLength, now-60)
	check := &backend.AURCheckResult{
		Basis:          wire.Basis{Sources: []wire.Source{aur(wire.SourceOK, "")}},
		JournalReading: backend.JournalReading{Path: "/index/aur.omgjournal", Observed: &observed, CompleteSince: &observed[0]},
		CheckedCount:   5, Packages: []backend.CheckedPackage{}, EventsSince: time.Unix(now-90*dayLength, 0),
	}
	for _, level := range levels {
		check.Packages = append(check.Packages, backend.CheckedPackage{
			Name: level, Base: level, Installed: "1-1", Level: level,
			Findings: []backend.AURFinding{{Level: level, Reason: "orphaned", Events: []backend.AUREvent{orphanedEvent}}},
		})
	}
	return fake{check: check}
}

func TestAURCheck(t *testing.T) {
	const look, note = "look 1-1\n    look: orphaned by \"carol\" between 2026-09-21 12:00 +0000 and 2026-09-22 12:00 +0000\n",
		"note 1-1\n    note: orphaned by \"carol\" between 2026-09-21 12:00 +0000 and 2026-09-22 12:00 +0000\n"
	for _, c := range []struct {
		levels, line string
		code         int
		want         string
	}{
		{"look note", "", exit.OK, look + note},
		{"", "", exit.NotFound, ""},
		{"", "--fail-on note", exit.OK, ""},
		{"look note", "-q", exit.OK, "look\nnote\n"},
		{"look note", "-q --fail-on note", exit.AdvisoryFound, "look\nnote\n"},
		{"look note", "-q --fail-on look", exit.AdvisoryFound, "look\nnote\n"},
		{"note", "-q --fail-on look", exit.OK, "note\n"},
		{"look", "-q --fail-on act", exit.OK, "look\n"},
		{"act look", "-q --fail-on act", exit.AdvisoryFound, "act\nlook\n"},
		{"look", "--format {{.name}}/{{.level}}/{{.installed}}", exit.OK, "look/look/1-1\n"},
	} {
		code, stdout, stderr := aurCheck(strings.Fields(c.levels)...).run(t, append([]string{"aur", "check"}, strings.Fields(c.line)...)...)
		require.Equal(t, c.code, code, "%s: %s", c.line, stderr)
		require.Equal(t, c.want, stdout, c.line)
		require.Empty(t, stderr, c.line)
	}
	_, _, _, after := aurCheck().runBackend(t, "aur", "check", "aur/yay", "part")
	require.Equal(t, []string{"yay", "part"}, after.checked)
}

// TestAURCheck_Uncertain checks that a note says which data is missing, incomplete or old, and that the exit code is then 4
// unless a finding reaches the level of --fail-on.
func TestAURCheck_Uncertain(t *testing.T) {
	old := backend.NewInterval(monday-300*dayLength, time.Now().Unix()-3*dayLength)
	future := backend.NewInterval(monday-300*dayLength, time.Now().Unix()+2*60*60)
	recent := time.Now().Add(-89 * 24 * time.Hour)
	for want, change := range map[string]func(*backend.AURCheckResult){
		"the journal's last observation of the AUR was 3 days ago":              func(r *backend.AURCheckResult) { r.Observed = &old },
		"the journal does not contain an observation of the AUR yet":            func(r *backend.AURCheckResult) { r.Observed = nil },
		"/index/aur.omgjournal: the journal is damaged: 1 entry cannot be read": func(r *backend.AURCheckResult) { r.Problem = "the journal is damaged: 1 entry cannot be read" },
		"the last dump of the AUR was not used: it was probably incomplete":     func(r *backend.AURCheckResult) { r.LastRefused = true },
		"aur: stale: not downloaded for 3 days": func(r *backend.AURCheckResult) {
			r.Sources = []wire.Source{aur(wire.SourceStale, "not downloaded for 3 days")}
		},
		"the journal has a gap that ends ":                           func(r *backend.AURCheckResult) { r.CompleteSince = &recent },
		"the journal's last observation of the AUR is in the future": func(r *backend.AURCheckResult) { r.Observed = &future },
		"the last dump of the AUR is not the one that the journal":   func(r *backend.AURCheckResult) { r.DumpDiffers = true },
		"too many events, the oldest are left out: \"busy\"":         func(r *backend.AURCheckResult) { r.Shortened = []string{"busy"} },
		"only the scriptlets were checked of packages that are not in the AUR: " + `"` + strings.Repeat("own", 30) + `", "b"`: func(r *backend.AURCheckResult) {
			r.NotInAUR = []string{strings.Repeat("own", 30), "b"}
		},
		"the list of incidents /list.toml: expired after 2026-06-30": func(r *backend.AURCheckResult) {
			r.IncidentLists = []backend.IncidentList{{Location: "/list.toml", Problem: "expired after 2026-06-30"}}
		},
		"the list of incidents /list.toml: open /list.toml: no such file": func(r *backend.AURCheckResult) {
			r.IncidentLists = []backend.IncidentList{{Location: "/list.toml", Problem: "/list.toml: open /list.toml: no such file"}}
		},
		"only lists of incidents and scriptlets were checked: no journal": func(r *backend.AURCheckResult) {
			r.Unavailable = "no journal"
		},
		"scriptlets were not examined: no databases":  func(r *backend.AURCheckResult) { r.ScriptletProblem = "no databases" },
		"partial: core is missing":                    func(r *backend.AURCheckResult) { r.Partial, r.Why = true, "core is missing" },
		"the installed packages could not be checked": func(r *backend.AURCheckResult) { r.Stale = true },
	} {
		f := aurCheck("note")
		change(f.check)
		for line, code := range map[string]int{"": exit.Network, "--fail-on look": exit.Network, "--fail-on note": exit.AdvisoryFound} {
			got, stdout, stderr := f.run(t, append([]string{"aur", "check"}, strings.Fields(line)...)...)
			require.Equal(t, code, got, "%s: %s", want, line)
			require.Contains(t, stdout, "note 1-1\n")
			require.Contains(t, stderr, "omg: note: "+want)
		}
		_, stdout, _ := f.run(t, "aur", "check", "--json")
		require.Contains(t, stdout, `"certain":false`, want)
		code, stdout, _ := f.run(t, "--strict", "aur", "check")
		require.Equal(t, exit.Failed, code, want)
		require.Empty(t, stdout)
		f.check.Packages = nil
		code, _, _ = f.run(t, "aur", "check")
		require.Equal(t, exit.Network, code, "unknown is not nothing: %s", want)
	}
}

func TestAURCheck_Notes(t *testing.T) {
	f := aurCheck("note")
	observed := backend.NewInterval(time.Now().Unix()-2*dayLength, time.Now().Unix())
	f.check.Observed, f.check.CompleteSince = &observed, &observed[0]
	f.check.Missing = []string{"nosuch"}
	code, _, stderr := f.run(t, "aur", "check")
	require.Equal(t, exit.NotFound, code)
	require.Equal(t, "omg: note: the journal begins "+observed[0].Format(time.DateOnly)+": earlier events are unknown\n"+
		"omg: error: neither installed nor in the last dump of the AUR: \"nosuch\"\n", stderr)
}

func TestAURCheck_JSON(t *testing.T) {
	f := aurCheck("look")
	f.check.Packages[0].Findings[0].Updated = &observedAt
	code, stdout, _ := f.run(t, "aur", "check", "--json")
	require.Equal(t, exit.OK, code)
	var got struct {
		Checked  int
		Packages json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Equal(t, 5, got.Checked)
	require.Contains(t, stdout, `"certain":true`)
	require.Equal(t, `[{"name":"look","pkgbase":"look","installed":"1-1","level":"look","findings":[{"level":"look","reason":"orphaned",`+
		`"events":[{"pkgbase":"yay","event":"orphaned","from":"carol","to":null,"between":["2026-09-21T12:00:00Z","2026-09-22T12:00:00Z"],`+
		`"source":"dump"}],"updated":"2026-09-21T12:00:00Z"}]}]`, string(got.Packages))
	code, stdout, _ = aurCheck().run(t, "aur", "check", "--json")
	require.Equal(t, exit.NotFound, code)
	require.Contains(t, stdout, `"packages":[]`)
}

// observedAt is the time monday.
var observedAt = time.Unix(monday, 0).UTC()

func TestAURCheck_Errors(t *testing.T) {
	noData := wire.Errorf(wire.CodeNetwork, "no data of the AUR: no data yet")
	for _, c := range []struct {
		fake fake
		args []string
		code int
		want string
	}{
		{fake{errs: map[string]error{"aur check": noData}}, nil, exit.Network, "omg: error: no data of the AUR: no data yet\n"},
		{fake{errs: map[string]error{"aur check": errors.New("no databases")}}, nil, exit.Failed, "omg: error: no databases\n"},
		{fake{}, []string{"--fail-on", "high"}, exit.Usage, `--fail-on is one of note, look, act, not "high"`},
		{fake{}, []string{"--fail-on", ""}, exit.Usage, `--fail-on is one of note, look, act, not ""`},
		{fake{}, []string{"a b"}, exit.Usage, `"a b" is not the name of a package`},
	} {
		code, stdout, stderr := c.fake.run(t, append([]string{"aur", "check"}, c.args...)...)
		require.Equal(t, c.code, code, c.args)
		require.Empty(t, stdout)
		require.Contains(t, stderr, c.want)
	}
}

// TestAURAck checks that acknowledged findings are shown with a date, and count for --fail-on unless the user says otherwise.
func TestAURAck(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	synctest.Test(t, func(t *testing.T) { // in virtual time, in which no day ends during the test
		f := aurCheck("look", "note")
		f.check.Packages[0].Findings[0].Reason = "recreated"
		run := func(wantCode int, line string) (stdout, stderr string) {
			t.Helper()
			code, stdout, stderr := f.run(t, strings.Fields(line)...)
			require.Equal(t, wantCode, code, "%s: %s", line, stderr)
			return stdout, stderr
		}
		run(exit.NotFound, "aur ack --list")
		for _, bad := range []string{"aur ack", "aur ack a b c", "aur ack --list a", "aur ack --list --remove", "aur ack --remove", "aur ack $(x)", "aur check --honour-ack"} {
			run(exit.Usage, bad)
		}
		_, stderr := run(exit.NotFound, "aur ack look adopted")
		require.Contains(t, stderr, `no finding about "look" with the reason "adopted": its reasons are recreated`)
		today := time.Now().Format(time.DateOnly)
		only := f
		only.check = aurCheck("look").check
		only.check.Packages[0].Findings[0].Reason = "recreated"
		code, stdout, _ := only.run(t, "aur", "ack", "look", "recreated")
		require.Equal(t, exit.OK, code)
		require.Equal(t, "look: look: recreated, acknowledged "+today+"\n", stdout)
		stdout, _ = run(exit.OK, "aur ack --list --format {{.name}}/{{.finding.reason}}")
		require.Equal(t, "look/recreated\n", stdout)
		stdout, _ = run(exit.OK, "aur check")
		require.Equal(t, 1, strings.Count(stdout, " (acknowledged "+today+")\n"), stdout)
		stdout, _ = run(exit.OK, "aur check --json")
		require.Equal(t, 1, strings.Count(stdout, `"acknowledged":"`))
		run(exit.AdvisoryFound, "aur check --fail-on look")
		run(exit.OK, "aur check --fail-on look --honour-ack")
		run(exit.AdvisoryFound, "aur check --fail-on note --honour-ack")
		run(exit.OK, "aur ack --remove look")
		run(exit.NotFound, "aur ack --remove look")
		run(exit.AdvisoryFound, "aur check --fail-on look --honour-ack")

		path := filepath.Join(os.Getenv("XDG_STATE_HOME"), "omg", "aur-acks.json")
		require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
		_, stderr = run(exit.AdvisoryFound, "aur check --fail-on look --honour-ack")
		require.Contains(t, stderr, "note: your acknowledgements are not used: "+path)
		run(exit.Failed, "aur ack look")
	})
}

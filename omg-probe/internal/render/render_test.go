package render

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/statusfile"
)

func loaded(updates, aur, vulnerabilities, orphans int) LoadedStatus {
	return LoadedStatus{Fresh: true, WasRead: true, Status: statusfile.Status{
		Updates: statusfile.NewNumber(updates), AURUpdates: statusfile.NewNumber(aur),
		Vulnerabilities: statusfile.NewNumber(vulnerabilities), Orphans: statusfile.NewNumber(orphans),
		Installed: statusfile.NewNumber(1200), Explicit: statusfile.NewNumber(300), RefreshedAt: time.Unix(1_700_000_000, 0),
		AURFindings: statusfile.AURFindings{Act: statusfile.NewNumber(0), Look: statusfile.NewNumber(0), Note: statusfile.NewNumber(3)},
	}}
}

var (
	node = runtimes.Active{
		Runtime: runtimes.Node, Version: "20.1.0", Manager: "nvm", Missing: true,
		Declared: &runtimes.Declaration{WantKind: runtimes.KindPin, Scope: runtimes.ScopeDirectory, Source: "/home/$(id)/.nvmrc"},
	}
	golang = runtimes.Active{Runtime: runtimes.Go, Version: "1.26.0", Manager: "system"}
)

func TestFormats(t *testing.T) {
	versions := Report{Runtimes: []runtimes.Active{node, golang}, Complete: true}
	both := Report{Runtimes: []runtimes.Active{golang}, WantsStatus: true, Status: loaded(5, 0, 2, 0), Complete: true}
	stale := Report{WantsStatus: true, Status: LoadedStatus{WasRead: true}, Complete: true}
	partly := loaded(0, 0, 0, 0)
	partly.Vulnerabilities = statusfile.Number{}
	unsure := Report{WantsStatus: true, Status: partly, Complete: true}
	late := Report{WantsStatus: true}
	nothing := Report{Complete: true}
	lacking := loaded(2, 0, 1, 3)
	lacking.Updates.Partial, lacking.AURUpdates.Partial = true, true
	partial := Report{WantsStatus: true, Status: lacking, Complete: true}
	look := Report{WantsStatus: true, Status: loaded(0, 1, 0, 0), Complete: true}
	look.Status.AURFindings.Look, look.Status.AURFindings.Act = statusfile.NewNumber(2), statusfile.NewNumber(1)
	doubtful := Report{WantsStatus: true, Status: loaded(0, 0, 0, 0), Complete: true}
	doubtful.Status.AURFindings.Look.Partial = true
	unknown := Report{WantsStatus: true, Status: loaded(0, 0, 0, 0), Complete: true}
	unknown.Status.AURFindings = statusfile.AURFindings{}
	zero := Report{WantsStatus: true, Status: loaded(0, 0, 0, 0), Complete: true}
	for _, c := range []struct {
		name, format, want string
		a                  Report
	}{
		{"versions", "plain", "node 20.1.0* go 1.26.0\n", versions},
		{"numbers", "plain", "go 1.26.0 updates 5 aur 0 vulnerabilities 2 orphans 0\n", both},
		{"stale numbers", "plain", "updates ? aur ? vulnerabilities ? orphans ?\n", stale},
		{"nothing", "plain", "", nothing},
		{"nothing in time", "plain", "", late},
		{"nothing in time", "tmux", "", late},
		{"versions", "starship", "node 20.1.0* go 1.26.0\n", versions},
		{"numbers but zeros", "starship", "go 1.26.0 updates 5 vulnerabilities 2\n", both},
		{"stale numbers", "starship", "updates ?\n", stale},
		{"one unknown number", "starship", "vulnerabilities ?\n", unsure},
		{"zeros", "starship", "", zero},
		{"numbers", "polybar", "go 1.26.0 updates 5 vulnerabilities 2\n", both},
		{"numbers", "tmux", "go 1.26.0 updates 5 vulnerabilities 2\n", both},
		{"versions", "i3blocks", "node 20.1.0* go 1.26.0\nnode 20.1.0*\n", versions},
		{"stale numbers", "i3blocks", "updates ?\nupdates ?\n", stale},
		{"zeros", "i3blocks", "", zero},
		{"nothing", "waybar", `{"text":""}` + "\n", nothing},
		{
			"versions", "waybar",
			`{"text":"node 20.1.0* go 1.26.0","tooltip":"node 20.1.0* (.nvmrc)\ngo 1.26.0","class":["missing"]}` + "\n", versions,
		},
		{
			"stale numbers", "waybar",
			`{"text":"updates ?","tooltip":"updates ?\naur ?\nvulnerabilities ?\norphans ?","class":["stale"]}` + "\n", stale,
		},
		{"partial numbers", "plain", "updates 2? aur 0? vulnerabilities 1 orphans 3\n", partial},
		{"partial numbers", "starship", "updates 2? aur 0? vulnerabilities 1 orphans 3\n", partial},
		{"partial numbers", "polybar", "updates 2? aur 0? vulnerabilities 1 orphans 3\n", partial},
		{"partial numbers", "tmux", "updates 2? aur 0? vulnerabilities 1 orphans 3\n", partial},
		{"partial numbers", "i3blocks", "updates 2? aur 0? vulnerabilities 1 orphans 3\nupdates 2?\n", partial},
		{
			"partial numbers", "waybar",
			`{"text":"updates 2? aur 0? vulnerabilities 1 orphans 3","tooltip":"updates 2?\naur 0?\nvulnerabilities 1\norphans 3",` +
				`"class":["updates","vulnerabilities","orphans","partial"]}` + "\n", partial,
		},
		{"template of partial numbers", "{{.updates}}/{{.aur}}/{{.vulnerabilities}}", "2?/0?/1\n", partial},
		{"findings", "plain", "updates 0 aur 1 vulnerabilities 0 orphans 0 findings 3\n", look},
		{"findings", "starship", "aur 1 findings 3\n", look},
		{"findings", "waybar", `{"text":"aur 1 findings 3","tooltip":"updates 0\naur 1\nvulnerabilities 0\norphans 0\nfindings 3","class":["aur","findings"]}` + "\n", look},
		{"partial findings", "starship", "findings 0?\n", doubtful},
		{"unknown findings", "starship", "findings ?\n", unknown},
		{"template of findings", "{{.findings}}", "3\n", look},
		{"template of no findings", "{{.findings}}", "0\n", zero},
		{"template of stale findings", "{{.findings}}", "?\n", stale},
		{"template", "n={{.node}} g={{ .go }} r={{.ruby}} #[fg=red]", "n=20.1.0* g=1.26.0 r= #[fg=red]\n", versions},
		{"template of numbers", "{{.updates}}/{{.aur}}/{{.vulnerabilities}}/{{.orphans}}", "5/0/2/0\n", both},
		{"template of stale numbers", "{{.updates}}", "?\n", stale},
	} {
		t.Run(c.format+": "+c.name, func(t *testing.T) {
			format, err := ParseFormat(c.format)
			require.NoError(t, err)
			got, err := format(c.a)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestJSON(t *testing.T) {
	format, err := ParseFormat("json")
	require.NoError(t, err)
	s := loaded(5, 0, 2, 0)
	s.AURUpdates, s.UpdatesAsOf, s.Degraded = statusfile.Number{}, time.Unix(1_700_000_000, 0), statusfile.DegradedWatch
	text, err := format(Report{Runtimes: []runtimes.Active{node, golang}, WantsStatus: true, Status: s, Complete: true})
	require.NoError(t, err)
	require.JSONEq(t, `{"schema":1,"complete":true,"runtimes":[
		{"name":"node","version":"20.1.0","manager":"nvm","missing":true,"kind":"pin","scope":"directory","source":".nvmrc","declared":"?","active":null,"differs":false},
		{"name":"go","version":"1.26.0","manager":"system","missing":false,"kind":"","scope":"system","source":"","declared":null,"active":"1.26.0","differs":false}],
		"status":{"fresh":true,"at":"2023-11-14T22:13:20Z","updates":5,"aur_updates":null,"vulnerabilities":2,"orphans":0,"aur_findings":{"act":0,"look":0,"note":3},
		"installed":1200,"explicit":300,"updates_as_of":"2023-11-14T22:13:20Z","partial":[],"degraded":["watch"]}}`, text)
	s.UpdatesAsOf = time.Time{}
	text, err = format(Report{WantsStatus: true, Status: s})
	require.NoError(t, err)
	require.Contains(t, text, `"updates_as_of":null`)
}

var hostile = []string{
	"$(touch x)", "`touch x`", "%{A1:touch x:}a%{A}", "#[fg=red]", "#(touch x)", "<span>", "a\nb", "\x1b[31mred", "", "\u202e1.0",
	"1.0\\$(touch x)", strings.Repeat("9", 65), "'; touch x; '", "%F{red}", "{{.node}}", "\xff",
}

// TestFormats_HostileVersions checks that every format shows a question mark for text that is not a version.
func TestFormats_HostileVersions(t *testing.T) {
	for _, name := range []string{"plain", "json", "starship", "waybar", "polybar", "i3blocks", "tmux", "{{.node}}"} {
		format, err := ParseFormat(name)
		require.NoError(t, err)
		bad := node
		want := ""
		for i, version := range hostile {
			bad.Version = version
			bad.Declared = &runtimes.Declaration{Source: "/x/+" + version}
			got, err := format(Report{Runtimes: []runtimes.Active{bad}, Complete: true})
			require.NoError(t, err)
			if i == 0 {
				want = got
				require.Contains(t, got, "?")
			}
			require.Equal(t, want, got, "%s of %q", name, version)
		}
	}
}

func TestFormats_Escapes(t *testing.T) {
	require.Equal(t, "##[fg=red]##(x)", escapeTmux("#[fg=red]#(x)"))
	require.Equal(t, "%%{A1:x:}", escapePolybar("%{A1:x:}"))
	require.Equal(t, "&lt;span a=&#34;&#39;&#34;&gt;&amp;", escapePango(`<span a="'">&`))
}

func TestParseFormat_Wrong(t *testing.T) {
	for _, bad := range []string{"", "xml", "{{.nod}}", "{{node}}", "{{.node", "{{range .x}}", "{{.node}}{{"} {
		_, err := ParseFormat(bad)
		require.Error(t, err, "%q", bad)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, seed := range append(hostile, "{{.node}}", "a{{.go}}{{ .updates }}b", "{{{{.node}}}}") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		format, err := parseTemplate(text)
		if err != nil {
			return
		}
		got, err := format(Report{Runtimes: []runtimes.Active{golang}, Complete: true})
		require.NoError(t, err)
		require.LessOrEqual(t, len(got), len(text)+1)
	})
}

// TestJSON_Partial checks that JSON lists the numbers that may be wrong because a source could not be read, and still
// contains the values of these numbers.
func TestJSON_Partial(t *testing.T) {
	status := func(s LoadedStatus) map[string]any {
		text, err := asJSON(Report{WantsStatus: true, Status: s, Complete: true})
		require.NoError(t, err)
		var document struct{ Status map[string]any }
		require.NoError(t, json.Unmarshal([]byte(text), &document))
		return document.Status
	}
	s := loaded(2, 0, 1, 3)
	for _, c := range []struct {
		name string
		n    *statusfile.Number
	}{
		{"installed", &s.Installed},
		{"explicit", &s.Explicit},
		{"orphans", &s.Orphans},
		{"updates", &s.Updates},
		{"aur_updates", &s.AURUpdates},
		{"vulnerabilities", &s.Vulnerabilities},
	} {
		c.n.Partial = true
		f := status(s)
		require.Equal(t, []any{c.name}, f["partial"])
		require.EqualValues(t, c.n.N, f[c.name])
		c.n.Partial = false
	}
	require.Equal(t, []any{}, status(s)["partial"])
	require.Equal(t, []any{}, status(LoadedStatus{WasRead: true})["partial"], "an unknown number is not a partial one")
}

// TestWaybar_Classes checks the CSS classes for stale numbers, for partial numbers, and for updates, orphans and other
// pending numbers that are not 0.
func TestWaybar_Classes(t *testing.T) {
	classes := func(s LoadedStatus) []string {
		text, err := waybar(Report{WantsStatus: true, Status: s, Complete: true, Runtimes: []runtimes.Active{golang}})
		require.NoError(t, err)
		var document struct{ Class []string }
		require.NoError(t, json.Unmarshal([]byte(text), &document))
		return document.Class
	}
	s := loaded(0, 0, 0, 0)
	require.Equal(t, []string{}, classes(s))
	s.Orphans.Partial = true
	require.Equal(t, []string{"partial"}, classes(s))
	s.Orphans.N = 2
	require.Equal(t, []string{"orphans", "partial"}, classes(s))
	s.Installed.Partial, s.Orphans.Partial = true, false
	require.Equal(t, []string{"orphans"}, classes(s), "a number that is not shown")
	s.Orphans.Partial, s.Fresh = true, false
	require.Equal(t, []string{"stale"}, classes(s))
}

func TestNumbers(t *testing.T) {
	s := loaded(2, 0, 1, 3)
	s.Updates.Partial, s.Explicit = true, statusfile.Number{}
	require.Equal(t, "  updates 2?\n  aur 0\n  vulnerabilities 1\n  orphans 3\n  findings 0\n  explicit ?\n  installed 1200\n", FormatNumbers(s))
}

func TestJSON_OneLine(t *testing.T) {
	text, err := asJSON(Report{Complete: true})
	require.NoError(t, err)
	require.True(t, json.Valid([]byte(text)))
	require.Equal(t, 1, strings.Count(text, "\n"))
}

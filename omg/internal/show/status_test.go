package show

import (
	"bufio"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/wire"
)

func lines(each func(*bufio.Writer)) []string {
	return strings.Split(strings.TrimSuffix(write(each), "\n"), "\n")
}

// TestStatus_Partial checks that exactly the partial counts have a question mark.
func TestStatus_Partial(t *testing.T) {
	n := uint32(4)
	st := &wire.StatusResult{
		Basis: wire.Basis{ConfirmedAt: 1, Partial: true, Sources: []wire.Source{
			{Name: "core", Kind: wire.KindRepository, State: wire.SourceFailed, Why: "cut off"},
			{Name: "extra", Kind: wire.KindRepository, State: wire.SourceStale, Why: "old"},
			{Name: "aur", Kind: wire.KindAUR, State: wire.SourceMissing},
		}},
		Counts: wire.Counts{
			Installed: &n, Explicit: &n, Orphans: &n, OrphansOrOptional: &n, Foreign: &n, Updates: &n, Ignored: &n, Replacements: &n, AURUpdates: &n,
			Security: &wire.SecurityCounts{Vulnerabilities: 2, High: 2, Fixable: 1, InTesting: 1},
		},
	}
	shown := func() []string {
		return lines(func(w *bufio.Writer) { Style{}.PrintStatus(w, st, 0, time.Unix(1, 0)) })
	}
	require.Contains(t, shown(), "Partial         : core failed (numbers with ? may change)")
	certain := shown()
	for name, want := range map[string][]string{
		"installed":        {"Installed       : 4?"},
		"explicit":         {"Explicit        : 4?"},
		"orphans":          {"Orphans         : 4?"},
		"orphans_required": {"Orphans         : 4, and 0? only optionally required"},
		"foreign":          {"Foreign         : 4? not from a repository (AUR or local)"},
		"updates":          {"Updates         : 4? (and 4 ignored)"},
		"ignored":          {"Updates         : 4 (and 4? ignored)"},
		"replacements":     {"Replacements    : 4?"},
		"aur_updates":      {"AUR Updates     : 4?"},
		"security":         {"                  1? fixable, 1 fixed in testing, 0? without a fix"},
		"nothing":          nil,
	} {
		st.PartialCounts = []string{name}
		now := shown()
		var changed []string
		for i := range now {
			if now[i] != certain[i] {
				changed = append(changed, now[i])
			}
		}
		require.Equal(t, want, changed, name)
	}
	require.NotContains(t, strings.Join(certain, "\n"), "4?")
}

func TestMissingSources(t *testing.T) {
	repository := func(name string, state wire.SourceState, why string) wire.Source {
		return wire.Source{Name: name, Kind: wire.KindRepository, State: state, Why: why}
	}
	for _, c := range []struct {
		basis wire.Basis
		want  string
	}{
		{wire.Basis{Sources: []wire.Source{repository("core", wire.SourceMissing, ""), repository("extra", wire.SourceFailed, "cut off")}}, "core missing; extra failed: cut off"},
		{wire.Basis{Sources: []wire.Source{repository("core", wire.SourceStale, "old"), {Name: "aur", Kind: wire.KindAUR, State: wire.SourceFailed}, repository("aur", wire.SourceFailed, "a repository of this name")}}, "aur failed: a repository of this name"},
		{wire.Basis{Why: "local/a-1 is unread", Sources: []wire.Source{repository("core", wire.SourceFailed, "x")}}, "core failed: x; local/a-1 is unread"},
		{wire.Basis{}, "a source could not be read"},
	} {
		require.Equal(t, c.want, MissingSourcesText(&c.basis))
	}
}

func TestSource(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	s := wire.Source{Name: "core", State: wire.SourceFailed, Why: "cut off"}
	require.Equal(t, "core: failed: cut off", SourceStateAndReason(&s))
	require.Equal(t, "core: failed: cut off", DescribeSource(&s, now))
	s = wire.Source{Name: "core", State: wire.SourceOK, Why: "a mirror refused", ChangedAt: now.Unix(), Downloaded: true}
	require.Equal(t, "core (downloaded by omgd): ok: a mirror refused, confirmed by a mirror just now", DescribeSource(&s, now))
	s.Publisher = "RWkey"
	require.Equal(t, "core (pulled): ok: a mirror refused, confirmed by a mirror just now, signed with RWkey", DescribeSource(&s, now))
	require.Equal(t, "the installed packages could not be checked", NotCheckedNote(&wire.Basis{}))
	require.Regexp(t, `^the installed packages could not be checked, last checked \d+ years ago$`, NotCheckedNote(&wire.Basis{ConfirmedAt: 1}))
}

// TestChange checks that the line about a change contains only the counts that differ.
func TestChange(t *testing.T) {
	n := func(v uint32) *uint32 { return &v }
	change := func(before, after wire.Counts) string {
		return write(func(w *bufio.Writer) {
			Style{}.PrintCountChange(w, &before, &wire.CountsHistoryEntry{At: 60, Counts: after})
		})
	}
	security := func(v uint32) *wire.SecurityCounts { return &wire.SecurityCounts{Vulnerabilities: v} }
	const at = "1970-01-01 00:01:00  "
	require.Equal(t, at+"installed 5, vulnerabilities 0\n", change(wire.Counts{}, wire.Counts{Installed: n(5), Security: security(0)}))
	require.Equal(t, at+"installed 5 -> 6, updates 1 -> 0\n", change(wire.Counts{Installed: n(5), Updates: n(1)}, wire.Counts{Installed: n(6), Updates: n(0)}))
	require.Equal(t, at+"updates 1 -> unknown\n", change(wire.Counts{Installed: n(5), Updates: n(1)}, wire.Counts{Installed: n(5)}))
	require.Equal(t, at+"vulnerabilities 2 -> 3\n", change(wire.Counts{Security: security(2)}, wire.Counts{Security: security(3)}))
	require.Equal(t, at+"aur_findings.look 2 -> 3\n", change(
		wire.Counts{AURFindings: &wire.FindingCounts{Act: 1, Look: 2}}, wire.Counts{AURFindings: &wire.FindingCounts{Act: 1, Look: 3}}))
	require.Equal(t, at+"other counts changed\n", change(wire.Counts{Replacements: n(1)}, wire.Counts{Replacements: n(2)}))
}

func TestForeign(t *testing.T) {
	mark := func(level string) *wire.AURMark { return &wire.AURMark{Level: level, Reasons: []string{"recreated"}} }
	for want, p := range map[string]wire.ForeignPackage{
		"a 1 -> 4 [aur]\n":                {State: wire.ForeignUpdate, AURVersion: "4", AURFindings: mark(wire.FindingLevelLook)},
		"a 1 -> 2 [aur]\n":                {State: wire.ForeignUpdate, AURVersion: "2"},
		"a 1 [aur]\n":                     {State: wire.ForeignCurrent, AURVersion: "1"},
		"a 1 [aur] [newer than 0]\n":      {State: wire.ForeignInstalledNewer, AURVersion: "0"},
		"a 1 [aur] [unknown (VCS)]\n":     {State: wire.ForeignVCS, AURVersion: "0"},
		"a 1 [aur] [gone from the AUR]\n": {State: wire.ForeignGone},
		"a 1 [aur] [unknown]\n":           {State: wire.ForeignUnknown},
		"a 1 [aur] [out of date since 1970-01-02] [orphan] [ignored]\n": {State: wire.ForeignCurrent, OutOfDate: 86400, Orphan: true, Ignored: true},
	} {
		p.Name, p.Installed = "a", "1"
		require.Equal(t, want, write(func(w *bufio.Writer) { Style{}.PrintForeign(w, &p) }))
	}
}

func TestRuntimes(t *testing.T) {
	for want, r := range map[string]wire.Runtime{
		"node 20.1.0 (nvm)\n": {Runtime: "node", Version: "20.1.0", Manager: "nvm"},
		"node 20.1.0 [not installed] by /p/.node-version: 20.1.0\n":        {Runtime: "node", Version: "20.1.0", Missing: true, Wanted: "20.1.0", WantedKind: "pin", WantedSource: "/p/.node-version"},
		"go 1.26.0 (system) by /p/go.mod: 1.24 (floor)\n":                  {Runtime: "go", Version: "1.26.0", Manager: "system", Wanted: "1.24", WantedKind: "floor", WantedSource: "/p/go.mod"},
		"node 18.1.0 (nvm) and not as declared by /p/.nvmrc: 20 (range)\n": {Runtime: "node", Version: "18.1.0", Manager: "nvm", Differs: true, Wanted: "20", WantedKind: "range", WantedSource: "/p/.nvmrc"},
		"go 1\ufffd (a\ufffd) by s\ufffd: w\ufffd (k\ufffd)\n":             {Runtime: "go", Version: "1\n", Manager: "a\n", Wanted: "w\n", WantedKind: "k\n", WantedSource: "s\n"},
	} {
		require.Equal(t, want, write(func(w *bufio.Writer) { Style{}.PrintRuntime(w, &r) }))
	}
	for want, v := range map[string]backend.RuntimeVersion{
		"* node 20.1.0 lts (nvm) /n/20\n": {Runtime: "node", Version: "20.1.0", Alias: "lts", Manager: "nvm", Path: "/n/20", Active: true},
		"  go 1.26.0 (system)\n":          {Runtime: "go", Version: "1.26.0", Manager: "system"},
	} {
		require.Equal(t, want, write(func(w *bufio.Writer) { Style{}.PrintRuntimeVersion(w, &v) }))
	}
}

// TestStatus_Findings checks that notes alone are not shown, that unknown findings are, and that an uncertain zero is not left out.
func TestStatus_Findings(t *testing.T) {
	for _, c := range []struct {
		counts  *wire.FindingCounts
		partial bool
		want    string
	}{
		{nil, false, "AUR Findings    : unknown (see omg aur check)"},
		{&wire.FindingCounts{}, false, ""},
		{&wire.FindingCounts{Note: 3}, false, ""},
		{&wire.FindingCounts{Look: 1, Note: 3}, false, "AUR Findings    : 1 to look at, 3 with notes (see omg aur check)"},
		{&wire.FindingCounts{Act: 2}, false, "AUR Findings    : 2 to act on (see omg aur check)"},
		{&wire.FindingCounts{Note: 1}, true, "AUR Findings    : 0? to act on, 0? to look at, 1? with notes (see omg aur check)"},
	} {
		st := &wire.StatusResult{Counts: wire.Counts{AURFindings: c.counts}}
		if c.partial {
			st.PartialCounts = []string{"aur_findings"}
		}
		shown := ""
		for _, line := range lines(func(w *bufio.Writer) { Style{}.PrintStatus(w, st, 0, time.Unix(1, 0)) }) {
			if strings.HasPrefix(line, "AUR Findings") {
				shown = line
			}
		}
		require.Equal(t, c.want, shown)
	}
}

// TestMarks checks that a package's fields end with the level and the reasons of the findings about it.
func TestMarks(t *testing.T) {
	pkg := wire.Package{Name: "a", Version: "1-1", AURFindings: &wire.AURMark{Level: "look", Reasons: []string{"recreated", "x\n"}}}
	const line = "AUR Findings    : look: recreated, x\ufffd (see omg aur check)\n\n"
	require.True(t, strings.HasSuffix(write(func(w *bufio.Writer) { Style{}.PrintInfo(w, &pkg) }), line))
	require.True(t, strings.HasSuffix(write(func(w *bufio.Writer) { Style{}.PrintInstalled(w, &wire.InstalledPackage{Package: pkg}) }), line))
}

// TestStatus_EveryCount checks that every count of a status is printed.
func TestStatus_EveryCount(t *testing.T) {
	counts := reflect.TypeFor[wire.Counts]()
	for i := range counts.NumField() {
		var c wire.Counts
		v := reflect.ValueOf(&c).Elem().Field(i)
		v.Set(reflect.New(v.Type().Elem()))
		if v.Elem().Kind() == reflect.Struct {
			v.Elem().Field(0).SetUint(77_777)
		} else {
			v.Elem().SetUint(77_777)
		}
		out := write(func(w *bufio.Writer) { Style{}.PrintStatus(w, &wire.StatusResult{Counts: c}, 0, time.Unix(0, 0)) })
		require.Contains(t, out, "77777", counts.Field(i).Name)
	}
}

func TestDescribeRefresh(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	in := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for want, s := range map[string]wire.SourceRefresh{
		"aur: up to date, next request in 23 hours": {State: wire.RefreshDone, NextRequestAt: in(23 * time.Hour)},
		"aur: up to date": {State: wire.RefreshDone},
		"aur: failed: refused, next request in less than a minute":       {State: wire.RefreshFailed, Why: "refused", NextRequestAt: in(5 * time.Second)},
		"aur: the request is still running: omg status shows the result": {State: wire.RefreshRunning},
		"aur: no new request: the last request was 1 minute ago, and the next one is possible in 2 hours": {
			State: wire.RefreshRecent, LastRequestAt: in(-time.Minute), AllowedAt: in(2 * time.Hour),
		},
		"aur: no new request: the last request was just now and has failed: refused, and the next one is possible in less than a minute": {
			State: wire.RefreshRecent, Why: "refused", LastRequestAt: in(0), AllowedAt: in(30 * time.Second),
		},
	} {
		s.Name = "aur"
		require.Equal(t, want, DescribeRefresh(&s, now))
	}
}

// TestNextRequestText checks that a time in the past is not shown: the request is being sent.
func TestNextRequestText(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	require.Empty(t, NextRequestText(0, now))
	require.Empty(t, NextRequestText(now.Unix(), now))
	require.Equal(t, "next request in 1 day", NextRequestText(now.Add(25*time.Hour).Unix(), now))
}

func TestPulledLines(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	p := &wire.PulledStatus{NextRequestAt: now.Unix() + 120, LastError: "no server"}
	require.Equal(t, []string{"nothing yet, next request in 2 minutes", "the last pull has failed: no server"}, pulledLines(p, now))
	p = &wire.PulledStatus{
		Publisher: "RWkey", Sequence: 7, Created: now.Unix() - 7200, Expires: now.Unix() + 7200, Mirror: "https://example.org/omg", ConfirmedAt: now.Unix() - 60,
		Bytes: 2 << 20, Patches: 5, Whole: 2,
	}
	require.Equal(t, []string{
		"sequence 7, published 2 hours ago, expires in 2 hours, confirmed by a mirror 1 minute ago",
		"from https://example.org/omg, signed with RWkey",
		"2.0 MiB received, 5 as patches, 2 as a whole",
	}, pulledLines(p, now))
	p.Expires = now.Unix() - 7200
	require.Contains(t, pulledLines(p, now)[0], "expired 2 hours ago")
}

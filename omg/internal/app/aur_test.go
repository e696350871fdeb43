package app

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// monday is the time of the first observation in these tests.
var monday = time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC).Unix()

const dayLength = 24 * 60 * 60

// day returns the interval between two observations: one on a day after monday, and one on the next day.
func day(n int64) backend.Interval {
	return backend.NewInterval(monday+n*dayLength, monday+(n+1)*dayLength)
}

// Events of these tests, and the lines that aur log prints for them.
var (
	changedEvent = backend.AUREvent{
		Base: "other", Event: "maintainer-changed", From: new("alice"), To: new("bob\x1b[31m"), Between: day(0), Source: "dump",
	}
	orphanedEvent = backend.AUREvent{Base: "yay", Event: "orphaned", From: new("carol"), Between: day(0), Source: "dump"}
	flaggedEvent  = backend.AUREvent{Base: "base", Event: "flagged-out-of-date", To: new("2026-09-22T18:30:00Z"), Between: day(1), Source: "dump"}
)

const (
	changedLine  = "2026-09-21 12:00 to 2026-09-22 12:00  other  maintainer changed: alice -> bob\uFFFD[31m\n"
	orphanedLine = "2026-09-21 12:00 to 2026-09-22 12:00  yay  orphaned: carol\n"
	flaggedLine  = "2026-09-22 12:00 to 2026-09-23 12:00  base  flagged out of date: 2026-09-22 18:30\n"
)

// aurLog returns a backend whose journal has observations of two days and the given events.
func aurLog(events ...backend.AUREvent) fake {
	observed := backend.Interval{day(0)[0], day(1)[1]}
	return fake{aurLog: &backend.AURLogResult{
		JournalReading: backend.JournalReading{Path: "/index/aur.omgjournal", Observed: &observed, CompleteSince: &observed[0]}, Events: events,
	}}
}

func TestAURLog(t *testing.T) {
	f := aurLog(changedEvent, orphanedEvent, flaggedEvent)
	for name, c := range map[string]struct {
		args  []string
		asked backend.AURLogRequest
		want  string
	}{
		"the installed foreign packages": {nil, backend.AURLogRequest{Names: []string{}}, changedLine + orphanedLine + flaggedLine},
		"all packages":                   {[]string{"--all"}, backend.AURLogRequest{All: true, Names: []string{}}, changedLine + orphanedLine + flaggedLine},
		"named packages":                 {[]string{"yay", "aur/part"}, backend.AURLogRequest{Names: []string{"yay", "part"}}, changedLine + orphanedLine + flaggedLine},
		"since a date": {
			[]string{"--since", "2026-09-23"},
			backend.AURLogRequest{Names: []string{}, Since: monday + dayLength + dayLength/2},
			changedLine + orphanedLine + flaggedLine,
		},
		"names only": {[]string{"-q"}, backend.AURLogRequest{Names: []string{}}, "other\nyay\nbase\n"},
		"a template": {
			[]string{"--format", "{{.pkgbase}} {{.event}} {{.from}}/{{.to}} {{index .between 1}}"},
			backend.AURLogRequest{Names: []string{}},
			"other maintainer-changed alice/bob\uFFFD[31m 2026-09-22T12:00:00Z\nyay orphaned carol/ 2026-09-22T12:00:00Z\n" +
				"base flagged-out-of-date /2026-09-22T18:30:00Z 2026-09-23T12:00:00Z\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr, after := f.runBackend(t, append([]string{"aur", "log"}, c.args...)...)
			require.Equal(t, exit.OK, code, stderr)
			require.Equal(t, c.want, stdout)
			require.Equal(t, &c.asked, after.logged)
			require.Regexp(t, `^(omg: note: the journal's last observation of the AUR was .* ago\n)?$`, stderr)
		})
	}
}

func TestAURLog_JSON(t *testing.T) {
	code, stdout, stderr := aurLog(changedEvent).run(t, "aur", "log", "--json", "other")
	require.Equal(t, exit.OK, code, stderr)
	require.Equal(t, `{"schema":1,"generation":0,"at":0,"journal":"/index/aur.omgjournal",`+
		`"observed":["2026-09-21T12:00:00Z","2026-09-23T12:00:00Z"],"complete_since":"2026-09-21T12:00:00Z","events":[`+
		`{"pkgbase":"other","event":"maintainer-changed","from":"alice","to":"bob\u001b[31m",`+
		`"between":["2026-09-21T12:00:00Z","2026-09-22T12:00:00Z"],"source":"dump"}]}`+"\n", stdout)
	code, stdout, _ = aurLog().run(t, "aur", "log", "--json", "nosuch")
	require.Equal(t, exit.NotFound, code)
	require.Contains(t, stdout, `"events":[]`)
}

func TestAURLog_Nothing(t *testing.T) {
	partial := aurLog()
	partial.aurLog.Basis = wire.Basis{Partial: true, Why: "core is missing"}
	damaged := aurLog()
	damaged.aurLog.Problem, damaged.aurLog.Incomplete = "the journal is damaged: 1 entry cannot be read", true
	empty := aurLog()
	empty.aurLog.Observed = nil
	for _, c := range []struct {
		fake fake
		args []string
		code int
		want string
	}{
		{aurLog(), []string{"nosuch"}, exit.NotFound, "omg: error: no events for \"nosuch\" after 2026-09-21 12:00:00\n"},
		{aurLog(), []string{"--all", "--since", "2026-10-01"}, exit.NotFound, "omg: error: no events after 2026-10-01 00:00:00\n"},
		{empty, []string{"--all"}, exit.Network, "omg: error: the journal does not contain an observation of the AUR yet\n"},
		{partial, nil, exit.Failed, "omg: note: partial: core is missing\n"},
		{damaged, nil, exit.Network, "omg: note: /index/aur.omgjournal: the journal is damaged: 1 entry cannot be read\n"},
		{fake{errs: map[string]error{"aur log": errors.New("no databases")}}, nil, exit.Failed, "omg: error: no databases\n"},
		{fake{}, []string{"--all", "yay"}, exit.Usage, "--all cannot be combined with the names of packages"},
		{fake{}, []string{"--since", "yesterday"}, exit.Usage, "--since is a date such as 2026-09-20"},
		{fake{}, []string{"--since", "d"}, exit.Usage, "--since is a date such as 2026-09-20"},
		{fake{}, []string{"--since", "9999999d"}, exit.Usage, "--since is a date such as 2026-09-20"},
		{fake{}, []string{"a b"}, exit.Usage, `"a b" is not the name of a package`},
	} {
		code, stdout, stderr := c.fake.run(t, append([]string{"aur", "log"}, c.args...)...)
		require.Equal(t, c.code, code, c.args)
		require.Empty(t, stdout, c.args)
		require.Contains(t, stderr, c.want)
	}
}

func TestAURLog_Refused(t *testing.T) {
	f := aurLog(orphanedEvent)
	f.aurLog.LastRefused = true
	code, stdout, stderr := f.run(t, "aur", "log", "--all")
	require.Equal(t, exit.OK, code)
	require.Equal(t, orphanedLine, stdout)
	require.Contains(t, stderr, "omg: note: the last dump of the AUR was not used: it was probably incomplete\n")
}

func TestParseSince(t *testing.T) {
	now := time.Unix(monday, 0)
	for value, want := range map[string]int64{
		"": 0, "12h": monday - 12*3600, "7d": monday - 7*dayLength, "4w": monday - 28*dayLength, "0d": monday,
		"2026-09-20": monday - dayLength - 12*3600, "2026-09-20T12:00:00+02:00": monday - dayLength - 2*3600,
	} {
		got, err := parseSince(value, now)
		require.NoError(t, err, value)
		require.Equal(t, want, got, value)
	}
}

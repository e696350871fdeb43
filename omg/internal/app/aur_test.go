package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// monday is the time of the first observation in the journals of these tests.
var monday = time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC).Unix()

const dayLength = 24 * 60 * 60

// writeJournal writes a journal into a data directory. The journal has three observations, one per day: a baseline and two
// with events.
func writeJournal(t *testing.T, data string, more ...*journal.Entry) (path string) {
	t.Helper()
	path = filepath.Join(paths.IndexDir(data), journal.FileName)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	w, err := journal.OpenWriter(path, func(*journal.Entry) error { return nil })
	require.NoError(t, err)
	observation := func(day int64, outcome journal.Outcome) journal.Observation {
		to := monday + day*dayLength
		from := to
		if outcome == journal.OutcomeCompared {
			from -= dayLength
		}
		return journal.Observation{Outcome: outcome, Source: journal.SourceDump, Between: journal.Interval{From: from, To: to}}
	}
	for _, e := range append([]*journal.Entry{
		{Observation: observation(0, journal.OutcomeBaseline)},
		{Observation: observation(1, journal.OutcomeCompared), Events: []journal.Event{
			{Base: "other", Kind: journal.EventMaintainerChanged, From: "alice", To: "bob\x1b[31m"},
			{Base: "yay", Kind: journal.EventOrphaned, From: "carol"},
		}},
		{Observation: observation(2, journal.OutcomeCompared), Events: []journal.Event{
			{Base: "base", Kind: journal.EventFlaggedOutOfDate, To: "2026-09-22T18:30:00Z"},
			{Base: "yay", Kind: journal.EventAdopted, To: "dave"},
		}},
	}, more...) {
		require.NoError(t, w.Append(e))
	}
	require.NoError(t, w.Close())
	return path
}

// aurHome makes an empty home directory and returns its data directory of omg.
func aurHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	for _, name := range []string{"XDG_DATA_HOME", "OMG_INDEX", "NO_COLOR"} {
		t.Setenv(name, "")
	}
	return filepath.Join(home, ".local/share/omg")
}

// The lines that aur log prints for the events in the journal of writeJournal.
const (
	otherLine   = "2026-09-21 12:00 to 2026-09-22 12:00  other  maintainer changed: alice -> bob\uFFFD[31m\n"
	yayLine     = "2026-09-21 12:00 to 2026-09-22 12:00  yay  orphaned: carol\n"
	baseLine    = "2026-09-22 12:00 to 2026-09-23 12:00  base  flagged out of date: 2026-09-22 18:30\n"
	adoptedLine = "2026-09-22 12:00 to 2026-09-23 12:00  yay  adopted: dave\n"
)

// foreignPackages returns a list of installed foreign packages.
func foreignPackages() *wire.InstalledResult {
	return &wire.InstalledResult{Packages: []wire.InstalledPackage{
		{Package: wire.Package{Name: "yay"}}, {Package: wire.Package{Name: "part", Base: "base"}}, {Package: wire.Package{Name: "own"}},
	}}
}

// notInstalledError returns a backend that finds no package, neither among the installed packages nor in the AUR.
func notInstalled() fake { return fake{installed: &wire.InstalledResult{}, info: &wire.InfoResult{}} }

func TestAURLog(t *testing.T) {
	writeJournal(t, aurHome(t))
	for name, c := range map[string]struct {
		args []string
		fake fake
		want string
	}{
		"the installed foreign packages": {nil, fake{installed: foreignPackages()}, yayLine + baseLine + adoptedLine},
		"all packages":                   {[]string{"--all"}, fake{}, otherLine + yayLine + baseLine + adoptedLine},
		"a package base":                 {[]string{"other"}, notInstalled(), otherLine},
		"a package of a package base": {
			[]string{"aur/part"}, fake{installed: &wire.InstalledResult{}, info: &wire.InfoResult{Packages: []wire.Package{{Name: "part", Base: "base"}}}}, baseLine,
		},
		"an installed package of a package base": {[]string{"part", "yay"}, fake{installed: foreignPackages()}, yayLine + baseLine + adoptedLine},
		"two packages":                           {[]string{"yay", "other"}, notInstalled(), otherLine + yayLine + adoptedLine},
		"since a date":                           {[]string{"--all", "--since", "2026-09-23"}, fake{}, baseLine + adoptedLine},
		"since a time":                           {[]string{"--all", "--since", "2026-09-22T12:00:00Z"}, fake{}, otherLine + yayLine + baseLine + adoptedLine},
		"since a second ago":                     {[]string{"--all", "--since", "2026-09-22T12:00:01Z"}, fake{}, baseLine + adoptedLine},
		"names only":                             {[]string{"--all", "-q"}, fake{}, "other\nyay\nbase\nyay\n"},
		"a template": {
			[]string{"--all", "--format", "{{.pkgbase}} {{.event}} {{.from}}/{{.to}} {{index .between 1}}"},
			fake{},
			"other maintainer-changed alice/bob\uFFFD[31m 2026-09-22T12:00:00Z\nyay orphaned carol/ 2026-09-22T12:00:00Z\n" +
				"base flagged-out-of-date /2026-09-22T18:30:00Z 2026-09-23T12:00:00Z\nyay adopted /dave 2026-09-23T12:00:00Z\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := c.fake.run(t, append([]string{"aur", "log"}, c.args...)...)
			require.Equal(t, exit.OK, code, stderr)
			require.Equal(t, c.want, stdout)
			require.Regexp(t, `^(omg: note: the journal's last observation of the AUR was .* ago\n)?$`, stderr)
		})
	}
}

func TestAURLog_JSON(t *testing.T) {
	path := writeJournal(t, aurHome(t))
	code, stdout, stderr := notInstalled().run(t, "aur", "log", "--json", "other")
	require.Equal(t, exit.OK, code, stderr)
	require.Equal(t, `{"schema":1,"journal":"`+path+`","observed":["2026-09-21T12:00:00Z","2026-09-23T12:00:00Z"],"events":[`+
		`{"pkgbase":"other","event":"maintainer-changed","from":"alice","to":"bob\u001b[31m",`+
		`"between":["2026-09-21T12:00:00Z","2026-09-22T12:00:00Z"],"source":"dump"}]}`+"\n", stdout)
	code, stdout, _ = notInstalled().run(t, "aur", "log", "--json", "nosuch")
	require.Equal(t, exit.NotFound, code)
	require.True(t, json.Valid([]byte(stdout)))
	require.Contains(t, stdout, `"events":[]`)
}

func TestAURLog_Nothing(t *testing.T) {
	aurHome(t)
	data := t.TempDir()
	code, stdout, stderr := fake{}.run(t, "aur", "log", "--all")
	require.Equal(t, exit.Failed, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "omg: error: no journal of the AUR in ")
	require.Contains(t, stderr, "omg: hint: omgd begins a journal when it downloads the next dump of the AUR\n")

	writeJournal(t, data)
	for _, c := range []struct {
		fake fake
		args []string
		code int
		want string
	}{
		{notInstalled(), []string{"nosuch"}, exit.NotFound, "omg: error: no events after 2026-09-21 12:00:00\n"},
		{fake{}, []string{"--all", "--since", "2026-10-01"}, exit.NotFound, "omg: error: no events after 2026-10-01 00:00:00\n"},
		{fake{installed: &wire.InstalledResult{Basis: wire.Basis{Partial: true, Why: "core is missing"}}}, nil, exit.Failed, "omg: note: partial: "},
		{fake{errs: map[string]error{"installed": errors.New("no databases")}}, nil, exit.Failed, "omg: error: no databases\n"},
		{fake{}, []string{"--all", "yay"}, exit.Usage, "--all excludes the names of packages"},
		{fake{}, []string{"--since", "yesterday"}, exit.Usage, "--since is a date such as 2026-09-20"},
		{fake{}, []string{"--since", "d"}, exit.Usage, "--since is a date such as 2026-09-20"},
		{fake{}, []string{"--since", "9999999d"}, exit.Usage, "--since is a date such as 2026-09-20"},
		{fake{}, []string{"a b"}, exit.Usage, `"a b" is not the name of a package`},
	} {
		code, stdout, stderr := c.fake.run(t, append([]string{"--data-dir", data, "aur", "log"}, c.args...)...)
		require.Equal(t, c.code, code, c.args)
		require.Empty(t, stdout, c.args)
		require.Contains(t, stderr, c.want)
	}
}

// TestAURLog_NoDatabases checks that the events of a package base can be listed on a machine without pacman.
func TestAURLog_NoDatabases(t *testing.T) {
	writeJournal(t, aurHome(t))
	code, stdout, stderr := fake{errs: map[string]error{"info": errors.New("no databases"), "installed": errors.New("no databases")}}.run(t, "aur", "log", "other")
	require.Equal(t, exit.OK, code)
	require.Equal(t, otherLine, stdout)
	require.Contains(t, stderr, "omg: note: the package bases of other are unknown: no databases\n")
}

// TestAURLog_Damaged checks that the readable entries of a damaged journal are used, and that a note or an error describes
// the damage.
func TestAURLog_Damaged(t *testing.T) {
	path := writeJournal(t, aurHome(t))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		content      string
		code         int
		stdout, want string
	}{
		"cut off":       {string(content[:len(content)-3]), exit.OK, otherLine + yayLine, "the last entry of the journal is incomplete"},
		"an entry":      {strings.Replace(string(content), "alice", "alicE", 1), exit.OK, baseLine + adoptedLine, "1 entry cannot be read"},
		"not a journal": {"precious", exit.Failed, "", "not a journal of the AUR"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, []byte(c.content), 0o644))
			code, stdout, stderr := fake{}.run(t, "aur", "log", "--all")
			require.Equal(t, c.code, code)
			require.Equal(t, c.stdout, stdout)
			require.Contains(t, stderr, path)
			require.Contains(t, stderr, c.want)
		})
	}
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(content), "alice", "alicE", 1)), 0o644))
	code, _, _ := notInstalled().run(t, "aur", "log", "other")
	require.Equal(t, exit.Failed, code, "the events may be in the damaged entry")
}

func TestAURLog_Refused(t *testing.T) {
	refused := &journal.Entry{Observation: journal.Observation{
		Outcome: journal.OutcomeRefused, Source: journal.SourceDump, Between: journal.Interval{From: monday, To: monday + 9*dayLength},
	}}
	writeJournal(t, aurHome(t), refused)
	code, stdout, stderr := fake{}.run(t, "aur", "log", "--all", "--since", "2026-09-23")
	require.Equal(t, exit.OK, code)
	require.Equal(t, baseLine+adoptedLine, stdout)
	require.Contains(t, stderr, "omg: note: the last dump of the AUR was not used: it was probably incomplete\n")
}

// TestAURLog_Which checks which journal is read if several journals exist.
func TestAURLog_Which(t *testing.T) {
	home, named := aurHome(t), t.TempDir()
	writeJournal(t, home)
	there := writeJournal(t, named)
	read := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := fake{}.run(t, append(args, "aur", "log", "--all", "--json")...)
		require.Equal(t, exit.OK, code, stderr)
		var log struct{ Journal string }
		require.NoError(t, json.Unmarshal([]byte(stdout), &log))
		return log.Journal
	}
	require.Equal(t, filepath.Join(home, "index", journal.FileName), read())
	require.Equal(t, there, read("--data-dir", named))
	require.Equal(t, there, read("--index", filepath.Dir(there)))
	require.Equal(t, there, read("--index", filepath.Join(filepath.Dir(there), "aur.omgidx")))
	t.Setenv("OMG_INDEX", filepath.Dir(there))
	require.Equal(t, there, read())

	older := filepath.Join(home, "index", journal.FileName)
	require.NoError(t, os.Chtimes(older, time.Time{}, time.Unix(monday, 0)))
	t.Setenv("OMG_INDEX", fmt.Sprintf("%s:%s", filepath.Dir(older), filepath.Dir(there)))
	require.Equal(t, there, read(), "the most recently written journal")
	require.NoError(t, os.Chmod(there, 0o666))
	code, _, stderr := fake{}.run(t, "aur", "log", "--all")
	require.Equal(t, exit.Failed, code)
	require.Contains(t, stderr, "other users can write it")
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

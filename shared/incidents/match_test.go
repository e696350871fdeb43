package incidents

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// at returns the time at which a day of June 2026 begins, in Unix seconds.
func at(day int) int64 { return time.Date(2026, 6, day, 0, 0, 0, 0, time.UTC).Unix() }

// later is a time long after the incident of entry.
var later = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)

// TestMatch_Dates checks which builds match an incident of 9 to 16 June 2026. The cases with 0 are the false alarms of lists without
// dates.
func TestMatch_Dates(t *testing.T) {
	l, err := Parse("x.toml", []byte(header+entry))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		p    Package
		want Kind
	}{
		"built on the first day":                      {Package{Name: "evil", BuildDate: at(9), InstallDate: at(9)}, KindInstalled},
		"built on the last day":                       {Package{Name: "evil", BuildDate: at(17) - 1, InstallDate: at(17) - 1}, KindInstalled},
		"built on the last day, installed later":      {Package{Name: "evil", BuildDate: at(16), InstallDate: at(30)}, KindInstalled},
		"another name of the incident":                {Package{Name: "part-of-evil", BuildDate: at(10), InstallDate: at(10)}, KindInstalled},
		"a package of the package base":               {Package{Name: "evil-docs", Base: "evil", BuildDate: at(10), InstallDate: at(10)}, KindInstalled},
		"built in the window, install date unknown":   {Package{Name: "evil", BuildDate: at(10)}, KindInstalled},
		"another package":                             {Package{Name: "evil2", Base: "evil2", BuildDate: at(10), InstallDate: at(10)}, 0},
		"a package that only begins like it":          {Package{Name: "evil-git", Base: "evil-git", BuildDate: at(10), InstallDate: at(10)}, 0},
		"built years before, as linux-lqx in 2021":    {Package{Name: "evil", BuildDate: at(9) - 5*365*86400, InstallDate: at(9) - 5*365*86400}, 0},
		"built the day before":                        {Package{Name: "evil", BuildDate: at(9) - 1, InstallDate: at(9) - 1}, 0},
		"an old build, installed again in the window": {Package{Name: "evil", BuildDate: at(1), InstallDate: at(12)}, 0},
		"a clean rebuild the day after":               {Package{Name: "evil", BuildDate: at(17), InstallDate: at(17)}, 0},
		"a clean rebuild, as firefox-pure":            {Package{Name: "evil", BuildDate: at(30), InstallDate: at(30)}, 0},
		"installed before, with a wrong build date":   {Package{Name: "evil", BuildDate: at(10), InstallDate: at(8)}, 0},
		"both dates unknown":                          {Package{Name: "evil"}, KindUnknownDate},
		"build date unknown, installed in the window": {Package{Name: "evil", InstallDate: at(12)}, KindUnknownDate},
		"build date unknown, installed later":         {Package{Name: "evil", InstallDate: at(30)}, KindUnknownDate},
		"build date unknown, installed before":        {Package{Name: "evil", InstallDate: at(8)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c.p.Version = "1-1"
			requireKind(t, c.want, l, &c.p, later)
		})
	}
}

// requireKind checks how a package matches the only incident of a list.
func requireKind(t *testing.T, want Kind, l *List, p *Package, now time.Time) {
	t.Helper()
	found := l.Match(p, now)
	if want == 0 {
		require.Empty(t, found)
		return
	}
	require.Equal(t, []Match{{want, &l.Incidents[0], l}}, found)
}

// TestMatch_Versions checks that versions are compared as pacman compares them, and that they do not replace the dates.
func TestMatch_Versions(t *testing.T) {
	for versions, c := range map[string]struct{ match, differ []string }{
		`versions = ["1.0-1", "1.0-2"]`:                       {[]string{"1.0-1", "1.0-2", "1.0"}, []string{"1.0-3", "1.1-1", "1:1.0-1", "1.0.1-1"}},
		`versions = ["1.0"]`:                                  {[]string{"1.0-1", "1.0-9"}, []string{"1.1-1"}},
		`first_version = "1:1.2-1"`:                           {[]string{"1:1.2-1", "1:1.10-1", "2:0-1"}, []string{"1:1.1-9", "9.9-1"}},
		`last_version = "1.2-1"`:                              {[]string{"1.2-1", "1.2rc1-1", "0-1"}, []string{"1.2-2", "1.10-1", "1:0-1"}},
		"first_version = \"1.2-1\"\nlast_version = \"1.9-1\"": {[]string{"1.2-1", "1.5-1", "1.9-1"}, []string{"1.1-1", "1.10-1"}},
		"versions = [\"3-1\"]\nfirst_version = \"1-1\"\nlast_version = \"2-1\"\n": {[]string{"1-1", "2-1", "3-1"}, []string{"2.5-1", "4-1"}},
	} {
		l, err := Parse("x.toml", []byte(header+entry+versions))
		require.NoError(t, err)
		for _, v := range c.match {
			requireKind(t, KindInstalled, l, &Package{Name: "evil", Version: v, BuildDate: at(10), InstallDate: at(10)}, later)
			requireKind(t, KindUnknownDate, l, &Package{Name: "evil", Version: v}, later)
			requireKind(t, 0, l, &Package{Name: "evil", Version: v, BuildDate: at(20), InstallDate: at(20)}, later)
		}
		for _, v := range c.differ {
			requireKind(t, 0, l, &Package{Name: "evil", Version: v, BuildDate: at(10), InstallDate: at(10)}, later)
			requireKind(t, 0, l, &Package{Name: "evil", Version: v}, later)
		}
	}
}

// TestMatch_Now checks that a package that is not installed, or whose build is clean, matches while a harmful build can be had.
func TestMatch_Now(t *testing.T) {
	l, err := Parse("x.toml", []byte(header+entry))
	require.NoError(t, err)
	during, first, last := time.Unix(at(12), 0), time.Unix(at(9), 0), time.Unix(at(17)-1, 0)
	for _, now := range []time.Time{during, first, last} {
		requireKind(t, KindNow, l, &Package{Name: "evil"}, now)
		requireKind(t, KindNow, l, &Package{Name: "evil", Version: "1-1", BuildDate: at(1), InstallDate: at(1)}, now)
		requireKind(t, KindInstalled, l, &Package{Name: "evil", Version: "1-1", BuildDate: at(9), InstallDate: at(9)}, now)
		requireKind(t, 0, l, &Package{Name: "other"}, now)
	}
	for _, now := range []time.Time{first.Add(-time.Second), last.Add(time.Second), later} {
		requireKind(t, 0, l, &Package{Name: "evil"}, now)
	}
}

// TestMatch_SeveralIncidents checks that a package can match several incidents, each of them once.
func TestMatch_SeveralIncidents(t *testing.T) {
	l, err := Parse("x.toml", []byte(header+entry+entry))
	require.NoError(t, err)
	found := l.Match(&Package{Name: "part-of-evil", Base: "evil", Version: "1-1", BuildDate: at(10), InstallDate: at(10)}, later)
	require.Equal(t, []Match{{KindInstalled, &l.Incidents[0], l}, {KindInstalled, &l.Incidents[1], l}}, found)
}

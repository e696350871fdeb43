package answers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// judged is the data of a generated system that a tracker's records were judged
// for.
func judged(t testing.TB, records func(inv *inventory.Inventory) []advisories.Record) *Data {
	t.Helper()
	d := generated(t, fixture.Options{Packages: 300, Installed: 60, Seed: 3})
	d.At = 1_700_000_000
	s, err := Assess(&Tracker{Records: records(d.Inventory), At: time.Now().Unix(), StaleAfter: time.Hour}, d.Inventory, d.Set)
	require.NoError(t, err)
	d.Security = s
	return d
}

func security(t testing.TB, d *Data, names ...string) (first wire.SecurityResult, packages []wire.VulnerablePackage) {
	t.Helper()
	for i, b := range parts(t, func(e Emit) error { return d.Advisories(&wire.SecurityRequest{Packages: names}, e) }) {
		var part wire.SecurityResult
		require.NoError(t, msgpack.Unmarshal(b, &part))
		if i == 0 {
			first = part
		}
		packages = append(packages, part.Packages...)
	}
	return first, packages
}

// about is a record of a package.
func about(name, severity, affected, fixed string, status advisories.Status, packages ...string) advisories.Record {
	s, _ := advisories.ParseSeverity(severity)
	return advisories.Record{
		Name: name, Packages: packages, Status: status, Severity: s, Affected: affected, FixedIn: fixed, Issues: []string{"CVE-" + name[4:]},
	}
}

// TestAdvisories follows records to each place that speaks of them.
func TestAdvisories(t *testing.T) {
	var fixable, affected, foreign string
	d := judged(t, func(inv *inventory.Inventory) []advisories.Record {
		require.NotEmpty(t, inv.Outdated.Updates)
		require.NotEmpty(t, inv.Foreign)
		update := inv.Outdated.Updates[0]
		fixable, foreign = update.Name, inv.Foreign[0].Name
		for _, p := range inv.Local.Packages {
			if p.Name != fixable && !slices.Contains(inv.Foreign, p) {
				affected = p.Name
			}
		}
		return []advisories.Record{
			about("AVG-1", "High", update.Installed, update.Version, advisories.Fixed, fixable),
			about("AVG-2", "Critical", "0-1", "", advisories.Vulnerable, fixable),
			about("AVG-3", "Medium", inv.Versions[affected], "", advisories.Vulnerable, affected, "is-not-installed"),
			about("AVG-4", "Unknown", inv.Versions[affected], "99999:1-1", advisories.Testing, affected),
			about("AVG-5", "Low", inv.Versions[foreign], "", advisories.Vulnerable, foreign),
			about("AVG-6", "Critical", "99999:1-1", "", advisories.NotAffected, foreign),
		}
	})
	first, packages := security(t, d)
	require.EqualValues(t, 7, first.Generation)
	require.EqualValues(t, 1_700_000_000, first.At)
	require.False(t, first.Stale)
	require.Equal(t, wire.SourceTracker, first.Sources[0].Name)
	require.Equal(t, wire.SourceOK, first.Sources[0].State)
	require.Len(t, first.Sources, 4)
	require.Len(t, packages, 3)
	lines := []string{}
	for _, p := range packages {
		for _, a := range p.Advisories {
			lines = append(lines, fmt.Sprintf("%s %t %s %s %s %t", p.Name, p.Foreign, a.Name, a.Severity, a.Verdict, a.Counted))
		}
	}
	require.Equal(t, []string{
		fixable + " false AVG-1 High fixable true", fixable + " false AVG-2 Critical unconfirmed false",
		affected + " false AVG-3 Medium affected true", affected + " false AVG-4 Unknown fixed-in-testing true",
		foreign + " true AVG-5 Low affected true",
	}, lines)
	require.Equal(t, d.Inventory.Outdated.Updates[0].Version, packages[0].Update)
	require.Empty(t, packages[1].Update)

	first, packages = security(t, d, foreign, "none", "none", "is-not-installed")
	require.Equal(t, []string{"none", "is-not-installed"}, first.Missing)
	require.Len(t, packages, 1)
	require.Equal(t, foreign, packages[0].Name)

	var st wire.StatusResult
	require.NoError(t, msgpack.Unmarshal(parts(t, d.Status)[0], &st))
	require.Equal(t, &wire.SecurityCounts{
		Vulnerabilities: 4, High: 1, Medium: 1, Low: 1, Unknown: 1, Fixable: 1, InTesting: 1, Affected: 2, Unconfirmed: 1,
	}, st.Counts.Security)
	require.Equal(t, wire.SourceTracker, st.Sources[len(st.Sources)-1].Name)

	var out wire.OutdatedResult
	require.NoError(t, msgpack.Unmarshal(parts(t, d.Outdated)[0], &out))
	for _, u := range out.Updates {
		require.Equal(t, u.Name == fixable, slices.Equal(u.Fixes, []string{"AVG-1"}), u.Name)
	}

	words := []string{"AVG-3 (Medium, affected)", "AVG-4 (Unknown, fixed-in-testing)"}
	require.Equal(t, words, infoOf(t, d, affected).Advisories)
	for _, p := range searchAll(t, d, &wire.SearchRequest{Words: []string{""}}).Packages {
		require.Empty(t, p.Advisories, "a list has no details")
	}
	var installed wire.InstalledResult
	b := parts(t, func(e Emit) error {
		return d.Installed(&wire.InstalledRequest{Names: []string{affected}, Details: true}, e)
	})
	require.NoError(t, msgpack.Unmarshal(b[0], &installed))
	require.Equal(t, words, installed.Packages[0].Advisories)
}

func infoOf(t testing.TB, d *Data, name string) (found wire.Package) {
	t.Helper()
	var result wire.InfoResult
	for _, b := range parts(t, func(e Emit) error { return d.Info(&wire.InfoRequest{Names: []string{name}}, e) }) {
		require.NoError(t, wire.DecodeInfo(b, &result, func(p *wire.Package) error {
			found = *p
			return nil
		}))
	}
	return found
}

// TestUnknownAdvisories: what nobody knows is an error, and no number.
func TestUnknownAdvisories(t *testing.T) {
	d := generated(t, fixture.Options{Packages: 100, Installed: 20, Seed: 3})
	ask := func() error { return d.Advisories(&wire.SecurityRequest{}, func([]byte, bool) error { return nil }) }
	counted := func() *wire.SecurityCounts {
		var st wire.StatusResult
		require.NoError(t, msgpack.Unmarshal(parts(t, d.Status)[0], &st))
		return st.Counts.Security
	}
	require.ErrorIs(t, ask(), ErrNoTracker)
	require.Nil(t, counted())
	var err error
	d.Security, err = Assess(&Tracker{Why: "refused"}, d.Inventory, d.Set)
	require.NoError(t, err)
	require.ErrorIs(t, ask(), ErrNoTracker)
	require.ErrorContains(t, ask(), "refused")
	require.Nil(t, counted())
	d.Security, err = Assess(&Tracker{At: 1}, d.Inventory, d.Set)
	require.NoError(t, err)
	require.NoError(t, ask())
	require.Equal(t, &wire.SecurityCounts{}, counted(), "no advisory is a known 0")
	d.InstalledWhy = "cannot be read"
	first, _ := security(t, d)
	require.True(t, first.Stale)
	names := slices.Repeat([]string{"x"}, maxNames+1)
	require.ErrorIs(t, d.Advisories(&wire.SecurityRequest{Packages: names}, nil), pkgindex.ErrQuery)
	d.Inventory = nil
	require.ErrorIs(t, ask(), ErrUnknown)
	require.Nil(t, counted())
}

func TestTrackersAge(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		tracker Tracker
		want    wire.Source
	}{
		{Tracker{}, wire.Source{State: wire.SourceMissing, Why: "not asked yet"}},
		{Tracker{Why: "refused"}, wire.Source{State: wire.SourceMissing, Why: "refused"}},
		{Tracker{At: 1_700_000_000 - 3600}, wire.Source{State: wire.SourceOK, Changed: 1_700_000_000 - 3600}},
		{Tracker{At: 1_700_000_000 - 3601}, wire.Source{State: wire.SourceStale, Changed: 1_700_000_000 - 3601, Why: "not asked for 1 hours"}},
		{Tracker{At: 1_700_000_000 - 3601, Why: "slow"}, wire.Source{State: wire.SourceStale, Changed: 1_700_000_000 - 3601, Why: "slow"}},
		{Tracker{At: 1_700_000_000, AsOf: 5, Why: "slow"}, wire.Source{State: wire.SourceOK, AsOf: 5, Changed: 1_700_000_000, Why: "slow"}},
	} {
		c.tracker.StaleAfter = time.Hour
		c.want.Name = wire.SourceTracker
		require.Equal(t, c.want, c.tracker.source(now))
	}
}

// TestManyAdvisories: what does not fit into one part is in the next.
func TestManyAdvisories(t *testing.T) {
	const many = 3000
	var name string
	d := judged(t, func(inv *inventory.Inventory) []advisories.Record {
		name = inv.Local.Packages[0].Name
		for _, p := range inv.Local.Packages {
			if !slices.Contains(inv.Foreign, p) {
				name = p.Name
			}
		}
		records := make([]advisories.Record, many)
		for i := range records {
			records[i] = about(fmt.Sprintf("AVG-%04d", i), "Low", inv.Versions[name], "", advisories.Vulnerable, name)
		}
		records[0].Issues = slices.Repeat([]string{strings.Repeat("x", 256)}, 200)
		records[1].Issues = slices.Repeat([]string{"x"}, 200)
		return records
	})
	_, packages := security(t, d)
	require.Greater(t, len(packages), 5)
	seen := 0
	for _, p := range packages {
		require.Equal(t, name, p.Name)
		for _, a := range p.Advisories {
			require.Equal(t, fmt.Sprintf("AVG-%04d", seen), a.Name)
			seen++
		}
	}
	require.Equal(t, many, seen)
	words := infoOf(t, d, name).Advisories
	require.Len(t, words, 51)
	require.Equal(t, "and 2950 more", words[50])
}

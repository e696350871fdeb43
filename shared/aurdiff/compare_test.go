package aurdiff

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/sourcefile"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// pkg is the object of a package in a dump.
type pkg map[string]any

// Times of dumps, and of updates of package bases in the dumps.
const (
	monday  = 1_790_000_000
	tuesday = monday + day
	january = monday - 400*day
)

// example returns a package in which every field has a value. The parameter changes holds other values for some fields.
func example(changes pkg) pkg {
	p := pkg{
		"Name": "demo", "PackageBase": "demo", "PackageBaseID": 7, "Version": "1-1", "URL": "https://demo.example/x",
		"Maintainer": "alice", "Submitter": "alice", "FirstSubmitted": 1_500_000_000, "LastModified": monday - 50,
		"OutOfDate": nil, "Depends": []string{"glibc", "old-library>=2"}, "License": []string{"MIT"},
	}
	maps.Copy(p, changes)
	return p
}

// others returns packages that do not change between two dumps. Without them, one changed package would be a large part of
// the dump.
func others() (list []pkg) {
	for i := range 30 {
		name := fmt.Sprintf("other%02d", i)
		list = append(list, example(pkg{"Name": name, "PackageBase": name, "PackageBaseID": 100 + i, "LastModified": monday - 1000}))
	}
	return list
}

// write writes a dump, and returns its path. The parameter at is the modification time of the file.
func write(t testing.TB, at int64, packages ...pkg) string {
	t.Helper()
	content, err := json.Marshal(packages)
	require.NoError(t, err)
	return writeBytes(t, at, content)
}

func writeBytes(t testing.TB, at int64, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dump.json")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	require.NoError(t, os.Chtimes(path, time.Time{}, time.Unix(at, 0)))
	return path
}

// observe writes and reads a dump with the given packages and the packages of the function others.
func observe(t testing.TB, at int64, packages ...pkg) *Observation {
	t.Helper()
	o, err := Read(t.Context(), write(t, at, slices.Concat(packages, others())...))
	require.NoError(t, err)
	return o
}

func events(t testing.TB, old, now *Observation) (list []journal.Event) {
	t.Helper()
	require.NoError(t, Compare(old, now, func(e journal.Event) error {
		list = append(list, e)
		return nil
	}))
	return list
}

// short formats events as text, without their intervals.
func short(list []journal.Event) (lines []string) {
	for _, e := range list {
		lines = append(lines, fmt.Sprintf("%s %s %q %q", e.Base, e.Kind, e.From, e.To))
	}
	return lines
}

// TestCompare_Event checks the events for many changes of a package. Some changes cause no event.
func TestCompare_Event(t *testing.T) {
	for name, c := range map[string]struct {
		old, now pkg
		want     []string
	}{
		"nothing":              {pkg{}, pkg{}, nil},
		"votes":                {pkg{"NumVotes": 3, "Popularity": 0.5}, pkg{"NumVotes": 4, "Popularity": 0.4}, nil},
		"an update":            {pkg{}, pkg{"Version": "2-1", "LastModified": monday + 5}, nil},
		"a maintainer changed": {pkg{}, pkg{"Maintainer": "bob"}, []string{`demo maintainer-changed "alice" "bob"`}},
		"orphaned":             {pkg{}, pkg{"Maintainer": nil}, []string{`demo orphaned "alice" ""`}},
		"adopted":              {pkg{"Maintainer": nil}, pkg{"Maintainer": "bob"}, []string{`demo adopted "" "bob"`}},
		"adopted and updated": {
			pkg{"Maintainer": nil},
			pkg{"Maintainer": "bob", "LastModified": monday + 9, "Version": "2-1"},
			[]string{`demo adopted "" "bob"`},
		},
		"co-maintainers": {
			pkg{"CoMaintainers": []string{"carol", "dave"}},
			pkg{"CoMaintainers": []string{"erin", "dave"}},
			[]string{`demo comaintainer-added "" "erin"`, `demo comaintainer-removed "carol" ""`},
		},
		"co-maintainers in another order": {
			pkg{"CoMaintainers": []string{"carol", "dave"}}, pkg{"CoMaintainers": []string{"dave", "carol"}}, nil,
		},
		"recreated with a new number": {pkg{}, pkg{"PackageBaseID": 9}, []string{`demo recreated "7" "9"`}},
		"recreated with a new time": {
			pkg{},
			pkg{"FirstSubmitted": monday, "PackageBaseID": 9, "Maintainer": "bob"},
			[]string{`demo recreated "2017-07-14T02:40:00Z" "2026-09-21T14:13:20Z"`, `demo maintainer-changed "alice" "bob"`},
		},
		"recreated is not an update after a year": {
			pkg{"LastModified": january},
			pkg{"FirstSubmitted": monday + 1, "LastModified": monday + 1},
			[]string{`demo recreated "2017-07-14T02:40:00Z" "2026-09-21T14:13:21Z"`},
		},
		"numbers of the package base are missing in one dump": {pkg{"PackageBaseID": nil}, pkg{}, nil},
		"updated after a year": {
			pkg{"LastModified": monday - 365*day},
			pkg{"LastModified": monday},
			[]string{`demo updated-after-dormancy "2025-09-21T14:13:20Z" "2026-09-21T14:13:20Z"`},
		},
		"updated a second before a year": {pkg{"LastModified": monday - 365*day + 1}, pkg{"LastModified": monday}, nil},
		"another host": {
			pkg{}, pkg{"URL": "http://evil.example:8080/demo"}, []string{`demo host-changed "demo.example" "evil.example"`},
		},
		"another path, scheme, port and www": {pkg{}, pkg{"URL": "http://WWW.demo.example:443/y?q#z"}, nil},
		"no host":                            {pkg{}, pkg{"URL": nil}, []string{`demo host-changed "demo.example" ""`}},
		"a host that cannot be parsed":       {pkg{"URL": "https://[::1/"}, pkg{"URL": "demo"}, nil},
		"flagged": {
			pkg{}, pkg{"OutOfDate": monday + 60}, []string{`demo flagged-out-of-date "" "2026-09-21T14:14:20Z"`},
		},
		"flagged again": {
			pkg{"OutOfDate": monday - 60},
			pkg{"OutOfDate": monday + 60},
			[]string{`demo flagged-out-of-date "2026-09-21T14:12:20Z" "2026-09-21T14:14:20Z"`},
		},
		"no longer flagged":          {pkg{"OutOfDate": monday - 60}, pkg{"OutOfDate": nil}, nil},
		"a dependency that is young": {pkg{}, pkg{"Depends": []string{"fresh"}}, []string{`demo young-dependency-added "" "fresh"`}},
		"a young dependency with a version, to build and to check": {
			pkg{},
			pkg{"MakeDepends": []string{"fresh>=1"}, "CheckDepends": []string{"fresh"}},
			[]string{`demo young-dependency-added "" "fresh"`},
		},
		"a dependency that is old":             {pkg{}, pkg{"Depends": []string{"other07"}}, nil},
		"a dependency outside the AUR":         {pkg{}, pkg{"Depends": []string{"openssl"}}, nil},
		"a dependency with an impossible name": {pkg{}, pkg{"Depends": []string{"fresh/../x", strings.Repeat("x", 300)}}, nil},
		"a young dependency, as before":        {pkg{"Depends": []string{"fresh"}}, pkg{"Depends": []string{"fresh>2"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			fresh := example(pkg{"Name": "fresh", "PackageBase": "fresh", "PackageBaseID": 8, "FirstSubmitted": monday - 5*day})
			old, now := observe(t, monday, example(c.old), fresh), observe(t, tuesday, fresh, example(c.now))
			got := events(t, old, now)
			require.Equal(t, c.want, short(got))
			for _, e := range got {
				require.Equal(t, journal.Interval{From: monday, To: tuesday}, e.Between)
			}
		})
	}
}

// TestCompare_YoungUntil checks the maximum age at which a dependency counts as young.
func TestCompare_YoungUntil(t *testing.T) {
	for age, want := range map[int64]int{maxYoungAge: 1, maxYoungAge + 1: 0} {
		dep := example(pkg{"Name": "dep", "PackageBase": "dep", "PackageBaseID": 8, "FirstSubmitted": tuesday - age})
		old := observe(t, monday, dep, example(nil))
		now := observe(t, tuesday, dep, example(pkg{"Depends": []string{"dep"}}))
		require.Len(t, events(t, old, now), want, age)
	}
}

func TestCompare_FirstSeenAndDeleted(t *testing.T) {
	gone := example(pkg{"Name": "gone", "PackageBase": "gone", "Version": "3-1"})
	last := example(pkg{"Name": "zlast", "PackageBase": "zlast"})
	old := observe(t, monday, gone, last)
	now := observe(t, tuesday, example(nil))
	require.Equal(t, []string{`demo first-seen "" "1-1"`, `gone deleted "3-1" ""`, `zlast deleted "1-1" ""`}, short(events(t, old, now)))
	require.Equal(t, []string{`demo deleted "1-1" ""`, `gone first-seen "" "3-1"`, `zlast first-seen "" "1-1"`},
		short(events(t, observe(t, monday, example(nil)), observe(t, tuesday, gone, last))))
}

// TestCompare_SplitPackages checks that a package base with several packages has each event only once. There is no event if
// one of the packages appears, disappears or has another position in the dump.
func TestCompare_SplitPackages(t *testing.T) {
	part := func(name string, changes pkg) pkg {
		p := example(changes)
		p["Name"] = name
		return p
	}
	old := observe(t, monday, part("demo", nil), part("demo-docs", nil), part("demo-old", nil))
	now := observe(t, tuesday,
		part("demo-docs", pkg{"Maintainer": "bob"}), part("demo-new", pkg{"Maintainer": "bob", "FirstSubmitted": monday - day}),
		part("demo", pkg{"Maintainer": "bob", "Depends": []string{"demo-docs", "demo-new"}, "URL": "https://docs.example"}))
	require.Equal(t, []string{
		`demo maintainer-changed "alice" "bob"`, `demo host-changed "demo.example" "demo.example docs.example"`,
	}, short(events(t, old, now)))
}

// TestCompare_NoNews checks that Compare returns an error and no event for two dumps that cannot be compared.
func TestCompare_NoNews(t *testing.T) {
	old := observe(t, tuesday, example(pkg{"LastModified": monday}), example(pkg{"Name": "b", "PackageBase": "b", "LastModified": monday + 9}))
	read := func(at int64, packages ...pkg) *Observation {
		o, err := Read(t.Context(), write(t, at, packages...))
		require.NoError(t, err)
		return o
	}
	without := func(key string) (list []pkg) {
		for _, p := range append(others(), example(nil)) {
			delete(p, key)
			if key == "License" {
				delete(p, "Depends")
			}
			list = append(list, p)
		}
		return list
	}
	for name, c := range map[string]struct {
		now  *Observation
		want error
	}{
		"a tenth is missing":   {read(tuesday+day, others()[:28]...), ErrPartial},
		"no maintainers":       {read(tuesday+day, without("Maintainer")...), ErrPartial},
		"not extended":         {read(tuesday+day, without("License")...), ErrPartial},
		"an earlier dump":      {observe(t, monday, example(pkg{"LastModified": monday - 5})), ErrOlder},
		"more earlier times":   {observe(t, tuesday+day, example(pkg{"LastModified": monday - 5})), ErrOlder},
		"an earlier file":      {observe(t, tuesday-1, example(pkg{"LastModified": monday}), example(pkg{"Name": "c", "PackageBase": "c"})), ErrOlder},
		"less than everything": {read(tuesday+day, example(nil)), ErrPartial},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, Compare(old, c.now, func(e journal.Event) error { t.Errorf("%v", e); return nil }), c.want)
		})
	}
}

// recent returns packages that were updated at different times shortly before monday.
func recent() (list []pkg) {
	for i := range trustedUpdatePlace {
		name := fmt.Sprintf("recent-%d", i)
		list = append(list, example(pkg{"Name": name, "PackageBase": name, "LastModified": monday - 2000 + i}))
	}
	return list
}

// TestCompare_Clock checks that the content of the dumps decides which dump is older, and that a wrong clock only makes the
// interval longer.
func TestCompare_Clock(t *testing.T) {
	updated := pkg{"LastModified": monday + 7, "Maintainer": "bob"}
	for name, c := range map[string]struct {
		old, now int64
		want     journal.Interval
	}{
		"right":                                    {monday, tuesday, journal.Interval{From: monday, To: tuesday}},
		"the clock of the first was ahead":         {tuesday + 900*day, tuesday, journal.Interval{From: tuesday, To: tuesday + 900*day}},
		"the clock of the second was behind":       {monday, 5, journal.Interval{From: monday, To: monday + 7}},
		"both clocks were behind":                  {0, 0, journal.Interval{From: monday - 50, To: monday + 7}},
		"a gap of a month makes the interval wide": {monday, monday + 30*day, journal.Interval{From: monday, To: monday + 30*day}},
	} {
		t.Run(name, func(t *testing.T) {
			got := events(t, observe(t, c.old, append(recent(), example(nil))...), observe(t, c.now, append(recent(), example(updated))...))
			require.Equal(t, []string{`demo maintainer-changed "alice" "bob"`}, short(got))
			require.Equal(t, c.want, got[0].Between)
		})
	}
}

// TestRead_WrongTime checks that a single update in the future does not change the time of a dump.
func TestRead_WrongTime(t *testing.T) {
	for ahead, want := range map[int64]int64{0: monday, maxTimeLead: monday + maxTimeLead, maxTimeLead + 1: monday, 300 * day: monday} {
		updated := pkg{"LastModified": monday + ahead}
		require.Equal(t, want, observe(t, monday, append(recent(), example(updated))...).At, ahead)
		require.Equal(t, want, observe(t, monday, example(updated)).At, "a small dump, %d", ahead)
		var split []pkg
		for i := range trustedUpdatePlace {
			split = append(split, example(updated), example(pkg{"Name": fmt.Sprintf("part-%d", i), "LastModified": monday + ahead}))
		}
		require.Equal(t, want, observe(t, monday, split...).At, "a package base with many packages, %d", ahead)
	}
}

func TestCompare_SameDump(t *testing.T) {
	path := write(t, monday, others()...)
	old, err := Read(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(path, time.Time{}, time.Unix(5, 0)))
	now, err := Read(t.Context(), path)
	require.NoError(t, err)
	require.Empty(t, events(t, old, now))
}

// TestCompare_LeftOut checks that a package base is not reported as deleted or new if an unusable entry of a dump may be
// this package base.
func TestCompare_LeftOut(t *testing.T) {
	bad := example(pkg{"Version": ""})
	require.Empty(t, events(t, observe(t, monday, example(nil)), observe(t, tuesday, bad)))
	require.Empty(t, events(t, observe(t, monday, bad), observe(t, tuesday, example(nil))))
	gone := example(pkg{"Name": "gone", "PackageBase": "gone"})
	require.Equal(t, []string{`gone deleted "1-1" ""`}, short(events(t, observe(t, monday, bad, gone), observe(t, tuesday, bad))),
		"an entry that is bad in both dumps hides nothing")
}

// TestCompare_Hostile checks that every event can be written to a journal, whatever texts and numbers a dump contains.
func TestCompare_Hostile(t *testing.T) {
	long := strings.Repeat("é", 4000)
	names := slices.Repeat([]string{long, "\x1b[31m\n"}, 3000)
	odd := example(pkg{
		"PackageBase": "x/../../y", "Maintainer": long, "CoMaintainers": names, "URL": "https://" + long, "Depends": names,
		"FirstSubmitted": 1e300, "LastModified": -5, "OutOfDate": 253402300799,
	})
	old, now := observe(t, monday, example(nil)), observe(t, tuesday, odd)
	list := events(t, old, now)
	require.NotEmpty(t, list)
	for _, e := range list {
		require.Equal(t, "demo", e.Base)
		require.LessOrEqual(t, max(len(e.From), len(e.To)), journal.MaxText)
		line, err := json.Marshal(e)
		require.NoError(t, err)
		var again journal.Event
		require.NoError(t, json.Unmarshal(line, &again))
		require.Equal(t, e, again)
	}
}

func TestCompare_ErrorOfCaller(t *testing.T) {
	mine, calls := errors.New("mine"), 0
	old := observe(t, monday, example(nil))
	now := observe(t, tuesday, example(pkg{"Maintainer": "bob", "URL": "", "CoMaintainers": []string{"x"}}))
	require.Equal(t, mine, Compare(old, now, func(journal.Event) error { calls++; return mine }))
	require.Equal(t, 1, calls)
}

func TestRead_Truncated(t *testing.T) {
	whole, err := json.Marshal(others())
	require.NoError(t, err)
	_, err = Read(t.Context(), writeBytes(t, monday, whole[:len(whole)-7]))
	require.ErrorIs(t, err, sourcefile.ErrTruncated)
}

// readJSON decodes a dump with the standard library.
func readJSON(t *testing.T, path string) (packages []pkg) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	zr, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(zr).Decode(&packages))
	return packages
}

// change changes some package bases of a real dump: they disappear, appear, lose or change their maintainers, are submitted
// again, or are flagged. It returns the changed dump and the expected events, which are unsorted.
func change(packages []pkg) (now []pkg, want []string) {
	position := map[string]int{}
	for _, p := range packages {
		base := p["PackageBase"].(string)
		_, again := position[base]
		if !again {
			position[base] = len(position)
		}
		at, first := position[base], !again
		changed := maps.Clone(p)
		event := func(kind journal.EventKind, from, to any) {
			if first {
				want = append(want, fmt.Sprintf("%s %s %q %q", base, kind, from, to))
			}
		}
		maintainer, _ := p["Maintainer"].(string)
		switch at % 40 {
		case 1:
			if first {
				event(journal.EventDeleted, p["Version"], "")
				event(journal.EventFirstSeen, "", "9-9")
				want[len(want)-1] = strings.Replace(want[len(want)-1], base, base+".new", 1)
			}
			changed["Name"], changed["PackageBase"], changed["Version"] = p["Name"].(string)+".new", base+".new", "9-9"
		case 2:
			if maintainer != "" {
				event(journal.EventOrphaned, maintainer, "")
			}
			changed["Maintainer"] = nil
		case 3:
			if maintainer == "" {
				event(journal.EventAdopted, "", "mallory")
			} else {
				event(journal.EventMaintainerChanged, maintainer, "mallory")
			}
			changed["Maintainer"] = "mallory"
		case 4:
			event(journal.EventRecreated, fmt.Sprintf("%.0f", p["PackageBaseID"]), "5")
			changed["PackageBaseID"] = 5
		case 5:
			event(journal.EventFlaggedOutOfDate, "", journal.FormatTime(monday))
			if p["OutOfDate"] != nil {
				want[len(want)-1] = fmt.Sprintf("%s flagged-out-of-date %q %q", base,
					journal.FormatTime(int64(p["OutOfDate"].(float64))), journal.FormatTime(monday))
			}
			changed["OutOfDate"] = monday
		}
		now = append(now, changed)
	}
	return now, want
}

// TestCompare_Corpus changes a real dump and shuffles its packages. Compare must find exactly the changes.
func TestCompare_Corpus(t *testing.T) {
	path := corpus.AURDump(t)
	old, err := Read(t.Context(), path)
	require.NoError(t, err)
	packages := readJSON(t, path)
	// In the AUR, all packages of a package base have the same maintainer, package base ID and times. In the corpus they do not.
	first := map[any]pkg{}
	for _, p := range packages {
		if known := first[p["PackageBase"]]; known == nil || p["Name"].(string) < known["Name"].(string) {
			first[p["PackageBase"]] = p
		}
	}
	for _, p := range packages {
		for _, key := range []string{"Version", "Maintainer", "PackageBaseID", "OutOfDate", "FirstSubmitted", "LastModified"} {
			p[key] = first[p["PackageBase"]][key]
		}
	}
	changed, want := change(packages)
	require.Greater(t, len(want), 300)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(changed), func(i, j int) { changed[i], changed[j] = changed[j], changed[i] })

	before, err := Read(t.Context(), write(t, old.At, packages...))
	require.NoError(t, err)
	after, err := Read(t.Context(), write(t, old.At+day, changed...))
	require.NoError(t, err)
	got := events(t, before, after)
	require.True(t, slices.IsSortedFunc(got, func(a, b journal.Event) int { return strings.Compare(a.Base, b.Base) }))
	require.ElementsMatch(t, want, short(got))

	reversed := *old
	reversed.SHA256[0]++
	require.Empty(t, events(t, old, &reversed), "the real dump compared with itself")
}

// BenchmarkCompare reads and compares two equal dumps that are as large as the AUR's dump.
func BenchmarkCompare(b *testing.B) {
	var plain bytes.Buffer
	require.NoError(b, fixture.WriteAURDump(&plain, 100_000, 1))
	old := writeBytes(b, monday, plain.Bytes())
	for b.Loop() {
		first, err := Read(b.Context(), old)
		require.NoError(b, err)
		second, err := Read(b.Context(), old)
		require.NoError(b, err)
		second.SHA256[0]++
		require.NoError(b, Compare(first, second, func(journal.Event) error { return nil }))
	}
}

// TestCompare_NoCoMaintainers checks that a dump without co-maintainers is not compared with one that has many: it lacks this field.
func TestCompare_NoCoMaintainers(t *testing.T) {
	dump := func(at int64, coMaintained int) *Observation {
		var list []pkg
		for i := range 2 * maxLostCoMaintained {
			name := fmt.Sprintf("p%02d", i)
			p := pkg{"Name": name, "PackageBase": name}
			if i < coMaintained {
				p["CoMaintainers"] = []string{"carol"}
			}
			list = append(list, example(p))
		}
		o, err := Read(t.Context(), write(t, at, list...))
		require.NoError(t, err)
		return o
	}
	nothing := func(e journal.Event) error { t.Errorf("%v", e); return nil }
	without, many := dump(monday, 0), dump(tuesday, maxLostCoMaintained+1)
	require.ErrorIs(t, Compare(without, many, nothing), ErrPartial)
	require.ErrorIs(t, Compare(dump(monday, maxLostCoMaintained+1), dump(tuesday, 0), nothing), ErrPartial)
	require.Len(t, events(t, without, dump(tuesday, maxLostCoMaintained)), maxLostCoMaintained)
	require.Len(t, events(t, dump(monday, 1), many), maxLostCoMaintained)
}

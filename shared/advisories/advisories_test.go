package advisories

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// system implements VersionLookup with a map of the installed versions and a map of the versions in the repositories.
type system struct {
	installed map[string]string
	offered   map[string][]string
}

func (s system) Installed(name string) (string, bool) { v, ok := s.installed[name]; return v, ok }
func (s system) OfferedVersions(name string) []string { return s.offered[name] }

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		status          RecordStatus
		affected, fixed string
		installed       string
		offered         string // the version in the repository; empty if no repository has the package
		want            Verdict
	}{
		"vulnerable, a fix in the repository":      {StatusVulnerable, "1-1", "2-1", "1-1", "2-1", VerdictFixable},
		"vulnerable, newer than the fix offered":   {StatusVulnerable, "1-1", "2-1", "1-1", "3-1", VerdictFixable},
		"vulnerable, the fix in no repository yet": {StatusVulnerable, "1-1", "2-1", "1-1", "1-1", VerdictAffected},
		"vulnerable, in no repository":             {StatusVulnerable, "1-1", "2-1", "1-1", "", VerdictAffected},
		"installed is the fix":                     {StatusVulnerable, "1-1", "2-1", "2-1", "2-1", VerdictSafe},
		"installed is newer than the fix":          {StatusVulnerable, "1-1", "2-1", "2-2", "2-1", VerdictSafe},
		"only the release differs":                 {StatusFixed, "2-1", "2-2", "2-1", "2-2", VerdictFixable},
		"the epoch decides":                        {StatusFixed, "9-1", "1:1-1", "10-1", "1:1-1", VerdictFixable},
		"installed has the epoch":                  {StatusFixed, "9-1", "10-1", "1:1-1", "1:1-1", VerdictSafe},
		"10 is above 9":                            {StatusFixed, "1.8-1", "1.9-1", "1.10-1", "1.10-1", VerdictSafe},
		"no fix, the affected version":             {StatusVulnerable, "2-1", "", "2-1", "2-1", VerdictAffected},
		"no fix, an older version":                 {StatusVulnerable, "2-1", "", "1-1", "2-1", VerdictAffected},
		"no fix, a newer version":                  {StatusVulnerable, "2-1", "", "3-1", "3-1", VerdictUnconfirmed},
		"no fix, a newer release":                  {StatusVulnerable, "2-1", "", "2-2", "2-2", VerdictUnconfirmed},
		"being tested":                             {StatusTesting, "1-1", "2-1", "1-1", "1-1", VerdictInTesting},
		"being tested, and offered already":        {StatusTesting, "1-1", "2-1", "1-1", "2-1", VerdictInTesting},
		"being tested, and installed":              {StatusTesting, "1-1", "2-1", "2-1", "2-1", VerdictSafe},
		"being tested without a version":           {StatusTesting, "1-1", "", "1-1", "1-1", VerdictAffected},
		"not affected":                             {StatusNotAffected, "1-1", "", "1-1", "1-1", VerdictSafe},
		"not affected, with a fix":                 {StatusNotAffected, "1-1", "2-1", "1-1", "1-1", VerdictSafe},
		"status Unknown":                           {"Unknown", "1-1", "2-1", "1-1", "2-1", VerdictFixable},
		"a status without a constant":              {"Exploited", "1-1", "", "1-1", "1-1", VerdictAffected},
		"fixed, but in no version":                 {StatusFixed, "1-1", "", "1-1", "1-1", VerdictAffected},
		"fixed in no version, a newer version":     {StatusFixed, "1-1", "", "2-1", "2-1", VerdictUnconfirmed},
		"no affected version":                      {StatusVulnerable, "", "2-1", "1-1", "2-1", VerdictFixable},
	} {
		t.Run(name, func(t *testing.T) {
			r := Record{Status: c.status, AffectedVersion: c.affected, FixedIn: c.fixed}
			got := r.Judge(c.installed, func(fixed string) bool {
				return c.offered != "" && pacmandb.Compare(c.offered, fixed) >= 0
			})
			require.Equal(t, c.want, got)
		})
	}
}

func TestAssess(t *testing.T) {
	records := []Record{
		{Name: "AVG-1", Packages: []string{"ssl", "lib32-ssl", "ssl"}, Status: StatusFixed, Severity: SeverityHigh, AffectedVersion: "1-1", FixedIn: "2-1"},
		{Name: "AVG-2", Packages: []string{"ssl"}, Status: StatusVulnerable, Severity: SeverityCritical, AffectedVersion: "1-1"},
		{Name: "AVG-3", Packages: []string{"old"}, Status: StatusVulnerable, Severity: SeverityCritical, AffectedVersion: "1-1"},
		{Name: "AVG-4", Packages: []string{"gone"}, Status: StatusVulnerable, Severity: SeverityCritical, AffectedVersion: "9-1"},
		{Name: "AVG-5", Packages: []string{"mine"}, Status: StatusVulnerable, Severity: SeverityLow, AffectedVersion: "9-1", FixedIn: "10-1"},
		{Name: "AVG-6", Packages: []string{"fine"}, Status: StatusFixed, Severity: SeverityCritical, AffectedVersion: "1-1", FixedIn: "1-2"},
	}
	found := Assess(records, system{
		installed: map[string]string{"ssl": "1-1", "lib32-ssl": "2-1", "old": "3-1", "mine": "5-1", "fine": "1-2"},
		offered:   map[string][]string{"ssl": {"1-1", "2-2"}, "lib32-ssl": {"2-1"}, "old": {"3-1"}, "fine": {"1-2"}},
	})
	require.Equal(t, []PackageFindings{
		// A fix for one vulnerability must not hide the other vulnerability, which is worse and has no fix.
		{Name: "ssl", InstalledVersion: "1-1", UpdateVersion: "2-2", Findings: []Finding{{&records[1], VerdictAffected}, {&records[0], VerdictFixable}}},
		{Name: "mine", InstalledVersion: "5-1", Foreign: true, Findings: []Finding{{&records[4], VerdictAffected}}},
		{Name: "old", InstalledVersion: "3-1", Findings: []Finding{{&records[2], VerdictUnconfirmed}}},
	}, found)
}

func TestRead(t *testing.T) {
	good := `{"name":"AVG-1","packages":["a"],"status":"Fixed","severity":"High","type":"x","affected":"1-1","fixed":"2-1","ticket":"7","issues":["CVE-1"],"advisories":["ASA-1"]}`
	records, skipped, err := Read(strings.NewReader("[" + good + "]"))
	require.NoError(t, err)
	require.Zero(t, skipped)
	require.Equal(t, []Record{{"AVG-1", []string{"a"}, StatusFixed, SeverityHigh, "x", "1-1", "2-1", "7", []string{"CVE-1"}, []string{"ASA-1"}}}, records)

	for _, bad := range []string{
		`1`, `"x"`, `null`, `[]`, `{}`, strings.Replace(good, `"AVG-1"`, `5`, 1), strings.Replace(good, `["a"]`, `"a"`, 1),
		strings.Replace(good, `["a"]`, `[]`, 1), strings.Replace(good, `["a"]`, `["a",null]`, 1), strings.Replace(good, `"2-1"`, `{}`, 1),
		strings.Replace(good, `"x"`, `"x\u001b[31m"`, 1), strings.Replace(good, `"x"`, `"`+strings.Repeat("x", 300)+`"`, 1),
		strings.Replace(strings.Replace(good, `"2-1"`, `null`, 1), `"1-1"`, `""`, 1),
	} {
		records, skipped, err := Read(strings.NewReader("[" + bad + "," + good + "]"))
		require.NoError(t, err, bad)
		require.Equal(t, 1, skipped, bad)
		require.Len(t, records, 1, bad)
		_, _, err = Read(strings.NewReader("[" + bad + "]"))
		require.ErrorIs(t, err, ErrFormat, "no usable record: %s", bad)
	}
	for _, open := range []string{`null`, `""`, `"  "`} {
		records, _, err := Read(strings.NewReader("[" + strings.Replace(good, `"2-1"`, open, 1) + "]"))
		require.NoError(t, err)
		require.Empty(t, strings.TrimSpace(records[0].FixedIn), open)
	}
	for ticket, want := range map[string]string{
		"null": "", `""`: "", `"74225"`: "74225", "74225": "74225", `"FS#1"`: "", "-1": "", "1.5": "", "{}": "", `"1234567890123"`: "",
	} {
		records, skipped, err := Read(strings.NewReader("[" + strings.Replace(good, `"7"`, ticket, 1) + "]"))
		require.NoError(t, err)
		require.Zero(t, skipped, ticket)
		require.Equal(t, want, records[0].Ticket, ticket)
	}
	odd := strings.NewReplacer(`"High"`, `"Apocalyptic"`, `"Fixed"`, `"Exploited"`).Replace(good)
	records, _, err = Read(strings.NewReader("[" + odd + "]"))
	require.NoError(t, err)
	require.Equal(t, SeverityUnknown, records[0].Severity)
	require.Equal(t, RecordStatus("Exploited"), records[0].Status)

	for _, broken := range []string{"", "{}", "<html>", "[" + good, "[" + good + ",", good, "[" + good + "] x", "[" + good + "][]", "[" + strings.Repeat("[", 100000)} {
		_, _, err := Read(strings.NewReader(broken))
		require.ErrorIs(t, err, ErrFormat, "%.40s", broken)
	}
	records, skipped, err = Read(strings.NewReader("[]"))
	require.NoError(t, err, "an empty array is valid")
	require.Empty(t, records)
	require.Zero(t, skipped)
	few := limits{bytes: 100_000, records: 50, names: 1000}
	records, _, err = read(strings.NewReader("["+strings.Repeat(good+",", few.records-1)+good+"]"), few)
	require.NoError(t, err)
	require.Len(t, records, few.records)
	_, _, err = read(strings.NewReader("["+strings.Repeat(good+",", few.records)+good+"]"), few)
	require.ErrorContains(t, err, "more than 50 records")
	many := strings.Replace(good, `["a"]`, `["`+strings.Repeat(`a","`, few.names-3)+`a"]`, 1)
	records, skipped, err = read(strings.NewReader("["+many+","+good+"]"), few)
	require.NoError(t, err)
	require.Len(t, records, 1, "one record may have as many names as the limit allows")
	require.Equal(t, 1, skipped, "the names of the next record exceed the limit")
	records, skipped, err = read(strings.NewReader("["+good+","+many+","+good+"]"), few)
	require.NoError(t, err)
	require.Len(t, records, 2)
	require.Equal(t, 1, skipped)
	padded := "[" + good + strings.Repeat(" ", int(few.bytes)-len(good)-2) + "]"
	_, _, err = read(strings.NewReader(padded), few)
	require.NoError(t, err)
	_, _, err = read(strings.NewReader(padded+" "), few)
	require.ErrorContains(t, err, "more than 100000 bytes")
}

// corpusSystem returns the packages of the corpus as a system, and the tracker's records of the corpus.
func corpusSystem(t testing.TB) (system, []Record) {
	t.Helper()
	db := corpus.SharedDBPath(t)
	f, err := os.Open(corpus.Advisories(t))
	require.NoError(t, err)
	defer f.Close()
	records, skipped, err := Read(f)
	require.NoError(t, err)
	require.Zero(t, skipped)
	require.NotEmpty(t, records)
	local, err := pacmandb.ReadLocal(t.Context(), db)
	require.NoError(t, err)
	s := system{map[string]string{}, map[string][]string{}}
	for _, p := range local.Packages {
		s.installed[p.Name] = p.Version
	}
	for _, repo := range []string{"core", "extra", "multilib"} {
		_, err := pacmandb.ReadSync(t.Context(), filepath.Join(db, "sync", repo+".db"), repo, func(p *wire.Package) error {
			s.offered[p.Name] = append(s.offered[p.Name], p.Version)
			return nil
		}, nil)
		require.NoError(t, err)
	}
	return s, records
}

// TestAssess_TrackersRule compares Assess with the rule that the tracker publishes: a package is vulnerable if it is
// installed, the status is not "Not affected", and no fix exists or the fix is newer than the installed version. The
// test applies this rule directly to the tracker's JSON.
func TestAssess_TrackersRule(t *testing.T) {
	s, records := corpusSystem(t)
	var all []map[string]any
	data, err := os.ReadFile(corpus.Advisories(t))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &all))
	want := map[string]bool{}
	for _, avg := range all {
		for _, name := range avg["packages"].([]any) {
			version, installed := s.installed[name.(string)]
			fixed, _ := avg["fixed"].(string)
			if installed && avg["status"] != "Not affected" && (fixed == "" || pacmandb.Compare(version, fixed) < 0) {
				want[fmt.Sprint(avg["name"], " ", name)] = true
			}
		}
	}
	counted, unconfirmed, got := 0, 0, map[string]bool{}
	for _, p := range Assess(records, s) {
		for _, f := range p.Findings {
			got[f.Name+" "+p.Name] = true
			if f.Verdict.IsVulnerable() {
				counted++
			} else {
				unconfirmed++
			}
		}
	}
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	require.Equal(t, 13, counted)
	require.Equal(t, 3, unconfirmed)
}

// BenchmarkAssess assesses 2,600 records, about as many as the tracker has, on a system with 1,200 packages.
func BenchmarkAssess(b *testing.B) {
	s, records := system{map[string]string{}, map[string][]string{}}, []Record{}
	for i := range 1200 {
		name := fmt.Sprintf("package-%d", i)
		s.installed[name], s.offered[name] = "1.2.3-1", []string{"1.2.4-1"}
	}
	for i := range 2600 {
		records = append(records, Record{
			Name: fmt.Sprintf("AVG-%d", i), Packages: []string{fmt.Sprintf("package-%d", i), fmt.Sprintf("lib32-%d", i)},
			Status: StatusFixed, Severity: SeverityHigh, AffectedVersion: "1.2.2-1", FixedIn: fmt.Sprintf("1.2.%d-1", i%5),
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(Assess(records, s)) == 0 {
			b.Fatal("nothing found")
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`[{"name":"AVG-1","packages":["a"],"status":"Fixed","severity":"High","affected":"1-1","fixed":null}]`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`[{"name":1},{"packages":{}}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, _, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, p := range Assess(records, system{map[string]string{"a": "1-1"}, nil}) {
			require.NotEmpty(t, p.Findings)
		}
	})
}

// BenchmarkRead reads 2,600 records, about as many as the tracker has.
func BenchmarkRead(b *testing.B) {
	var all bytes.Buffer
	for i := range 2600 {
		fmt.Fprintf(&all, `,{"name":"AVG-%d","packages":["package-%d"],"status":"Fixed","severity":"High","type":"arbitrary code execution",`+
			`"affected":"1.2.3-1","fixed":"1.2.4-1","ticket":null,"issues":["CVE-2026-%d","CVE-2026-1%d"],"advisories":["ASA-202601-1"]}`, i, i, i, i)
	}
	answer := append(append([]byte("["), all.Bytes()[1:]...), ']')
	b.SetBytes(int64(len(answer)))
	b.ReportAllocs()
	for b.Loop() {
		if _, skipped, err := Read(bytes.NewReader(answer)); err != nil || skipped != 0 {
			b.Fatal(skipped, err)
		}
	}
}

package question

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/need"
)

// ask returns the answer of a host whose inventory has these parts and packages.
func ask(t *testing.T, q *Question, v *inventory.Inventory) *Answer {
	t.Helper()
	v.Schema, v.Host, v.At = inventory.Schema, "reported", 1000
	text, err := inventory.Encode(v)
	require.NoError(t, err)
	r, finish := q.Ask()
	read, err := r.Read(text)
	require.NoError(t, err)
	return finish(read)
}

// TestHas_Vercmp compares each operator with vercmp.
func TestHas_Vercmp(t *testing.T) {
	vercmp := need.Program(t, "vercmp")
	versions := []string{"5.6.1", "5.6.1-1", "5.6.1-2", "5.6.10-1", "1:1.0-1", "5.6.1rc1-1", "5.6.1.r3-1", "0.99", "20260101-1", "5.6.1+a-1"}
	checked := 0
	for _, installed := range versions {
		for _, version := range versions {
			out, err := exec.Command(vercmp, installed, version).Output()
			require.NoError(t, err)
			order := strings.TrimSpace(string(out))
			for op, want := range map[string]bool{"=": order == "0", "<": order == "-1", "<=": order != "1", ">": order == "1", ">=": order != "-1"} {
				q, err := Has([]string{"xz" + op + version})
				require.NoError(t, err)
				a := ask(t, q, &inventory.Inventory{Packages: []inventory.HostPackage{{Name: "xz", Version: installed}, {Name: "xz-doc", Version: version}}})
				require.Equal(t, want, a.Found(), "%s %s %s", installed, op, version)
				checked++
			}
		}
	}
	require.Equal(t, 500, checked)
}

func TestHas_Several(t *testing.T) {
	host := &inventory.Inventory{Packages: []inventory.HostPackage{{Name: "a", Version: "2-1"}, {Name: "b", Version: "1-1"}}}
	for targets, want := range map[string]string{"a b": "a b", "a>=1 a<2": "", "a>=1 a<3 c": "a", "c b=1": "b"} {
		q, err := Has(strings.Fields(targets))
		require.NoError(t, err)
		var names []string
		for _, p := range ask(t, q, host).Packages {
			names = append(names, p.Name)
		}
		require.Equal(t, want, strings.Join(names, " "), targets)
	}
	for _, wrong := range []string{"", "=1", "a=", "a==1", "a=>1", "a<>1", "a 1", "a: b", "a>=1<2"} {
		_, err := Has([]string{wrong})
		require.Equal(t, exit.Usage, exit.Code(err), wrong)
	}
}

// TestAsk_Parts checks that a host without the part that a question needs has not answered.
func TestAsk_Parts(t *testing.T) {
	q := Outdated(nil)
	for state, want := range map[inventory.PartState]State{
		inventory.PartOK: Answered, inventory.PartStale: Answered, inventory.PartPartial: Partial, inventory.PartUnknown: Unknown, "later": Unknown,
	} {
		a := ask(t, q, &inventory.Inventory{Parts: []inventory.Part{{Name: inventory.PartUpdates, State: state, Why: "x"}}, Updates: []inventory.HostUpdate{}})
		require.Equal(t, want, a.State, state)
		require.False(t, a.Found())
	}
	require.Equal(t, Unknown, ask(t, q, &inventory.Inventory{}).State, "an inventory that does not say anything about updates")
}

func TestSecurity(t *testing.T) {
	host := &inventory.Inventory{
		Parts: []inventory.Part{{Name: inventory.PartAdvisories, State: inventory.PartOK}},
		Advisories: []inventory.Vulnerable{
			{Name: "a", Advisories: []inventory.HostAdvisory{{Name: "1", Severity: "High", Verdict: "fixable"}, {Name: "2", Severity: "Unknown", Verdict: "affected"}}},
			{Name: "b", Advisories: []inventory.HostAdvisory{{Name: "3", Severity: "Critical", Verdict: "unconfirmed"}}},
		},
	}
	count := func(q *Question) (names string) {
		for _, p := range ask(t, q, host).Advisories {
			for _, one := range p.Advisories {
				names += one.Name
			}
		}
		return names
	}
	require.Equal(t, "12", count(Security(0, false)))
	require.Equal(t, "123", count(Security(0, true)))
	require.Equal(t, "1", count(Security(2, false)))
	require.Empty(t, count(Security(3, false)))
}

func TestSearch(t *testing.T) {
	host := &inventory.Inventory{Parts: []inventory.Part{{Name: inventory.PartPackages, State: inventory.PartOK}}, Packages: []inventory.HostPackage{
		{Name: "xz", Version: "1-1", Desc: "Compressor", Reason: "explicit", Repo: "core", Provides: []string{"liblzma.so"}}, {Name: "own", Version: "1-1", Foreign: true, Groups: []string{"tools"}},
	}}
	for words, want := range map[string]string{"compress": "xz", "is:explicit": "xz", "repo:core": "xz", "group:tools": "own", "provides:lzma": "xz", "name:compress": "", "o not:xz": "own"} {
		q, err := Search(strings.Fields(words), false, false)
		require.NoError(t, err)
		var names []string
		for _, p := range ask(t, q, host).Packages {
			names = append(names, p.Name)
		}
		require.Equal(t, want, strings.Join(names, " "), words)
	}
	for _, wrong := range []string{"depends:a", "not:maint:x", "is:nonsense"} {
		_, err := Search([]string{wrong, "x"}, false, false)
		require.Equal(t, exit.Usage, exit.Code(err), wrong)
	}
}

func TestCoverage(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	c := NewCoverage([]string{"a", "b", "c", "d", "gone"}, time.Hour, now)
	add := func(host string, at int64, identity, reported string) *Answer {
		a := &Answer{Host: host, At: at, State: Answered, Identity: identity, Reported: reported, found: 1}
		c.Add(a, host+".json")
		return a
	}
	require.Empty(t, add("a", now.Unix()-3600, "1", "a").Reported)
	require.Equal(t, Old, add("b", now.Unix()-3601, "2", "b").State)
	require.Equal(t, Future, add("c", now.Unix()+601, "3", "c").State)
	require.Equal(t, "a", add("d", now.Unix()+600, "1", "a").Reported)
	add("extra", now.Unix(), "5", "c")
	c.Refuse("bad", "dir/bad.json", errors.New("it is not valid JSON"))
	require.Len(t, c.MissingHosts(), 1)
	s := c.Finish()
	require.Equal(t, []int{7, 3, 5}, []int{s.Asked, s.Answered, s.Found})
	var silent []string
	for _, one := range s.Silent {
		silent = append(silent, one.String())
	}
	require.Equal(t, []string{
		"b has not answered: its inventory was made 1 hour ago", "bad has not answered: dir/bad.json: it is not valid JSON",
		"c has not answered: the time of its inventory is in the future: its clock or that of this host is wrong", "gone has not answered: it has no file",
	}, silent)
	require.Equal(t, []string{"a.json and d.json have the same identity: one is a copy of the other, or of its machine ID", "c.json and extra.json call themselves c"}, s.Duplicates)
	require.Equal(t, []string{"bad", "extra"}, s.Unexpected)
}

// TestCoverage_TwoFiles checks that a host with two files is counted once, and has answered if one of them is an answer.
func TestCoverage_TwoFiles(t *testing.T) {
	c := NewCoverage(nil, time.Hour, time.Unix(5000, 0))
	c.Add(&Answer{Host: "a", At: 5000, State: Answered}, "a.json")
	c.Refuse("a", "a.json.zst", errors.New("damaged"))
	c.Refuse("b", "b.json", errors.New("damaged"))
	c.Add(&Answer{Host: "b", At: 5000, State: Answered}, "b.json.zst")
	s := c.Finish()
	require.Equal(t, []int{2, 2}, []int{s.Asked, s.Answered})
	require.Empty(t, s.Silent)
	require.Equal(t, []string{"a has two files", "b has two files"}, s.Duplicates)
}

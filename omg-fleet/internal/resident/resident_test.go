package resident

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/inventory"
)

// at is the time of all documents.
const at = 1_700_000_000

var now = time.Unix(at+60, 0)

// init makes what compresses states. It has channels, and those that are made in a synctest bubble cannot be used by other tests.
func init() {
	packed, err := pack(&inventory.Inventory{})
	if err == nil {
		_, err = unpack(packed)
	}
	if err != nil {
		panic(err)
	}
}

// entry returns the entry of a host with packages, each "name version".
func entry(t *testing.T, host string, packages ...string) *Entry {
	t.Helper()
	v := &inventory.Inventory{
		Schema: inventory.Schema, Host: host, At: at, Packages: []inventory.HostPackage{},
		Parts: []inventory.Part{{Name: inventory.PartPackages, State: inventory.PartOK}, {Name: inventory.PartUpdates, State: inventory.PartOK}},
	}
	for _, p := range packages {
		name, version, _ := strings.Cut(p, " ")
		v.Packages = append(v.Packages, inventory.HostPackage{Name: name, Version: version})
	}
	return parse(t, v)
}

func parse(t *testing.T, v *inventory.Inventory) *Entry {
	t.Helper()
	text, err := inventory.Encode(v)
	require.NoError(t, err)
	e, err := read(string(text))
	require.NoError(t, err)
	return e
}

// read reads a document.
func read(document string) (*Entry, error) {
	r, finish := Read()
	v, err := r.Read([]byte(document))
	if err != nil {
		return nil, err
	}
	return finish(v), nil
}

// ask returns "host name version" for each package that a question about packages has found.
func ask(t *testing.T, f *Fleet, targets ...string) (lines []string, summary *question.Summary) {
	t.Helper()
	q, err := question.Has(targets)
	require.NoError(t, err)
	var names []string
	for _, target := range targets {
		names = append(names, strings.FieldsFunc(target, func(r rune) bool { return strings.ContainsRune("<>=", r) })[0])
	}
	answers, summary := f.Ask(q, names, time.Hour, now)
	for _, a := range answers {
		for _, p := range a.Packages {
			lines = append(lines, a.Host+" "+p.Name+" "+p.Version)
		}
	}
	return lines, summary
}

// TestFleet_Random makes random changes and compares the answers with a simple list. In the end, nothing may be left.
func TestFleet_Random(t *testing.T) {
	f, want := New(), map[string][]string{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		host := fmt.Sprintf("host%02d", r.IntN(20))
		switch r.IntN(6) {
		case 0:
			f.Remove(host)
			delete(want, host)
		case 1:
			f.Refuse(host, host, errors.New("damaged"))
			want[host] = nil
		default:
			var packages []string
			for name := range 8 {
				if r.IntN(2) == 0 {
					packages = append(packages, fmt.Sprintf("p%d %d-1", name, r.IntN(3)))
				}
			}
			f.Put(host, host, entry(t, host, packages...))
			want[host] = packages
		}
		name := fmt.Sprintf("p%d", r.IntN(8))
		var lines []string
		for host, packages := range want {
			for _, p := range packages {
				if strings.HasPrefix(p, name+" ") {
					lines = append(lines, host+" "+p)
				}
			}
		}
		slices.Sort(lines)
		got, summary := ask(t, f, name)
		require.Equal(t, lines, got)
		require.Equal(t, len(want), summary.Asked)
		hosts := 0
		if found := f.FindPackages(name); len(found) > 0 {
			hosts = found[0].Hosts
		}
		require.Equal(t, len(lines), hosts)
	}
	for host := range want {
		f.Remove(host)
	}
	require.Empty(t, f.table.packages)
	require.Zero(t, f.table.pairs)
	require.Zero(t, f.table.text)
	require.Zero(t, f.packed)
	require.Len(t, f.table.free, len(f.table.builds))
}

func TestFleet_Coverage(t *testing.T) {
	f := New()
	f.SetRoster([]string{"db1", "web1"})
	f.Put("web1.json", "web1", entry(t, "web1", "xz 5.6.1-1"))
	f.Put("web2.json", "web2", entry(t, "web2", "xz 5.8.0-1"))
	f.Refuse("web3.json", "web3", errors.New("it is damaged"))
	f.Contact("web2.json", Contact{Heard: now})
	lines, summary := ask(t, f, "xz<5.7")
	require.Equal(t, []string{"web1 xz 5.6.1-1"}, lines)
	require.Equal(t, 4, summary.Asked)
	require.Equal(t, 2, summary.Answered)
	require.Equal(t, "db1", summary.Silent[0].Host)
	require.Equal(t, "web3 has not answered: web3.json: it is damaged", summary.Silent[1].String())
	require.Equal(t, []string{"web2", "web3"}, summary.Unexpected)
	answers, _ := f.Ask(question.Hosts(), nil, time.Hour, now)
	require.Len(t, answers, 4)
	require.Equal(t, now, answers[1].Contact)
	_, summary = f.Ask(question.Hosts(), nil, time.Second, now)
	require.Equal(t, question.Old, summary.Silent[1].State)
	require.Equal(t, question.MissingFile, summary.Silent[0].Why)
	f.ExplainMissing(question.NeverHeard)
	_, summary = f.Ask(question.Hosts(), nil, time.Hour, now)
	require.Equal(t, question.NeverHeard, summary.Silent[0].Why)
}

// TestContact checks which news about a host are a change, and that several agents of one name are reported.
func TestContact(t *testing.T) {
	f := New()
	f.Put("web1", "web1", entry(t, "web1", "xz 5.6.1-1"))
	duplicates := func() []string {
		_, summary := f.Ask(question.Hosts(), nil, time.Hour, now)
		return summary.Duplicates
	}
	for _, c := range []struct {
		contact  Contact
		isChange bool
	}{
		{Contact{Heard: now}, false},
		{Contact{Heard: now.Add(time.Minute), ConfirmedAt: at}, false},
		{Contact{Heard: now, IsSilent: true}, true},
		{Contact{Heard: now}, true},
		{Contact{Heard: now, HasSeveral: true}, true},
		{Contact{Heard: now.Add(time.Minute), HasSeveral: true}, false},
	} {
		before := f.Version()
		f.Contact("web1", c.contact)
		require.Equal(t, c.isChange, f.Version() != before, c.contact)
		require.Equal(t, c.contact.HasSeveral, len(duplicates()) > 0)
	}
	require.Equal(t, []string{"web1 is the name of several agents: each answer is that of one of them"}, duplicates())
	f.Contact("web1", Contact{Heard: now})
	require.Empty(t, duplicates())
	before := f.Version()
	f.Contact("web2", Contact{IsSilent: true})
	require.Equal(t, before, f.Version(), "there is no such host")
}

// TestPut_Limits checks that a host that sends too much is refused with the reason, and that the others stay.
func TestPut_Limits(t *testing.T) {
	f := New()
	f.Put("good", "good", entry(t, "good", "xz 1-1"))
	base := func() *inventory.Inventory {
		return &inventory.Inventory{Schema: inventory.Schema, Host: "bad", At: at, Packages: []inventory.HostPackage{{Name: "xz", Version: "2-1"}}}
	}
	twice := base()
	twice.Packages = append(twice.Packages, inventory.HostPackage{Name: "xz", Version: "3-1"})
	parts := base()
	parts.Parts = make([]inventory.Part, maxParts+1)
	large := base()
	for i := range 12_000 {
		large.Updates = append(large.Updates, inventory.HostUpdate{Name: fmt.Sprint("package", i), Installed: "1-1", Version: "2-1", Repo: strings.Repeat("x", 100)})
	}
	random := base()
	r := rand.New(rand.NewPCG(1, 2))
	for range 6000 {
		name := make([]byte, 50)
		for i := range name {
			name[i] = byte(r.Uint32())
		}
		random.Updates = append(random.Updates, inventory.HostUpdate{Name: hex.EncodeToString(name)})
	}
	for want, v := range map[string]*inventory.Inventory{
		`the package "xz" twice`: twice, "more than 16 parts": parts, "longer than 1024 kB": large, "longer than 256 kB, compressed": random,
	} {
		before := f.Version()
		f.Put("bad", "bad", parse(t, v))
		require.Greater(t, f.Version(), before)
		answers, _ := f.Ask(question.Hosts(), nil, time.Hour, now)
		require.Equal(t, question.Unreadable, answers[0].State, want)
		require.Contains(t, answers[0].Why, want)
		lines, _ := ask(t, f, "xz")
		require.Equal(t, []string{"good xz 1-1"}, lines)
	}
	many := base()
	many.Packages = make([]inventory.HostPackage, maxHostPackages+1)
	for i := range many.Packages {
		many.Packages[i] = inventory.HostPackage{Name: fmt.Sprint("p", i), Version: "1"}
	}
	long := base()
	long.Packages[0].Name = strings.Repeat("x", maxName+1)
	for want, v := range map[string]*inventory.Inventory{"more than 20000 packages": many, "longer than 255 bytes": long} {
		text, err := inventory.Encode(v)
		require.NoError(t, err)
		_, err = read(string(text))
		require.ErrorContains(t, err, want)
	}
	require.Len(t, f.table.packages, 1, "what was refused is not kept")
}

func TestDetails(t *testing.T) {
	f := New()
	v := &inventory.Inventory{
		Schema: inventory.Schema, Host: "web1", At: at, Kernel: "6.1", Packages: []inventory.HostPackage{{Name: "b", Version: "1"}, {Name: "a", Version: "2"}},
		Updates: []inventory.HostUpdate{{Name: "a", Installed: "2", Version: "3"}}, Sources: nil,
	}
	f.Put("web1", "web1", parse(t, v))
	got, err := f.Details("web1")
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, []inventory.HostPackage{{Name: "a", Version: "2"}, {Name: "b", Version: "1"}}, got[0].Packages)
	require.Equal(t, v.Updates, got[0].Updates)
	got, err = f.Details("web2")
	require.NoError(t, err)
	require.Empty(t, got)
}

// TestWait checks that a change wakes those who wait, and that the same document is no change.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New()
		f.Put("a", "a", entry(t, "a", "xz 1-1"))
		seen := f.Version()
		woken := make(chan uint64, 2)
		for range 2 {
			go func() {
				version, _ := f.Wait(context.Background(), seen)
				woken <- version
			}()
		}
		f.Put("a", "a", entry(t, "a", "xz 1-1"))
		synctest.Wait()
		require.Empty(t, woken)
		f.Put("a", "a", entry(t, "a", "xz 1-2"))
		synctest.Wait()
		require.Len(t, woken, 2)
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		_, err := f.Wait(ctx, f.Version())
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestFindPackages_Order(t *testing.T) {
	f := New()
	f.Put("a", "a", entry(t, "a", "xz 1-1", "lib32-xz 1-1", "xz-docs 1-1", "bash 5-1"))
	f.Put("b", "b", entry(t, "b", "xz 1-2"))
	require.Equal(t, []Package{{"xz", 2, 2}, {"xz-docs", 1, 1}, {"lib32-xz", 1, 1}}, f.FindPackages("xz"))
}

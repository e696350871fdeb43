package direct

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/wire"
)

// The limits of package aurcheck.
const maxLiveLevels, maxLiveDependencies = 5, 600

// liveAUR replies to requests about packages as omgd does. Its packages are by name.
type liveAUR struct {
	packages  map[string]wire.Package
	repliedAt int64
	notAsked  []string
	state     wire.SourceState
	err       error
	requests  [][]string
}

func (a *liveAUR) reply(_ context.Context, names []string) (*wire.AURInfoResult, error) {
	a.requests = append(a.requests, slices.Clone(names))
	if a.err != nil {
		return nil, a.err
	}
	r := &wire.AURInfoResult{Sources: []wire.Source{{Name: wire.SourceAUR, Kind: wire.KindAUR, State: a.state, Why: "the AUR does not answer in time", AsOf: a.repliedAt}}}
	for _, name := range names {
		if slices.Contains(a.notAsked, name) {
			r.NotAsked = append(r.NotAsked, name)
		} else if p, ok := a.packages[name]; ok {
			r.Packages = append(r.Packages, p)
		}
	}
	return r, nil
}

// aurPackage returns a package of bob that was last updated 40 days ago.
func aurPackage(name string, now int64, change ...func(*wire.Package)) *wire.Package {
	p := &wire.Package{Name: name, Version: "1-1", Base: name, AUR: &wire.AUR{Maintainer: "bob", Submitted: now - 400*dayLength, Modified: now - 40*dayLength}}
	for _, change := range change {
		change(p)
	}
	return p
}

// newLiveTest returns a system whose dump of the AUR has the given packages, and an AUR that has the same packages at first. The dump is two
// hours old.
func newLiveTest(t *testing.T, now int64, packages ...*wire.Package) (*testSystem, *liveAUR) {
	w := newTestSystem(t)
	w.buildOwn()
	w.writeAUR(now-7200, packages...)
	writeJournal(t, w.path("share/omg"), now-7200)
	a := &liveAUR{packages: map[string]wire.Package{}, repliedAt: now, state: wire.SourceOK}
	for _, p := range packages {
		live := *p
		asked := *p.AUR
		live.AUR = &asked
		a.packages[p.Name] = live
	}
	return w, a
}

func (w *testSystem) checkedLive(a *liveAUR, names ...string) (findings []string, result *backend.AURCheckResult) {
	w.t.Helper()
	b := w.backend()
	b.aurInfo = a.reply
	result, err := b.AURCheck(w.t.Context(), &backend.AURCheckRequest{Names: names})
	require.NoError(w.t, err)
	for _, p := range result.Packages {
		for _, f := range p.Findings {
			findings = append(findings, fmt.Sprintf("%s %s %s", p.Name, f.Level, f.Reason))
		}
	}
	return findings, result
}

// TestAURCheck_Live checks which findings follow from what changed since the last dump.
func TestAURCheck_Live(t *testing.T) {
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		change func(*wire.Package) // nil if the AUR no longer has the package
		want   []string
	}{
		"nothing":                 {func(*wire.Package) {}, nil},
		"no pending requests":     {func(p *wire.Package) { p.AUR.PendingRequests = new(uint32(0)) }, nil},
		"pending requests":        {func(p *wire.Package) { p.AUR.PendingRequests = new(uint32(2)) }, []string{"tool note pending-requests"}},
		"orphaned":                {func(p *wire.Package) { p.AUR.Maintainer = "" }, []string{"tool note orphaned"}},
		"another maintainer":      {func(p *wire.Package) { p.AUR.Maintainer = "eve" }, []string{"tool note maintainer-changed"}},
		"updated":                 {func(p *wire.Package) { p.AUR.Modified = now - 60 }, []string{"tool note updated-since-dump"}},
		"a co-maintainer":         {func(p *wire.Package) { p.AUR.CoMaintainers = []string{"eve"} }, nil},
		"deleted":                 {nil, []string{"tool note deleted"}},
		"flagged":                 {func(p *wire.Package) { p.AUR.OutOfDate = now - 60 }, []string{"tool note out-of-date"}},
		"recreated":               {func(p *wire.Package) { p.AUR.Submitted = now - 60 }, []string{"tool look recreated", "tool look young"}},
		"an unknown dependency":   {func(p *wire.Package) { p.Depends = []string{"glibc", "atomic-new>=1"} }, []string{"tool look unknown-dependency"}},
		"a dependency on itself":  {func(p *wire.Package) { p.Depends = []string{"tool"} }, nil},
		"a reply before the dump": {func(p *wire.Package) { p.AUR.Modified = now - 50*dayLength }, nil},
		"a co-maintainer who updated it": {func(p *wire.Package) { p.AUR.CoMaintainers, p.AUR.Modified = []string{"eve"}, now-60 }, []string{
			"tool look comaintainer-added-and-updated", "tool note updated-since-dump",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, a := newLiveTest(t, now, aurPackage("tool", now), aurPackage("other", now))
			p := a.packages["tool"]
			if delete(a.packages, "tool"); c.change != nil {
				c.change(&p)
				a.packages["tool"] = p
			}
			got, result := w.checkedLive(a, "tool")
			require.Equal(t, c.want, got)
			require.Equal(t, now, result.Live.At.Unix())
			require.Equal(t, 1, result.Live.AskedCount)
			require.Equal(t, [][]string{{"tool"}}, a.requests)
			for _, p := range result.Packages {
				for _, f := range p.Findings {
					for _, e := range f.Events {
						require.Equal(t, backend.NewInterval(now-7200, now), e.Between)
						require.Equal(t, journal.SourceRPC, e.Source)
					}
				}
			}
		})
	}
}

// TestAURCheck_LiveAdopted checks a package that was adopted and updated an hour after the dump, which is how attacks begin.
func TestAURCheck_LiveAdopted(t *testing.T) {
	now := time.Now().Unix()
	w, a := newLiveTest(t, now, aurPackage("tool", now, func(p *wire.Package) { p.AUR.Maintainer = "" }))
	p := a.packages["tool"]
	p.AUR.Maintainer, p.AUR.Modified = "mallory", now-3600
	got, _ := w.checkedLive(a, "tool")
	require.Equal(t, []string{"tool look adopted-and-updated", "tool note updated-since-dump"}, got)
}

// TestAURCheck_LiveDependencies checks that the AUR is asked about the dependencies level by level, but only about those that no repository
// has, and that their findings name the package that needs them.
func TestAURCheck_LiveDependencies(t *testing.T) {
	now := time.Now().Unix()
	needs := func(names ...string) func(*wire.Package) { return func(p *wire.Package) { p.MakeDepends = names } }
	w, a := newLiveTest(t, now, aurPackage("tool", now, needs("one", "glibc")), aurPackage("one", now, needs("two>=1", "tool")),
		aurPackage("two", now, needs("one")), aurPackage("three", now, func(p *wire.Package) { p.Provides = []string{"virtual"} }))
	tool, two := a.packages["tool"], a.packages["two"]
	tool.Depends, two.AUR.Maintainer = []string{"virtual"}, "eve"
	a.packages["tool"] = tool
	got, result := w.checkedLive(a, "tool", "private")
	require.Equal(t, [][]string{{"tool"}, {"one"}, {"two"}}, a.requests, "a name that the dump lacks is not sent")
	require.Equal(t, []string{"two note maintainer-changed"}, got)
	require.Equal(t, "tool", result.Packages[0].RequiredBy)
	require.Equal(t, 3, result.Live.AskedCount)
	require.Equal(t, 2, result.Live.DependencyCount)
	require.Equal(t, []string{"private"}, result.Live.NotAsked)
	require.Equal(t, []string{"private"}, result.Missing)
}

// TestAURCheck_LiveBounded checks that a chain of dependencies without end is not followed to its end, and that this is reported.
func TestAURCheck_LiveBounded(t *testing.T) {
	now := time.Now().Unix()
	var chain []*wire.Package
	for i := range 20 {
		chain = append(chain, aurPackage(fmt.Sprintf("p%d", i), now, func(p *wire.Package) { p.Depends = []string{fmt.Sprintf("p%d", i+1)} }))
	}
	w, a := newLiveTest(t, now, chain...)
	_, result := w.checkedLive(a, "p0")
	require.Len(t, a.requests, 1+maxLiveLevels)
	require.Equal(t, 1, result.Live.SkippedCount)

	wide := aurPackage("wide", now)
	all := []*wire.Package{wide}
	for i := range maxLiveDependencies + 1 {
		all = append(all, aurPackage(fmt.Sprintf("d%d", i), now))
		wide.Depends = append(wide.Depends, fmt.Sprintf("d%d", i))
	}
	w, a = newLiveTest(t, now, all...)
	_, result = w.checkedLive(a, "wide")
	require.Len(t, a.requests, 1)
	require.Equal(t, maxLiveDependencies+1, result.Live.SkippedCount)
}

// TestAURCheck_LiveFails checks that the findings follow from the last dump if the AUR could not be asked, and that the result says why.
func TestAURCheck_LiveFails(t *testing.T) {
	now := time.Now().Unix()
	for want, change := range map[string]func(*liveAUR){
		"the AUR does not answer in time": func(a *liveAUR) { a.state = wire.SourceStale },
		"no time":                         func(a *liveAUR) { a.err = wire.Errorf(wire.CodeNetwork, "no time") },
		"broken":                          func(a *liveAUR) { a.err = errors.New("broken") },
		"the running omgd is another version than omg: restart it with omg daemon restart": func(a *liveAUR) { a.err = wire.Errorf(wire.CodeInvalid, "unknown operation") },
	} {
		t.Run(want, func(t *testing.T) {
			w, a := newLiveTest(t, now, aurPackage("tool", now, func(p *wire.Package) { p.AUR.Maintainer = "" }))
			delete(a.packages, "tool")
			change(a)
			got, result := w.checkedLive(a, "tool")
			require.Equal(t, []string{"tool note orphaned"}, got)
			require.Nil(t, result.Live.At)
			require.Equal(t, want, result.Live.FailureReason)
		})
	}
	w, a := newLiveTest(t, now, aurPackage("tool", now))
	delete(a.packages, "tool")
	a.notAsked = []string{"tool"} // omgd has another dump than omg-direct
	got, result := w.checkedLive(a, "tool")
	require.Empty(t, got)
	require.Equal(t, []string{"tool"}, result.Live.NotAsked)
}

// TestAURCheck_LiveFailsLate checks that the replies before a failure are used, and that no package is taken for deleted that the AUR was not
// asked about.
func TestAURCheck_LiveFailsLate(t *testing.T) {
	now := time.Now().Unix()
	var names []string
	var all []*wire.Package
	for i := range wire.MaxAURInfoNames + 5 {
		names = append(names, fmt.Sprintf("p%03d", i))
		all = append(all, aurPackage(names[i], now))
	}
	w, a := newLiveTest(t, now, all...)
	first := a.packages["p000"]
	first.AUR.Maintainer = "eve"
	b := w.backend()
	b.aurInfo = func(ctx context.Context, names []string) (*wire.AURInfoResult, error) {
		if len(a.requests) == 1 {
			a.err = errors.New("broken")
		}
		return a.reply(ctx, names)
	}
	result, err := b.AURCheck(t.Context(), &backend.AURCheckRequest{Names: names})
	require.NoError(t, err)
	require.Equal(t, "broken", result.Live.FailureReason)
	require.Equal(t, wire.MaxAURInfoNames, result.Live.AskedCount)
	require.Len(t, result.Packages, 1)
	require.Equal(t, "p000", result.Packages[0].Name)
	require.Equal(t, "maintainer-changed", result.Packages[0].Findings[0].Reason)
}

// TestAURCheck_LiveSplit checks that a package base is not deleted if the AUR still has another of its packages.
func TestAURCheck_LiveSplit(t *testing.T) {
	now := time.Now().Unix()
	split := func(p *wire.Package) { p.Base = "split" }
	w, a := newLiveTest(t, now, aurPackage("split-bin", now, split), aurPackage("split-doc", now, split))
	delete(a.packages, "split-doc")
	got, result := w.checkedLive(a, "split-doc")
	require.Empty(t, got)
	require.Equal(t, []string{"split-doc"}, result.NotInAUR)
}

func TestAURPKGBUILD_WithoutDaemon(t *testing.T) {
	_, err := newTestSystem(t).backend().AURPKGBUILD(t.Context(), "yay")
	require.ErrorIs(t, err, errWithoutDaemon)
}

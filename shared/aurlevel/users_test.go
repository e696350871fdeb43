package aurlevel

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/journal"
)

// TestFind_Users checks how the level depends on what is known about the user. The journal is complete since day -60. In the latest dump, bob
// maintains the checked package base and the other holdings of each case. A finding is written as in TestFind.
func TestFind_Users(t *testing.T) {
	submitted := func(days int64) Holding {
		return Holding{Base: "other", Submitter: "bob", Maintainer: "bob", SubmittedAt: now + days*day}
	}
	takenOver := func(base string) Holding {
		return Holding{Base: base, Submitter: "alice", Maintainer: "bob", SubmittedAt: now - 900*day}
	}
	elsewhere := func(base string, n int64, kind journal.EventKind) Event {
		e := on(n, kind, "", "bob")
		e.Base = base
		return e
	}
	withoutName := func(base string) Event {
		e := on(-4, adopted, "", "")
		e.Base = base
		return e
	}
	series := []Event{elsewhere("a", -4, adopted), elsewhere("b", -4, adopted)}
	for name, c := range map[string]struct {
		events   []Event
		others   []Event // of other package bases
		holdings []Holding
		want     string
	}{
		"no other package base":             {[]Event{on(-3, adopted, "", "bob")}, nil, nil, "look adopted-and-updated 1"},
		"submitted another 34 days before":  {[]Event{on(-3, adopted, "", "bob")}, nil, []Holding{submitted(-34)}, "note adopted-and-updated 1"},
		"submitted another 33 days before":  {[]Event{on(-3, adopted, "", "bob")}, nil, []Holding{submitted(-33)}, "look adopted-and-updated 1"},
		"has another since before the gap":  {[]Event{on(-3, adopted, "", "bob")}, nil, []Holding{takenOver("other")}, "note adopted-and-updated 1"},
		"adopted another 34 days before":    {[]Event{on(-3, adopted, "", "bob")}, []Event{elsewhere("other", -34, adopted)}, []Holding{takenOver("other")}, "note adopted-and-updated 1"},
		"adopted another 33 days before":    {[]Event{on(-3, adopted, "", "bob")}, []Event{elsewhere("other", -33, adopted)}, []Holding{takenOver("other")}, "look adopted-and-updated 1"},
		"adopts many at once":               {[]Event{on(-3, adopted, "", "bob")}, series, []Holding{takenOver("a"), takenOver("b")}, "look adopted-and-updated 1"},
		"co-maintains another":              {[]Event{on(-3, adopted, "", "bob")}, nil, []Holding{{Base: "x", Submitter: "al", Maintainer: "al", CoMaintainers: []string{"bob"}, SubmittedAt: now - 900*day}}, "note adopted-and-updated 1"},
		"a new co-maintainer":               {[]Event{on(-3, coAdded, "", "bob")}, nil, nil, "look comaintainer-added-and-updated 1"},
		"a known co-maintainer":             {[]Event{on(-3, coAdded, "", "bob")}, nil, []Holding{submitted(-900)}, "note comaintainer-added-and-updated 1"},
		"recreated by a new user":           {[]Event{on(-3, recreated, "1", "2")}, nil, nil, "look recreated 1"},
		"recreated by a known user":         {[]Event{on(-3, recreated, "1", "2")}, nil, []Holding{submitted(-900)}, "note recreated 1"},
		"seen again, of a known user":       {[]Event{on(-20, deleted, "1-1", ""), on(-3, firstSeen, "", "2-1")}, nil, []Holding{submitted(-900)}, "note recreated 2"},
		"a dependency of a new user":        {[]Event{on(-3, journal.EventYoungDependencyAdded, "", "x")}, nil, nil, "look young-dependency-added 1"},
		"a dependency of a known user":      {[]Event{on(-3, journal.EventYoungDependencyAdded, "", "x")}, nil, []Holding{submitted(-900)}, "note young-dependency-added 1"},
		"a new maintainer":                  {[]Event{on(-3, changed, "eve", "bob")}, nil, nil, "note maintainer-changed 1"},
		"a new maintainer of three":         {[]Event{on(-3, changed, "eve", "bob")}, series, nil, "look maintainer-changed-and-updated 1"},
		"a known maintainer of three":       {[]Event{on(-3, changed, "eve", "bob")}, series, []Holding{submitted(-900)}, "note maintainer-changed 1"},
		"a new co-maintainer of two others": {[]Event{on(-3, changed, "eve", "bob")}, []Event{elsewhere("a", -4, coAdded), elsewhere("b", -4, coAdded)}, nil, "note maintainer-changed 1"},
		"an adopter without a name": {
			[]Event{on(-200, adopted, "", ""), on(-9, orphaned, "", ""), on(-3, adopted, "", "")}, nil, []Holding{submitted(-900)}, "look adopted-and-updated 1",
		},
		"a co-maintainer without a name, who may have been the maintainer": {
			[]Event{on(-3, changed, "", ""), on(-3, coAdded, "", "")}, nil, nil, "look comaintainer-added-and-updated 1, note maintainer-changed 1",
		},
		"a maintainer without a name, and others": {
			[]Event{on(-3, changed, "", "")}, []Event{withoutName("a"), withoutName("b"), withoutName("c")}, nil, "note maintainer-changed 1",
		},
		"a new maintainer of three, in a long time": {
			[]Event{on(-3, changed, "eve", "bob")}, []Event{elsewhere("a", -18, adopted), elsewhere("b", -4, adopted)}, nil, "note maintainer-changed 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			users := &Users{MaintainerOf: func(string) string { return "bob" }}
			for _, e := range append(append([]Event{}, c.others...), c.events...) {
				users.AddEvent(&e.Event)
			}
			users.AddPackage(Holding{Base: "base", Submitter: "alice", Maintainer: "bob", SubmittedAt: now - day}, now-60*day)
			for _, h := range c.holdings {
				users.AddPackage(h, now-60*day)
			}
			var texts []string
			for _, f := range Find(c.events, now-60*day, listed(-2), Installation{}, users, now) {
				texts = append(texts, fmt.Sprintf("%s %s %d", f.Level, f.Reason, len(f.Events)))
			}
			require.Equal(t, c.want, strings.Join(texts, ", "))
		})
	}
}

// TestUsers_Limit checks that only the newest events are kept.
func TestUsers_Limit(t *testing.T) {
	u := &Users{}
	for n := range maxTakeovers + 1 {
		u.AddEvent(&journal.Event{Base: "b", Kind: adopted, To: fmt.Sprint("user", n)})
	}
	require.Len(t, u.takeovers, maxTakeovers/2+1)
	require.Equal(t, fmt.Sprint("user", maxTakeovers), u.takeovers[maxTakeovers/2].user)
}

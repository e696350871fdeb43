// Package aurlife simulates a year of the AUR, from which dumps are made: package bases that are submitted, updated, orphaned, adopted and
// deleted at the rates of a usual day, and the publicly documented incidents. Replays of such a year show what omg's rules about the AUR find,
// and how often they find something harmless.
//
// The same seed gives the same year. Incidents have random numbers of their own, so that usual life is about the same with and without them.
package aurlife

import (
	"cmp"
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// nobody is the maintainer of an orphan.
const nobody = -1

const day = 24 * 60 * 60

// Base is a package base of the simulated AUR.
type Base struct {
	Name string
	// Packages holds the names of its packages.
	Packages []string
	ID       int
	// Version counts the updates. Times are in Unix seconds.
	Version             int
	Submitted, Modified int64
	OutOfDate           int64 // 0 if it is not flagged
	Votes               int
	Depends             []string // names of packages of the AUR
	Host                string
	// Incident is the incident that changed the package base last; nil for usual life.
	Incident *Incident
	// AttackedAt is when the incident began to change the package base. HarmfulSince is when the harmful update was made; 0 if the
	// package base is harmless.
	AttackedAt, HarmfulSince int64

	maintainer     int   // nobody for an orphan
	lastMaintainer int   // before it became an orphan
	coMaintainers  []int // sorted
	submitter      int
	perYear        float64 // updates
	isDeleted      bool
}

// World is the simulated AUR at one time.
type World struct {
	Now   int64 // in Unix seconds
	Bases []*Base
	// Count counts the events of usual life, by a short name.
	Count map[string]int
	// OnHarm, if it is not nil, is called when a package base becomes harmful, and OnRestored when a harmful package base is taken back or
	// removed.
	OnHarm, OnRestored func(*Base)

	rates    Rates
	factor   float64 // the size of the AUR, as a multiple of 100,000 packages
	r        *rand.Rand
	harm     *rand.Rand // for incidents
	names    *namer
	byName   map[string]*Base
	users    int // the number of users who have or had a package base
	lastID   int
	queue    timeline
	sequence int
	observed map[string]*Base // copies of the package bases at the last call of Changes, by name
	removed  []string         // the names of the package bases that were deleted since
}

// Options describes a year.
type Options struct {
	Seed     uint64
	Packages int // about how many packages the AUR has at the beginning
	Rates    Rates
	Start    time.Time
	// Incidents are woven into the year.
	Incidents []Incident
}

// New returns the AUR at the start of a year.
func New(o Options) *World {
	w := &World{
		Now: o.Start.Unix(), Count: map[string]int{}, rates: o.Rates, factor: float64(o.Packages) / 100_000,
		r: rand.New(rand.NewPCG(o.Seed, 1)), harm: rand.New(rand.NewPCG(o.Seed, 2)), byName: map[string]*Base{},
	}
	w.names = &namer{r: rand.New(rand.NewPCG(o.Seed, 3)), used: map[string]bool{}}
	bases := int(float64(o.Packages) / packagesPerBase)
	w.users = max(bases/basesPerMaintainer, 10)
	for range bases {
		w.addOldBase(w.names.next())
	}
	w.setUpdateRates()
	for i := range o.Incidents {
		w.plan(&o.Incidents[i], o.Start.Year())
	}
	return w
}

// addOldBase adds a package base that exists at the start.
func (w *World) addOldBase(name string) {
	const aurAge = 10 * 365 * day
	b := w.newBase(name, w.userBySize(), w.Now-int64(math.Sqrt(w.r.Float64())*aurAge))
	// The votes of the most popular packages are about those of the AUR, and half of all packages have at most one.
	b.Votes = int(math.Pow(1/(w.r.Float64()+1e-9), 0.72)) - 1
	b.Votes = min(b.Votes, topVotes)
	if w.r.Float64() < orphanShare*1.12*math.Pow(1+float64(b.Votes), -0.3) {
		w.setOrphan(b)
	}
	for w.r.Float64() < 0.05 {
		b.addCoMaintainer(w.userBySize())
	}
}

// newBase adds a package base with its packages.
func (w *World) newBase(name string, maintainer int, at int64) *Base {
	w.lastID++
	b := &Base{
		Name: name, Packages: []string{name}, ID: w.lastID, Version: 1, Submitted: at, Modified: at, maintainer: maintainer, lastMaintainer: nobody,
		submitter: maintainer, Host: []string{"github.com", "github.com", "github.com", "gitlab.com", "example.org"}[w.r.IntN(5)],
	}
	// One package base in ten is split into two to four packages.
	for i := 0; i < 3 && w.r.Float64() < []float64{0.1, 0.6, 0.3}[i]; i++ {
		b.Packages = append(b.Packages, name+[]string{"-docs", "-common", "-gui"}[i])
	}
	w.Bases = append(w.Bases, b)
	w.byName[name] = b
	return b
}

// setUpdateRates gives each package base one of the update rates. Popular package bases are updated more often.
func (w *World) setUpdateRates() {
	rank := map[*Base]float64{}
	for _, b := range w.Bases {
		rank[b] = math.Log(1+float64(b.Votes)) + 1.5*w.r.NormFloat64()
	}
	sorted := slices.SortedFunc(slices.Values(w.Bases), func(a, b *Base) int {
		return cmp.Or(cmp.Compare(rank[b], rank[a]), cmp.Compare(a.ID, b.ID))
	})
	at := 0.0
	for i, b := range sorted {
		class := 0
		for at = w.rates.Updates[0].Share; float64(i) >= at*float64(len(sorted)) && class < len(w.rates.Updates)-1; {
			class++
			at += w.rates.Updates[class].Share
		}
		b.perYear = w.rates.Updates[class].PerYear
		w.drawLastUpdate(b)
	}
}

// drawLastUpdate sets when a package base that exists at the start was last updated, so that it is as likely to be updated in the last weeks
// before the start as after it.
func (w *World) drawLastUpdate(b *Base) {
	if w.r.Float64() < neverUpdated {
		return
	}
	ago := int64(w.r.ExpFloat64() / b.perYear * 365 * day)
	if !isMaintained(b) {
		ago += int64(w.r.ExpFloat64() * 365 * day) // since it has been an orphan
	}
	b.Modified = max(b.Submitted+int64(w.r.Float64()*float64(w.Now-b.Submitted)/2), w.Now-ago)
	b.Version += 1 + w.r.IntN(20)
}

// drawUpdateRate returns the update rate of a new package base.
func (w *World) drawUpdateRate() float64 {
	p := w.r.Float64()
	for _, c := range w.rates.Updates {
		if p -= c.Share; p < 0 {
			return c.PerYear
		}
	}
	return w.rates.Updates[len(w.rates.Updates)-1].PerYear
}

// userBySize returns a user: a few have many package bases, most have few.
func (w *World) userBySize() int {
	return min(int(float64(w.users)*math.Pow(w.r.Float64(), 2)), w.users-1)
}

// newUser returns a user without package bases.
func (w *World) newUser() int {
	w.users++
	return w.users - 1
}

// userName returns the name of a user; it is empty for nobody.
func userName(user int) string {
	if user == nobody {
		return ""
	}
	return "user" + strconv.Itoa(user)
}

// Maintainer returns the name of the maintainer; it is empty for an orphan.
func (b *Base) Maintainer() string { return userName(b.maintainer) }

func (b *Base) addCoMaintainer(user int) bool {
	at, found := slices.BinarySearch(b.coMaintainers, user)
	if found || user == b.maintainer || len(b.coMaintainers) > 20 {
		return false
	}
	b.coMaintainers = slices.Insert(slices.Clone(b.coMaintainers), at, user)
	return true
}

// at runs a function at a time of the simulation.
func (w *World) at(t int64, run func()) {
	w.sequence++
	heap.Push(&w.queue, moment{t, w.sequence, run})
}

// Advance simulates the time until the moment to, in Unix seconds.
func (w *World) Advance(to int64) {
	for w.Now < to {
		end := min(w.Now+day, to)
		w.planDay(end)
		for len(w.queue) > 0 && w.queue[0].time <= end {
			m := heap.Pop(&w.queue).(moment)
			w.Now = max(w.Now, m.time)
			m.run()
		}
		w.Now = end
	}
	w.Bases = slices.DeleteFunc(w.Bases, func(b *Base) bool { return b.isDeleted })
}

// moment is something that happens at a time.
type moment struct {
	time     int64
	sequence int
	run      func()
}

// timeline is a heap of moments, the earliest first.
type timeline []moment

func (t timeline) Len() int { return len(t) }
func (t timeline) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(t[i].time, t[j].time), cmp.Compare(t[i].sequence, t[j].sequence)) < 0
}
func (t timeline) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push adds a moment, as container/heap demands.
func (t *timeline) Push(m any) { *t = append(*t, m.(moment)) }

// Pop removes the last moment, as container/heap demands.
func (t *timeline) Pop() any {
	last := len(*t) - 1
	m := (*t)[last]
	*t = (*t)[:last]
	return m
}

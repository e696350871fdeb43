package aurlife

import (
	"fmt"
	"math"
	"slices"
)

// planDay plans the events of usual life from now to the time end.
func (w *World) planDay(end int64) {
	days := float64(end-w.Now) / day
	plan := func(number float64, run func()) {
		for range w.poisson(number * w.factor * days) {
			w.at(w.Now+w.r.Int64N(end-w.Now), run)
		}
	}
	r := &w.rates
	plan(r.NewBases, w.submit)
	plan(r.Orphaned-r.Adopted*r.Requested, func() { w.orphanOne() })
	// A batch counts as one adopter.
	adopters := r.Adopted / (1 - r.Batches + r.Batches*r.BatchSize)
	plan(adopters*(1-r.Requested-r.Returned), w.adoptFromStock)
	plan(adopters*r.Requested, w.adoptRequested)
	plan(adopters*r.Returned, w.adoptAgain)
	plan(r.Deleted-r.Renamed, func() { w.deleteOne() })
	plan(r.Renamed, w.rename)
	plan(r.Recreated, w.recreate)
	plan(r.HandedOver, w.handOver)
	plan(r.CoMaintainersAdded, w.addCoMaintainer)
	plan(r.CoMaintainersRemoved, w.removeCoMaintainer)
	plan(r.Flagged, w.flag)
	plan(r.Votes, w.vote)
	for _, b := range w.Bases {
		for range w.poisson(b.perYear * days / 365) {
			w.at(w.Now+w.r.Int64N(end-w.Now), func() { w.update(b) })
		}
	}
}

// poisson returns a random number of events with the given mean.
func (w *World) poisson(mean float64) int {
	if mean <= 0 {
		return 0
	}
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*w.r.NormFloat64())))
	}
	n, p, limit := 0, 1.0, math.Exp(-mean)
	for p *= w.r.Float64(); p > limit; p *= w.r.Float64() {
		n++
	}
	return n
}

// pick returns a random package base for which the function weight is not 0. The probability is proportional to its weight, of which max is
// the largest. It returns nil if it finds none.
func (w *World) pick(max float64, weight func(b *Base) float64) *Base {
	for range 20_000 {
		b := w.Bases[w.r.IntN(len(w.Bases))]
		if !b.isDeleted && w.r.Float64()*max < weight(b) {
			return b
		}
	}
	return nil
}

func isMaintained(b *Base) bool { return b.maintainer != nobody }

// unpopular is the weight of a package base for changes that concern mostly package bases with few votes.
func unpopular(b *Base) float64 { return math.Pow(1+float64(b.Votes), -0.3) }

// popular is the weight of a package base for changes that concern mostly package bases with many votes. It is at most maxPopular.
func popular(b *Base) float64 { return math.Sqrt(float64(min(b.Votes, 400)) + 0.5) }

var maxPopular = math.Sqrt(400.5)

// update is an update by the maintainer or a co-maintainer.
func (w *World) update(b *Base) {
	if b.isDeleted || !isMaintained(b) || b.Incident != nil && b.HarmfulSince > 0 {
		return
	}
	w.Count["updated"]++
	b.Version++
	b.Modified, b.OutOfDate = max(b.Modified, w.Now), 0
	if w.r.Float64() < w.rates.Hosts {
		b.Host = fmt.Sprintf("host%d.example.org", w.r.IntN(1_000_000))
	}
}

// submit adds a new package base.
func (w *World) submit() {
	user := w.userBySize()
	if w.r.Float64() < w.rates.NewSubmitters {
		user = w.newUser()
	}
	b := w.addBase(w.names.next(), user)
	w.Count["submitted"]++
	if w.r.Float64() < w.rates.NewDependencies {
		w.planDependency(b)
	}
}

// addBase adds a package base that is submitted now.
func (w *World) addBase(name string, user int) *Base {
	b := w.newBase(name, user, w.Now)
	b.perYear = w.drawUpdateRate()
	if w.r.IntN(3) == 0 { // many submitters correct the first version within a few days
		w.at(w.Now+w.delay(1), func() { w.update(b) })
	}
	return b
}

// delay returns a random time in seconds, which is the given number of days on average.
func (w *World) delay(days float64) int64 { return 60 + int64(w.r.ExpFloat64()*days*day) }

// planDependency lets another package base need a new one from its next update on.
func (w *World) planDependency(dependency *Base) {
	user := w.pick(maxPopular, func(b *Base) float64 {
		if !isMaintained(b) || b == dependency {
			return 0
		}
		return popular(b)
	})
	if user == nil {
		return
	}
	if w.r.Float64() < w.rates.OwnDependencies {
		dependency.maintainer, dependency.submitter = user.maintainer, user.maintainer
	}
	w.at(w.Now+w.delay(2), func() {
		if !user.isDeleted && isMaintained(user) {
			user.Depends = append(slices.Clone(user.Depends), dependency.Name)
			w.Count["dependency added"]++
			w.update(user)
		}
	})
}

// orphanOne makes a package base an orphan, and returns it.
func (w *World) orphanOne() *Base {
	b := w.pick(1, func(b *Base) float64 {
		if !isMaintained(b) || b.HarmfulSince > 0 {
			return 0
		}
		return unpopular(b)
	})
	if b != nil {
		w.Count["orphaned"]++
		w.setOrphan(b)
	}
	return b
}

// setOrphan removes the maintainer. The first co-maintainer becomes the maintainer, as in the AUR, if there is one.
func (w *World) setOrphan(b *Base) {
	b.lastMaintainer, b.maintainer = b.maintainer, nobody
	if len(b.coMaintainers) > 0 {
		b.maintainer, b.coMaintainers = b.coMaintainers[0], slices.Clone(b.coMaintainers[1:])
	}
}

// adopter returns a user who adopts orphans.
func (w *World) adopter(newcomers float64) int {
	if w.r.Float64() < newcomers {
		return w.newUser()
	}
	return w.userBySize()
}

// adopt makes a user the maintainer of an orphan.
func (w *World) adopt(b *Base, user int) {
	if b.isDeleted || isMaintained(b) {
		return
	}
	w.Count["adopted"]++
	b.maintainer, b.Incident, b.AttackedAt = user, nil, 0
	if w.r.Float64() < w.rates.UpdatedSoon {
		w.Count["adopted, to be updated soon"]++
		w.at(w.Now+w.delay(w.rates.UpdateDelay), func() {
			if b.maintainer == user {
				w.update(b)
			}
		})
	}
}

// orphan returns a random orphan.
func (w *World) orphan() *Base {
	return w.pick(maxPopular, func(b *Base) float64 {
		if isMaintained(b) {
			return 0
		}
		return popular(b)
	})
}

// adoptFromStock lets a user adopt one orphan, or several within an hour.
func (w *World) adoptFromStock() {
	if w.r.Float64() >= w.rates.Batches {
		if b := w.orphan(); b != nil {
			w.adopt(b, w.adopter(w.rates.NewAdopters))
		}
		return
	}
	w.Count["batches"]++
	user := w.adopter(0.1)
	for range 2 + w.geometric(w.rates.BatchSize-2) {
		if b := w.orphan(); b != nil {
			w.at(w.Now+w.r.Int64N(3600), func() { w.adopt(b, user) })
		}
	}
}

// geometric returns a random number that has the given mean, and that is often small and sometimes large.
func (w *World) geometric(mean float64) int { return int(w.r.ExpFloat64() * mean) }

// adoptRequested orphans a package base, and lets the user who asked for it adopt it: on the same day, or within days.
func (w *World) adoptRequested() {
	user, batch := w.adopter(w.rates.NewAdopters), 1
	if w.r.Float64() < w.rates.Batches {
		batch = 2 + w.geometric(w.rates.BatchSize-2)
	}
	for range batch {
		b := w.orphanOne()
		if b == nil {
			return
		}
		after := w.r.Int64N(6 * 3600)
		if w.r.IntN(2) == 0 {
			after = w.delay(3)
		}
		w.at(w.Now+after, func() { w.adopt(b, user) })
	}
}

// adoptAgain lets the last maintainer of an orphan adopt it again.
func (w *World) adoptAgain() {
	b := w.pick(1, func(b *Base) float64 {
		if isMaintained(b) || b.lastMaintainer == nobody || b.Incident != nil {
			return 0
		}
		return 1
	})
	if b != nil {
		w.adopt(b, b.lastMaintainer)
	}
}

// deleteOne deletes a package base, and returns it.
func (w *World) deleteOne() *Base {
	b := w.pick(3, func(b *Base) float64 {
		switch {
		case b.HarmfulSince > 0:
			return 0
		case !isMaintained(b):
			return 3 * unpopular(b) // half of the deleted package bases are orphans
		}
		return 0.5 * unpopular(b)
	})
	if b != nil {
		w.Count["deleted"]++
		w.remove(b)
	}
	return b
}

func (w *World) remove(b *Base) {
	b.isDeleted = true
	w.removed = append(w.removed, b.Name)
	if w.byName[b.Name] == b {
		delete(w.byName, b.Name)
	}
}

// rename submits a package base under another name, and deletes the old one a few days later.
func (w *World) rename() {
	b := w.pick(1, func(b *Base) float64 {
		if !isMaintained(b) || b.HarmfulSince > 0 {
			return 0
		}
		return 1
	})
	if b == nil {
		return
	}
	w.Count["renamed"]++
	renamed := w.addBase(w.names.next(), b.maintainer)
	renamed.Depends, renamed.Host, renamed.perYear = b.Depends, b.Host, b.perYear
	w.at(w.Now+w.delay(3), func() {
		renamed.Votes += b.Votes // a merge moves the votes
		w.remove(b)
	})
}

// recreate deletes a package base, and submits it again.
func (w *World) recreate() {
	b := w.deleteOne()
	if b == nil {
		return
	}
	w.at(w.Now+w.delay(5), func() {
		if w.byName[b.Name] == nil {
			w.Count["recreated"]++
			w.addBase(b.Name, w.adopter(w.rates.NewSubmitters))
		}
	})
}

func (w *World) handOver() {
	b := w.pick(maxPopular, maintainedAndPopular)
	if b == nil {
		return
	}
	w.Count["handed over"]++
	if len(b.coMaintainers) > 0 && w.r.IntN(2) == 0 {
		b.maintainer, b.coMaintainers = b.coMaintainers[0], slices.Clone(b.coMaintainers[1:])
		return
	}
	b.maintainer = w.adopter(w.rates.NewAdopters)
}

func maintainedAndPopular(b *Base) float64 {
	if !isMaintained(b) || b.HarmfulSince > 0 {
		return 0
	}
	return popular(b)
}

func (w *World) addCoMaintainer() {
	if b := w.pick(maxPopular, maintainedAndPopular); b != nil && b.addCoMaintainer(w.adopter(w.rates.NewCoMaintainers)) {
		w.Count["co-maintainer added"]++
	}
}

func (w *World) removeCoMaintainer() {
	b := w.pick(1, func(b *Base) float64 { return float64(min(len(b.coMaintainers), 1)) })
	if b != nil {
		w.Count["co-maintainer removed"]++
		at := w.r.IntN(len(b.coMaintainers))
		b.coMaintainers = slices.Delete(slices.Clone(b.coMaintainers), at, at+1)
	}
}

func (w *World) flag() {
	if b := w.pick(maxPopular, popular); b != nil && b.OutOfDate == 0 {
		w.Count["flagged"]++
		b.OutOfDate = w.Now
	}
}

func (w *World) vote() {
	b := w.pick(topVotes+1, func(b *Base) float64 { return float64(min(b.Votes, topVotes)) + 0.5 })
	if b != nil {
		b.Votes++
	}
}

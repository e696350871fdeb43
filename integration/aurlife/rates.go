package aurlife

// Rates describes a usual day of the AUR. The numbers of events are for an AUR of 100,000 packages and one day. Every figure has a source,
// or says that it is an assumption; docs/journal-measures.md lists them. The figures were written down before any rule was measured with
// them.
//
// The sources are:
//
//	home2021  the statistics on the AUR's home page of 2021: 74,255 packages, 8,866 orphans, 234 packages added and 1,438 updated in
//	          7 days, 24,955 updated in a year, 18,094 never updated
//	lwn2026   reports of June 2026: 107,000 packages, 14,000 orphans, 141,000 registered users
//	requests  the numbers of two requests to the AUR: PRQ#50220 of 2023-11-13 and PRQ#85209 of 2026-08-01, so 35 requests a day to
//	          delete, merge or orphan; aurweb issue 416 says that most of them are to orphan
type Rates struct {
	// NewBases is how many package bases are submitted. home2021: 234 packages in 7 days are 45 a day of 100,000 packages, and 1.18
	// packages make a package base, as in a dump of 3,393 packages.
	NewBases float64
	// Orphaned is how many package bases lose their maintainer. requests: 60 % of 35 are to orphan, and three of four are granted
	// (assumption); half as many maintainers disown a package base themselves (assumption).
	Orphaned float64
	// Adopted is how many orphans are adopted. home2021 and lwn2026: the number of orphans grew by 2.8 a day, so about 2.8 fewer are
	// adopted or deleted than orphaned.
	Adopted float64
	// Deleted is how many package bases are deleted. requests: 40 % of 35 are to delete or merge, and nine of ten are granted (assumption).
	Deleted float64
	// Renamed is how many of the deleted package bases are submitted under another name by the same maintainer. Assumption.
	Renamed float64
	// Recreated is how many deleted package bases are submitted again under the same name. Assumption.
	Recreated float64
	// HandedOver is how many package bases change their maintainer without being an orphan. Assumption.
	HandedOver float64
	// CoMaintainersAdded and CoMaintainersRemoved are the changes of co-maintainers. Assumption.
	CoMaintainersAdded, CoMaintainersRemoved float64
	// Flagged is how many package bases are flagged out of date. Assumption.
	Flagged float64
	// Votes is how many votes are given. Assumption.
	Votes float64

	// Updates lists how often maintained package bases are updated. home2021: together they give 1.9 % updated in 7 days and 34 %
	// in a year.
	Updates []UpdateClass
	// Hosts is the share of updates that change the host of the URL. Assumption.
	Hosts float64
	// NewDependencies is the share of new package bases that another package base needs from its next update on. Assumption.
	NewDependencies float64
	// OwnDependencies is the share of these that have the same maintainer as the package base that needs them. Assumption.
	OwnDependencies float64

	// NewSubmitters and NewAdopters are the shares of submitters and adopters who have no package base yet, and NewCoMaintainers that of
	// added co-maintainers. Assumption.
	NewSubmitters, NewAdopters, NewCoMaintainers float64
	// Batches is the share of adopters who adopt several orphans at once, and BatchSize the mean number of orphans that such an adopter adopts. A
	// tenth of these adopters has no package base yet. Assumption.
	Batches, BatchSize float64
	// Requested is the share of adoptions by the user who asked for the orphan, soon after it was orphaned. Half of them are on the same
	// day. Assumption.
	Requested float64
	// Returned is the share of adoptions by the last maintainer. Assumption.
	Returned float64
	// UpdatedSoon is the share of adopters who update the package base soon, after UpdateDelay days on average. Assumption: most people adopt
	// what they want to update.
	UpdatedSoon, UpdateDelay float64
}

// UpdateClass is a share of the package bases, and how often each of them is updated in a year while it has a maintainer.
type UpdateClass struct{ Share, PerYear float64 }

// UsualRates returns the rates of a usual day.
func UsualRates() Rates {
	return Rates{
		NewBases: 38, Orphaned: 22, Adopted: 14, Deleted: 12, Renamed: 3, Recreated: 0.3, HandedOver: 3,
		CoMaintainersAdded: 6, CoMaintainersRemoved: 3, Flagged: 60, Votes: 120,
		Updates: []UpdateClass{{0.014, 26}, {0.09, 5}, {0.3, 1}, {0.596, 0.04}},
		Hosts:   0.015, NewDependencies: 0.15, OwnDependencies: 0.8,
		NewSubmitters: 0.3, NewAdopters: 0.35, NewCoMaintainers: 0.35,
		Batches: 0.15, BatchSize: 6, Requested: 0.4, Returned: 0.05, UpdatedSoon: 0.55, UpdateDelay: 2,
	}
}

// Scaled returns the rates with all numbers of events multiplied by a factor. The shares stay the same.
func (r Rates) Scaled(factor float64) Rates {
	for _, number := range []*float64{
		&r.NewBases, &r.Orphaned, &r.Adopted, &r.Deleted, &r.Renamed, &r.Recreated, &r.HandedOver,
		&r.CoMaintainersAdded, &r.CoMaintainersRemoved, &r.Flagged, &r.Votes,
	} {
		*number *= factor
	}
	scaled := make([]UpdateClass, len(r.Updates))
	for i, c := range r.Updates {
		scaled[i] = UpdateClass{c.Share, c.PerYear * factor}
	}
	r.Updates = scaled
	return r
}

// The AUR at the beginning of the year.
const (
	// packagesPerBase is the mean number of packages of a package base: 3,393 packages in 2,881 package bases of a dump.
	packagesPerBase = 1.18
	// orphanShare is the share of package bases without a maintainer. lwn2026: 14,000 of 107,000.
	orphanShare = 0.13
	// neverUpdated is the share of package bases that were never updated. home2021: 18,094 of 74,255.
	neverUpdated = 0.24
	// basesPerMaintainer is the mean number of package bases of a maintainer. Assumption.
	basesPerMaintainer = 6
	// topVotes is the number of votes of the most popular package: 2,843 (archlinuxfr/package-query pull request 112).
	topVotes = 2843
	// gitShare and binShare are the shares of names with the suffixes -git and -bin. In the same dump: 1,150 and 116 of 3,393, which
	// lacks many packages with -bin.
	gitShare, binShare = 0.28, 0.12
)

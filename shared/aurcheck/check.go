// Package aurcheck checks packages of the AUR: it joins what a snapshot contains about them with the events of the journal, and
// derives the findings about them by the rules of package aurlevel.
//
//	c, err := aurcheck.New(snapshot)
//	basis, err := c.AddPackages(names)
//	live, err := c.AskAUR(ctx, ask) // optional
//	reading, err := aurcheck.ReadJournal(path, trust, c.AddEvents)
//	err = c.ApplyReplies()
//	result := c.Finish(&reading, now)
package aurcheck

import (
	"cmp"
	"encoding/hex"
	"slices"

	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// Check collects what is needed to check packages.
type Check struct {
	snapshot *snapshot.Snapshot
	packages []Package
	events   map[string][]aurlevel.Event // by package base; only for package bases of packages
	result   Result
	live     *liveReplies // nil if the AUR was not asked
	users    aurlevel.Users
	popular  []aurlevel.Popular // the popular packages of the AUR
	builds   map[string][]aurlevel.BuildChange
}

// Package is a package to check: its package base, and what the latest dump of the AUR contains about it.
type Package struct {
	Name, Base string
	// InstalledVersion is empty if the package is not installed. InstalledAt is when it was installed, in Unix seconds.
	InstalledVersion string
	InstalledAt      int64
	// BuiltBase is the package base from which the installed package was built, if this is known and the AUR has the package in
	// another one.
	BuiltBase string
	// Listing is nil if the dump does not contain the package. It belongs to the package listedName: this one, or another one of its package
	// base.
	Listing    *aurlevel.Listing
	listedName string
	// RequiredBy is the package that needs this package and was added by name; empty if this package was added itself.
	RequiredBy string
	// IsOnlyBaseListed means that the dump does not contain the package itself, but another package of its package base.
	IsOnlyBaseListed bool
}

// CheckedPackage is a package with the findings about it, the highest level first.
type CheckedPackage struct {
	Package
	Findings []aurlevel.Finding
	// Evidence is nil if the package is not installed, and before AddScriptlets.
	Evidence *Evidence
}

// Result holds the findings about packages.
type Result struct {
	// CheckedCount is the number of packages that were checked. Packages lists those with findings, the highest level first.
	CheckedCount int
	Packages     []CheckedPackage
	// HasOtherDump means that the journal's last observation is another dump than the indexed one.
	HasOtherDump bool
	// Shortened lists package bases with so many events in the journal that the oldest were left out.
	Shortened []string
	// NotInAUR lists installed packages that are neither in the AUR nor in the journal. They were not checked.
	NotInAUR []string
	// Missing lists named packages that are neither installed nor in the AUR nor in the journal.
	Missing []string
}

// New returns a check of packages without any packages. The snapshot must have data of the AUR; otherwise New returns the error that
// says so.
func New(s *snapshot.Snapshot) (*Check, error) {
	if !s.HasAUR() {
		return nil, s.NoAURDataError()
	}
	return &Check{snapshot: s, events: map[string][]aurlevel.Event{}}, nil
}

// AddPackages adds the packages with the given names, or in the package bases with these names, or, without names, the installed
// foreign packages. It returns the basis of the list.
func (c *Check) AddPackages(names []string) (*wire.Basis, error) {
	request := &wire.InstalledRequest{}
	if len(names) == 0 {
		request.Filter = wire.FilterForeign
	} else {
		var err error
		if request.Names, err = c.resolveBases(names); err != nil {
			return nil, err
		}
		names = request.Names
	}
	found, err := c.snapshot.Installed(request)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, p := range found.Packages {
		// A package can also be found by a name that it provides, but the AUR's package of that name is another one.
		if len(names) == 0 || slices.Contains(names, p.Name) && !seen[p.Name] {
			seen[p.Name] = true
			c.packages = append(c.packages, Package{Name: p.Name, Base: cmp.Or(p.Base, p.Name), BuiltBase: p.Base, InstalledVersion: p.Version, InstalledAt: p.InstallDate})
		}
	}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			c.packages = append(c.packages, Package{Name: name, Base: name})
		}
	}
	for i := range c.packages {
		if err := c.lookUp(&c.packages[i]); err != nil {
			return nil, err
		}
		c.events[c.packages[i].Base] = nil
		if built := c.packages[i].BuiltBase; built != "" {
			c.events[built] = nil
		}
	}
	return BasisWithAUR(c.snapshot, &found.Basis), nil
}

// BasisWithAUR returns a basis that also has the AUR as a source. The snapshot must have data of the AUR.
func BasisWithAUR(s *snapshot.Snapshot, basis *wire.Basis) *wire.Basis {
	if wire.FindSourceByKind(basis.Sources, wire.KindAUR) == nil {
		with := *basis
		with.Sources = append(slices.Clone(basis.Sources), s.Inputs().AUR.Source)
		return &with
	}
	return basis
}

// lookUp sets the listing of a package. If the package is in the AUR, the AUR also decides which package base it belongs to.
func (c *Check) lookUp(p *Package) error {
	for _, name := range slices.Compact([]string{p.Name, p.Base}) {
		hits, err := c.snapshot.LookupAUR(name)
		if err == nil {
			err = c.snapshot.EachPackage(hits, true, func(found *wire.Package) error {
				base := cmp.Or(found.Base, found.Name)
				if p.BuiltBase == base {
					p.BuiltBase = ""
				}
				p.Base = base
				p.Listing, p.listedName = newListing(found), found.Name
				return nil
			})
		}
		if err != nil {
			return err
		}
		if p.Listing != nil {
			// makepkg builds a package with debug symbols from each package base; the AUR does not list it.
			p.IsOnlyBaseListed = name != p.Name && p.Name != p.Base+"-debug"
			return nil
		}
	}
	p.BuiltBase = ""
	return nil
}

// newListing returns what the AUR has about the package base of a package.
func newListing(p *wire.Package) *aurlevel.Listing {
	if p.AUR == nil {
		return &aurlevel.Listing{}
	}
	return &aurlevel.Listing{
		Maintainer: p.AUR.Maintainer, FlaggedAt: p.AUR.OutOfDate, UpdatedAt: p.AUR.Modified, SubmittedAt: p.AUR.Submitted, Votes: p.AUR.Votes,
	}
}

// maxEventsOfBase is the number of events of a package base that are always used. If a package base has at least twice as many, the
// oldest are left out. A package base of the AUR has a few events a year.
const maxEventsOfBase = 500

// AddEvents adds the events of an entry of the journal that concern the packages.
func (c *Check) AddEvents(e *journal.Entry) error {
	for _, event := range e.Events {
		c.users.AddEvent(&event)
		list, wanted := c.events[event.Base]
		if !wanted {
			continue
		}
		if len(list) == 2*maxEventsOfBase {
			list = append(list[:0], list[maxEventsOfBase:]...)
			if !slices.Contains(c.result.Shortened, event.Base) {
				c.result.Shortened = append(c.result.Shortened, event.Base)
			}
		}
		c.events[event.Base] = append(list, aurlevel.Event{Event: event, Source: e.Source})
	}
	return nil
}

// Bases returns the package bases of the packages that were added, each once.
func (c *Check) Bases() (bases []string) {
	for i := range c.packages {
		if base := c.packages[i].Base; !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	return bases
}

// AddBuildChanges adds the differences between copies of the build files of a package base.
func (c *Check) AddBuildChanges(base string, changes []aurlevel.BuildChange) {
	if c.builds == nil {
		c.builds = map[string][]aurlevel.BuildChange{}
	}
	c.builds[base] = append(c.builds[base], changes...)
}

// Finish returns the result. The parameter reading describes the journal whose events were added.
func (c *Check) Finish(reading *JournalReading, now int64) *Result {
	c.result.HasOtherDump = c.hasOtherDump(reading)
	c.readDump(reading.CompleteSince, now)
	for i := range c.packages {
		p := &c.packages[i]
		if p.IsOnlyBaseListed {
			c.result.NotInAUR = append(c.result.NotInAUR, p.Name)
		}
		if findings := c.find(p, reading.CompleteSince, now); len(findings) > 0 {
			c.result.Packages = append(c.result.Packages, CheckedPackage{Package: *p, Findings: findings})
		}
		switch {
		case p.Listing != nil || len(c.events[p.Base]) > 0:
			c.result.CheckedCount++
		case p.InstalledVersion != "":
			c.result.NotInAUR = append(c.result.NotInAUR, p.Name)
		default:
			c.result.Missing = append(c.result.Missing, p.Name)
		}
	}
	sortPackages(c.result.Packages)
	return &c.result
}

// sortPackages sorts packages by their findings, those with the most important ones first, and then by name.
func sortPackages(packages []CheckedPackage) {
	slices.SortStableFunc(packages, func(a, b CheckedPackage) int {
		return cmp.Or(compareFindings(b.Findings, a.Findings), cmp.Compare(a.Name, b.Name))
	})
}

// hasOtherDump reports whether the journal's last observation is another dump than the indexed one. Without digests, only a dump
// that is newer than the observation is known to be another one.
func (c *Check) hasOtherDump(reading *JournalReading) bool {
	aur := c.snapshot.Inputs().AUR
	if !reading.HasObservation() {
		return true
	}
	info, _ := aur.Index.IndexInfo().FindSource(pkgindex.KindAUR, wire.SourceAUR)
	if info.SHA256 != "" && reading.LastDigest != (journal.Digest{}) {
		return info.SHA256 != hex.EncodeToString(reading.LastDigest[:])
	}
	return info.AsOf > reading.Observed.To
}

// find returns the findings about a package, also about the package base from which it was built, the highest level first.
func (c *Check) find(p *Package, completeSince, now int64) []aurlevel.Finding {
	installed := aurlevel.Installation{At: p.InstalledAt, FromOtherBase: p.BuiltBase != ""}
	found := aurlevel.Find(c.events[p.Base], completeSince, p.Listing, installed, &c.users, now)
	if p.BuiltBase != "" {
		found = append(found, aurlevel.Find(c.events[p.BuiltBase], completeSince, nil, aurlevel.Installation{}, &c.users, now)...)
	}
	if f := aurlevel.FindLookAlike(p.Name, p.Base, p.Listing, c.popular, now); f.Level != 0 {
		found = append(found, f)
	}
	if c.live != nil && c.live.findings[p.Base] != nil {
		found = append(found, aurlevel.FindLive(c.live.findings[p.Base])...)
	}
	found = append(found, aurlevel.FindBuildChanges(c.builds[p.Base], now)...)
	aurlevel.Sort(found)
	return found
}

// compareFindings compares the findings about two packages by their levels, the highest level first: more findings of the highest
// level count more than any number of findings below it.
func compareFindings(a, b []aurlevel.Finding) int {
	return slices.CompareFunc(a, b, func(a, b aurlevel.Finding) int { return cmp.Compare(a.Level, b.Level) })
}

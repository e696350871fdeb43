package direct

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// AURCheck implements backend.Backend.
func (b *Backend) AURCheck(ctx context.Context, names []string) (*backend.AURCheckResult, error) {
	path, err := b.findJournal()
	if err != nil {
		return nil, withNetworkCode(err)
	}
	return withSnapshot(ctx, b, func(s *snapshot.Snapshot) (*backend.AURCheckResult, error) {
		if !s.HasAUR() {
			return nil, s.NoAURDataError()
		}
		c := &aurCheck{snapshot: s, events: map[string][]aurlevel.Event{}}
		basis, err := c.findPackages(names)
		if err != nil {
			return nil, err
		}
		c.result.Basis = *basis
		c.result.JournalReading, err = b.readJournal(path, c.addEvents)
		if err != nil {
			return nil, withNetworkCode(err)
		}
		c.result.DumpDiffers = c.hasOtherDump()
		return c.finish(time.Now().Unix()), nil
	})
}

// withNetworkCode returns err with the exit code for data that omg does not have yet.
func withNetworkCode(err error) error {
	if coded := new(exit.Error); errors.As(err, &coded) {
		return &exit.Error{Code: exit.Network, Err: coded.Err, Hint: coded.Hint}
	}
	return exit.WithCode(exit.Network, err)
}

// aurCheck collects what is needed to check packages.
type aurCheck struct {
	snapshot *snapshot.Snapshot
	packages []packageToCheck
	events   map[string][]aurlevel.Event // by package base; only for package bases of packages
	result   backend.AURCheckResult
}

// packageToCheck is a package, its package base, and what the latest dump of the AUR contains about it.
type packageToCheck struct {
	name, base       string
	installedVersion string
	listing          *aurlevel.Listing // nil if the dump does not contain it
	// builtBase is the package base from which the installed package was built, if this is known and the AUR has the package in
	// another one. installedAt is when the package was installed, in Unix seconds.
	builtBase   string
	installedAt int64
	// onlyBase means that the dump does not contain the package itself, but another package of its package base.
	onlyBase bool
}

// findPackages finds the packages with the given names or, without names, the installed foreign packages. It returns the basis of
// the list.
func (c *aurCheck) findPackages(names []string) (*wire.Basis, error) {
	request := &wire.InstalledRequest{Names: names}
	if len(names) == 0 {
		request.Filter = wire.FilterForeign
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
			c.packages = append(c.packages, packageToCheck{name: p.Name, base: cmp.Or(p.Base, p.Name), builtBase: p.Base, installedVersion: p.Version, installedAt: p.InstallDate})
		}
	}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			c.packages = append(c.packages, packageToCheck{name: name, base: name})
		}
	}
	for i := range c.packages {
		if err := c.lookUp(&c.packages[i]); err != nil {
			return nil, err
		}
		c.events[c.packages[i].base] = nil
		if built := c.packages[i].builtBase; built != "" {
			c.events[built] = nil
		}
	}
	if wire.FindSourceByKind(found.Basis.Sources, wire.KindAUR) == nil {
		found.Basis.Sources = append(found.Basis.Sources, c.snapshot.Inputs().AUR.Source)
	}
	return &found.Basis, nil
}

// lookUp sets the listing of a package. If the package is in the AUR, the AUR also decides which package base it belongs to.
func (c *aurCheck) lookUp(p *packageToCheck) error {
	for _, name := range slices.Compact([]string{p.name, p.base}) {
		hits, err := c.snapshot.LookupAUR(name)
		if err == nil {
			err = c.snapshot.EachPackage(hits, true, func(found *wire.Package) error {
				base := cmp.Or(found.Base, found.Name)
				if p.builtBase == base {
					p.builtBase = ""
				}
				p.base = base
				p.listing = &aurlevel.Listing{}
				if found.AUR != nil {
					*p.listing = aurlevel.Listing{Maintainer: found.AUR.Maintainer, FlaggedAt: found.AUR.OutOfDate, UpdatedAt: found.AUR.Modified}
				}
				return nil
			})
		}
		if err != nil {
			return err
		}
		if p.listing != nil {
			// makepkg builds a package with debug symbols from each package base; the AUR does not list it.
			p.onlyBase = name != p.name && p.name != p.base+"-debug"
			return nil
		}
	}
	p.builtBase = ""
	return nil
}

// addEvents adds the events of an entry of the journal that concern the packages.
func (c *aurCheck) addEvents(e *journal.Entry) error {
	for _, event := range e.Events {
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

// maxEventsOfBase is the number of events of a package base that are always used. If a package base has at least twice as many, the
// oldest are left out. A package base of the AUR has a few events a year.
const maxEventsOfBase = 500

// hasOtherDump reports whether the journal's last observation is another dump than the indexed one. Without digests, only a dump
// that is newer than the observation is known to be another one.
func (c *aurCheck) hasOtherDump() bool {
	aur := c.snapshot.Inputs().AUR
	if c.result.Observed == nil {
		return true
	}
	info, _ := aur.Index.IndexInfo().FindSource(pkgindex.KindAUR, wire.SourceAUR)
	if info.SHA256 != "" && c.result.LastDigest != [32]byte{} {
		return info.SHA256 != hex.EncodeToString(c.result.LastDigest[:])
	}
	return info.AsOf > c.result.Observed[1].Unix()
}

// finish returns the result.
func (c *aurCheck) finish(now int64) *backend.AURCheckResult {
	c.result.Packages, c.result.EventsSince = []backend.CheckedPackage{}, time.Unix(now-aurlevel.MaxEventAge, 0)
	var completeSince int64
	if c.result.CompleteSince != nil {
		completeSince = c.result.CompleteSince.Unix()
	}
	for i := range c.packages {
		p := &c.packages[i]
		events := c.events[p.base]
		if p.onlyBase {
			c.result.NotInAUR = append(c.result.NotInAUR, p.name)
		}
		switch {
		case p.listing != nil || len(events) > 0:
			c.result.CheckedCount++
			if findings := c.find(p, completeSince, now); len(findings) > 0 {
				c.result.Packages = append(c.result.Packages, describeFindings(p, findings))
			}
		case p.installedVersion != "":
			c.result.NotInAUR = append(c.result.NotInAUR, p.name)
		default:
			c.result.Missing = append(c.result.Missing, p.name)
		}
	}
	slices.SortStableFunc(c.result.Packages, func(a, b backend.CheckedPackage) int {
		return cmp.Or(compareFindings(b.Findings, a.Findings), cmp.Compare(a.Name, b.Name))
	})
	return &c.result
}

// find returns the findings about a package, also about the package base from which it was built, the highest level first.
func (c *aurCheck) find(p *packageToCheck, completeSince, now int64) []aurlevel.Finding {
	installed := aurlevel.Installation{At: p.installedAt, FromOtherBase: p.builtBase != ""}
	found := aurlevel.Find(c.events[p.base], completeSince, p.listing, installed, now)
	if p.builtBase != "" {
		found = append(found, aurlevel.Find(c.events[p.builtBase], completeSince, nil, aurlevel.Installation{}, now)...)
		slices.SortStableFunc(found, func(a, b aurlevel.Finding) int { return cmp.Compare(b.Level, a.Level) })
	}
	return found
}

// compareFindings compares the findings about two packages by the number of those with the highest level, and then by their number.
func compareFindings(a, b []backend.AURFinding) int {
	countLooks := func(findings []backend.AURFinding) (n int) {
		for i := range findings {
			if findings[i].Level == backend.FindingLevelLook {
				n++
			}
		}
		return n
	}
	return cmp.Or(cmp.Compare(countLooks(a), countLooks(b)), cmp.Compare(len(a), len(b)))
}

// describeFindings returns a package with its findings in the form in which the backend returns them.
func describeFindings(p *packageToCheck, findings []aurlevel.Finding) backend.CheckedPackage {
	checked := backend.CheckedPackage{Name: p.name, Base: p.base, BuiltBase: p.builtBase, Installed: p.installedVersion, Level: findings[0].Level.String()}
	for _, f := range findings {
		described := backend.AURFinding{
			Level: f.Level.String(), Reason: string(f.Reason), Events: []backend.AUREvent{},
			Updated: timeOrNil(f.UpdatedAt), Flagged: timeOrNil(f.FlaggedAt),
		}
		for _, e := range f.Events {
			described.Events = append(described.Events, *convertEvent(e.Event, e.Source))
		}
		checked.Findings = append(checked.Findings, described)
	}
	return checked
}

// timeOrNil returns a time in Unix seconds, or nil if it is 0.
func timeOrNil(unix int64) *time.Time {
	if unix == 0 {
		return nil
	}
	at := time.Unix(unix, 0).UTC()
	return &at
}

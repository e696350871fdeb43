package direct

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/journal"
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
			c.packages = append(c.packages, packageToCheck{name: p.Name, base: cmp.Or(p.Base, p.Name), installedVersion: p.Version})
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
				p.base = cmp.Or(found.Base, found.Name)
				p.listing = &aurlevel.Listing{}
				if found.AUR != nil {
					*p.listing = aurlevel.Listing{Maintainer: found.AUR.Maintainer, FlaggedAt: found.AUR.OutOfDate, UpdatedAt: found.AUR.Modified}
				}
				return nil
			})
		}
		if err != nil || p.listing != nil {
			return err
		}
	}
	return nil
}

// addEvents adds the events of an entry of the journal that concern the packages.
func (c *aurCheck) addEvents(e *journal.Entry) error {
	for _, event := range e.Events {
		if list, wanted := c.events[event.Base]; wanted {
			c.events[event.Base] = append(list, aurlevel.Event{Event: event, Source: e.Source})
		}
	}
	return nil
}

// finish returns the result.
func (c *aurCheck) finish(now int64) *backend.AURCheckResult {
	c.result.Packages = []backend.CheckedPackage{}
	var completeSince int64
	if c.result.CompleteSince != nil {
		completeSince = c.result.CompleteSince.Unix()
	}
	for i := range c.packages {
		p := &c.packages[i]
		events := c.events[p.base]
		switch {
		case p.listing != nil || len(events) > 0:
			c.result.CheckedCount++
			if findings := aurlevel.Find(events, completeSince, p.listing, now); len(findings) > 0 {
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

// compareFindings compares the findings about two packages by the highest level, and then by their number.
func compareFindings(a, b []backend.AURFinding) int {
	isLook := func(f []backend.AURFinding) int {
		if f[0].Level == backend.FindingLevelLook {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(isLook(a), isLook(b)), cmp.Compare(len(a), len(b)))
}

// describeFindings returns a package with its findings in the form in which the backend returns them.
func describeFindings(p *packageToCheck, findings []aurlevel.Finding) backend.CheckedPackage {
	checked := backend.CheckedPackage{Name: p.name, Base: p.base, Installed: p.installedVersion, Level: findings[0].Level.String()}
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

package aurcheck

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/omg-arch/omg/shared/aurdiff"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/wire"
)

// Limits for the requests about packages and their dependencies.
const (
	// maxLiveLevels is how many levels of dependencies are asked about, and maxLiveDependencies how many dependencies altogether.
	maxLiveLevels       = 5
	maxLiveDependencies = 600
)

// AskFunc asks what the AUR has about packages now, and returns omgd's reply to an AURInfoRequest.
type AskFunc func(ctx context.Context, names []string) (*wire.AURInfoResult, error)

// LiveReading describes what the AUR has replied about packages and their dependencies.
type LiveReading struct {
	// RepliedAt is the time of the oldest reply in Unix seconds; 0 if there is none.
	RepliedAt int64
	// FailureReason is why the AUR has not replied to each request; empty if it has.
	FailureReason string
	// AskedCount is the number of packages about which the AUR has replied. DependencyCount is how many of them are dependencies.
	AskedCount, DependencyCount int
	// NotAsked lists the packages about which the AUR was not asked, because the last dump does not contain them: a name that is not known to be
	// public does not leave the machine.
	NotAsked []string
	// SkippedCount is the number of dependencies about which the AUR was not asked because there are too many.
	SkippedCount int
}

// liveReplies holds what the AUR has replied about the packages to check, and about their dependencies.
type liveReplies struct {
	*Check
	reading    LiveReading
	dumped     []wire.Package // what the last dump has about the packages that were asked about
	replied    []wire.Package
	asked      map[string]bool           // the names of dumped
	findings   map[string]*aurlevel.Live // by package base
	rootByName map[string]string         // the requested package that needs a dependency; a requested package is its own
}

// AskAUR asks the AUR about the packages to check and their dependencies, and adds the dependencies to the packages to check. A failure is not
// an error: the result then says why the findings follow from the last dump only. The events of the journal must be added after AskAUR.
func (c *Check) AskAUR(ctx context.Context, ask AskFunc) (*LiveReading, error) {
	c.live = &liveReplies{Check: c, asked: map[string]bool{}, findings: map[string]*aurlevel.Live{}, rootByName: map[string]string{}}
	return &c.live.reading, c.live.ask(ctx, ask)
}

// ask asks about the packages to check, and level by level about their dependencies.
func (l *liveReplies) ask(ctx context.Context, ask AskFunc) error {
	var names []string
	requested := 0 // the number of requested packages about which the AUR has replied
	for i := range l.packages {
		switch p := &l.packages[i]; {
		case p.Listing == nil:
			l.reading.NotAsked = append(l.reading.NotAsked, p.Name)
		case !slices.Contains(names, p.listedName):
			l.rootByName[p.listedName] = p.Name
			names = append(names, p.listedName)
		}
	}
	for level := 0; len(names) > 0 && l.reading.FailureReason == ""; level++ {
		if level > maxLiveLevels || level > 0 && l.reading.DependencyCount+len(names) > maxLiveDependencies {
			l.reading.SkippedCount += len(names)
			break
		}
		for _, name := range names {
			if err := l.addDependency(name); err != nil {
				return err
			}
		}
		replied, err := l.askLevel(ctx, ask, names)
		if err != nil {
			return err
		}
		if level == 0 {
			requested = l.reading.AskedCount
		}
		l.reading.DependencyCount = l.reading.AskedCount - requested
		if names, err = l.findDependencies(replied); err != nil {
			return err
		}
	}
	for _, live := range l.findings {
		slices.Sort(live.UnknownDependencies)
		live.UnknownDependencies = slices.Compact(live.UnknownDependencies)
	}
	return nil
}

// askLevel asks about packages, and returns the replies.
func (l *liveReplies) askLevel(ctx context.Context, ask AskFunc, names []string) (replied []wire.Package, err error) {
	for part := range slices.Chunk(names, wire.MaxAURInfoNames) {
		got, err := ask(ctx, part)
		source := &wire.Source{}
		if err == nil && len(got.Sources) > 0 {
			source = &got.Sources[0]
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			l.reading.FailureReason = describeLiveError(err)
			return nil, nil
		case source.State != wire.SourceOK || source.AsOf <= 0:
			l.reading.FailureReason = cmp.Or(source.Why, "the AUR has not replied")
			return nil, nil
		}
		if l.reading.RepliedAt == 0 || source.AsOf < l.reading.RepliedAt {
			l.reading.RepliedAt = source.AsOf
		}
		for _, name := range part {
			// omgd can have a newer dump than omg-direct, or an older one.
			if slices.Contains(got.NotAsked, name) {
				l.reading.NotAsked = append(l.reading.NotAsked, name)
				continue
			}
			l.asked[name] = true
			l.reading.AskedCount++
			if err := l.eachListed(name, func(p *wire.Package) { l.dumped = append(l.dumped, *p) }); err != nil {
				return nil, err
			}
		}
		got.Packages = slices.DeleteFunc(got.Packages, func(p wire.Package) bool { return p.AUR == nil || !slices.Contains(part, p.Name) })
		replied, l.replied = append(replied, got.Packages...), append(l.replied, got.Packages...)
	}
	return replied, nil
}

// describeLiveError returns why the AUR could not be asked.
func describeLiveError(err error) string {
	refused := new(wire.Error)
	switch {
	case errors.As(err, &refused) && refused.Code == wire.CodeInvalid:
		return "the running omgd is another version than omg: restart it with omg daemon restart"
	case errors.As(err, &refused):
		return refused.Message
	}
	return err.Error()
}

// eachListed calls the function visit with the package of the last dump that has the given name, if there is one.
func (l *liveReplies) eachListed(name string, visit func(*wire.Package)) error {
	hits, err := l.snapshot.LookupAUR(name)
	if err != nil {
		return err
	}
	return l.snapshot.EachPackage(hits, true, func(p *wire.Package) error {
		visit(p)
		return nil
	})
}

// findDependencies returns the packages of the last dump that the packages need to run, build or check, and that no repository has. The
// AUR was not asked about them yet. It records the dependencies that neither a repository nor the last dump has.
func (l *liveReplies) findDependencies(packages []wire.Package) (names []string, err error) {
	for i := range packages {
		p := &packages[i]
		for _, depend := range slices.Concat(p.Depends, p.MakeDepends, p.CheckDepends) {
			name := aurdiff.DependencyName(depend)
			if _, isKnown := l.rootByName[name]; isKnown || name == "" {
				continue
			}
			found, err := l.snapshot.FindDependency(name)
			switch {
			case err != nil:
				return nil, err
			case found.InAUR && !found.InRepository:
				l.rootByName[name] = l.rootByName[p.Name]
				names = append(names, name)
			case found.IsUnknown:
				live := l.findingsOf(p)
				live.UnknownDependencies = append(live.UnknownDependencies, name)
			}
		}
	}
	return names, nil
}

// addDependency adds a dependency to the packages to check, unless it is one of them.
func (l *liveReplies) addDependency(name string) error {
	if slices.ContainsFunc(l.packages, func(p Package) bool { return p.Name == name || p.listedName == name }) {
		return nil
	}
	p := Package{Name: name, Base: name, RequiredBy: l.rootByName[name]}
	if err := l.lookUp(&p); err != nil {
		return err
	}
	l.packages, l.events[p.Base] = append(l.packages, p), nil
	return nil
}

// findingsOf returns what the findings about a package's base follow from.
func (l *liveReplies) findingsOf(p *wire.Package) *aurlevel.Live {
	base := aurdiff.BaseName(p)
	if l.findings[base] == nil {
		l.findings[base] = &aurlevel.Live{}
	}
	return l.findings[base]
}

// ApplyReplies adds what the replies of the AUR show, if AskAUR was called. The events of the journal must have been added before.
func (c *Check) ApplyReplies() error {
	if c.live == nil {
		return nil
	}
	return c.live.apply()
}

// apply adds the events between the last dump and the replies, and replaces what the last dump has about the packages by what the AUR has
// replied.
func (l *liveReplies) apply() error {
	aur := l.snapshot.Inputs().AUR
	if l.reading.RepliedAt < max(aur.Index.IndexInfo().BuiltAt, 1) {
		return nil // the last dump is newer than the replies
	}
	asOf := aur.AsOf
	if asOf == 0 {
		asOf = l.reading.RepliedAt
	}
	var known []journal.Event
	for _, list := range l.events {
		for _, e := range list {
			if e.Source == journal.SourceRPC && e.Between.To > asOf {
				known = append(known, e.Event)
			}
		}
	}
	var failed error
	events := aurdiff.PackageComparison{
		Old: l.dumped, Later: l.replied, Known: known,
		Between: journal.Interval{From: min(asOf, l.reading.RepliedAt), To: l.reading.RepliedAt},
		IsYoung: func(name string, since int64) (young bool) {
			err := l.eachListed(name, func(p *wire.Package) { young = p.AUR != nil && p.AUR.Submitted >= since })
			failed = errors.Join(failed, err)
			return young
		},
		HasOtherPackages: func(base string, names []string) bool {
			has, err := aurdiff.HasOtherPackages(aur.Index.Packages(), base, names)
			failed = errors.Join(failed, err)
			return has
		},
	}.Events()
	for _, e := range events {
		if _, wanted := l.events[e.Base]; wanted {
			l.events[e.Base] = append(l.events[e.Base], aurlevel.Event{Event: e, Source: journal.SourceRPC})
		}
	}
	for i := range l.replied {
		l.applyReply(&l.replied[i])
	}
	l.removeUnlisted()
	return failed
}

// applyReply replaces what the last dump has about a package by a reply.
func (l *liveReplies) applyReply(p *wire.Package) {
	live := l.findingsOf(p)
	live.RepliedAt, live.SubmittedAt = l.reading.RepliedAt, p.AUR.Submitted
	if p.AUR.PendingRequests != nil {
		live.PendingRequests = *p.AUR.PendingRequests
	}
	for i := range l.packages {
		to := &l.packages[i]
		if to.Listing == nil || to.listedName != p.Name {
			continue
		}
		if p.AUR.Modified > to.Listing.UpdatedAt && to.Listing.UpdatedAt > 0 {
			live.UpdatedAt = p.AUR.Modified
		}
		to.Listing = newListing(p)
		if base := aurdiff.BaseName(p); base != to.Base { // the package has moved since the last dump
			if to.BuiltBase == "" && to.InstalledVersion != "" {
				to.BuiltBase = to.Base
			}
			to.Base = base
			if _, wanted := l.events[base]; !wanted {
				l.events[base] = nil
			}
		}
	}
}

// removeUnlisted removes what the last dump has about the packages that the AUR no longer has.
func (l *liveReplies) removeUnlisted() {
	for i := range l.packages {
		p := &l.packages[i]
		isListed := slices.ContainsFunc(l.replied, func(r wire.Package) bool { return r.Name == p.listedName })
		if p.Listing == nil || !l.asked[p.listedName] || isListed {
			continue
		}
		isDeleted := slices.ContainsFunc(l.events[p.Base], func(e aurlevel.Event) bool {
			return e.Kind == journal.EventDeleted && e.Source == journal.SourceRPC
		})
		p.IsOnlyBaseListed = p.IsOnlyBaseListed || !isDeleted
		if isDeleted {
			p.Listing = nil
		}
	}
}

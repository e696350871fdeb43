package snapshot

import (
	"strings"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/posixre"
	"github.com/omg-arch/omg/shared/wire"
)

// InstalledMatches is the result of an InstalledRequest.
type InstalledMatches struct {
	wire.Basis
	Packages []*pacmandb.Installed
	// NotInstalled lists the requested names that are not installed.
	NotInstalled []string
}

// Installed returns the installed packages that an InstalledRequest requests.
func (s *Snapshot) Installed(r *wire.InstalledRequest) (*InstalledMatches, error) {
	if s.installedSet == nil {
		return nil, s.installedUnknownError()
	}
	found := &InstalledMatches{Basis: s.localBasis()}
	var err error
	if r.Filter == wire.FilterForeign {
		found.Basis = s.comparedBasis()
	}
	if found.Packages, err = s.filterInstalled(r.Filter); err != nil {
		return nil, err
	}
	if len(r.Names) > 0 {
		found.Packages, found.NotInstalled = s.findInstalled(found.Packages, r.Names)
	}
	if len(r.Words) > 0 {
		words, err := newSearchWords(r)
		if err != nil {
			return nil, err
		}
		found.Packages = (&pacmandb.Local{Packages: found.Packages}).Search(words)
	}
	return found, nil
}

// filterInstalled returns the installed packages that one of the wire.Filter constants selects.
func (s *Snapshot) filterInstalled(kind string) ([]*pacmandb.Installed, error) {
	switch kind {
	case "":
		return s.installedSet.local.Packages, nil
	case wire.FilterExplicit:
		return s.installedSet.local.ExplicitPackages(), nil
	case wire.FilterDeps:
		return s.installedSet.local.DependPackages(), nil
	case wire.FilterOrphans:
		return s.installedSet.orphans(false), nil
	case wire.FilterOrphansOrOptional:
		return s.installedSet.orphans(true), nil
	case wire.FilterForeign:
		c, err := s.comparison()
		if err != nil {
			return nil, err
		}
		if c == nil {
			return nil, s.noRepositoriesError(nil)
		}
		return c.foreign, nil
	}
	return nil, invalidErrorf("no filter %q", kind)
}

// findInstalled looks up names in a list of installed packages. Like pacman, it finds the package that has a name or, if there is no
// such package, a package that provides the name. The result missing lists the names for which no package was found.
func (s *Snapshot) findInstalled(packages []*pacmandb.Installed, names []string) (kept []*pacmandb.Installed, missing []string) {
	in := make(map[*pacmandb.Installed]bool, len(packages))
	for _, p := range packages {
		in[p] = true
	}
	for _, name := range names {
		if p := s.installedSet.relations().Satisfier(name); p != nil && in[p] {
			kept = append(kept, p)
		} else {
			missing = append(missing, name)
		}
	}
	return kept, missing
}

// newSearchWords converts the words of a request into search words for pacmandb.Local.Search.
func newSearchWords(r *wire.InstalledRequest) ([]pacmandb.SearchWord, error) {
	words := make([]pacmandb.SearchWord, len(r.Words))
	for i, w := range r.Words {
		words[i] = pacmandb.SearchWord{Text: w}
		if r.Regex {
			expr, err := posixre.Compile(w)
			if err != nil {
				return nil, invalidErrorf("%v", err)
			}
			words[i].Match = expr.MatchString
			continue
		}
		folded := fold.String(w)
		words[i].Match = func(text string) bool { return strings.Contains(fold.String(text), folded) }
	}
	return words, nil
}

// DescribeInstalled converts an installed package into the type that replies contain, with all details or only the fields that
// pacman -Q shows.
func (s *Snapshot) DescribeInstalled(p *pacmandb.Installed, details bool) wire.InstalledPackage {
	reason := p.Reason.String()
	if !details {
		return wire.InstalledPackage{
			Package: wire.Package{Repo: "local", Name: p.Name, Version: p.Version, Desc: p.Desc, Groups: p.Groups},
			Reason:  reason,
		}
	}
	relations := s.installedSet.relations()
	out := wire.InstalledPackage{
		Package: p.Package, Reason: reason, InstallDate: p.InstallDate, InstalledFromRepo: p.InstalledFromRepo,
		RequiredBy: relations.RequiredBy(p.Name), OptionalFor: relations.OptionalFor(p.Name),
	}
	out.Repo, out.AURFindings = "local", s.inputs.AURFindings.mark(p.Name)
	if security, err := s.security(); err == nil && security != nil {
		out.Advisories = security.linesByPackage[p.Name]
	}
	for _, dep := range p.OptDepends {
		if target, _, _ := strings.Cut(dep, ": "); relations.Satisfier(target) != nil {
			out.InstalledOptDepends = append(out.InstalledOptDepends, dep)
		}
	}
	out.HasScript = p.HasScript(s.inputs.DBPath)
	return out
}

// Explicit returns the result of OpExplicit.
func (s *Snapshot) Explicit() (*wire.ExplicitResult, error) {
	if s.installedSet == nil {
		return nil, s.installedUnknownError()
	}
	r := &wire.ExplicitResult{Basis: s.localBasis(), Names: []string{}}
	for _, p := range s.installedSet.local.ExplicitPackages() {
		r.Names = append(r.Names, p.Name)
	}
	return r, nil
}

// Outdated returns the result of OpOutdated.
func (s *Snapshot) Outdated() (*wire.OutdatedResult, error) {
	if s.installedSet == nil {
		return nil, s.installedUnknownError()
	}
	c, err := s.comparison()
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, s.noRepositoriesError(nil)
	}
	foreign, err := s.foreignPackages()
	if err != nil {
		return nil, err
	}
	security, err := s.security()
	if err != nil {
		return nil, err
	}
	r := &wire.OutdatedResult{
		Basis: s.comparedBasis(), Updates: convertUpdates(c.outdated.Updates), InstalledNewer: convertUpdates(c.outdated.LocalNewer), Foreign: foreign.packages,
		News: s.newsSinceUpgrade(),
	}
	if security != nil {
		r.Sources = append(r.Sources, security.source())
		for i := range r.Updates {
			u := &r.Updates[i]
			u.Fixes, u.Severity = security.advisoriesFixedByUpdate(u.Name, func(fixed string) bool { return pacmandb.Compare(u.Version, fixed) >= 0 })
		}
	}
	for i := range r.Updates {
		if err := s.describeUpdate(&r.Updates[i]); err != nil {
			return nil, err
		}
	}
	for _, p := range c.outdated.Replacements {
		r.Replacements = append(r.Replacements, wire.Replacement(p))
	}
	return r, nil
}

// describeUpdate sets the sizes and the build time of an update, as far as they are known.
func (s *Snapshot) describeUpdate(u *wire.Update) error {
	hits, err := s.comparedFileSet.Lookup(u.Repo, u.Name)
	if err != nil {
		return err
	}
	for _, h := range hits {
		if s.comparedFileSet.SourceKindOf(h) != pkgindex.KindRepo {
			continue
		}
		p, err := s.comparedFileSet.ReadPackage(h)
		if err != nil {
			return err
		}
		if p.Version != u.Version { // libalpm has found another update
			continue
		}
		u.BuiltAt = p.BuildDate
		if p.CSize > 0 {
			u.DownloadSize = &p.CSize
		}
		if installed := s.installedSet.local.Find(u.Name); installed != nil && p.ISize > 0 && installed.ISize > 0 {
			change := int64(p.ISize) - int64(installed.ISize)
			u.SizeChange = &change
		}
	}
	return nil
}

func convertUpdates(in []pacmandb.Update) []wire.Update {
	out := make([]wire.Update, len(in))
	for i, u := range in {
		out[i] = wire.Update{Name: u.Name, Installed: u.Installed, Version: u.Version, Repo: u.Repo, Ignored: u.Ignored}
	}
	return out
}

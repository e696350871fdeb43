package pacman

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// need is a dependency of a package of the repositories.
type need struct {
	by     string // the name of the package
	depend pacmandb.Depend
}

// needs maps the names in dependencies to these dependencies.
type needs map[string][]need

func (n needs) add(by string, dependencies []string) {
	for _, s := range dependencies {
		d := pacmandb.ParseDepend(s)
		n[d.Name] = append(n[d.Name], need{by, d})
	}
}

// satisfiedBy returns the sorted names of the packages that have a dependency which a package satisfies.
func (n needs) satisfiedBy(p *wire.Package) (names []string) {
	seen := map[string]bool{}
	for _, provided := range append([]string{p.Name}, p.Provides...) {
		name := pacmandb.ParseDepend(provided).Name
		if provided == p.Name {
			name = p.Name
		}
		for _, k := range n[name] {
			if !seen[k.by] && k.depend.IsSatisfiedByPackage(p.Name, p.Version, p.Provides) {
				seen[k.by] = true
				names = append(names, k.by)
			}
		}
	}
	slices.Sort(names)
	return names
}

// extendedInfo returns a function that prints a package like pacman -Sii. It reads all databases once.
func (r *Runner) extendedInfo(ctx context.Context) (print func(*wire.Package) error, err error) {
	required, optional := needs{}, needs{}
	checksums := map[string]map[string]pacmandb.SyncChecksums{}
	for _, repo := range r.Setup.Repositories {
		if !slices.Contains(r.repositoryNames(), repo.Name) {
			continue
		}
		packages, err := r.packagesOf(repo.Name, true)
		if err != nil {
			return nil, err
		}
		for i := range packages {
			required.add(packages[i].Name, packages[i].Depends)
			optional.add(packages[i].Name, packages[i].OptDepends)
		}
		if checksums[repo.Name], err = pacmandb.ReadSyncChecksums(ctx, repo.DatabasePath, r.wantsChecksums()); err != nil {
			return nil, fmt.Errorf("the checksums in the database %s are unknown: %w", repo.Name, err)
		}
	}
	return func(p *wire.Package) error {
		more := checksums[p.Repo][p.Name]
		extra := &show.RepoExtra{RequiredBy: required.satisfiedBy(p), OptionalFor: optional.satisfiedBy(p), MD5: more.MD5, Signatures: []string{"None"}}
		if more.Signature != "" {
			keys, err := issuerKeys(more.Signature)
			if err != nil {
				r.errorf("%s: %v", p.Name, err)
			}
			extra.Signatures = keys
		}
		r.Style.PrintPacmanRepo(r.Out, p, extra)
		return nil
	}, nil
}

// wantsChecksums returns the function that reports whether the checksums of a package are needed.
func (r *Runner) wantsChecksums() func(name string) bool {
	if len(r.Line.Targets) == 0 {
		return func(string) bool { return true }
	}
	wanted := map[string]bool{}
	for _, t := range r.Line.Targets {
		if _, name, ok := strings.Cut(t, "/"); ok {
			t = name
		}
		wanted[t] = true
	}
	return func(name string) bool { return wanted[name] }
}

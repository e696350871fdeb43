// Package inventory is what is installed and how it compares with the
// repositories, at one moment: one immutable picture of which all numbers and
// lists are taken, so that they fit together.
package inventory

import (
	"iter"
	"slices"

	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
)

// Inventory is the picture.
type Inventory struct {
	// DBPath is the database directory that it was taken of.
	DBPath    string
	Local     *pacmandb.Local
	Relations *pacmandb.Relations
	// Outdated is what the repositories have for what is installed, and Foreign
	// what is in none of them; nothing that counts while Uncompared says why the
	// repositories are not known.
	Outdated   pacmandb.Outdated
	Foreign    []*pacmandb.Installed
	Uncompared string
	// Versions has the version of each installed package.
	Versions map[string]string

	needs map[string]Need // of the installed packages, where another reader said so
}

// Take compares an installed system with the repositories that a set of indexes
// shows.
func Take(repos *catalog.Repos, set *pkgindex.Set, local *pacmandb.Local) (*Inventory, error) {
	config, facts := facts(repos, set, local)
	inv := &Inventory{
		DBPath:    repos.DBPath,
		Local:     local,
		Relations: pacmandb.Relate(local.Packages),
		Outdated:  pacmandb.Updates(local.Packages, config, facts),
		Versions:  make(map[string]string, len(local.Packages)),
	}
	_, inv.Foreign = pacmandb.Locality(local.Packages, config, facts)
	for _, p := range local.Packages {
		inv.Versions[p.Name] = p.Version
	}
	return inv, facts.err
}

// Alone is the picture without the repositories.
func Alone(dbpath string, local *pacmandb.Local, why string) *Inventory {
	inv := &Inventory{DBPath: dbpath, Local: local, Uncompared: why, Versions: make(map[string]string, len(local.Packages))}
	inv.Relations = pacmandb.Relate(local.Packages)
	for _, p := range local.Packages {
		inv.Versions[p.Name] = p.Version
	}
	return inv
}

// Facts are what an inventory is made from: the configuration with the
// repositories that are read, and what the set says of them. The set must not be
// closed while they are used.
func Facts(repos *catalog.Repos, set *pkgindex.Set, local *pacmandb.Local) (*pacmandb.Config, pacmandb.SyncFacts) {
	return facts(repos, set, local)
}

func facts(repos *catalog.Repos, set *pkgindex.Set, local *pacmandb.Local) (*pacmandb.Config, *setFacts) {
	config := repos.Effective()
	f := &setFacts{set: set, installed: local.Packages}
	for _, r := range config.Repos {
		f.repos = append(f.repos, r.Name)
	}
	return config, f
}

// Names are the installed packages' names in order.
func (inv *Inventory) Names() []string {
	names := make([]string, len(inv.Local.Packages))
	for i, p := range inv.Local.Packages {
		names[i] = p.Name
	}
	return names
}

// setFacts are pacmandb.SyncFacts from a set of indexes. Questions come package
// by package, so that the last one's look-up serves all its repositories.
type setFacts struct {
	set       *pkgindex.Set
	repos     []string
	installed []*pacmandb.Installed
	err       error

	name     string
	versions map[string]string // of name, by repository
}

func (f *setFacts) Lookup(repo int, name string) (string, bool) {
	if f.name != name || f.versions == nil {
		f.look(name)
	}
	v, ok := f.versions[f.repos[repo]]
	return v, ok
}

func (f *setFacts) look(name string) {
	f.name, f.versions = name, make(map[string]string)
	hits, err := f.set.Lookup("", name)
	if err == nil {
		err = f.set.ReadAll(hits, false, func(h pkgindex.Hit, summary, _ pkgindex.Record) bool {
			if f.set.Kind(h) == pkgindex.KindRepo {
				f.versions[f.set.Repo(h)] = summary.Version()
			}
			return true
		})
	}
	f.note(err)
}

// Replacers yields what replaces something installed.
func (f *setFacts) Replacers(repo int) iter.Seq[pacmandb.Replacer] {
	found := map[string]pacmandb.Replacer{}
	for _, p := range f.installed {
		hits, err := f.set.Having(pkgindex.Replaces, p.Name)
		f.note(err)
		for _, h := range hits {
			if f.set.Kind(h) != pkgindex.KindRepo || f.set.Repo(h) != f.repos[repo] {
				continue
			}
			r, err := f.set.Package(h)
			f.note(err)
			found[r.Name] = pacmandb.Replacer{Name: r.Name, Version: r.Version, Groups: r.Groups, Replaces: r.Replaces}
		}
	}
	names := make([]string, 0, len(found))
	for n := range found {
		names = append(names, n)
	}
	slices.Sort(names)
	return func(yield func(pacmandb.Replacer) bool) {
		for _, n := range names {
			if !yield(found[n]) {
				return
			}
		}
	}
}

// note keeps the first error: an index that contradicts itself gives no answer
// rather than a wrong one.
func (f *setFacts) note(err error) {
	if f.err == nil {
		f.err = err
	}
}

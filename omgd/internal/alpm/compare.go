package alpm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omgd/internal/alpmproto"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// MaxDifferences is the largest number of differences that CompareFacts lists.
const MaxDifferences = 20

// ReaderFacts are the facts that one reader has found in the databases. The reader is libalpm or omg's own code.
type ReaderFacts struct {
	// LibAlpm is the version of libalpm; "" for facts that omg's own code has found.
	LibAlpm string
	// Databases are the sync databases in order of preference. A database whose field Err is set could not be
	// read: the facts in Installed about repositories ignore its packages.
	Databases []alpmproto.Database
	// Installed are the installed packages, sorted by the bytes of their names.
	Installed []alpmproto.PackageFacts
}

// OwnFacts returns the facts that omg's own code has found: about the installed packages l, and about the
// repositories of the configuration c. The parameter databases has the package counts and the errors of the
// repositories, in the order of c.Repos.
func OwnFacts(l *pacmandb.Local, c *pacmandb.Config, facts pacmandb.SyncPackageFacts, databases []alpmproto.Database) *ReaderFacts {
	relations := pacmandb.ComputeRelations(l.Packages)
	outdated := pacmandb.FindOutdated(l.Packages, c, facts)
	f := &ReaderFacts{Databases: databases, Installed: make([]alpmproto.PackageFacts, len(l.Packages))}
	index := make(map[string]*alpmproto.PackageFacts, len(l.Packages))
	for i, p := range l.Packages {
		r := &f.Installed[i]
		*r = alpmproto.PackageFacts{Name: p.Name, Version: p.Version, Reason: int32(p.Reason), NeedLevel: alpmproto.StrictlyRequired}
		switch {
		case relations.IsUnneeded(p.Name, false):
			r.NeedLevel = alpmproto.NotRequired
		case relations.IsUnneeded(p.Name, true):
			r.NeedLevel = alpmproto.OptionallyRequired
		}
		index[p.Name] = r
	}
	native, _ := pacmandb.SplitForeign(l.Packages, c, facts)
	for _, p := range native {
		r := index[p.Name]
		for i := 0; i < len(c.Repos) && r.Repo == ""; i++ {
			if version, ok := facts.Lookup(i, p.Name); ok {
				r.Repo, r.Offered = c.Repos[i].Name, version
			}
		}
	}
	for _, u := range outdated.Updates {
		r := index[u.Name]
		r.VersionOrder, r.Ignored, r.Repo, r.Offered = 1, u.Ignored, u.Repo, u.Version
	}
	for _, u := range outdated.LocalNewer {
		index[u.Name].VersionOrder = -1
	}
	return f
}

// CompareFacts returns one line for each difference between libalpm's facts and omg's. After MaxDifferences lines
// it returns one more line, with the number of further differences. If libalpm or omg could not read a
// database, facts that depend on the repositories are not compared.
func CompareFacts(libalpm, ours *ReaderFacts) []string {
	var d differences
	comparable := d.compareDatabases(libalpm.Databases, ours.Databases)
	a, b := libalpm.Installed, ours.Installed
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name:
			d.add("%s: libalpm says installed (%s), omg says not installed", a[0].Name, a[0].Version)
			a = a[1:]
		case len(a) == 0 || b[0].Name < a[0].Name:
			d.add("%s: libalpm says not installed, omg says installed (%s)", b[0].Name, b[0].Version)
			b = b[1:]
		default:
			d.compareInstalled(&a[0], &b[0], comparable)
			a, b = a[1:], b[1:]
		}
	}
	return d.lines()
}

type differences struct {
	list         []string
	omittedCount int
}

func (d *differences) add(format string, args ...any) {
	if len(d.list) == MaxDifferences {
		d.omittedCount++
		return
	}
	d.list = append(d.list, fmt.Sprintf("%.300s", fmt.Sprintf(format, args...)))
}

func (d *differences) lines() []string {
	if d.omittedCount > 0 {
		return append(d.list, fmt.Sprintf("and %d more", d.omittedCount))
	}
	return d.list
}

// compareDatabases compares the sync databases. It reports whether libalpm and omg have read the same databases
// without an error.
func (d *differences) compareDatabases(libalpm, ours []alpmproto.Database) bool {
	if !slices.EqualFunc(libalpm, ours, func(a, b alpmproto.Database) bool { return a.Name == b.Name }) {
		d.add("libalpm read the databases %s, omg read %s", databaseNames(libalpm), databaseNames(ours))
		return false
	}
	all := true
	for i, a := range libalpm {
		b := ours[i]
		all = all && a.Err == "" && b.Err == ""
		switch {
		case a.Err != "" && b.Err == "":
			d.add("%s: libalpm cannot read the database (%s), omg reads %d packages", a.Name, a.Err, b.PackageCount)
		case a.Err == "" && b.Err != "":
			d.add("%s: libalpm reads %d packages, omg cannot read the database (%s)", a.Name, a.PackageCount, b.Err)
		case a.Err == "" && a.PackageCount != b.PackageCount:
			d.add("%s: libalpm says %d packages, omg says %d", a.Name, a.PackageCount, b.PackageCount)
		}
	}
	return all
}

func databaseNames(list []alpmproto.Database) string {
	names := make([]string, 0, MaxDifferences)
	for _, d := range list[:min(len(list), MaxDifferences)] {
		names = append(names, d.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " ")
}

var (
	reasonTexts = map[int32]string{
		int32(pacmandb.ReasonExplicit): "explicitly installed",
		int32(pacmandb.ReasonDepend):   "installed as a dependency",
	}
	requirementTexts = map[alpmproto.NeedLevel]string{
		alpmproto.NotRequired:        "not required",
		alpmproto.OptionallyRequired: "optionally required",
		alpmproto.StrictlyRequired:   "required",
	}
)

func reasonText(r int32) string {
	if s, ok := reasonTexts[r]; ok {
		return s
	}
	return fmt.Sprintf("installed for the unknown reason %d", r)
}

func (d *differences) compareInstalled(a, b *alpmproto.PackageFacts, repositories bool) {
	differ := func(libalpm, ours string) { d.add("%s: libalpm says %s, omg says %s", a.Name, libalpm, ours) }
	if a.Version != b.Version {
		differ(a.Version, b.Version)
	}
	if a.Reason != b.Reason {
		differ(reasonText(a.Reason), reasonText(b.Reason))
	}
	if a.NeedLevel != b.NeedLevel {
		differ(requirementTexts[a.NeedLevel], requirementTexts[b.NeedLevel])
	}
	if repositories {
		if x, y := describeOffer(a), describeOffer(b); x != y {
			differ(x, y)
		}
	}
}

// describeOffer describes the version of a package that the repositories offer.
func describeOffer(p *alpmproto.PackageFacts) string {
	switch {
	case p.Repo == "":
		return "foreign"
	case p.VersionOrder > 0 && p.Ignored:
		return fmt.Sprintf("ignored update to %s/%s", p.Repo, p.Offered)
	case p.VersionOrder > 0:
		return fmt.Sprintf("update to %s/%s", p.Repo, p.Offered)
	case p.VersionOrder < 0:
		return fmt.Sprintf("newer than %s/%s", p.Repo, p.Offered)
	default:
		return fmt.Sprintf("same as %s/%s", p.Repo, p.Offered)
	}
}

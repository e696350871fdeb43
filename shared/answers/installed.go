package answers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/posixre"
	"github.com/omg-arch/omg/shared/wire"
)

// ErrUnknown means that what is installed is not known; Data.InstalledWhy says why.
var ErrUnknown = errors.New("what is installed is not known")

// ErrNoRepos means that there is no repository to answer from; Data.SetWhy or the
// inventory says why.
var ErrNoRepos = errors.New("the repositories cannot be searched")

// Status answers OpStatus. What is not known is left out.
func (d *Data) Status(emit Emit) error {
	r := wire.StatusResult{
		Generation: d.Generation, At: d.At, Stale: d.InstalledWhy != "", Why: d.InstalledWhy,
		Sources: d.Sources, Compared: d.Compared, Parts: d.Parts, Runtimes: d.Runtimes,
	}
	if d.Set != nil {
		r.Index = wire.IndexStatus{Packages: uint32(d.Set.Packages()), Built: d.Built, Files: d.Files}
	}
	if d.Inventory != nil {
		if d.counted != nil {
			r.Counts = *d.counted
		} else {
			r.Counts = counts(d.Inventory)
		}
		d.Foreign.count(&r.Counts)
	}
	if d.Security != nil {
		r.Sources = append(slices.Clip(r.Sources), d.Security.source(time.Now()))
		if d.Security.known() && d.Inventory != nil {
			r.Counts.Security = &d.Security.counts
		}
	}
	return whole(&r, emit)
}

func counts(inv *inventory.Inventory) wire.Counts {
	count := func(n int) *uint32 {
		u := uint32(n)
		return &u
	}
	ignored := 0
	for _, u := range inv.Outdated.Updates {
		if u.Ignored {
			ignored++
		}
	}
	c := wire.Counts{
		Installed:       count(len(inv.Local.Packages)),
		Explicit:        count(len(inv.Local.Explicit())),
		Orphans:         count(len(inv.Orphans(false))),
		OrphansRequired: count(len(inv.Orphans(true))),
	}
	if inv.Uncompared == "" {
		c.Foreign = count(len(inv.Foreign))
		c.Updates = count(len(inv.Outdated.Updates) - ignored)
		c.Ignored = count(ignored)
		c.Replacements = count(len(inv.Outdated.Replacements))
	}
	return c
}

// ErrNoRuntimes means that nobody looks at the versions of runtimes here.
var ErrNoRuntimes = errors.New("the versions of runtimes are not looked at here: omg which looks itself")

// ActiveRuntimes answers OpRuntimes.
func (d *Data) ActiveRuntimes(emit Emit) error {
	if d.Runtimes == nil {
		return ErrNoRuntimes
	}
	return whole(&wire.RuntimesResult{Generation: d.Generation, Runtimes: d.Runtimes}, emit)
}

// Explicit answers OpExplicit.
func (d *Data) Explicit(emit Emit) error {
	if d.Inventory == nil {
		return d.unknown()
	}
	r := wire.ExplicitResult{Generation: d.Generation, Names: []string{}}
	if d.InstalledWhy != "" {
		r.Stale, r.At = true, d.At
	}
	for _, p := range d.Inventory.Local.Explicit() {
		r.Names = append(r.Names, p.Name)
	}
	return whole(&r, emit)
}

// Outdated answers OpOutdated.
func (d *Data) Outdated(emit Emit) error {
	if d.Inventory == nil {
		return d.unknown()
	}
	if why := d.Inventory.Uncompared; why != "" {
		return fmt.Errorf("%w: %s", ErrNoRepos, why)
	}
	out := d.Inventory.Outdated
	r := wire.OutdatedResult{
		Generation: d.Generation, At: d.At, Stale: d.InstalledWhy != "", Sources: d.compared(),
		Updates: updates(out.Updates), Newer: updates(out.Newer),
	}
	if d.Security != nil {
		r.Sources = append(slices.Clip(r.Sources), d.Security.source(time.Now()))
		for i := range r.Updates {
			u := &r.Updates[i]
			u.Fixes = d.Security.fixes(u.Name, func(fixed string) bool { return pacmandb.Compare(u.Version, fixed) >= 0 })
		}
	}
	if d.Foreign != nil {
		r.Foreign = d.Foreign.Packages
	}
	for _, p := range out.Replacements {
		r.Replacements = append(r.Replacements, wire.Replacement(p))
	}
	return whole(&r, emit)
}

// compared are the sources of what is counted by comparing.
func (d *Data) compared() []wire.Source {
	if d.Compared == nil {
		return d.Sources
	}
	out := slices.Clone(d.Compared)
	for _, s := range d.Sources {
		if s.Name == wire.SourceAUR {
			out = append(out, s)
		}
	}
	return out
}

func updates(in []pacmandb.Update) []wire.Update {
	out := make([]wire.Update, len(in))
	for i, u := range in {
		out[i] = wire.Update{Name: u.Name, Installed: u.Installed, Version: u.Version, Repo: u.Repo, Ignored: u.Ignored}
	}
	return out
}

func (d *Data) unknown() error {
	if d.InstalledWhy == "" {
		return ErrUnknown
	}
	return errors.Join(ErrUnknown, errors.New(d.InstalledWhy))
}

// Installed answers OpInstalled. An error that wraps pkgindex.ErrQuery is the
// asker's.
func (d *Data) Installed(r *wire.InstalledRequest, emit Emit) error {
	if d.Inventory == nil {
		return d.unknown()
	}
	packages, missing, err := d.chooseInstalled(r)
	if err != nil {
		return err
	}
	w := newWriter(emit)
	defer w.done()
	fields := 2
	if len(missing) > 0 {
		fields++
	}
	if d.InstalledWhy != "" {
		fields += 2
	}
	w.mapLen(fields)
	w.uint("generation", d.Generation)
	if d.InstalledWhy != "" {
		w.value("stale", true)
		w.value("at", d.At)
	}
	if len(missing) > 0 {
		w.value("missing", missing)
	}
	w.list("packages")
	for _, p := range packages {
		b, err := msgpack.Marshal(d.describe(p, r.Details))
		if err != nil {
			return err
		}
		if err := w.next(len(b)); err != nil {
			return err
		}
		w.count++
		w.buf.Write(b)
	}
	return w.flush(false)
}

// chooseInstalled applies names, filter and words.
func (d *Data) chooseInstalled(r *wire.InstalledRequest) (chosen []*pacmandb.Installed, missing []string, err error) {
	inv := d.Inventory
	switch r.Filter {
	case "":
		chosen = inv.Local.Packages
	case wire.FilterExplicit:
		chosen = inv.Local.Explicit()
	case wire.FilterDeps:
		chosen = inv.Local.Depends()
	case wire.FilterOrphans:
		chosen = inv.Orphans(false)
	case wire.FilterRequired:
		chosen = inv.Orphans(true)
	case wire.FilterForeign:
		if inv.Uncompared != "" {
			return nil, nil, fmt.Errorf("%w: %s", ErrNoRepos, inv.Uncompared)
		}
		chosen = inv.Foreign
	default:
		return nil, nil, wire.Errorf(wire.CodeInvalid, "no filter %q", r.Filter)
	}
	if len(r.Names) > 0 {
		in := make(map[*pacmandb.Installed]bool, len(chosen))
		for _, p := range chosen {
			in[p] = true
		}
		chosen = nil
		for _, name := range r.Names {
			if p := inv.Relations.Satisfier(name); p != nil && in[p] {
				chosen = append(chosen, p)
			} else {
				missing = append(missing, name)
			}
		}
	}
	if len(r.Words) > 0 {
		words, err := matchers(r)
		if err != nil {
			return nil, nil, err
		}
		chosen = (&pacmandb.Local{Packages: chosen}).Search(words)
	}
	return chosen, missing, nil
}

// matchers turns words into what pacmandb matches by: as in a search.
func matchers(r *wire.InstalledRequest) ([]pacmandb.Word, error) {
	words := make([]pacmandb.Word, len(r.Words))
	for i, w := range r.Words {
		if !r.Regex {
			folded := pkgindex.Fold(w)
			words[i] = pacmandb.Word{Text: w, Match: func(text string) bool { return strings.Contains(pkgindex.Fold(text), folded) }}
			continue
		}
		expr, err := posixre.Compile(w)
		if err != nil {
			return nil, errors.Join(pkgindex.ErrQuery, err)
		}
		words[i] = pacmandb.Word{Text: w, Match: expr.MatchString}
	}
	return words, nil
}

// describe is a package as it is sent.
func (d *Data) describe(p *pacmandb.Installed, details bool) wire.InstalledPackage {
	reason := ""
	switch p.Reason {
	case pacmandb.ReasonExplicit:
		reason = "explicit"
	case pacmandb.ReasonDepend:
		reason = "dependency"
	}
	if !details {
		return wire.InstalledPackage{
			Package: wire.Package{Repo: "local", Name: p.Name, Version: p.Version, Desc: p.Desc, Groups: p.Groups},
			Reason:  reason,
		}
	}
	rel := d.Inventory.Relations
	out := wire.InstalledPackage{
		Package: p.Package, Reason: reason, InstallDate: p.InstallDate, InstalledDB: p.InstalledDB,
		RequiredBy: rel.RequiredBy(p.Name), OptionalFor: rel.OptionalFor(p.Name),
	}
	out.Repo = "local"
	if d.Security != nil {
		out.Advisories = d.Security.words[p.Name]
	}
	for _, dep := range p.OptDepends {
		if target, _, _ := strings.Cut(dep, ":"); rel.Satisfier(target) != nil {
			out.InstalledOpt = append(out.InstalledOpt, dep)
		}
	}
	_, err := os.Stat(filepath.Join(d.Inventory.DBPath, "local", p.Name+"-"+p.Version, "install"))
	out.Script = err == nil
	return out
}

// whole emits a result that has one part.
func whole(r any, emit Emit) error {
	b, err := msgpack.Marshal(r)
	if err != nil {
		return err
	}
	return emit(b, false)
}

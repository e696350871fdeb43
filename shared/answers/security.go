package answers

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// ErrNoTracker means that nothing is known of the security tracker; Tracker.Why
// says why.
var ErrNoTracker = errors.New("the security tracker's advisories are not known")

// Tracker is what is known of the security tracker.
type Tracker struct {
	Records []advisories.Record
	// Skipped counts records that could not be read.
	Skipped int
	// At is when the tracker last said so, in Unix seconds; 0 if it never did, and
	// then there are no records. AsOf is the date of the records themselves, 0 if it
	// is not known.
	At, AsOf int64
	// Why says what went wrong with the last request; empty if nothing did.
	Why string
	// StaleAfter is the age from which the records are called stale.
	StaleAfter time.Duration
}

// TrackerSource is the name of the tracker among the sources.
const TrackerSource = "tracker"

// source is the tracker as a source, at a time.
func (t *Tracker) source(now time.Time) wire.Source {
	s := wire.Source{Name: TrackerSource, State: wire.SourceOK, AsOf: t.AsOf, Changed: t.At, Why: t.Why}
	age := now.Sub(time.Unix(t.At, 0))
	switch {
	case t.At == 0:
		s.State = wire.SourceMissing
		if s.Why == "" {
			s.Why = "not asked yet"
		}
	case t.StaleAfter > 0 && age > t.StaleAfter:
		s.State = wire.SourceStale
		if s.Why == "" {
			s.Why = fmt.Sprintf("not asked for %d hours", age/time.Hour)
		}
	}
	return s
}

// known says that there are records to judge by.
func (t *Tracker) known() bool { return t != nil && t.At != 0 }

// Security is what the tracker's records mean for one inventory.
type Security struct {
	*Tracker
	Packages []advisories.Package
	counts   wire.SecurityCounts
	words    map[string][]string // of a package, for its details
}

// Assess judges an inventory. The set is asked for what repositories have, and
// must not be closed meanwhile.
func Assess(t *Tracker, inv *inventory.Inventory, set *pkgindex.Set) (*Security, error) {
	s := &Security{Tracker: t, words: map[string][]string{}}
	if !t.known() || inv == nil {
		return s, nil
	}
	system := &offers{inv: inv, set: set}
	s.Packages = advisories.Assess(t.Records, system)
	for _, p := range s.Packages {
		for _, f := range p.Findings {
			s.count(f)
			s.words[p.Name] = append(s.words[p.Name], fmt.Sprintf("%s (%s, %s)", f.Name, f.Severity, f.Verdict))
		}
	}
	return s, system.err
}

func (s *Security) count(f advisories.Finding) {
	c := &s.counts
	switch f.Verdict {
	case advisories.Fixable:
		c.Fixable++
	case advisories.InTesting:
		c.InTesting++
	case advisories.Affected:
		c.Affected++
	default:
		c.Unconfirmed++
	}
	if !f.Verdict.Counts() {
		return
	}
	c.Vulnerabilities++
	switch f.Severity {
	case advisories.Critical:
		c.Critical++
	case advisories.High:
		c.High++
	case advisories.Medium:
		c.Medium++
	case advisories.Low:
		c.Low++
	default:
		c.Unknown++
	}
}

// offers is a system as an assessment sees it.
type offers struct {
	inv *inventory.Inventory
	set *pkgindex.Set
	err error
}

func (o *offers) Installed(name string) (string, bool) {
	v, ok := o.inv.Versions[name]
	return v, ok
}

func (o *offers) Offered(name string) []string {
	var versions []string
	hits, err := o.set.Lookup("", name)
	if err == nil {
		err = o.set.ReadAll(hits, false, func(h pkgindex.Hit, summary, _ pkgindex.Record) bool {
			if o.set.Kind(h) == pkgindex.KindRepo {
				versions = append(versions, summary.Version())
			}
			return true
		})
	}
	if o.err == nil {
		o.err = err
	}
	return versions
}

// Advisories answers a SecurityRequest.
func (d *Data) Advisories(r *wire.SecurityRequest, emit Emit) error {
	if d.Inventory == nil {
		return d.unknown()
	}
	if d.Security == nil || !d.Security.known() {
		why := "nobody asked it"
		if d.Security != nil {
			why = d.Security.source(time.Now()).Why
		}
		return fmt.Errorf("%w: %s", ErrNoTracker, why)
	}
	first := wire.SecurityResult{
		Generation: d.Generation, Skipped: uint32(d.Security.Skipped),
		Sources: append([]wire.Source{d.Security.source(time.Now())}, d.Sources...),
	}
	for _, name := range r.Packages {
		if _, ok := d.Inventory.Versions[name]; !ok {
			first.Missing = append(first.Missing, name)
		}
	}
	w := newWriter(emit)
	defer w.done()
	fields := 3
	for _, some := range []bool{len(first.Missing) > 0, first.Skipped > 0} {
		if some {
			fields++
		}
	}
	w.mapLen(fields)
	w.uint("generation", first.Generation)
	w.value("sources", first.Sources)
	if len(first.Missing) > 0 {
		w.value("missing", first.Missing)
	}
	if first.Skipped > 0 {
		w.uint("skipped", uint64(first.Skipped))
	}
	w.list("packages")
	for _, p := range d.Security.Packages {
		if len(r.Packages) > 0 && !slices.Contains(r.Packages, p.Name) {
			continue
		}
		b, err := msgpack.Marshal(vulnerable(&p))
		if err != nil {
			return err
		}
		if w.full(len(b)) {
			if err := w.flush(true); err != nil {
				return err
			}
			w.mapLen(1)
			w.list("packages")
		}
		w.count++
		w.buf.Write(b)
	}
	return w.flush(false)
}

func vulnerable(p *advisories.Package) wire.VulnerablePackage {
	out := wire.VulnerablePackage{
		Name: p.Name, Installed: p.Installed, Update: p.Update, Foreign: p.Foreign,
		Severity: p.Findings[0].Severity.String(), Verdict: string(p.Findings[0].Verdict),
	}
	for _, f := range p.Findings {
		out.Advisories = append(out.Advisories, wire.Advisory{
			Name: f.Name, Severity: f.Severity.String(), Verdict: string(f.Verdict), Counted: f.Verdict.Counts(),
			Status: string(f.Status), Type: f.Type, Affected: f.Affected, Fixed: f.FixedIn, Issues: f.Issues, Announced: f.Advisories,
		})
	}
	return out
}

// fixes are the advisories that an update of a package to a version mends.
func (s *Security) fixes(name string, mends func(fixed string) bool) []string {
	if s == nil {
		return nil
	}
	i := slices.IndexFunc(s.Packages, func(p advisories.Package) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	var list []string
	for _, f := range s.Packages[i].Findings {
		if f.FixedIn != "" && mends(f.FixedIn) {
			list = append(list, f.Name)
		}
	}
	return list
}

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

// source is the tracker as a source, at a time.
func (t *Tracker) source(now time.Time) wire.Source {
	s := wire.Source{Name: wire.SourceTracker, State: wire.SourceOK, AsOf: t.AsOf, Changed: t.At, Why: t.Why}
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
	for i := range s.Packages {
		p := &s.Packages[i]
		if inv.Uncompared != "" {
			p.Foreign = false // which is not known
		}
		for _, f := range p.Findings {
			s.count(f)
		}
		s.words[p.Name] = words(p.Findings)
	}
	return s, system.err
}

// words are findings as a package's details have them, one a line.
func words(findings []advisories.Finding) []string {
	const most = 50
	var lines []string
	for i, f := range findings {
		if i == most {
			return append(lines, fmt.Sprintf("and %d more", len(findings)-most))
		}
		lines = append(lines, fmt.Sprintf("%s (%s, %s)", f.Name, f.Severity, f.Verdict))
	}
	return lines
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

// Advisories answers a SecurityRequest. An error that wraps pkgindex.ErrQuery is
// the asker's.
func (d *Data) Advisories(r *wire.SecurityRequest, emit Emit) error {
	if d.Inventory == nil {
		return d.unknown()
	}
	if d.Security == nil {
		return fmt.Errorf("%w: it is not asked here", ErrNoTracker)
	}
	tracker := d.Security.source(time.Now())
	if !d.Security.known() {
		return fmt.Errorf("%w: %s", ErrNoTracker, tracker.Why)
	}
	if len(r.Packages) > maxNames {
		return fmt.Errorf("%w: %d names, at most %d are looked up at once", pkgindex.ErrQuery, len(r.Packages), maxNames)
	}
	wanted := make(map[string]bool, len(r.Packages))
	var missing []string
	for _, name := range r.Packages {
		if _, ok := d.Inventory.Versions[name]; !ok && !wanted[name] {
			missing = append(missing, name)
		}
		wanted[name] = true
	}
	w := newWriter(emit)
	defer w.done()
	fields := 6
	if len(missing) > 0 {
		fields++
	}
	w.mapLen(fields)
	w.uint("generation", d.Generation)
	w.value("at", d.At)
	w.value("stale", d.InstalledWhy != "")
	w.uint("skipped", uint64(d.Security.Skipped))
	w.value("sources", append([]wire.Source{tracker}, d.compared()...))
	if len(missing) > 0 {
		w.value("missing", missing)
	}
	w.list("packages")
	for i := range d.Security.Packages {
		if p := &d.Security.Packages[i]; len(wanted) == 0 || wanted[p.Name] {
			if err := w.vulnerable(p); err != nil {
				return err
			}
		}
	}
	return w.flush(false)
}

// vulnerable writes a package that advisories concern. Where those are too many
// for one part, the package goes on in the next.
func (w *writer) vulnerable(p *advisories.Package) error {
	out := wire.VulnerablePackage{
		Name: p.Name, Installed: p.Installed, Update: p.Update, Foreign: p.Foreign,
		Severity: p.Findings[0].Severity.String(), Verdict: string(p.Findings[0].Verdict),
	}
	for rest := p.Findings; len(rest) > 0; {
		n := fitting(rest)
		out.Advisories = make([]wire.Advisory, n)
		for i, f := range rest[:n] {
			out.Advisories[i] = wire.Advisory{
				Name: f.Name, Severity: f.Severity.String(), Verdict: string(f.Verdict), Counted: f.Verdict.Counts(),
				Status: string(f.Status), Type: f.Type, Affected: f.Affected, Fixed: f.FixedIn, Issues: f.Issues, Ticket: f.Ticket, Announced: f.Advisories,
			}
		}
		rest = rest[n:]
		b, err := msgpack.Marshal(&out)
		if err != nil {
			return err
		}
		if err := w.next(len(b)); err != nil {
			return err
		}
		w.count++
		w.buf.Write(b)
	}
	return nil
}

// fitting is how many of the findings go into one element, at least one.
func fitting(findings []advisories.Finding) int {
	const keys = 150 // bytes of an advisory's keys and fixed words
	size := 0
	for i, f := range findings {
		size += keys + len(f.Name) + len(f.Status) + len(f.Type) + len(f.Affected) + len(f.FixedIn) + textLen(f.Issues) + textLen(f.Advisories)
		if i > 0 && size > MaxPart/2 {
			return i
		}
	}
	return len(findings)
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

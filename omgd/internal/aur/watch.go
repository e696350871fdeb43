package aur

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/omg-arch/omg/shared/aurdiff"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// indexedDump is the index of the last dump, opened for look-ups.
type indexedDump struct {
	file *pkgindex.File
	set  *pkgindex.FileSet
	// asOf is the time of the dump in Unix seconds.
	asOf int64
	// err holds the errors of all look-ups. The caller must check it, because results after an error are wrong.
	err error
}

// openIndexedDump opens the index of the last dump. The caller must close its file.
func (a *AUR) openIndexedDump() (*indexedDump, error) {
	f, err := pkgindex.Open(a.IndexPath, nil)
	if err != nil {
		return nil, err
	}
	set := pkgindex.NewFileSet([]*pkgindex.File{f}, pkgindex.FileSetOptions{})
	source, _ := f.IndexInfo().FindSource(pkgindex.KindAUR, wire.SourceAUR)
	return &indexedDump{file: f, set: set, asOf: source.AsOf}, nil
}

// lookUp returns the package with a name, or nil if the dump does not have it.
func (d *indexedDump) lookUp(name string) *wire.Package {
	hits, err := d.set.LookupAUR(name)
	if err != nil || len(hits) == 0 {
		d.err = errors.Join(d.err, err)
		return nil
	}
	p, err := d.set.ReadPackage(hits[0])
	d.err = errors.Join(d.err, err)
	return &p
}

// hasOtherPackages reports whether the dump has packages of a package base other than those with the given names.
func (d *indexedDump) hasOtherPackages(base string, names []string) bool {
	has, err := aurdiff.HasOtherPackages(d.file.Packages(), base, names)
	d.err = errors.Join(d.err, err)
	return has
}

func (d *indexedDump) isYoung(name string, since int64) bool {
	p := d.lookUp(name)
	return p != nil && p.AUR != nil && p.AUR.Submitted >= since
}

// compareReplies returns the comparisons of the AUR's replies about installed packages with the last observation of each package: the replies
// before or, if it is later, the dump. The replies before may be nil.
func (d *indexedDump) compareReplies(before, now *snapshot.AURReplies) [2]aurdiff.PackageComparison {
	const withDump, withReplies = 0, 1
	var list [2]aurdiff.PackageComparison
	times := [2]int64{withDump: d.asOf}
	if before != nil {
		times[withReplies] = before.RepliedAt.Unix()
	}
	for i := range list {
		from, to := times[i], now.RepliedAt.Unix()
		between := journal.Interval{From: min(from, to), To: max(from, to)}
		if i == withReplies && from > to { // the clock was set back since the replies before: only the time of the dump is known to be earlier
			between = journal.Interval{From: min(d.asOf, to), To: to}
		}
		list[i] = aurdiff.PackageComparison{Between: between, IsYoung: d.isYoung, HasOtherPackages: d.hasOtherPackages}
	}
	for _, name := range now.QueriedNames {
		c, old := &list[withDump], d.lookUp(name)
		if before != nil && times[withReplies] >= d.asOf {
			if _, asked := slices.BinarySearch(before.QueriedNames, name); asked {
				c, old = &list[withReplies], before.Packages[name]
			}
		}
		if old != nil {
			c.Old = append(c.Old, *old)
		}
		if p := now.Packages[name]; p != nil {
			c.Later = append(c.Later, *p)
		}
	}
	return list
}

// keepPublicNames returns those of the names that the last dump contains. Any other name could be that of a private package, and must not be
// sent to the AUR.
func (a *AUR) keepPublicNames(names []string) ([]string, error) {
	dump, err := a.openIndexedDump()
	if err != nil {
		return nil, err
	}
	defer dump.file.Close()
	public := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return dump.lookUp(name) == nil })
	return public, dump.err
}

// recordReplies adds to the journal what the AUR's replies show about the installed packages. If this fails, nothing is lost: the
// comparison of the next dump finds the same changes, only with a longer interval.
func (a *AUR) recordReplies(before, now *snapshot.AURReplies) {
	if _, err := os.Stat(a.Journal.Path); a.Journal.Record == nil || errors.Is(err, fs.ErrNotExist) {
		return // without a baseline, there are no events
	}
	if err := a.tryRecordReplies(before, now); err != nil {
		a.Log.Warn("AUR replies not recorded in the journal", "err", err)
	}
}

func (a *AUR) tryRecordReplies(before, now *snapshot.AURReplies) error {
	dump, err := a.openIndexedDump()
	if err != nil {
		return err
	}
	defer dump.file.Close()
	comparisons := dump.compareReplies(before, now)
	// Usually nothing has changed, and the journal need not be read.
	if !slices.ContainsFunc(comparisons[:], func(c aurdiff.PackageComparison) bool { return len(c.Events()) > 0 }) {
		return dump.err
	}
	a.journalWriting.Lock()
	defer a.journalWriting.Unlock()
	var recorded []journal.Event
	w, err := journal.OpenWriter(a.Journal.Path, func(e *journal.Entry) error {
		if e.Outcome == journal.OutcomePartial {
			recorded = append(recorded, e.Events...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range comparisons {
		for _, e := range recorded {
			if e.Between.To > c.Between.From {
				c.Known = append(c.Known, e)
			}
		}
		e := &journal.Entry{Events: c.Events(), Observation: journal.Observation{
			Outcome: journal.OutcomePartial, Source: journal.SourceRPC, Between: c.Between, PackageCount: uint64(len(c.Later)),
		}}
		if dump.err != nil || len(e.Events) == 0 {
			continue
		}
		if err = errors.Join(err, w.Append(e)); err == nil {
			recorded = append(recorded, e.Events...)
		}
	}
	return errors.Join(err, dump.err, w.Close())
}

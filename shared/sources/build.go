package sources

import (
	"context"
	"errors"

	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// IsDamaged reports whether an error means that the content of a database is damaged, so that downloading the database again
// may help.
func IsDamaged(err error) bool {
	for _, damage := range []error{
		sourcefile.ErrEmpty, sourcefile.ErrTruncated, pacmandb.ErrNotDatabase, sourcefile.ErrDamaged, sourcefile.ErrOversize,
	} {
		if errors.Is(err, damage) {
			return true
		}
	}
	return false
}

// PackageCollector collects the packages of a source and the facts about its file: the builder of an index, or of records.
type PackageCollector interface {
	// Add adds a package, which it does not keep. The error wraps pkgindex.ErrRecordTooLarge if the package is too large for an index.
	Add(p *wire.Package) error
	// Reset removes all packages and facts.
	Reset()
	// AddLeftOut records that n packages were not added, or lack some of their data, and why the first of them.
	AddLeftOut(n int, why string)
	// SetFileInfo sets the digest of the file, its size in bytes and its modification time in Unix seconds.
	SetFileInfo(sha256 string, size, asOf int64)
	// SetCommit sets the commit of the AUR's git archive that the packages come from.
	SetCommit(commit string)
}

// ReadPackages reads the repository's database and adds its packages to a collector. After each package that was read, ReadPackages calls
// the function count, unless count is nil. A package that is too large for an index is not added; the slice skipped contains an error text
// for each such package. The text of err says what the user can do.
func (r *Repository) ReadPackages(ctx context.Context, into PackageCollector, count func()) (f pacmandb.SyncFile, skipped []string, err error) {
	adder := packageAdder{into: into, count: count}
	f, err = pacmandb.ReadSync(ctx, r.DatabasePath, r.Name, adder.add, adder.reset)
	if err != nil {
		return f, adder.skipped, packageDownloads.withRemedy(err)
	}
	adder.finish(&f.File, f.LeftOutCount, f.FirstLeftOutReason)
	return f, adder.skipped, nil
}

// ReadAURPackages reads the AUR's dump, or its git archive, and adds its packages to a collector, as ReadPackages does.
func ReadAURPackages(ctx context.Context, path string, into PackageCollector, count func()) (f aurdump.ReadResult, skipped []string, err error) {
	adder := packageAdder{into: into, count: count}
	f, err = aurdump.Read(ctx, path, adder.add)
	if err != nil {
		return f, adder.skipped, err
	}
	adder.finish(&f.File, f.LeftOutCount, f.FirstLeftOutReason)
	into.SetCommit(f.Commit)
	return f, adder.skipped, nil
}

// packageAdder adds the packages of a file to a collector.
type packageAdder struct {
	into    PackageCollector
	count   func()
	skipped []string
}

func (a *packageAdder) add(p *wire.Package) error {
	if a.count != nil {
		a.count()
	}
	err := a.into.Add(p)
	if errors.Is(err, pkgindex.ErrRecordTooLarge) {
		a.skipped = append(a.skipped, err.Error())
		return nil
	}
	return err
}

func (a *packageAdder) reset() {
	a.into.Reset()
	a.skipped = nil
}

// finish adds the facts about the file.
func (a *packageAdder) finish(f *sourcefile.File, leftOutCount int, leftOutReason string) {
	a.into.AddLeftOut(leftOutCount, leftOutReason)
	if len(a.skipped) > 0 {
		a.into.AddLeftOut(len(a.skipped), a.skipped[0])
	}
	a.into.SetFileInfo(f.HexDigest(), f.Stamp.Size, f.Stamp.MtimeSeconds())
}

// BuildInMemory builds an index of the repository in memory, with the shares of machines that have the packages, unless they are nil. omg-direct
// uses it if no index file matches the database.
func (r *Repository) BuildInMemory(ctx context.Context, shares *popularity.Shares) (*pkgindex.File, error) {
	b := pkgindex.NewBuilder("memory", 0)
	into := b.AddSource(r.Name, pkgindex.KindRepo)
	into.SetShares(shares)
	if _, _, err := r.ReadPackages(ctx, into, nil); err != nil {
		return nil, err
	}
	data, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return pkgindex.OpenBytes(data)
}

package sources

import (
	"context"
	"errors"

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

// ReadIntoIndex reads the repository's database and adds its packages to an index that is being built. After each package that
// was read, ReadIntoIndex calls the function count, unless count is nil. A package that is too large for an index is not added;
// the slice skipped contains an error text for each such package. The text of err says what the user can do.
func (r *Repository) ReadIntoIndex(ctx context.Context, into *pkgindex.SourceBuilder, count func()) (f pacmandb.SyncFile, skipped []string, err error) {
	f, err = pacmandb.ReadSync(ctx, r.DatabasePath, r.Name, func(p *wire.Package) error {
		if count != nil {
			count()
		}
		err := into.Add(p)
		if errors.Is(err, pkgindex.ErrRecordTooLarge) {
			skipped = append(skipped, err.Error())
			return nil
		}
		return err
	}, func() {
		into.Reset()
		skipped = nil
	})
	if err != nil {
		return f, skipped, packageDownloads.withRemedy(err)
	}
	into.AddLeftOut(f.LeftOutCount, f.FirstLeftOutReason)
	if len(skipped) > 0 {
		into.AddLeftOut(len(skipped), skipped[0])
	}
	into.SetFileInfo(f.HexDigest(), f.Stamp.Size, f.Stamp.MtimeSeconds())
	return f, skipped, nil
}

// BuildInMemory builds an index of the repository in memory, with the shares of machines that have the packages, unless they are nil. omg-direct
// uses it if no index file matches the database.
func (r *Repository) BuildInMemory(ctx context.Context, shares *popularity.Shares) (*pkgindex.File, error) {
	b := pkgindex.NewBuilder("memory", 0)
	into := b.AddSource(r.Name, pkgindex.KindRepo)
	into.SetShares(shares)
	if _, _, err := r.ReadIntoIndex(ctx, into, nil); err != nil {
		return nil, err
	}
	data, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return pkgindex.OpenBytes(data)
}

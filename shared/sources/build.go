package sources

import (
	"context"
	"errors"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// IsDamaged reports whether the content of a database is damaged, so that another download may help.
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

// ReadInto adds the repository's database to a source of an index that is being built. It calls each, which may be nil,
// for each package. Skipped are the packages that are too large for an index, each with the reason. The error says how
// to fix it.
func (r *Repository) ReadInto(ctx context.Context, into *pkgindex.SourceBuilder, each func()) (f pacmandb.SyncFile, skipped []string, err error) {
	f, err = pacmandb.ReadSync(ctx, r.Database, r.Name, func(p *wire.Package) error {
		if each != nil {
			each()
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
		return f, skipped, withRemedy(err)
	}
	into.LeaveOut(f.LeftOut, f.FirstLeftOut)
	if len(skipped) > 0 {
		into.LeaveOut(len(skipped), skipped[0])
	}
	into.Describe(f.Digest(), f.Stamp.Size, f.Stamp.Modified())
	return f, skipped, nil
}

// BuildInMemory builds an index of the repository in memory, for a client that has neither a daemon nor an index that it may
// use.
func (r *Repository) BuildInMemory(ctx context.Context) (*pkgindex.File, error) {
	b := pkgindex.NewBuilder("memory", 0)
	if _, _, err := r.ReadInto(ctx, b.AddSource(r.Name, pkgindex.KindRepo), nil); err != nil {
		return nil, err
	}
	data, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return pkgindex.OpenBytes(data)
}

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// repository is a pacman database as a source.
type repository struct{ *sources.Repository }

func (r *repository) name() string        { return r.Name }
func (r *repository) kind() pkgindex.Kind { return pkgindex.KindRepo }
func (r *repository) path() string        { return r.Database }

func (r *repository) read(ctx context.Context, into *pkgindex.SourceBuilder, count func()) *result {
	f, skipped, err := r.ReadInto(ctx, into, count)
	return &result{
		source: r, file: f.File, packages: f.Packages - len(skipped), warnings: f.Warnings, moreWarnings: f.MoreWarnings, skipped: skipped, err: err,
	}
}

// dump is the AUR's metadata dump as a source.
type dump struct{ file string }

func newDump(path string) (*dump, error) {
	abs, err := filepath.Abs(path)
	return &dump{abs}, err
}

func (d *dump) name() string        { return aurdump.Repo }
func (d *dump) kind() pkgindex.Kind { return pkgindex.KindAUR }
func (d *dump) path() string        { return d.file }

func (d *dump) read(ctx context.Context, into *pkgindex.SourceBuilder, count func()) *result {
	var skipped []string
	f, err := aurdump.Read(ctx, d.file, func(p *wire.Package) error {
		if count != nil {
			count()
		}
		err := into.Add(p)
		if errors.Is(err, pkgindex.ErrRecordTooLarge) {
			skipped = append(skipped, err.Error())
			return nil
		}
		return err
	})
	if err == nil {
		into.LeaveOut(f.LeftOut, f.FirstLeftOut)
		if len(skipped) > 0 {
			into.LeaveOut(len(skipped), skipped[0])
		}
		into.Describe(f.Digest(), f.Stamp.Size, f.Stamp.Modified())
	}
	return &result{
		source: d, file: f.File, packages: f.Packages - len(skipped), warnings: f.Warnings, moreWarnings: f.MoreWarnings, skipped: skipped, err: remedied(err),
	}
}

// remedied adds to an error about the AUR's dump what the user can do about the error.
func remedied(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, sourcefile.ErrNotRegular) {
		return err
	}
	if sources.IsDamaged(err) || errors.Is(err, aurdump.ErrNotDump) {
		return fmt.Errorf("%w: download packages-meta-ext-v1.json.gz again", err)
	}
	return err
}

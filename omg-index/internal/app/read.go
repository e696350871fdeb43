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

func (r *repository) name() string              { return r.Name }
func (r *repository) kind() pkgindex.SourceKind { return pkgindex.KindRepo }
func (r *repository) path() string              { return r.DatabasePath }

func (r *repository) read(ctx context.Context, into *pkgindex.SourceBuilder, count func()) *readResult {
	f, skipped, err := r.ReadIntoIndex(ctx, into, count)
	return &readResult{
		source: r, sourceFile: f.File, packageCount: f.PackageCount - len(skipped), warnings: f.Warnings, omittedWarningCount: f.MoreWarnings, skippedPackages: skipped, err: err,
	}
}

// aurDumpSource is the AUR's metadata dump as a source.
type aurDumpSource struct{ filePath string }

func newAURDumpSource(path string) (*aurDumpSource, error) {
	abs, err := filepath.Abs(path)
	return &aurDumpSource{abs}, err
}

func (d *aurDumpSource) name() string              { return aurdump.Repo }
func (d *aurDumpSource) kind() pkgindex.SourceKind { return pkgindex.KindAUR }
func (d *aurDumpSource) path() string              { return d.filePath }

func (d *aurDumpSource) read(ctx context.Context, into *pkgindex.SourceBuilder, count func()) *readResult {
	var skipped []string
	f, err := aurdump.Read(ctx, d.filePath, func(p *wire.Package) error {
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
		into.AddLeftOut(f.LeftOutCount, f.FirstLeftOutReason)
		if len(skipped) > 0 {
			into.AddLeftOut(len(skipped), skipped[0])
		}
		into.SetFileInfo(f.HexDigest(), f.Stamp.Size, f.Stamp.MtimeSeconds())
		into.SetCommit(f.Commit)
	}
	return &readResult{
		source: d, sourceFile: f.File, packageCount: f.PackageCount - len(skipped), warnings: f.Warnings, omittedWarningCount: f.OmittedWarningCount, skippedPackages: skipped, err: withDownloadHint(err),
	}
}

// withDownloadHint adds to an error about the AUR's dump what the user can do about the error.
func withDownloadHint(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, sourcefile.ErrNotRegular) {
		return err
	}
	if sources.IsDamaged(err) || errors.Is(err, aurdump.ErrNotDump) {
		return fmt.Errorf("%w: download packages-meta-ext-v1.json.gz again", err)
	}
	return err
}

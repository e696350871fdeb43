package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sources"
)

// repository is a pacman database as a source.
type repository struct{ *sources.Repository }

func (r *repository) name() string              { return r.Name }
func (r *repository) kind() pkgindex.SourceKind { return pkgindex.KindRepo }
func (r *repository) path() string              { return r.DatabasePath }
func (r *repository) indexPath(dir string) string {
	return sources.IndexPath(dir, pkgindex.KindRepo, r.Name)
}

func (r *repository) readOwn(ctx context.Context, b *buildRun) (indexBuilder, *readResult) {
	return b.readPackages(ctx, r)
}

func (r *repository) read(ctx context.Context, into *pkgindex.SourceBuilder, count func()) *readResult {
	f, skipped, err := r.ReadPackages(ctx, into, count)
	return &readResult{
		source: r, sourceFile: f.File, packageCount: f.PackageCount - len(skipped), warnings: f.Warnings, omittedWarningCount: f.MoreWarnings, skippedPackages: skipped, err: err,
	}
}

// fileLists is a repository's database with file lists as a source.
type fileLists struct{ *sources.Repository }

func (l *fileLists) name() string                { return l.Name }
func (l *fileLists) path() string                { return l.FilesDatabasePath() }
func (l *fileLists) indexPath(dir string) string { return sources.FilesIndexPath(dir, l.Name) }

func (l *fileLists) readOwn(ctx context.Context, b *buildRun) (indexBuilder, *readResult) {
	info := filesindex.BuildInfo{Builder: b.program(), BuiltAt: b.builtAt}
	builder := filesindex.NewBuilder(l.Name, info)
	f, skipped, err := l.ReadFileLists(ctx, builder, info, b.progress.newCounter())
	return fileListsBuilder{builder}, &readResult{
		source: l, sourceFile: f.File, packageCount: f.PackageCount - len(skipped), pathCount: f.PathCount, warnings: f.Warnings,
		omittedWarningCount: f.MoreWarnings, skippedPackages: skipped, err: err,
	}
}

// fileListsBuilder is a builder with the methods of indexBuilder.
type fileListsBuilder struct{ *filesindex.Builder }

// WriteTo writes the index to an empty file.
func (b fileListsBuilder) WriteTo(f *os.File) error { return b.Builder.WriteTo(f) }

// aurDumpSource is the AUR's metadata dump as a source.
type aurDumpSource struct{ filePath string }

func newAURDumpSource(path string) (*aurDumpSource, error) {
	abs, err := filepath.Abs(path)
	return &aurDumpSource{abs}, err
}

func (d *aurDumpSource) name() string              { return aurdump.Repo }
func (d *aurDumpSource) kind() pkgindex.SourceKind { return pkgindex.KindAUR }
func (d *aurDumpSource) path() string              { return d.filePath }
func (d *aurDumpSource) indexPath(dir string) string {
	return sources.IndexPath(dir, pkgindex.KindAUR, aurdump.Repo)
}

func (d *aurDumpSource) readOwn(ctx context.Context, b *buildRun) (indexBuilder, *readResult) {
	return b.readPackages(ctx, d)
}

func (d *aurDumpSource) read(ctx context.Context, into *pkgindex.SourceBuilder, count func()) *readResult {
	f, skipped, err := sources.ReadAURPackages(ctx, d.filePath, into, count)
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

package pacmandb

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// Limits of a sync database. The largest real databases have about 15,000 packages in 60 MiB, with desc files of a few
// KiB.
const (
	// MaxSyncBytes limits the decompressed size of a database.
	MaxSyncBytes = 4 << 30
	// MaxSyncDesc limits the length of one desc, and with it the memory that ReadSync uses.
	MaxSyncDesc = 64 << 20
	// MaxSyncHeldBytes limits the bytes of packages that are kept in memory if the files of a package are not next to each
	// other.
	MaxSyncHeldBytes = 1 << 30
	// MaxSyncPackages limits the number of packages in a database.
	MaxSyncPackages = 4_000_000
	// MaxSyncWarnings is the maximum number of warnings that are kept as text. Further warnings are only counted.
	MaxSyncWarnings = 100
)

// ErrNotDatabase means that the content is not a tar archive in a compression that this package can read.
var ErrNotDatabase = errors.New("not a package database")

// SyncFile describes a database that was read.
type SyncFile struct {
	sourcefile.File
	// PackageCount is the number of packages that ReadSync passed on. LeftOutCount is the number of entries that were skipped
	// completely or in part; FirstLeftOutReason is the reason for the first of these.
	PackageCount, LeftOutCount int
	FirstLeftOutReason         string
	// PathCount is the number of paths that ReadSyncFiles passed on, and FileListCount the number of file lists in the archive.
	PathCount, FileListCount int
	// DescBytes is the total size of the files that were read from the archive.
	DescBytes int64
	// Warnings holds problems of single entries, at most MaxSyncWarnings; MoreWarnings is the number of further
	// problems.
	Warnings     []string
	MoreWarnings int
}

// recordLeftOut counts an entry that is left out completely or in part. It stores the reason for the first such entry.
func (f *SyncFile) recordLeftOut(format string, args ...any) {
	if f.LeftOutCount++; f.LeftOutCount == 1 {
		f.FirstLeftOutReason = fmt.Sprintf(format, args...)
	}
	f.warn(format, args...)
}

func (f *SyncFile) warn(format string, args ...any) {
	if len(f.Warnings) == MaxSyncWarnings {
		f.MoreWarnings++
		return
	}
	f.Warnings = append(f.Warnings, fmt.Sprintf(format, args...))
}

// ReadSync reads the sync database at path and passes every package to the function visit, in the order in which the
// packages' first files are in the archive. The parameter repo becomes the repository of the packages. The package and
// its slices are valid only until visit returns; its strings stay valid.
//
// As in pacman, a package's name and version are those of its directory in the archive, whatever the desc contains. As
// in libalpm, the files of a later directory with the same package name, even if its version differs, are added to the
// first package. A problem of a single entry is a warning; at worst, that entry is left out.
//
// In nearly every database, the files of a package are next to each other; then ReadSync reads the database as a
// stream. If ReadSync finds a package whose files are not next to each other, it calls the function restart, which must
// discard the packages passed so far. ReadSync then passes all packages once more, from the start. If restart is nil,
// ReadSync keeps all packages in memory until the end of the database.
//
// After an error the caller must not use any package of the database, even if the function visit was called. The errors
// are those of sourcefile.Read, which may wrap ErrNotDatabase; an error of the function visit or of ctx is returned
// unchanged.
func ReadSync(ctx context.Context, path, repo string, visit func(*wire.Package) error, restart func()) (SyncFile, error) {
	out, err := readSync(ctx, path, repo, visit, restart == nil)
	if errors.Is(err, errPackageFilesScattered) {
		restart()
		out, err = readSync(ctx, path, repo, visit, true)
	}
	return out, err
}

// errPackageFilesScattered means that the files of a package are not next to each other.
var errPackageFilesScattered = errors.New("the files of a package are scattered")

func readSync(ctx context.Context, path, repo string, visit func(*wire.Package) error, hold bool) (SyncFile, error) {
	var out SyncFile
	file, err := sourcefile.Read(ctx, path, func(in io.Reader) error {
		r := syncReader{repo: repo, out: &out, onPackage: visit, limits: syncLimits, holdAll: hold}
		return r.read(ctx, in)
	})
	out.File = file
	return out, err
}

// limits holds the values of MaxSyncBytes, MaxSyncHeldBytes, MaxSyncDesc and MaxSyncPackages; tests use lower values.
type limits struct {
	bytes, held    int64
	desc, packages int
}

var syncLimits = limits{bytes: MaxSyncBytes, held: MaxSyncHeldBytes, desc: MaxSyncDesc, packages: MaxSyncPackages}

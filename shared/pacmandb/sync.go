package pacmandb

import (
	"context"
	"errors"
	"io"

	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// Limits of a sync database. The largest real ones hold some 15,000 packages in 60 MiB, with desc files of a few KiB.
const (
	// MaxSyncBytes limits the decompressed size of a database.
	MaxSyncBytes = 4 << 30
	// MaxSyncDesc limits the length of one desc, and so memory.
	MaxSyncDesc = 64 << 20
	// MaxSyncHeld limits the text of packages that is kept when the files of a package are not next to each other.
	MaxSyncHeld = 1 << 30
	// MaxSyncPackages limits the number of packages in a database.
	MaxSyncPackages = 4_000_000
	// MaxSyncWarnings limits the warnings that are kept as text.
	MaxSyncWarnings = 100
)

// ErrNotDatabase means that the content is not a tar archive in a known compression.
var ErrNotDatabase = errors.New("not a package database")

// SyncFile describes a database that was read.
type SyncFile struct {
	sourcefile.File
	// Packages is the number of packages passed on. LeftOut counts entries that were skipped or of which a part was;
	// FirstLeftOut is the reason for the first.
	Packages, LeftOut int
	FirstLeftOut      string
	// DescBytes is the total size of the desc files.
	DescBytes int64
	// Warnings are problems of single entries, at most MaxSyncWarnings; MoreWarnings counts the rest.
	Warnings     []string
	MoreWarnings int
}

// ReadSync reads the sync database at path and calls each for every package, in the order in which the archive first
// names them, with repo as its repository. The package and its slices are valid during the call only; its strings may
// be kept.
//
// Name and version are those of the archive's directory, as in pacman, whatever the desc contains. As in libalpm, files
// of a later directory with the same package name, even of another version, are added to the first. A problem of a
// single entry is a warning and costs at most that entry.
//
// The files of a package are next to each other in nearly every database, which is read as a stream. If they turn out
// not to be, ReadSync calls again, and then each for all packages from the first on. If again is nil, all packages are
// kept until the end.
//
// An error means that the database as a whole must not be used, though each may have been called: one of package
// sourcefile or ErrNotDatabase. An error of each or of ctx is returned as it is.
func ReadSync(ctx context.Context, path, repo string, each func(*wire.Package) error, again func()) (SyncFile, error) {
	out, err := readSync(ctx, path, repo, each, again == nil)
	if errors.Is(err, errScattered) {
		again()
		out, err = readSync(ctx, path, repo, each, true)
	}
	return out, err
}

// errScattered means that the files of a package are not next to each other.
var errScattered = errors.New("the files of a package are scattered")

func readSync(ctx context.Context, path, repo string, each func(*wire.Package) error, hold bool) (SyncFile, error) {
	var out SyncFile
	file, err := sourcefile.Read(ctx, path, func(in io.Reader) error {
		r := syncReader{repo: repo, out: &out, each: each, limits: syncLimits, hold: hold}
		return r.read(ctx, in)
	})
	out.File = file
	return out, err
}

// limits holds the limits above, which tests lower.
type limits struct {
	bytes, held    int64
	desc, packages int
}

var syncLimits = limits{bytes: MaxSyncBytes, held: MaxSyncHeld, desc: MaxSyncDesc, packages: MaxSyncPackages}

package pacmandb

import (
	"context"
	"errors"
	"io"

	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// Bounds of a sync database. The largest real ones hold some 15,000 packages
// in 60 MiB, with desc files of a few KiB.
const (
	// MaxSyncBytes is how much a database may hold when decompressed.
	MaxSyncBytes = 4 << 30
	// MaxSyncDesc is how long one desc may be, which limits memory.
	MaxSyncDesc = 64 << 20
	// MaxSyncHeld is how much text of packages is held at once, where their files
	// do not stand together.
	MaxSyncHeld = 1 << 30
	// MaxSyncPackages is how many packages a database may have.
	MaxSyncPackages = 4_000_000
	// MaxSyncWarnings is how many warnings are kept in words.
	MaxSyncWarnings = 100
)

// ErrNotDatabase means that the content is no tar archive in a known compression.
var ErrNotDatabase = errors.New("not a package database")

// SyncFile says what was read.
type SyncFile struct {
	sourcefile.File
	// Packages is how many were handed out, and LeftOut how many entries were not,
	// or not with all that they say; FirstLeftOut says why the first was not.
	Packages, LeftOut int
	FirstLeftOut      string
	// DescBytes is the size of their desc files together.
	DescBytes int64
	// Warnings say what is wrong with single entries, at most
	// MaxSyncWarnings; MoreWarnings counts the rest.
	Warnings     []string
	MoreWarnings int
}

// ReadSync reads the sync database at path and calls each for every package, in the
// order in which the archive first names them, with repo as its repository. The
// package and its slices are valid during the call only; its strings may be kept.
//
// Name and version are those of the archive's directory, as for pacman,
// whatever the desc says. As for libalpm, what a directory of the same name says
// later, be it of another version, is added to the first. What is wrong with a
// single entry is a warning and costs at most that entry.
//
// The files of a package stand together in nearly every database, which is read
// as a stream. Where they turn out not to, again is called, after which each is
// called for all packages from the first on. If again is nil, all packages are held
// until the end.
//
// An error means that the database as a whole is not to be believed, though
// each may have been called: one of package sourcefile or ErrNotDatabase. An
// error of each or of ctx is returned as it is.
func ReadSync(ctx context.Context, path, repo string, each func(*wire.Package) error, again func()) (SyncFile, error) {
	out, err := readSync(ctx, path, repo, each, again == nil)
	if errors.Is(err, errScattered) {
		again()
		out, err = readSync(ctx, path, repo, each, true)
	}
	return out, err
}

// errScattered means that the files of a package do not stand together.
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

// limits are the bounds above, smaller in tests.
type limits struct {
	bytes, held    int64
	desc, packages int
}

var syncLimits = limits{bytes: MaxSyncBytes, held: MaxSyncHeld, desc: MaxSyncDesc, packages: MaxSyncPackages}

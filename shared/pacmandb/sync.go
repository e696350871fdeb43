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
	// MaxSyncDesc is how long one desc may be.
	MaxSyncDesc = 4 << 20
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
	// Packages is how many were handed out.
	Packages int
	// DescBytes is the size of their desc files together.
	DescBytes int64
	// Warnings say what is wrong with single entries, at most
	// MaxSyncWarnings; MoreWarnings counts the rest.
	Warnings     []string
	MoreWarnings int
}

// ReadSync reads the sync database at path and calls each for every package,
// in the order of the archive, with repo as its repository. The package and
// its slices are valid during the call only; its strings may be kept.
//
// Name and version are those of the archive's directory, as for pacman,
// whatever the desc says. What is wrong with a single entry is a warning and
// costs at most that entry. A package that stands twice counts the first time.
//
// An error means that the database as a whole is not to be believed, though
// each may have been called: one of package sourcefile or ErrNotDatabase. An
// error of each or of ctx is returned as it is.
func ReadSync(ctx context.Context, path, repo string, each func(*wire.Package) error) (SyncFile, error) {
	var out SyncFile
	file, err := sourcefile.Read(ctx, path, func(in io.Reader) error {
		r := syncReader{repo: repo, out: &out, each: each, limits: syncLimits}
		return r.read(ctx, in)
	})
	out.File = file
	return out, err
}

// limits are the bounds above, smaller in tests.
type limits struct {
	bytes          int64
	desc, packages int
}

var syncLimits = limits{bytes: MaxSyncBytes, desc: MaxSyncDesc, packages: MaxSyncPackages}

package sources

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// databaseFile is a database file of pacman's that is compared with its index, of whichever kind.
type databaseFile struct {
	path       string
	staleAfter time.Duration
	downloads  downloadCommands
	index      *indexContent // nil if there is no index
}

// downloadCommands are the commands that download a database that does not exist, and that replace a damaged one.
type downloadCommands struct{ first, again string }

var (
	packageDownloads  = downloadCommands{"pacman -Syu", "pacman -Syyu"}
	fileListDownloads = downloadCommands{"pacman -Fy", "pacman -Fyy"}
)

// indexContent describes from which content of a database an index was built.
type indexContent struct {
	size, asOf int64
	sha256     string
	builtFrom  IndexOrigins
	path       string // the path of the index
	userChosen bool
}

// examination is the part of a result that is equal for all kinds of indexes.
type examination struct {
	// Stamp is the stamp (size, times and inode) of the database file; zero if the file does not exist.
	Stamp sourcefile.Stamp
	// NeedsBuild is true if the database exists, but there is no index of its present content. The caller must then build
	// an index and call SetBuilt, SetFailed or MarkIndexBuilding.
	NeedsBuild bool
	// indexedDBTimes holds the modification time and the status change time that the database had when its index was built.
	indexedDBTimes struct{ asOf, changed int64 }
}

// examine compares the database with its index, and sets the state of the source s. It returns whether the source uses the index.
func (d *databaseFile) examine(ctx context.Context, s *wire.Source) (e examination, usesIndex bool) {
	x := d.index
	if x != nil {
		e.indexedDBTimes.asOf = x.asOf
		if origin := x.builtFrom.find(d.path); origin != nil {
			e.indexedDBTimes.changed = origin.Stamp.CtimeSeconds()
		}
	}
	// isOwn means that the index was built from this database file, which may have changed since then, or that the user chose the
	// index. Another index is used only if it has the content of the database.
	isOwn := x != nil && (x.userChosen || x.builtFrom.find(d.path) != nil)
	fi, err := os.Stat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !isSymlink(d.path):
		s.State, s.Why = wire.SourceMissing, "no database: download it with "+d.downloads.first
		if isOwn {
			s.State, s.Why, s.Outdated = wire.SourceStale, "no database: the last index is used", !x.userChosen
			s.AsOf, s.ChangedAt = e.indexedDBTimes.asOf, e.indexedDBTimes.changed
		}
		return e, isOwn
	case err == nil && !fi.Mode().IsRegular():
		err = &fs.PathError{Op: "read", Path: d.path, Err: sourcefile.ErrNotRegular}
	}
	if err != nil {
		e.setFailed(s, isOwn, d.downloads.withRemedy(err))
		return e, isOwn
	}
	e.Stamp = sourcefile.StampOf(fi)
	s.AsOf, s.ChangedAt = e.Stamp.MtimeSeconds(), e.Stamp.CtimeSeconds()
	if age := clock.Since(time.Unix(s.ChangedAt, 0)); age > d.staleAfter {
		s.State, s.Why = wire.SourceStale, "not synchronized for "+formatAge(age)
	}
	if x == nil {
		e.NeedsBuild = true
		return e, false
	}
	current, err := x.isCurrent(ctx, d.path, e.Stamp)
	switch {
	case err != nil:
		e.setFailed(s, isOwn, d.downloads.withRemedy(err))
		return e, isOwn
	case current:
		return e, true
	case x.userChosen:
		s.State, s.Why, s.Outdated = wire.SourceStale, "the database is newer than the index "+x.path, true
	case isOwn:
		e.NeedsBuild, s.Outdated = true, true
	default:
		e.NeedsBuild = true
	}
	return e, isOwn
}

// isCurrent reports whether the file at path still has the content from which the index was built. It compares the stamp of the
// file with the stamp in the origin. If these differ, it compares the digest of the file with the digest in the index.
func (x *indexContent) isCurrent(ctx context.Context, path string, now sourcefile.Stamp) (bool, error) {
	if now.Size != x.size {
		return false, nil
	}
	if then := x.builtFrom.find(path); then != nil && then.Stamp == now {
		return then.SHA256 == x.sha256, nil
	}
	digest, err := sourcefile.DigestOfPath(ctx, path)
	return digest == x.sha256, err
}

// setFailed sets the state of a source whose database could not be read.
func (e *examination) setFailed(s *wire.Source, hasIndex bool, err error) {
	e.NeedsBuild = false
	s.State, s.Why = wire.SourceFailed, err.Error()
	if hasIndex {
		s.State, s.Outdated = wire.SourceStale, true
		s.AsOf, s.ChangedAt = e.indexedDBTimes.asOf, e.indexedDBTimes.changed
	}
}

// markIndexBuilding sets the state of a source while its database is being indexed.
func (e *examination) markIndexBuilding(s *wire.Source, hasIndex bool) {
	e.NeedsBuild = false
	if hasIndex {
		s.State, s.Why = wire.SourceStale, "the database has changed and is being indexed"
		s.AsOf, s.ChangedAt = e.indexedDBTimes.asOf, e.indexedDBTimes.changed
		return
	}
	s.State, s.Why = wire.SourceFailed, "the database is being indexed"
}

// isSymlink reports whether a path is a symbolic link. If the path cannot be opened because a file does not exist, isSymlink tells
// a broken link from a missing path.
func isSymlink(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.Mode()&fs.ModeSymlink != 0
}

// withRemedy appends to a database error what the user can do to fix the problem, if that is known.
func (c *downloadCommands) withRemedy(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: run chmod a+r on it", err)
	}
	if IsDamaged(err) {
		return fmt.Errorf("%w: download it again with %s", err, c.again)
	}
	return err
}

// formatAge formats a duration in hours or days.
func formatAge(d time.Duration) string {
	if d < 2*day {
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/day)
}

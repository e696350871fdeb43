package pacmandb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// maxRereads limits how often a database is read again because it changed during the reading.
const maxRereads = 3

// ReadLocal reads all installed packages from the directory local/ in dbpath. Problems of single entries become
// warnings. The errors are ErrNoLocal, ErrLocalVersion, ErrChanging, sourcefile.ErrOversize, and errors of ctx and of
// the system.
func ReadLocal(ctx context.Context, dbpath string) (*Local, error) {
	return Reread(ctx, dbpath, nil)
}

// Reread reads like ReadLocal, but reuses packages of prev whose desc is unchanged and reads only the other packages.
// prev may be nil.
func Reread(ctx context.Context, dbpath string, prev *Local) (*Local, error) {
	pause := 5 * time.Millisecond
	for again := 0; ; again++ {
		l, steady, err := readLocal(ctx, dbpath, prev)
		if err != nil {
			return nil, err
		}
		if steady {
			return l, nil
		}
		if again == maxRereads {
			return nil, fmt.Errorf("%w: it changed during each of %d attempts to read %s", ErrChanging, again+1, dbpath)
		}
		prev = l // reuse the packages whose desc was read completely and has not changed
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause *= 2
	}
}

// dirStamps shows whether another process changed the database between two calls. It holds the stamps of the lock file
// and of the two directories, whose times change when the lock file or a package is added or removed.
type dirStamps struct{ lockFile, db, local sourcefile.Stamp }

func (d *localDir) stamps() (dirStamps, error) {
	var w dirStamps
	var err error
	if w.lockFile, err = statAt(d.dbFD, "db.lck"); err != nil && !isMissing(err) {
		return w, err
	}
	if w.db, err = statAt(d.dbFD, "."); err != nil {
		return w, err
	}
	w.local, err = statAt(d.localFD, ".")
	return w, err
}

// readResult is an entry of local/ and the result of reading it.
type readResult struct {
	localEntry
	name, version string
	order         int // the entry's position in the directory

	pkg     *Installed
	stamp   sourcefile.Stamp
	problem EntryProblem
	torn    bool
	err     error // the system's error if reading failed for lack of file descriptors or memory
}

// readLocal reads the database once. steady reports whether the database stayed unchanged during the reading.
func readLocal(ctx context.Context, dbpath string, prev *Local) (l *Local, steady bool, err error) {
	d, err := openLocalDir(dbpath)
	if err != nil {
		return nil, false, err
	}
	defer d.close()
	l = &Local{readTime: time.Now()}
	before, err := d.stamps()
	if err != nil {
		return nil, false, err
	}
	entries, err := d.list(nil)
	if err != nil {
		return nil, false, err
	}
	pkgs, others := classifyEntries(entries)
	if err := d.readAll(ctx, pkgs, prev); err != nil {
		return nil, false, err
	}

	again, err := d.list(make([]localEntry, 0, len(entries)))
	if err != nil {
		return nil, false, err
	}
	after, err := d.stamps()
	if err != nil {
		return nil, false, err
	}
	steady = before == after && slices.Equal(entries, again)
	if before.lockFile != (sourcefile.Stamp{}) {
		l.LockedAt = time.Unix(0, before.lockFile.MtimeNS)
	}
	l.Packages = make([]*Installed, len(pkgs))
	l.descStamps = make([]sourcefile.Stamp, len(pkgs))
	for i := range pkgs {
		f := &pkgs[i]
		if f.problem == ProblemMissingDesc { // pacman may be creating the desc at this moment
			if _, err := statAt(d.localFD, f.localEntry.name+"/desc"); err == nil {
				f.torn = true
			}
		}
		if f.err != nil {
			return nil, false, &fs.PathError{Op: "read", Path: filepath.Join(d.path, f.localEntry.name, "desc"), Err: f.err}
		}
		steady = steady && !f.torn
		l.Packages[i], l.descStamps[i] = f.pkg, f.stamp
		l.Stamp.add(f.localEntry, f.stamp, l.readTime)
	}
	for i := range others {
		f := &others[i]
		if f.isDir {
			f.stamp, _ = statAt(d.localFD, f.localEntry.name+"/desc") // the zero Stamp if there is no desc
		}
		l.Stamp.add(f.localEntry, f.stamp, l.readTime)
	}
	l.warn(pkgs, others)
	return l, steady, nil
}

// classifyEntries separates the entries into packages, in order of name, and other entries, which have a problem. If a
// package has several entries, the first entry in the directory counts, as in pacman.
func classifyEntries(entries []localEntry) (pkgs, others []readResult) {
	pkgs = make([]readResult, 0, len(entries))
	for i, e := range entries {
		f := readResult{localEntry: e, order: i}
		var ok bool
		f.name, f.version, ok = splitEntry(e.name)
		switch {
		case !e.isDir:
			f.problem = ProblemNotDirectory
			others = append(others, f)
		case !ok:
			f.problem = ProblemMalformedName
			others = append(others, f)
		default:
			pkgs = append(pkgs, f)
		}
	}
	slices.SortFunc(pkgs, func(a, b readResult) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return a.order - b.order
	})
	kept := pkgs[:0]
	for _, f := range pkgs {
		if len(kept) > 0 && kept[len(kept)-1].name == f.name {
			f.problem = ProblemDuplicate
			others = append(others, f)
			continue
		}
		kept = append(kept, f)
	}
	return kept, others
}

// splitEntry splits "name-version-release" into the name and "version-release".
func splitEntry(s string) (name, version string, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return "", "", false
	}
	i = strings.LastIndexByte(s[:i], '-')
	if i <= 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// readAll reads every package of pkgs in several goroutines. Most of the time is spent in system calls. On two
// processors, readAll takes half as long as on one.
func (d *localDir) readAll(ctx context.Context, pkgs []readResult, prev *Local) error {
	const share = 32
	var next, total atomic.Int64
	work := func() {
		r := localReader{dir: d, prev: prev, buf: make([]byte, 16<<10)}
		for ctx.Err() == nil && total.Load() <= maxLocalTotal {
			from := int(next.Add(share)) - share
			if from >= len(pkgs) {
				return
			}
			for i := from; i < min(from+share, len(pkgs)); i++ {
				r.read(&pkgs[i])
				total.Add(int64(len(pkgs[i].pkg.raw)))
			}
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0)-1, 3, len(pkgs)/share) {
		wg.Go(work)
	}
	work()
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if total.Load() > maxLocalTotal {
		return fmt.Errorf("%w: the desc files of %s are more than %d MiB", sourcefile.ErrOversize, d.path, maxLocalTotal>>20)
	}
	return nil
}

// localReader reads packages one after the other.
type localReader struct {
	dir    *localDir
	prev   *Local
	buf    []byte
	parser localParser
}

// read fills in the result f. It always sets f.pkg, if necessary with only a name and a version.
func (r *localReader) read(f *readResult) {
	path := f.localEntry.name + "/desc"
	old, was := r.previousPackage(f)
	if old != nil && old.raw != "" && !was.MayStillChange(r.prev.readTime) {
		if now, err := statAt(r.dir.localFD, path); err == nil && now == was {
			f.pkg, f.stamp, f.problem = old, was, old.problem
			return
		}
	}
	data, stamp, err := readRegular(r.dir.localFD, path, r.buf, maxLocalDesc)
	if cap(data) > cap(r.buf) {
		r.buf = data
	}
	f.stamp = stamp
	switch {
	case err != nil:
		f.stamp, _ = statAt(r.dir.localFD, path) // the zero Stamp if there is no desc
		f.problem, f.torn = problemFromError(err), errors.Is(err, errTorn)
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM) {
			f.err = err
		}
	case len(data) == 0:
		f.problem = ProblemEmpty
	}
	if old != nil && old.raw == string(data) && (len(data) > 0 || old.problem == f.problem) {
		f.pkg, f.problem = old, old.problem
		return
	}
	f.pkg = &Installed{raw: string(data)}
	id := r.parser.parse(f.pkg.raw, f.pkg)
	f.pkg.Name, f.pkg.Version = f.name, f.version
	switch {
	case f.problem != "":
	case id.hasZeroBytes:
		f.problem = ProblemZeros
	case id.name != "" && id.name != f.name || id.version != "" && id.version != f.version:
		f.problem = ProblemMismatch
	case !id.complete:
		f.problem = ProblemTruncated
	}
	f.pkg.problem = f.problem
}

// previousPackage returns the package that had the name and version of f at the previous reading, and the stamp that this
// package's desc had then.
func (r *localReader) previousPackage(f *readResult) (*Installed, sourcefile.Stamp) {
	if r.prev == nil {
		return nil, sourcefile.Stamp{}
	}
	i := r.prev.indexOf(f.name)
	if i < 0 || r.prev.Packages[i].Version != f.version {
		return nil, sourcefile.Stamp{}
	}
	return r.prev.Packages[i], r.prev.descStamps[i]
}

func problemFromError(err error) EntryProblem {
	switch {
	case isMissing(err):
		return ProblemMissingDesc
	case errors.Is(err, sourcefile.ErrNotRegular):
		return ProblemNotRegular
	case errors.Is(err, errLarge):
		return ProblemLarge
	default:
		return ProblemUnreadable
	}
}

// warn stores the problems of all entries as warnings, in order of entry.
func (l *Local) warn(pkgs, others []readResult) {
	var all []Warning
	for _, list := range [][]readResult{pkgs, others} {
		for i := range list {
			problem := list[i].problem
			if problem == "" && !wire.IsPossibleName(list[i].name) {
				problem = ProblemImpossibleName // only a warning, because the desc was read completely
			}
			if problem != "" {
				all = append(all, Warning{list[i].localEntry.name, problem})
			}
		}
	}
	slices.SortFunc(all, func(a, b Warning) int { return strings.Compare(a.Entry, b.Entry) })
	if len(all) > maxLocalWarnings {
		l.MoreWarnings = len(all) - maxLocalWarnings
		all = slices.Clip(all[:maxLocalWarnings])
	}
	l.Warnings = all
}

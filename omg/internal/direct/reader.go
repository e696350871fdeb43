package direct

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
	"time"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// snapshotReader reads the inputs of one snapshot.
type snapshotReader struct {
	*Backend
	config            config.Config
	hasNamedIndexes   bool             // the user named indexes; omg's own indexes are not used
	userNamedIndexes  []*sources.Index // the usable indexes among the indexes that the user named
	userNamedIndexErr error            // the errors of unusable indexes that the user named
	openedIndexes     []*pkgindex.File
	openedFiles       []*filesindex.File
	// pacmanOnly means that only pacman's own databases are read, and that no note says how they are read.
	pacmanOnly bool
	// readsNews means that the snapshot has Arch's news, and the advisories if they are pulled. readsFiles means that it has the lists of files that have an index.
	readsNews, readsFiles bool
}

func (r *snapshotReader) close() {
	for _, f := range r.openedIndexes {
		_ = f.Close()
	}
	for _, f := range r.openedFiles {
		_ = f.Close()
	}
}

// read reads all sources.
func (r *snapshotReader) read(ctx context.Context) (*snapshot.Inputs, error) {
	pacman, err := r.pacmanConfig(&r.config)
	if err != nil {
		return nil, err
	}
	return r.readWith(ctx, pacman, func() *localDatabase { return readLocal(ctx, pacman, nil) })
}

// readWith reads all sources. It calls the function that returns the local database concurrently with reading the other sources.
func (r *snapshotReader) readWith(ctx context.Context, pacman *sources.PacmanSetup, readLocal func() *localDatabase) (*snapshot.Inputs, error) {
	var local *localDatabase
	var reading sync.WaitGroup
	reading.Go(func() { local = readLocal() })
	defer reading.Wait()
	r.openNamedIndexes()
	if r.userNamedIndexErr != nil && len(pacman.Config.Repos) == 0 {
		return nil, r.userNamedIndexErr // the repositories are unknown: pacman.conf lists none, and the index cannot be read
	}
	for _, x := range r.userNamedIndexes {
		pacman.AddFromIndex(x.Repositories())
	}
	fromPublisher := r.pulled()
	if fromPublisher != nil {
		pacman.AddFromIndex(fromPublisher.Repositories())
	}
	in := &snapshot.Inputs{CheckedAt: clock.Now(), DBPath: pacman.DBPath, PacmanConfig: pacman.Config, SearchDownloaded: r.config.Sync.UseForSearch}
	if lock := sources.ExaminePacmanLock(pacman.DBPath); lock.Problem != nil {
		in.Problems = append(in.Problems, *lock.Problem)
	}
	in.Repositories = r.repositorySources(ctx, pacman)
	if r.pacmanOnly {
		in.SearchDownloaded = false
	} else {
		in.AUR = r.aurSource(fromPublisher)
	}
	// The downloaded databases belong to the default database directory, not to one that the user named.
	if r.config.Sync.Enabled && r.o.DBPath == "" && !r.pacmanOnly {
		in.DownloadedRepositories = r.downloadedDatabases().ReplacePacmanSources(in.Repositories, pacman.Repositories, r.openCheckedIndex)
	}
	if fromPublisher != nil {
		in.Pulled = fromPublisher.Status()
		in.UsePulled(fromPublisher.ReplacePacmanSources(in.NewestRepositories(), pacman, r.openCheckedIndex))
	}
	if r.readsNews {
		in.News, in.UpgradedAt, in.Tracker = r.news(&r.config), pacman.LastUpgrade(ctx), r.pulledAdvisories(&r.config)
	}
	if r.readsFiles {
		in.Files = r.fileLists(ctx, pacman, true)
	}
	reading.Wait()
	in.Local.Packages = local.local
	var problem *wire.Problem
	in.Local.UnreadablePackages, problem = sources.DescribeUnreadablePackages(local.local)
	if problem != nil {
		in.Problems = append(in.Problems, *problem)
	}
	if local.err != nil {
		in.Local.FailureReason = local.err.Error()
		// A system without a local database is not an error, and gets no note.
		if !errors.Is(local.err, pacmandb.ErrNoLocal) {
			r.o.PrintNote("the installed packages are unknown: " + in.Local.FailureReason)
		}
	}
	return in, ctx.Err()
}

// openCheckedIndex opens an index and checks all of it, because a flipped bit could hide a package. The daemon does this check in
// the background.
func (r *snapshotReader) openCheckedIndex(path string) (*pkgindex.File, error) {
	f, err := pkgindex.Open(path, r.env.Trusts)
	if err != nil {
		return nil, err
	}
	if err := f.VerifyChecksums(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.openedIndexes = append(r.openedIndexes, f)
	return f, nil
}

// downloadedDatabases returns the downloaded databases.
func (r *snapshotReader) downloadedDatabases() sources.Downloads {
	return sources.Downloads{
		Dir: filepath.Join(r.env.DataDir(r.o.DataDir), sources.DownloadDir), StaleAfter: r.config.Sync.StaleAfter(r.config.Stale.Repos),
	}
}

// pulled returns what omg-index pull has installed; nil if omgd does not pull, if only pacman's databases or named indexes are wanted, or if the
// user named a database directory.
func (r *snapshotReader) pulled() *sources.Pulled {
	if r.o.DBPath != "" || r.pacmanOnly || len(r.env.ChosenIndexPaths(r.o.IndexPaths)) > 0 {
		return nil
	}
	return r.findPulled(&r.config)
}

// openNamedIndexes opens the indexes named by the user.
func (r *snapshotReader) openNamedIndexes() {
	for _, name := range r.env.ChosenIndexPaths(r.o.IndexPaths) {
		r.hasNamedIndexes = true
		files, err := sources.IndexFiles(name)
		if lists, listsErr := sources.FilesIndexFiles(name); err == nil && listsErr == nil && len(files)+len(lists) == 0 {
			err = fmt.Errorf("no index in %s", name)
		}
		r.userNamedIndexErr = errors.Join(r.userNamedIndexErr, err)
		for _, path := range files {
			f, err := r.openCheckedIndex(path)
			if err != nil {
				r.userNamedIndexErr = errors.Join(r.userNamedIndexErr, err)
				continue
			}
			r.userNamedIndexes = append(r.userNamedIndexes, &sources.Index{File: f, BuiltFrom: sources.ReadOrigins(path, r.env.Trusts), UserChosen: true})
		}
	}
}

// repositorySources returns the sources of all repositories. It reads databases without a matching index concurrently.
func (r *snapshotReader) repositorySources(ctx context.Context, pacman *sources.PacmanSetup) []snapshot.IndexedSource {
	list := make([]snapshot.IndexedSource, len(pacman.Repositories))
	var read, why []string
	var building sync.WaitGroup
	var mu sync.Mutex // protects read
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	shares := sync.OnceValue(r.keptShares)
	for i := range pacman.Repositories {
		repo := &pacman.Repositories[i]
		e, earlier, reason := r.examineRepository(ctx, repo)
		if !e.NeedsBuild {
			list[i] = e.IndexedSource
			continue
		}
		why = append(why, reason)
		building.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			f, err := repo.BuildInMemory(ctx, shares())
			if err != nil {
				earlier.SetFailed(err)
				list[i] = earlier.IndexedSource
				return
			}
			e.SetBuilt(f)
			list[i] = e.IndexedSource
			mu.Lock()
			read = append(read, repo.Name)
			mu.Unlock()
		})
	}
	building.Wait()
	slices.Sort(why)
	why = slices.Compact(why)
	if r.userNamedIndexErr != nil && (len(read) == 0 || !slices.Contains(why, r.userNamedIndexErr.Error())) {
		r.o.PrintNote(r.userNamedIndexErr.Error())
	}
	// omg has already said why omgd, which builds the indexes, does not answer.
	isForDaemon := r.o.UnansweredSocket != "" && slices.Equal(why, []string{noIndexReason})
	if len(read) > 0 && !r.pacmanOnly && !isForDaemon {
		r.o.PrintNote(r.slowReadNote(why))
	}
	return list
}

// keptShares returns the shares of machines that have packages, with which omgd builds its indexes, so that results have the same order. It
// returns nil if there are none, or if only what pacman prints is wanted.
func (r *snapshotReader) keptShares() *popularity.Shares {
	if !r.config.Popularity.Enabled || r.pacmanOnly {
		return nil
	}
	if p := r.findPulled(&r.config); p != nil && p.IsPublished(pulled.KindShares) {
		shares, err := popularity.ReadKept(p.SharesPath(), r.env.Trusts)
		if err != nil {
			return nil
		}
		return shares
	}
	for _, dir := range r.env.DataDirs(r.o.DataDir) {
		if shares, err := popularity.ReadKept(popularity.Path(dir), r.env.Trusts); err == nil {
			return shares
		}
	}
	return nil
}

// noIndexReason is the text that explains why omg reads a database directly: the database has no index.
const noIndexReason = "no index"

// slowReadNote returns the note that databases were read, which takes longer. The parameter why holds the reasons.
func (r *snapshotReader) slowReadNote(why []string) string {
	const read = "omg read the databases themselves (slower)"
	switch {
	case !slices.Equal(why, []string{noIndexReason}):
		return read + ": " + strings.Join(why, "; ")
	case r.o.DBPath != "" || r.o.PacmanConfig != "":
		return "no index, so " + read + ": omg-index build creates one"
	}
	return "no daemon and no index, so " + read + ": omg daemon start speeds this up"
}

// examineRepository returns a repository as a source. The first result contains the index that matches the repository's database, or
// the state of the database if no index matches. If NeedsBuild is true in this result, the caller must read the database;
// why is the reason for this, in words for the user. If reading the database fails, the caller must use the second result
// instead of the first one. The second result contains the last index, if there is one.
func (r *snapshotReader) examineRepository(ctx context.Context, repo *sources.Repository) (e, earlier sources.ExaminedRepository, why string) {
	indexes, why := r.repositoryIndexes(repo)
	e = repo.Examine(ctx, nil)
	for i, x := range indexes {
		next := repo.Examine(ctx, x)
		if !next.NeedsBuild && !next.Outdated {
			return next, next, ""
		}
		if i == 0 || e.Index == nil {
			e = next
		}
	}
	if e.Outdated && e.Stamp != (sourcefile.Stamp{}) && !e.NeedsBuild {
		// The index was built from an earlier version of the database, and the current database can be read.
		if fresh := repo.Examine(ctx, nil); fresh.NeedsBuild {
			return fresh, e, e.Why
		}
	}
	if e.Index != nil && e.NeedsBuild {
		why = e.Index.Path() + ": the database has changed since this index was built"
	}
	return e, e, why
}

// repositoryIndexes returns the indexes that contain a repository. If the user named indexes, it returns only named indexes,
// otherwise only omg's own indexes. The result why is the reason to read the database if none of the indexes matches it.
func (r *snapshotReader) repositoryIndexes(repo *sources.Repository) (list []*sources.Index, why string) {
	if r.hasNamedIndexes {
		for _, x := range r.userNamedIndexes {
			if x.HasRepository(repo.Name) {
				list = append(list, x)
			}
		}
		if r.userNamedIndexErr != nil {
			return list, r.userNamedIndexErr.Error()
		}
		return list, "none of the given indexes contains " + repo.Name
	}
	why = noIndexReason
	for _, dir := range r.env.DataDirs(r.o.DataDir) {
		path := sources.IndexPath(paths.IndexDir(dir), pkgindex.KindRepo, repo.Name)
		f, err := r.openCheckedIndex(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			why = err.Error()
		default:
			list = append(list, &sources.Index{File: f, BuiltFrom: sources.ReadOrigins(path, r.env.Trusts)})
		}
	}
	return list, why
}

// aurSource returns the AUR as a source, or nil if the AUR is disabled and has no index. If an index of the AUR cannot be opened,
// aur tries the index in the next data directory. What was pulled, unless it is nil, replaces omgd's own index.
func (r *snapshotReader) aurSource(fromPublisher *sources.Pulled) *snapshot.IndexedSource {
	staleAfter := time.Duration(r.config.Stale.AUR)
	for _, x := range r.userNamedIndexes {
		if s := sources.NewAURSource(x.File, staleAfter); s != nil {
			return s
		}
	}
	if fromPublisher != nil && r.config.AUR.Enabled {
		s, err := fromPublisher.AUR(r.openCheckedIndex)
		if err != nil {
			r.o.PrintNote("cannot use the pulled index of the AUR: " + err.Error())
		}
		if s != nil {
			return s
		}
	}
	var failed *snapshot.IndexedSource
	if !r.hasNamedIndexes {
		for _, dir := range r.env.DataDirs(r.o.DataDir) {
			f, err := r.openCheckedIndex(sources.IndexPath(paths.IndexDir(dir), pkgindex.KindAUR, wire.SourceAUR))
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				r.o.PrintNote("cannot use the index of the AUR: " + err.Error())
				failed = sources.NewMissingAURSource(wire.SourceFailed, err.Error())
			default:
				return sources.NewAURSource(f, staleAfter)
			}
		}
	}
	switch {
	case failed != nil || !r.config.AUR.Enabled:
		return failed
	case r.userNamedIndexErr != nil: // the unusable index could contain the AUR
		return sources.NewMissingAURSource(wire.SourceFailed, r.userNamedIndexErr.Error())
	}
	return sources.NewMissingAURSource(wire.SourceMissing, "no data yet; omgd downloads it")
}

// readAdvisories reads a file with the tracker's advisories.
func readAdvisories(path string) (*snapshot.TrackerData, error) {
	f, stamp, err := sourcefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	records, skipped, err := advisories.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &snapshot.TrackerData{Records: records, SkippedCount: skipped, RepliedAt: clock.Now().Unix(), AsOf: stamp.MtimeSeconds()}, nil
}

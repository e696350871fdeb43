// Package catalog knows which packages this machine's configuration shows: the
// repositories of pacman.conf in their order, the databases they come from, the
// index files that hold them, and whether an index still says what the
// databases say.
package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// ErrNoDatabases means that there is no repository database to read.
var ErrNoDatabases = errors.New("no package databases")

// Config says where to look.
type Config struct {
	// DBPath is pacman's database directory; empty for pacman.conf's.
	DBPath string
	// PacmanConfig is pacman.conf; empty for the usual one if it is there.
	PacmanConfig string
	// Stale is how long after it was last synchronized a database counts as stale;
	// 0 for a day.
	Stale time.Duration
	// StaleAUR is the age from which on a dump of the AUR counts as stale; 0 for a
	// day.
	StaleAUR time.Duration
}

// day is how long a database is not stale, unless the configuration says more or
// less. Its status change time tells: it is this machine's clock, which a mirror
// cannot set.
const day = 24 * time.Hour

// DefaultPacmanConfig and DefaultDBPath are pacman's own.
const (
	DefaultPacmanConfig = "/etc/pacman.conf"
	DefaultDBPath       = "/var/lib/pacman"
)

// Repos are the configured repositories in their order.
type Repos struct {
	// DBPath is the database directory that they are in.
	DBPath string
	// Config is pacman.conf; nil if there is none.
	Config *pacmandb.Config
	List   []pacmandb.RepoFile
	// Missing are configured, but have no database (yet).
	Missing []string

	// all are the repositories, whether or not they have a database.
	all []pacmandb.RepoFile
	// adopted are those that an index has and that have no database, with the
	// modification time of the one that the index was built from.
	adopted map[string]int64
	// own are the sources of those whose database is omgd's own, and lacks says of
	// the others why it is not, where that is not by choice; see Renew.
	own   map[string]wire.Source
	lacks map[string]string
	stale time.Duration
	log   string // pacman's, empty if it is not about these databases
}

// ReadRepos reads the configuration. With ErrNoDatabases it returns what there
// is: what is installed can be read without them.
func (c Config) ReadRepos() (*Repos, error) {
	path := c.PacmanConfig
	if path == "" {
		path = DefaultPacmanConfig
	}
	conf, err := pacmandb.ReadConfig(path)
	if err != nil {
		if c.PacmanConfig != "" || !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		conf = nil
	}
	r := &Repos{DBPath: c.DBPath, Config: conf, stale: cmp.Or(c.Stale, day)}
	if r.DBPath == "" {
		r.DBPath = cmp.Or(dbPathOf(conf), DefaultDBPath)
	}
	if r.DBPath, err = filepath.Abs(r.DBPath); err != nil {
		return nil, err
	}
	r.log = DefaultLog
	if conf != nil && conf.LogFile != "" {
		r.log = conf.LogFile
	}
	if own := cmp.Or(dbPathOf(conf), DefaultDBPath); filepath.Clean(own) != r.DBPath {
		r.log = "" // the log says nothing of another directory
	}
	r.List, err = pacmandb.SyncRepos(r.DBPath, conf)
	if err != nil {
		return nil, err
	}
	r.all = slices.Clone(r.List)
	// As for pacman, a repository without a database has no packages.
	r.List = slices.DeleteFunc(r.List, func(f pacmandb.RepoFile) bool {
		_, err := os.Stat(f.Path)
		if errors.Is(err, fs.ErrNotExist) {
			r.Missing = append(r.Missing, f.Name)
			return true
		}
		return false
	})
	if why := r.Lacking(); why != "" {
		return r, fmt.Errorf("%w %s", ErrNoDatabases, why)
	}
	return r, nil
}

// Lacking says where no database is and what to do about it; empty if there is
// one.
func (r *Repos) Lacking() string {
	if len(r.List) > 0 {
		return ""
	}
	return fmt.Sprintf("in %s: pacman -Sy downloads them", filepath.Join(r.DBPath, "sync"))
}

func dbPathOf(conf *pacmandb.Config) string {
	if conf == nil {
		return ""
	}
	return conf.DBPath
}

// Adopt has repositories without a database served from index files that were
// built elsewhere: those that are configured, or all that the files have where
// nothing is configured. It reports whether there are any.
func (r *Repos) Adopt(files ...*pkgindex.File) bool {
	r.adopted = make(map[string]int64)
	configured := len(r.all) > 0
	for _, f := range files {
		for _, source := range f.Facts().Sources {
			if source.Kind != pkgindex.KindRepo {
				continue
			}
			if !configured && !slices.ContainsFunc(r.all, func(f pacmandb.RepoFile) bool { return f.Name == source.Name }) {
				r.all = append(r.all, pacmandb.RepoFile{
					Name: source.Name, Path: filepath.Join(r.DBPath, "sync", source.Name+".db"), Usage: pacmandb.UsageAll,
				})
				r.Missing = append(r.Missing, source.Name)
			}
			if slices.Contains(r.Missing, source.Name) {
				r.adopted[source.Name] = source.AsOf
			}
		}
	}
	has := func(name string) bool { _, ok := r.adopted[name]; return ok }
	r.List = slices.DeleteFunc(slices.Clone(r.all), func(f pacmandb.RepoFile) bool {
		return slices.Contains(r.Missing, f.Name) && !has(f.Name)
	})
	r.Missing = slices.DeleteFunc(r.Missing, has)
	return len(r.adopted) > 0
}

// Effective is the configuration with the repositories that are read: without a
// pacman.conf that names any, those that are there.
func (r *Repos) Effective() *pacmandb.Config {
	config := &pacmandb.Config{}
	if r.Config != nil {
		*config = *r.Config
	}
	if len(config.Repos) == 0 {
		for _, f := range r.List {
			config.Repos = append(config.Repos, pacmandb.Repo{Name: f.Name, Usage: f.Usage})
		}
	}
	return config
}

// View is how a set of indexes shows these repositories.
func (r *Repos) View() pkgindex.View {
	var v pkgindex.View
	for _, repo := range r.List {
		v.Repos = append(v.Repos, repo.Name)
		if repo.Usage&pacmandb.UsageSearch == 0 {
			v.NoSearch = append(v.NoSearch, repo.Name)
		}
	}
	return v
}

// Only keeps the named repositories, in the order of the configuration.
func (r *Repos) Only(names []string) error {
	for _, n := range names {
		if slices.Contains(r.Missing, n) {
			return fmt.Errorf("%s has no database: pacman -Sy downloads it", n)
		}
		if !slices.ContainsFunc(r.List, func(f pacmandb.RepoFile) bool { return f.Name == n }) {
			return fmt.Errorf("no repository %q is configured", n)
		}
	}
	r.List = slices.DeleteFunc(r.List, func(f pacmandb.RepoFile) bool { return !slices.Contains(names, f.Name) })
	return nil
}

// Add appends a database that no configuration names.
func (r *Repos) Add(name, path string) error {
	if slices.ContainsFunc(r.List, func(f pacmandb.RepoFile) bool { return f.Name == name }) {
		return fmt.Errorf("two databases are named %q", name)
	}
	r.List = append(r.List, pacmandb.RepoFile{Name: name, Path: path, Usage: pacmandb.UsageAll})
	return nil
}

// Built is an index that is not written yet, and what it was built from.
type Built struct {
	*pkgindex.Builder
	// Files are the databases in the order of the repositories.
	Files []pacmandb.SyncFile
	// Skipped are packages too large for an index, each with why.
	Skipped []string
}

// Stamps remember the databases as they were read.
func (b *Built) Stamps() Stamps { return newStamps(b.Files) }

// Build reads every database, all at the same time. One that cannot be read is
// an error that names it. each, which may be nil, is called for each package,
// from several goroutines.
func (r *Repos) Build(ctx context.Context, program string, built int64, each func()) (*Built, error) {
	b := &Built{Builder: pkgindex.NewBuilder(program, built), Files: make([]pacmandb.SyncFile, len(r.List))}
	skipped := make([][]string, len(r.List))
	group, ctx := errgroup.WithContext(ctx)
	for i, repo := range r.List {
		src := b.Source(repo.Name, pkgindex.KindRepo)
		group.Go(func() error {
			f, err := pacmandb.ReadSync(ctx, repo.Path, repo.Name, func(p *wire.Package) error {
				if each != nil {
					each()
				}
				err := src.Add(p)
				if errors.Is(err, pkgindex.ErrRecord) {
					skipped[i] = append(skipped[i], err.Error())
					err = nil
				}
				return err
			})
			if err != nil {
				return remedied(err)
			}
			b.Files[i] = f
			src.Describe(hex.EncodeToString(f.SHA256[:]), f.Stamp.Size, f.Stamp.MtimeNS/1e9)
			return nil
		})
	}
	err := group.Wait()
	b.Skipped = slices.Concat(skipped...)
	return b, err
}

// remedied adds to what is wrong with a database what to do about it.
func remedied(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: pacman -Sy downloads it", err)
	}
	for _, damage := range []error{
		pacmandb.ErrEmpty, pacmandb.ErrTruncated, pacmandb.ErrNotDatabase, pacmandb.ErrDamaged, pacmandb.ErrOversize,
	} {
		if errors.Is(err, damage) {
			return fmt.Errorf("%w: pacman -Syy downloads it anew", err)
		}
	}
	return err
}

// Memory builds the index in memory: what a client does that has no daemon and
// no index to believe.
func (r *Repos) Memory(ctx context.Context) (*pkgindex.File, error) {
	b, err := r.Build(ctx, "memory", 0, nil)
	if err != nil {
		return nil, err
	}
	data, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return pkgindex.OpenBytes(data)
}

// roughly is a time in words.
func roughly(d time.Duration) string {
	if d < 2*day {
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/day)
}

// Stale says what an index does not have right: a line for each repository
// whose database is not the one that the index was built from. None means that
// the index is current. The stamps, which may be nil, save reading databases
// that have not changed.
func (r *Repos) Stale(f *pkgindex.File, stamps Stamps) (why []string) {
	sources := f.Facts().Sources
	for _, repo := range r.List {
		i := slices.IndexFunc(sources, func(s pkgindex.SourceFacts) bool {
			return s.Kind == pkgindex.KindRepo && s.Name == repo.Name
		})
		if i < 0 {
			why = append(why, repo.Name+" is not in the index")
			continue
		}
		same, err := stamps.same(repo.Path, sources[i].SHA256, sources[i].Size)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			why = append(why, repo.Name+" has no database")
		case err != nil:
			why = append(why, err.Error())
		case !same:
			why = append(why, repo.Name+" has changed")
		}
	}
	return why
}

// Sources describes the databases for an answer; they are not older than what
// the set holds.
func (r *Repos) Sources(stale []string) []wire.Source {
	out := make([]wire.Source, 0, len(r.List))
	synced := r.synced()
	for _, repo := range r.List {
		if own, ok := r.own[repo.Name]; ok {
			out = append(out, own)
			continue
		}
		s := wire.Source{Name: repo.Name, State: wire.SourceOK}
		fi, err := os.Stat(repo.Path)
		if asOf, ok := r.adopted[repo.Name]; ok && err != nil {
			s.State, s.Why, s.AsOf = wire.SourceStale, "no database here: as the index has it", asOf
		} else if err != nil {
			s.State, s.Why = wire.SourceMissing, "no database"
		} else {
			stamp := pacmandb.StampOf(fi)
			s.AsOf, s.Changed = stamp.MtimeNS/1e9, stamp.CtimeNS/1e9
		}
		s.Synced = synced
		if age := time.Since(time.Unix(s.Changed, 0)); s.State == wire.SourceOK && age > cmp.Or(r.stale, day) {
			s.State, s.Why = wire.SourceStale, "not synchronized for "+roughly(age)
		}
		for _, why := range stale {
			if s.State == wire.SourceOK && strings.HasPrefix(why, repo.Name+" ") {
				s.State, s.Why = wire.SourceStale, why
			}
		}
		out = append(out, s)
	}
	for _, name := range r.Missing {
		out = append(out, wire.Source{Name: name, State: wire.SourceMissing, Why: "no database: pacman -Sy downloads it"})
	}
	for i := range out {
		if why := r.lacks[out[i].Name]; why != "" {
			if out[i].Why != "" {
				out[i].Why += "; "
			}
			out[i].Why += "omgd's own: " + why
		}
	}
	return out
}

// digest is the SHA-256 of a file in hexadecimal.
func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

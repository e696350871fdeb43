// Package sources finds the data that answers are made from: the repositories of pacman.conf with their databases, the
// index file of each, whether the index matches the database, and how reliable each source is. It describes each as a
// snapshot.Source.
//
// Each source has one index file and one state. Repository.Examine decides the state from this source alone, so that a
// bad database does not affect the others.
package sources

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// DefaultPacmanConfig, DefaultDBPath and DefaultLog are pacman's defaults.
const (
	DefaultPacmanConfig = "/etc/pacman.conf"
	DefaultDBPath       = "/var/lib/pacman"
	DefaultLog          = "/var/log/pacman.log"
)

// day is the default age from which a source is stale.
const day = 24 * time.Hour

// Config is where to find pacman's files.
type Config struct {
	// DBPath is pacman's database directory; empty to use pacman.conf's.
	DBPath string
	// PacmanConfig is the path of pacman.conf; empty for the default, which need not exist.
	PacmanConfig string
	// StaleAfter is the time since its last synchronization after which a database is stale; 0 for a day.
	StaleAfter time.Duration
}

// Pacman is the part of pacman's configuration that answers depend on.
type Pacman struct {
	// DBPath is the absolute path of the database directory.
	DBPath string
	// Config is pacman.conf, empty if there is none.
	Config *pacmandb.Config
	// Repositories are those of pacman.conf in order or, if it names none, those of the existing databases.
	Repositories []Repository
	// Synced is when pacman last synchronized its databases, by its log, in Unix seconds; 0 if unknown.
	Synced int64

	staleAfter time.Duration
}

// Repository is one of the configured repositories.
type Repository struct {
	Name string
	// Database is the path of its database file, which need not exist.
	Database string
	Usage    pacmandb.Usage

	staleAfter time.Duration
	synced     int64
}

// Read reads pacman's configuration.
func (c Config) Read() (*Pacman, error) {
	conf, err := pacmandb.ReadConfig(cmp.Or(c.PacmanConfig, DefaultPacmanConfig))
	if err != nil {
		if c.PacmanConfig != "" || !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		conf = &pacmandb.Config{}
	}
	configured := cmp.Or(conf.DBPath, DefaultDBPath)
	p := &Pacman{Config: conf, staleAfter: cmp.Or(c.StaleAfter, day)}
	if p.DBPath, err = filepath.Abs(cmp.Or(c.DBPath, configured)); err != nil {
		return nil, err
	}
	if filepath.Clean(configured) == p.DBPath { // the log is not about another directory
		p.Synced = synced(cmp.Or(conf.LogFile, DefaultLog))
	}
	files, err := pacmandb.SyncRepos(p.DBPath, conf)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		p.add(f.Name, f.Path, f.Usage)
	}
	return p, nil
}

func (p *Pacman) add(name, database string, usage pacmandb.Usage) {
	p.Repositories = append(p.Repositories, Repository{
		Name: name, Database: database, Usage: usage, staleAfter: p.staleAfter, synced: p.Synced,
	})
}

// DatabaseFile returns a repository that is not configured, from the path of its database: core.db is the database of
// core.
func DatabaseFile(path string) (*Repository, error) {
	abs, err := filepath.Abs(path)
	name := filepath.Base(path)
	if end := strings.LastIndex(name, ".db"); end > 0 {
		name = name[:end] // accept core.db.tar.gz too
	}
	return &Repository{Name: name, Database: abs, Usage: pacmandb.UsageAll, staleAfter: day}, err
}

// AddFromIndex adds repositories that only an index from another machine names: they are neither configured nor have a
// database. It does nothing if any repository is configured.
func (p *Pacman) AddFromIndex(names []string) {
	if len(p.Config.Repos) > 0 {
		return
	}
	for _, name := range names {
		if !slices.ContainsFunc(p.Repositories, func(r Repository) bool { return r.Name == name }) {
			p.add(name, filepath.Join(p.DBPath, "sync", name+".db"), pacmandb.UsageAll)
		}
	}
}

// Root is the directory that file lists count from, as libalpm resolves it, with a
// slash at its end.
func (p *Pacman) Root() string {
	root := cmp.Or(p.Config.RootDir, "/")
	if real, err := pacmandb.RealPath(root); err == nil {
		root = real
	}
	return strings.TrimRight(root, "/") + "/"
}

// WatchPaths are the directories whose changes can change answers, and the files that
// matter in others: configuration files, and links with what they lead to.
func (p *Pacman) WatchPaths() (dirs, files []string) {
	dirs = []string{p.DBPath, filepath.Join(p.DBPath, "local"), filepath.Join(p.DBPath, "sync")}
	for _, dir := range p.Config.Dirs {
		if dir = filepath.Clean(dir); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	named := slices.Clone(p.Config.Files)
	for _, r := range p.Repositories {
		named = append(named, r.Database)
	}
	for _, path := range named {
		if filepath.Dir(path) != dirs[2] {
			files = append(files, path)
		}
		files = append(files, trail(path)...)
	}
	for _, dir := range slices.Clone(dirs) {
		way := trail(dir)
		if len(way) == 0 {
			continue
		}
		last := len(way) - 1
		files = append(files, way[:last]...)
		if !slices.Contains(dirs, way[last]) {
			dirs = append(dirs, way[last])
		}
	}
	slices.Sort(files)
	return dirs, slices.Compact(files)
}

// trail lists the links by which a path leads elsewhere, the path itself left out,
// and at last where it ends; nil if it has none.
func trail(path string) (list []string) {
	const most = 40 // links, as for the kernel
	at, rest := "/", strings.Split(strings.Trim(path, "/"), "/")
	for links := 0; len(rest) > 0 && links <= most; {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		target, err := os.Readlink(next)
		if err != nil {
			at = next
			continue
		}
		links++
		if next != path {
			list = append(list, next)
		}
		if !filepath.IsAbs(target) {
			target = at + "/" + target
		}
		at = "/"
		rest = append(strings.Split(strings.Trim(target, "/"), "/"), rest...)
	}
	if at == filepath.Clean(path) {
		return nil
	}
	return append(list, at)
}

// LibAlpm returns the repository in the form that libalpm takes.
func (r *Repository) LibAlpm() pacmandb.Repo { return pacmandb.Repo{Name: r.Name, Usage: r.Usage} }

// UnreadablePackages returns which installed packages could not be read, empty if none, and the problem for the status, nil if
// there is none.
func UnreadablePackages(local *pacmandb.Local) (unread string, p *wire.Problem) {
	if local == nil {
		return "", nil
	}
	if first, n := local.Unread(); n > 0 {
		unread = summarize(first, n)
	}
	if len(local.Warnings) > 0 {
		p = &wire.Problem{Name: "local", State: "incomplete", Why: summarize(local.Warnings[0], len(local.Warnings)+local.MoreWarnings)}
	}
	return unread, p
}

// summarize returns the first of n warnings and how many more there are.
func summarize(first pacmandb.Warning, n int) string {
	text := "local/" + first.Entry + " " + string(first.Problem)
	if n > 1 {
		text += fmt.Sprintf(", and %d more", n-1)
	}
	return text
}

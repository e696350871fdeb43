// Package sources finds the data from which results are computed: the repositories of pacman.conf, the database and the
// index file of each repository, and downloaded databases. It decides whether an index matches its database, and how
// reliable each source is, and describes each source as a snapshot.IndexedSource.
//
// Each source has one index file and one state. Repository.Examine decides the state of a repository without looking at
// other repositories, so that a bad database does not affect them.
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

// DefaultPacmanConfig, DefaultDBPath and DefaultPacmanLog are pacman's defaults.
const (
	DefaultPacmanConfig = "/etc/pacman.conf"
	DefaultDBPath       = "/var/lib/pacman"
	DefaultPacmanLog    = "/var/log/pacman.log"
)

// day is the default age from which a source is stale.
const day = 24 * time.Hour

// Config has the paths of pacman's files, and the age from which databases are stale.
type Config struct {
	// DBPath is pacman's database directory; empty for the directory that pacman.conf sets.
	DBPath string
	// PacmanConfig is the path of pacman.conf; empty for the default path. The file at the default path need not exist.
	PacmanConfig string
	// RootDir replaces the root directory of pacman.conf, unless it is empty.
	RootDir string
	// StaleAfter limits the time since the last synchronization of a database. After a longer time, the database is stale. 0
	// means a day.
	StaleAfter time.Duration
}

// PacmanSetup is the part of pacman's configuration on which omg's results depend.
type PacmanSetup struct {
	// DBPath is the absolute path of the database directory.
	DBPath string
	// Config is the content of pacman.conf; an empty Config if the file does not exist.
	Config *pacmandb.Config
	// Repositories lists the repositories of pacman.conf in order. If pacman.conf has none, it lists those whose databases
	// exist.
	Repositories []Repository
	// SyncedAt is when pacman last synchronized its databases according to its log, in Unix seconds; 0 if unknown.
	SyncedAt int64

	logFile    string // pacman's log; empty if it says nothing about these databases
	staleAfter time.Duration
}

// Repository is one of the configured repositories.
type Repository struct {
	Name string
	// DatabasePath is the path of the repository's database file, which need not exist.
	DatabasePath string
	Usage        pacmandb.Usage
	// Servers are the servers in pacman.conf, with their variables replaced; nil if pacman.conf has no repositories.
	Servers []string

	filesPath  string // the path of the database with file lists, if it is not beside the database
	staleAfter time.Duration
	syncedAt   int64
}

// ReadPacmanSetup reads pacman's configuration.
func (c Config) ReadPacmanSetup() (*PacmanSetup, error) {
	conf, err := pacmandb.ReadConfigWithRoot(cmp.Or(c.PacmanConfig, DefaultPacmanConfig), c.RootDir)
	if err != nil {
		if c.PacmanConfig != "" || !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		conf = &pacmandb.Config{}
	}
	configured := cmp.Or(conf.DBPath, DefaultDBPath)
	p := &PacmanSetup{Config: conf, staleAfter: cmp.Or(c.StaleAfter, day)}
	if p.DBPath, err = filepath.Abs(cmp.Or(c.DBPath, configured)); err != nil {
		return nil, err
	}
	if filepath.Clean(configured) == p.DBPath { // pacman's log says nothing about databases in another directory
		p.logFile = cmp.Or(conf.LogFile, DefaultPacmanLog)
		p.SyncedAt = cachedLastSync(p.logFile)
	}
	files, err := pacmandb.ListRepoFiles(p.DBPath, conf)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		p.addRepository(f.Name, f.Path, f.Usage)
	}
	for i := range conf.Repos { // then the list has these
		p.Repositories[i].Servers = append([]string{}, conf.Repos[i].Servers...)
	}
	return p, nil
}

func (p *PacmanSetup) addRepository(name, database string, usage pacmandb.Usage) {
	p.Repositories = append(p.Repositories, Repository{
		Name: name, DatabasePath: database, Usage: usage, staleAfter: p.staleAfter, syncedAt: p.SyncedAt,
	})
}

// databaseSuffix and filesDatabaseSuffix are the suffixes of pacman's databases.
const (
	databaseSuffix      = ".db"
	filesDatabaseSuffix = ".files"
)

// FilesDatabasePath returns the path of the repository's database with file lists, which pacman -Fy downloads. The file need not
// exist.
func (r *Repository) FilesDatabasePath() string {
	return cmp.Or(r.filesPath, strings.TrimSuffix(r.DatabasePath, databaseSuffix)+filesDatabaseSuffix)
}

// RepositoryFromFile returns a Repository for a database file. pacman.conf need not contain the repository. The repository has the
// name of the file without .db.
func RepositoryFromFile(path string) (*Repository, error) {
	abs, err := filepath.Abs(path)
	return &Repository{Name: nameOfDatabase(path, databaseSuffix), DatabasePath: abs, Usage: pacmandb.UsageAll, staleAfter: day}, err
}

// RepositoryFromFilesDatabase returns a Repository for a database with file lists. pacman.conf need not contain the repository. The
// repository has the name of the file without .files.
func RepositoryFromFilesDatabase(path string) (*Repository, error) {
	abs, err := filepath.Abs(path)
	name := nameOfDatabase(path, filesDatabaseSuffix)
	database := filepath.Join(filepath.Dir(abs), name+databaseSuffix)
	return &Repository{Name: name, DatabasePath: database, filesPath: abs, Usage: pacmandb.UsageAll, staleAfter: day}, err
}

// nameOfDatabase returns the name of a database file without its suffix.
func nameOfDatabase(path, suffix string) string {
	name := filepath.Base(path)
	if end := strings.LastIndex(name, suffix); end > 0 {
		name = name[:end] // accept core.db.tar.gz too
	}
	return name
}

// AddFromIndex adds the repositories of an index that was built on another machine, unless they are listed already. The
// added repositories have no database on this machine. If pacman.conf has repositories, AddFromIndex does nothing.
func (p *PacmanSetup) AddFromIndex(names []string) {
	if len(p.Config.Repos) > 0 {
		return
	}
	for _, name := range names {
		if !slices.ContainsFunc(p.Repositories, func(r Repository) bool { return r.Name == name }) {
			p.addRepository(name, filepath.Join(p.DBPath, "sync", name+".db"), pacmandb.UsageAll)
		}
	}
}

// Root returns the directory to which the paths in file lists are relative, with a slash at its end. Links are resolved as
// libalpm resolves them.
func (p *PacmanSetup) Root() string {
	root := cmp.Or(p.Config.RootDir, "/")
	if real, err := pacmandb.RealPath(root); err == nil {
		root = real
	}
	return strings.TrimRight(root, "/") + "/"
}

// WatchPaths returns the paths that must be watched, because a change at one of them can change results. The slice dirs
// lists directories in which every file matters. The slice files lists single files: the configuration files, the databases
// outside the usual directory, and the symbolic links in the paths of all these files and directories with their targets.
func (p *PacmanSetup) WatchPaths() (dirs, files []string) {
	dirs = []string{p.DBPath, filepath.Join(p.DBPath, "local"), filepath.Join(p.DBPath, "sync")}
	for _, dir := range p.Config.IncludeDirs {
		if dir = filepath.Clean(dir); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	named := slices.Clone(p.Config.ConfigFiles)
	for _, r := range p.Repositories {
		named = append(named, r.DatabasePath, r.FilesDatabasePath())
	}
	for _, path := range named {
		if filepath.Dir(path) != dirs[2] {
			files = append(files, path)
		}
		files = append(files, resolveLinks(path)...)
	}
	for _, dir := range slices.Clone(dirs) {
		way := resolveLinks(dir)
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

// resolveLinks resolves the symbolic links in a path. It returns the paths of the links in the order in which it followed them,
// and after them the resolved path. The parameter path itself is never in the list. resolveLinks returns nil if the path contains
// no links.
func resolveLinks(path string) (list []string) {
	const maxLinks = 40 // the number of links that the kernel follows
	at, rest := "/", strings.Split(strings.Trim(path, "/"), "/")
	for links := 0; len(rest) > 0 && links <= maxLinks; {
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

// LibAlpmRepo converts the repository into the type that is passed to libalpm.
func (r *Repository) LibAlpmRepo() pacmandb.Repo { return pacmandb.Repo{Name: r.Name, Usage: r.Usage} }

// DescribeUnreadablePackages returns a text that lists the installed packages that could not be read, which is empty if all could
// be read. It also returns a problem for the status that describes all warnings, or nil if there were no warnings.
func DescribeUnreadablePackages(local *pacmandb.Local) (unread string, p *wire.Problem) {
	if local == nil {
		return "", nil
	}
	if first, n := local.Unread(); n > 0 {
		unread = summarizeWarnings(first, n)
	}
	if len(local.Warnings) > 0 {
		p = &wire.Problem{Name: "local", State: "incomplete", Why: summarizeWarnings(local.Warnings[0], len(local.Warnings)+local.MoreWarnings)}
	}
	return unread, p
}

// summarizeWarnings returns a text with the first of n warnings and the number of further warnings.
func summarizeWarnings(first pacmandb.Warning, n int) string {
	text := "local/" + first.Entry + " " + string(first.Problem)
	if n > 1 {
		text += fmt.Sprintf(", and %d more", n-1)
	}
	return text
}

package direct

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// doctor collects the results of checks.
type doctor struct {
	*Backend
	checks []backend.Check
}

func (d *doctor) addOK(name, found string) { d.add(name, backend.CheckStateOK, found, "") }

func (d *doctor) addProblem(name, found, todo string) {
	d.add(name, backend.CheckStateProblem, found, todo)
}

func (d *doctor) add(name, state, found, todo string) {
	d.checks = append(d.checks, backend.Check{Name: name, State: state, Found: found, Todo: todo})
}

// Doctor implements backend.Backend.
func (b *Backend) Doctor(ctx context.Context) (*backend.Checks, error) {
	d := &doctor{Backend: b}
	c := b.settings()
	pacman, err := b.pacmanConfig(&c)
	if err != nil {
		d.addProblem("databases", err.Error(), "correct this file")
	} else {
		d.checkDatabases(ctx, pacman)
		d.checkLocalDatabase(ctx, pacman.DBPath)
		d.checkIndexes(ctx, pacman)
		d.checkDownloads(ctx, &c, pacman)
		d.checkPacmanLock(pacman.DBPath)
	}
	d.checkDataDir()
	d.checkSocket()
	d.checkDaemon(ctx)
	d.checkUnits()
	d.checkStatusFile()
	return &backend.Checks{Checks: d.checks}, nil
}

const badDatabaseHint = "until this is fixed, omg uses the repository's last index, or finds none of its packages if no index exists"

func (d *doctor) checkDatabases(ctx context.Context, pacman *sources.PacmanSetup) {
	if len(pacman.Repositories) == 0 {
		d.addProblem("databases", "no package databases in "+pacman.DBPath+"/sync", "upgrade the system: sudo pacman -Syu")
		return
	}
	future := false
	for i := range pacman.Repositories {
		repo := &pacman.Repositories[i]
		s := repo.Examine(ctx, nil).IndexedSource
		switch {
		case s.State == wire.SourceMissing:
			d.addProblem("databases", s.Name+": "+s.Why, "upgrade the system with sudo pacman -Syu, or remove the repository from pacman.conf")
		case s.State == wire.SourceFailed:
			d.addProblem("databases", s.Name+": "+s.Why, badDatabaseHint)
		case s.State == wire.SourceStale:
			d.addProblem("databases", s.Name+": "+s.Why, "upgrade the system: sudo pacman -Syu; or: "+show.DownloadHint)
		default:
			if _, err := repo.BuildInMemory(ctx); err != nil {
				d.addProblem("databases", s.Name+": "+err.Error(), badDatabaseHint)
				continue
			}
			d.addOK("databases", s.Name+", "+show.DataAge(s.AsOf, time.Now()))
		}
		future = future || time.Until(time.Unix(s.ChangedAt, 0)) > time.Minute || time.Until(time.Unix(s.AsOf, 0)) > 24*time.Hour
	}
	if future {
		d.addProblem("clock", "a database has a timestamp in the future", "set the clock: timedatectl set-ntp true")
	} else {
		d.addOK("clock", "no database has a timestamp in the future")
	}
}

// checkLocalDatabase checks the local database.
func (d *doctor) checkLocalDatabase(ctx context.Context, dbpath string) {
	const name = "local database"
	local, err := pacmandb.ReadLocal(ctx, dbpath)
	_, incomplete := sources.DescribeUnreadablePackages(local)
	switch {
	case errors.Is(err, pacmandb.ErrNoLocal):
		d.add(name, backend.CheckStateUnknown, err.Error(), "pacman creates the local database when it installs the first package")
	case err != nil:
		d.addProblem(name, err.Error(), "until this is fixed, the installed packages are unknown")
	case incomplete != nil:
		d.addProblem(name, incomplete.Why, "reinstall this package")
	default:
		d.addOK(name, fmt.Sprintf("%d packages installed", len(local.Packages)))
	}
}

// checkIndexes checks the index files that the user named, or otherwise omg's own.
func (d *doctor) checkIndexes(ctx context.Context, pacman *sources.PacmanSetup) {
	if named := d.env.ChosenIndexPaths(d.o.IndexPaths); named != nil {
		for _, path := range named {
			files, err := sources.IndexFiles(path)
			if err == nil && len(files) == 0 {
				err = fmt.Errorf("no index in %s", path)
			}
			if err != nil {
				d.addProblem("index", err.Error(), "name another index")
			}
			for _, file := range files {
				d.checkIndex(ctx, file, pacman, true)
			}
		}
		return
	}
	found := 0
	for i := range pacman.Repositories {
		if path := d.firstIndexPath(pkgindex.KindRepo, pacman.Repositories[i].Name); path != "" {
			found++
			d.checkIndex(ctx, path, pacman, false)
		}
	}
	if path := d.firstIndexPath(pkgindex.KindAUR, wire.SourceAUR); path != "" {
		d.checkIndex(ctx, path, pacman, false)
	}
	if found == 0 {
		d.addProblem("index", "no index in "+paths.IndexDir(d.env.DataDir(d.o.DataDir)), "searches take longer without an index: start omgd, or run omg-index build")
	}
}

// firstIndexPath returns the path of a source's index in the first data directory that has one, or "".
func (d *doctor) firstIndexPath(kind pkgindex.SourceKind, name string) string {
	for _, data := range d.env.DataDirs(d.o.DataDir) {
		path := sources.IndexPath(paths.IndexDir(data), kind, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return path
		}
	}
	return ""
}

// checkIndex checks that an index file is not damaged, and that it matches the databases.
func (d *doctor) checkIndex(ctx context.Context, path string, pacman *sources.PacmanSetup, static bool) {
	f, err := pkgindex.Open(path, d.env.Trusts)
	if err == nil {
		defer f.Close()
		if err = f.Check(); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		d.addProblem("index", err.Error(), "remove it: omgd or omg-index build creates a new one")
		return
	}
	x := &sources.Index{File: f, Origins: sources.ReadOrigins(path, d.env.Trusts), UserChosen: static}
	for i := range pacman.Repositories {
		repo := &pacman.Repositories[i]
		if !x.HasRepository(repo.Name) {
			continue
		}
		e := repo.Examine(ctx, x)
		if e.NeedsBuild || static && e.Outdated && e.Stamp != (sourcefile.Stamp{}) {
			d.addProblem("index", path+" is older than the databases: "+repo.Name, "start omgd, or run omg-index build")
			return
		}
	}
	d.addOK("index", fmt.Sprintf("%s, %d packages", path, f.DocCount()))
}

// checkDownloads checks the downloaded databases, if they are enabled.
func (d *doctor) checkDownloads(ctx context.Context, c *config.Config, pacman *sources.PacmanSetup) {
	const name = "downloaded databases"
	if !c.Sync.Enabled || d.o.DBPath != "" {
		return
	}
	r := &snapshotReader{Backend: d.Backend, config: *c}
	defer r.close()
	fromPacman := make([]snapshot.IndexedSource, len(pacman.Repositories))
	for i := range fromPacman {
		e := pacman.Repositories[i].Examine(ctx, nil)
		fromPacman[i].AsOf, fromPacman[i].Building = e.AsOf, e.NeedsBuild
	}
	for i, s := range r.downloadedDatabases().ReplacePacmanSources(fromPacman, pacman.Repositories) {
		repo := pacman.Repositories[i].Name
		switch {
		case s.Downloaded && s.State == wire.SourceStale:
			d.addProblem(name, repo+": "+s.Why, "check the network, and the servers in pacman.conf")
		case s.Downloaded:
			d.addOK(name, repo+", "+show.DataAge(s.AsOf, time.Now()))
		case s.Why != "":
			d.addProblem(name, repo+": "+s.Why, "start omgd, which downloads databases")
		default:
			d.addOK(name, repo+": pacman's database is newer")
		}
	}
}

func (d *doctor) checkPacmanLock(dbpath string) {
	switch lock := sources.ReadLock(dbpath); {
	case lock.Problem == nil:
		d.addOK("db.lck", "not locked")
	case lock.UntilStale > 0:
		d.addOK("db.lck", lock.Problem.Why)
	default:
		d.addProblem("db.lck", lock.Problem.Why, "if pacman is not running: sudo rm "+filepath.Join(dbpath, "db.lck"))
	}
}

func (d *doctor) checkDataDir() {
	dir := d.env.DataDir(d.o.DataDir)
	err := unix.Access(dir, unix.W_OK|unix.X_OK)
	at := dir // the data directory; if it does not exist, the nearest parent directory that exists
	for errors.Is(err, unix.ENOENT) && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		err = unix.Access(at, unix.W_OK|unix.X_OK)
	}
	switch {
	case err != nil:
		d.addProblem("data directory", at+": "+err.Error(), "make it writable, or choose another directory with --data-dir")
	case at != dir:
		d.addOK("data directory", dir+" does not exist yet")
	default:
		d.addOK("data directory", dir)
	}
}

func (d *doctor) checkSocket() {
	path := d.env.Sockets(d.o.Socket)[0]
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.addOK("socket", path+" does not exist: your daemon is not running")
	case err != nil:
		d.addProblem("socket", err.Error(), "choose another socket with --socket or OMG_SOCKET_PATH")
	case fi.Mode()&fs.ModeSocket == 0:
		d.addProblem("socket", path+" is not a socket", "move this file to another place, or choose another path for the socket")
	default:
		if st, ok := fi.Sys().(*syscall.Stat_t); ok && !d.env.Trusts(st.Uid) {
			d.addProblem("socket", fmt.Sprintf("%s belongs to user %d", path, st.Uid), "do not use this socket: choose another socket with --socket")
			return
		}
		d.addOK("socket", path)
	}
}

// checkDaemon checks the daemon's version and health.
func (d *doctor) checkDaemon(ctx context.Context) {
	var conn *client.Conn
	var err error
	for _, socket := range d.env.Sockets(d.o.Socket) {
		if conn, err = client.Dial(ctx, socket, client.Options{IsTrustedUser: d.env.Trusts, ClientName: "omg doctor"}); err == nil {
			break
		}
	}
	if err != nil {
		d.addProblem("daemon", err.Error(), "start it: omg daemon start, or systemctl --user enable --now omgd.socket")
		return
	}
	defer conn.Close()
	hello, err := conn.Hello(ctx)
	if err != nil {
		d.addProblem("daemon", err.Error(), "restart it: omg daemon restart")
		return
	}
	if hello.Server != version.String() {
		d.addProblem("daemon", "omgd has version "+hello.Server+", omg has "+version.String(), "restart it: omg daemon restart")
	} else {
		d.addOK("daemon", "omgd "+hello.Server)
	}
	health, err := conn.Health(ctx)
	if err != nil {
		d.addProblem("health", err.Error(), "restart it: omg daemon restart")
		return
	}
	todo := map[string]string{
		"libalpm":              "rebuild or update omg: its libalpm worker was built for an older libalpm",
		"store":                "free up disk space, then run omg daemon restart",
		"watch":                "sudo sysctl -w fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288; until then, omgd finds changes up to a second later",
		"local":                "reinstall this package",
		"status file":          "free up space in the directory of the status file: until then, prompts show no numbers",
		"data":                 "make the data directory writable: until then, omgd keeps everything in memory",
		"aur":                  "check the network, or disable the AUR: aur.enabled = false",
		"tracker":              "check the network, or disable the security tracker: tracker.enabled = false",
		"downloaded databases": "check the network, and the servers in pacman.conf",
		"refresh":              "try omg refresh; omg daemon logs shows the details",
	}
	for _, c := range health.Components {
		switch {
		case todo[c.Name] == "":
		case c.State == "ok":
			d.addOK(c.Name, c.Version)
		default:
			d.addProblem(c.Name, c.Why, todo[c.Name])
		}
	}
}

// checkUnits checks that omgd's units are in systemd's directories, and enabled.
func (d *doctor) checkUnits() {
	base := d.env.Get("XDG_CONFIG_HOME")
	if base == "" {
		base = filepath.Join(d.env.Get("HOME"), ".config")
	}
	own := filepath.Join(base, "systemd", "user")
	installed := false
	for _, dir := range []string{own, "/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"} {
		if _, err := os.Stat(filepath.Join(dir, "omgd.socket")); err == nil {
			installed = true
		}
		if _, err := os.Lstat(filepath.Join(dir, "sockets.target.wants", "omgd.socket")); err == nil {
			d.addOK("units", "omgd.socket is enabled in "+dir)
			return
		}
	}
	if installed {
		d.addProblem("units", "omgd.socket is installed but not enabled", "enable it: systemctl --user enable --now omgd.socket")
		return
	}
	d.add("units", backend.CheckStateUnknown, "omgd's units are not installed", "install them with make install-units")
}

func (d *doctor) checkStatusFile() {
	path := d.env.StatusFile(d.env.Sockets(d.o.Socket)[0])
	s, err := statusfile.Read(path)
	if err == nil {
		err = s.CheckFresh(time.Now(), statusfile.CurrentBoot())
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add("status file", backend.CheckStateUnknown, path+" does not exist", "a running omgd writes this file, for prompts")
	case err != nil:
		d.addProblem("status file", strings.TrimSpace(err.Error()), "restart omgd, which writes a new file: omg daemon restart")
	default:
		d.addOK("status file", path)
	}
}

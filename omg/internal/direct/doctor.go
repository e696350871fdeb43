package direct

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// doctor collects the results of checks.
type doctor struct {
	*Backend
	checks []backend.Check
	daemon *servingDaemon // nil if no daemon serves this user
}

func (d *doctor) addOK(name, found string) { d.add(name, backend.CheckStateOK, found, "") }

func (d *doctor) addProblem(name, found, todo string) {
	d.add(name, backend.CheckStateProblem, found, todo)
}

// addOff adds the result that a part of omg is not set up, which is not a problem. The parameter todo says how to set it up.
func (d *doctor) addOff(name, found, todo string) { d.add(name, backend.CheckStateOff, found, todo) }

func (d *doctor) add(name, state, found, todo string) {
	d.checks = append(d.checks, backend.Check{Name: name, State: state, Found: found, Todo: todo})
}

// Doctor implements backend.Backend.
func (b *Backend) Doctor(ctx context.Context) (*backend.Checks, error) {
	d := &doctor{Backend: b}
	c := d.checkSettings()
	var daemonErr error
	d.daemon, daemonErr = d.findDaemon(ctx)
	if d.daemon != nil {
		defer d.daemon.conn.Close()
	}
	pacman, err := b.pacmanConfig(&c)
	if err != nil {
		d.addProblem("databases", err.Error(), "correct this file")
	} else {
		d.checkDatabases(ctx, pacman)
		d.checkLocalDatabase(ctx, pacman.DBPath)
		d.checkIndexes(ctx, pacman)
		d.checkDownloads(ctx, &c, pacman)
		d.checkPulled(&c)
		d.checkFileLists(ctx, &c, pacman)
		d.checkPacmanLock(pacman.DBPath)
	}
	d.checkDataDir()
	d.checkEarlierFiles()
	d.checkSocket()
	d.checkDaemon(ctx, daemonErr)
	d.checkUnits()
	d.checkStatusFile()
	return &backend.Checks{Checks: d.checks}, nil
}

// checkSettings checks omg's configuration files and returns the settings. If they are wrong, it returns the default settings.
func (d *doctor) checkSettings() config.Config {
	const name = "settings"
	loaded, err := config.Load(d.env, false)
	if err != nil {
		d.addProblem(name, err.Error(), "correct this line: until then, omgd does not start, and omg uses the default settings")
		return config.Default()
	}
	files := "default settings"
	if len(loaded.Files) > 0 {
		files = strings.Join(loaded.Files, ", ")
	}
	for _, warning := range loaded.Warnings {
		d.addProblem(name, warning, "remove or correct it: man omg-config lists all settings")
	}
	if len(loaded.Warnings) == 0 {
		d.addOK(name, files)
	}
	own := filepath.Join(d.env.Root, paths.SystemConfig)
	for _, left := range []struct{ suffix, todo string }{
		{".pacnew", "compare it with " + own + ", for example with pacdiff, and remove it"},
		{".pacsave", "its settings are not used: move them to " + own + ", and remove it"},
	} {
		if _, err := os.Lstat(own + left.suffix); err == nil {
			d.addProblem(name, "pacman has left "+own+left.suffix, left.todo)
		}
	}
	return loaded.Config
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
			if _, err := repo.BuildInMemory(ctx, nil); err != nil {
				d.addProblem("databases", s.Name+": "+err.Error(), badDatabaseHint)
				continue
			}
			d.addOK("databases", s.Name+", "+show.DataAge(s.AsOf, clock.Now()))
		}
		future = future || clock.Until(time.Unix(s.ChangedAt, 0)) > time.Minute || clock.Until(time.Unix(s.AsOf, 0)) > 24*time.Hour
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

// downloadsCheck is the name of the checks of the downloaded databases, and downloadAdvice what to do if a download fails.
const (
	downloadsCheck = "downloaded databases"
	downloadAdvice = "check the network, and the servers in pacman.conf"
)

// checkServedDownloads checks the downloaded databases that the daemon uses.
func (d *doctor) checkServedDownloads() {
	compared := d.daemon.status.ComparedSources
	for i := range compared {
		s := &compared[i]
		switch {
		case !s.IsRepository():
		case s.State != wire.SourceOK:
			d.addProblem(downloadsCheck, s.Name+": "+s.Why, downloadAdvice)
		case s.Downloaded:
			d.addOK(downloadsCheck, s.Name+", "+show.DataAge(s.AsOf, clock.Now()))
		default:
			d.addOK(downloadsCheck, s.Name+": pacman's database is newer")
		}
	}
}

// checkDownloads checks the downloaded databases, if they are enabled.
func (d *doctor) checkDownloads(ctx context.Context, c *config.Config, pacman *sources.PacmanSetup) {
	const name = downloadsCheck
	if !c.Sync.Enabled || d.o.DBPath != "" {
		return
	}
	if d.daemon != nil && d.daemon.status != nil {
		d.checkServedDownloads()
		return
	}
	r := &snapshotReader{Backend: d.Backend, config: *c}
	defer r.close()
	fromPacman := make([]snapshot.IndexedSource, len(pacman.Repositories))
	for i := range fromPacman {
		e := pacman.Repositories[i].Examine(ctx, nil)
		fromPacman[i].AsOf, fromPacman[i].Building = e.AsOf, e.NeedsBuild
	}
	for i, s := range r.downloadedDatabases().ReplacePacmanSources(fromPacman, pacman.Repositories, r.openCheckedIndex) {
		repo := pacman.Repositories[i].Name
		switch {
		case s.Downloaded && s.State == wire.SourceStale:
			d.addProblem(name, repo+": "+s.Why, downloadAdvice)
		case s.Downloaded:
			d.addOK(name, repo+", "+show.DataAge(s.AsOf, clock.Now()))
		case s.Why != "":
			d.addProblem(name, repo+": "+s.Why, "start omgd, which downloads databases")
		default:
			d.addOK(name, repo+": pacman's database is newer")
		}
	}
}

const fileListsAdvice = "sudo pacman -Fy downloads them, or omgd with sync.files = true"

// servedFileList returns the list of files of a repository that the daemon uses, or nil. The list may be in the data directory of another
// user. The daemon of other databases is not asked.
func (d *doctor) servedFileList(repo string) *wire.Source {
	if d.daemon == nil || d.daemon.status == nil || d.o.DBPath != d.daemon.hello.DBPath {
		return nil
	}
	for i := range d.daemon.status.FileLists {
		if s := &d.daemon.status.FileLists[i]; s.Name == repo && !s.Unavailable() {
			return s
		}
	}
	return nil
}

// checkFileLists checks the lists of files of the repositories.
func (d *doctor) checkFileLists(ctx context.Context, c *config.Config, pacman *sources.PacmanSetup) {
	const name = "lists of files"
	r := &snapshotReader{Backend: d.Backend, config: *c}
	defer r.close()
	var known, missing []string
	oldest, hasProblem := int64(0), false
	for _, list := range r.fileLists(ctx, pacman, false) {
		s := list.Source
		if served := d.servedFileList(s.Name); served != nil && s.Unavailable() {
			s = *served
		}
		switch {
		case s.State == wire.SourceMissing:
			missing = append(missing, s.Name)
		case s.State == wire.SourceFailed || s.Outdated:
			d.addProblem(name, s.Name+": "+s.Why, "until this is fixed, the files of the packages of "+s.Name+" are unknown, or those of its last index")
			hasProblem = true
		default:
			known = append(known, s.Name)
			if oldest == 0 || s.AsOf < oldest {
				oldest = s.AsOf
			}
		}
	}
	switch {
	case len(known) > 0:
		d.addOK(name, strings.Join(known, ", ")+", "+show.DataAge(oldest, clock.Now()))
		if len(missing) > 0 {
			d.addOff(name, "no list of "+strings.Join(missing, ", ")+", so answers may be incomplete", fileListsAdvice)
		}
	case !hasProblem:
		d.addOff(name, "none, so the files of packages that are not installed are unknown", fileListsAdvice)
	}
}

func (d *doctor) checkPacmanLock(dbpath string) {
	switch lock := sources.ExaminePacmanLock(dbpath); {
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

package local

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

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// patient examines one thing after the other.
type patient struct {
	asker  *ask.Asker
	env    paths.Env
	checks []ask.Check
}

func (p *patient) ok(name, found string) { p.add(name, ask.CheckOK, found, "") }

func (p *patient) problem(name, found, todo string) { p.add(name, ask.CheckProblem, found, todo) }

func (p *patient) add(name, state, found, todo string) {
	p.checks = append(p.checks, ask.Check{Name: name, State: state, Found: found, Todo: todo})
}

// doctor looks for what users stumble over.
func doctor(ctx context.Context, a *ask.Asker, emit ask.Emit) error {
	p := &patient{asker: a, env: paths.Process()}
	repos, err := catalog.Config{DBPath: a.DBPath, PacmanConfig: a.PacmanConfig}.ReadRepos()
	if repos == nil {
		p.problem("databases", err.Error(), "mend the file that is named")
	} else {
		p.databases(repos)
		p.index(repos)
		p.lock(repos.DBPath)
	}
	p.data()
	p.socket()
	p.daemon(ctx)
	p.units()
	p.statusFile()
	return send(emit, &ask.DoctorResult{Checks: p.checks})
}

func (p *patient) databases(repos *catalog.Repos) {
	if why := repos.Lacking(); why != "" {
		p.problem("databases", catalog.ErrNoDatabases.Error()+" "+why, "run pacman -Sy, or a full upgrade")
		return
	}
	clock := false
	for _, s := range repos.Sources(nil) {
		switch {
		case s.State == wire.SourceMissing:
			p.problem("databases", s.Name+": "+s.Why, "run pacman -Sy, or take the repository out of pacman.conf")
		case s.State != wire.SourceOK:
			p.problem("databases", s.Name+": "+s.Why, "run pacman -Syu; "+show.OwnHint)
		default:
			p.ok("databases", s.Name+" of "+time.Unix(s.AsOf, 0).Format(time.DateTime))
		}
		clock = clock || time.Until(time.Unix(s.Changed, 0)) > time.Minute || time.Until(time.Unix(s.AsOf, 0)) > 24*time.Hour
	}
	if clock {
		p.problem("clock", "a database is from the future", "set the clock: timedatectl set-ntp true")
	} else {
		p.ok("clock", "no database is from the future")
	}
}

func (p *patient) index(repos *catalog.Repos) {
	for _, path := range p.env.Indexes(p.asker.Index, p.asker.DataDir) {
		f, err := pkgindex.Open(path, p.env.Trusts)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			defer f.Close()
			err = f.Check()
		}
		switch {
		case err != nil:
			p.problem("index", err.Error(), "remove it: omgd, or omg-index build, makes another")
		case len(repos.Stale(f, catalog.ReadStamps(path, p.env.Trusts))) > 0:
			p.problem("index", path+" is older than the databases: "+repos.Stale(f, catalog.ReadStamps(path, p.env.Trusts))[0], "start omgd, or run omg-index build")
		default:
			p.ok("index", fmt.Sprintf("%s, %d packages", path, f.Docs()))
		}
		return
	}
	p.problem("index", "there is none", "start omgd, or run omg-index build")
}

func (p *patient) lock(dbpath string) {
	switch lock := catalog.LockOf(dbpath); {
	case lock.Part == nil:
		p.ok("db.lck", "pacman does not hold it")
	case lock.Wait > 0:
		p.ok("db.lck", lock.Part.Why)
	default:
		p.problem("db.lck", lock.Part.Why, "if no pacman runs, remove "+filepath.Join(dbpath, "db.lck"))
	}
}

func (p *patient) data() {
	dir := p.env.DataDir(p.asker.DataDir)
	err := unix.Access(dir, unix.W_OK|unix.X_OK)
	at := dir // or where it is to be made
	for errors.Is(err, unix.ENOENT) && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		err = unix.Access(at, unix.W_OK|unix.X_OK)
	}
	switch {
	case err != nil:
		p.problem("data directory", at+": "+err.Error(), "make it writable for you, or choose another with --data-dir")
	case at != dir:
		p.ok("data directory", dir+" is not made yet")
	default:
		p.ok("data directory", dir)
	}
}

func (p *patient) socket() {
	path := p.env.Sockets(p.asker.Socket)[0]
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.ok("socket", path+" is not there: no daemon of yours runs")
	case err != nil:
		p.problem("socket", err.Error(), "choose another with --socket or OMG_SOCKET_PATH")
	case fi.Mode()&fs.ModeSocket == 0:
		p.problem("socket", path+" is no socket", "move it away, or choose another path")
	default:
		if st, ok := fi.Sys().(*syscall.Stat_t); ok && !p.env.Trusts(st.Uid) {
			p.problem("socket", fmt.Sprintf("%s belongs to user %d", path, st.Uid), "do not use it: choose another with --socket")
			return
		}
		p.ok("socket", path)
	}
}

// daemon asks the daemon about itself and what it asks.
func (p *patient) daemon(ctx context.Context) {
	var conn *client.Conn
	var err error
	for _, socket := range p.env.Sockets(p.asker.Socket) {
		if conn, err = client.Dial(ctx, socket, client.Options{Trust: p.env.Trusts, Name: "omg doctor"}); err == nil {
			break
		}
	}
	if err != nil {
		p.problem("daemon", err.Error(), "omg daemon start, or systemctl --user enable --now omgd.socket")
		return
	}
	defer conn.Close()
	var hello wire.HelloResult
	if err := conn.Get(ctx, wire.OpHello, &wire.HelloRequest{Protocol: wire.Protocol}, &hello); err != nil {
		p.problem("daemon", err.Error(), "omg daemon restart")
		return
	}
	if hello.Server != version.String() {
		p.problem("daemon", "omgd is "+hello.Server+", omg "+version.String(), "omg daemon restart")
	} else {
		p.ok("daemon", "omgd "+hello.Server)
	}
	var health wire.HealthResult
	if err := conn.Get(ctx, wire.OpHealth, nil, &health); err != nil {
		p.problem("health", err.Error(), "omg daemon restart")
		return
	}
	todo := map[string]string{
		"libalpm":       "install omg's libalpm worker for this libalpm: build it anew after pacman's upgrade",
		"store":         "make room on the disk, and restart omgd",
		"aur":           "look at the network; [aur] enabled = false does without it",
		"tracker":       "look at the network; [tracker] enabled = false does without it",
		"own databases": "look at the network and at the servers in pacman.conf",
		"refresh":       "omg refresh; omg daemon logs says more",
	}
	for _, c := range health.Components {
		switch {
		case todo[c.Name] == "":
		case c.State == "ok":
			p.ok(c.Name, strings.TrimSpace(c.Version+" is well"))
		default:
			p.problem(c.Name, c.Why, todo[c.Name])
		}
	}
}

// units looks for omgd's units where systemd does, and whether they are enabled.
func (p *patient) units() {
	config := p.env.Get("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(p.env.Get("HOME"), ".config")
	}
	own := filepath.Join(config, "systemd", "user")
	installed := false
	for _, dir := range []string{own, "/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"} {
		if _, err := os.Stat(filepath.Join(dir, "omgd.socket")); err == nil {
			installed = true
		}
		if _, err := os.Lstat(filepath.Join(dir, "sockets.target.wants", "omgd.socket")); err == nil {
			p.ok("units", "omgd.socket is enabled in "+dir)
			return
		}
	}
	if installed {
		p.problem("units", "omgd.socket is installed and not enabled", "systemctl --user enable --now omgd.socket")
		return
	}
	p.add("units", ask.CheckUnknown, "omgd's units are not installed", "make install-units puts them in place")
}

func (p *patient) statusFile() {
	path := p.env.Status(p.env.Sockets(p.asker.Socket)[0])
	s, err := statusfile.Read(path)
	if err == nil {
		err = s.Fresh(time.Now(), statusfile.CurrentBoot())
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.add("status file", ask.CheckUnknown, path+" is not there", "omgd writes it for prompts while it runs")
	case err != nil:
		p.problem("status file", strings.TrimSpace(err.Error()), "omg daemon restart writes it anew")
	default:
		p.ok("status file", path)
	}
}

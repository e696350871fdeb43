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

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/manage"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// servingDaemon is the daemon that answers this user's requests.
type servingDaemon struct {
	conn         *client.Conn
	socket       string
	isSystemWide bool
	hello        *wire.HelloResult
	// status is the daemon's status, or nil if the daemon has no status yet. unanswered is the error of a request for which connect
	// has waited in vain.
	status     *wire.StatusResult
	unanswered error
}

// findDaemon connects to the daemon that answers this user's requests: the user's own, or otherwise the system-wide daemon. If
// the user's own does not, it also returns the reason. A system-wide daemon for other users is no reason.
func (d *doctor) findDaemon(ctx context.Context) (*servingDaemon, error) {
	var reason error
	for i, socket := range d.env.Sockets(d.o.Socket) {
		found, err := d.connect(ctx, socket)
		if err == nil {
			found.isSystemWide = i > 0 || socket == filepath.Join(d.env.Root, paths.SystemSocket)
			return found, reason
		}
		isOther := errors.Is(err, client.ErrNoDaemon) || errors.Is(err, fs.ErrPermission) || wire.CodeOf(err) == wire.CodeNotAllowed
		if i == 0 || !isOther {
			reason = err
		}
	}
	return nil, reason
}

// connect connects to the daemon at a socket, and requests its version and its status.
func (d *doctor) connect(ctx context.Context, socket string) (*servingDaemon, error) {
	if socket == d.o.UnansweredSocket {
		return nil, fmt.Errorf("%s: omgd does not respond", socket)
	}
	conn, err := client.Dial(ctx, socket, client.Options{IsTrustedUser: d.env.Trusts, ClientName: "omg doctor"})
	if err != nil {
		return nil, err
	}
	found := &servingDaemon{conn: conn, socket: socket}
	if found.hello, err = conn.Hello(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	if found.status, err = conn.Status(ctx); err != nil {
		found.status = nil
		if errors.Is(err, os.ErrDeadlineExceeded) {
			found.unanswered = err
		}
	}
	return found, nil
}

// socket returns the path of the socket of the daemon that serves, or otherwise of the user's own daemon.
func (d *doctor) socket() string {
	if d.daemon != nil {
		return d.daemon.socket
	}
	return d.env.Sockets(d.o.Socket)[0]
}

// restartAdvice says how to restart the daemon that serves.
func (d *doctor) restartAdvice() string {
	if d.daemon != nil && d.daemon.isSystemWide {
		return "restart it: sudo systemctl restart omgd"
	}
	return "restart it: omg daemon restart"
}

func (d *doctor) checkSocket() {
	path := d.socket()
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

// checkDaemon checks the version and the health of the daemon that serves. The parameter reason says why the user's own daemon
// does not.
func (d *doctor) checkDaemon(ctx context.Context, reason error) {
	if d.daemon == nil {
		d.explainNoDaemon(reason)
		return
	}
	if reason != nil && !errors.Is(reason, client.ErrNoDaemon) {
		d.addProblem("daemon", reason.Error(), "restart it: omg daemon restart; until then, the system-wide daemon answers")
	}
	name := "omgd " + d.daemon.hello.Server
	if d.daemon.isSystemWide {
		name = "the system-wide " + name
	}
	if d.daemon.hello.Server != version.String() {
		d.addProblem("daemon", name+" is running, but omg has version "+version.String(), d.restartAdvice())
	} else {
		d.addOK("daemon", name)
	}
	var health *wire.HealthResult
	err := d.daemon.unanswered
	if err == nil {
		health, err = d.daemon.conn.Health(ctx)
	}
	if err != nil {
		d.addProblem("health", err.Error(), d.restartAdvice())
		return
	}
	for i := range health.Components {
		d.checkComponent(&health.Components[i])
	}
}

// explainNoDaemon adds the result that no daemon serves. This is a problem only if a daemon should run.
func (d *doctor) explainNoDaemon(reason error) {
	const start = "start it: omg setup, or omg daemon start"
	socket := d.socket()
	fi, err := os.Lstat(socket)
	_, enabledIn := d.findUnits()
	switch {
	case !errors.Is(reason, client.ErrNoDaemon):
		d.addProblem("daemon", reason.Error(), "restart it: omg daemon restart")
	case err == nil && fi.Mode()&fs.ModeSocket != 0:
		d.addProblem("daemon", reason.Error()+", but has left its socket", "start it: omg daemon start; omg daemon logs shows why it ended")
	case enabledIn != "" && d.o.Socket == "" && d.env.Get("OMG_SOCKET_PATH") == "":
		d.addProblem("daemon", reason.Error()+", but omgd.socket is enabled in "+enabledIn, "start it: omg daemon start")
	default:
		d.addOff("daemon", reason.Error()+": omg reads the databases itself", "for faster answers, the AUR and numbers in prompts, "+start)
	}
}

// checkComponent adds the state of a component of the daemon, if the user can do something about it.
func (d *doctor) checkComponent(c *wire.Component) {
	todo := map[string]string{
		"libalpm":                 "rebuild or update omg: its libalpm worker was built for an older libalpm",
		"store":                   "free up disk space, then " + d.restartAdvice(),
		"watch":                   "sudo sysctl -w fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288; until then, omgd finds changes up to a second later",
		"local":                   "reinstall this package",
		"status file":             "free up space in the directory of the status file: until then, prompts show no numbers",
		"data":                    "make the data directory writable: until then, omgd keeps everything in memory",
		wire.SourceAUR:            "check the network, or disable the AUR: aur.enabled = false",
		wire.SourceTracker:        "check the network, or disable the security tracker: tracker.enabled = false",
		wire.SourceNews:           "check the network, or disable the news: news.enabled = false",
		wire.SourcePopularity:     "check the network, or disable the shares of machines: popularity.enabled = false",
		wire.ProblemIncidentLists: "check the network and the addresses in aur.incidents.lists: until then, the last good list is used",
		"refresh":                 "try omg refresh; omg daemon logs shows the details",
	}[c.Name]
	next := d.nextRequest(wire.SourceKind(c.Name))
	switch {
	case todo == "":
	case c.State == wire.HealthOK:
		d.addOK(c.Name, c.Version+next) // no component has both
	case c.Name == "libalpm" && !isInstalled("omg-alpm-worker"):
		d.addOff(c.Name, "omg-alpm-worker is not installed", "with the package omg-alpm-worker, libalpm confirms the data of omg after each change")
	case c.State == wire.HealthStarting || strings.HasSuffix(c.Why, wire.NotDownloadedYet) || c.Why == wire.NotKnownYet:
		d.add(c.Name, backend.CheckStateUnknown, c.Why, "omgd is still working on it: try again in a minute")
	case next != "":
		d.addProblem(c.Name, c.Why+", "+next, todo+"; omg refresh --sources sends a request now")
	default:
		d.addProblem(c.Name, c.Why, todo)
	}
}

// nextRequest says when the daemon will next send a request to the server of a source. It returns "" for any other
// component, or if this is unknown.
func (d *doctor) nextRequest(kind wire.SourceKind) string {
	if d.daemon == nil || d.daemon.status == nil || kind == wire.KindRepository {
		return ""
	}
	if s := wire.FindSourceByKind(d.daemon.status.Sources, kind); s != nil {
		return show.NextRequestText(s.NextRequestAt, clock.Now())
	}
	return ""
}

// isInstalled reports whether one of omg's programs is installed. If this is not known, it reports that the program is.
func isInstalled(program string) bool {
	_, err := paths.ProgramPath(program)
	return !errors.Is(err, paths.ErrNotInstalled)
}

// findUnits searches systemd's directories for the unit omgd.socket of the daemon that serves, or otherwise of the user's
// own daemon. It returns the directory that has the unit and the directory in which the unit is enabled; "" for none.
func (d *doctor) findUnits() (installedIn, enabledIn string) {
	kind := manage.UserUnits
	if d.daemon != nil && d.daemon.isSystemWide {
		kind = manage.SystemUnits
	}
	for _, dir := range manage.UnitDirs(d.env, kind) {
		if _, err := os.Stat(filepath.Join(dir, "omgd.socket")); err == nil && installedIn == "" {
			installedIn = dir
		}
		if _, err := os.Lstat(filepath.Join(dir, "sockets.target.wants", "omgd.socket")); err == nil && enabledIn == "" {
			enabledIn = dir
		}
	}
	return installedIn, enabledIn
}

// checkUnits checks that omgd's units are in systemd's directories, and enabled.
func (d *doctor) checkUnits() {
	enable := "systemctl --user enable --now omgd.socket"
	if d.daemon != nil && d.daemon.isSystemWide {
		enable = "sudo systemctl enable --now omgd.socket"
	}
	if other := d.overridingService(); other != "" {
		d.addProblem("units", other+" does not belong to omgd.socket", "it may start another omgd, as that of the earlier omg: systemctl --user disable --now omgd.service, and remove it")
		return
	}
	switch installed, enabled := d.findUnits(); {
	case enabled != "":
		d.addOK("units", "omgd.socket is enabled in "+enabled)
	case installed != "":
		d.addOff("units", "omgd.socket is installed but not enabled", "to start omgd when it is needed: "+enable)
	default:
		d.addOff("units", "omgd's units are not installed", "to start omgd when it is needed, install them with make install-units")
	}
}

func (d *doctor) checkStatusFile() {
	path := d.env.StatusFile(d.socket())
	s, err := statusfile.Read(path)
	if err == nil {
		err = s.CheckFresh(clock.Now(), statusfile.CurrentBoot())
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && d.daemon == nil:
		d.addOff("status file", path+" does not exist", "a running omgd writes this file, for prompts")
	case errors.Is(err, fs.ErrNotExist):
		d.add("status file", backend.CheckStateUnknown, path+" does not exist", "omgd writes this file, for prompts, after it has read the databases")
	case err != nil:
		d.addProblem("status file", strings.TrimSpace(err.Error()), "a running omgd writes a new file: omg daemon restart")
	default:
		d.addOK("status file", path)
	}
}

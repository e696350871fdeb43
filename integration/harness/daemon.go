package harness

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

// Daemon is an omgd in the foreground that serves a System.
type Daemon struct {
	*Process
	System *System
	Socket string
}

// StartDaemon starts omgd and waits until it has read the databases.
func (s *System) StartDaemon(args ...string) *Daemon {
	s.T.Helper()
	d := s.LaunchDaemon(args...)
	d.AwaitReady()
	return d
}

// LaunchDaemon starts omgd and waits until it answers. omgd may not have read the databases yet, or may be unable to read
// them.
func (s *System) LaunchDaemon(args ...string) *Daemon {
	s.T.Helper()
	return s.StartDaemonCommand(s.Command("omgd", slices.Concat([]string{"--foreground", "--socket", s.Socket()}, s.PathFlags(), args)...), s.Socket())
}

// StartDaemonCommand starts a command that becomes an omgd on a socket, and waits until it answers.
func (s *System) StartDaemonCommand(cmd *exec.Cmd, socket string) *Daemon {
	s.T.Helper()
	d := &Daemon{Process: Start(s.T, cmd), System: s, Socket: socket}
	d.AwaitAnswer()
	s.T.Cleanup(func() {
		if d.Running() {
			d.Stop()
		}
	})
	return d
}

// ForSubtest returns the same daemon for a subtest. A failure of the daemon then fails the subtest.
func (d *Daemon) ForSubtest(t testing.TB) *Daemon {
	process := *d.Process
	process.t = t
	return &Daemon{Process: &process, System: d.System.ForSubtest(t), Socket: d.Socket}
}

// AwaitAnswer waits until the daemon answers on its socket.
func (d *Daemon) AwaitAnswer() {
	d.t.Helper()
	Await(d.t, func() bool {
		if !d.Running() {
			d.t.Fatalf("omgd ended: %s", d.Stderr())
		}
		return d.Ask(wire.OpPing, nil, &struct{}{}) == nil
	}, "omgd answers; so far omgd has printed: %s", d.Stderr)
}

// AwaitReady waits until the daemon has read all databases of its System.
func (d *Daemon) AwaitReady() {
	d.t.Helper()
	_, err := os.Stat(filepath.Join(d.System.DB, "local", "ALPM_DB_VERSION"))
	local := err == nil
	d.AwaitStatus(func(r *wire.StatusResult) bool {
		return isRefreshed(r) && r.Index.Packages > 0 && (!local || r.Counts.Installed != nil && !r.Stale)
	}, "all databases")
}

// AwaitFileLists waits until the basis of answers about the files of repositories satisfies a condition, and no list of files is being
// indexed.
func (d *Daemon) AwaitFileLists(such func(*wire.Basis) bool, what string) {
	d.t.Helper()
	var last wire.FilesOwnerResult
	var err error
	Await(d.t, func() bool {
		last = wire.FilesOwnerResult{}
		err = d.Ask(wire.OpFilesOwner, &wire.FilesOwnerRequest{Names: []string{"/"}}, &last)
		return err == nil && !slices.ContainsFunc(last.Sources, isBeingIndexed) && such(&last.Basis)
	}, "omgd answers from lists of files with %s; the last basis was %s; so far omgd has printed: %s", what, func() string {
		text, _ := json.Marshal(last.Basis)
		return errors.Join(errors.New(string(text)), err).Error()
	}, d.Stderr)
}

// isRefreshed reports whether a status is the result of this daemon's own refresh of the current databases. Before its
// first refresh, a daemon repeats the last daemon's status. While it builds the index of a database, it uses an older
// index or none.
func isRefreshed(r *wire.StatusResult) bool {
	return r.Generation > 0 && !HasBuild(r)
}

// HasBuild reports whether the daemon is building the index of a database.
func HasBuild(r *wire.StatusResult) bool { return slices.ContainsFunc(r.Sources, isBeingIndexed) }

func isBeingIndexed(s wire.Source) bool { return strings.Contains(s.Why, "being indexed") }

// AwaitStatus waits until the daemon's status satisfies a condition.
func (d *Daemon) AwaitStatus(such func(*wire.StatusResult) bool, what string) {
	d.t.Helper()
	var last wire.StatusResult
	var err error
	Await(d.t, func() bool {
		if !d.Running() {
			d.t.Fatalf("omgd ended: %s", d.Stderr())
		}
		last = wire.StatusResult{}
		err = d.Ask(wire.OpStatus, nil, &last)
		return err == nil && such(&last)
	}, "omgd reports a status with %s; the last status was %s; so far omgd has printed: %s", what, func() string {
		text, _ := json.Marshal(last)
		return errors.Join(errors.New(string(text)), err).Error()
	}, d.Stderr)
}

// Status returns the daemon's status.
func (d *Daemon) Status() wire.StatusResult {
	d.t.Helper()
	var r wire.StatusResult
	require.NoError(d.t, d.Ask(wire.OpStatus, nil, &r))
	return r
}

// Omg runs omg with this daemon.
func (d *Daemon) Omg(args ...string) Result {
	d.t.Helper()
	return d.System.Run("omg", append([]string{"--socket", d.Socket}, args...)...)
}

// AwaitOutput runs omg with this daemon until its standard output matches a regular expression, and returns the last result.
func (d *Daemon) AwaitOutput(pattern string, args ...string) (r Result) {
	d.t.Helper()
	want := regexp.MustCompile(pattern)
	Await(d.t, func() bool {
		r = d.Omg(args...)
		return want.MatchString(r.Stdout)
	}, "omg %q prints %s; the last result was %+v; so far omgd has printed: %s", args, pattern, &r, d.Stderr)
	return r
}

// Dial connects to the daemon. The connection is closed when the test ends.
func (d *Daemon) Dial() *client.Conn {
	d.t.Helper()
	conn, err := client.Dial(context.Background(), d.Socket, clientOptions)
	require.NoError(d.t, err)
	d.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// clientOptions make the client accept a daemon of any user, because some tests act as several users. The time limit is
// that of the harness.
var clientOptions = client.Options{ClientName: "test", Timeout: HangTimeout, IsTrustedUser: func(uint32) bool { return true }}

// Ask sends one request on a new connection and decodes the reply.
func (d *Daemon) Ask(op string, request, result any) error { return Ask(d.Socket, op, request, result) }

// Ask sends one request to a socket and decodes the reply.
func Ask(socket, op string, request, result any) error {
	conn, err := client.Dial(context.Background(), socket, clientOptions)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.CallForResult(context.Background(), op, request, result)
}

// Stop ends the daemon like a service manager; it must exit with 0.
func (d *Daemon) Stop() {
	d.t.Helper()
	d.Signal(syscall.SIGTERM)
	r := d.Wait()
	require.Zero(d.t, r.Code, "omgd: %s", r.Stderr)
}

// Package remote implements the backend by sending requests to omgd. If no daemon runs or the daemon cannot answer, the
// process is replaced by omg-direct, which reads the files of the same system. A process that keeps running reads them itself: see Host.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// Backend sends requests to omgd.
type Backend struct {
	o   backend.Options
	env paths.Env
	// host connects to the daemon, and answers without it.
	host Host
	// replyTimeout is client.Options.Timeout. Tests change it.
	replyTimeout time.Duration
	// reconnectWait is watcher.wait. Tests set it; nil means waitWithJitter.
	reconnectWait func(output *os.File, attempts int) error
	// awaitStatus is watcher.await. Tests set it; nil means pollUntilReadable.
	awaitStatus client.AwaitFunc
	// unanswered has the errors of the sockets whose daemon has not responded in time. They are not asked again.
	unanswered map[string]error
	// hasAnswered is set once the daemon has answered. Afterwards omg-direct must not answer, because everything that one
	// command prints must describe one system at one moment.
	hasAnswered bool
	// servedPaths holds the paths of the databases that the daemon reads; nil while they are unknown.
	servedPaths *wire.ServedPaths
	// connectedSocket is the socket of the daemon to which the last connection was made. If passesSocket is true, omg-direct may send requests
	// to this daemon, once the daemon has answered.
	connectedSocket string
	passesSocket    bool
}

// Host is the process in which a backend sends a request.
type Host struct {
	// SwitchToDirect is called if the request is answered without the daemon. The parameter served holds the paths of the databases that
	// must be read then. In a command, it replaces the process by omg-direct, and returns only on errors. The request returns its error.
	SwitchToDirect func(o backend.Options, served wire.ServedPaths) error
	// Connect connects to the daemon at a socket, and Release ends the use of the connection after a request with this error.
	Connect func(ctx context.Context, socket string, o client.Options) (*client.Conn, error)
	Release func(conn *client.Conn, err error)
	// Socket is the socket of the only daemon that may answer; empty for the user's own daemon or the system-wide one.
	Socket string
	// ServedPaths holds the paths of the databases that the daemon of earlier requests reads; nil if there was none.
	ServedPaths *wire.ServedPaths
}

// Open returns the backend for one command.
func Open(o backend.Options) backend.Backend {
	return OpenIn(Host{
		SwitchToDirect: execOmgDirect, Connect: client.Dial,
		Release: func(conn *client.Conn, _ error) { _ = conn.Close() },
	}, o)
}

// OpenIn returns the backend for one request of a host.
func OpenIn(h Host, o backend.Options) backend.Backend {
	return &Backend{o: o, env: paths.ProcessEnv(), host: h, servedPaths: h.ServedPaths}
}

// hasUserNamedDatabases reports whether the options name databases or indexes, which may be other files than those that the daemon
// reads.
func (b *Backend) hasUserNamedDatabases() bool {
	return b.o.DBPath != "" || b.o.PacmanConfig != "" || b.o.RootDir != "" || len(b.o.IndexPaths) > 0
}

// asksDaemon reports whether requests go to the daemon. They do not if the options name databases or indexes, unless
// the options also name the daemon's socket.
func (b *Backend) asksDaemon() bool {
	return !b.o.NoDaemon && (b.o.Socket != "" || !b.hasUserNamedDatabases())
}

// askWithFallback sends a request to the daemon. If the daemon cannot answer, omg-direct replaces the process.
func askWithFallback[R any](ctx context.Context, b *Backend, question func(*client.Conn) (*R, error)) (*R, error) {
	if !b.asksDaemon() {
		return nil, b.switchToDirect()
	}
	r, err := askOnNewConn(ctx, b, question)
	if b.hasAnswered = b.hasAnswered || err == nil; err == nil || b.hasAnswered {
		return r, err
	}
	return nil, b.fallBack(err)
}

// askDaemonOnly sends a request that only the daemon can answer, without a fallback.
func askDaemonOnly[R any](ctx context.Context, b *Backend, question func(*client.Conn) (*R, error)) (*R, error) {
	if b.o.NoDaemon {
		return nil, b.switchToDirect()
	}
	r, err := askOnNewConn(ctx, b, question)
	if errors.Is(err, client.ErrNoDaemon) {
		return nil, b.switchToDirect()
	}
	return r, err
}

// askOnNewConn sends a request over a new connection. If the request fails, but the daemon has told in its greeting or in the
// error reply which databases it reads, askOnNewConn stores the paths of these databases in b.servedPaths.
func askOnNewConn[R any](ctx context.Context, b *Backend, question func(*client.Conn) (*R, error)) (r *R, err error) {
	conn, err := b.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { b.host.Release(conn, err) }()
	r, err = question(conn)
	if err != nil {
		// The daemon was running when omg connected. The error must not say that no daemon runs.
		if errors.Is(err, client.ErrNoDaemon) {
			err = fmt.Errorf("%w: %v", client.ErrBroken, err)
		}
		if refused := new(wire.Error); errors.As(err, &refused) && refused.ServedPaths != nil {
			b.learnServedPaths(refused.ServedPaths)
		} else if hello := conn.Greeting(); hello != nil {
			b.learnServedPaths(&hello.ServedPaths)
		}
		b.noteUnanswered(b.connectedSocket, err)
	}
	return r, err
}

// learnServedPaths records the paths of the databases that a daemon reads, unless the host knows those of an earlier daemon.
func (b *Backend) learnServedPaths(served *wire.ServedPaths) {
	if b.host.ServedPaths == nil {
		b.servedPaths = served
	}
}

// noteUnanswered records the error of a request to the daemon at a socket, if the daemon has not responded in time: neither omg nor
// omg-direct then waits for this daemon again.
func (b *Backend) noteUnanswered(socket string, err error) {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	if b.unanswered == nil {
		b.unanswered = map[string]error{}
	}
	b.unanswered[socket], b.o.UnansweredSocket = err, socket
}

// dial connects to the user's own daemon or, if it does not run, to the system-wide daemon.
func (b *Backend) dial(ctx context.Context) (conn *client.Conn, err error) {
	sockets := b.env.Sockets(b.o.Socket)
	if b.host.Socket != "" {
		sockets = []string{b.host.Socket}
	}
	for i, socket := range sockets {
		failed := b.unanswered[socket]
		if failed == nil {
			conn, failed = b.host.Connect(ctx, socket, client.Options{IsTrustedUser: b.env.Trusts, ClientName: "omg " + version.String(), Timeout: b.replyTimeout})
			b.noteUnanswered(socket, failed)
		}
		if failed == nil {
			if err != nil && !errors.Is(err, client.ErrNoDaemon) {
				b.o.PrintNote(err.Error())
			}
			b.connectedSocket = socket
			return conn, nil
		}
		// If the user may not connect to the system's daemon, that is not an error: the daemon is for other users.
		if i == 0 || !errors.Is(failed, client.ErrNoDaemon) && !errors.Is(failed, fs.ErrPermission) {
			err = failed
		}
	}
	return nil, err
}

// fallBack is called after the daemon failed with err. It prints a note and replaces the process by omg-direct. It
// returns the error instead if the request itself is wrong, or if it is not known which databases the daemon reads,
// because omg-direct might then read those of another system.
func (b *Backend) fallBack(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err // nobody waits for the answer
	}
	if errors.Is(err, client.ErrNoDaemon) {
		if b.o.Socket != "" {
			b.o.PrintNote(err.Error())
		}
		return b.switchToDirect()
	}
	reason := err.Error()
	if refused := new(wire.Error); errors.As(err, &refused) {
		if !isDaemonFault(refused.Code) {
			return err
		}
		reason = refused.Message
		if refused.Code == wire.CodeNotReady {
			// Leave out the details of the error: if omg-direct cannot answer either, its own error contains them.
			reason, _, _ = strings.Cut(reason, ": ")
		}
	}
	if b.servedPaths == nil && (b.o.DBPath == "" || b.o.PacmanConfig == "") && !b.meansNoDaemon(err) {
		return &exit.Error{Code: exit.Failed, Err: err, Hint: "with --no-daemon omg reads this machine's databases directly"}
	}
	b.o.PrintNote("answering without omgd: " + reason)
	if b.connectedSocket != "" {
		b.o.UnansweredSocket = b.connectedSocket
	}
	return b.switchToDirect()
}

// isDaemonFault reports whether a request was refused because of the daemon's state, not because of the request.
func isDaemonFault(code wire.Code) bool {
	switch code {
	case wire.CodeNotReady, wire.CodeInternal, wire.CodeBusy, wire.CodeShuttingDown, wire.CodeVersion, wire.CodeNotAllowed:
		return true
	}
	return false
}

// meansNoDaemon reports whether err shows that the socket at a default path does not belong to a daemon for this user. omg
// then behaves as if no daemon ran. For a socket that the user named, meansNoDaemon returns false.
func (b *Backend) meansNoDaemon(err error) bool {
	if b.o.Socket != "" || b.env.Get("OMG_SOCKET_PATH") != "" {
		return false
	}
	return errors.Is(err, client.ErrUntrusted) || errors.Is(err, client.ErrNotSocket) || errors.Is(err, fs.ErrPermission) ||
		wire.CodeOf(err) == wire.CodeNotAllowed
}

// switchToDirect answers without the daemon: in a command, it replaces the process by omg-direct.
func (b *Backend) switchToDirect() error {
	var served wire.ServedPaths
	if b.servedPaths != nil {
		served = *b.servedPaths
	}
	return b.host.SwitchToDirect(b.o, served)
}

// switchToDirectWithDaemonPaths replaces the process by omg-direct, which reads the same databases as the daemon.
func (b *Backend) switchToDirectWithDaemonPaths(ctx context.Context) error {
	if !b.asksDaemon() {
		return b.switchToDirect()
	}
	hello, err := askOnNewConn(ctx, b, func(c *client.Conn) (*wire.HelloResult, error) { return c.Hello(ctx) })
	if err != nil {
		return b.fallBack(err)
	}
	b.learnServedPaths(&hello.ServedPaths)
	if b.passesSocket {
		b.o.LiveSocket = b.connectedSocket
	}
	return b.switchToDirect()
}

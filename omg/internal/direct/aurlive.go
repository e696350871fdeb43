package direct

import (
	"context"
	"errors"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/aurcheck"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// liveTimeout is longer than the longest aur.live.timeout, for which omgd waits for the AUR.
const liveTimeout = 70 * time.Second

// errWithoutDaemon means that no omgd was named that may be asked for replies of the AUR.
var errWithoutDaemon = errors.New("omg answers without omgd, and does not use the network itself")

// liveConn asks omgd for replies of the AUR. It connects before the first request.
type liveConn struct {
	*Backend
	conn *client.Conn
}

func (l *liveConn) ask(ctx context.Context, names []string) (*wire.AURInfoResult, error) {
	if l.aurInfo != nil {
		return l.aurInfo(ctx, names)
	}
	if err := l.connect(ctx); err != nil {
		return nil, err
	}
	return l.conn.AURInfo(ctx, names)
}

// findings returns the findings about the installed packages that omgd has computed.
func (l *liveConn) findings(ctx context.Context) (*wire.AURCheckResult, error) {
	if err := l.connect(ctx); err != nil {
		return nil, err
	}
	return l.conn.AURCheck(ctx)
}

// AURPKGBUILD implements backend.Backend.
func (b *Backend) AURPKGBUILD(ctx context.Context, name string) (*wire.AURPKGBUILDResult, error) {
	conn := &liveConn{Backend: b}
	defer conn.close()
	if err := conn.connect(ctx); err != nil {
		return nil, err
	}
	return conn.conn.AURPKGBUILD(ctx, name)
}

// connect connects to omgd, unless it is connected.
func (l *liveConn) connect(ctx context.Context) (err error) {
	if l.o.LiveSocket == "" {
		return errWithoutDaemon
	}
	if l.conn == nil {
		l.conn, err = client.Dial(ctx, l.o.LiveSocket, client.Options{IsTrustedUser: l.env.Trusts, ClientName: "omg " + version.String(), Timeout: liveTimeout})
	}
	return err
}

func (l *liveConn) close() {
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

// describeLive returns what the AUR has replied in the form in which the backend returns it.
func describeLive(r *aurcheck.LiveReading) *backend.LiveReading {
	live := &backend.LiveReading{
		FailureReason: r.FailureReason, AskedCount: r.AskedCount, DependencyCount: r.DependencyCount, NotAsked: r.NotAsked, SkippedCount: r.SkippedCount,
	}
	if r.FailureReason == "" {
		live.At = backend.NewTime(r.RepliedAt)
	}
	return live
}

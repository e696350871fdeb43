// Package daemon connects to the omgd of this host.
package daemon

import (
	"context"
	"errors"

	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/version"
)

// Daemon is the omgd of this host.
type Daemon struct {
	sockets       []string // the paths on which it may listen, in the order in which they are tried
	isTrustedUser func(uid uint32) bool
}

// New returns the omgd that listens on a socket; empty for those on which one usually does.
func New(env paths.Env, socket string) Daemon { return Daemon{env.Sockets(socket), env.Trusts} }

// Dial connects to omgd. The requests on the connection end soon after their context has ended.
func (d Daemon) Dial(ctx context.Context) (*client.Conn, error) {
	options := client.Options{IsTrustedUser: d.isTrustedUser, ClientName: "omg-fleet " + version.String(), Interruptible: true}
	failure := client.ErrNoDaemon
	for _, socket := range d.sockets {
		conn, err := client.Dial(ctx, socket, options)
		if err == nil {
			return conn, nil
		}
		if !errors.Is(err, client.ErrNoDaemon) {
			failure = err
		}
	}
	return nil, failure
}

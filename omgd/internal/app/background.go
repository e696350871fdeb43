package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/omg-arch/omg/omgd/internal/access"
	"github.com/omg-arch/omg/omgd/internal/detach"
	"github.com/omg-arch/omg/omgd/internal/listen"
	"github.com/omg-arch/omg/omgd/internal/systemd"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// exitNotStarted is the exit code of the parent when the background process does not start.
const exitNotStarted = 1

// startBackground starts the daemon in the background, and returns when the daemon has read all sources. If the
// start fails, background prints what the daemon has written to its standard error.
func startBackground(ctx context.Context, o options, stderr io.Writer) error {
	if systemd.Activated() {
		return command.Usagef("socket activation needs --foreground")
	}
	output, err := detach.Start(ctx)
	var notReady *detach.NotReadyError
	if errors.As(err, &notReady) && len(notReady.Stderr) > 0 {
		output, err = notReady.Stderr, exit.QuietError(exitNotStarted)
	}
	if _, werr := stderr.Write(output); err == nil {
		err = werr
	}
	if err == nil {
		err = waitReady(ctx, o)
	}
	return exit.WithCode(exitNotStarted, err)
}

// waitReady waits until the daemon has read all sources.
func waitReady(ctx context.Context, o options) error {
	conn, err := client.Dial(ctx, o.socket, client.Options{IsTrustedUser: o.env.Trusts, ClientName: "omgd"})
	if err == nil {
		defer conn.Close()
		err = conn.AwaitStarted(ctx)
	}
	if err != nil {
		return fmt.Errorf("omgd has started, but does not respond: %w", err)
	}
	return nil
}

// openSocket opens the daemon's socket, or takes over the socket that the service manager has passed.
func (o *options) openSocket() (*listen.Socket, error) {
	inherited, err := systemd.PassedSocket()
	switch {
	case err != nil:
		return nil, err
	case inherited != nil:
		return listen.FromListener(inherited, o.env)
	}
	allowed := listen.PrivatePermissions
	if o.isSystemWide {
		if allowed, err = socketPermissions(o.config.Access.SocketGroup); err != nil {
			return nil, err
		}
	}
	return listen.Open(o.socket, o.env, allowed)
}

// socketPermissions returns the permissions of the system-wide daemon's socket. Without a group, every user may
// connect, and the access rules are applied to each user. With a group, only its members may connect.
func socketPermissions(group string) (listen.Permissions, error) {
	if group == "" {
		return listen.Permissions{Mode: 0o666, Group: -1}, nil
	}
	gid, err := access.LookupGID(group)
	if err != nil {
		return listen.Permissions{}, fmt.Errorf("access.socket_group: %w", err)
	}
	return listen.Permissions{Mode: 0o660, Group: int(gid)}, nil
}

// newGate returns the access rules of the system-wide daemon. It returns nil for the daemon of a single user,
// which only this user and root may use.
func (o *options) newGate() (*access.Gate, error) {
	if !o.isSystemWide {
		return nil, nil
	}
	return access.New(o.env.UID, o.config.Access, o.config.Limits.UserRate)
}

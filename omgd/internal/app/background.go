package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/omg-arch/omg/omgd/internal/access"
	"github.com/omg-arch/omg/omgd/internal/detach"
	"github.com/omg-arch/omg/omgd/internal/listen"
	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/systemd"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// notStarted is the exit code of the one who started the background process when
// that did not start.
const notStarted = 1

// background starts the daemon in the background. It returns when the socket
// answers, or passes on what the background process says of why not.
func background(ctx context.Context, o options, stderr io.Writer) error {
	if systemd.Activated() {
		return command.Usagef("a service manager's socket is for --foreground only")
	}
	said, err := detach.Start(ctx)
	var not *detach.NotReady
	if errors.As(err, &not) && len(not.Said) > 0 {
		said, err = not.Said, exit.Quiet(notStarted)
	}
	if _, werr := stderr.Write(said); err == nil {
		err = werr
	}
	if err == nil {
		err = responds(ctx, o)
	}
	return exit.With(notStarted, err)
}

// responds asks the daemon that was started.
func responds(ctx context.Context, o options) error {
	conn, err := client.Dial(ctx, o.socket, client.Options{Trust: o.env.Trusts, Name: "omgd"})
	if err == nil {
		defer conn.Close()
		err = conn.Get(ctx, wire.OpPing, nil, &struct{}{})
	}
	if err != nil {
		return fmt.Errorf("started, but it does not answer: %w", err)
	}
	return nil
}

// listen opens the daemon's socket, or takes the one of the service manager.
func (o *options) listen() (*listen.Socket, error) {
	given, err := systemd.Socket()
	switch {
	case err != nil:
		return nil, err
	case given != nil:
		return listen.Take(given, o.env)
	}
	allowed := listen.Private
	if o.system {
		if allowed, err = everybody(o.config.Access.SocketGroup); err != nil {
			return nil, err
		}
	}
	return listen.Open(o.socket, o.env, allowed)
}

// everybody is who may connect to the daemon of all users: whoever the access
// rules are then about, or only the members of a group.
func everybody(group string) (listen.Access, error) {
	if group == "" {
		return listen.Access{Mode: 0o666, Group: -1}, nil
	}
	gid, err := access.GID(group)
	if err != nil {
		return listen.Access{}, fmt.Errorf("access.socket_group: %w", err)
	}
	return listen.Access{Mode: 0o660, Group: int(gid)}, nil
}

// gate is who may ask the daemon of all users; nil for a user's own, which only
// its owner and root may ask.
func (o *options) gate() (*access.Gate, error) {
	if !o.system {
		return nil, nil
	}
	return access.New(o.env.UID, o.config.Access, o.config.Limits.UserRate)
}

// guard has the server look who asks.
func guard(c *server.Config, gate *access.Gate) {
	if gate != nil {
		c.Allow, c.Admin, c.Take = gate.Allow, gate.Admin, gate.Take
	}
}

package client

import (
	"context"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// watchProtocol is the first version of the protocol with the operation watch.
const watchProtocol = 3

// Watch requests the status and its changes, and calls the function visit with each status. It returns the error of visit, or the reason why
// there are no further statuses. The function await waits, as long as it takes, until bytes arrive on the socket with the given file
// descriptor, or the connection has ended. If await returns an error, Watch returns this error.
func (c *Conn) Watch(ctx context.Context, await func(fd int) error, visit func(*wire.StatusResult) error) error {
	id, err := c.Send(wire.OpWatch, nil)
	if err != nil {
		return err
	}
	c.awaitFrame = func() error { return await(c.fd) }
	defer func() { c.awaitFrame = nil }()
	for {
		r, err := c.Receive(ctx)
		if err != nil {
			return err
		}
		if r.ID != id && r.ID != 0 {
			continue // a reply to an earlier request for which the caller no longer waits
		}
		if hello := c.Greeting(); r.Err != nil && r.Err.Code == wire.CodeInvalid && hello != nil && hello.Protocol < watchProtocol {
			return wire.Errorf(wire.CodeVersion, "the running omgd %s does not have the operation watch: omg daemon restart starts the installed one", hello.Server)
		}
		if r.Err != nil {
			return r.Err
		}
		st := &wire.StatusResult{}
		if err := msgpack.Unmarshal(r.Result, st); err != nil {
			return fmt.Errorf("%w: %w", ErrBroken, err)
		}
		if err := visit(st); err != nil {
			return err
		}
		if !r.More {
			return fmt.Errorf("%w: the reply has ended", ErrBroken)
		}
	}
}

package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// maxSilence is the time without a status after which Watch asks whether omgd still responds. An idle omgd has nothing to send for hours.
const maxSilence = 2 * time.Minute

// AwaitFunc waits until bytes arrive on the socket with a file descriptor, or the connection has ended. If this takes longer than the given
// time, it returns os.ErrDeadlineExceeded.
type AwaitFunc func(fd int, limit time.Duration) error

// Watch requests the status and its changes, and calls the function visit with each status. It returns the error of visit, or the reason why
// there are no further statuses. An omgd that does not respond any more is such a reason. If await returns another error, Watch returns this
// error.
func (c *Conn) Watch(ctx context.Context, await AwaitFunc, visit func(*wire.StatusResult) error) error {
	id, err := c.Send(wire.OpWatch, nil)
	if err != nil {
		return err
	}
	c.awaitFrame = func() error { return c.awaitStatus(await) }
	defer func() { c.awaitFrame = nil }()
	for {
		r, err := c.Receive(ctx)
		if err != nil {
			return err
		}
		if r.ID != id && r.ID != 0 {
			continue // a reply to an earlier request for which the caller no longer waits
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

// awaitStatus waits for a frame. After a long silence, it sends a ping and waits for the reply, which shows that omgd still responds.
func (c *Conn) awaitStatus(await AwaitFunc) error {
	if c.helloID == 0 { // omgd answers the greeting at once
		if err := await(c.fd, maxSilence); !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if _, err := c.Send(wire.OpPing, nil); err != nil {
			return err
		}
		if err := c.flush(); err != nil {
			return c.brokenError(err)
		}
	}
	err := await(c.fd, c.opt.Timeout)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return c.brokenError(err)
	}
	return err
}

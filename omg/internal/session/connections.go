package session

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// maxConnections is the number of requests that are sent at the same time, each on its own connection. Further requests wait.
	maxConnections = 3
	// unansweredFor is the time during which a daemon that has not responded is not asked again.
	unansweredFor = 15 * time.Second
)

// connections are the connections to omgd.
type connections struct {
	slots chan struct{} // has a value for each request that has a connection

	mu         sync.Mutex
	idle       []*client.Conn
	sockets    map[*client.Conn]string // the socket of each connection, idle or in use
	unanswered map[string]unanswered   // by socket
	isClosed   bool
}

// unanswered is the error of a request to which a daemon has not responded, and the time until which the daemon is not asked again.
type unanswered struct {
	err   error
	until time.Time
}

func newConnections() *connections {
	return &connections{slots: make(chan struct{}, maxConnections), sockets: map[*client.Conn]string{}, unanswered: map[string]unanswered{}}
}

// get returns an idle connection to the daemon at a socket, or a new one.
func (c *connections) get(ctx context.Context, socket string, o client.Options) (*client.Conn, error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	conn, err := c.takeIdle(socket)
	if conn == nil && err == nil {
		if conn, err = client.Dial(ctx, socket, o); err == nil {
			c.mu.Lock()
			c.sockets[conn] = socket
			c.mu.Unlock()
		}
		c.noteResult(socket, err)
	}
	if err != nil {
		<-c.slots
		return nil, err
	}
	return conn, nil
}

// takeIdle returns an idle connection to the daemon at a socket; nil if there is none.
func (c *connections) takeIdle(socket string) (*client.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed {
		return nil, errClosed
	}
	if u := c.unanswered[socket]; time.Now().Before(u.until) {
		return nil, u.err
	}
	for i, conn := range c.idle {
		if c.sockets[conn] == socket {
			c.idle = append(c.idle[:i], c.idle[i+1:]...)
			return conn, nil
		}
	}
	return nil, nil
}

// noteResult records that the daemon at a socket has not responded in time.
func (c *connections) noteResult(socket string, err error) {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unanswered[socket] = unanswered{err, time.Now().Add(unansweredFor)}
}

// askAgain lets all daemons be asked again: one of them has responded.
func (c *connections) askAgain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.unanswered)
}

// release ends the use of a connection for a request with this error. The connection is kept if the daemon has answered the request, also
// with an error.
func (c *connections) release(conn *client.Conn, err error) {
	c.mu.Lock()
	socket := c.sockets[conn]
	isUsable := !c.isClosed && (err == nil || wire.CodeOf(err) != 0)
	if isUsable {
		c.idle = append(c.idle, conn)
	} else {
		delete(c.sockets, conn)
	}
	c.mu.Unlock()
	if !isUsable {
		_ = conn.Close()
	}
	c.noteResult(socket, err)
	<-c.slots
}

func (c *connections) close() {
	c.mu.Lock()
	idle := c.idle
	c.idle, c.isClosed = nil, true
	c.mu.Unlock()
	for _, conn := range idle {
		_ = conn.Close()
	}
}

package users

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// attack is what two users do over and over, in several workers each.
type attack struct {
	name    string
	workers int
	once    func(c *client, n int)
	tries   atomic.Int64
}

// client is a user who asks a daemon, until ctx ends.
type client struct {
	ctx    context.Context
	uid    int
	socket string
}

// with connects, and closes the connection after f or when ctx ends.
func (c *client) with(f func(net.Conn)) {
	nc, err := connect(c.uid, c.socket)
	if err != nil {
		return
	}
	defer nc.Close()
	defer context.AfterFunc(c.ctx, func() { _ = nc.Close() })()
	f(nc)
}

// wait waits, until ctx ends.
func (c *client) wait(d time.Duration) {
	select {
	case <-c.ctx.Done():
	case <-time.After(d):
	}
}

// send writes the same bytes again and again, and reads all that comes.
func (c *client) send(b []byte, times int) {
	c.with(func(nc net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, nc) }()
		for range times {
			if _, err := nc.Write(b); err != nil {
				return
			}
		}
	})
}

// search asks some searches on one connection.
func (c *client) search(times int, request func(i int) *wire.SearchRequest) {
	c.with(func(nc net.Conn) {
		for i := range times {
			if _, err := ask(nc, wire.OpSearch, request(i)); err != nil {
				return
			}
		}
	})
}

// attacks are all that one user can do to others through the socket. With scale 1 there are
// enough of each to reach the limits of a small daemon.
func attacks(scale int) []*attack {
	return []*attack{
		{name: "take all connections", workers: 200 * scale, once: func(c *client, _ int) {
			c.with(func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }) // as long as the daemon lets it
		}},
		{name: "never read", workers: 50 * scale, once: func(c *client, n int) {
			c.with(func(nc net.Conn) {
				_, _ = nc.Write(frame(1, wire.OpSearch, &wire.SearchRequest{Words: []string{"a"}, Limit: uint32(packages + n), NoAUR: true}))
				c.wait(5 * time.Second)
			})
		}},
		{name: "expensive searches", workers: 20 * scale, once: func(c *client, n int) {
			c.search(20, func(i int) *wire.SearchRequest { return expensive(n*100 + i) })
		}},
		{name: "unknown operations", workers: 10 * scale, once: func(c *client, _ int) {
			c.send(frame(1, "no-such-operation", nil), 10_000)
		}},
		{name: "undecodable requests", workers: 10 * scale, once: func(c *client, n int) {
			c.send([][]byte{{0, 0, 0, 1, 0xc1}, []byte("GET / HTTP/1.1\r\n\r\n")}[n%2], 1)
		}},
		{name: "half a large request", workers: 20 * scale, once: func(c *client, _ int) {
			c.with(func(nc net.Conn) {
				_, _ = nc.Write([]byte{0, 0x0f, 0, 0, 0x81})
				_, _ = io.Copy(io.Discard, nc)
			})
		}},
		{name: "what others ask", workers: 5 * scale, once: func(c *client, n int) {
			c.search(20, func(i int) *wire.SearchRequest { return common(n + i) })
		}},
		{name: "live queries to the AUR", workers: 5 * scale, once: func(c *client, n int) {
			c.search(1, func(int) *wire.SearchRequest { return live(n) })
		}},
	}
}

// run attacks until ctx ends, and waits for the end.
func run(ctx context.Context, socket string, all []*attack) (wait func()) {
	var wg sync.WaitGroup
	for _, a := range all {
		for worker := range a.workers {
			wg.Go(func() {
				c := &client{ctx, mallory + worker%2, socket}
				for n := 0; ctx.Err() == nil; n++ {
					a.once(c, worker*1_000_000+n)
					a.tries.Add(1)
					c.wait(time.Millisecond)
				}
			})
		}
	}
	return wg.Wait
}

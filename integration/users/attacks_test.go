package users

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

// run attacks until ctx ends.
func run(ctx context.Context, socket string, all []*attack) {
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
	wg.Wait()
}

// helperVariable is the variable with which this program is another one: an echo server
// ("echo SOCKET"), or the attackers ("attack SOCKET SCALE NAME", all of them without a name).
// Each is a process of its own, so that what is measured waits neither for attackers in its
// own process, nor less than omgd for the kernel.
const helperVariable = "OMG_TEST_HELPER"

// help is this program as another one.
func help(words []string) error {
	if words[0] == "echo" {
		return serveEcho(words[1])
	}
	scale, err := strconv.Atoi(words[2])
	if err != nil {
		return err
	}
	all := attacks(scale)
	if name := strings.Join(words[3:], " "); name != "" {
		all = slices.DeleteFunc(all, func(a *attack) bool { return a.name != name })
	}
	ctx, end := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		end()
	}()
	run(ctx, words[1], all)
	for _, a := range all {
		fmt.Println(a.tries.Load(), a.name)
	}
	return nil
}

// serveEcho serves a socket that returns what it gets.
func serveEcho(socket string) error {
	l, err := net.Listen("unix", socket)
	for err == nil {
		var nc net.Conn
		if nc, err = l.Accept(); err == nil {
			go func() {
				_, _ = io.Copy(nc, nc)
				_ = nc.Close()
			}()
		}
	}
	return err
}

// helper starts this program as another one. stop ends it, as the end of the test does, and
// returns what it printed.
func helper(t *testing.T, words ...string) (stop func() string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVariable+"="+strings.Join(words, " "))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	var out bytes.Buffer
	cmd.Stdout = &out
	require.NoError(t, cmd.Start())
	stop = sync.OnceValue(func() string {
		_ = in.Close()
		if words[0] == "echo" {
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
		return out.String()
	})
	t.Cleanup(func() { stop() })
	return stop
}

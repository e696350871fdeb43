package users

import (
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

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// attack is an attack that two users repeat. The workers, each of which is a goroutine, are divided between the two
// users.
type attack struct {
	name     string
	workers  int
	attempt  func(c *client, n int) // called for each attempt, each time with another n
	attempts atomic.Int64           // the number of finished attempts
}

// client sends requests to a daemon as a user. When ctx ends, its connections are closed.
type client struct {
	ctx    context.Context
	uid    int
	socket string
}

// withConn connects to the daemon and calls the function fn with the connection. It closes the connection when fn
// returns or ctx ends.
func (c *client) withConn(fn func(net.Conn)) {
	nc, err := connect(c.uid, c.socket)
	if err != nil {
		return
	}
	defer nc.Close()
	defer context.AfterFunc(c.ctx, func() { _ = nc.Close() })()
	fn(nc)
}

// wait waits for the time d, but not longer than until ctx ends.
func (c *client) wait(d time.Duration) {
	select {
	case <-c.ctx.Done():
	case <-time.After(d):
	}
}

// send writes the same bytes several times on one connection, and reads and ignores the replies.
func (c *client) send(b []byte, times int) {
	c.withConn(func(nc net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, nc) }()
		for range times {
			if _, err := nc.Write(b); err != nil {
				return
			}
		}
	})
}

// search sends several searches on one connection, each after the reply to the previous one.
func (c *client) search(times int, request func(i int) *wire.SearchRequest) {
	c.withConn(func(nc net.Conn) {
		for i := range times {
			if _, err := ask(nc, wire.OpSearch, request(i)); err != nil {
				return
			}
		}
	})
}

// attacks returns all attacks on other users that one user can attempt through the socket. With scale 1, each attack
// has enough workers to reach the limits of a small daemon.
func attacks(scale int) []*attack {
	return []*attack{
		{name: "take all connections", workers: 200 * scale, attempt: func(c *client, _ int) {
			c.withConn(func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }) // until the daemon closes the connection
		}},
		{name: "never read", workers: 50 * scale, attempt: func(c *client, n int) {
			c.withConn(func(nc net.Conn) {
				_, _ = nc.Write(frame(1, wire.OpSearch, &wire.SearchRequest{Words: []string{"a"}, Limit: uint32(packages + n), NoAUR: true}))
				c.wait(5 * time.Second)
			})
		}},
		{name: "expensive searches", workers: 20 * scale, attempt: func(c *client, n int) {
			c.search(20, func(i int) *wire.SearchRequest { return expensive(n*100 + i) })
		}},
		{name: "unknown operations", workers: 10 * scale, attempt: func(c *client, _ int) {
			c.send(frame(1, "no-such-operation", nil), 10_000)
		}},
		{name: "undecodable requests", workers: 10 * scale, attempt: func(c *client, n int) {
			c.send([][]byte{{0, 0, 0, 1, 0xc1}, []byte("GET / HTTP/1.1\r\n\r\n")}[n%2], 1)
		}},
		{name: "half a large request", workers: 20 * scale, attempt: func(c *client, _ int) {
			c.withConn(func(nc net.Conn) {
				_, _ = nc.Write([]byte{0, 0x0f, 0, 0, 0x81})
				_, _ = io.Copy(io.Discard, nc)
			})
		}},
		{name: "repeat the searches of others", workers: 5 * scale, attempt: func(c *client, n int) {
			c.search(20, func(i int) *wire.SearchRequest { return repeatedSearch(n + i) })
		}},
		{name: "live queries to the AUR", workers: 5 * scale, attempt: func(c *client, n int) {
			c.search(1, func(int) *wire.SearchRequest { return liveSearch(n) })
		}},
	}
}

// runAttacks runs the given attacks concurrently until ctx ends. It prints the line begunLine when all workers have begun.
func runAttacks(ctx context.Context, socket string, attacks []*attack) {
	var wg, beginning sync.WaitGroup
	for _, a := range attacks {
		beginning.Add(a.workers)
		for worker := range a.workers {
			wg.Go(func() {
				c := &client{ctx, mallory + worker%2, socket}
				beginning.Done()
				for n := 0; ctx.Err() == nil; n++ {
					a.attempt(c, worker*1_000_000+n)
					a.attempts.Add(1)
					c.wait(time.Millisecond)
				}
			})
		}
	}
	beginning.Wait()
	fmt.Print(begunLine)
	wg.Wait()
}

// begunLine is the first line of the attackers' output.
const begunLine = "begun\n"

// modeVariable is an environment variable that makes the test program run as another program: its value "echo SOCKET"
// means an echo server, and "attack SOCKET SCALE NAME" means the attackers. Without a name, all attacks run. The
// attackers have their own process, so that they do not delay the measured requests inside the test program. The echo
// server has its own process, so that its replies wait for the kernel's scheduler like those of omgd.
const modeVariable = "OMG_TEST_USERS_MODE"

// runMode runs the program that modeVariable selects.
func runMode(words []string) error {
	if words[0] == "echo" {
		return serveEcho(words[1])
	}
	scale, err := strconv.Atoi(words[2])
	if err != nil {
		return err
	}
	selected := attacks(scale)
	if name := strings.Join(words[3:], " "); name != "" {
		selected = slices.DeleteFunc(selected, func(a *attack) bool { return a.name != name })
	}
	ctx, end := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		end()
	}()
	runAttacks(ctx, words[1], selected)
	for _, a := range selected {
		fmt.Println(a.attempts.Load(), a.name)
	}
	return nil
}

// serveEcho serves a socket: it sends everything that it receives back to the sender.
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

// startProcess starts the test program with the value words of modeVariable. It ends when stdin is closed, if it is the
// attackers, and at the end of the test.
func startProcess(t *testing.T, words ...string) (p *harness.Process, stdin io.Closer) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), modeVariable+"="+strings.Join(words, " "))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	return harness.Start(t, cmd), stdin
}

// startAttack starts the attackers, and waits until each of them has begun. The function stop ends them and returns their
// results, one line for each attack.
func startAttack(t *testing.T, socket string, scale int, name string) (stop func() string) {
	t.Helper()
	p, stdin := startProcess(t, "attack", socket, strconv.Itoa(scale), name)
	harness.Await(t, func() bool { return strings.HasPrefix(p.Stdout(), begunLine) }, "the attack %q begins", name)
	return func() string {
		_ = stdin.Close()
		return strings.TrimPrefix(p.Wait().Stdout, begunLine)
	}
}

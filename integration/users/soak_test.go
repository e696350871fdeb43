package users

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// attack is what a user does over and over, until ctx ends.
type attack struct {
	name    string
	workers int
	once    func(ctx context.Context, user int, socket string, n int)
	tries   atomic.Int64
}

// with connects as a user, and closes the connection after f or when ctx ends.
func with(ctx context.Context, user int, socket string, f func(net.Conn)) {
	nc, err := connect(user, socket)
	if err != nil {
		return
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { _ = nc.Close() })()
	f(nc)
}

// attacks are all that TestUsers_AllAttacks mixes, each by two users.
func attacks() []*attack {
	return []*attack{
		{name: "hold connections", workers: 50, once: func(ctx context.Context, user int, socket string, _ int) {
			with(ctx, user, socket, func(nc net.Conn) { // as long as the daemon lets it
				_, _ = io.Copy(io.Discard, nc)
			})
		}},
		{name: "never read", workers: 50, once: func(ctx context.Context, user int, socket string, n int) {
			with(ctx, user, socket, func(nc net.Conn) {
				_, _ = nc.Write(frame(1, wire.OpSearch, &wire.SearchRequest{Words: []string{"a"}, Limit: uint32(packages + n)}))
				select {
				case <-ctx.Done():
				case <-time.After(5 * time.Second):
				}
			})
		}},
		{name: "expensive searches", workers: 20, once: func(ctx context.Context, user int, socket string, n int) {
			with(ctx, user, socket, func(nc net.Conn) {
				for i := range 20 {
					if _, err := ask(nc, wire.OpSearch, expensive(n*100+i)); err != nil {
						return
					}
				}
			})
		}},
		{name: "unknown operations", workers: 10, once: func(ctx context.Context, user int, socket string, _ int) {
			with(ctx, user, socket, func(nc net.Conn) {
				go func() { _, _ = io.Copy(io.Discard, nc) }()
				for id := uint64(1); ctx.Err() == nil && id < 10_000; id++ {
					if _, err := nc.Write(frame(id, "no-such-operation", nil)); err != nil {
						return
					}
				}
			})
		}},
		{name: "half a large frame", workers: 20, once: func(ctx context.Context, user int, socket string, _ int) {
			with(ctx, user, socket, func(nc net.Conn) {
				_, _ = nc.Write([]byte{0, 0x0f, 0, 0, 0x81})
				_, _ = io.Copy(io.Discard, nc)
			})
		}},
		{name: "rubbish", workers: 10, once: func(ctx context.Context, user int, socket string, _ int) {
			with(ctx, user, socket, func(nc net.Conn) {
				_, _ = nc.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
				_, _ = io.Copy(io.Discard, nc)
			})
		}},
	}
}

// asked are a user's requests during the attacks.
type asked struct {
	name   string
	took   []time.Duration
	failed []string
}

func (a *asked) request(uid int, socket, op string, request any) {
	start := time.Now()
	nc, err := connect(uid, socket)
	if err == nil {
		_ = nc.SetDeadline(start.Add(harness.Hang))
		_, err = ask(nc, op, request)
		_ = nc.Close()
	}
	if a.took = append(a.took, time.Since(start)); err != nil {
		a.failed = append(a.failed, fmt.Sprintf("%s: %v", op, err))
	}
}

// percentile returns a time that so many percent of the requests did not exceed.
func (a *asked) percentile(percent int) time.Duration {
	slices.Sort(a.took)
	return a.took[(len(a.took)-1)*percent/100].Round(time.Microsecond)
}

// echo serves a socket that returns what it gets, to compare with.
func echo(t *testing.T) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "echo")
	harness.ServeUnix(t, socket, func(nc net.Conn) { _, _ = io.Copy(nc, nc) })
	return socket
}

// echoed sends some bytes to an echo server and reads them.
func (a *asked) echoed(socket string) {
	start := time.Now()
	nc, err := net.Dial("unix", socket)
	if err == nil {
		b := make([]byte, 100)
		if _, err = nc.Write(b); err == nil {
			_, err = io.ReadFull(nc, b)
		}
		_ = nc.Close()
	}
	if a.took = append(a.took, time.Since(start)); err != nil {
		a.failed = append(a.failed, err.Error())
	}
}

// TestUsers_AllAttacks: while several users attack at the same time in all ways, every
// request of others is answered. In its long form it runs for ten minutes.
func TestUsers_AllAttacks(t *testing.T) {
	d := serve(t, "OMG_LIMITS_MAX_CONNECTIONS=256", "OMG_LIMITS_MAX_UNSENT=8MiB", "OMG_LIMITS_USER_RATE=1000", "OMG_LIMITS_UNREAD_TIMEOUT=1s")
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var wait sync.WaitGroup
	all := attacks()
	for _, a := range all {
		for worker := range a.workers {
			wait.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					a.once(ctx, mallory+worker%2, d.Socket, worker*1_000_000+n)
					a.tries.Add(1)
					time.Sleep(time.Millisecond)
				}
			})
		}
	}
	user, admin, plain, server := &asked{name: "another user"}, &asked{name: "root"}, &asked{name: "echo server"}, echo(t)
	rounds, until := 100, time.Now()
	if os.Getenv("OMG_SOAK") != "" {
		until = until.Add(10 * time.Minute)
	}
	for n := 0; n < rounds || time.Now().Before(until); n++ {
		user.request(alice, d.Socket, wire.OpInfo, &wire.InfoRequest{Names: []string{fmt.Sprint("none", n)}})
		user.request(alice, d.Socket, wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}, Limit: uint32(n%100 + 1)})
		admin.request(root, d.Socket, wire.OpMetrics, nil)
		plain.echoed(server)
	}
	end()
	wait.Wait()
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "attack\ttries")
	for _, a := range all {
		fmt.Fprintf(w, "%s\t%d\n", a.name, a.tries.Load())
	}
	fmt.Fprintln(w, "\nwho asks\trequests\tlost\tp50\tp99")
	for _, a := range []*asked{user, admin, plain} {
		fmt.Fprintf(w, "%s\t%d\t%d\t%v\t%v\n", a.name, len(a.took), len(a.failed), a.percentile(50), a.percentile(99))
	}
	fmt.Fprintf(w, "\npeak memory\t%d MB\n", memory(t, d, "VmHWM"))
	require.NoError(t, w.Flush())
	t.Logf("attacks on the system-wide daemon:\n%s", table.String())
	require.Empty(t, user.failed)
	require.Empty(t, admin.failed)
	for _, a := range all {
		require.Positive(t, a.tries.Load(), a.name)
	}
}

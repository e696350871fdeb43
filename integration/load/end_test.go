package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/wire"
)

// TestLoad_End stops omgd while a thousand connections send requests, an index is being built most of the time and
// other peers stall or never read. It must answer every request that it accepted, even if only with an error that it is
// stopping, and leave no files.
func TestLoad_End(t *testing.T) {
	t.Cleanup(func() { await.NoGoroutines(t) })
	c := newChanging(t, longLimits)
	ends := long(3, 200)
	var all counts
	for n := range ends {
		// If the last omgd ended between an index and the file of its origin, the index would be unusable after the next change.
		c.BuildIndexes()
		d := c.StartDaemon()
		ctx, letGo := context.WithCancel(t.Context())
		var wait, changer sync.WaitGroup
		var now counts
		lost := make([]string, clients)
		for i := range clients {
			wait.Go(func() { lost[i] = pipeline(d.Socket, uint64(n*clients+i), &now) })
		}
		for i := range misbehaving {
			wait.Go(func() { misbehave(ctx, d.Socket, i, c.next) })
		}
		changer.Go(func() {
			for seen := int64(0); ctx.Err() == nil; pause(ctx) {
				if answered := now.answered.Load(); answered >= seen+200 {
					seen = answered
					c.swap()
				}
			}
		})
		// Peers that never read a reply delay omgd's stop. letGo ends them, once all other clients know that omgd is
		// stopping.
		target := int64(clients/2 + rand.IntN(clients))
		harness.Await(t, func() bool { return now.answered.Load() >= target }, "%d answers", target)
		d.Signal(syscall.SIGTERM)
		harness.Await(t, func() bool { return now.told.Load() >= now.connected.Load() }, "all %d clients are told of the end: %d are; %s",
			func() string { return fmt.Sprint(now.connected.Load()) }, func() string { return fmt.Sprint(now.told.Load()) }, d.Stderr)
		letGo()
		changer.Wait()
		r := d.Wait()
		wait.Wait()
		for _, one := range lost {
			if one != "" {
				t.Error(one)
			}
		}
		require.Zero(t, r.Code, r.Stderr)
		require.False(t, t.Failed(), r.Stderr)
		for _, pattern := range []string{"omg.*", "omgd.*", "data/.*.tmp"} {
			there, err := filepath.Glob(c.Path(pattern))
			require.NoError(t, err)
			require.Subset(t, []string{c.OmgConfig}, there)
		}
		all.answered.Add(now.answered.Load())
		all.refused.Add(now.refused.Load())
	}
	require.Greater(t, all.answered.Load(), int64(ends*clients/2))
	t.Logf("%d ends; %d requests answered, %d refused because of the end", ends, all.answered.Load(), all.refused.Load())
}

// counts has the number of requests by their outcome, and the number of clients.
type counts struct {
	answered, refused atomic.Int64
	connected, told   atomic.Int64 // number of clients that have connected, and of clients that know that omgd is stopping
}

// window is how many requests of a client may be unanswered.
const window = 3

// pipeline sends requests without waiting for replies until the server ends, and returns a request that was sent
// completely but not answered.
func pipeline(socket string, seed uint64, all *counts) (lost string) {
	nc, err := net.Dial("unix", socket)
	if err != nil {
		return "" // omgd stopped before this client connected
	}
	defer nc.Close()
	all.connected.Add(1)
	rng := rand.New(rand.NewPCG(seed, 8))
	var sent uint64 // requests that were sent completely
	room, over := make(chan struct{}, window), make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for id := uint64(1); ; id++ {
			select {
			case room <- struct{}{}:
			case <-over:
				return
			}
			if _, err := nc.Write(request(rng, id)); err != nil {
				return
			}
			sent = id
		}
	})
	answered, refused, err := responses(nc, room, all)
	close(over)
	_ = nc.Close()
	writing.Wait()
	for id := uint64(1); id <= sent && !refused; id++ {
		if !answered[id] {
			return fmt.Sprintf("request %d of %d was not answered: %v", id, sent, err)
		}
	}
	return ""
}

// request returns the frame of a random request.
func request(rng *rand.Rand, id uint64) []byte {
	var b []byte
	switch rng.IntN(4) {
	case 0:
		b, _ = wire.AppendRequest(nil, id, wire.OpStatus, nil)
	case 1:
		b, _ = wire.AppendRequest(nil, id, wire.OpRefresh, nil)
	case 2:
		limit := []uint32{0, 50, 50, 50}[rng.IntN(4)] // some replies are longer than a socket's buffer
		b, _ = wire.AppendRequest(nil, id, wire.OpSearch, &wire.SearchRequest{Words: []string{words[rng.IntN(len(words))]}, Limit: limit})
	default:
		b, _ = wire.AppendRequest(nil, id, wire.OpInfo, &wire.InfoRequest{Names: []string{fmt.Sprint("package", rng.IntN(9))}})
	}
	return b
}

// responses reads replies until the connection ends. For each reply, it takes one value from room, which lets
// pipeline send a further request. The result answered contains the IDs of the requests that were answered
// completely. The result refused is set if the server refused the connection.
func responses(nc net.Conn, room <-chan struct{}, all *counts) (answered map[uint64]bool, refused bool, err error) {
	answered = map[uint64]bool{}
	told := false
	defer func() {
		if !told { // no request was in flight
			all.told.Add(1)
		}
	}()
	r := bufio.NewReader(nc)
	var frame []byte
	for {
		if frame, err = wire.ReadFrame(r, frame, wire.MaxFrameSize); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return answered, refused, err
		}
		var got wire.Reply
		if got, err = wire.DecodeReply(frame); err != nil {
			return answered, refused, err
		}
		switch {
		case got.Err == nil:
			all.answered.Add(1)
		case got.Err.Code == wire.CodeShuttingDown:
			all.refused.Add(1)
			refused = refused || got.ID == 0
			if !told {
				told = true
				all.told.Add(1)
			}
		case got.Err.Code != wire.CodeBusy:
			return answered, refused, got.Err
		}
		if !got.More {
			answered[got.ID] = true
			select {
			case <-room:
			default: // the server refused the connection
			}
		}
	}
}

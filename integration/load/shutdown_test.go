package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/omg-arch/omg/shared/wire"
)

// TestShutdownUnderLoad: an omgd that is ended while a thousand connections ask,
// and others stall or never read, ends within five seconds, answers every request
// that it accepted, be it by saying that it ends, and leaves nothing.
func TestShutdownUnderLoad(t *testing.T) {
	defer goleak.VerifyNone(t)
	times := 5
	if soak {
		times = 200
	}
	const clients, rude = 1000, 50
	w := newWorld(t)
	var longest time.Duration
	answers, refused := 0, 0
	for n := range times {
		d := w.start()
		ctx, cancel := context.WithCancel(context.Background())
		var wait sync.WaitGroup
		counts := make([]count, clients)
		for i := range clients {
			wait.Go(func() { counts[i] = pipeline(t, d.Socket, uint64(n*clients+i)) })
		}
		for i := range rude {
			wait.Go(func() { bad(ctx, d.Socket, i) })
		}
		changing := make(chan int)
		go func() { changing <- w.change(ctx, 120*time.Millisecond) }() // an index is being built most of the time
		time.Sleep(300*time.Millisecond + time.Duration(rand.IntN(400))*time.Millisecond)
		begin := time.Now()
		d.Stop(t)
		took := time.Since(begin)
		cancel()
		<-changing
		wait.Wait()
		longest = max(longest, took)
		require.Less(t, took, 5*time.Second)
		for _, c := range counts {
			answers += c.answered
			refused += c.refused
		}
		entries, err := os.ReadDir(filepath.Dir(d.Socket))
		require.NoError(t, err)
		require.Empty(t, entries)
		parts, err := filepath.Glob(filepath.Join(w.home, "data", ".*.tmp"))
		require.NoError(t, err)
		require.Empty(t, parts)
		if t.Failed() {
			return
		}
	}
	require.Greater(t, answers, times*clients/10)
	t.Logf("%d ends, the longest took %s; %d requests answered, %d refused because of the end", times, longest, answers, refused)
}

// count is what became of a client's requests.
type count struct{ answered, refused int }

// pipeline sends requests without awaiting their answers, until the server ends,
// and demands an answer to each that the kernel took whole.
func pipeline(t *testing.T, socket string, seed uint64) (c count) {
	nc, err := net.Dial("unix", socket)
	if err != nil {
		return c // the end has come before
	}
	defer nc.Close()
	rng := rand.New(rand.NewPCG(seed, 8))
	var sent uint64 // requests whose writing has succeeded
	var writing sync.WaitGroup
	writing.Go(func() {
		for id := uint64(1); ; id++ {
			if _, err := nc.Write(request(rng, id)); err != nil {
				return
			}
			sent = id
			time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond)
		}
	})
	answered, all, err := responses(nc, &c)
	_ = nc.Close()
	writing.Wait()
	for id := uint64(1); id <= sent && !all; id++ {
		if !answered[id] {
			t.Errorf("request %d of %d was not answered: %v", id, sent, err)
			return c
		}
	}
	return c
}

// request is the frame of some question.
func request(rng *rand.Rand, id uint64) []byte {
	var b []byte
	switch rng.IntN(4) {
	case 0:
		b, _ = wire.AppendRequest(nil, id, wire.OpStatus, nil)
	case 1:
		b, _ = wire.AppendRequest(nil, id, wire.OpRefresh, nil)
	case 2:
		b, _ = wire.AppendRequest(nil, id, wire.OpSearch, &wire.SearchRequest{Words: []string{words[rng.IntN(len(words))]}})
	default:
		b, _ = wire.AppendRequest(nil, id, wire.OpInfo, &wire.InfoRequest{Names: []string{fmt.Sprint("package", rng.IntN(9))}})
	}
	return b
}

// responses reads to the end of the connection and returns which requests were
// answered whole; all means that the connection as such was refused.
func responses(nc net.Conn, c *count) (answered map[uint64]bool, all bool, err error) {
	answered = map[uint64]bool{}
	r := bufio.NewReader(nc)
	var frame []byte
	for {
		if frame, err = wire.ReadFrame(r, frame); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return answered, all, err
		}
		var said wire.Response
		if said, err = wire.DecodeResponse(frame); err != nil {
			return answered, all, err
		}
		switch {
		case said.Err == nil:
			c.answered++
		case said.Err.Code == wire.CodeShuttingDown:
			c.refused++
			all = all || said.ID == 0
		case said.Err.Code != wire.CodeBusy:
			return answered, all, said.Err
		}
		answered[said.ID] = answered[said.ID] || !said.More
	}
}

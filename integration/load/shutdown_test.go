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
	answers, refused, judged := 0, 0, 0
	for n := range times {
		d := w.start()
		ctx, cancel := context.WithCancel(context.Background())
		var wait sync.WaitGroup
		counts := make([]count, clients)
		for i := range clients {
			wait.Go(func() { counts[i] = pipeline(d.Socket, uint64(n*clients+i)) })
		}
		for i := range rude {
			wait.Go(func() { bad(ctx, d.Socket, i) })
		}
		changing := make(chan int)
		go func() { changing <- w.change(ctx, 120*time.Millisecond) }() // an index is being built most of the time
		time.Sleep(300*time.Millisecond + time.Duration(rand.IntN(400))*time.Millisecond)
		begin := time.Now()
		lag := watchLag()
		d.Stop(t)
		took := time.Since(begin)
		cancel()
		<-changing
		wait.Wait()
		longest = max(longest, took)
		require.Less(t, took, 5*time.Second)
		// A peer that does not read for a second is cut off: clients that do not get to
		// run for half of that are no judges.
		late := lag() > 500*time.Millisecond
		if !late {
			judged++
		}
		for _, c := range counts {
			if c.lost != "" && !late {
				t.Error(c.lost)
			}
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
			t.Log(d.Stderr())
			return
		}
	}
	if judged == 0 {
		t.Skip("this machine is too slow to judge by: its clients do not get to run for half a second")
	}
	require.Greater(t, answers, times*clients/10)
	t.Logf("%d ends, the longest took %s; %d requests answered, %d refused because of the end", times, longest, answers, refused)
}

// watchLag returns how long, at most, something that was due did not run in this
// process until it is called.
func watchLag() (lag func() time.Duration) {
	const tick = 10 * time.Millisecond
	stop, result := make(chan struct{}), make(chan time.Duration)
	go func() {
		worst, last := time.Duration(0), time.Now()
		for {
			select {
			case <-stop:
				result <- worst
				return
			case <-time.After(tick):
				worst, last = max(worst, time.Since(last)-tick), time.Now()
			}
		}
	}()
	return func() time.Duration { close(stop); return <-result }
}

// count is what became of a client's requests.
type count struct {
	answered, refused int
	lost              string // the first that was not answered, empty for none
}

// pipeline sends requests without awaiting their answers, until the server ends,
// and notes which one that the kernel took whole has no answer.
func pipeline(socket string, seed uint64) (c count) {
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
			c.lost = fmt.Sprintf("request %d of %d was not answered: %v", id, sent, err)
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

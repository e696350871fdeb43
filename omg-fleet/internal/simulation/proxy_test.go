package simulation

import (
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy passes connections on to a port. It can delay, stall and hold what it passes on, in both directions.
type proxy struct {
	to   string
	port int
	// delay is the time that each segment needs. Each segment also waits for the one before it.
	delay time.Duration
	// stalls is the share of the segments that need the time stall more, like those that are sent again after they were lost.
	stalls float64
	stall  time.Duration

	mu     sync.Mutex
	opened *sync.Cond // after mu was held because of cut
	cut    bool
	closes map[int]func() // close the current connections, by number
	number int            // of the last connection
}

// segmentBytes is the size of a segment, which is that of most networks.
const segmentBytes = 1460

// startProxy starts a proxy to a port, which passes everything on at once.
func startProxy(t *testing.T, to int) *proxy {
	t.Helper()
	return startSlowProxy(t, to, 0, 0, 0)
}

// startSlowProxy starts a proxy that delays everything, and holds a share of the segments for longer.
func startSlowProxy(t *testing.T, to int, delay time.Duration, stalls float64, stall time.Duration) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{to: (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: to}).String(), port: l.Addr().(*net.TCPAddr).Port, delay: delay, stalls: stalls, stall: stall, closes: map[int]func(){}}
	p.opened = sync.NewCond(&p.mu)
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { p.pass(t, in) })
		}
	})
	t.Cleanup(func() {
		p.setCut(false)
		_ = l.Close()
		passing.Wait()
	})
	return p
}

// setCut makes the proxy hold everything, as if packets were lost, or pass on what it held.
func (p *proxy) setCut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	p.opened.Broadcast()
}

// restore ends a cut, and closes the connections that had it, as their ends do when a cut lasts.
func (p *proxy) restore() {
	p.mu.Lock()
	closes := slices.Collect(maps.Values(p.closes))
	p.mu.Unlock()
	for _, closeBoth := range closes {
		closeBoth()
	}
	p.setCut(false)
}

// note notes how to close a connection, and returns a function that forgets it.
func (p *proxy) note(closeBoth func()) (forget func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number++
	n := p.number
	p.closes[n] = closeBoth
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.closes, n)
	}
}

func (p *proxy) awaitOpen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.cut {
		p.opened.Wait()
	}
}

// pass passes on a connection until one of its ends closes it, or the test ends.
func (p *proxy) pass(t *testing.T, in net.Conn) {
	p.awaitOpen()
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		_ = in.Close()
		return
	}
	closeBoth := sync.OnceFunc(func() {
		_ = in.Close()
		_ = out.Close()
	})
	defer closeBoth()
	defer p.note(closeBoth)()
	var both sync.WaitGroup
	ended := make(chan struct{})
	both.Go(func() { p.copy(in, out, closeBoth) })
	both.Go(func() { p.copy(out, in, closeBoth) })
	go func() {
		select {
		case <-t.Context().Done():
			closeBoth()
		case <-ended:
		}
	}()
	both.Wait()
	close(ended)
}

type segment struct {
	due  time.Time
	data []byte
}

// maxSegments limits how many segments are on their way.
const maxSegments = 4096

func (p *proxy) copy(from, to net.Conn, closeBoth func()) {
	segments := make(chan segment, maxSegments)
	go func() {
		defer closeBoth()
		for s := range segments {
			time.Sleep(time.Until(s.due))
			p.awaitOpen()
			if _, err := to.Write(s.data); err != nil {
				for range segments { // so that the reader ends
				}
				return
			}
		}
	}()
	defer close(segments)
	last := time.Time{}
	for {
		data := make([]byte, segmentBytes)
		n, err := from.Read(data)
		if err != nil {
			return
		}
		due := time.Now().Add(p.delay)
		if rand.Float64() < p.stalls {
			due = due.Add(p.stall)
		}
		if due.Before(last) {
			due = last
		}
		last = due
		segments <- segment{due, data[:n]}
	}
}

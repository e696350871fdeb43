package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	loadRounds      = 3 // measurements of omgd and of the echo server, alternately
	loadTime        = 400 * time.Millisecond
	loadDepth       = 32 // requests that are sent before the first reply is read
	maxUncachedHits = 20 // maximum number of hits of an uncached search
)

// request is an encoded request and the length of its reply.
type request struct {
	frame     []byte
	replySize int
	idOffset  int // offset of the request's ID in the frame; the ID is one byte long
	// nonceOffset is the offset of a number that is changed before each request, so that no reply is in the cache; 0 if
	// replies may be cached.
	nonceOffset int
}

// measureLoad measures how many requests omgd answers per second, against an echo server with requests and replies of the same
// lengths.
func (b *bench) measureLoad() error {
	w, err := b.newGeneratedSystem(15_000)
	if err != nil {
		return err
	}
	if err := b.startDaemon(w); err != nil {
		return err
	}
	defer w.stop()
	time.Sleep(daemonSettleTime)
	e, err := b.startEcho()
	if err != nil {
		return err
	}
	defer e.stop()
	kinds, err := b.createRequests(w)
	if err != nil {
		return err
	}
	for _, k := range kinds {
		for _, conns := range []int{1, 16, 256} {
			for _, depth := range []int{1, loadDepth} {
				if err := b.measureRequestRate(w, e, k.name, k.requests, k.requiredRatio, conns, depth); err != nil {
					return fmt.Errorf("%s: %w", k.name, err)
				}
			}
		}
	}
	return nil
}

// lastNonce is the last number that made a request unique.
var lastNonce atomic.Uint32

type requestKind struct {
	name          string
	requests      []request
	requiredRatio float64 // the required share of the echo server's rate; 0 for no requirement
}

// createRequests creates the requests of each kind. It sends each request once, because it needs the length of each reply.
func (b *bench) createRequests(w *testSystem) ([]requestKind, error) {
	nc, err := net.Dial("unix", w.socket)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	in := bufio.NewReader(nc)
	send := func(op string, fields any, nonce uint32) (request, []byte, error) {
		frame, err := wire.AppendRequest(nil, 1, op, fields)
		if err != nil {
			return request{}, nil, err
		}
		r := request{frame: frame, idOffset: bytes.Index(frame, []byte("\xa2id")) + len("\xa2id")}
		if nonce > 0 {
			r.nonceOffset = bytes.Index(frame, binary.BigEndian.AppendUint32([]byte{0xce}, nonce)) + 1
			if r.nonceOffset == 0 {
				return r, nil, errors.New("the encoded request does not contain the nonce")
			}
		}
		if _, err := nc.Write(frame); err != nil {
			return r, nil, err
		}
		for {
			body, err := wire.ReadFrame(in, nil, wire.MaxFrameSize)
			if err != nil {
				return r, nil, err
			}
			r.replySize += wire.FrameHeaderSize + len(body)
			var part struct {
				More bool `msgpack:"more"`
			}
			if err := msgpack.Unmarshal(body, &part); err != nil || !part.More {
				return r, body, err
			}
		}
	}
	ping, _, err := send(wire.OpPing, nil, 0)
	if err != nil {
		return nil, err
	}
	info := requestKind{name: "info", requiredRatio: 0.5}
	cached, uncached := requestKind{name: "search, cached", requiredRatio: 0.5}, requestKind{name: "search, uncached, 1 to 20 hits", requiredRatio: 0.25}
	const nonce = 1 << 30 // the first nonce; each nonce is sent as the limit of a search, and is larger than any number of results
	lastNonce.Store(nonce)
	for _, words := range fixture.GenerateQueries(w.fixtureOptions, 2000) {
		r, body, err := send(wire.OpSearch, &wire.SearchRequest{Words: strings.Fields(words), Limit: nonce}, nonce)
		if err != nil {
			return nil, err
		}
		var reply struct {
			Result *wire.SearchResult `msgpack:"result"`
		}
		if err := msgpack.Unmarshal(body, &reply); err != nil {
			return nil, err
		}
		// If a reply has several chunks, its last chunk does not contain the total number of results.
		if reply.Result == nil || reply.Result.Total == 0 || reply.Result.Total > maxUncachedHits {
			continue
		}
		uncached.requests = append(uncached.requests, r)
		if len(cached.requests) < 100 {
			r.nonceOffset = 0
			cached.requests = append(cached.requests, r)
			i, _, err := send(wire.OpInfo, &wire.InfoRequest{Names: []string{reply.Result.Packages[0].Name}}, 0)
			if err != nil {
				return nil, err
			}
			info.requests = append(info.requests, i)
		}
	}
	if len(cached.requests) < 100 {
		return nil, fmt.Errorf("only %d queries have 1 to %d hits", len(cached.requests), maxUncachedHits)
	}
	return []requestKind{{name: "ping", requests: []request{ping}}, cached, uncached, info}, nil
}

// measureRequestRate measures one kind of request on a number of connections.
func (b *bench) measureRequestRate(w *testSystem, e *echoServer, name string, requests []request, aim float64, conns, depth int) error {
	bare := make([]request, len(requests))
	for i, r := range requests {
		bare[i] = request{frame: echoRequest(r.frame, r.replySize), replySize: r.replySize, idOffset: len(r.frame) - 1}
	}
	var ours, peers, times runTimes
	for turn := range loadRounds {
		rate, waits, err := flood(w.socket, requests, conns, depth, turn)
		if err != nil {
			return err
		}
		ours, times = append(ours, rate), append(times, waits...)
		if rate, _, err = flood(e.socketPath, bare, conns, depth, turn); err != nil {
			return err
		}
		peers = append(peers, rate)
	}
	how := "one at a time"
	if depth > 1 {
		how = fmt.Sprintf("%d at a time", depth)
	}
	f := tableRow{
		Name: name + ", " + how, Workload: fmt.Sprintf("%d connections", conns), Unit: "requests/s",
		MeasuredValue: ours.median(), SpreadLow: ours.quantile(0), SpreadHigh: ours.quantile(1),
		PeerValue: peers.median(), PeerName: "echo server", IsRate: true, ours: ours, peers: peers,
		Note: fmt.Sprintf("p50 %s, p99 %s, p99.9 %s µs", formatNumber(times.median()), formatNumber(times.quantile(0.99)), formatNumber(times.quantile(0.999))),
	}
	if aim > 0 {
		f.Aim, f.AimMet = fmt.Sprintf("%.2f of the peer's rate", aim), ours.median() >= aim*peers.median()
	}
	b.add(f)
	return nil
}

// flood opens conns connections and sends requests on all of them for loadTime. It returns the replies per second, and
// the time in microseconds that each reply took.
func flood(path string, requests []request, conns, depth, turn int) (rate float64, times runTimes, err error) {
	type done struct {
		times runTimes
		err   error
	}
	results := make([]done, conns)
	var ready, wait sync.WaitGroup
	begin := make(chan struct{})
	var end time.Time
	ready.Add(conns)
	for i := range conns {
		wait.Go(func() {
			nc, err := net.Dial("unix", path)
			ready.Done()
			if err != nil {
				results[i].err = err
				return
			}
			defer nc.Close()
			<-begin
			first := i*len(requests)/conns + turn
			results[i].times, results[i].err = sendPipelined(nc, requests, first, depth, end)
		})
	}
	ready.Wait()
	start := time.Now()
	end = start.Add(loadTime)
	close(begin)
	wait.Wait()
	took := time.Since(start)
	for _, r := range results {
		times, err = append(times, r.times...), errors.Join(err, r.err)
	}
	return float64(len(times)) / took.Seconds(), times, err
}

// sendPipelined sends depth requests, reads their replies, and repeats. Requests that must not be in the cache get a new
// number.
func sendPipelined(nc net.Conn, requests []request, first, depth int, end time.Time) (runTimes, error) {
	in := bufio.NewReaderSize(nc, 64<<10)
	var times runTimes
	var batch []byte
	for at := first; ; at += depth {
		batch = batch[:0]
		for i := range depth {
			r := requests[(at+i)%len(requests)]
			frame := len(batch)
			batch = append(batch, r.frame...)
			batch[frame+r.idOffset] = byte(i + 1)
			if r.nonceOffset > 0 {
				binary.BigEndian.PutUint32(batch[frame+r.nonceOffset:], lastNonce.Add(1))
			}
		}
		start := time.Now()
		if start.After(end) {
			return times, nil
		}
		if _, err := nc.Write(batch); err != nil {
			return nil, err
		}
		for i := range depth {
			n, err := discardFrame(in)
			if err != nil {
				return nil, err
			}
			if want := requests[(at+i)%len(requests)].replySize; n != want {
				return nil, fmt.Errorf("got a reply of %d bytes instead of %d to the request %q", n, want, requests[(at+i)%len(requests)].frame)
			}
			times = append(times, float64(time.Since(start).Nanoseconds())/1e3)
		}
	}
}

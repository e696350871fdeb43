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
	loadTurns = 3 // measurements of omgd and of the echo server, alternately
	loadTime  = 400 * time.Millisecond
	loadDepth = 32 // pipelined requests that are sent at once
	fewHits   = 20 // of an uncached search
)

// question is an encoded request and the length of its reply.
type question struct {
	frame  []byte
	answer int
	id     int // offset of the request's id, one byte
	// unlike is the offset of a number that is changed before each request, so that no reply is in the cache; 0 if
	// replies may be cached.
	unlike int
}

// load measures how many requests omgd answers per second, against an echo server with requests and replies of the same
// lengths.
func (b *bench) load() error {
	w, err := b.generated(15_000)
	if err != nil {
		return err
	}
	if err := b.serve(w); err != nil {
		return err
	}
	defer w.stop()
	time.Sleep(quiet)
	e, err := b.startEcho()
	if err != nil {
		return err
	}
	defer e.stop()
	kinds, err := b.questions(w)
	if err != nil {
		return err
	}
	for _, k := range kinds {
		for _, conns := range []int{1, 16, 256} {
			for _, depth := range []int{1, loadDepth} {
				if err := b.loadOne(w, e, k.name, k.questions, k.aim, conns, depth); err != nil {
					return fmt.Errorf("%s: %w", k.name, err)
				}
			}
		}
	}
	return nil
}

// unseen is the last number that made a request unique.
var unseen atomic.Uint32

type kind struct {
	name      string
	questions []question
	aim       float64 // share of the echo server's rate, 0 for none
}

// questions sends each question once, to get its reply.
func (b *bench) questions(w *setup) ([]kind, error) {
	nc, err := net.Dial("unix", w.socket)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	in := bufio.NewReader(nc)
	ask := func(op string, fields any, unlike uint32) (question, []byte, error) {
		frame, err := wire.AppendRequest(nil, 1, op, fields)
		if err != nil {
			return question{}, nil, err
		}
		q := question{frame: frame, id: bytes.Index(frame, []byte("\xa2id")) + len("\xa2id")}
		if unlike > 0 {
			q.unlike = bytes.Index(frame, binary.BigEndian.AppendUint32([]byte{0xce}, unlike)) + 1
			if q.unlike == 0 {
				return q, nil, errors.New("the request has no number to change")
			}
		}
		if _, err := nc.Write(frame); err != nil {
			return q, nil, err
		}
		for {
			body, err := wire.ReadFrame(in, nil, wire.MaxFrame)
			if err != nil {
				return q, nil, err
			}
			q.answer += wire.HeaderSize + len(body)
			var part struct {
				More bool `msgpack:"more"`
			}
			if err := msgpack.Unmarshal(body, &part); err != nil || !part.More {
				return q, body, err
			}
		}
	}
	ping, _, err := ask(wire.OpPing, nil, 0)
	if err != nil {
		return nil, err
	}
	info := kind{name: "info", aim: 0.5}
	cached, uncached := kind{name: "search, cached", aim: 0.5}, kind{name: "search, uncached, 1 to 20 hits", aim: 0.25}
	const unlike = 1 << 30 // a limit that cuts nothing off, like all larger numbers
	unseen.Store(unlike)
	for _, words := range fixture.Queries(w.options, 2000) {
		q, body, err := ask(wire.OpSearch, &wire.SearchRequest{Words: strings.Fields(words), Limit: unlike}, unlike)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Result *wire.SearchResult `msgpack:"result"`
		}
		if err := msgpack.Unmarshal(body, &answer); err != nil {
			return nil, err
		}
		// The last of several chunks has no total.
		if answer.Result == nil || answer.Result.Total == 0 || answer.Result.Total > fewHits {
			continue
		}
		uncached.questions = append(uncached.questions, q)
		if len(cached.questions) < 100 {
			q.unlike = 0
			cached.questions = append(cached.questions, q)
			i, _, err := ask(wire.OpInfo, &wire.InfoRequest{Names: []string{answer.Result.Packages[0].Name}}, 0)
			if err != nil {
				return nil, err
			}
			info.questions = append(info.questions, i)
		}
	}
	if len(cached.questions) < 100 {
		return nil, fmt.Errorf("only %d queries have 1 to %d hits", len(cached.questions), fewHits)
	}
	return []kind{{name: "ping", questions: []question{ping}}, cached, uncached, info}, nil
}

// loadOne measures one kind of question on a number of connections.
func (b *bench) loadOne(w *setup, e *echo, name string, questions []question, aim float64, conns, depth int) error {
	bare := make([]question, len(questions))
	for i, q := range questions {
		bare[i] = question{frame: echoRequest(q.frame, q.answer), answer: q.answer, id: len(q.frame) - 1}
	}
	var ours, peers, times sample
	for turn := range loadTurns {
		rate, waits, err := flood(w.socket, questions, conns, depth, turn)
		if err != nil {
			return err
		}
		ours, times = append(ours, rate), append(times, waits...)
		if rate, _, err = flood(e.path, bare, conns, depth, turn); err != nil {
			return err
		}
		peers = append(peers, rate)
	}
	how := "one at a time"
	if depth > 1 {
		how = fmt.Sprintf("%d at a time", depth)
	}
	f := figure{
		Name: name + ", " + how, On: fmt.Sprintf("%d connections", conns), Unit: "requests/s",
		Measured: ours.median(), Low: ours.quantile(0), High: ours.quantile(1),
		Peer: peers.median(), PeerName: "echo server", Rate: true, ours: ours, peers: peers,
		Note: fmt.Sprintf("p50 %s, p99 %s, p99.9 %s µs", number(times.median()), number(times.quantile(0.99)), number(times.quantile(0.999))),
	}
	if aim > 0 {
		f.Aim, f.Met = fmt.Sprintf("%.2f of its rate", aim), ours.median() >= aim*peers.median()
	}
	b.add(f)
	return nil
}

// flood sends requests on a number of connections for a while and returns the replies per second and the time of each,
// in microseconds.
func flood(path string, questions []question, conns, depth, turn int) (rate float64, times sample, err error) {
	type done struct {
		times sample
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
			first := i*len(questions)/conns + turn
			results[i].times, results[i].err = ask(nc, questions, first, depth, end)
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

// ask sends depth requests, reads their replies, and repeats. Requests that must not be in the cache get a new number.
func ask(nc net.Conn, questions []question, first, depth int, end time.Time) (sample, error) {
	in := bufio.NewReaderSize(nc, 64<<10)
	var times sample
	var batch []byte
	for at := first; ; at += depth {
		batch = batch[:0]
		for i := range depth {
			q := questions[(at+i)%len(questions)]
			frame := len(batch)
			batch = append(batch, q.frame...)
			batch[frame+q.id] = byte(i + 1)
			if q.unlike > 0 {
				binary.BigEndian.PutUint32(batch[frame+q.unlike:], unseen.Add(1))
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
			if want := questions[(at+i)%len(questions)].answer; n != want {
				return nil, fmt.Errorf("an answer of %d bytes, not %d, to %q", n, want, questions[(at+i)%len(questions)].frame)
			}
			times = append(times, float64(time.Since(start).Nanoseconds())/1e3)
		}
	}
}

package main

import (
	"io"
	"net"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// socket measures replies that need no data. It compares a ping of omgd with a round trip of a minimal echo server. Both
// transfer equally many bytes, and are measured alternately.
func (b *bench) socket() error {
	w, err := b.generated(10)
	if err != nil {
		return err
	}
	if err := b.serve(w); err != nil {
		return err
	}
	defer w.stop()
	e, err := b.startEcho()
	if err != nil {
		return err
	}
	defer e.stop()

	request, err := wire.AppendRequest(nil, 1, wire.OpPing, nil)
	if err != nil {
		return err
	}
	answer := wire.AppendResult(nil, 1, []byte{0x80}, false)
	var ours, peers sample
	for range 20 {
		for _, peer := range []struct {
			path    string
			request []byte
			into    *sample
		}{{w.socket, request, &ours}, {e.path, echoRequest(request, len(answer)), &peers}} {
			times, err := roundTrips(peer.path, peer.request, 2000)
			if err != nil {
				return err
			}
			*peer.into = append(*peer.into, times.median())
		}
	}
	f := ratio("ping", "socket", "echo server", ours, peers, "within 1.5 times", 1/1.5)
	f.Unit = "µs"
	b.add(f)
	return b.health(w.socket)
}

// health measures how long omgd takes to report its health.
func (b *bench) health(socket string) error {
	request, err := wire.AppendRequest(nil, 1, wire.OpHealth, nil)
	if err != nil {
		return err
	}
	times, err := roundTrips(socket, request, 2000)
	if err != nil {
		return err
	}
	p99 := times.quantile(0.99)
	b.add(figure{Name: "health, p99", On: "socket", Measured: p99, Unit: "µs", Aim: "under 1 ms", Met: p99 < 1000})
	return nil
}

// roundTrips returns the times of n round trips in microseconds.
func roundTrips(path string, request []byte, n int) (sample, error) {
	nc, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	var head [wire.HeaderSize]byte
	buf := make([]byte, 4<<10)
	times := make(sample, n)
	for i := range times {
		start := time.Now()
		if _, err := nc.Write(request); err != nil {
			return nil, err
		}
		got, err := nc.Read(buf)
		if err != nil {
			return nil, err
		}
		copy(head[:], buf)
		if want, err := wire.FrameLength(head, wire.MaxFrame); err != nil || got < want+wire.HeaderSize {
			if err != nil {
				return nil, err
			}
			if _, err := io.ReadFull(nc, buf[got:want+wire.HeaderSize]); err != nil {
				return nil, err
			}
		}
		times[i] = float64(time.Since(start).Nanoseconds()) / 1e3
	}
	return times, nil
}

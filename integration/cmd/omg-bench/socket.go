package main

import (
	"io"
	"net"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// measurePing measures replies that need no data. It compares a ping of omgd with a round trip of a minimal echo server. Both
// transfer equally many bytes, and are measured alternately.
func (b *bench) measurePing() error {
	w, err := b.newGeneratedSystem(10)
	if err != nil {
		return err
	}
	if err := b.startDaemon(w); err != nil {
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
	var ours, peers runTimes
	for range 20 {
		for _, peer := range []struct {
			path    string
			request []byte
			into    *runTimes
		}{{w.socket, request, &ours}, {e.socketPath, echoRequest(request, len(answer)), &peers}} {
			times, err := measureRoundTrips(peer.path, peer.request, 2000)
			if err != nil {
				return err
			}
			*peer.into = append(*peer.into, times.median())
		}
	}
	f := newRatioFigure("ping", "socket", "echo server", ours, peers, "within 1.5 times", 1/1.5)
	f.Unit = "µs"
	b.add(f)
	return b.measureHealth(w.socket)
}

// measureHealth measures how long omgd takes to report its health.
func (b *bench) measureHealth(socket string) error {
	request, err := wire.AppendRequest(nil, 1, wire.OpHealth, nil)
	if err != nil {
		return err
	}
	times, err := measureRoundTrips(socket, request, 2000)
	if err != nil {
		return err
	}
	p99 := times.quantile(0.99)
	b.add(tableRow{Name: "health, p99", Workload: "socket", MeasuredValue: p99, Unit: "µs", Aim: "under 1 ms", AimMet: p99 < 1000})
	return nil
}

// measureRoundTrips returns the times of n round trips in microseconds.
func measureRoundTrips(path string, request []byte, n int) (runTimes, error) {
	nc, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	var head [wire.FrameHeaderSize]byte
	buf := make([]byte, 4<<10)
	times := make(runTimes, n)
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
		if want, err := wire.FrameLength(head, wire.MaxFrameSize); err != nil || got < want+wire.FrameHeaderSize {
			if err != nil {
				return nil, err
			}
			if _, err := io.ReadFull(nc, buf[got:want+wire.FrameHeaderSize]); err != nil {
				return nil, err
			}
		}
		times[i] = float64(time.Since(start).Nanoseconds()) / 1e3
	}
	return times, nil
}

package server

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/wire"
)

// echoServer answers each frame with the same bytes. With the buffer sizes of package
// server, it shows the least time that a round trip can take.
func echoServer(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "s")
	l, err := net.Listen("unix", path)
	require.NoError(b, err)
	b.Cleanup(func() { _ = l.Close() })
	answer := wire.AppendResult(nil, 1, []byte{0x80}, false)
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		in := bufio.NewReaderSize(nc, readBufferSize)
		for {
			head, err := in.Peek(wire.FrameHeaderSize)
			if err != nil {
				return
			}
			n, err := wire.FrameLength([wire.FrameHeaderSize]byte(head), wire.MaxFrameSize)
			if err != nil {
				return
			}
			if _, err := in.Peek(wire.FrameHeaderSize + n); err != nil {
				return
			}
			_, _ = in.Discard(wire.FrameHeaderSize + n)
			if _, err := nc.Write(answer); err != nil {
				return
			}
		}
	}()
	return path
}

// BenchmarkPing measures round trips of ping and of an echo server with the same frames
// and buffers, and reports the ratio of the two medians. The two servers alternate,
// because a machine's speed varies. The goal is a ratio of less than 1.5.
func BenchmarkPing(b *testing.B) {
	const turn = 200
	ping := request(b, 1, wire.OpPing, nil)
	buf := make([]byte, readBufferSize)
	peers := []net.Conn{start(b, Limits{}).raw(b)}
	nc, err := net.Dial("unix", echoServer(b))
	require.NoError(b, err)
	defer nc.Close()
	peers = append(peers, nc)
	times := [2][]time.Duration{}
	b.ReportAllocs()
	for b.Loop() {
		for i, nc := range peers {
			_ = nc.SetDeadline(time.Now().Add(await.Timeout))
			for range turn {
				began := time.Now()
				if _, err := nc.Write(ping); err != nil {
					b.Fatal(err)
				}
				if _, err := nc.Read(buf); err != nil {
					b.Fatal(err)
				}
				times[i] = append(times[i], time.Since(began))
			}
		}
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2].Nanoseconds())
	}
	omgd, echo := median(times[0]), median(times[1])
	b.ReportMetric(omgd, "ns/ping")
	b.ReportMetric(echo, "ns/echo")
	b.ReportMetric(omgd/echo, "ratio")
}

// BenchmarkPipelined measures pings that are sent 32 at a time.
func BenchmarkPipelined(b *testing.B) {
	const depth = 32
	nc := start(b, Limits{}).raw(b)
	var batch []byte
	for id := range uint64(depth) {
		batch = append(batch, request(b, id+1, wire.OpPing, nil)...)
	}
	answers := make([]byte, depth*len(wire.AppendResult(nil, 1, []byte{0x80}, false)))
	b.ReportAllocs()
	for b.Loop() {
		_ = nc.SetDeadline(time.Now().Add(await.Timeout))
		if _, err := nc.Write(batch); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(nc, answers); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(depth*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

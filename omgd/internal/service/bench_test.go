package service

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

var generated = fixture.Options{Packages: 15_000, Seed: 1}

// dial starts a server with the service, and connects to it.
func dial(b *testing.B) net.Conn {
	b.Helper()
	srv := server.New(server.Config{Ops: New(Config{State: holder(b, snapshot.Inputs{Generation: 1}, generated)}).Ops(), Limits: longLimits})
	path := filepath.Join(b.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	require.NoError(b, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	b.Cleanup(func() {
		_ = l.Close()
		ctx, cancel := context.WithTimeout(context.Background(), await.Timeout)
		defer cancel()
		_ = srv.Shutdown(ctx)
		<-served
	})
	nc, err := net.Dial("unix", path)
	require.NoError(b, err)
	b.Cleanup(func() { _ = nc.Close() })
	return nc
}

// queries returns the words of n queries that find 1 to 20 packages each.
func queries(b *testing.B, n int) [][]string {
	b.Helper()
	st, release, err := holder(b, snapshot.Inputs{Generation: 1}, generated).Acquire()
	require.NoError(b, err)
	defer release()
	var out [][]string
	for _, q := range fixture.GenerateQueries(generated, 10*n) {
		words := strings.Fields(q)
		found, err := st.Snapshot.Search(&wire.SearchRequest{Words: words, Limit: 1})
		require.NoError(b, err)
		if found.Total > 0 && found.Total <= 20 && len(out) < n {
			out = append(out, words)
		}
	}
	require.Len(b, out, n)
	return out
}

// ask sends requests, 32 at a time, and reads the replies. If uncached is 0, replies may come
// from a cache. Otherwise uncached is the limit of results in each of the requests: ask replaces this limit by a
// different one in each request that it sends, so that no reply comes from a cache.
func ask(b *testing.B, requests [][]byte, uncached uint32) {
	const depth = 32
	nc := dial(b)
	in := bufio.NewReaderSize(nc, 64<<10)
	offsets := make([]int, len(requests))
	if uncached > 0 {
		for i, r := range requests {
			offsets[i] = bytes.Index(r, binary.BigEndian.AppendUint32([]byte{0xce}, uncached)) + 1
		}
	}
	var batch, body []byte
	at, next := 0, uncached
	b.ReportAllocs()
	for b.Loop() {
		batch = batch[:0]
		for range depth {
			r, offset := requests[at%len(requests)], offsets[at%len(requests)]
			if offset > 0 {
				next++
				binary.BigEndian.PutUint32(r[offset:], next)
			}
			batch = append(batch, r...)
			at++
		}
		if _, err := nc.Write(batch); err != nil {
			b.Fatal(err)
		}
		for range depth {
			var err error
			if body, err = wire.ReadFrame(in, body, wire.MaxFrameSize); err != nil {
				b.Fatal(err)
			}
			if bytes.Contains(body[:min(len(body), 24)], []byte("error")) {
				b.Fatalf("%q", body)
			}
		}
	}
	b.ReportMetric(depth*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

func request(b *testing.B, op string, fields any) []byte {
	b.Helper()
	r, err := wire.AppendRequest(nil, 1, op, fields)
	require.NoError(b, err)
	return r
}

func BenchmarkSearchCached(b *testing.B) {
	var requests [][]byte
	for _, words := range queries(b, 100) {
		requests = append(requests, request(b, wire.OpSearch, &wire.SearchRequest{Words: words, Limit: 100}))
	}
	ask(b, requests, 0)
}

func BenchmarkSearchUncached(b *testing.B) {
	const uncached = 1 << 30
	var requests [][]byte
	for _, words := range queries(b, 300) {
		requests = append(requests, request(b, wire.OpSearch, &wire.SearchRequest{Words: words, Limit: uncached}))
	}
	ask(b, requests, uncached)
}

func BenchmarkInfo(b *testing.B) {
	var requests [][]byte
	for p := range fixture.GeneratePackages(generated) {
		if requests = append(requests, request(b, wire.OpInfo, &wire.InfoRequest{Names: []string{p.Name}})); len(requests) == 1000 {
			break
		}
	}
	ask(b, requests, 0)
}

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
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

var generated = fixture.Options{Packages: 15_000, Seed: 1}

// holder has a state of generated packages.
func holder(b *testing.B) *state.Holder {
	b.Helper()
	build, sources := pkgindex.NewBuilder("bench", 0), map[string]*pkgindex.Source{}
	var names []string
	for p := range fixture.Packages(generated) {
		if sources[p.Repo] == nil {
			sources[p.Repo] = build.Source(p.Repo, pkgindex.KindRepo)
			names = append(names, p.Repo)
		}
		require.NoError(b, sources[p.Repo].Add(&p))
	}
	data, err := build.Bytes()
	require.NoError(b, err)
	f, err := pkgindex.OpenBytes(data)
	require.NoError(b, err)
	set, err := pkgindex.NewSet([]*pkgindex.File{f}, pkgindex.View{Repos: names})
	require.NoError(b, err)
	d := answers.Data{Set: set, Generation: 1}
	for _, n := range names {
		d.Sources = append(d.Sources, wire.Source{Name: n, State: wire.SourceOK, AsOf: 1_790_000_000, Changed: 1_790_000_000})
	}
	x := state.NewIndex(f)
	h := &state.Holder{}
	h.Swap(state.New(d, state.Machine{}, []*state.Index{x}), "")
	x.Release()
	return h
}

// dial starts a server of the service and connects.
func dial(b *testing.B) net.Conn {
	b.Helper()
	srv := server.New(server.Config{Ops: New(Config{State: holder(b)}).Ops(), Limits: patient})
	path := filepath.Join(b.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	require.NoError(b, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	b.Cleanup(func() {
		_ = l.Close()
		ctx, cancel := context.WithTimeout(context.Background(), await.Hang)
		defer cancel()
		_ = srv.Shutdown(ctx)
		<-served
	})
	nc, err := net.Dial("unix", path)
	require.NoError(b, err)
	b.Cleanup(func() { _ = nc.Close() })
	return nc
}

// few are queries with at most so many hits.
func few(b *testing.B, n int) [][]string {
	b.Helper()
	st, _ := holder(b).Acquire()
	defer st.Release()
	var out [][]string
	for _, q := range fixture.Queries(generated, 10*n) {
		words := strings.Fields(q)
		query, err := pkgindex.ParseQuery(&wire.SearchRequest{Words: words})
		require.NoError(b, err)
		found, err := st.Set.Search(context.Background(), query, 1)
		require.NoError(b, err)
		if found.Total > 0 && found.Total <= 20 && len(out) < n {
			out = append(out, words)
		}
	}
	require.Len(b, out, n)
	return out
}

// ask sends requests 32 at a time and reads their answers. Where a request has
// the limit unlike, each gets another, so that no cache has it.
func ask(b *testing.B, requests [][]byte, unlike uint32) {
	const depth = 32
	nc := dial(b)
	in := bufio.NewReaderSize(nc, 64<<10)
	places := make([]int, len(requests))
	if unlike > 0 {
		for i, r := range requests {
			places[i] = bytes.Index(r, binary.BigEndian.AppendUint32([]byte{0xce}, unlike)) + 1
		}
	}
	var batch, body []byte
	at, next := 0, unlike
	b.ReportAllocs()
	for b.Loop() {
		batch = batch[:0]
		for range depth {
			r, place := requests[at%len(requests)], places[at%len(requests)]
			if place > 0 {
				next++
				binary.BigEndian.PutUint32(r[place:], next)
			}
			batch = append(batch, r...)
			at++
		}
		if _, err := nc.Write(batch); err != nil {
			b.Fatal(err)
		}
		for range depth {
			var err error
			if body, err = wire.ReadFrame(in, body); err != nil {
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
	for _, words := range few(b, 100) {
		requests = append(requests, request(b, wire.OpSearch, &wire.SearchRequest{Words: words, Limit: 100}))
	}
	ask(b, requests, 0)
}

func BenchmarkSearchUncached(b *testing.B) {
	const unlike = 1 << 30
	var requests [][]byte
	for _, words := range few(b, 300) {
		requests = append(requests, request(b, wire.OpSearch, &wire.SearchRequest{Words: words, Limit: unlike}))
	}
	ask(b, requests, unlike)
}

func BenchmarkInfo(b *testing.B) {
	var requests [][]byte
	for p := range fixture.Packages(generated) {
		if requests = append(requests, request(b, wire.OpInfo, &wire.InfoRequest{Names: []string{p.Name}})); len(requests) == 1000 {
			break
		}
	}
	ask(b, requests, 0)
}

package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/alpmproto"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// ask calls the worker's run() with a request, and returns the reply.
func ask(t testing.TB, op string, req alpmproto.Request) (*alpmproto.Reply, error) {
	t.Helper()
	frame, err := wire.AppendRequest(nil, alpmproto.RequestID, op, &req)
	require.NoError(t, err)
	var out bytes.Buffer
	code := run(bytes.NewReader(frame), &out)
	var c alpmproto.Collector
	if _, err = c.Write(out.Bytes()); err != nil {
		require.Equal(t, codeOf(err), code)
		return nil, err
	}
	require.Equal(t, exit.OK, code)
	a, err := c.Reply(op, req.Repos)
	require.NoError(t, err)
	return a, nil
}

func codeOf(err error) int {
	var werr *wire.Error
	if errors.As(err, &werr) && werr.Code == wire.CodeInvalid {
		return exit.Usage
	}
	return exit.Failed
}

func requireCode(t testing.TB, code wire.Code, err error) {
	t.Helper()
	var werr *wire.Error
	require.ErrorAs(t, err, &werr)
	require.Equal(t, code, werr.Code, werr.Message)
}

func TestWorker_BadRequests(t *testing.T) {
	for name, c := range map[string]struct {
		op  string
		req alpmproto.Request
	}{
		"operation":    {"install", alpmproto.Request{DatabaseDir: "/"}},
		"no path":      {alpmproto.OpFacts, alpmproto.Request{}},
		"relative":     {alpmproto.OpFacts, alpmproto.Request{DatabaseDir: "var/lib/pacman"}},
		"no words":     {alpmproto.OpSearch, alpmproto.Request{DatabaseDir: "/"}},
		"no names":     {alpmproto.OpInfo, alpmproto.Request{DatabaseDir: "/"}},
		"empty search": {alpmproto.OpSearch, alpmproto.Request{DatabaseDir: "/", Words: []string{}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ask(t, c.op, c.req)
			requireCode(t, wire.CodeInvalid, err)
		})
	}
	for name, in := range map[string][]byte{
		"nothing":   {},
		"cut off":   {0, 0, 0, 9, 0x80},
		"huge":      {0x7f, 0xff, 0xff, 0xff},
		"no map":    {0, 0, 0, 1, 0x01},
		"no op":     wire.EndFrame(append(wire.BeginFrame(nil), 0x81, 0xa2, 'i', 'd', 1), 0),
		"nested":    wire.EndFrame(append(wire.BeginFrame(nil), bytes.Repeat([]byte{0x91}, 1000)...), 0),
		"no string": wire.EndFrame(append(wire.BeginFrame(nil), 0x83, 0xa2, 'i', 'd', 1, 0xa2, 'o', 'p', 0xa5, 'f', 'a', 'c', 't', 's', 0xa4, 'p', 'a', 't', 'h', 0x90), 0),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			require.Equal(t, exit.Usage, run(bytes.NewReader(in), &out))
			var c alpmproto.Collector
			_, err := c.Write(out.Bytes())
			requireCode(t, wire.CodeInvalid, err)
		})
	}
}

func FuzzQuestion(f *testing.F) {
	good, err := wire.AppendRequest(nil, 1, alpmproto.OpFacts, &alpmproto.Request{DatabaseDir: "/nowhere", Repos: []alpmproto.Repo{{Name: "core"}}})
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte{0, 0, 0, 1, 0x80})
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		code := run(bytes.NewReader(in), &out)
		var c alpmproto.Collector
		_, err := c.Write(out.Bytes())
		require.Equal(t, code == exit.OK, err == nil)
	})
}

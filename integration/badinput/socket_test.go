package badinput

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// peer is a client of the socket that may say anything. What fails on its connection is not the test's failure: omgd may
// end it.
type peer struct {
	nc  net.Conn
	id  uint64
	buf []byte
}

func dial(t *testing.T, d *daemon) *peer {
	t.Helper()
	p, err := connect(d)
	require.NoError(t, err)
	return p
}

// connect is dial for other goroutines than a test's.
func connect(d *daemon) (*peer, error) {
	nc, err := net.Dial("unix", d.Socket)
	if err != nil {
		return nil, err
	}
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &peer{nc: nc}, nil
}

func (p *peer) close() { _ = p.nc.Close() }

// say writes bytes.
func (p *peer) say(b []byte) { _, _ = p.nc.Write(b) }

// search asks for words, the first of which may be "-x".
func (p *peer) search(words ...string) {
	r := wire.SearchRequest{Words: words}
	if len(words) > 0 && words[0] == "-x" {
		r.Regex, r.Words = true, words[1:]
	}
	p.ask(wire.OpSearch, &r)
}

func (p *peer) ask(op string, request any) {
	p.id++
	b, err := wire.AppendRequest(nil, p.id, op, request)
	if err != nil {
		panic(err) // the test's own
	}
	p.say(b)
}

// hear reads one response; an error is the end of the connection.
func (p *peer) hear() (r wire.Response, err error) {
	if p.buf, err = wire.ReadFrame(p.nc, p.buf); err != nil {
		return r, err
	}
	if err = wire.Check(p.buf); err != nil {
		return r, err
	}
	return wire.DecodeResponse(p.buf)
}

// answer reads all parts of an answer to a search.
func (p *peer) answer() (s wire.SearchResult, err error) {
	for {
		r, err := p.hear()
		if err != nil {
			return s, err
		}
		if r.Err != nil {
			return s, r.Err
		}
		if err := wire.DecodeSearch(r.Result, &s, func(*wire.Package) error { return nil }); err != nil {
			return s, err
		}
		if !r.More {
			return s, nil
		}
	}
}

// valid demands that a client that behaves gets the right answer at once.
func (d *daemon) valid(t *testing.T) {
	t.Helper()
	begin := time.Now()
	p := dial(t, d)
	defer p.close()
	p.ask(wire.OpSearch, &wire.SearchRequest{Repos: []string{"core", "extra", "multilib"}})
	s, err := p.answer()
	require.NoError(t, err, d.Stderr())
	require.EqualValues(t, 200, s.Total)
	require.Less(t, time.Since(begin), 5*time.Second)
}

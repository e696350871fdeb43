package badinput

import (
	"errors"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// peer is a client of the socket that may send anything. An error of its connection does not fail the test, as omgd may
// close it.
type peer struct {
	nc  harness.Conn
	id  uint64
	buf []byte
}

func dial(t *testing.T, d *harness.Daemon) *peer {
	t.Helper()
	p, err := connect(d)
	require.NoError(t, err)
	return p
}

// connect is like dial, but returns an error instead of failing the test, so any goroutine may call it. While the queue
// of the socket is full, the kernel makes connect wait.
func connect(d *harness.Daemon) (*peer, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), d.Socket)
	defer file.Close()
	limit := unix.NsecToTimeval(harness.HangTimeout.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
		return nil, err
	}
	err = unix.EINTR
	for errors.Is(err, unix.EINTR) {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: d.Socket})
	}
	if err != nil {
		return nil, err
	}
	nc, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return &peer{nc: harness.Conn{UnixConn: nc.(*net.UnixConn)}}, nil
}

func (p *peer) close() { _ = p.nc.Close() }

// send writes bytes.
func (p *peer) send(b []byte) { _, _ = p.nc.Write(b) }

// search sends a search. If the first word is "-x", the other words are regular expressions.
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
		panic(err) // an error in the test
	}
	p.send(b)
}

// receive reads one response; an error means the end of the connection.
func (p *peer) receive() (r wire.Reply, err error) {
	if p.buf, err = wire.ReadFrame(p.nc, p.buf, wire.MaxFrameSize); err != nil {
		return r, err
	}
	if err = wire.CheckMessagePack(p.buf); err != nil {
		return r, err
	}
	return wire.DecodeReply(p.buf)
}

// answer reads all chunks of a reply to a search. In the result, the packages have only repository, name and version.
func (p *peer) answer() (s wire.SearchResult, err error) {
	for {
		r, err := p.receive()
		if err != nil {
			return s, err
		}
		if r.Err != nil {
			return s, r.Err
		}
		var all []wire.Package
		err = wire.DecodeSearchResult(r.Result, &s, func(p *wire.Package) error {
			all = append(all, wire.Package{Repo: p.Repo, Name: p.Name, Version: p.Version})
			return nil
		})
		if err != nil {
			return s, err
		}
		s.Packages = append(s.Packages, all...)
		if !r.More {
			return s, nil
		}
	}
}

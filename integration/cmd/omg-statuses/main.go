// Command omg-statuses stands in for an omgd that answers only the operation watch. It reads statuses from standard input, as omg status
// --json prints them, one in each line, and sends the last one to each client that watches. scripts/check-bars.sh uses it.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "omg-statuses: error: %v\n", err)
		os.Exit(3)
	}
}

// standIn holds the last status and the clients that watch.
type standIn struct {
	mu      sync.Mutex
	status  []byte // encoded; nil before the first one
	watches map[net.Conn]uint64
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: omg-statuses SOCKET")
	}
	l, err := net.Listen("unix", args[0])
	if err != nil {
		return err
	}
	s := &standIn{watches: map[net.Conn]uint64{}}
	go s.accept(l)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var st wire.StatusResult
		if err := json.Unmarshal(lines.Bytes(), &st); err != nil {
			return err
		}
		encoded, err := msgpack.Marshal(&st)
		if err != nil {
			return err
		}
		s.push(encoded)
	}
	return l.Close()
}

// push sends a status to all clients that watch.
func (s *standIn) push(status []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
	for nc, id := range s.watches {
		if _, err := nc.Write(wire.AppendResult(nil, id, status, true)); err != nil {
			delete(s.watches, nc)
		}
	}
}

func (s *standIn) accept(l net.Listener) {
	for {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		go s.serve(nc)
	}
}

func (s *standIn) serve(nc net.Conn) {
	defer nc.Close()
	for {
		frame, err := wire.ReadFrame(nc, nil, wire.MaxRequestSize)
		if err != nil {
			return
		}
		h, err := wire.DecodeRequestHeader(frame)
		if err != nil {
			return
		}
		if err := s.answer(nc, h); err != nil {
			return
		}
	}
}

func (s *standIn) answer(nc net.Conn, h wire.RequestHeader) error {
	var reply []byte
	switch string(h.Op) {
	case wire.OpHello:
		result, err := msgpack.Marshal(&wire.HelloResult{Protocol: wire.ProtocolVersion, Server: "omg-statuses"})
		if err != nil {
			return err
		}
		reply = wire.AppendResult(nil, h.ID, result, false)
	case wire.OpWatch:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.watches[nc] = h.ID
		if s.status == nil {
			return nil
		}
		reply = wire.AppendResult(nil, h.ID, s.status, true)
	default:
		reply = wire.AppendError(nil, h.ID, wire.Errorf(wire.CodeInvalid, "no operation %.40q", h.Op))
	}
	_, err := nc.Write(reply)
	return err
}

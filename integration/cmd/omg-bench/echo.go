package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// The buffers of a connection, as in omgd: replies are written when no request is waiting, or when they fill the
// buffer.
const (
	echoReads  = 4 << 10
	echoWrites = 32 << 10
)

// echo is a minimal server in a process of its own, as omgd is a process of its own.
type echo struct {
	path string
	cmd  *exec.Cmd
}

func (b *bench) startEcho() (*echo, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	e := &echo{path: filepath.Join(b.dir, "echo.sock")}
	_ = os.Remove(e.path)
	e.cmd = exec.Command(self, "-echo", e.path)
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	for range 1000 {
		if nc, err := net.Dial("unix", e.path); err == nil {
			return e, nc.Close()
		}
		time.Sleep(time.Millisecond)
	}
	e.stop()
	return nil, fmt.Errorf("the echo server does not answer")
}

func (e *echo) stop() {
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
}

// echoRequest returns a request for the echo server. The request is as long as the given frame, and asks for a reply of
// answer bytes. The echo server reads only the first four bytes of the request, which are the length of the reply.
func echoRequest(frame []byte, answer int) []byte {
	r := make([]byte, max(len(frame), wire.HeaderSize+5))
	binary.BigEndian.PutUint32(r, uint32(len(r)-wire.HeaderSize))
	binary.BigEndian.PutUint32(r[wire.HeaderSize:], uint32(answer))
	return r
}

// serveEcho answers each frame with a frame of the length that the first four bytes of the request name, until the
// process is killed.
func serveEcho(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	for {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer nc.Close()
			_ = echoFrames(nc)
		}()
	}
}

func echoFrames(nc net.Conn) error {
	in, out := bufio.NewReaderSize(nc, echoReads), bufio.NewWriterSize(nc, echoWrites)
	answer := make([]byte, 4<<10)
	for {
		if in.Buffered() < wire.HeaderSize {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		head, err := in.Peek(wire.HeaderSize + 4)
		if err != nil {
			return err
		}
		body, err := wire.FrameLength([wire.HeaderSize]byte(head), wire.MaxFrame)
		if err != nil {
			return err
		}
		size := int(binary.BigEndian.Uint32(head[wire.HeaderSize:]))
		if size > wire.MaxFrame {
			return wire.ErrTooLarge
		}
		if size > len(answer) {
			answer = make([]byte, size)
		}
		if _, err := in.Discard(wire.HeaderSize + body); err != nil {
			return err
		}
		binary.BigEndian.PutUint32(answer, uint32(size-wire.HeaderSize))
		if _, err := out.Write(answer[:size]); err != nil {
			return err
		}
	}
}

// discardFrame reads and discards one frame and returns its whole length.
func discardFrame(in *bufio.Reader) (int, error) {
	head, err := in.Peek(wire.HeaderSize)
	if err != nil {
		return 0, err
	}
	n, err := wire.FrameLength([wire.HeaderSize]byte(head), wire.MaxFrame)
	if err != nil {
		return 0, err
	}
	n += wire.HeaderSize
	got, err := in.Discard(n)
	if err == nil && got < n {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

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
	echoReadBufferSize  = 4 << 10
	echoWriteBufferSize = 32 << 10
)

// echoServer is a minimal server in a process of its own, as omgd is a process of its own.
type echoServer struct {
	socketPath string
	cmd        *exec.Cmd
}

func (b *bench) startEcho() (*echoServer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	e := &echoServer{socketPath: filepath.Join(b.dir, "echo.sock")}
	_ = os.Remove(e.socketPath)
	e.cmd = exec.Command(self, "-echo", e.socketPath)
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	for range 1000 {
		if nc, err := net.Dial("unix", e.socketPath); err == nil {
			return e, nc.Close()
		}
		time.Sleep(time.Millisecond)
	}
	e.stop()
	return nil, fmt.Errorf("the echo server does not answer")
}

func (e *echoServer) stop() {
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
}

// echoRequest returns a request for the echo server. The request is as long as the given frame, and asks for a reply of
// answer bytes. The echo server reads only the first four bytes of the request, which are the length of the reply.
func echoRequest(frame []byte, answer int) []byte {
	r := make([]byte, max(len(frame), wire.FrameHeaderSize+5))
	binary.BigEndian.PutUint32(r, uint32(len(r)-wire.FrameHeaderSize))
	binary.BigEndian.PutUint32(r[wire.FrameHeaderSize:], uint32(answer))
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
			_ = serveEchoConn(nc)
		}()
	}
}

func serveEchoConn(nc net.Conn) error {
	in, out := bufio.NewReaderSize(nc, echoReadBufferSize), bufio.NewWriterSize(nc, echoWriteBufferSize)
	answer := make([]byte, 4<<10)
	for {
		if in.Buffered() < wire.FrameHeaderSize {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		head, err := in.Peek(wire.FrameHeaderSize + 4)
		if err != nil {
			return err
		}
		body, err := wire.FrameLength([wire.FrameHeaderSize]byte(head), wire.MaxFrameSize)
		if err != nil {
			return err
		}
		size := int(binary.BigEndian.Uint32(head[wire.FrameHeaderSize:]))
		if size > wire.MaxFrameSize {
			return wire.ErrTooLarge
		}
		if size > len(answer) {
			answer = make([]byte, size)
		}
		if _, err := in.Discard(wire.FrameHeaderSize + body); err != nil {
			return err
		}
		binary.BigEndian.PutUint32(answer, uint32(size-wire.FrameHeaderSize))
		if _, err := out.Write(answer[:size]); err != nil {
			return err
		}
	}
}

// discardFrame reads and discards one frame and returns its whole length.
func discardFrame(in *bufio.Reader) (int, error) {
	head, err := in.Peek(wire.FrameHeaderSize)
	if err != nil {
		return 0, err
	}
	n, err := wire.FrameLength([wire.FrameHeaderSize]byte(head), wire.MaxFrameSize)
	if err != nil {
		return 0, err
	}
	n += wire.FrameHeaderSize
	got, err := in.Discard(n)
	if err == nil && got < n {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

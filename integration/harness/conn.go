package harness

import (
	"net"
	"time"
)

// Conn is the connection of a test to a unix socket. Each read and each write must end within HangTimeout. The connection
// itself has no time limit: on a busy machine, a test that keeps a connection open may need longer.
type Conn struct{ *net.UnixConn }

func (c Conn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(HangTimeout)); err != nil {
		return 0, err
	}
	return c.UnixConn.Read(b)
}

func (c Conn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(HangTimeout)); err != nil {
		return 0, err
	}
	return c.UnixConn.Write(b)
}

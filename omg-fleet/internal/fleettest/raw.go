package fleettest

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

// Raw is a connection on which a test sends what no client would send.
type Raw struct {
	conn net.Conn
	r    *bufio.Reader
}

// DialRaw connects to a server with the key of a host.
func DialRaw(t *testing.T, f *Fleet, one *server.Server, key *Key) *Raw {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(one.ClientURL(), "tls://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(hang)))
	// The server says nothing more before the handshake, so the buffer is empty after this line.
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	var info struct {
		Nonce string `json:"nonce"`
	}
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &info))
	pair, err := nkeys.FromSeed([]byte(key.Seed))
	require.NoError(t, err)
	signature, err := pair.Sign([]byte(info.Nonce))
	require.NoError(t, err)
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the attacker does not care
	connect, err := json.Marshal(map[string]any{
		"jwt": key.JWT, "sig": base64.RawURLEncoding.EncodeToString(signature), "headers": true, "verbose": false, "pedantic": false, "protocol": 1,
	})
	require.NoError(t, err)
	raw := &Raw{secure, bufio.NewReader(secure)}
	raw.Send(t, "CONNECT "+string(connect)+"\r\nPING\r\n")
	for {
		line, err := raw.r.ReadString('\n')
		require.NoError(t, err)
		if line == "PONG\r\n" {
			return raw
		}
		require.NotContains(t, line, "-ERR")
	}
}

// Send sends bytes.
func (r *Raw) Send(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(r.conn, text)
	require.NoError(t, err)
}

// AwaitClosed waits until the server closes the connection.
func (r *Raw) AwaitClosed(t *testing.T) {
	t.Helper()
	_, err := io.Copy(io.Discard, r.r)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the server must close the connection")
}

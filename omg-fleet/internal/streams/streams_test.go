package streams

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
)

// TestStreams checks that a server makes the streams as they are described, and adds nothing to them.
func TestStreams(t *testing.T) {
	s, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	conn, err := nats.Connect("", nats.InProcessServer(s), nats.Timeout(await.Timeout))
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	for _, want := range []jetstream.StreamConfig{State(1, DefaultMaxAge), Roster(1)} {
		stream, err := js.CreateStream(t.Context(), want)
		require.NoError(t, err)
		got := stream.CachedInfo().Config
		require.NotEmpty(t, got.Metadata, "the version of the server that the configuration needs")
		got.Metadata = nil
		require.Equal(t, want, got)
	}
}

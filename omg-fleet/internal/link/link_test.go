package link

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/freeport"
)

func TestConnect_Addresses(t *testing.T) {
	for address, want := range map[string]string{
		"": "is not the address", "localhost": "is not the address", "http://a:1": "is not the address", "nats://": "is not the address",
		"nats://a:1,b": "is not the address", "nats://user:secret@a:1": "use --creds", "nats://a:1 b": "is not the address",
	} {
		_, err := Connect(Options{Server: address})
		require.ErrorContains(t, err, want, address)
		require.NotContains(t, err.Error(), "secret")
	}
}

// TestConnect_NoServer checks that the error says what to do.
func TestConnect_NoServer(t *testing.T) {
	address := "nats://" + freeport.TakeAddress(t)
	_, err := Connect(Options{Server: address})
	require.ErrorContains(t, err, "cannot connect to "+address)
	require.ErrorContains(t, err, "does a server run there?")
}

// TestConnect_Credentials checks that a file that is not complete is refused before a server is asked.
func TestConnect_Credentials(t *testing.T) {
	pair, err := nkeys.CreateUser()
	require.NoError(t, err)
	seed, err := pair.Seed()
	require.NoError(t, err)
	key, err := jwt.DecorateSeed(seed)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "host.creds")
	for text, want := range map[string]string{
		"": "has no key: omg-fleet key makes one", string(key): "has a key, but not what was signed for it: omg-fleet key --jwt adds it",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		for _, stays := range []bool{false, true} {
			_, err = Connect(Options{Server: "tls://127.0.0.1:1", Creds: path, Stays: stays})
			require.EqualError(t, err, path+" "+want)
		}
	}
}

func TestReconnectDelay(t *testing.T) {
	seen := map[time.Duration]bool{}
	for attempts := range 200 {
		d := reconnectDelay(attempts)
		require.GreaterOrEqual(t, d, minReconnectDelay)
		require.LessOrEqual(t, d, minReconnectDelay+maxReconnectDelay)
		seen[d] = true
	}
	require.Greater(t, len(seen), 100, "hosts do not come back together")
}

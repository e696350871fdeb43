package state

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/fleettest"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
)

// TestStreams_Hosts reads a real server with the credentials of somebody who asks. A revoked host is not asked for any more, though its state is kept for
// some time.
func TestStreams_Hosts(t *testing.T) {
	f := fleettest.Start(t, 1)
	js := f.SetUp(t)
	asker, errs := f.Connect(t, f.Servers[0], nats.UserCredentials(f.CredsPath()), nats.CustomInboxPrefix(subject.AdminInboxPrefix))
	s, err := Open(asker)
	require.NoError(t, err)
	hosts, hasRoster, err := s.Hosts(t.Context())
	require.NoError(t, err)
	require.False(t, hasRoster)
	require.Empty(t, hosts)

	for _, name := range []string{"web1", "web2", "web3.example.org"} {
		key := f.AddHost(t, name)
		added, err := f.Hosts()
		require.NoError(t, err)
		for _, h := range added {
			require.NoError(t, h.Publish(t.Context(), js, h.Name))
		}
		if name == "web3.example.org" {
			continue
		}
		c, _ := f.Connect(t, f.Servers[0], key.Option())
		stored, err := c.SubscribeSync(subject.Stored(name))
		require.NoError(t, err)
		require.NoError(t, c.Publish(subject.Alive(name), []byte(`{"schema":1,"now":1,"omg_version":"1","interval":300}`)))
		require.NoError(t, c.Publish(subject.Inventory(name), []byte(name)))
		for range 2 {
			_, err = stored.NextMsg(await.Timeout)
			require.NoError(t, err)
		}
	}
	revoked, err := f.RevokeHost("web2")
	require.NoError(t, err)
	require.NoError(t, revoked.Publish(t.Context(), js, revoked.Name))

	hosts, hasRoster, err = s.Hosts(t.Context())
	require.NoError(t, err)
	require.True(t, hasRoster)
	require.Len(t, hosts, 2)
	require.True(t, hosts["web1"].InRoster)
	require.NotNil(t, hosts["web1"].Alive)
	require.True(t, hosts["web3.example.org"].InRoster)
	require.Nil(t, hosts["web3.example.org"].Alive)
	m, err := s.Inventory(t.Context(), "web1")
	require.NoError(t, err)
	require.Equal(t, "web1", string(m))
	require.Empty(t, errs, "the credentials permit everything that is needed")
}

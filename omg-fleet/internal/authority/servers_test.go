package authority_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/authority"
	"github.com/omg-arch/omg/omg-fleet/internal/fleettest"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
)

// publishUntilStored publishes what a host says, again and again until the servers confirm it, as while they choose a new leader.
func publishUntilStored(t *testing.T, host *nats.Conn, name, text string) {
	t.Helper()
	stored, err := host.SubscribeSync(subject.Stored(name))
	require.NoError(t, err)
	defer func() { require.NoError(t, stored.Unsubscribe()) }()
	await.Condition(t, func() bool {
		m := &nats.Msg{Subject: subject.Alive(name), Data: []byte(text), Header: nats.Header{subject.MessageHeader: {text}}}
		if host.PublishMsg(m) != nil {
			return false
		}
		got, err := stored.NextMsg(500 * time.Millisecond)
		return err == nil && got.Header.Get(subject.MessageHeader) == text
	}, "the confirmation that %s is stored", text)
}

func TestServers_Cluster(t *testing.T) {
	f := fleettest.Start(t, 3)
	f.SetUp(t)
	key := f.AddHost(t, "web1")
	hosts := make([]*nats.Conn, len(f.Servers))
	closed := make(chan bool, len(hosts))
	for i, s := range f.Servers {
		hosts[i], _ = f.Connect(t, s, key.Option(), nats.ClosedHandler(func(*nats.Conn) { closed <- true }))
	}
	publishUntilStored(t, hosts[0], "web1", "with all servers")

	f.Servers[2].Shutdown()
	f.Servers[2].WaitForShutdown()
	await.Receive(t, closed, "the connection of the server that has ended")
	publishUntilStored(t, hosts[1], "web1", "without one server")
	observer, _ := f.Connect(t, f.Servers[0], f.Everything(t).Option())
	js, err := jetstream.New(observer)
	require.NoError(t, err)
	for _, name := range []string{subject.StateStream, subject.RosterStream} {
		var stream jetstream.Stream
		await.Condition(t, func() bool { stream, err = js.Stream(t.Context(), name); return err == nil }, "a leader of %s, which may have ended", name)
		require.Equal(t, 3, stream.CachedInfo().Config.Replicas)
	}

	_, err = f.RevokeHost("web1")
	require.NoError(t, err)
	taken, _, err := f.PushAccount(t.Context(), f.Dial(t))
	require.NoError(t, err)
	require.Len(t, taken, 2)
	for range 2 {
		await.Receive(t, closed, "both servers to close the connections of the revoked host")
	}
}

func TestServers_Leaf(t *testing.T) {
	f := fleettest.Start(t, 1)
	f.SetUp(t)
	key := f.AddHost(t, "web1")
	leaf := f.AddLeaf(t)
	closed := make(chan bool)
	host, errs := f.Connect(t, leaf, key.Option(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	publishUntilStored(t, host, "web1", "over a leaf node")

	asker, _ := f.Connect(t, f.Servers[0], nats.UserCredentials(f.CredsPath()), nats.CustomInboxPrefix(subject.AdminInboxPrefix))
	replies, err := asker.SubscribeSync(subject.Replies("1"))
	require.NoError(t, err)
	questions, err := host.SubscribeSync(subject.Question)
	require.NoError(t, err)
	await.Condition(t, func() bool {
		require.NoError(t, asker.Publish(subject.Question, []byte("?")))
		_, err := questions.NextMsg(100 * time.Millisecond)
		return err == nil
	}, "a question to pass through the leaf node")
	require.NoError(t, host.Publish(subject.Reply("web1", "1"), []byte("!")))
	got, err := replies.NextMsg(await.Timeout)
	require.NoError(t, err)
	require.Equal(t, "omg.reply.web1.1", got.Subject)
	require.Empty(t, errs)

	_, err = f.RevokeHost("web1")
	require.NoError(t, err)
	require.Len(t, f.PushToAll(t), 2)
	await.Receive(t, closed, "the leaf node to close the connection of the revoked host")
}

// TestServers_RevokeLeaf checks that the servers disconnect a leaf node that was revoked, also after a restart, and that it can be added again.
func TestServers_RevokeLeaf(t *testing.T) {
	f := fleettest.Start(t, 1)
	f.SetUp(t)
	other := f.AddLeaf(t)
	leaf := f.AddLeaf(t)
	require.Equal(t, 4, f.Servers[0].NumLeafNodes())
	revoked := f.Settings().Leaves[1]
	require.ErrorContains(t, f.RevokeLeaf(f.Settings().Servers[0]), "there is no leaf node")
	require.NoError(t, f.RevokeLeaf(revoked))
	require.Len(t, f.PushToAll(t), 2)
	require.NoError(t, f.RemoveLeaf(revoked))
	isOut := func() bool {
		return leaf.NumLeafNodes() == 0 && other.NumLeafNodes() == 2 && f.Servers[0].NumLeafNodes() == 2
	}
	await.Condition(t, isOut, "the server to disconnect the leaf node")

	f.Restart(t, 0)
	await.Condition(t, isOut, "only the other leaf node to connect again")
	require.Equal(t, []authority.Server{f.Settings().Leaves[0]}, f.Settings().Leaves)
	require.NoDirExists(t, filepath.Join(f.Dir, "servers", revoked.Name()))
	require.NoError(t, f.Authority.AddLeaf(revoked))
	_, err := f.WriteLeaf(revoked)
	require.NoError(t, err)
}

// TestServers_Restart checks that a revoked key stays revoked after a restart of the server, and that what was stored is there.
func TestServers_Restart(t *testing.T) {
	f := fleettest.Start(t, 1)
	f.SetUp(t)
	key := f.AddHost(t, "web1")
	host, _ := f.Connect(t, f.Servers[0], key.Option())
	publishUntilStored(t, host, "web1", "before")
	_, err := f.RevokeHost("web1")
	require.NoError(t, err)
	_, _, err = f.PushAccount(t.Context(), f.Dial(t))
	require.NoError(t, err)

	f.Restart(t, 0)
	_, err = nats.Connect(f.Servers[0].ClientURL(), nats.RootCAs(f.CAPath()), key.Option(), nats.NoReconnect(), nats.Timeout(await.Timeout))
	require.ErrorIs(t, err, nats.ErrAuthorization)
	observer, _ := f.Connect(t, f.Servers[0], f.Everything(t).Option())
	js, err := jetstream.New(observer)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), subject.StateStream)
	require.NoError(t, err)
	m, err := stream.GetLastMsgForSubject(t.Context(), subject.Alive("web1"))
	require.NoError(t, err)
	require.Equal(t, "before", string(m.Data))
}

// TestServers_LongName checks that a server accepts what was signed for a host with the longest possible name.
func TestServers_LongName(t *testing.T) {
	f := fleettest.Start(t, 1)
	f.SetUp(t)
	name := strings.Repeat("ä", 100) // six bytes of a subject each
	host, _ := f.Connect(t, f.Servers[0], f.AddHost(t, name).Option())
	publishUntilStored(t, host, name, "x")
	_, err := f.Authority.AddHost(name+"a", "")
	require.ErrorContains(t, err, "cannot be the name of a host")
}

package authority_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/fleettest"
	"github.com/omg-arch/omg/omg-fleet/internal/streams"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
)

// theft is a fleet in which the key of the host web1 was stolen. The host web2 has stored its inventory.
type theft struct {
	*fleettest.Fleet
	thief     *nats.Conn
	thiefErrs <-chan error
	thiefKey  *fleettest.Key
	victim    *nats.Conn
	observer  *nats.Conn
	seen      *nats.Subscription // all messages of the account
	state     jetstream.Stream
	before    *jetstream.RawStreamMsg
}

const honest = "the inventory of web2"

func newTheft(t *testing.T) *theft {
	t.Helper()
	f := fleettest.Start(t, 1)
	f.SetUp(t)
	server := f.Servers[0]
	s := &theft{Fleet: f, thiefKey: f.AddHost(t, "web1")}
	s.thief, s.thiefErrs = f.Connect(t, server, s.thiefKey.Option())
	s.victim, _ = f.Connect(t, server, f.AddHost(t, "web2").Option())
	observer, _ := f.Connect(t, server, f.Everything(t).Option())
	js, err := jetstream.New(observer)
	require.NoError(t, err)
	s.state, err = js.Stream(t.Context(), subject.StateStream)
	require.NoError(t, err)
	s.publishAsVictim(t, honest)
	s.observer = observer
	s.observe(t)
	return s
}

// observe begins to observe what happens in the account.
func (s *theft) observe(t *testing.T) {
	t.Helper()
	s.before = s.storedOfVictim(t)
	if s.seen != nil {
		require.NoError(t, s.seen.Unsubscribe())
	}
	var err error
	s.seen, err = s.observer.SubscribeSync(">")
	require.NoError(t, err)
	require.NoError(t, s.seen.SetPendingLimits(-1, -1))
	require.NoError(t, s.observer.Flush())
}

// publishAsVictim publishes an inventory of web2, and waits until the server confirms it.
func (s *theft) publishAsVictim(t *testing.T, text string) {
	t.Helper()
	stored, err := s.victim.SubscribeSync(subject.Stored("web2"))
	require.NoError(t, err)
	defer func() { require.NoError(t, stored.Unsubscribe()) }()
	m := &nats.Msg{Subject: subject.Inventory("web2"), Data: []byte(text), Header: nats.Header{subject.MessageHeader: {text}}}
	require.NoError(t, s.victim.PublishMsg(m))
	for {
		got, err := stored.NextMsg(await.Timeout)
		require.NoError(t, err)
		if got.Header.Get(subject.MessageHeader) == text {
			require.Empty(t, got.Data, "the server must not send the inventory back")
			require.Equal(t, "omg.stored.web2.inventory", got.Subject)
			return
		}
	}
}

func (s *theft) storedOfVictim(t *testing.T) *jetstream.RawStreamMsg {
	t.Helper()
	m, err := s.state.GetLastMsgForSubject(t.Context(), subject.Inventory("web2"))
	require.NoError(t, err)
	return m
}

// finish checks that whatever the thief has done concerns the host web1 only. It returns the subjects of the messages that it caused.
func (s *theft) finish(t *testing.T) (subjects []string) {
	t.Helper()
	const last = "the last message of the attack"
	m := &nats.Msg{Subject: subject.Alive("web1"), Header: nats.Header{subject.MessageHeader: {last}}}
	require.NoError(t, s.thief.PublishMsg(m))
	for {
		got, err := s.seen.NextMsg(await.Timeout)
		require.NoError(t, err)
		host, err := subject.Host(got.Subject)
		require.NoErrorf(t, err, "%s: %s", got.Subject, got.Data)
		require.Equalf(t, "web1", host, "%s: %s", got.Subject, got.Data)
		if got.Header.Get(subject.MessageHeader) != last {
			subjects = append(subjects, got.Subject)
		} else if strings.HasPrefix(got.Subject, "omg.stored.") {
			break
		}
	}
	require.Equal(t, s.before, s.storedOfVictim(t))
	info, err := s.state.Info(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, info.State.Msgs, uint64(3), "a host has two messages at most")
	require.Zero(t, info.State.Consumers)
	return subjects
}

// requireRefused checks that the server has refused as many messages or subscriptions as the test expects.
func (s *theft) requireRefused(t *testing.T, n int) {
	t.Helper()
	for range n {
		require.ErrorIs(t, await.Receive(t, s.thiefErrs, "the server to refuse an attack"), nats.ErrPermissionViolation)
	}
}

func TestAttack_Subjects(t *testing.T) {
	s := newTheft(t)
	attacks := []string{
		"omg.state.web2.inventory", "omg.state.web2.alive", "omg.state.web1.other", "omg.state.web1.inventory.more", "omg.reply.web2.1",
		"omg.reply.web1.1.2", "omg.question", "omg.question.more", "omg.roster.web1", "omg.roster.web2", "omg.stored.web1.alive", "omg.stored.web2.alive",
		"_INBOX.1", "_INBOX_admin.1", "$JS.ACK.OMG_STATE.x.1.1.1.1.1",
		"$JS.API.INFO", "$JS.API.STREAM.INFO.OMG_STATE", "$JS.API.STREAM.PURGE.OMG_STATE", "$JS.API.STREAM.DELETE.OMG_STATE",
		"$JS.API.STREAM.UPDATE.OMG_STATE", "$JS.API.STREAM.CREATE.OTHER", "$JS.API.STREAM.MSG.DELETE.OMG_STATE", "$JS.API.STREAM.MSG.GET.OMG_STATE",
		"$JS.API.DIRECT.GET.OMG_STATE", "$JS.API.DIRECT.GET.OMG_STATE.omg.state.web2.inventory", "$JS.API.CONSUMER.CREATE.OMG_STATE",
		"$JS.API.STREAM.SNAPSHOT.OMG_STATE", "$JS.API.STREAM.RESTORE.OMG_STATE", "$JS.API.STREAM.LEADER.STEPDOWN.OMG_STATE",
		"omg.lookup.web2.one", "omg.lookup.web2.all", "omg.lookup.web1.other", "omg.found.web1.web1.1", "omg.found.web2.web1.1", "omg.found.web2.node1.1",
		"omg.nonode.web1.1", "omg.nonode.web2.1",
		"$SYS.REQ.USER.INFO", "$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.PING.CONNZ",
	}
	for _, to := range attacks {
		require.NoError(t, s.thief.PublishRequest(to, "omg.reply.web1.1", []byte(`{}`)), to)
	}
	s.requireRefused(t, len(attacks))
	require.Empty(t, s.finish(t))
}

func TestAttack_Subscriptions(t *testing.T) {
	s := newTheft(t)
	attacks := []string{
		">", "*", "omg.>", "omg.*", "omg.state.>", "omg.state.web2.*", "omg.state.web1.*", "omg.reply.>", "omg.reply.web1.*", "omg.roster.*",
		"omg.stored.>", "omg.stored.*.*", "omg.stored.web2.*", "_INBOX.>", "_INBOX_admin.>", "$SYS.>", "$JS.>", "$JS.API.>",
		subject.OneNode, subject.AllNodes, "omg.lookup.web1.one", "omg.lookup.>", "omg.found.>", "omg.found.web2.>", "omg.found.*.*.1", "omg.nonode.*.*",
		"omg.nonode.web2.*",
	}
	got := make(chan *nats.Msg, 1000)
	for _, from := range attacks {
		_, err := s.thief.ChanSubscribe(from, got)
		require.NoError(t, err)
		require.NoError(t, s.thief.Flush())
	}
	for _, from := range []string{subject.OneNode, subject.AllNodes} { // as a node
		_, err := s.thief.ChanQueueSubscribe(from, subject.NodeGroup, got)
		require.NoError(t, err)
		require.NoError(t, s.thief.Flush())
	}
	s.requireRefused(t, len(attacks)+2)
	s.publishAsVictim(t, honest+" again")
	s.observe(t)
	s.finish(t)
	require.NoError(t, s.thief.Flush())
	require.Empty(t, got)
}

// TestAttack_Replies checks that the server sends nothing to the subject that a message names for replies. It would send its
// acknowledgement there in its own name, whatever the permissions of the host.
func TestAttack_Replies(t *testing.T) {
	s := newTheft(t)
	for _, reply := range []string{
		"omg.state.web2.inventory", "omg.state.web2.alive", "omg.roster.web2", "omg.question", "omg.reply.web2.1", "omg.stored.web2.inventory", "_INBOX_admin.1",
		"omg.found.web2.node1.1", "omg.nonode.web2.1",
	} {
		for _, to := range []string{subject.Inventory("web1"), subject.Alive("web1"), subject.Reply("web1", "1"), subject.Lookup("web1")} {
			for _, header := range []nats.Header{nil, {"Nats-Rollup": {"all"}}, {"Nats-Expected-Last-Sequence": {"99"}}} { // the last two are errors
				require.NoError(t, s.thief.PublishMsg(&nats.Msg{Subject: to, Reply: reply, Header: header}))
			}
		}
	}
	require.NotEmpty(t, s.finish(t))
}

// TestAttack_RepliesOfJetStream checks that the server refuses a message that makes it send a request to JetStream.
func TestAttack_RepliesOfJetStream(t *testing.T) {
	s := newTheft(t)
	require.NoError(t, s.thief.PublishMsg(&nats.Msg{Subject: subject.Alive("web1"), Reply: "$JS.API.STREAM.PURGE.OMG_STATE"}))
	s.requireRefused(t, 1)
	require.Empty(t, s.finish(t))
}

func TestAttack_Headers(t *testing.T) {
	s := newTheft(t)
	for _, header := range []nats.Header{
		{"Nats-Rollup": {"all"}},
		{"Nats-Rollup": {"sub"}},
		{"Nats-Expected-Stream": {"OMG_ROSTER"}},
		{"Nats-Expected-Last-Sequence": {"1"}},
		{"Nats-Expected-Last-Subject-Sequence": {"1"}, "Nats-Expected-Last-Subject-Sequence-Subject": {"omg.state.web2.inventory"}},
		{"Nats-Expected-Last-Msg-Id": {"1"}},
		{"Nats-TTL": {"1s"}},
		{"Nats-Incr": {"1"}},
		{"Nats-Batch-Id": {"1"}, "Nats-Batch-Sequence": {"1"}, "Nats-Batch-Commit": {"1"}},
		{"Nats-Schedule": {"@every 1s"}, "Nats-Schedule-Target": {"omg.state.web2.inventory"}},
		{"Nats-Schedule": {"@at 2020-01-01T00:00:00Z"}, "Nats-Schedule-Target": {"omg.state.web2.inventory"}},
		{"Nats-Marker-Reason": {"Purge"}},
		{"Nats-Subject": {"omg.state.web2.inventory"}, "Nats-Stream": {"OMG_ROSTER"}, "Nats-Sequence": {"1"}},
		{"Nats-Msg-Id": {"1"}},
		{"KV-Operation": {"PURGE"}},
	} {
		require.NoError(t, s.thief.PublishMsg(&nats.Msg{Subject: subject.Alive("web1"), Header: header}))
	}
	s.finish(t)
}

// TestAttack_Trace checks that a host cannot make the server send what it does with a message to the subject of another host.
func TestAttack_Trace(t *testing.T) {
	s := newTheft(t)
	headers := []nats.Header{
		{"Nats-Trace-Dest": {"omg.state.web2.inventory"}},
		{"Nats-Trace-Dest": {"omg.state.web2.inventory"}, "Nats-Trace-Only": {"true"}},
	}
	for _, header := range headers {
		require.NoError(t, s.thief.PublishMsg(&nats.Msg{Subject: subject.Alive("web1"), Header: header}))
	}
	s.requireRefused(t, len(headers))
	require.Empty(t, s.finish(t))
}

// TestAttack_Duplicate checks that a host cannot make the server drop what another one publishes as a duplicate.
func TestAttack_Duplicate(t *testing.T) {
	s := newTheft(t)
	for _, id := range []string{honest, subject.Inventory("web2"), "1"} {
		require.NoError(t, s.thief.PublishMsg(&nats.Msg{Subject: subject.Alive("web1"), Header: nats.Header{"Nats-Msg-Id": {id}}}))
	}
	require.NoError(t, s.thief.Flush())
	s.publishAsVictim(t, "2")
	require.Equal(t, "2", string(s.storedOfVictim(t).Data))
}

// TestAttack_Flood checks that the others are served while a host publishes as much as it can, and that it takes no more space than a host has.
func TestAttack_Flood(t *testing.T) {
	s := newTheft(t)
	require.NoError(t, s.seen.Unsubscribe())
	text := make([]byte, 4096)
	for i := range 3000 {
		require.NoError(t, s.thief.Publish(subject.Inventory("web1"), text))
		if i%1000 == 500 {
			s.publishAsVictim(t, strings.Repeat("x", i))
			require.Len(t, s.storedOfVictim(t).Data, i)
		}
	}
	require.NoError(t, s.thief.Flush())
	info, err := s.state.Info(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, info.State.Msgs, uint64(3))

	for range 20 {
		_, err := s.thief.SubscribeSync(subject.Question)
		require.NoError(t, err)
	}
	require.NoError(t, s.thief.Flush())
	require.ErrorIs(t, await.Receive(t, s.thiefErrs, "the server to refuse many subscriptions"), nats.ErrMaxSubscriptionsExceeded)
}

// TestAttack_Oversize checks that the server closes the connection of a host that sends too large messages, and takes those that are as large
// as possible.
func TestAttack_Oversize(t *testing.T) {
	s := newTheft(t)
	require.EqualValues(t, streams.MaxMessage, s.thief.MaxPayload())
	require.NoError(t, s.thief.Publish(subject.Inventory("web1"), make([]byte, streams.MaxMessage)))
	for name, attack := range map[string]string{
		"message": "PUB omg.state.web1.alive 1048577\r\n", "size": "PUB omg.state.web1.alive 99999999999999999999\r\n",
		"headers": "HPUB omg.state.web1.alive 2000000 2000001\r\n", "line": "PUB omg.state.web1." + strings.Repeat("x", 9000) + " 1\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			raw := fleettest.DialRaw(t, s.Fleet, s.Servers[0], s.thiefKey)
			raw.Send(t, attack)
			raw.AwaitClosed(t)
		})
	}
	require.Len(t, s.finish(t), 2, "the message of the largest size and its confirmation")
}

// TestRevoke checks that a host whose key was revoked is disconnected at once and cannot return, also after a restart of the server.
func TestRevoke(t *testing.T) {
	s := newTheft(t)
	closed := make(chan bool)
	s.thief.SetClosedHandler(func(*nats.Conn) { close(closed) })
	h, err := s.RevokeHost("web1")
	require.NoError(t, err)
	require.True(t, h.Revoked())
	taken, silent, err := s.PushAccount(t.Context(), s.Dial(t))
	require.NoError(t, err)
	require.Len(t, taken, 1)
	require.Empty(t, silent)
	await.Receive(t, closed, "the server to close the connection")
	_, err = nats.Connect(s.Servers[0].ClientURL(), nats.RootCAs(s.CAPath()), s.thiefKey.Option(), nats.NoReconnect(), nats.Timeout(await.Timeout))
	require.ErrorIs(t, err, nats.ErrAuthorization)
	require.True(t, s.victim.IsConnected())

	_, err = s.Authority.AddHost("web1", h.PublicKey)
	require.ErrorContains(t, err, "this key was revoked")
	again, _ := s.Connect(t, s.Servers[0], s.AddHost(t, "web1").Option())
	require.NoError(t, again.Publish(subject.Alive("web1"), nil))
	require.NoError(t, again.Flush())
}

package serverwatch

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/asking"
	"github.com/omg-arch/omg/omg-fleet/internal/fleettest"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/omg-fleet/internal/state"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/hostinventory"
	"github.com/omg-arch/omg/shared/inventory"
)

// TestWatcher_Server follows a real server: hosts that appear, change, end and are revoked, and a server that is away for some time.
func TestWatcher_Server(t *testing.T) {
	f := fleettest.Start(t, 1)
	js := f.SetUp(t)
	publishMade := func(host, version string, made, now time.Time, stopped bool) {
		t.Helper()
		key := f.AddHost(t, host)
		all, err := f.Hosts()
		require.NoError(t, err)
		for _, h := range all {
			require.NoError(t, h.Publish(t.Context(), js, h.Name))
		}
		c, _ := f.Connect(t, f.Servers[0], key.Option())
		defer c.Close()
		stored, err := c.SubscribeSync(subject.Stored(host))
		require.NoError(t, err)
		v := &inventory.Inventory{
			Schema: inventory.Schema, Host: host, At: made.Unix() - 1000, Packages: []inventory.HostPackage{{Name: "xz", Version: version}},
			Parts: []inventory.Part{{Name: inventory.PartPackages, State: inventory.PartOK}},
		}
		document, err := inventory.Encode(v)
		require.NoError(t, err)
		compressed, err := hostinventory.Compress(v, document)
		require.NoError(t, err)
		alive, err := json.Marshal(messages.Alive{Schema: messages.Schema, Now: now.Unix(), InventoryAt: now.Unix(), Interval: 300, Stopped: stopped})
		require.NoError(t, err)
		require.NoError(t, c.Publish(subject.Inventory(host), compressed))
		require.NoError(t, c.Publish(subject.Alive(host), alive))
		for range 2 {
			_, err := stored.NextMsg(await.Timeout)
			require.NoError(t, err)
		}
	}
	publish := func(host, version string, now time.Time, stopped bool) {
		t.Helper()
		publishMade(host, version, now, now, stopped)
	}
	fleet := resident.New()
	options := link.Options{Server: f.Servers[0].ClientURL(), Creds: f.CredsPath(), CA: f.CAPath()}
	notes := make(chan string, 10)
	w, err := Open(fleet, options, func(text string) { notes <- text })
	require.NoError(t, err)
	defer w.Close()
	q, err := question.Has([]string{"xz"})
	require.NoError(t, err)
	states := func() map[string]question.State {
		t.Helper()
		await.Condition(t, func() bool { return w.Read(t.Context()) == nil }, "the server answers")
		answers, _ := fleet.Ask(q, []string{"xz"}, 48*time.Hour, time.Now())
		found := map[string]question.State{}
		for _, a := range answers {
			found[a.Host] = a.State
			for _, p := range a.Packages {
				found[a.Host+" "+p.Version] = a.State
			}
		}
		return found
	}
	require.Empty(t, states())
	publish("web1", "1-1", time.Now(), false)
	publish("web2.example.org", "1-1", time.Now(), true)
	want := map[string]question.State{
		"web1": question.Answered, "web1 1-1": question.Answered, "web2.example.org": question.NotHeard, "web2.example.org 1-1": question.NotHeard,
	}
	var found map[string]question.State
	await.Condition(t, func() bool { // the watcher and the publisher get the server's signals on connections of their own
		found = states()
		return maps.Equal(want, found)
	}, "the states %v, last %v", want, &found)

	before := fleet.Version()
	states()
	require.Equal(t, before, fleet.Version(), "nothing has changed")

	revoked, err := f.RevokeHost("web2.example.org")
	require.NoError(t, err)
	require.NoError(t, revoked.Publish(t.Context(), js, revoked.Name))
	require.Equal(t, map[string]question.State{"web1": question.Answered, "web1 1-1": question.Answered}, states())

	f.Servers[0].Shutdown()
	f.Servers[0].WaitForShutdown()
	await.Condition(t, func() bool { return !w.conn.IsConnected() }, "the connection is lost")
	require.ErrorIs(t, w.Read(t.Context()), errNotConnected)
	require.Contains(t, await.Receive(t, notes, "the note"), "the connection was lost")
	f.Restart(t, 0)
	require.Contains(t, await.Receive(t, notes, "the note"), "connected to tls://", "failed attempts are not noted")
	js = f.SetUp(t)
	publish("web3", "2-1", time.Now(), false)
	await.Condition(t, func() bool {
		found = states()
		return found["web3 2-1"] == question.Answered
	}, "the new host, last %v", &found)
	require.Equal(t, question.Answered, found["web1 1-1"], "what was stored is there")

	const year = 365 * 24 * time.Hour
	publish("ahead", "2-1", time.Now().Add(year), false)
	publish("behind", "2-1", time.Now().Add(-year), false)
	publishMade("set", "2-1", time.Now().Add(year), time.Now(), false)
	await.Condition(t, func() bool {
		found = states()
		return found["ahead 2-1"] != "" && found["behind 2-1"] != "" && found["set 2-1"] != ""
	}, "the signals arrive")
	require.Equal(t, question.Answered, found["ahead"], "its clock is wrong")
	require.Equal(t, question.Answered, found["behind"], "its clock is wrong")
	require.Equal(t, question.Answered, found["set"], "its clock was wrong when the inventory was made")
	asker, err := asking.Open(t.Context(), options)
	require.NoError(t, err)
	defer asker.Close()
	stored := map[string]int64{}
	require.NoError(t, asker.AskStored(t.Context(), &question.Spec{Kind: question.KindHas, Words: []string{"xz"}}, func(a *question.Answer) error {
		stored[a.Host] = a.At
		return nil
	}))
	answers, _ := fleet.Ask(q, []string{"xz"}, 48*time.Hour, time.Now())
	require.Len(t, answers, len(stored))
	for _, a := range answers {
		require.Equal(t, stored[a.Host], a.At, "%s: --stored says the same", a.Host)
		require.WithinDuration(t, time.Now(), time.Unix(a.At, 0), 10*time.Minute, a.Host)
	}
}

// TestWatcher_AwayAtStart checks that a server that is away is noted once, and also when it comes.
func TestWatcher_AwayAtStart(t *testing.T) {
	f := fleettest.Start(t, 1)
	f.SetUp(t)
	address := f.Servers[0].ClientURL()
	f.Servers[0].Shutdown()
	f.Servers[0].WaitForShutdown()
	notes := make(chan string, 10)
	w, err := Open(resident.New(), link.Options{Server: address, Creds: f.CredsPath(), CA: f.CAPath()}, func(text string) { notes <- text })
	require.NoError(t, err)
	defer w.Close()
	require.Contains(t, await.Receive(t, notes, "the note"), "cannot connect")
	require.ErrorIs(t, w.Read(t.Context()), errNotConnected)
	f.Restart(t, 0)
	require.Contains(t, await.Receive(t, notes, "the note"), "connected to tls://")
	await.Condition(t, func() bool { return w.Read(t.Context()) == nil }, "the server answers")
	require.Empty(t, notes)
}

// TestContactOf checks what is taken from a sign of life.
func TestContactOf(t *testing.T) {
	heard := time.Unix(2_000_000, 0)
	for name, c := range map[string]struct {
		alive *messages.Alive
		want  resident.Contact
	}{
		"never heard":   {nil, resident.Contact{Heard: heard, IsSilent: true}},
		"no inventory":  {&messages.Alive{Now: 2_000_000, Interval: 300}, resident.Contact{Heard: heard}},
		"in the future": {&messages.Alive{Now: 9_000_000, InventoryAt: 8_999_990, Interval: 300}, resident.Contact{Heard: heard, ConfirmedAt: 8_999_990, ClockAhead: 7_000_000}},
		"ended":         {&messages.Alive{Now: 2_000_000, InventoryAt: 10, Stopped: true}, resident.Contact{Heard: heard, ConfirmedAt: 10, IsSilent: true}},
		"several":       {&messages.Alive{Now: 2_000_000, Interval: 300, Duplicate: true}, resident.Contact{Heard: heard, HasSeveral: true}},
	} {
		require.Equal(t, c.want, contactOf(&state.Host{Contact: heard, Alive: c.alive}, heard.Add(time.Minute)), name)
	}
}

package agent

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/fleettest"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/state"
	"github.com/omg-arch/omg/omg-fleet/internal/streams"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
)

// host is a source whose inventory the test changes.
type host struct {
	mu        sync.Mutex
	inventory string
	rightAt   int64
	changed   func()
}

func (h *host) Follow(ctx context.Context, changed func()) {
	h.mu.Lock()
	h.changed = changed
	h.mu.Unlock()
	changed()
	<-ctx.Done()
}

// set changes the inventory, and the time at which it is right.
func (h *host) set(inventory string, rightAt int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inventory, h.rightAt = inventory, rightAt
	if h.changed != nil {
		h.changed()
	}
}

func (h *host) Latest() *Inventory {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &Inventory{[]byte(h.inventory), sha256.Sum256([]byte(h.inventory))}
}

func (h *host) Confirmed() (time.Time, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Unix(h.rightAt, 0), ""
}

func (h *host) Ask(*question.Spec) (*question.Answer, error) { return &question.Answer{}, nil }

// TestRun_InventoryAt checks that signs of life do not call the stored inventory right while the server has not stored the one after it.
func TestRun_InventoryAt(t *testing.T) {
	f := fleettest.Start(t, 1)
	js := f.SetUp(t)
	h := &host{}
	h.set("one", 1000)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	key := f.AddHost(t, "web1")
	go func() {
		ended <- Run(ctx, Options{
			Link: link.Options{Server: f.Servers[0].ClientURL(), CA: f.CAPath(), Auth: key.Option()}, Host: "web1", Source: h, Interval: time.Second,
			Log: slog.New(slog.DiscardHandler),
		})
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, await.Receive(t, ended, "the agent to end"))
	})
	conn, err := link.Connect(link.Options{Server: f.Servers[0].ClientURL(), CA: f.CAPath(), Creds: f.CredsPath(), InboxPrefix: subject.AdminInboxPrefix})
	require.NoError(t, err)
	defer conn.Close()
	kept, err := state.Open(conn)
	require.NoError(t, err)
	last := func() *state.Host {
		hosts, _, err := kept.Hosts(t.Context())
		require.NoError(t, err)
		if one := hosts["web1"]; one != nil && one.Alive != nil {
			return one
		}
		return &state.Host{Alive: &messages.Alive{}}
	}
	stored := func() string {
		data, err := kept.Inventory(t.Context(), "web1")
		require.NoError(t, err)
		return string(data)
	}
	await.Condition(t, func() bool { return last().Alive.InventoryAt == 1000 }, "the first inventory")
	require.Equal(t, "one", stored())

	small := streams.State(1, streams.DefaultMaxAge)
	small.MaxMsgSize = 1000
	_, err = js.UpdateStream(t.Context(), small)
	require.NoError(t, err)
	h.set(strings.Repeat("two", 1000), 2000) // is not stored
	heard := map[time.Time]bool{}
	await.Condition(t, func() bool { heard[last().Contact] = true; return len(heard) > 3 }, "signs of life")
	require.EqualValues(t, 1000, last().Alive.InventoryAt)
	require.Equal(t, "one", stored())

	h.set("three", 3000)
	await.Condition(t, func() bool { return last().Alive.InventoryAt == 3000 }, "the last inventory")
	require.Equal(t, "three", stored())
}

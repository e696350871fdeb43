// Package serverwatch keeps the states of hosts in memory current with what the NATS servers of a fleet keep.
package serverwatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/omg-arch/omg/omg-fleet/internal/inventories"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/omg-fleet/internal/state"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/clock"
)

// readTime limits one reading. Those of 10,000 hosts take 11 seconds at the start, and the wait for each message has a limit of its own.
const readTime = 10 * time.Minute

// maxSignals is the number of signals of the servers that wait. If there are more, all inventories are read again.
const maxSignals = 10_000

// Watcher reads what has changed.
type Watcher struct {
	fleet   *resident.Fleet
	conn    *nats.Conn
	streams *state.Streams
	signals chan *nats.Msg
	lost    chan struct{} // has an element if signals may be missing
	readAll bool
	empty   map[string]string // why the hosts in the fleet have no inventory; an empty text for those that have one
}

// Open connects to the servers. They need not be there yet. The function note is called with a text when the connection is lost or cannot be made,
// and when it is there again.
func Open(fleet *resident.Fleet, o link.Options, note func(text string)) (*Watcher, error) {
	w := &Watcher{fleet: fleet, signals: make(chan *nats.Msg, maxSignals), lost: make(chan struct{}, 1), readAll: true, empty: map[string]string{}}
	fleet.ExplainMissing(question.NeverHeard)
	o.Name, o.InboxPrefix, o.Stays = "omg-fleet web", subject.AdminInboxPrefix, true
	isAway := false
	o.OnChange = func(isConnected bool, text string) { // one call after another
		if isAway == isConnected {
			isAway = !isConnected
			note(text)
		}
		select {
		case w.lost <- struct{}{}:
		default:
		}
	}
	var err error
	if w.conn, err = link.Connect(o); err != nil {
		return nil, err
	}
	if w.streams, err = state.Open(w.conn); err == nil {
		_, err = w.conn.ChanSubscribe(subject.AllStored, w.signals)
	}
	if err != nil {
		w.conn.Close()
	}
	return w, err
}

// Close ends the connection.
func (w *Watcher) Close() { w.conn.Close() }

// Run reads what has changed, again and again, until the context ends. See resident.Fleet.Follow.
func (w *Watcher) Run(ctx context.Context) { w.fleet.Follow(ctx, w.Read) }

// errNotConnected means that no server can be reached. The connection is made again by itself.
var errNotConnected = errors.New("no server can be reached")

// Read reads the signs of life of all hosts, and the inventories that have changed.
func (w *Watcher) Read(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, readTime)
	defer stop()
	select {
	case <-w.lost:
		w.readAll = true
	default:
	}
	if !w.conn.IsConnected() {
		if err := w.conn.LastError(); err != nil {
			return fmt.Errorf("%w: %w", errNotConnected, err)
		}
		return errNotConnected
	}
	if err := w.readInventories(ctx); err != nil {
		w.readAll = true
		return err
	}
	hosts, hasRoster, err := w.streams.Hosts(ctx)
	if err != nil {
		return err
	}
	var roster []string
	if hasRoster {
		roster = []string{}
	}
	now := clock.Now()
	for name, h := range hosts {
		if h.InRoster {
			roster = append(roster, name)
		}
		w.noteEmpty(h)
		w.fleet.Contact(name, contactOf(h, now))
	}
	slices.Sort(roster)
	w.fleet.SetRoster(roster)
	for name := range w.empty {
		if hosts[name] == nil { // it was revoked or forgotten
			w.fleet.Remove(name)
			delete(w.empty, name)
		}
	}
	return nil
}

// readInventories reads the inventories that the servers have stored since the last call, or all of them.
func (w *Watcher) readInventories(ctx context.Context) error {
	changed := map[string]bool{}
	for range len(w.signals) {
		m := <-w.signals
		if name, err := subject.Host(m.Subject); err == nil && strings.HasSuffix(m.Subject, subject.InventorySuffix) {
			changed[name] = true
		}
	}
	var d inventories.Decoder
	defer d.Close()
	if w.readAll {
		w.readAll = false
		return w.streams.Last(ctx, subject.StateStream, subject.AllInventories, func(m *state.Message) error {
			if name, err := subject.Host(m.Subject); err == nil {
				w.put(name, m.Data, &d)
			}
			return nil
		})
	}
	for name := range changed {
		data, err := w.streams.Inventory(ctx, name)
		if err != nil {
			return err
		}
		if data != nil {
			w.put(name, data, &d)
		}
	}
	return nil
}

// noteEmpty notes a host that has given a sign of life, but has published no inventory.
func (w *Watcher) noteEmpty(h *state.Host) {
	before, known := w.empty[h.Name]
	if h.Alive == nil || known && before == "" {
		return
	}
	why := "it has published no inventory"
	if h.Alive.Problem != "" {
		why += ": " + h.Alive.Problem
	}
	if before != why {
		w.empty[h.Name] = why
		w.fleet.Refuse(h.Name, h.Name, errors.New(why))
	}
}

func (w *Watcher) put(name string, data []byte, d *inventories.Decoder) {
	w.empty[name] = ""
	r, finish := resident.Read()
	if v, err := d.Read(data, r); err != nil {
		w.fleet.Refuse(name, name, err)
	} else {
		w.fleet.Put(name, name, finish(v))
	}
}

// contactOf returns what the last sign of life of a host says.
func contactOf(h *state.Host, now time.Time) resident.Contact {
	c := resident.Contact{Heard: h.Contact, ClockAhead: h.ClockAhead(), IsSilent: !h.IsLive(now)}
	if h.Alive != nil {
		c.ConfirmedAt, c.HasSeveral = h.Alive.InventoryAt, h.Alive.Duplicate
	}
	return c
}

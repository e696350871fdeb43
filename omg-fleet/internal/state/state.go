// Package state reads what the streams of a fleet keep about each host: its entry in the roster, its last sign of life and its last
// inventory.
package state

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/omg-fleet/internal/roster"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
)

// Host is what is known about a host without asking it.
type Host struct {
	Name string
	// InRoster means that the host was added to the roster.
	InRoster bool
	// Contact is when the server has received the last sign of life, by the server's clock; zero if there is none.
	Contact time.Time
	// Alive is the last sign of life; nil if there is none, or if it could not be read.
	Alive *messages.Alive
}

// IsLive reports whether a host is expected to answer.
func (h *Host) IsLive(now time.Time) bool {
	if h.Alive == nil || h.Alive.Stopped {
		return false
	}
	interval := min(max(time.Duration(h.Alive.Interval)*time.Second, minInterval), maxInterval)
	return now.Sub(h.Contact) <= messages.MissedBeats*interval
}

// ClockAhead returns how many seconds the host's clock was ahead of the server's when the server received the last sign of life, which is
// about when the host sent it; 0 if this is not known.
func (h *Host) ClockAhead() int64 {
	if h.Alive == nil || h.Alive.Now == 0 || h.Contact.IsZero() {
		return 0
	}
	return h.Alive.Now - h.Contact.Unix()
}

// Limits of the interval that a host may claim, so that a wrong one does not make all who ask wait.
const (
	minInterval = time.Minute
	maxInterval = time.Hour
)

// Streams reads the streams of a fleet.
type Streams struct {
	conn *nats.Conn
	js   jetstream.JetStream
}

// Open returns the streams on the servers of a connection.
func Open(c *nats.Conn) (*Streams, error) {
	js, err := jetstream.New(c)
	return &Streams{c, js}, err
}

// maxHosts limits the memory that a stream with too many subjects can take.
const maxHosts = 100_000

// Hosts returns all hosts by name: those in the roster, and those that have sent a sign of life, except those that were revoked.
func (s *Streams) Hosts(ctx context.Context) (hosts map[string]*Host, hasRoster bool, err error) {
	hosts = map[string]*Host{}
	revoked := map[string]bool{}
	add := func(m *Message, fill func(*Host)) error {
		name, err := subject.Host(m.Subject)
		if err != nil {
			return nil // only an administrator can publish there
		}
		if revoked[name] {
			return nil
		}
		h := hosts[name]
		if h == nil {
			if len(hosts) == maxHosts {
				return fmt.Errorf("there are more than %d hosts", maxHosts)
			}
			h = &Host{Name: name}
			hosts[name] = h
		}
		fill(h)
		return nil
	}
	err = s.Last(ctx, subject.RosterStream, subject.AllRoster, func(m *Message) error {
		entry, err := roster.Parse(m.Data)
		if err != nil {
			return nil // not of omg-fleet
		}
		if entry.Revoked() {
			if name, err := subject.Host(m.Subject); err == nil && len(revoked) < maxHosts {
				revoked[name] = true
			}
			return nil
		}
		hasRoster = true
		return add(m, func(h *Host) { h.InRoster = true })
	})
	if err != nil {
		return nil, false, fmt.Errorf("cannot read the roster: %w", err)
	}
	err = s.Last(ctx, subject.StateStream, subject.AllAlive, func(m *Message) error {
		return add(m, func(h *Host) {
			h.Contact = m.Time
			if alive, err := messages.ParseAlive(m.Data); err == nil {
				h.Alive = alive
			}
		})
	})
	if err != nil {
		return nil, false, fmt.Errorf("cannot read the signs of life: %w", err)
	}
	return hosts, hasRoster, nil
}

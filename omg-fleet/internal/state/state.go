// Package state reads what the streams of a fleet keep about each host: its entry in the roster, its last sign of life and its last
// inventory.
package state

import (
	"context"
	"errors"
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

// missedBeats is the number of signs of life that a host may miss before it is not waited for.
const missedBeats = 3

// IsLive reports whether a host is expected to answer.
func (h *Host) IsLive(now time.Time) bool {
	if h.Alive == nil || h.Alive.Stopped {
		return false
	}
	interval := min(max(time.Duration(h.Alive.Interval)*time.Second, minInterval), maxInterval)
	return now.Sub(h.Contact) <= missedBeats*interval
}

// Limits of the interval that a host may claim, so that a wrong one does not make all who ask wait.
const (
	minInterval = time.Minute
	maxInterval = time.Hour
)

// Streams reads the streams of a fleet.
type Streams struct{ js jetstream.JetStream }

// Open returns the streams on the servers of a connection.
func Open(c *nats.Conn) (*Streams, error) {
	js, err := jetstream.New(c)
	return &Streams{js}, err
}

// maxHosts limits the memory that a stream with too many subjects can take.
const maxHosts = 100_000

// Hosts returns all hosts by name: those in the roster, and those that have sent a sign of life, except those that were revoked.
func (s *Streams) Hosts(ctx context.Context) (hosts map[string]*Host, hasRoster bool, err error) {
	hosts = map[string]*Host{}
	revoked := map[string]bool{}
	add := func(m jetstream.Msg, fill func(*Host)) error {
		name, err := subject.Host(m.Subject())
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
	err = s.Last(ctx, subject.RosterStream, subject.AllRoster, func(m jetstream.Msg) error {
		entry, err := roster.Parse(m.Data())
		if err != nil {
			return nil // not of omg-fleet
		}
		if entry.Revoked() {
			if name, err := subject.Host(m.Subject()); err == nil && len(revoked) < maxHosts {
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
	err = s.Last(ctx, subject.StateStream, subject.AllAlive, func(m jetstream.Msg) error {
		return add(m, func(h *Host) {
			if meta, err := m.Metadata(); err == nil {
				h.Contact = meta.Timestamp
			}
			if alive, err := messages.ParseAlive(m.Data()); err == nil {
				h.Alive = alive
			}
		})
	})
	if err != nil {
		return nil, false, fmt.Errorf("cannot read the signs of life: %w", err)
	}
	return hosts, hasRoster, nil
}

// Last calls the function visit with the last message of each subject that matches a filter, and returns at the end.
func (s *Streams) Last(ctx context.Context, stream, filter string, visit func(jetstream.Msg) error) error {
	st, err := s.js.Stream(ctx, stream)
	if err != nil {
		return explain(stream, err)
	}
	c, err := st.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy})
	if err != nil {
		return explain(stream, err)
	}
	info, err := c.Info(ctx)
	if err != nil {
		return explain(stream, err)
	}
	// Otherwise the server keeps it for minutes, and the number of consumers is limited.
	defer func() { _ = st.DeleteConsumer(context.WithoutCancel(ctx), info.Name) }()
	if info.NumPending == 0 {
		return nil
	}
	messages, err := c.Messages(jetstream.PullMaxBytes(maxPendingBytes))
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return explain(stream, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if err := visit(m); err != nil || meta.NumPending == 0 {
			return err
		}
	}
}

// maxPendingBytes limits how much of a stream waits in memory.
const maxPendingBytes = 8 << 20

// Inventory returns the message with the last inventory of a host; nil if there is none.
func (s *Streams) Inventory(ctx context.Context, host string) (*jetstream.RawStreamMsg, error) {
	st, err := s.js.Stream(ctx, subject.StateStream)
	if err != nil {
		return nil, explain(subject.StateStream, err)
	}
	m, err := st.GetLastMsgForSubject(ctx, subject.Inventory(host))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return m, err
}

// explain adds what to do to errors whose text does not say it.
func explain(stream string, err error) error {
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("the server has no stream %s: omg-fleet init makes it", stream)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("the server keeps no streams for this account: %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the servers have not answered in time")
	}
	return fmt.Errorf("stream %s: %w", stream, err)
}

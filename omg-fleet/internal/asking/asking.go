// Package asking asks the hosts of a fleet a question through a NATS server, and collects their answers.
package asking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/state"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
)

// Fleet is a connection to the servers of a fleet.
type Fleet struct {
	conn    *nats.Conn
	streams *state.Streams
	// hosts are the known hosts by name.
	hosts     map[string]*state.Host
	hasRoster bool
}

// Open connects, and reads which hosts there are.
func Open(ctx context.Context, o link.Options) (*Fleet, error) {
	o.Name, o.InboxPrefix = "omg-fleet", subject.AdminInboxPrefix
	conn, err := link.Connect(o)
	if err != nil {
		return nil, err
	}
	f := &Fleet{conn: conn}
	if f.streams, err = state.Open(conn); err == nil {
		f.hosts, f.hasRoster, err = f.streams.Hosts(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return f, nil
}

// Close ends the connection.
func (f *Fleet) Close() { f.conn.Close() }

// Roster returns the names of the hosts that were added; nil if none was.
func (f *Fleet) Roster() []string {
	if !f.hasRoster {
		return nil
	}
	roster := []string{}
	for name, h := range f.hosts {
		if h.InRoster {
			roster = append(roster, name)
		}
	}
	slices.Sort(roster)
	return roster
}

// Ask asks all hosts, and calls the function yield for each: first with the answers in the order in which they arrive, until all hosts that
// are expected to answer have done so or the time is over, and then with what is known about the others.
func (f *Fleet) Ask(ctx context.Context, s *question.Spec, limit time.Duration, yield func(*question.Answer) error) error {
	q, err := s.Question()
	if err != nil {
		return err
	}
	id := nuid.Next()
	replies, err := f.conn.SubscribeSync(subject.Replies(id))
	if err != nil {
		return err
	}
	defer func() { _ = replies.Unsubscribe() }()
	if err := replies.SetPendingLimits(maxPendingReplies, maxPendingBytes); err != nil {
		return err
	}
	data, err := messages.Encode(&messages.Question{Schema: messages.Schema, ID: id, Spec: *s})
	if err != nil {
		return err
	}
	if len(data) > messages.MaxQuestionBytes {
		return command.Usagef("the question has %d kB, and hosts answer no more than %d kB: ask for less", len(data)>>10, messages.MaxQuestionBytes>>10)
	}
	if err := f.conn.Publish(subject.Question, data); err != nil {
		return err
	}
	c := &collection{answered: map[string]bool{}, waiting: map[string]bool{}, reasons: map[string]string{}}
	now := clock.Now()
	for name, h := range f.hosts {
		if h.IsLive(now) {
			c.waiting[name] = true
		}
	}
	asking, stop := context.WithTimeout(ctx, limit)
	defer stop()
	if err := c.collect(asking, replies, q, yield); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.tellSilent(ctx, q, c, limit, yield)
}

// Limits of the replies that have arrived and were not read.
const (
	maxPendingReplies = 200_000
	maxPendingBytes   = 256 << 20
)

// collection is the state of one question.
type collection struct {
	answered map[string]bool
	waiting  map[string]bool   // the hosts that are expected to answer and have not
	reasons  map[string]string // why hosts that have replied cannot answer
	bytes    int               // of all replies
}

// errManyBytes means that the replies of all hosts are larger than any that are useful.
var errManyBytes = fmt.Errorf("the replies have more than %d MiB: ask for less", maxReplyBytes>>20)

const maxReplyBytes = 256 << 20

// collect passes on replies until no host is waited for or the context ends.
func (c *collection) collect(ctx context.Context, replies *nats.Subscription, q *question.Question, yield func(*question.Answer) error) error {
	for len(c.waiting) > 0 {
		m, err := replies.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return nil
		case errors.Is(err, nats.ErrSlowConsumer):
			return errors.New("the replies arrive faster than they can be read: ask for less")
		case err != nil:
			return err
		}
		if c.bytes += len(m.Data); c.bytes > maxReplyBytes {
			return errManyBytes
		}
		if err := c.take(m, q, yield); err != nil {
			return err
		}
	}
	return nil
}

// take passes on a reply. A message that is no reply is ignored: the server can be made to send its own messages to the subject of a host.
func (c *collection) take(m *nats.Msg, q *question.Question, yield func(*question.Answer) error) error {
	name, err := subject.Host(m.Subject)
	if err != nil || c.answered[name] {
		return nil
	}
	r, err := messages.ParseReply(m.Data)
	if errors.Is(err, messages.ErrNoReply) {
		return nil
	}
	delete(c.waiting, name)
	switch {
	case err != nil:
		c.reasons[name] = "its reply was refused: " + err.Error()
		return nil
	case r.Answer == nil:
		c.reasons[name] = cmp.Or(r.Problem, "it gives no reason")
		return nil
	}
	c.answered[name] = true
	q.Adopt(r.Answer, name)
	if r.Now != 0 {
		r.Answer.At -= r.Now - clock.Now().Unix() // by the clock of this host
	}
	return yield(r.Answer)
}

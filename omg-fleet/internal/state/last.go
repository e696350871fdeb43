package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/omg-arch/omg/omg-fleet/internal/subject"
)

// Message is the last message of a subject.
type Message struct {
	Subject string
	Data    []byte
	// Time is when the server has stored it, by the server's clock.
	Time time.Time
}

// Limits of reading a stream. A batch is sent by one server, and the signs of life of 100,000 hosts fit into one.
const (
	maxBatchMessages = maxHosts
	maxBatchBytes    = 32 << 20
	// messageTime limits the wait for each message of a batch. After maxTries times without a message, the servers are considered to be away.
	messageTime = 5 * time.Second
	maxTries    = 3
)

// errAway means that no server answers.
var errAway = errors.New("the servers have not answered in time")

// Last calls the function visit with the last message of each subject that matches a filter, in the order in which they were stored. A message
// that replaces one meanwhile may be visited as well. The stream must keep one message a subject. Any server that has the stream answers, so that
// no leader is needed, and no server keeps a state of the reader.
func (s *Streams) Last(ctx context.Context, stream, filter string, visit func(*Message) error) error {
	for next, tries := uint64(1), 0; ; {
		last, pending, err := s.batch(ctx, stream, batchRequest{filter, next, maxBatchMessages, maxBatchBytes}, visit)
		switch {
		case err == nil && pending == 0:
			return nil
		case last >= next:
			next, tries = last+1, 0
		case err == nil:
			return fmt.Errorf("stream %s: the server says that %d messages follow, and sends none", stream, pending)
		}
		if err == nil {
			continue
		}
		if tries++; tries == maxTries || !isTemporary(err) {
			return s.explain(ctx, stream, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// isTemporary reports whether another server may answer. A server that has just started knows nothing of the stream.
func isTemporary(err error) bool {
	return errors.Is(err, errAway) || errors.Is(err, nats.ErrNoResponders)
}

// batchRequest asks for the messages with a subject from a number on. See the server's ADR-31.
type batchRequest struct {
	Filter   string `json:"next_by_subj"`
	From     uint64 `json:"seq"`
	Batch    int    `json:"batch"`
	MaxBytes int    `json:"max_bytes"`
}

// batch visits the messages of a batch. It returns the number of the last one, 0 if there was none, and how many follow.
func (s *Streams) batch(ctx context.Context, stream string, r batchRequest, visit func(*Message) error) (last, pending uint64, err error) {
	request, err := json.Marshal(r)
	if err != nil {
		return 0, 0, err
	}
	inbox := s.conn.NewInbox()
	replies, err := s.conn.SubscribeSync(inbox)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = replies.Unsubscribe() }()
	if err := replies.SetPendingLimits(maxBatchMessages+1, 2*maxBatchBytes); err != nil {
		return 0, 0, err
	}
	if err := s.conn.PublishRequest("$JS.API.DIRECT.GET."+stream, inbox, request); err != nil {
		return 0, 0, err
	}
	for {
		m, err := nextMessage(ctx, replies)
		if err != nil {
			return last, 0, err
		}
		switch status := m.Header.Get("Status"); status {
		case "": // a message of the stream
		case "204": // the end of the batch
			pending, err := strconv.ParseUint(m.Header.Get("Nats-Num-Pending"), 10, 64)
			return last, pending, err
		case "404": // no message matches
			return last, 0, nil
		case "503":
			return last, 0, nats.ErrNoResponders
		default:
			return last, 0, fmt.Errorf("the server answers %s %s", status, m.Header.Get("Description"))
		}
		sequence, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
		if err != nil {
			return last, 0, fmt.Errorf("the server's message has no number: %w", err)
		}
		// A time that cannot be read is an old one.
		at, _ := time.Parse(time.RFC3339Nano, m.Header.Get(jetstream.TimeStampHeaer))
		if err := visit(&Message{m.Header.Get(jetstream.SubjectHeader), m.Data, at}); err != nil {
			return last, 0, err
		}
		last = sequence
	}
}

// nextMessage waits for a message.
func nextMessage(ctx context.Context, replies *nats.Subscription) (*nats.Msg, error) {
	waiting, stop := context.WithTimeout(ctx, messageTime)
	defer stop()
	m, err := replies.NextMsgWithContext(waiting)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = errAway
	}
	return m, err
}

// Inventory returns the last inventory of a host; nil if there is none.
func (s *Streams) Inventory(ctx context.Context, host string) ([]byte, error) {
	waiting, stop := context.WithTimeout(ctx, messageTime)
	defer stop()
	m, err := s.conn.RequestWithContext(waiting, "$JS.API.DIRECT.GET."+subject.StateStream+"."+subject.Inventory(host), nil)
	if err != nil {
		return nil, s.explain(ctx, subject.StateStream, err)
	}
	switch status := m.Header.Get("Status"); status {
	case "":
		return m.Data, nil
	case "404":
		return nil, nil
	default:
		return nil, fmt.Errorf("the server answers %s %s", status, m.Header.Get("Description"))
	}
}

// explain adds what to do to errors whose text does not say it.
func (s *Streams) explain(ctx context.Context, stream string, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errAway):
		return errAway
	case !errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("stream %s: %w", stream, err)
	}
	asking, stop := context.WithTimeout(ctx, messageTime)
	defer stop()
	_, err = s.js.Stream(asking, stream)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("the server has no stream %s: omg-fleet setup makes it", stream)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("the server keeps no streams for this account: %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return errAway
	case err != nil:
		return fmt.Errorf("stream %s: %w", stream, err)
	}
	return fmt.Errorf("no server has the stream %s ready: try again", stream)
}

// Package lookup looks packages and commands up on the nodes of a fleet, for a host without an index.
package lookup

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// attemptTime is how long one node is waited for. Nodes answer within milliseconds, or say that they do not.
	attemptTime = time.Second
	// pause is the average time before a node is asked again that has too many lookups, or before it is tried again whether there is a node.
	pause = 200 * time.Millisecond
	// maxFound limits the answers to one lookup that have arrived and were not read.
	maxFound = 64
)

// errLost means that the connection was lost while the answer was waited for.
var errLost = errors.New("the connection to the server was lost")

// Answer is the answer of a node.
type Answer struct {
	// Node is the name of the node, as the server's permissions allow it.
	Node string
	// AsOf is the age of the node's data: when the oldest of its databases was last changed, in Unix seconds of this host's clock; 0 if that is
	// not known.
	AsOf int64
	*messages.Found
}

// Ask looks something up as a host, and returns the first answer. One node is asked first. If it does not answer in time, or says that its omgd does not,
// all nodes are asked, so that the death of a node loses no lookup. The parameter limit is the time for everything.
func Ask(ctx context.Context, o link.Options, host string, l messages.Lookup, limit time.Duration) (*Answer, error) {
	l.Schema, l.ID = messages.Schema, nuid.Next()
	if err := l.Check(); err != nil {
		return nil, command.Usagef("%w", err)
	}
	data, err := messages.Encode(&l)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	o.Name = "omg-fleet lookup " + host
	for wasConnected := false; ; wasConnected = true {
		conn, err := link.Connect(o)
		if err == nil {
			var a *Answer
			a, err = (&asking{host: host, lookup: &l, data: data, limit: limit, conn: conn, mayComeBack: wasConnected}).ask(ctx)
			conn.Close()
			if !errors.Is(err, errLost) {
				return a, err
			}
		} else if !wasConnected {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, err
		}
		wait(ctx) // the server may be back then, or another one is connected to
	}
}

// wait waits for a random time of about the constant pause.
func wait(ctx context.Context) {
	select {
	case <-time.After(pause/2 + rand.N(pause)):
	case <-ctx.Done():
	}
}

// asking is the state of a lookup on one connection.
type asking struct {
	host   string
	lookup *messages.Lookup
	data   []byte // the message of the lookup
	limit  time.Duration
	conn   *nats.Conn

	found, nobody chan *nats.Msg
	refused       chan error // errors of the server
	lost          chan struct{}
	problem       error     // why the last node did not answer; nil if none has said so
	firstNobody   time.Time // when the server has first said that there is no node; zero if it has not
	mayComeBack   bool      // whether a node that was there has to connect again
}

// ask asks until there is an answer.
func (q *asking) ask(ctx context.Context) (*Answer, error) {
	q.found, q.nobody, q.refused, q.lost = make(chan *nats.Msg, maxFound), make(chan *nats.Msg, 1), make(chan error, 1), make(chan struct{})
	q.conn.SetClosedHandler(func(*nats.Conn) { close(q.lost) })
	q.conn.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			select {
			case q.refused <- err:
			default:
			}
		}
	})
	if _, err := q.conn.ChanSubscribe(subject.FoundByAll(q.host, q.lookup.ID), q.found); err != nil {
		return nil, err
	}
	if _, err := q.conn.ChanSubscribe(subject.NoNode(q.host, q.lookup.ID), q.nobody); err != nil {
		return nil, err
	}
	to := subject.Lookup(q.host)
	for {
		if err := q.conn.PublishRequest(to, subject.NoNode(q.host, q.lookup.ID), q.data); err != nil {
			return nil, errLost
		}
		end, a, err := q.await(ctx, to == subject.LookupAll(q.host))
		if a != nil || err != nil {
			return a, err
		}
		to = subject.LookupAll(q.host)
		if end == endPause {
			to = subject.Lookup(q.host)
			wait(ctx)
		}
	}
}

// attemptEnd says how an attempt without an answer has ended.
type attemptEnd int

const (
	endFailed attemptEnd = iota // the node does not answer
	endPause                    // the node has too many lookups, or there is no node at the moment
)

// await waits for the answer to one attempt. If all nodes were asked, one that does not answer does not end the attempt.
func (q *asking) await(ctx context.Context, toAll bool) (attemptEnd, *Answer, error) {
	end := time.NewTimer(attemptTime)
	defer end.Stop()
	for {
		select {
		case m := <-q.found:
			a, isBusy, err := q.read(m)
			if a != nil || err != nil {
				return 0, a, err
			}
			if !toAll {
				if isBusy {
					return endPause, nil, nil
				}
				return endFailed, nil, nil
			}
		case <-q.nobody:
			now := time.Now()
			if q.firstNobody.IsZero() {
				q.firstNobody = now
			}
			if !q.mayComeBack && now.Sub(q.firstNobody) >= attemptTime {
				return 0, nil, &exit.Error{Code: exit.Failed, Err: errors.New("no node answers lookups"), Hint: "start omg-fleet node on a host with an index"}
			}
			return endPause, nil, nil
		case err := <-q.refused:
			return 0, nil, &exit.Error{
				Code: exit.Failed, Err: fmt.Errorf("the server refuses the lookup of %s: %w", q.host, err), Hint: "--creds needs the file of this host, and --host its name",
			}
		case <-q.lost:
			return 0, nil, errLost
		case <-end.C:
			return endFailed, nil, nil
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return 0, nil, ctx.Err()
			}
			err := fmt.Errorf("no node has answered within %s", q.limit)
			if q.problem != nil {
				err = fmt.Errorf("%w: %w", err, q.problem)
			}
			return 0, nil, err
		}
	}
}

// read returns the answer in a message; nil if it has none.
func (q *asking) read(m *nats.Msg) (_ *Answer, isBusy bool, _ error) {
	node, err := subject.Node(m.Subject)
	if err != nil {
		return nil, false, nil
	}
	q.mayComeBack = true
	f, err := messages.ParseFound(m.Data, q.lookup)
	if err != nil {
		q.problem = fmt.Errorf("the answer of %s was refused: %w", node, err)
		return nil, false, nil
	}
	switch f.State {
	case messages.FoundAnswered:
		return &Answer{Node: node, AsOf: asOf(f), Found: f}, false, nil
	case messages.FoundRefused:
		return nil, false, exit.WithCode(exit.Usage, fmt.Errorf("%s refuses the lookup: %s", node, f.Problem))
	}
	q.problem = fmt.Errorf("%s: %s", node, f.Problem)
	return nil, f.State == messages.FoundBusy, nil
}

// asOf returns when the oldest database of the result was last changed, by this host's clock.
func asOf(f *messages.Found) (at int64) {
	var sources []wire.Source
	switch {
	case f.Search != nil:
		sources = f.Search.Sources
	case f.Info != nil:
		sources = f.Info.Sources
	case f.Command != nil:
		sources = f.Command.Sources
	}
	for i := range sources {
		s := &sources[i]
		if !s.IsRepository() && s.Kind != wire.KindFiles || s.Unavailable() {
			continue
		}
		if s.ChangedAt == 0 {
			return 0
		}
		if at == 0 || s.ChangedAt < at {
			at = s.ChangedAt
		}
	}
	if at == 0 {
		return 0
	}
	return clock.Now().Unix() - (f.Now - at) // both clocks were read at about the same moment
}

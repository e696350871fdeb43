// Package node is the process beside an omgd that answers the lookups of hosts without an index. All nodes of a fleet are a queue group: the server gives
// each lookup to one of them. A node executes nothing, and what it answers is from its omgd.
package node

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/clock"
)

// Options say which node this is, and where it gets its answers.
type Options struct {
	Link link.Options
	// Host is the name of the host of the node, which the server's permissions must allow.
	Host   string
	Source Source
	Log    *slog.Logger
}

// Source answers lookups. Its method may be called at the same time.
type Source interface {
	// Answer returns the answer to a lookup without an error of Lookup.Check. It returns soon after the context has ended.
	Answer(context.Context, *messages.Lookup) *messages.Found
}

// Limits of the lookups that wait for an answer. A host with a stolen key can take no more than its share of them.
const (
	maxAtOnce  = 4
	maxWaiting = 64
	maxPerHost = 8
	// answerTime limits the time for one answer.
	answerTime = 5 * time.Second
	// leaveTime limits the wait at the end for lookups that the server has given to this node.
	leaveTime = 2 * time.Second
)

// node is the state of a running node.
type node struct {
	o       Options
	conn    *nats.Conn
	waiting chan waiting
	ended   chan struct{} // closed when no more lookups arrive

	mu      sync.Mutex
	perHost map[string]int // the lookups of each host that wait or are being answered
	problem string         // why the last lookup was not answered; empty if it was
}

// waiting is a lookup that waits for an answer.
type waiting struct {
	host   string
	lookup *messages.Lookup
}

// Run answers lookups until the context ends.
func Run(ctx context.Context, o Options) error {
	o.Link.Name, o.Link.Stays = "omg-fleet node "+o.Host, true
	o.Link.OnChange = func(_ bool, text string) { o.Log.Info(text) }
	conn, err := link.Connect(o.Link)
	if err != nil {
		return err
	}
	defer conn.Close()
	n := &node{o: o, conn: conn, waiting: make(chan waiting, maxWaiting), ended: make(chan struct{}), perHost: map[string]int{}}
	one, err := conn.QueueSubscribe(subject.OneNode, subject.NodeGroup, n.take)
	if err != nil {
		return err
	}
	all, err := conn.Subscribe(subject.AllNodes, n.take)
	if err != nil {
		return err
	}
	var workers sync.WaitGroup
	for range maxAtOnce {
		workers.Go(n.work)
	}
	<-ctx.Done()
	leave(one, all)
	close(n.ended)
	workers.Wait()
	if conn.IsConnected() {
		return conn.FlushTimeout(leaveTime)
	}
	return nil
}

// leave tells the server that the node gets no further lookups, and waits until those have arrived that it was given before.
func leave(subscriptions ...*nats.Subscription) {
	end := time.NewTimer(leaveTime)
	defer end.Stop()
	for _, s := range subscriptions {
		drained := s.StatusChanged(nats.SubscriptionClosed)
		if s.Drain() != nil { // there is no connection
			continue
		}
		select {
		case <-drained:
		case <-end.C:
			return
		}
	}
}

// take takes a lookup, or says at once that the node does not answer it. A message that is no lookup is ignored, and not logged, because a host could send
// very many. The host is known from the subject. The subject for replies is not used: it could be any other.
func (n *node) take(m *nats.Msg) {
	host, err := subject.Host(m.Subject)
	if err != nil {
		return
	}
	l, err := messages.ParseLookup(m.Data)
	switch {
	case l == nil:
	case l.Schema != messages.Schema: // a node of another version may answer it
		n.reply(host, l.ID, &messages.Found{State: messages.FoundUnavailable, Problem: err.Error()})
	case err != nil:
		n.reply(host, l.ID, &messages.Found{State: messages.FoundRefused, Problem: err.Error()})
	case !n.enqueue(waiting{host, l}):
		n.reply(host, l.ID, &messages.Found{State: messages.FoundBusy, Problem: "it has too many lookups"})
	}
}

// enqueue makes a lookup wait for an answer. It reports whether the lookup waits: it does not if too many others do.
func (n *node) enqueue(w waiting) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.perHost[w.host] >= maxPerHost {
		return false
	}
	select {
	case n.waiting <- w:
		n.perHost[w.host]++
		return true
	default:
		return false
	}
}

// work answers one lookup after another, until no more arrive.
func (n *node) work() {
	for {
		select {
		case w := <-n.waiting:
			n.answer(w)
		case <-n.ended:
			for {
				select {
				case w := <-n.waiting:
					n.answer(w)
				default:
					return
				}
			}
		}
	}
}

func (n *node) answer(w waiting) {
	ctx, stop := context.WithTimeout(context.Background(), answerTime)
	defer stop()
	f := n.o.Source.Answer(ctx, w.lookup)
	n.mu.Lock()
	if n.perHost[w.host]--; n.perHost[w.host] == 0 {
		delete(n.perHost, w.host)
	}
	n.mu.Unlock()
	n.note(f)
	n.reply(w.host, w.lookup.ID, f)
}

// note logs when omgd has stopped or begun to answer.
func (n *node) note(f *messages.Found) {
	if f.State == messages.FoundRefused {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case f.Problem == n.problem:
	case f.Problem == "":
		n.o.Log.Info("omgd answers")
	default:
		n.o.Log.Warn("omgd does not answer", "err", f.Problem)
	}
	n.problem = f.Problem
}

// reply publishes an answer.
func (n *node) reply(host, id string, f *messages.Found) {
	f.Schema, f.Now = messages.Schema, clock.Now().Unix()
	data, err := f.Encode(n.conn.MaxPayload())
	if err != nil {
		data, err = (&messages.Found{Schema: f.Schema, Now: f.Now, State: messages.FoundRefused, Problem: err.Error()}).Encode(n.conn.MaxPayload())
	}
	if err == nil {
		err = n.conn.Publish(subject.Found(host, n.o.Host, id), data)
	}
	if err != nil {
		n.o.Log.Warn(fmt.Sprintf("a lookup of %s was not answered", host), "err", err)
	}
}

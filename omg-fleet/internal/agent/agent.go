// Package agent is the process on each host of a fleet: it publishes the host's state when it has changed, and answers questions. It executes
// nothing, and what it answers is from the host's omgd.
package agent

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/version"
)

// Options say whose state is published, and where.
type Options struct {
	Link link.Options
	// Host is the name of the host, which the server's permissions must allow.
	Host string
	// Source knows the state of the host.
	Source Source
	// Interval is the time between two signs of life.
	Interval time.Duration
	Log      *slog.Logger
}

// Source knows the state of a host. Its methods may be called at the same time.
type Source interface {
	// Follow calls the function changed after the inventory has changed, until the context ends.
	Follow(ctx context.Context, changed func())
	// Latest returns the latest inventory; nil if there is none.
	Latest() *Inventory
	// Confirmed returns when the latest inventory was made or last known to be right, and why it may not be right any more; empty if it is.
	Confirmed() (at time.Time, problem string)
	// Ask answers a question from the latest inventory.
	Ask(*question.Spec) (*question.Answer, error)
}

// Inventory is an inventory in the form in which it is published.
type Inventory struct {
	Compressed []byte
	Digest     [32]byte // of the inventory without its time
}

// agent is the state of a running agent. Only the goroutine of run changes it.
type agent struct {
	o    Options
	conn *nats.Conn
	// inventory and alive are what the server keeps of the host.
	inventory, alive *outgoing
	digest           [32]byte // of the published inventory without its time
	rightAt          int64    // when the inventory that the server keeps was last known to be right, in Unix seconds; 0 if it has none of this agent
	id               string   // the beginning of the IDs of all messages of this agent
	startedAt        time.Time
	otherSeenAt      time.Time // when the server has last stored a message that another agent has sent as this host; zero if never
}

// Run publishes the state of the host and answers questions until the context ends.
func Run(ctx context.Context, o Options) error {
	connected := make(chan struct{}, 1)
	o.Link.Name, o.Link.Stays = "omg-fleet agent "+o.Host, true
	o.Link.OnChange = func(_ bool, text string) {
		o.Log.Info(text)
		notify(connected)
	}
	conn, err := link.Connect(o.Link)
	if err != nil {
		return err
	}
	defer conn.Close()
	a := &agent{o: o, conn: conn, id: nuid.Next() + "-", startedAt: time.Now()}
	stored := make(chan *nats.Msg, 16)
	a.inventory, a.alive = newOutgoing(conn, subject.Inventory(o.Host), a.id), newOutgoing(conn, subject.Alive(o.Host), a.id)
	if _, err := conn.ChanSubscribe(subject.Stored(o.Host), stored); err != nil {
		return err
	}
	questions, err := conn.Subscribe(subject.Question, a.answer)
	if err != nil {
		return err
	}
	if err := questions.SetPendingLimits(maxQuestions, maxQuestionBytes); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended, changed := make(chan struct{}), make(chan struct{}, 1)
	go func() {
		defer close(ended)
		o.Source.Follow(ctx, func() { notify(changed) })
	}()
	defer func() {
		stop()
		<-ended
	}()
	a.run(ctx, connected, changed, stored)
	a.sayGoodbye()
	return nil
}

// Limits of the questions that wait for an answer.
const (
	maxQuestions     = 64
	maxQuestionBytes = 1 << 20
)

func (a *agent) run(ctx context.Context, connected, changed <-chan struct{}, stored <-chan *nats.Msg) {
	beat, retry := time.NewTimer(0), time.NewTimer(0)
	defer beat.Stop()
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			a.takeInventory()
		case <-beat.C:
			a.beat(false)
			beat.Reset(spread(a.o.Interval))
		case m := <-stored:
			a.alive.acknowledge(m)
			if a.inventory.acknowledge(m) {
				a.beat(false) // so that the sign of life is not older than the inventory
			}
			a.noteOther(m)
		case <-connected:
		case <-retry.C:
		}
		if wait := a.send(); wait > 0 {
			retry.Reset(wait)
		}
	}
}

// send sends what the server has not acknowledged and is due. It returns when to send again; 0 if nothing waits.
func (a *agent) send() time.Duration {
	now := time.Now()
	var wait time.Duration
	for _, o := range []*outgoing{a.inventory, a.alive} {
		if w := o.send(now); w > 0 && (wait == 0 || w < wait) {
			wait = w
		}
	}
	return wait
}

// goodbyeID is the end of the ID of an agent's last message. The server returns the ID of a stored message, but not what it says.
const goodbyeID = "goodbye"

// noteOther notes whether another agent has sent a message as this host. In the first interval, it may be the one that ran before.
func (a *agent) noteOther(m *nats.Msg) {
	now, id := time.Now(), m.Header.Get(subject.MessageHeader)
	switch {
	case strings.HasPrefix(id, a.id):
		return
	case strings.HasSuffix(id, "-"+goodbyeID):
		// What the server keeps is the state of the other agent, and that it has ended.
		a.otherSeenAt, a.digest = time.Time{}, [32]byte{}
		a.beat(false)
		a.takeInventory()
		return
	case now.Sub(a.startedAt) < a.o.Interval:
		return
	}
	isKnown := a.isDuplicate(now)
	if a.otherSeenAt = now; !isKnown {
		a.o.Log.Warn("another agent publishes with the name of this host", "host", a.o.Host)
		a.beat(false)
	}
}

// isDuplicate reports whether another agent has recently sent messages as this host.
func (a *agent) isDuplicate(now time.Time) bool {
	return !a.otherSeenAt.IsZero() && now.Sub(a.otherSeenAt) < messages.MissedBeats*a.o.Interval
}

// takeInventory makes the message of the latest inventory, unless nothing but its time differs from what was published.
func (a *agent) takeInventory() {
	found := a.o.Source.Latest()
	if found == nil || found.Digest == a.digest {
		return
	}
	a.digest = found.Digest
	a.inventory.set(found.Compressed)
}

// beat makes the next sign of life.
func (a *agent) beat(stopped bool) {
	at, problem := a.o.Source.Confirmed()
	v := messages.Alive{
		Schema: messages.Schema, Now: clock.Now().Unix(), Problem: problem, OmgVersion: version.String(), Interval: int64(a.o.Interval / time.Second), Stopped: stopped,
		Duplicate: a.isDuplicate(time.Now()),
	}
	if found := a.o.Source.Latest(); found != nil && found.Digest == a.digest && !a.inventory.waiting { // otherwise the server keeps an earlier one
		a.rightAt = at.Unix()
	}
	v.InventoryAt = a.rightAt
	data, err := messages.Encode(v)
	switch {
	case err != nil:
		a.o.Log.Error("cannot make a sign of life", "err", err)
	case stopped:
		a.alive.setWithID(data, goodbyeID)
	default:
		a.alive.set(data)
	}
}

// goodbyeTime limits the wait at the end of the agent.
const goodbyeTime = 2 * time.Second

// sayGoodbye tells the server that no further sign of life is expected.
func (a *agent) sayGoodbye() {
	if !a.conn.IsConnected() {
		return
	}
	a.beat(true)
	a.alive.send(time.Now())
	if err := a.conn.FlushTimeout(goodbyeTime); err != nil {
		a.o.Log.Warn("the server may not know that the agent has ended", "err", err)
	}
}

// spread returns a time that differs from d by at most a tenth, so that hosts that have started together do not send together.
func spread(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5+1) }

func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// CheckInterval returns an error for an interval that is too short for a server, or so long that hosts seem to be lost.
func CheckInterval(d time.Duration) error {
	if d < minInterval || d > maxInterval {
		return fmt.Errorf("--interval is a time from %s to %s, not %s", minInterval, maxInterval, d)
	}
	return nil
}

const (
	minInterval = time.Second
	maxInterval = time.Hour
)

package agent

import (
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/omg-arch/omg/omg-fleet/internal/subject"
)

// outgoing is the message that the server is to keep on a subject. Only the latest content is kept, so that a host that was without a server
// for days needs no more memory.
type outgoing struct {
	conn    *nats.Conn
	subject string
	content []byte
	agent   string // the beginning of all IDs of this agent
	id      string // of the content
	waiting bool   // whether the server has not acknowledged it
	due     time.Time
	tries   int
}

func newOutgoing(conn *nats.Conn, subject, agent string) *outgoing {
	return &outgoing{conn: conn, subject: subject, agent: agent}
}

// set replaces the content.
func (o *outgoing) set(content []byte) { o.setWithID(content, nuid.Next()) }

func (o *outgoing) setWithID(content []byte, id string) {
	o.content, o.id, o.waiting, o.due, o.tries = content, o.agent+id, true, time.Time{}, 0
}

// Delays before a message is sent again that was not acknowledged. Servers that are busy with the inventories of many hosts would be busier with
// shorter ones.
const (
	firstRetry = 15 * time.Second
	lastRetry  = 5 * time.Minute
)

// send sends the content if it is due, and returns the time until it is due again; 0 if it was acknowledged. Without a connection, the next
// connection is waited for.
func (o *outgoing) send(now time.Time) time.Duration {
	if !o.waiting {
		return 0
	}
	if !o.conn.IsConnected() {
		o.due, o.tries = time.Time{}, 0
		return 0
	}
	if wait := o.due.Sub(now); wait > 0 {
		return wait
	}
	m := nats.NewMsg(o.subject)
	m.Data = o.content
	m.Header.Set(subject.MessageHeader, o.id)
	_ = o.conn.PublishMsg(m) // a message that was not sent is not acknowledged
	wait := min(firstRetry<<o.tries, lastRetry)
	if o.tries < 10 {
		o.tries++
	}
	wait += rand.N(wait / 2)
	o.due = now.Add(wait)
	return wait
}

// acknowledge notes that the server has stored a message, and reports whether it is this one.
func (o *outgoing) acknowledge(m *nats.Msg) bool {
	if !o.waiting || m.Header.Get(subject.MessageHeader) != o.id {
		return false
	}
	o.waiting, o.content = false, nil
	return true
}

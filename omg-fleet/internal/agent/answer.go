package agent

import (
	"github.com/nats-io/nats.go"

	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/clock"
)

// answer answers a question. It is called for one question after another.
func (a *agent) answer(m *nats.Msg) {
	q, err := messages.ParseQuestion(m.Data)
	if err != nil {
		a.o.Log.Warn("a question was ignored", "err", err)
		return
	}
	r := &messages.Reply{Schema: messages.Schema, Now: clock.Now().Unix()}
	if r.Answer, err = a.o.Source.Ask(&q.Spec); err != nil {
		r.Problem = err.Error()
	}
	data, err := r.Encode()
	if err != nil { // it is too large
		r.Answer, r.Problem = nil, err.Error()
		data, err = r.Encode()
	}
	if err == nil {
		err = a.conn.Publish(subject.Reply(a.o.Host, q.ID), data)
	}
	if err != nil {
		a.o.Log.Warn("a question was not answered", "err", err)
	}
}

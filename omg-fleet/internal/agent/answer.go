package agent

import (
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
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
	if r.Answer, err = a.local.ask(&q.Spec); err != nil {
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

// ask answers a question from the latest inventory. If omgd does not run any more, the answer has the time at which it was last right.
func (l *local) ask(s *question.Spec) (*question.Answer, error) {
	q, err := s.Question()
	if err != nil {
		return nil, err
	}
	found, at, problem := l.current()
	if found == nil {
		return nil, fmt.Errorf("it has no inventory: %s", problem)
	}
	r, finish := q.Ask()
	v, err := r.Read(found.document)
	if err != nil {
		return nil, err
	}
	answer := finish(v)
	if answer.At = at.Unix(); problem != "" && answer.State == question.Answered {
		answer.State, answer.Why = question.Partial, "its state may have changed: "+problem
	}
	return answer, nil
}

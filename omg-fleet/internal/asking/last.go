package asking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/omg-fleet/internal/inventories"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/state"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/clock"
)

// AskStored answers a question from the last inventory of each host, without asking the hosts.
func (f *Fleet) AskStored(ctx context.Context, s *question.Spec, yield func(*question.Answer) error) error {
	q, err := s.Question()
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	err = answerAll(func(send func(received) error) error {
		return f.streams.Last(ctx, subject.StateStream, subject.AllInventories, func(m *state.Message) error {
			name, err := subject.Host(m.Subject)
			if err != nil || seen[name] || f.hosts[name] == nil { // it was revoked
				return nil
			}
			seen[name] = true
			return send(received{name, m.Data})
		})
	}, maxReaders, func(r received, d *inventories.Decoder) *question.Answer {
		answer, err := f.answerFrom(q, r.name, r.inventory, d)
		if err != nil {
			return question.NoAnswer(r.name, question.Unreadable, err.Error())
		}
		return answer
	}, yield)
	if err != nil {
		return err
	}
	for _, name := range f.names() {
		if !seen[name] {
			if err := yield(question.NoAnswer(name, question.NotHeard, describeContact(f.hosts[name]))); err != nil {
				return err
			}
		}
	}
	return nil
}

// received is an inventory that a server has sent.
type received struct {
	name      string
	inventory []byte
}

// maxReaders limits how many inventories are read at the same time, and thus the memory that hostile ones can take. Reading one takes longer than
// receiving it.
const maxReaders = 4

// errEnded ends the function produce of answerAll.
var errEnded = errors.New("no further answers are wanted")

// answerAll passes on the answers to all that the function produce sends. The function answer is called in several goroutines, and the function
// yield in this one.
func answerAll[T any](produce func(send func(T) error) error, workers int, answer func(T, *inventories.Decoder) *question.Answer, yield func(*question.Answer) error) error {
	sent, answers, ended := make(chan T), make(chan *question.Answer, workers), make(chan struct{})
	defer close(ended)
	var working sync.WaitGroup
	var produceErr error
	working.Go(func() {
		defer close(sent)
		produceErr = produce(func(one T) error {
			select {
			case sent <- one:
				return nil
			case <-ended:
				return errEnded
			}
		})
	})
	for range workers {
		working.Go(func() {
			var d inventories.Decoder
			defer d.Close()
			for one := range sent {
				select {
				case answers <- answer(one, &d):
				case <-ended:
				}
			}
		})
	}
	go func() {
		working.Wait()
		close(answers)
	}()
	for one := range answers {
		if err := yield(one); err != nil {
			return err
		}
	}
	return produceErr
}

// names returns the names of all known hosts, sorted.
func (f *Fleet) names() []string {
	names := make([]string, 0, len(f.hosts))
	for name := range f.hosts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Duplicates returns the names of the hosts with whose names several agents publish.
func (f *Fleet) Duplicates() (all []string) {
	for _, name := range f.names() {
		if alive := f.hosts[name].Alive; alive != nil && alive.Duplicate {
			all = append(all, name)
		}
	}
	return all
}

// answerFrom answers a question from the inventory of a host.
func (f *Fleet) answerFrom(q *question.Question, name string, data []byte, d *inventories.Decoder) (*question.Answer, error) {
	r, finish := q.Ask()
	v, err := d.Read(data, r)
	if err != nil {
		return nil, fmt.Errorf("its inventory was refused: %w", err)
	}
	answer := finish(v)
	answer.Host = name
	if h := f.hosts[name]; h != nil && h.Alive != nil {
		// The host does not publish an inventory again that has not changed, but says in its signs of life that it is still right. The clock of
		// the host may have been set since the inventory was made.
		answer.At = cmp.Or(h.Alive.InventoryAt, answer.At) - h.ClockAhead()
	}
	return answer, nil
}

// maxRequests limits how many inventories of silent hosts are requested at the same time.
const maxRequests = 16

// tellSilent passes on what is known about the hosts that have not answered.
func (f *Fleet) tellSilent(ctx context.Context, q *question.Question, c *collection, limit time.Duration, yield func(*question.Answer) error) error {
	var away atomic.Pointer[error] // why the servers are not asked any more
	return answerAll(func(send func(string) error) error {
		for _, name := range f.names() {
			if c.answered[name] {
				continue
			}
			if err := send(name); err != nil {
				return err
			}
		}
		return ctx.Err()
	}, maxRequests, func(name string, d *inventories.Decoder) *question.Answer {
		why := describeContact(f.hosts[name])
		none, known := question.NotHeard, question.NotHeard
		if reason := c.reasons[name]; reason != "" { // it has replied, but not answered
			why, none, known = reason, question.Unknown, question.Partial
		} else if c.waiting[name] {
			why = fmt.Sprintf("it did not answer within %s, %s", limit, why)
		}
		var data []byte
		var err error
		if failed := away.Load(); failed != nil {
			err = *failed
		} else if data, err = f.streams.Inventory(ctx, name); err != nil {
			away.Store(&err)
		}
		var answer *question.Answer
		if data != nil {
			answer, err = f.answerFrom(q, name, data, d)
		}
		if err != nil {
			return question.NoAnswer(name, none, fmt.Sprintf("%s, and %s", why, err))
		}
		if answer == nil {
			return question.NoAnswer(name, none, why)
		}
		answer.State, answer.Why = known, why
		return answer
	}, yield)
}

// describeContact says when a host was last heard.
func describeContact(h *state.Host) string {
	switch {
	case h.Contact.IsZero():
		return "it has never been heard"
	case h.Alive != nil && h.Alive.Stopped:
		return "its agent was stopped " + clock.FormatAge(clock.Now().Sub(h.Contact))
	}
	return "it was last heard " + clock.FormatAge(clock.Now().Sub(h.Contact))
}

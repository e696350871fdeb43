package asking

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

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
	if err := f.eachStored(ctx, seen, q, yield); err != nil {
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

// maxWorkers limits how many inventories are read at the same time, and thus the memory that hostile ones can take.
const maxWorkers = 4

// eachStored passes on the answers from all stored inventories, and notes their hosts in seen. Reading an inventory takes longer than receiving it,
// so several are read at the same time.
func (f *Fleet) eachStored(ctx context.Context, seen map[string]bool, q *question.Question, yield func(*question.Answer) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type stored struct {
		name string
		data []byte
	}
	workers := min(runtime.GOMAXPROCS(0), maxWorkers)
	received, answers := make(chan stored, workers), make(chan *question.Answer, workers)
	var reading sync.WaitGroup
	var readErr, yieldErr error
	reading.Go(func() {
		defer close(received)
		readErr = f.streams.Last(ctx, subject.StateStream, subject.AllInventories, func(m jetstream.Msg) error {
			name, err := subject.Host(m.Subject())
			if err != nil || seen[name] {
				return nil
			}
			seen[name] = true
			received <- stored{name, m.Data()}
			return nil
		})
	})
	for range workers {
		reading.Go(func() {
			var d inventories.Decoder
			defer d.Close()
			for s := range received {
				answer, err := f.answerFrom(q, s.name, s.data, &d)
				if err != nil {
					answer = question.NoAnswer(s.name, question.Unreadable, err.Error())
				}
				answers <- answer
			}
		})
	}
	go func() {
		reading.Wait()
		close(answers)
	}()
	for answer := range answers {
		if yieldErr == nil {
			if yieldErr = yield(answer); yieldErr != nil {
				stop()
			}
		}
	}
	if yieldErr != nil {
		return yieldErr
	}
	return readErr
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
		// The host does not publish an inventory again that has not changed, but says in its signs of life that it is still right.
		answer.At = adjust(max(answer.At, h.Alive.InventoryAt), h.Alive.Now, h.Contact)
	}
	return answer, nil
}

// tellSilent passes on what is known about the hosts that have not answered.
func (f *Fleet) tellSilent(ctx context.Context, q *question.Question, c *collection, limit time.Duration, yield func(*question.Answer) error) error {
	var d inventories.Decoder
	defer d.Close()
	for _, name := range f.names() {
		if c.answered[name] {
			continue
		}
		h := f.hosts[name]
		why := describeContact(h)
		if c.waiting[name] {
			why = fmt.Sprintf("it did not answer within %s, %s", limit, why)
		}
		var answer *question.Answer
		m, err := f.streams.Inventory(ctx, name)
		if err == nil && m != nil {
			answer, err = f.answerFrom(q, name, m.Data, &d)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			answer = question.NoAnswer(name, question.NotHeard, fmt.Sprintf("%s, and %s", why, err))
		case answer == nil:
			answer = question.NoAnswer(name, question.NotHeard, why)
		default:
			answer.State, answer.Why = question.NotHeard, why
		}
		if err := yield(answer); err != nil {
			return err
		}
	}
	return nil
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

package share

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Turns lets requests run a few at a time. The turns are divided by the package's rule.
// If more requests wait than there are turns, the next one belongs to the user whose
// requests have used the least time. So a user with one short request does not wait for
// hundreds of long ones of another user. The last free turn is for users who have used
// little, so that a short request does not even wait for the end of a long one.
type Turns struct {
	limit int

	mu      sync.Mutex
	running int
	lines   map[uint32]*line // of users with a running or waiting request
}

// line is a user's requests.
type line struct {
	running int
	own     time.Duration // used by requests that have ended, since the line exists
	used    time.Duration // the same and what the line began with
	waiting []chan struct{}
}

// little is the time that a user may have used to get the last free turn.
const little = 20 * time.Millisecond

// NewTurns returns n turns, at least two: one user never gets all.
func NewTurns(n int) *Turns { return &Turns{limit: max(2, n), lines: make(map[uint32]*line)} }

// Take waits for a turn. It fails if ctx ends before. The caller has to Give the turn
// back. Trusted users do not wait.
func (t *Turns) Take(ctx context.Context, u User) error {
	if u.Trusted {
		return nil
	}
	t.mu.Lock()
	l := t.line(u.UID)
	if len(l.waiting) == 0 && t.may(l) {
		t.run(l)
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	l.waiting = append(l.waiting, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	i := slices.Index(l.waiting, mine)
	if i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		t.drop(u.UID, l)
	}
	t.mu.Unlock()
	if i < 0 { // the turn came at the same time
		t.Give(u, 0)
	}
	return ctx.Err()
}

// Give ends a turn in which a time was used.
func (t *Turns) Give(u User, used time.Duration) {
	if u.Trusted {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[u.UID]
	l.running--
	t.running--
	l.own += used
	l.used += used
	t.drop(u.UID, l)
	for next := t.next(); next != nil; next = t.next() {
		close(next.waiting[0])
		next.waiting = slices.Delete(next.waiting, 0, 1)
		t.run(next)
	}
}

// line returns a user's line. A new one has used as much time as the line that has used
// the least.
func (t *Turns) line(uid uint32) *line {
	l := t.lines[uid]
	if l != nil {
		return l
	}
	l = &line{}
	first := true
	for _, other := range t.lines {
		if first || other.used < l.used {
			l.used, first = other.used, false
		}
	}
	t.lines[uid] = l
	return l
}

// next returns the line whose first request gets the next turn, nil if there is none.
func (t *Turns) next() (next *line) {
	for _, l := range t.lines {
		if len(l.waiting) > 0 && t.may(l) && (next == nil || l.used < next.used) {
			next = l
		}
	}
	return next
}

func (t *Turns) may(l *line) bool {
	free := t.limit - t.running
	if l.own > little {
		free--
	}
	return l.running+1 <= free
}

func (t *Turns) run(l *line) {
	l.running++
	t.running++
}

func (t *Turns) drop(uid uint32, l *line) {
	if l.running == 0 && len(l.waiting) == 0 {
		delete(t.lines, uid)
	}
}

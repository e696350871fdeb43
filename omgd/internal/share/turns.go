package share

import (
	"cmp"
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
	lines   map[uint32]*line // of users who have a request or a debt
}

// line is a user's requests.
type line struct {
	running int
	waiting []*waiter
	used    time.Duration // by requests that have ended, since there is one, and what the line began with
	debt    time.Duration // used, less what was paid back, as of at
	at      time.Time
}

// waiter is a request that waits. begin is called once with the lock, when it has its turn.
type waiter struct{ begin func() }

const (
	// little is the debt up to which a user may have the last free turn.
	little = 20 * time.Millisecond
	// A tenth of the time that passes is subtracted from a debt. A user who computes less than that has no debt most of the
	// time. A debt is at most what is subtracted in a minute.
	payback = 10
	most    = time.Minute / payback
)

// NewTurns returns n turns, at least two: one user never gets all.
func NewTurns(n int) *Turns { return &Turns{limit: max(2, n), lines: make(map[uint32]*line)} }

// Take waits for a turn. It fails if ctx ends before. The caller has to Give the turn
// back. Trusted users do not wait.
func (t *Turns) Take(ctx context.Context, u User) error { return t.take(ctx, u, false) }

// Resume is Take for a request that has begun: it comes before the user's other requests,
// so that what has begun also ends.
func (t *Turns) Resume(ctx context.Context, u User) error { return t.take(ctx, u, true) }

func (t *Turns) take(ctx context.Context, u User, first bool) error {
	if u.Trusted {
		return nil
	}
	t.mu.Lock()
	now := time.Now()
	l := t.line(u.UID, now)
	if (first || len(l.waiting) == 0) && t.may(l, now) {
		t.run(l)
		t.mu.Unlock()
		return nil
	}
	begun := make(chan struct{})
	w := &waiter{func() { close(begun) }}
	if first {
		l.waiting = slices.Insert(l.waiting, 0, w)
	} else {
		l.waiting = append(l.waiting, w)
	}
	t.mu.Unlock()
	return t.wait(ctx, u, w, begun)
}

// Waiting returns how many of a user's requests wait for a turn.
func (t *Turns) Waiting(u User) int {
	if u.Trusted {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.lines[u.UID]; l != nil {
		return len(l.waiting)
	}
	return 0
}

// Start calls begin as soon as there is a turn, which has to be given back. It does not
// wait, and begin must not.
func (t *Turns) Start(u User, begin func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	l := t.line(u.UID, now)
	if len(l.waiting) == 0 && t.may(l, now) {
		t.run(l)
		begin()
		return
	}
	l.waiting = append(l.waiting, &waiter{begin})
}

// Pause lets others have a turn in which a time was used. If somebody waits who has used
// less, it waits as Take does, before the user's other requests: not more of them have
// begun than could run at the same time. If it fails, there is no turn to give back.
func (t *Turns) Pause(ctx context.Context, u User, used time.Duration) error {
	if u.Trusted {
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		t.Give(u, used)
		return err
	}
	t.mu.Lock()
	l := t.lines[u.UID]
	begun := make(chan struct{})
	w := &waiter{func() { close(begun) }}
	l.waiting = slices.Insert(l.waiting, 0, w)
	t.give(l, used)
	t.mu.Unlock()
	return t.wait(ctx, u, w, begun)
}

// wait waits for a turn that is in the user's line.
func (t *Turns) wait(ctx context.Context, u User, w *waiter, begun <-chan struct{}) error {
	select {
	case <-begun:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[u.UID]
	if i := slices.Index(l.waiting, w); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	} else { // the turn came at the same time
		t.give(l, 0)
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
	t.give(t.lines[u.UID], used)
}

func (t *Turns) give(l *line, used time.Duration) {
	l.running--
	t.running--
	l.used += used
	now := time.Now()
	l.debt = min(l.owes(now)+used, most)
	for next := t.next(now); next != nil; next = t.next(now) {
		w := next.waiting[0]
		next.waiting = slices.Delete(next.waiting, 0, 1)
		t.run(next)
		w.begin()
	}
}

// line returns a user's line for a new request. If it is the user's only one, the line has
// used as much time as the one that has used the least. Lines that are not needed any more
// are removed.
func (t *Turns) line(uid uint32, now time.Time) *line {
	l := t.lines[uid]
	if l != nil && !l.idle() {
		return l
	}
	if l == nil {
		l = &line{at: now}
	}
	l.used = 0
	first := true
	for other, o := range t.lines {
		switch {
		case !o.idle():
			if first || o.used < l.used {
				l.used, first = o.used, false
			}
		case o.owes(now) == 0:
			delete(t.lines, other)
		}
	}
	t.lines[uid] = l
	return l
}

// next returns the line whose first request gets the next turn, nil if there is none.
func (t *Turns) next(now time.Time) (next *line) {
	for _, l := range t.lines {
		if len(l.waiting) > 0 && t.may(l, now) && (next == nil || l.before(next)) {
			next = l
		}
	}
	return next
}

// before reports whether a line gets a turn before another.
func (l *line) before(other *line) bool {
	return cmp.Or(cmp.Compare(l.used, other.used), cmp.Compare(l.debt, other.debt)) < 0
}

func (t *Turns) may(l *line, now time.Time) bool {
	free := t.limit - t.running
	if l.owes(now) > little {
		free--
	}
	return l.running+1 <= free
}

func (t *Turns) run(l *line) {
	l.running++
	t.running++
}

func (l *line) idle() bool { return l.running == 0 && len(l.waiting) == 0 }

// owes returns the user's debt now.
func (l *line) owes(now time.Time) time.Duration {
	l.debt = max(0, l.debt-now.Sub(l.at)/payback)
	l.at = now
	return l.debt
}

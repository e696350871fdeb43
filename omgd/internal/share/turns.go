package share

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Turns limits how many requests run concurrently. A request runs only while it has a turn. The turns are divided
// between the users by the package's rule. If more requests wait than turns are free, the next free turn goes to the
// user whose requests have used the least time. Therefore a user with one short request does not wait for hundreds of
// long requests of another user. The last free turn is reserved for users who have recently used little time. Therefore
// a short request does not even wait for the end of a long request.
type Turns struct {
	limit int

	mu           sync.Mutex
	runningCount int
	queues       map[uint32]*queue // by user ID; contains users who have a request or a debt
}

// queue contains one user's requests: the number of running requests, and the waiting requests in order.
type queue struct {
	runningCount int
	waiters      []*waiter
	used         time.Duration // the time that ended requests have used since the queue was last idle, plus the initial value that Turns.queue sets
	debt         time.Duration // the time that the user has used, reduced as described at debtDivisor; valid at the time debtAt
	debtAt       time.Time
}

// waiter is a request that waits for a turn. When the request gets the turn, onTurn is called once, with mu locked.
type waiter struct {
	onTurn  func()
	gotTurn chan struct{} // closed by onTurn, if enqueue made the waiter
}

// enqueue adds a request to the queue, before all others if first is true.
func (q *queue) enqueue(first bool) *waiter {
	w := &waiter{gotTurn: make(chan struct{})}
	w.onTurn = func() { close(w.gotTurn) }
	at := len(q.waiters)
	if first {
		at = 0
	}
	q.waiters = slices.Insert(q.waiters, at, w)
	return w
}

const (
	// maxDebtForLastTurn is the largest debt with which a user may get the last free turn.
	maxDebtForLastTurn = 20 * time.Millisecond
	// While time passes, one tenth of that time is subtracted from each user's debt. A user who computes for less than
	// one tenth of the time therefore has no debt most of the time.
	debtDivisor = 10
	// maxDebt is the amount that is subtracted in one minute.
	maxDebt = time.Minute / debtDivisor
)

// NewTurns returns n turns, but at least two, because one user must never get all turns.
func NewTurns(n int) *Turns { return &Turns{limit: max(2, n), queues: make(map[uint32]*queue)} }

// Acquire waits for a turn. It returns an error if ctx ends before the user gets the turn. The caller must call Release
// afterwards. A trusted user does not wait.
func (t *Turns) Acquire(ctx context.Context, u User) error { return t.acquire(ctx, u, false) }

// Reacquire is like Acquire, for a request that has had a turn before. The request gets the next turn of its user, so
// that a started request ends before another one starts.
func (t *Turns) Reacquire(ctx context.Context, u User) error { return t.acquire(ctx, u, true) }

func (t *Turns) acquire(ctx context.Context, u User, first bool) error {
	if u.Trusted {
		return nil
	}
	t.mu.Lock()
	now := time.Now()
	q := t.queue(u.UID, now)
	if (first || len(q.waiters) == 0) && t.mayRun(q, now) {
		t.countRunning(q)
		t.mu.Unlock()
		return nil
	}
	w := q.enqueue(first)
	t.mu.Unlock()
	return t.awaitTurn(ctx, u, w)
}

// Waiting returns how many requests of a user wait for a turn.
func (t *Turns) Waiting(u User) int {
	if u.Trusted {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if q := t.queues[u.UID]; q != nil {
		return len(q.waiters)
	}
	return 0
}

// RunOnTurn calls the function start as soon as the user gets a turn. Release must be called for that turn afterwards.
// RunOnTurn itself does not wait, and start must not wait either.
func (t *Turns) RunOnTurn(u User, start func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	q := t.queue(u.UID, now)
	if len(q.waiters) == 0 && t.mayRun(q, now) {
		t.countRunning(q)
		start()
		return
	}
	q.waiters = append(q.waiters, &waiter{onTurn: start})
}

// Yield lets other requests run during a long request. It releases the request's turn and waits for another turn. The
// parameter used is how long the released turn was. If no user who has used less time is waiting, Yield returns
// immediately, and the request has a turn again.
// A request that yields gets its next turn before the other requests of its user. Therefore a user never has more
// started requests than can run concurrently. If Yield returns an error, the request has no turn, and Release must not
// be called.
func (t *Turns) Yield(ctx context.Context, u User, used time.Duration) error {
	if u.Trusted {
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		t.Release(u, used)
		return err
	}
	t.mu.Lock()
	q := t.queues[u.UID]
	w := q.enqueue(true)
	t.release(q, used)
	t.mu.Unlock()
	return t.awaitTurn(ctx, u, w)
}

// awaitTurn waits until the waiter w, which is in the user's queue, gets its turn. If ctx ends first, it removes w.
func (t *Turns) awaitTurn(ctx context.Context, u User, w *waiter) error {
	select {
	case <-w.gotTurn:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	q := t.queues[u.UID]
	if i := slices.Index(q.waiters, w); i >= 0 {
		q.waiters = slices.Delete(q.waiters, i, i+1)
	} else { // ctx ended, but w got its turn before t.mu was locked
		t.release(q, 0)
	}
	return ctx.Err()
}

// Release ends a turn. The parameter used is how long the turn was.
func (t *Turns) Release(u User, used time.Duration) {
	if u.Trusted {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release(t.queues[u.UID], used)
}

func (t *Turns) release(q *queue, used time.Duration) {
	q.runningCount--
	t.runningCount--
	q.used += used
	now := time.Now()
	q.debt = min(q.currentDebt(now)+used, maxDebt)
	for next := t.nextQueue(now); next != nil; next = t.nextQueue(now) {
		w := next.waiters[0]
		next.waiters = slices.Delete(next.waiters, 0, 1)
		t.countRunning(next)
		w.onTurn()
	}
}

// queue returns the user's queue, for a new request. If the user has no other request, the field used of the queue is
// set to the smallest value that this field has for a user with requests. The function also removes queues that have
// neither requests nor a debt.
func (t *Turns) queue(uid uint32, now time.Time) *queue {
	q := t.queues[uid]
	if q != nil && !q.idle() {
		return q
	}
	if q == nil {
		q = &queue{debtAt: now}
	}
	q.used = 0
	first := true
	for otherUID, other := range t.queues {
		switch {
		case !other.idle():
			if first || other.used < q.used {
				q.used, first = other.used, false
			}
		case other.currentDebt(now) == 0:
			delete(t.queues, otherUID)
		}
	}
	t.queues[uid] = q
	return q
}

// nextQueue returns the queue whose first waiting request gets the next turn, or nil if no waiting request may run.
func (t *Turns) nextQueue(now time.Time) (next *queue) {
	for _, q := range t.queues {
		if len(q.waiters) > 0 && t.mayRun(q, now) && (next == nil || q.precedes(next)) {
			next = q
		}
	}
	return next
}

// precedes reports whether q gets a turn before the queue other.
func (q *queue) precedes(other *queue) bool {
	return cmp.Or(cmp.Compare(q.used, other.used), cmp.Compare(q.debt, other.debt)) < 0
}

// mayRun reports whether one more request of a queue may run. The last free turn is reserved for users with a small
// debt.
func (t *Turns) mayRun(q *queue, now time.Time) bool {
	free := t.limit - t.runningCount
	if q.currentDebt(now) > maxDebtForLastTurn {
		free--
	}
	return q.runningCount+1 <= free
}

func (t *Turns) countRunning(q *queue) {
	q.runningCount++
	t.runningCount++
}

func (q *queue) idle() bool { return q.runningCount == 0 && len(q.waiters) == 0 }

// currentDebt returns the user's debt at the time now, and stores it.
func (q *queue) currentDebt(now time.Time) time.Duration {
	q.debt = max(0, q.debt-now.Sub(q.debtAt)/debtDivisor)
	q.debtAt = now
	return q.debt
}

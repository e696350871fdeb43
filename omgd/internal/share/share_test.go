package share

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// acquireAll acquires units of a pool for a user until the user may have no more units. It returns how many units it has
// acquired.
func acquireAll(p *Budget, u User) (n int) {
	for p.TryAcquire(u, 1) {
		n++
	}
	return n
}

func TestBudget_TryAcquire(t *testing.T) {
	root := User{UID: 0, Trusted: true}
	p := NewBudget(1000, 100)
	for uid, want := range []int{450, 225, 113, 56} {
		require.Equal(t, want, acquireAll(p, User{UID: uint32(uid + 1)}), "user %d gets half of the free units", uid+1)
	}
	require.True(t, p.TryAcquire(User{UID: 1000}, 1), "some units are still free")
	require.Equal(t, 155, acquireAll(p, root), "root gets all free units and the reserve")
	require.EqualValues(t, 1000, p.Used())
	require.False(t, p.TryAcquire(User{UID: 1001}, 1))
	p.Add(User{UID: 1}, -450)
	require.Equal(t, 175, acquireAll(p, User{UID: 1001}))
}

// TestBudget_Simultaneous checks that four users who acquire units in alternation get equal amounts.
func TestBudget_Simultaneous(t *testing.T) {
	p := NewBudget(1000, 0)
	for acquired := true; acquired; {
		acquired = false
		for uid := range uint32(4) {
			acquired = p.TryAcquire(User{UID: uid}, 1) || acquired
		}
	}
	for uid := range uint32(4) {
		require.EqualValues(t, 200, p.by[uid])
	}
}

func TestBudget_Over(t *testing.T) {
	p := NewBudget(100, 0)
	one, other := User{UID: 1}, User{UID: 2}
	p.Add(one, 70)
	require.True(t, p.IsUserOverShare(one))
	require.False(t, p.IsUserOverShare(other))
	require.False(t, p.IsShort())
	p.Add(one, 10)
	require.True(t, p.IsShort())
	p.Add(one, -80)
	require.False(t, p.IsUserOverShare(one))
	require.Empty(t, p.by, "users who have nothing use no memory")
}

// TestTurns_Fair checks that one user gets only one of two turns, even if twenty requests of that user wait. A request
// of a second user runs immediately. A request of a third user runs before the remaining requests of the first user.
func TestTurns_Fair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1)
		require.Equal(t, 2, turns.limit)
		order := make(chan uint32, 100)
		request := func(uid uint32) {
			u := User{UID: uid, Trusted: uid == 0}
			if turns.Acquire(t.Context(), u) != nil {
				return
			}
			time.Sleep(time.Second)
			order <- uid
			turns.Release(u, time.Second)
		}
		for range 20 {
			go request(1)
		}
		synctest.Wait()
		require.Equal(t, 1, turns.runningCount, "user 1 has one running request")
		go request(2)
		synctest.Wait()
		require.Equal(t, 2, turns.runningCount, "the request of user 2 runs immediately")
		go request(3)
		go request(0)
		for range 23 {
			synctest.Wait()
			time.Sleep(time.Second)
		}
		synctest.Wait()
		var first []uint32
		for range 5 {
			first = append(first, <-order)
		}
		require.ElementsMatch(t, []uint32{0, 1, 1, 2, 3}, first)
		require.Len(t, order, 18)
		requireForgotten(t, turns)
	})
}

// requireForgotten waits a minute, in which all debts expire, and checks that only users with a request are still in
// memory.
func requireForgotten(t *testing.T, turns *Turns) {
	t.Helper()
	time.Sleep(time.Minute)
	require.NoError(t, turns.Acquire(t.Context(), User{UID: 1000}))
	require.Len(t, turns.queues, 1)
	turns.Release(User{UID: 1000}, 0)
}

// TestTurns_LastIsForShort checks that users with long requests share all turns except one. That turn stays free, so the
// request of a user who has used little time runs immediately.
func TestTurns_LastIsForShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2)
		var ended [4]atomic.Int64 // by user
		for _, uid := range []uint32{1, 2, 3} {
			for range 2 {
				go func() {
					u := User{UID: uid}
					for range 10 {
						if turns.Acquire(t.Context(), u) != nil {
							return
						}
						time.Sleep(time.Second)
						ended[uid].Add(1)
						turns.Release(u, time.Second)
					}
				}()
			}
		}
		time.Sleep(10*time.Second + time.Second/2)
		start := time.Now()
		require.NoError(t, turns.Acquire(t.Context(), User{UID: 4}))
		require.Zero(t, time.Since(start))
		turns.Release(User{UID: 4}, time.Millisecond)
		for _, uid := range []uint32{1, 2, 3} {
			require.InDelta(t, 4, ended[uid].Load(), 1, "user %d", uid)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		requireForgotten(t, turns)
	})
}

// TestTurns_DebtIsKept checks that a user who sends one long request after another has a debt also between two requests.
// Otherwise the user could get the last free turn.
func TestTurns_DebtIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2)
		ctx, end := context.WithTimeout(t.Context(), 21*time.Second)
		defer end()
		for _, uid := range []uint32{1, 2} {
			go func() {
				for u := (User{UID: uid}); ctx.Err() == nil && turns.Acquire(ctx, u) == nil; {
					time.Sleep(time.Second)
					turns.Release(u, time.Second)
					time.Sleep(time.Millisecond)
				}
			}()
		}
		time.Sleep(10*time.Second + time.Second/2)
		for range 100 {
			start := time.Now()
			require.NoError(t, turns.Acquire(t.Context(), User{UID: 3}))
			require.Zero(t, time.Since(start))
			turns.Release(User{UID: 3}, time.Millisecond)
			time.Sleep(99 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
	})
}

// TestTurns_OneAfterTheOther checks that a user who sends one request after the other gets as many turns as users whose
// requests wait all the time, and not more.
func TestTurns_OneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2)
		ctx, end := context.WithTimeout(t.Context(), 90*time.Second+time.Second/2)
		defer end()
		var ended [4]atomic.Int64 // by user
		for _, uid := range []uint32{1, 2, 3} {
			waiting := 10
			if uid == 1 {
				waiting = 1
			}
			for range waiting {
				go func() {
					for u := (User{UID: uid}); ctx.Err() == nil && turns.Acquire(ctx, u) == nil; {
						time.Sleep(time.Second)
						ended[uid].Add(1)
						turns.Release(u, time.Second)
					}
				}()
			}
		}
		time.Sleep(2 * time.Minute)
		for _, uid := range []uint32{1, 2, 3} {
			require.InDelta(t, 30, ended[uid].Load(), 3, "user %d", uid)
		}
	})
}

// TestTurns_Yield checks that a request of a user who has used little time runs when a long request of another user
// yields. It does not wait for the end of the long request. Other requests of the same user start only after the long
// request.
func TestTurns_Yield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2)
		var started atomic.Int64
		long := func(uid uint32) {
			u := User{UID: uid}
			if turns.Acquire(t.Context(), u) != nil {
				return
			}
			started.Add(1)
			for range 1000 {
				time.Sleep(5 * time.Millisecond)
				if turns.Yield(t.Context(), u, 5*time.Millisecond) != nil {
					return
				}
			}
			turns.Release(u, 0)
		}
		for _, uid := range []uint32{1, 2} {
			go long(uid)
			synctest.Wait()
		}
		go long(1)
		synctest.Wait()
		require.EqualValues(t, 2, started.Load())
		time.Sleep(time.Millisecond)
		for range 10 {
			start := time.Now()
			require.NoError(t, turns.Acquire(t.Context(), User{UID: 3}))
			require.LessOrEqual(t, time.Since(start), 5*time.Millisecond)
			turns.Release(User{UID: 3}, time.Microsecond)
			time.Sleep(100 * time.Millisecond)
		}
		require.EqualValues(t, 2, started.Load())
		time.Sleep(20 * time.Second)
		require.EqualValues(t, 3, started.Load())
		synctest.Wait()
		require.Zero(t, turns.runningCount)
	})
}

// TestTurns_Order checks the order of one user's requests: started requests get a turn before new requests. New
// requests get their turns in the order in which they arrived, whether by Acquire or by RunOnTurn.
func TestTurns_Order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns, u := NewTurns(2), User{UID: 1}
		var order []string
		appendName := func(name string) func() { return func() { order = append(order, name) } }
		acquire := func(name string, method func(context.Context, User) error) {
			go func() {
				if method(t.Context(), u) == nil {
					appendName(name)()
				}
			}()
			synctest.Wait()
		}
		turns.RunOnTurn(u, appendName("first"))
		acquire("second", turns.Acquire)
		turns.RunOnTurn(u, appendName("third"))
		acquire("fourth", turns.Acquire)
		require.Equal(t, 3, turns.Waiting(u))
		acquire("reacquired", turns.Reacquire)
		require.Equal(t, []string{"first"}, order)
		require.Equal(t, 4, turns.Waiting(u))
		require.Zero(t, turns.Waiting(User{UID: 2}))
		for range 5 {
			turns.Release(u, 0)
			synctest.Wait()
		}
		require.Equal(t, []string{"first", "reacquired", "second", "third", "fourth"}, order)
		require.Zero(t, turns.runningCount)
	})
}

func TestTurns_Canceled(t *testing.T) {
	turns, u := NewTurns(2), User{UID: 1}
	require.NoError(t, turns.Acquire(t.Context(), u))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, turns.Acquire(ctx, u), context.Canceled)
	turns.Release(u, 0)
	require.Zero(t, turns.runningCount)
	require.True(t, turns.queues[1].idle())
	require.NoError(t, turns.Acquire(t.Context(), u))
	require.ErrorIs(t, turns.Yield(ctx, u, 0), context.Canceled)
	require.Zero(t, turns.runningCount)
}

// TestTurns_CanceledWithTurn checks that a request that is canceled at the moment when it gets its turn
// gives the turn back.
func TestTurns_CanceledWithTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns, u := NewTurns(2), User{UID: 1}
		require.NoError(t, turns.Acquire(t.Context(), u))
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		go func() { failed <- turns.Acquire(ctx, u) }()
		synctest.Wait()
		turns.mu.Lock() // Acquire needs this lock to remove the request from the queue
		cancel()
		turns.release(turns.queues[u.UID], 0)
		turns.mu.Unlock()
		require.ErrorIs(t, <-failed, context.Canceled)
		require.Zero(t, turns.runningCount)
	})
}

package share

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// greedy takes all it can get, and returns how much that is.
func greedy(p *Pool, u User) (n int) {
	for p.Take(u, 1) {
		n++
	}
	return n
}

func TestPool_Take(t *testing.T) {
	root := User{UID: 0, Trusted: true}
	p := NewPool(1000, 100)
	for uid, want := range []int{450, 225, 113, 56} {
		require.Equal(t, want, greedy(p, User{UID: uint32(uid + 1)}), "user %d gets half of what is left", uid+1)
	}
	require.True(t, p.Take(User{UID: 1000}, 1), "there is something left")
	require.Equal(t, 155, greedy(p, root), "root gets the rest and the reserve")
	require.EqualValues(t, 1000, p.Used())
	require.False(t, p.Take(User{UID: 1001}, 1))
	p.Add(User{UID: 1}, -450)
	require.Equal(t, 175, greedy(p, User{UID: 1001}))
}

// TestPool_Simultaneous: users who take at the same time get the same.
func TestPool_Simultaneous(t *testing.T) {
	p := NewPool(1000, 0)
	for took := true; took; {
		took = false
		for uid := range uint32(4) {
			took = p.Take(User{UID: uid}, 1) || took
		}
	}
	for uid := range uint32(4) {
		require.EqualValues(t, 200, p.by[uid])
	}
}

func TestPool_Over(t *testing.T) {
	p := NewPool(100, 0)
	one, other := User{UID: 1}, User{UID: 2}
	p.Add(one, 70)
	require.True(t, p.Over(one))
	require.False(t, p.Over(other))
	require.False(t, p.Short())
	p.Add(one, 10)
	require.True(t, p.Short())
	p.Add(one, -80)
	require.False(t, p.Over(one))
	require.Empty(t, p.by, "users who have nothing take no memory")
}

// TestTurns_Fair: of two turns a user gets one, however many requests wait. Another
// user's request runs at once, and a third one's before the rest of the first.
func TestTurns_Fair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1)
		require.Equal(t, 2, turns.limit)
		order := make(chan uint32, 100)
		request := func(uid uint32) {
			u := User{UID: uid, Trusted: uid == 0}
			if turns.Take(t.Context(), u) != nil {
				return
			}
			time.Sleep(time.Second)
			order <- uid
			turns.Give(u, time.Second)
		}
		for range 20 {
			go request(1)
		}
		synctest.Wait()
		require.Equal(t, 1, turns.running, "one request of the user at a time")
		go request(2)
		synctest.Wait()
		require.Equal(t, 2, turns.running, "another user's runs at once")
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
		forgotten(t, turns)
	})
}

// forgotten: users without a request take no memory for long.
func forgotten(t *testing.T, turns *Turns) {
	t.Helper()
	time.Sleep(time.Minute)
	require.NoError(t, turns.Take(t.Context(), User{UID: 1000}))
	require.Len(t, turns.lines, 1)
	turns.Give(User{UID: 1000}, 0)
}

// TestTurns_LastIsForShort: several users with long requests take turns in all but one
// turn, and the request of a user who has used little runs at once.
func TestTurns_LastIsForShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2)
		var ended [4]atomic.Int64 // by user
		for _, uid := range []uint32{1, 2, 3} {
			for range 2 {
				go func() {
					u := User{UID: uid}
					for range 10 {
						if turns.Take(t.Context(), u) != nil {
							return
						}
						time.Sleep(time.Second)
						ended[uid].Add(1)
						turns.Give(u, time.Second)
					}
				}()
			}
		}
		time.Sleep(10*time.Second + time.Second/2)
		start := time.Now()
		require.NoError(t, turns.Take(t.Context(), User{UID: 4}))
		require.Zero(t, time.Since(start))
		turns.Give(User{UID: 4}, time.Millisecond)
		for _, uid := range []uint32{1, 2, 3} {
			require.InDelta(t, 4, ended[uid].Load(), 1, "user %d", uid)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		forgotten(t, turns)
	})
}

// TestTurns_DebtIsKept: users who compute all the time, one request after the other, leave
// the last turn free also in the moments in which they have none.
func TestTurns_DebtIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2)
		ctx, end := context.WithTimeout(t.Context(), 21*time.Second)
		defer end()
		for _, uid := range []uint32{1, 2} {
			go func() {
				for u := (User{UID: uid}); ctx.Err() == nil && turns.Take(ctx, u) == nil; {
					time.Sleep(time.Second)
					turns.Give(u, time.Second)
					time.Sleep(time.Millisecond)
				}
			}()
		}
		time.Sleep(10*time.Second + time.Second/2)
		for range 100 {
			start := time.Now()
			require.NoError(t, turns.Take(t.Context(), User{UID: 3}))
			require.Zero(t, time.Since(start))
			turns.Give(User{UID: 3}, time.Millisecond)
			time.Sleep(99 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
	})
}

// TestTurns_Pause: a long request that pauses lets a user run who has used less, before it
// has ended and before others of its own user begin.
func TestTurns_Pause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2)
		var begun atomic.Int64
		long := func(uid uint32) {
			u := User{UID: uid}
			if turns.Take(t.Context(), u) != nil {
				return
			}
			begun.Add(1)
			for range 1000 {
				time.Sleep(5 * time.Millisecond)
				if turns.Pause(t.Context(), u, 5*time.Millisecond) != nil {
					return
				}
			}
			turns.Give(u, 0)
		}
		for _, uid := range []uint32{1, 2} {
			go long(uid)
			synctest.Wait()
		}
		go long(1)
		synctest.Wait()
		require.EqualValues(t, 2, begun.Load())
		time.Sleep(time.Millisecond)
		for range 10 {
			start := time.Now()
			require.NoError(t, turns.Take(t.Context(), User{UID: 3}))
			require.LessOrEqual(t, time.Since(start), 5*time.Millisecond)
			turns.Give(User{UID: 3}, time.Microsecond)
			time.Sleep(100 * time.Millisecond)
		}
		require.EqualValues(t, 2, begun.Load())
		time.Sleep(20 * time.Second)
		require.EqualValues(t, 3, begun.Load())
		synctest.Wait()
		require.Zero(t, turns.running)
	})
}

// TestTurns_Order: what a user has begun comes before what waits to begin, and that comes in
// its order, whether a goroutine waits for it or not.
func TestTurns_Order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns, u := NewTurns(2), User{UID: 1}
		var order []string
		begun := func(what string) func() { return func() { order = append(order, what) } }
		take := func(what string, take func(context.Context, User) error) {
			go func() {
				if take(t.Context(), u) == nil {
					begun(what)()
				}
			}()
			synctest.Wait()
		}
		turns.Start(u, begun("first"))
		take("second", turns.Take)
		turns.Start(u, begun("third"))
		take("fourth", turns.Take)
		require.Equal(t, 3, turns.Waiting(u))
		take("resumed", turns.Resume)
		require.Equal(t, []string{"first"}, order)
		require.Equal(t, 4, turns.Waiting(u))
		require.Zero(t, turns.Waiting(User{UID: 2}))
		for range 5 {
			turns.Give(u, 0)
			synctest.Wait()
		}
		require.Equal(t, []string{"first", "resumed", "second", "third", "fourth"}, order)
		require.Zero(t, turns.running)
	})
}

func TestTurns_Canceled(t *testing.T) {
	turns, u := NewTurns(2), User{UID: 1}
	require.NoError(t, turns.Take(t.Context(), u))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, turns.Take(ctx, u), context.Canceled)
	turns.Give(u, 0)
	require.Zero(t, turns.running)
	require.True(t, turns.lines[1].idle())
	require.NoError(t, turns.Take(t.Context(), u))
	require.ErrorIs(t, turns.Pause(ctx, u, 0), context.Canceled)
	require.Zero(t, turns.running)
}

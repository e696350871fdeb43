package refresh

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
)

// running runs a worker until the test ends, and counts how often it looked. It
// returns when the worker looks only at its next interval, in an hour: what is read
// right after it was written is looked at once more.
func running(t *testing.T) (*Worker, *atomic.Int64) {
	t.Helper()
	var looks atomic.Int64
	quiet := make(chan struct{}, 1)
	var w *Worker
	w = newWorker(t, func(c *Config) {
		c.Every = time.Hour
		c.Took = func(time.Duration) { // is called by the one who looks
			looks.Add(1)
			if w.again == 0 && w.last != nil {
				select {
				case quiet <- struct{}{}:
				default:
				}
			}
		}
	})
	w.pause = time.Hour
	ctx, stop := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { w.Run(ctx) })
	t.Cleanup(func() {
		stop()
		run.Wait()
	})
	await.Receive(t, quiet, "a look after which no other one is due")
	return w, &looks
}

func generation(t *testing.T, w *Worker) uint64 {
	t.Helper()
	st, why := w.Holder.Acquire()
	require.NotNil(t, st, why)
	defer st.Release()
	return st.Generation
}

// TestInterval_HoldsAtOnce: the databases are looked at again and again though
// nothing is seen to change, and an interval that is changed holds at once.
func TestInterval_HoldsAtOnce(t *testing.T) {
	w, looks := running(t)
	before := looks.Load()
	w.SetInterval(20 * time.Millisecond)
	require.Equal(t, 20*time.Millisecond, w.Every())
	await.That(t, func() bool { return looks.Load() > before+5 }, "five looks in less than an hour")
	require.EqualValues(t, 1, generation(t, w), "nothing has changed")
}

// TestRefresh_IsShared: those who ask at the same time share a look, and who asks
// shortly after it causes none.
func TestRefresh_IsShared(t *testing.T) {
	w, looks := running(t)
	before := looks.Load()
	var all sync.WaitGroup
	var done atomic.Int64
	for range 50 {
		all.Go(func() {
			if ok, err := w.Refresh(t.Context()); ok && err == nil {
				done.Add(1)
			}
		})
	}
	all.Wait()
	require.Positive(t, done.Load())
	ok, err := w.Refresh(t.Context())
	require.NoError(t, err)
	require.False(t, ok)
	require.LessOrEqual(t, looks.Load()-before, int64(2))
	require.EqualValues(t, 1, generation(t, w))
}

// TestRefresh_IsAskedForOnce: however many ask while the worker looks, one further look
// serves them all.
func TestRefresh_IsAskedForOnce(t *testing.T) {
	w := newWorker(t, func(*Config) {})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { _, _ = w.Refresh(t.Context()) })
	}
	await.That(t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.waiting) == 50
	}, "fifty who wait")
	w.refresh(t.Context())
	all.Wait()
	require.Empty(t, w.kick, "nothing is left to do")
}

// TestUnchanged_IsNotReadAgain: what is installed is the very same reading, until a
// desc is another, be it of the same size.
func TestUnchanged_IsNotReadAgain(t *testing.T) {
	w := newWorker(t, func(*Config) {})
	await.That(t, func() bool {
		w.refresh(t.Context())
		return w.again == 0
	}, "what is read is no longer so young that a change might not show")
	first, index := w.last.local, w.last.indexes[0]
	for range 3 {
		w.refresh(t.Context())
	}
	require.Same(t, first, w.last.local)
	require.Same(t, index, w.last.indexes[0])
	require.EqualValues(t, 1, generation(t, w))

	p := first.Packages[0]
	desc := filepath.Join(w.Catalog.DBPath, "local", p.Name+"-"+p.Version, "desc")
	text, err := os.ReadFile(desc)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(desc, text, 0o644))
	w.refresh(t.Context())
	require.NotSame(t, first, w.last.local, "its times have changed")
	require.EqualValues(t, 1, generation(t, w), "it says the same")

	require.NoError(t, os.WriteFile(desc, append(text, "%XDATA%\npkgtype=pkg\n\n"...), 0o644))
	w.refresh(t.Context())
	require.EqualValues(t, 2, generation(t, w))
	require.Same(t, index, w.last.indexes[0], "the repositories are as they were")
}

package service

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCache_Bounds checks that a cache never has more replies or more bytes than its limits allow.
func TestCache_Bounds(t *testing.T) {
	for _, c := range []struct {
		caches  CacheLimits
		size    int // the size of each reply
		maxKept int // the number of replies that stay in the cache
	}{
		{CacheLimits{MaxEntries: 50, MaxBytes: 2 << 20, TTL: time.Hour}, 10, 50},
		{CacheLimits{MaxEntries: 1000, MaxBytes: 2 << 16, TTL: time.Hour}, 4 << 10, 16},
		{CacheLimits{}, 10, 1000},
		{CacheLimits{MaxEntries: -1}, 10, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			one := newCache(c.caches, 2)
			defer one.entries.StopAllGoroutines()
			for i := range 3000 {
				one.put(cacheKey{0, 1, fmt.Sprint(i)}, make([]byte, c.size))
			}
			synctest.Wait() // wait for the goroutines of the cache
			one.entries.CleanUp()
			kept := one.clear()
			require.LessOrEqual(t, kept, c.maxKept, "%+v", c.caches)
			require.GreaterOrEqual(t, kept, c.maxKept/2, "%+v", c.caches)
			one.put(cacheKey{0, 1, "large"}, make([]byte, maxCachedReplySize+1))
			_, ok := one.get(cacheKey{0, 1, "large"})
			require.False(t, ok)
		})
	}
}

// TestCache_Forgets checks that a reply is found until it expires or the cache is cleared, and only for its
// own generation.
func TestCache_Forgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(CacheLimits{TTL: time.Hour}, 1)
		defer c.entries.StopAllGoroutines()
		key := cacheKey{0, 1, "question"}
		c.put(key, []byte("answer"))
		_, other := c.get(cacheKey{0, 2, "question"})
		require.False(t, other, "another generation")
		time.Sleep(time.Hour - time.Second)
		got, ok := c.get(key)
		require.True(t, ok)
		require.Equal(t, "answer", string(got))
		time.Sleep(2 * time.Second)
		_, ok = c.get(key)
		require.False(t, ok, "the reply has expired")

		c.put(key, []byte("answer"))
		require.Positive(t, c.clear())
		_, ok = c.get(key)
		require.False(t, ok)
		uses := c.entries.Stats()
		require.Positive(t, uses.Hits)
		require.Positive(t, uses.Misses)
	})
}

package service

import (
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"
)

// The bounds of a cache: entries, and the bytes of one, which together bound the
// bytes of all.
const (
	cacheEntries  = 1000
	cacheTTL      = 5 * time.Minute
	maxCachedSize = 8 << 10
	maxCachedKey  = 1 << 10
)

// cache keeps encoded answers by request. The generation is part of the key, so
// that an answer from an older state is never found again.
type cache struct {
	entries *otter.Cache[cacheKey, []byte]
}

type cacheKey struct {
	generation uint64
	request    string
}

func newCache() *cache {
	return &cache{otter.Must(&otter.Options[cacheKey, []byte]{
		MaximumSize:      cacheEntries,
		ExpiryCalculator: otter.ExpiryWriting[cacheKey, []byte](cacheTTL),
		StatsRecorder:    stats.NewCounter(),
	})}
}

func (c *cache) get(k cacheKey) ([]byte, bool) { return c.entries.GetIfPresent(k) }

// put keeps a copy of an answer, unless it is large.
func (c *cache) put(k cacheKey, answer []byte) {
	if len(answer) <= maxCachedSize && len(k.request) <= maxCachedKey {
		c.entries.Set(k, append([]byte(nil), answer...))
	}
}

// clear forgets everything and returns how much that was.
func (c *cache) clear() int {
	n := c.entries.EstimatedSize()
	c.entries.InvalidateAll()
	return n
}

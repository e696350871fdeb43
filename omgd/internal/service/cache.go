package service

import (
	"bytes"
	"cmp"
	"strings"
	"time"
	"unsafe"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/state"
)

// The bounds of what a cache takes: a larger answer is made anew each time.
const (
	maxCachedSize = 8 << 10
	maxCachedKey  = 1 << 10
)

// Caches are the bounds of the caches. A zero field has its default.
type Caches struct {
	Entries int           // of each cache (1,000); less than 0 for none
	Bytes   int64         // of all together (16 MiB)
	TTL     time.Duration // of an answer (5 min)
}

// cache keeps encoded answers by request. The generation is part of the key, so
// that an answer from an older state is never found again.
type cache struct {
	entries *otter.Cache[cacheKey, []byte]
	off     bool // keeps nothing
}

// entrySize is about what an entry takes besides its texts.
const entrySize = 128

type cacheKey struct {
	generation uint64
	request    string
}

// keyOf is the key of a request, good until its handler returns: a copy for each
// look-up would take as long as the look-up.
func keyOf(st *state.State, r *server.Request) cacheKey {
	b := r.Key()
	return cacheKey{st.Generation, unsafe.String(unsafe.SliceData(b), len(b))}
}

// newCache makes one of n caches. An answer weighs what it takes, and at least so
// much that no more than the entries fit.
func newCache(c Caches, n int64) *cache {
	entries := max(1, int64(cmp.Or(c.Entries, 1000)))
	most := cmp.Or(c.Bytes, 16<<20) / n
	least := max(1, most/entries)
	return &cache{off: c.Entries < 0, entries: otter.Must(&otter.Options[cacheKey, []byte]{
		MaximumWeight: uint64(least * entries),
		Weigher: func(k cacheKey, answer []byte) uint32 {
			return uint32(max(least, int64(len(k.request)+len(answer)+entrySize)))
		},
		ExpiryCalculator: otter.ExpiryWriting[cacheKey, []byte](cmp.Or(c.TTL, 5*time.Minute)),
		StatsRecorder:    stats.NewCounter(),
	})}
}

func (c *cache) get(k cacheKey) ([]byte, bool) { return c.entries.GetIfPresent(k) }

// put keeps a copy of an answer and its key, unless it is large.
func (c *cache) put(k cacheKey, answer []byte) {
	if !c.off && len(answer) <= maxCachedSize && len(k.request) <= maxCachedKey {
		k.request = strings.Clone(k.request)
		c.entries.Set(k, bytes.Clone(answer))
	}
}

// clear forgets everything and returns how much that was.
func (c *cache) clear() int {
	n := c.entries.EstimatedSize()
	c.entries.InvalidateAll()
	return n
}

// CacheUse is how often an answer was found in a cache, and how often not.
type CacheUse struct{ Hits, Misses, Bytes uint64 }

// CacheUses are the caches by name.
func (s *Service) CacheUses() map[string]CacheUse {
	uses := make(map[string]CacheUse)
	for name, c := range s.caches() {
		st := c.entries.Stats()
		uses[name] = CacheUse{Hits: st.Hits, Misses: st.Misses, Bytes: c.entries.WeightedSize()}
	}
	return uses
}

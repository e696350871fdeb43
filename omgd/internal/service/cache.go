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

// A reply or request that is larger is not cached.
const (
	maxCachedSize = 8 << 10
	maxCachedKey  = 1 << 10
)

// CacheLimits are the limits of the caches. A zero field has its default.
type CacheLimits struct {
	Entries int           // of each cache (1,000); less than 0 for none
	Bytes   int64         // of all together (16 MiB)
	TTL     time.Duration // of a reply (5 min)
}

// cache holds encoded replies by request. The generation is part of the key, so that
// a reply from an older snapshot is never found.
type cache struct {
	entries  *otter.Cache[cacheKey, []byte]
	disabled bool // the cache stays empty
}

// entrySize is about the memory of an entry besides its request and reply, in bytes.
const entrySize = 128

type cacheKey struct {
	user       uint32 // 0 if all users share the entry
	generation uint64
	request    string
}

// keyOf returns the key of a request. It shares the request's memory and is valid until
// the handler returns: a copy would take as long as the lookup.
func (s *Service) keyOf(st *state.State, r *server.Request) cacheKey {
	b := r.Key()
	return cacheKey{s.user(r), st.Generation(), unsafe.String(unsafe.SliceData(b), len(b))}
}

// user returns whose entries in the caches a request may use.
func (s *Service) user(r *server.Request) uint32 {
	if !s.Shared {
		return 0
	}
	return r.Peer.UID
}

// newCache returns one of n caches. An entry's weight is its size in bytes, and at
// least large enough that no more than c.Entries fit.
func newCache(c CacheLimits, n int64) *cache {
	entries := max(1, int64(cmp.Or(c.Entries, 1000)))
	maxBytes := cmp.Or(c.Bytes, 16<<20) / n
	minWeight := max(1, maxBytes/entries)
	return &cache{disabled: c.Entries < 0, entries: otter.Must(&otter.Options[cacheKey, []byte]{
		MaximumWeight: uint64(minWeight * entries),
		Weigher: func(k cacheKey, answer []byte) uint32 {
			return uint32(max(minWeight, int64(len(k.request)+len(answer)+entrySize)))
		},
		ExpiryCalculator: otter.ExpiryWriting[cacheKey, []byte](cmp.Or(c.TTL, 5*time.Minute)),
		StatsRecorder:    stats.NewCounter(),
	})}
}

func (c *cache) get(k cacheKey) ([]byte, bool) { return c.entries.GetIfPresent(k) }

// put stores copies of a reply and its key, unless they are too large.
func (c *cache) put(k cacheKey, answer []byte) {
	if !c.disabled && len(answer) <= maxCachedSize && len(k.request) <= maxCachedKey {
		k.request = strings.Clone(k.request)
		c.entries.Set(k, bytes.Clone(answer))
	}
}

// clear removes all entries and returns about how many there were.
func (c *cache) clear() int {
	n := c.entries.EstimatedSize()
	c.entries.InvalidateAll()
	return n
}

// CacheStats counts how often a reply was found in a cache, and how often not.
type CacheStats struct{ Hits, Misses, Bytes uint64 }

// CacheStats returns the use of each cache by name.
func (s *Service) CacheStats() map[string]CacheStats {
	uses := make(map[string]CacheStats)
	for name, c := range s.caches() {
		st := c.entries.Stats()
		uses[name] = CacheStats{Hits: st.Hits, Misses: st.Misses, Bytes: c.entries.WeightedSize()}
	}
	return uses
}

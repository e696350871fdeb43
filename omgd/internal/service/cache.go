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

// The largest reply that is cached, and the largest request whose reply is cached, in bytes.
const (
	maxCachedSize = 8 << 10
	maxCachedKey  = 1 << 10
)

// CacheLimits are the limits of the caches. A field that is 0 means its default, which is in parentheses
// below.
type CacheLimits struct {
	Entries int           // the limit of entries in each cache (1,000); less than 0 disables the caches
	Bytes   int64         // the limit of all caches together, in bytes (16 MiB)
	TTL     time.Duration // the time after which a cached reply expires (5 min)
}

// cache holds encoded replies by request. The generation of the snapshot is part of the key, so that a reply
// from an older snapshot is never found.
type cache struct {
	entries  *otter.Cache[cacheKey, []byte]
	disabled bool // the cache stays empty
}

// entrySize is approximately the memory of an entry in bytes, without its request and reply.
const entrySize = 128

type cacheKey struct {
	user       uint32 // 0 if all users share the entry
	generation uint64
	request    string
}

// keyOf returns the key of a request. The key is only valid until the handler returns. It shares the request's
// memory, because copying the request would take as long as the lookup.
func (s *Service) keyOf(st *state.State, r *server.Request) cacheKey {
	b := r.Key()
	return cacheKey{s.user(r), st.Generation(), unsafe.String(unsafe.SliceData(b), len(b))}
}

// user returns the UID of the user whose cache entries a request may use, or 0 if all users share the
// entries.
func (s *Service) user(r *server.Request) uint32 {
	if !s.Shared {
		return 0
	}
	return r.Peer.UID
}

// newCache returns one of n caches that share the limits in c. A large entry counts as its size in bytes. A
// small entry counts as more bytes, so that no more than c.Entries entries fit in the cache.
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

// put stores copies of a reply and of its key, unless one of them is too large.
func (c *cache) put(k cacheKey, answer []byte) {
	if !c.disabled && len(answer) <= maxCachedSize && len(k.request) <= maxCachedKey {
		k.request = strings.Clone(k.request)
		c.entries.Set(k, bytes.Clone(answer))
	}
}

// clear removes all entries, and returns approximately how many there were.
func (c *cache) clear() int {
	n := c.entries.EstimatedSize()
	c.entries.InvalidateAll()
	return n
}

// CacheStats counts how often a reply was found in a cache (Hits), and how often none was found (Misses).
// Bytes is the size of the cache.
type CacheStats struct{ Hits, Misses, Bytes uint64 }

// CacheStats returns the statistics of each cache, by the cache's name.
func (s *Service) CacheStats() map[string]CacheStats {
	uses := make(map[string]CacheStats)
	for name, c := range s.caches() {
		st := c.entries.Stats()
		uses[name] = CacheStats{Hits: st.Hits, Misses: st.Misses, Bytes: c.entries.WeightedSize()}
	}
	return uses
}

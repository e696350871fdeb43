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
	maxCachedReplySize   = 8 << 10
	maxCachedRequestSize = 1 << 10
)

// CacheLimits are the limits of the caches. A field that is 0 means its default, which is in parentheses
// below.
type CacheLimits struct {
	MaxEntries int           // the limit of entries in each cache (1,000); less than 0 disables the caches
	MaxBytes   int64         // the limit of all caches together, in bytes (16 MiB)
	TTL        time.Duration // the time after which a cached reply expires (5 min)
}

// cache holds encoded replies by request. The generation of the snapshot is part of the key, so that a reply
// from an older snapshot is never found.
type cache struct {
	entries  *otter.Cache[cacheKey, []byte]
	disabled bool // the cache stays empty
}

// entryOverhead is approximately the memory of an entry in bytes, without its request and reply.
const entryOverhead = 128

type cacheKey struct {
	user       uint32 // 0 if all users share the entry
	generation uint64
	request    string
}

// keyOf returns the key of a request. The key is only valid until the handler returns. It shares the request's
// memory, because copying the request would take as long as the lookup.
func (s *Service) keyOf(st *state.State, r *server.Request) cacheKey {
	b := r.CacheKey()
	return cacheKey{s.cacheUser(r), st.Generation(), unsafe.String(unsafe.SliceData(b), len(b))}
}

// cacheUser returns the UID of the user whose cache entries a request may use, or 0 if all users share the
// entries.
func (s *Service) cacheUser(r *server.Request) uint32 {
	if !s.MultiUser {
		return 0
	}
	return r.Peer.UID
}

// newCache returns one of n caches that share the limits in c. A large entry counts as its size in bytes. A
// small entry counts as more bytes, so that no more than c.MaxEntries entries fit in the cache.
func newCache(c CacheLimits, n int64) *cache {
	entries := max(1, int64(cmp.Or(c.MaxEntries, 1000)))
	maxBytes := cmp.Or(c.MaxBytes, 16<<20) / n
	minWeight := max(1, maxBytes/entries)
	return &cache{disabled: c.MaxEntries < 0, entries: otter.Must(&otter.Options[cacheKey, []byte]{
		MaximumWeight: uint64(minWeight * entries),
		Weigher: func(k cacheKey, answer []byte) uint32 {
			return uint32(max(minWeight, int64(len(k.request)+len(answer)+entryOverhead)))
		},
		ExpiryCalculator: otter.ExpiryWriting[cacheKey, []byte](cmp.Or(c.TTL, 5*time.Minute)),
		StatsRecorder:    stats.NewCounter(),
	})}
}

func (c *cache) get(k cacheKey) ([]byte, bool) { return c.entries.GetIfPresent(k) }

// put stores copies of a reply and of its key, unless one of them is too large.
func (c *cache) put(k cacheKey, answer []byte) {
	if !c.disabled && len(answer) <= maxCachedReplySize && len(k.request) <= maxCachedRequestSize {
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

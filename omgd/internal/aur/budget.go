package aur

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// budget is what is left of the daily limit, by the rule of package share: a user may use
// as many queries as are left for all others.
type budget struct {
	tokens *rate.Limiter

	mu   sync.Mutex
	used map[uint32]float64 // queries by user, less those that have come back since
	at   time.Time          // the time of used
}

func newBudget(daily, burst int) *budget {
	perSecond := float64(daily) / (24 * time.Hour).Seconds()
	return &budget{tokens: rate.NewLimiter(rate.Limit(perSecond), burst), used: make(map[uint32]float64), at: time.Now()}
}

// spend counts a query, and returns an error if the user has none left. The queries of a user come back as fast as those of all together, so
// that used has no more users than the limit has queries.
func (b *budget) spend(user uint32) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	back := now.Sub(b.at).Seconds() * float64(b.tokens.Limit())
	b.at = now
	for u := range b.used {
		if b.used[u] -= back; b.used[u] <= 0 {
			delete(b.used, u)
		}
	}
	if left := b.tokens.TokensAt(now); user != 0 && left >= 1 && b.used[user]+1 > left {
		return errShare
	}
	if !b.tokens.AllowN(now, 1) {
		return errBudget
	}
	if user != 0 {
		b.used[user]++
	}
	return nil
}

// left returns how many queries are left.
func (b *budget) left(now time.Time) float64 { return b.tokens.TokensAt(now) }

// restore takes what an earlier daemon has used: it had so many left at that time.
func (b *budget) restore(left float64, at time.Time) {
	if spent := b.tokens.Burst() - int(left); spent > 0 && spent <= b.tokens.Burst() {
		b.tokens.AllowN(at, spent)
	}
}

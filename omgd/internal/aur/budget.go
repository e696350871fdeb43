package aur

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// budget enforces the daily limit of live queries. By the rule of package share, a user gets another query
// only if the user has used fewer queries than are left for all users.
type budget struct {
	tokens *rate.Limiter

	mu   sync.Mutex
	used map[uint32]float64 // by UID: how many queries of the user still count as used
	at   time.Time          // when the numbers of used queries were computed
}

func newBudget(daily, burst int) *budget {
	perSecond := float64(daily) / (24 * time.Hour).Seconds()
	return &budget{tokens: rate.NewLimiter(rate.Limit(perSecond), burst), used: make(map[uint32]float64), at: time.Now()}
}

// spend counts a query of a user. It returns an error if the user may not send another query now. Used
// queries expire with time. For each user, as many queries expire in an hour as all users together may send in
// an hour. So the map of used queries never has more users than the limit has queries.
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

// left returns how many queries are left at the given time.
func (b *budget) left(now time.Time) float64 { return b.tokens.TokensAt(now) }

// restore subtracts the queries that an earlier daemon has used. At the time savedAt, that daemon had this
// number of queries left (remaining).
func (b *budget) restore(remaining float64, savedAt time.Time) {
	if spent := b.tokens.Burst() - int(remaining); spent > 0 && spent <= b.tokens.Burst() {
		b.tokens.AllowN(savedAt, spent)
	}
}

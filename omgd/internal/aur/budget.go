package aur

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// queryBudget enforces the daily limit of live queries. By the rule of package share, a user gets another query
// only if the user has used fewer queries than are left for all users.
type queryBudget struct {
	tokens *rate.Limiter

	mu             sync.Mutex
	usedByUser     map[uint32]float64 // by UID: how many queries of the user still count as used
	usageUpdatedAt time.Time          // when the numbers of used queries were computed
}

func newQueryBudget(daily, burst int) *queryBudget {
	perSecond := float64(daily) / (24 * time.Hour).Seconds()
	return &queryBudget{tokens: rate.NewLimiter(rate.Limit(perSecond), burst), usedByUser: make(map[uint32]float64), usageUpdatedAt: time.Now()}
}

// spend counts a query of a user. It returns an error if the user may not send another query now. Used
// queries expire with time. For each user, as many queries expire in an hour as all users together may send in
// an hour. So the map of used queries never has more users than the limit has queries.
func (b *queryBudget) spend(user uint32) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	back := now.Sub(b.usageUpdatedAt).Seconds() * float64(b.tokens.Limit())
	b.usageUpdatedAt = now
	for u := range b.usedByUser {
		if b.usedByUser[u] -= back; b.usedByUser[u] <= 0 {
			delete(b.usedByUser, u)
		}
	}
	if left := b.tokens.TokensAt(now); user != 0 && left >= 1 && b.usedByUser[user]+1 > left {
		return errShare
	}
	if !b.tokens.AllowN(now, 1) {
		return errDailyQueryLimit
	}
	if user != 0 {
		b.usedByUser[user]++
	}
	return nil
}

// left returns how many queries are left at the given time.
func (b *queryBudget) left(now time.Time) float64 { return b.tokens.TokensAt(now) }

// restore subtracts the queries that an earlier daemon has used. At the time savedAt, that daemon had this
// number of queries left (remaining).
func (b *queryBudget) restore(remaining float64, savedAt time.Time) {
	if spent := b.tokens.Burst() - int(remaining); spent > 0 && spent <= b.tokens.Burst() {
		b.tokens.AllowN(savedAt, spent)
	}
}

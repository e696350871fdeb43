package access

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxCountedUsers is the largest number of users whose requests are counted at the same time. A user who has sent no
// request for a second needs no entry.
const maxCountedUsers = 1024

// quota counts the requests of each user.
type quota struct {
	mu                sync.Mutex
	requestsPerSecond int // requests a second for each user; 0 means no limit
	limiterByUID      map[uint32]*rate.Limiter
}

func (q *quota) set(limit int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.requestsPerSecond, q.limiterByUID = limit, make(map[uint32]*rate.Limiter)
}

func (q *quota) allow(uid uint32) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.requestsPerSecond == 0 || q.limiter(uid).Allow()
}

// spend counts n more requests of a user. Afterwards the user may have to wait for up to a second.
func (q *quota) spend(uid uint32, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.requestsPerSecond > 0 {
		q.limiter(uid).ReserveN(time.Now(), min(n, q.requestsPerSecond))
	}
}

func (q *quota) limiter(uid uint32) *rate.Limiter {
	l := q.limiterByUID[uid]
	if l == nil {
		if len(q.limiterByUID) >= maxCountedUsers {
			q.evict()
		}
		l = rate.NewLimiter(rate.Limit(q.requestsPerSecond), q.requestsPerSecond)
		q.limiterByUID[uid] = l
	}
	return l
}

// evict removes the users who have their full quota again. If there are none, it removes an arbitrary user.
func (q *quota) evict() {
	for uid, l := range q.limiterByUID {
		if l.Tokens() >= float64(q.requestsPerSecond) {
			delete(q.limiterByUID, uid)
		}
	}
	for uid := range q.limiterByUID {
		if len(q.limiterByUID) < maxCountedUsers {
			return
		}
		delete(q.limiterByUID, uid)
	}
}

package access

import (
	"sync"

	"golang.org/x/time/rate"
)

// maxUsers is how many users' requests are counted at the same time. Who has not
// asked for a second needs no counting.
const maxUsers = 1024

// quota counts requests by user.
type quota struct {
	mu    sync.Mutex
	limit int // requests a second, 0 for no limit
	users map[uint32]*rate.Limiter
}

func (q *quota) set(limit int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limit, q.users = limit, make(map[uint32]*rate.Limiter)
}

func (q *quota) take(uid uint32) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.limit == 0 {
		return true
	}
	l := q.users[uid]
	if l == nil {
		if len(q.users) >= maxUsers {
			q.forget()
		}
		l = rate.NewLimiter(rate.Limit(q.limit), q.limit)
		q.users[uid] = l
	}
	return l.Allow()
}

// forget makes room: who has all of the quota left needs no entry, and if all
// have asked, one of them begins anew.
func (q *quota) forget() {
	for uid, l := range q.users {
		if l.Tokens() >= float64(q.limit) {
			delete(q.users, uid)
		}
	}
	for uid := range q.users {
		if len(q.users) < maxUsers {
			return
		}
		delete(q.users, uid)
	}
}

// Package share divides an amount, such as the connections of a daemon, between users by
// one rule: a user may have at most as much as is left for all others. So a single user
// gets at most half. If n users take all they can get, each of them gets 1/(n+1) of the
// amount, and the next user can still get something. No user has to be configured, and no
// limit depends on the number of users.
package share

import (
	"sync"
	"sync/atomic"
)

// User is a user who takes a part of the amount of a Budget.
type User struct {
	UID uint32
	// Trusted users (root, administrators, the daemon's own) may take everything that is
	// free, including the reserve.
	Trusted bool
}

// Budget is a limited amount of connections, bytes or requests.
type Budget struct {
	limit, reservedForTrusted int64
	used                      atomic.Int64

	mu sync.Mutex
	by map[uint32]int64 // by UID: how much each untrusted user has; users who have nothing are removed
}

// NewBudget returns a pool. The reserve is the part of the limit that only trusted users can
// take.
func NewBudget(limit, reserve int64) *Budget {
	return &Budget{limit: limit, reservedForTrusted: reserve, by: make(map[uint32]int64)}
}

// TryAcquire adds n to what a user has, unless this is more than the user may have. It reports whether it has added n. The
// caller must call Add with -n afterwards.
func (p *Budget) TryAcquire(u User, n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.fits(u, n) {
		return false
	}
	p.addUsage(u, n)
	return true
}

// Add adds n to what a user has, even if this is more than the user may have. n may be negative.
func (p *Budget) Add(u User, n int64) {
	if u.Trusted { // without the lock, because Add is called for each reply
		p.used.Add(n)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addUsage(u, n)
}

// IsUserOverShare reports whether a user has more than allowed, which is possible after Add.
func (p *Budget) IsUserOverShare(u User) bool {
	if 2*p.used.Load() <= p.limit-p.reservedForTrusted { // what all users have together is no more than what is free
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.fits(u, 0)
}

// Used returns how much all users have together.
func (p *Budget) Used() int64 { return p.used.Load() }

// IsShort reports whether no more than a quarter of the limit is free.
func (p *Budget) IsShort() bool { return p.Used() >= p.limit-p.limit/4 }

func (p *Budget) fits(u User, n int64) bool {
	free := p.limit - p.used.Load()
	if u.Trusted {
		return n <= free
	}
	return p.by[u.UID]+n <= free-p.reservedForTrusted
}

func (p *Budget) addUsage(u User, n int64) {
	p.used.Add(n)
	if u.Trusted {
		return
	}
	if p.by[u.UID] += n; p.by[u.UID] == 0 {
		delete(p.by, u.UID)
	}
}

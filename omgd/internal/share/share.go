// Package share divides what a daemon has between its users by one rule: a user may
// have as much of it as is left for all others. A single user gets at most half, n users
// who take all they can get have a part of n+1 each, and there is always something left
// for the next one. No user has to be configured, and no limit depends on their number.
package share

import (
	"sync"
	"sync/atomic"
)

// User is on whose behalf something is used.
type User struct {
	UID uint32
	// Trusted users (root, administrators, the daemon's own) may have all that is free,
	// including the reserve.
	Trusted bool
}

// Pool is an amount of something: connections, bytes, requests.
type Pool struct {
	limit, reserve int64
	used           atomic.Int64

	mu sync.Mutex
	by map[uint32]int64 // by user who is not trusted; without zeros
}

// NewPool returns a pool. The reserve is the part of the limit that only trusted users
// get.
func NewPool(limit, reserve int64) *Pool {
	return &Pool{limit: limit, reserve: reserve, by: make(map[uint32]int64)}
}

// Take takes n and reports whether the user may have it. The caller has to Add -n in the
// end.
func (p *Pool) Take(u User, n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.fits(u, n) {
		return false
	}
	p.add(u, n)
	return true
}

// Add takes n, which may be negative, in any case.
func (p *Pool) Add(u User, n int64) {
	if u.Trusted { // no lock: this is done for each reply
		p.used.Add(n)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(u, n)
}

// Over reports whether a user has more than allowed, which is possible after Add.
func (p *Pool) Over(u User) bool {
	if 2*p.used.Load() <= p.limit-p.reserve { // as much is free as all users have together
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.fits(u, 0)
}

// Used returns how much all users have.
func (p *Pool) Used() int64 { return p.used.Load() }

// Short reports whether less than a quarter is free.
func (p *Pool) Short() bool { return p.Used() >= p.limit-p.limit/4 }

func (p *Pool) fits(u User, n int64) bool {
	free := p.limit - p.used.Load()
	if u.Trusted {
		return n <= free
	}
	return p.by[u.UID]+n <= free-p.reserve
}

func (p *Pool) add(u User, n int64) {
	p.used.Add(n)
	if u.Trusted {
		return
	}
	if p.by[u.UID] += n; p.by[u.UID] == 0 {
		delete(p.by, u.UID)
	}
}

package aur

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/singleflight"

	"github.com/omg-arch/omg/omgd/internal/share"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

var (
	errNotQueried      = errors.New("the AUR was not queried")
	errDailyQueryLimit = errors.New("the daily limit of AUR queries is reached (aur.live.max_per_day)")
	errShare           = errors.New("your share of the daily limit of AUR queries is used up for now (aur.live.max_per_day)")
)

const (
	// freshFor is how long a reply is reused without another request.
	freshFor = 5 * time.Minute
	// maxCachedBytes is the limit of all replies in memory together, in bytes.
	maxCachedBytes = 4 << 20
	// maxConcurrent is how many requests may run concurrently.
	maxConcurrent = 4
	// requestTimeoutFactor is the timeout of a request, in multiples of aur.live.timeout. A request may run
	// longer than its caller waits: the reply is then cached for the next caller.
	requestTimeoutFactor = 5
	// After maxFailures consecutive failures, no request is sent for breakerPauseInTimeouts times aur.live.timeout.
	maxFailures            = 3
	breakerPauseInTimeouts = 5
)

// liveClient sends the live queries. Equal queries share a request, there is a daily limit, and no query is sent
// for some time after several failures.
type liveClient struct {
	*AUR
	ctx           context.Context // the parent of the requests' contexts
	cancel        context.CancelFunc
	inFlight      singleflight.Group
	running       sync.WaitGroup
	slots         chan struct{}
	recentReplies *otter.Cache[string, *reply]
	breaker       *gobreaker.CircuitBreaker[*reply]
	budget        *queryBudget
	turns         *share.Turns // decides which user may send the next query
	pausedUntil   atomic.Int64 // no request is sent before this time, which comes from a Retry-After header; in Unix nanoseconds

	mu     sync.Mutex // guards ended; beginRequest locks it until the request is counted, so that close waits for each counted request
	closed bool
}

func newLiveClient(a *AUR) *liveClient {
	l := &liveClient{AUR: a, slots: make(chan struct{}, maxConcurrent), turns: share.NewTurns(maxConcurrent)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.recentReplies = otter.Must(&otter.Options[string, *reply]{
		MaximumWeight: maxCachedBytes,
		Weigher:       func(key string, a *reply) uint32 { return uint32(len(key) + len(a.indexData) + len(a.file) + 256) },
	})
	l.breaker = gobreaker.NewCircuitBreaker[*reply](gobreaker.Settings{
		Timeout:      breakerPauseInTimeouts * time.Duration(a.LiveQueries.Timeout),
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= maxFailures },
		IsSuccessful: func(err error) bool { return err == nil || !isRemoteFailure(err) },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			a.Log.Info("AUR breaker changed", "state", to.String())
		},
	})
	l.budget = newQueryBudget(a.LiveQueries.MaxPerDay, a.burst())
	l.loadSpent()
	return l
}

// burst returns how many queries may be sent without a pause: a tenth of the daily limit. So within 24 hours
// at most MaxPerDay+burst queries are sent.
func (a *AUR) burst() int { return (a.LiveQueries.MaxPerDay + 9) / 10 }

// isRemoteFailure reports whether an error is a failure of the AUR or the network.
func isRemoteFailure(err error) bool {
	return !errors.Is(err, ErrTooManyMatches) && !errors.Is(err, ErrTooShort) && !errors.Is(err, ErrNoFile) && !errors.Is(err, errDailyQueryLimit) && !errors.Is(err, errShare) &&
		!errors.Is(err, errNotQueried) && !errors.Is(err, gobreaker.ErrOpenState) && !errors.Is(err, context.Canceled)
}

// close cancels the running requests and waits for them.
func (l *liveClient) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.running.Wait()
	l.recentReplies.StopAllGoroutines()
}

// beginRequest registers a running request. It returns false after close.
func (l *liveClient) beginRequest() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.running.Add(1)
	}
	return !l.closed
}

// Search asks the AUR for packages that may match a search. The caller has to check which of the packages
// match. Search takes no longer than aur.live.timeout. Users share neither replies nor their parts of the
// daily limit. User 0 may use all queries that are left: user 0 is root, or every client of a daemon that has
// only one user.
func (a *AUR) Search(ctx context.Context, user uint32, r *wire.SearchRequest) snapshot.AURQueryResult {
	q, err := buildQuery(r)
	if err != nil {
		return snapshot.AURQueryResult{Source: missingAURSource(err)}
	}
	q.user = user
	return a.live.answerQuery(ctx, q)
}

// Info asks the AUR for packages by name. It takes no longer than aur.live.timeout.
func (a *AUR) Info(ctx context.Context, user uint32, names []string) snapshot.AURQueryResult {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !validName(name) })
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) == 0:
		return a.emptyResult()
	case len(names) > maxNamesPerRequest:
		return snapshot.AURQueryResult{Source: missingAURSource(fmt.Errorf("%w: more than %d names in one request", errNotQueried, maxNamesPerRequest))}
	}
	q := infoQuery(names)
	q.user = user
	return a.live.answerQuery(ctx, q)
}

// PKGBUILD asks the AUR for the PKGBUILD of a package base, and returns it with the time of the AUR's reply. It takes no longer than
// aur.live.timeout. If the AUR does not have it, the error is ErrNoFile.
func (a *AUR) PKGBUILD(ctx context.Context, user uint32, base string) (content []byte, at time.Time, err error) {
	if !validName(base) {
		return nil, at, ErrNoFile
	}
	q := pkgbuildQuery(base)
	q.user = user
	if cached, isFresh := a.live.recentReply(q); isFresh {
		return cached.file, cached.at, nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(a.LiveQueries.Timeout))
	defer cancel()
	got, err := a.live.sendOrJoin(ctx, q)
	if err != nil {
		return nil, at, err
	}
	return got.file, got.at, nil
}

// emptyResult returns the result for an empty list of names.
func (a *AUR) emptyResult() snapshot.AURQueryResult {
	now := time.Now()
	empty, err := newReply(nil, now)
	if err != nil {
		return snapshot.AURQueryResult{Source: missingAURSource(err)}
	}
	return snapshot.AURQueryResult{Packages: empty.index, Source: wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK, AsOf: now.Unix(), ChangedAt: now.Unix()}}
}

func missingAURSource(err error) wire.Source {
	return wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceMissing, Why: ErrorText(err)}
}

// buildQuery returns the query to the AUR for a search. The AUR searches for one word only, so buildQuery
// chooses the most selective word. The reply contains all packages that match the search, except packages
// that match only by a field which the AUR's search results lack.
func buildQuery(r *wire.SearchRequest) (query, error) {
	if r.Regex {
		return query{}, fmt.Errorf("%w: the AUR does not support regular expressions", errNotQueried)
	}
	var best query
	exact := 0
	for _, word := range r.Words {
		field, value, ok := strings.Cut(word, ":")
		by := ""
		if ok {
			switch field {
			case "name":
				by = "name"
			case "desc":
				by = "name-desc"
			case "provides", "depends":
				by = field
			case "group":
				by = "groups"
			case "maint":
				by = "maintainer"
			case "keyword":
				by = "keywords"
			case "repo", "not", "is":
				continue // the AUR cannot restrict a search in this way
			}
		}
		if by == "" {
			value, by = word, "name-desc"
			if r.NameOnly {
				by = "name"
			}
		}
		q := newSearchQuery(by, value)
		if by != "name" && by != "name-desc" {
			// Of the fields in which one can search, the AUR's search results contain only the name, the
			// description and the maintainer. So a search in any other field needs a query for this field.
			if by != "maintainer" {
				exact++
			}
			if exact > 1 {
				return query{}, fmt.Errorf("%w: the AUR searches one field at a time", errNotQueried)
			}
			if exact == 1 && by == "maintainer" {
				continue
			}
			best = q
			continue
		}
		part := best.field == "" || best.field == "name" || best.field == "name-desc"
		if part && len(value) > len(best.value) {
			best = q
		}
	}
	switch {
	case best.field == "":
		return query{}, fmt.Errorf("%w: no word to search for", errNotQueried)
	case len([]rune(best.value)) < 2 && (best.field == "name" || best.field == "name-desc"):
		return query{}, ErrTooShort
	case len(best.value) > maxName:
		return query{}, fmt.Errorf("%w: a word has more than %d bytes", errNotQueried, maxName)
	}
	return best, nil
}

// answerQuery returns a recent reply from memory, or else the reply to a new request. If the request fails,
// it returns an older reply, marked as stale.
func (l *liveClient) answerQuery(ctx context.Context, q query) snapshot.AURQueryResult {
	cached, isFresh := l.recentReply(q)
	if isFresh {
		return cached.freshResult()
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(l.LiveQueries.Timeout))
	defer cancel()
	got, err := l.sendOrJoin(ctx, q)
	if err == nil {
		return got.freshResult()
	}
	if cached == nil {
		cached = l.loadReply(q.key())
	}
	if cached == nil {
		return snapshot.AURQueryResult{Source: missingAURSource(err)}
	}
	old := cached.freshResult()
	old.Source.State = wire.SourceStale
	old.Source.Why = ErrorText(err) + "; its last reply is " + ageText(time.Since(cached.at))
	return old
}

func (a *reply) freshResult() snapshot.AURQueryResult {
	return snapshot.AURQueryResult{Packages: a.index, IsIncomplete: a.isIncomplete, Source: wire.Source{
		Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK, AsOf: a.at.Unix(), ChangedAt: a.at.Unix(),
	}}
}

// recentReply returns the last reply that is in memory, or nil, and whether it can be used without another request.
func (l *liveClient) recentReply(q query) (last *reply, isFresh bool) {
	last, _ = l.recentReplies.GetIfPresent(q.key())
	return last, last != nil && time.Since(last.at) < freshFor
}

// sendOrJoin sends a request, or waits for the reply to a running request with the same query.
func (l *liveClient) sendOrJoin(ctx context.Context, q query) (*reply, error) {
	result := l.inFlight.DoChan(q.key(), func() (any, error) {
		if last, isFresh := l.recentReply(q); isFresh {
			return last, nil // an equal request has ended since the caller looked
		}
		if !l.beginRequest() {
			return nil, context.Canceled
		}
		defer l.running.Done()
		if err := l.pauseError(); err != nil {
			return nil, err
		}
		return l.breaker.Execute(func() (*reply, error) { return l.sendRequest(q) })
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*reply), nil
	}
}

// pauseError returns an error during a pause that the AUR has requested with Retry-After. It is called before the
// circuit breaker, so that a query during the pause does not change the breaker's counts.
func (l *liveClient) pauseError() error {
	if time.Now().UnixNano() < l.pausedUntil.Load() {
		return gobreaker.ErrOpenState
	}
	return nil
}

// sendRequest sends a request and stores the reply. It returns a panic as an error, because singleflight does not
// recover panics.
func (l *liveClient) sendRequest(q query) (got *reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			l.Log.Error("panic in an AUR query", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", ErrInvalidReply, p)
		}
	}()
	total := requestTimeoutFactor * time.Duration(l.LiveQueries.Timeout)
	ctx, cancel := context.WithTimeout(l.ctx, total)
	defer cancel()
	release, err := l.acquireSlot(ctx, q.user)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := l.pauseError(); err != nil {
		return nil, err // while this query waited for a slot, the AUR requested a pause
	}
	if !l.LiveQueries.Enabled {
		return nil, fmt.Errorf("%w: live queries are disabled (aur.live.enabled)", errNotQueried)
	}
	if err := l.budget.spend(q.user); err != nil {
		return nil, err
	}
	l.saveQueriesLeft()
	got, err = l.readReply(ctx, q, total)
	var refused *fetch.StatusError
	if errors.As(err, &refused) && refused.RetryAfter > 0 {
		l.pausedUntil.Store(time.Now().Add(refused.RetryAfter).UnixNano())
	}
	if err != nil {
		if isRemoteFailure(err) {
			l.Log.Warn("AUR query failed", "err", err)
		}
		return nil, err
	}
	l.recentReplies.Set(q.key(), got)
	l.saveReply(q.key(), got)
	return got, nil
}

// readReply sends a query and reads the reply.
func (l *liveClient) readReply(ctx context.Context, q query, total time.Duration) (*reply, error) {
	if q.isFile {
		content, err := l.readFile(ctx, q, total)
		return &reply{file: content, at: time.Now()}, err
	}
	packages, leftOut, err := l.ask(ctx, q, total)
	if err != nil {
		return nil, err
	}
	got, err := newReply(packages, time.Now())
	if err == nil {
		got.isIncomplete = got.isIncomplete || leftOut > 0
	}
	return got, err
}

// acquireSlot waits until a request of a user may run. Package share decides which user's request runs next.
func (l *liveClient) acquireSlot(ctx context.Context, uid uint32) (release func(), err error) {
	user := share.User{UID: uid, Trusted: uid == 0}
	if err := l.turns.Acquire(ctx, user); err != nil {
		return nil, err
	}
	start := time.Now()
	select {
	case l.slots <- struct{}{}:
		return func() {
			<-l.slots
			l.turns.Release(user, time.Since(start))
		}, nil
	case <-ctx.Done():
		l.turns.Release(user, 0)
		return nil, ctx.Err()
	}
}

// keyQueriesLeft is the store's key of the number of queries that are left. The number is stored so that the daily
// limit also holds across restarts.
const keyQueriesLeft = "spent"

func (l *liveClient) saveQueriesLeft() {
	now := time.Now()
	store.Save(l.Store, l.Log, storeBucket, keyQueriesLeft, l.budget.left(now), now)
}

func (l *liveClient) loadSpent() {
	left, at, ok := store.Load[float64](l.Store, storeBucket, keyQueriesLeft)
	if !ok || at.After(time.Now()) {
		return
	}
	l.budget.restore(left, at)
}

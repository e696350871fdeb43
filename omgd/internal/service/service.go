// Package service answers requests, with one handler for each operation. A handler acquires the snapshot when
// it starts, and releases it when the reply is written.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// refreshTimeout is how long a user's request for a refresh waits for the end of the refresh.
	refreshTimeout = 30 * time.Second
	// buildWait is how long a request waits for an index that is being built.
	buildWait = time.Second
)

// Config has the parts of the daemon that the handlers use.
type Config struct {
	Caches CacheLimits
	State  *state.Holder
	// Log is the daemon's log, whose level clients can change; nil means no log.
	Log *logging.Log
	// Recheck is called when an index is found to be damaged.
	Recheck func()
	// Refresh refreshes the snapshot now, and waits for the end of the refresh. If the last requested refresh
	// is very recent, it returns false without another refresh.
	Refresh func(context.Context) (bool, error)
	// LibAlpmSearch and LibAlpmInfo answer requests by asking libalpm while there is no index. They are
	// slower than an index. Both are nil if there is no omg-alpm-worker.
	LibAlpmSearch func(context.Context, *wire.SearchRequest, answers.Emit) error
	LibAlpmInfo   func(context.Context, *wire.InfoRequest, answers.Emit) error
	// AUR sends live queries to the AUR; nil if the AUR is disabled.
	AUR AUR
	// Shared means that omgd has several users. No user gets a reply that another user's request has put into
	// a cache: the speed of the reply would tell a user what other users request.
	Shared bool
	// Problems returns the problems that are not part of the snapshot, for the status.
	Problems func() []wire.Problem
	// Metrics returns the metrics in Prometheus' text format.
	Metrics func() (string, error)
	// Health returns the state of the daemon's components.
	Health func() wire.HealthResult
	// LastStatus returns the status that the previous omgd has stored, or nil if there is none. Its counts
	// are used while the current counts are unknown.
	LastStatus func() *wire.StatusResult
	// History returns the last n changes of the counts, the oldest first.
	History func(n int) []wire.HistoryEntry
}

// Service has the handlers and their caches.
type Service struct {
	Config
	searches, infos, explicits *cache
}

// New returns a Service.
func New(c Config) *Service {
	const n = 3
	return &Service{Config: c, searches: newCache(c.Caches, n), infos: newCache(c.Caches, n), explicits: newCache(c.Caches, n)}
}

// caches returns all caches by name.
func (s *Service) caches() map[string]*cache {
	return map[string]*cache{"search": s.searches, "info": s.infos, "explicit": s.explicits}
}

// Close stops the caches' goroutines.
func (s *Service) Close() {
	for _, c := range s.caches() {
		c.entries.StopAllGoroutines()
	}
}

// Ops returns the table of operations.
func (s *Service) Ops() map[string]server.Op {
	return map[string]server.Op{
		wire.OpSearch:     {Handle: s.search},
		wire.OpInfo:       {Handle: s.info},
		wire.OpStatus:     {Handle: s.status},
		wire.OpInstalled:  {Handle: s.installed},
		wire.OpExplicit:   {Handle: s.explicit},
		wire.OpOutdated:   {Handle: s.outdated},
		wire.OpMetrics:    {Handle: s.metrics},
		wire.OpHealth:     {Handle: s.health},
		wire.OpHistory:    {Deferred: s.history},
		wire.OpRuntimes:   {Handle: s.runtimes},
		wire.OpSecurity:   {Handle: s.security},
		wire.OpRefresh:    {Deferred: s.refresh},
		wire.OpCacheClear: {Handle: s.cacheClear},
		wire.OpLogLevel:   {Handle: s.logLevel},
	}
}

// search caches small replies. A client that searches while its user types sends most of its requests
// repeatedly.
func (s *Service) search(_ context.Context, r *server.Request, w *server.Writer) (server.Deferred, error) {
	return cached(s, s.searches, r, w, (*Service).answerSearch)
}

func (s *Service) answerSearch(st *state.State, req *wire.SearchRequest, w *server.Writer, emit answers.Emit) (server.Deferred, error) {
	if s.AUR != nil && st.NeedsAUR(req) {
		return s.searchLive(st, req)
	}
	err := st.For(w).Search(req, emit)
	if wire.CodeOf(err) == wire.CodeNotReady && s.LibAlpmSearch != nil {
		return s.byLibAlpm(err, func(ctx context.Context, emit answers.Emit) error { return s.LibAlpmSearch(ctx, req, emit) }), nil
	}
	return nil, err
}

// byLibAlpm returns a Deferred that answers a request by asking libalpm. If that fails too, the error has two
// reasons: the error that the parameter first has, and then libalpm's error.
func (s *Service) byLibAlpm(first error, ask func(context.Context, answers.Emit) error) server.Deferred {
	return func(ctx context.Context, _ *server.Request, w *server.Writer) error {
		err := ask(ctx, w.Chunk)
		if err != nil && wire.CodeOf(err) != wire.CodeInvalid {
			err = wire.Errorf(wire.CodeNotReady, "%v; %v", first, err)
		}
		return s.checked(err)
	}
}

// info caches replies: sending a cached reply takes half as long as looking up and encoding the packages
// (BenchmarkInfo).
func (s *Service) info(_ context.Context, r *server.Request, w *server.Writer) (server.Deferred, error) {
	return cached(s, s.infos, r, w, (*Service).answerInfo)
}

func (s *Service) answerInfo(st *state.State, req *wire.InfoRequest, w *server.Writer, emit answers.Emit) (server.Deferred, error) {
	if s.AUR == nil {
		err := st.For(w).Info(req, emit)
		return s.orLibAlpmInfo(req, err)
	}
	found, err := st.Lookup(req)
	if err != nil {
		return s.orLibAlpmInfo(req, err)
	}
	if slices.ContainsFunc(found.Unknown, func(target string) bool { _, ok := st.InAUR(target); return ok }) {
		return s.infoLive(req), nil
	}
	return nil, st.For(w).EncodeInfo(found, emit)
}

func (s *Service) orLibAlpmInfo(req *wire.InfoRequest, err error) (server.Deferred, error) {
	if wire.CodeOf(err) == wire.CodeNotReady && s.LibAlpmInfo != nil {
		return s.byLibAlpm(err, func(ctx context.Context, emit answers.Emit) error { return s.LibAlpmInfo(ctx, req, emit) }), nil
	}
	return nil, err
}

func (s *Service) installed(_ context.Context, r *server.Request, w *server.Writer) (server.Deferred, error) {
	var req wire.InstalledRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	return s.answer(req.Filter == wire.FilterForeign, r, w, func(st *state.State, _ *server.Request, w *server.Writer) (server.Deferred, error) {
		return nil, st.Installed(&req, w.Chunk)
	})
}

func (s *Service) explicit(_ context.Context, r *server.Request, w *server.Writer) (server.Deferred, error) {
	return s.answer(false, r, w, func(st *state.State, r *server.Request, w *server.Writer) (server.Deferred, error) {
		key := cacheKey{user: s.user(r), generation: st.Generation()}
		if b, ok := s.lookUp(s.explicits, r.Op, key); ok {
			return nil, w.Chunk(b, false)
		}
		return nil, st.Explicit(s.caching(s.explicits, key, w.Chunk))
	})
}

func (s *Service) outdated(_ context.Context, r *server.Request, w *server.Writer) (server.Deferred, error) {
	return s.answer(true, r, w, func(st *state.State, _ *server.Request, w *server.Writer) (server.Deferred, error) {
		return nil, st.Outdated(w.Chunk)
	})
}

func (s *Service) security(_ context.Context, r *server.Request, w *server.Writer) (server.Deferred, error) {
	var req wire.SecurityRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	return s.answer(true, r, w, func(st *state.State, _ *server.Request, w *server.Writer) (server.Deferred, error) {
		return nil, st.Security(&req, w.Chunk)
	})
}

func (s *Service) runtimes(_ context.Context, r *server.Request, w *server.Writer) (server.Deferred, error) {
	return s.answer(false, r, w, func(st *state.State, _ *server.Request, w *server.Writer) (server.Deferred, error) {
		return nil, st.Runtimes(w.Chunk)
	})
}

// answerFunc is a function that answers a request from a snapshot.
type answerFunc func(*state.State, *server.Request, *server.Writer) (server.Deferred, error)

// answer answers a request from the current snapshot. If there is no snapshot yet, the request is held until
// there is one. If the parameter repositories is set, the request is also held until each repository has its
// first index.
func (s *Service) answer(repositories bool, r *server.Request, w *server.Writer, answer answerFunc) (server.Deferred, error) {
	st, release, err := s.ready(repositories)
	if err != nil {
		return func(ctx context.Context, r *server.Request, w *server.Writer) error {
			return s.answerLater(ctx, repositories, r, w, answer)
		}, nil
	}
	defer release()
	later, err := answer(st, r, w)
	return later, s.checked(err)
}

// ready returns the current snapshot and the function that releases it. It returns an error if the request
// has to wait.
func (s *Service) ready(repositories bool) (*state.State, func(), error) {
	st, release, err := s.State.Acquire()
	if err == nil && repositories && st.Building() {
		release()
		return nil, nil, wire.Errorf(wire.CodeNotReady, "the databases are being indexed")
	}
	return st, release, err
}

// answerLater waits up to buildWait for a snapshot that can answer the request.
func (s *Service) answerLater(ctx context.Context, repositories bool, r *server.Request, w *server.Writer, answer answerFunc) error {
	limit := time.NewTimer(buildWait)
	defer limit.Stop()
	for {
		changed := s.State.Changed()
		st, release, err := s.ready(repositories)
		if err == nil {
			later, err := answer(st, r, w)
			release()
			if later != nil && err == nil {
				return later(ctx, r, w)
			}
			return s.checked(err)
		}
		over := false
		if failed := w.Wait(func() {
			select {
			case <-changed:
			case <-limit.C:
				over = true
			case <-ctx.Done():
				over = true
			}
		}); over || failed != nil {
			return err
		}
	}
}

func (s *Service) metrics(_ context.Context, _ *server.Request, w *server.Writer) (server.Deferred, error) {
	text, err := s.Metrics()
	if err != nil {
		return nil, err
	}
	return nil, w.Result(&wire.MetricsResult{Text: text})
}

func (s *Service) health(_ context.Context, _ *server.Request, w *server.Writer) (server.Deferred, error) {
	r := s.Health()
	return nil, w.Result(&r)
}

// maxHistory is the largest number of entries in a reply. So many entries fit in a frame.
const maxHistory = 500

func (s *Service) history(_ context.Context, r *server.Request, w *server.Writer) error {
	var req wire.HistoryRequest
	if err := r.Decode(&req); err != nil {
		return err
	}
	n := maxHistory
	if req.Limit > 0 {
		n = min(n, int(req.Limit))
	}
	return w.Result(&wire.HistoryResult{Entries: s.History(n)})
}

// status never waits. Counts that the snapshot does not have yet come from the status of an earlier omgd, and
// are marked as stale. Replies are not cached, because the snapshot already has the counts.
func (s *Service) status(_ context.Context, _ *server.Request, w *server.Writer) (server.Deferred, error) {
	r, err := s.currentStatus()
	if err != nil {
		return nil, err
	}
	r.Problems = append(r.Problems, s.Problems()...)
	return nil, w.Result(r)
}

func (s *Service) currentStatus() (*wire.StatusResult, error) {
	last := s.LastStatus()
	st, release, err := s.State.Acquire()
	if err != nil {
		if last == nil {
			return nil, err
		}
		last.Stale, last.Why = true, err.Error()
		return last, nil
	}
	defer release()
	r, err := st.Status()
	if err == nil && last != nil && st.Building() {
		fillUnknown(r, last)
	}
	return r, s.checked(err)
}

// fillUnknown sets the counts of r that are unknown while an index is being built to the counts of last. If
// it sets a count, it marks r as stale.
func fillUnknown(r, last *wire.StatusResult) {
	c, old := &r.Counts, &last.Counts
	for _, count := range []struct {
		name string
		now  **uint32
		old  *uint32
	}{
		{"foreign", &c.Foreign, old.Foreign},
		{"updates", &c.Updates, old.Updates},
		{"ignored", &c.Ignored, old.Ignored},
		{"replacements", &c.Replacements, old.Replacements},
		{"aur_updates", &c.AURUpdates, old.AURUpdates},
	} {
		if *count.now != nil || count.old == nil {
			continue
		}
		*count.now = count.old
		if slices.Contains(last.PartialCounts, count.name) {
			r.PartialCounts = append(r.PartialCounts, count.name)
		}
		r.Stale, r.Why = true, "the databases are being indexed: counts that depend on them are from the last run of omgd"
	}
}

func (s *Service) refresh(ctx context.Context, _ *server.Request, w *server.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	done, err := s.Refresh(ctx)
	if wire.CodeOf(err) != 0 {
		return err
	}
	if err != nil {
		return wire.Errorf(wire.CodeBusy, "the refresh takes too long: %v", err)
	}
	result := wire.RefreshResult{Refreshed: done}
	if st, release, err := s.State.Acquire(); err == nil {
		result.Generation, result.Why = st.Generation(), st.Inputs().Local.Why
		if checked := st.Inputs().CheckedAt; !checked.IsZero() {
			result.At = checked.Unix()
		}
		release()
	} else {
		result.Why = err.Error()
	}
	for _, p := range s.Problems() {
		if p.Name == "refresh" {
			result.Why = p.Why
		}
	}
	return w.Result(&result)
}

func (s *Service) cacheClear(_ context.Context, _ *server.Request, w *server.Writer) (server.Deferred, error) {
	n := 0
	for _, c := range s.caches() {
		n += c.clear()
	}
	if s.Log != nil {
		s.Log.Debug("caches cleared", "replies", n)
	}
	return nil, w.Result(&wire.CacheClearResult{Cleared: uint32(n)})
}

// cached answers a request from a cache. If the cache has no reply, it calls the function answer and caches
// its reply. The key is the encoded request, because decoding the request would take longer than the lookup.
func cached[R any](s *Service, c *cache, r *server.Request, w *server.Writer,
	answer func(*Service, *state.State, *R, *server.Writer, answers.Emit) (server.Deferred, error),
) (server.Deferred, error) {
	if sent, err := s.sendCached(c, r, w); sent {
		return nil, err
	}
	return s.answer(true, r, w, func(st *state.State, r *server.Request, w *server.Writer) (server.Deferred, error) {
		key := s.keyOf(st, r)
		req := new(R)
		if err := r.Decode(req); err != nil {
			return nil, err
		}
		return answer(s, st, req, w, s.caching(c, key, w.Chunk))
	})
}

// sendCached answers a request from a cache, and reports whether the cache has a reply. It does not use the
// method answer, because a function that is passed to that method would be allocated for each request.
func (s *Service) sendCached(c *cache, r *server.Request, w *server.Writer) (sent bool, err error) {
	st, release, err := s.ready(true)
	if err != nil {
		return false, nil
	}
	defer release()
	b, ok := s.lookUp(c, r.Op, s.keyOf(st, r))
	if !ok {
		return false, nil
	}
	return true, w.Chunk(b, false)
}

// lookUp looks for a reply in a cache, and logs whether it was found.
func (s *Service) lookUp(c *cache, op string, key cacheKey) (reply []byte, ok bool) {
	reply, ok = c.get(key)
	if s.Log != nil && s.Log.Enabled(context.Background(), slog.LevelDebug) {
		s.Log.Debug("cache", "op", op, "hit", ok, "generation", key.generation)
	}
	return reply, ok
}

// caching returns an Emit that passes chunks on to emit. If the reply is a single chunk, it also puts the
// reply into the cache.
func (s *Service) caching(c *cache, key cacheKey, emit answers.Emit) answers.Emit {
	first := true
	return func(chunk []byte, more bool) error {
		if first && !more {
			c.put(key, chunk)
		}
		first = false
		return emit(chunk, more)
	}
}

// checked returns err. If err is about a damaged index, it also requests a check of the indexes.
func (s *Service) checked(err error) error {
	if errors.Is(err, pkgindex.ErrDamaged) {
		s.Recheck()
		return fmt.Errorf("%w: the index is being checked", err)
	}
	return err
}

// Package service answers requests. It has one handler for each operation. A handler acquires the current snapshot when
// it starts, and releases the snapshot after it has written the reply.
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
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// refreshTimeout is the time that a refresh request waits for the end of the refresh.
	refreshTimeout = 30 * time.Second
	// sourcesTimeout is the time that a request waits for the servers of the sources. It is shorter than the timeout of a client.
	sourcesTimeout = 5 * time.Second
	// buildWait is the time that a request waits for an index that is being built.
	buildWait = time.Second
)

// Config contains the parts of the daemon that the handlers use.
type Config struct {
	Caches CacheLimits
	State  *state.Holder
	// Log is the daemon's log. Administrators can change its level. If Log is nil, nothing is logged.
	Log *logging.Log
	// RecheckIndexes starts a check of the indexes. It is called when a handler has found that an index is damaged.
	RecheckIndexes func()
	// Refresh refreshes the snapshot, waits for the end of the refresh and returns true. If another
	// requested refresh has only just ended, it returns false and does nothing.
	Refresh func(context.Context) (bool, error)
	// RefreshSources demands a request to the server of each source, and waits for the replies until the context ends.
	RefreshSources func(context.Context) []wire.SourceRefresh
	// LibAlpmSearch and LibAlpmInfo answer requests with libalpm while there is no index. libalpm is slower than an
	// index. Both are nil if omg-alpm-worker is not installed.
	LibAlpmSearch func(context.Context, *wire.SearchRequest, answers.Emit) error
	LibAlpmInfo   func(context.Context, *wire.InfoRequest, answers.Emit) error
	// AUR sends live queries to the AUR. It is nil if the AUR is disabled.
	AUR AUR
	// AURCheck returns the findings about the installed packages of the AUR, if they were computed from what the snapshot contains.
	AURCheck func(*snapshot.Snapshot) (*wire.AURCheckResult, error)
	// MultiUser means that omgd has several users. A user then never gets a reply that was cached for another user.
	// Otherwise a fast reply would reveal that another user has sent the same request.
	MultiUser bool
	// Problems returns the problems of omgd that the snapshot does not contain. The reply to a status request lists
	// them.
	Problems func() []wire.Problem
	// MetricsText returns the metrics in the text format of Prometheus.
	MetricsText func() (string, error)
	// Health returns the state of the daemon's components.
	Health func() wire.HealthResult
	// PreviousStatus returns the status that the previous omgd process has stored, or nil if none is stored. Its counts are
	// used while the current counts are unknown.
	PreviousStatus func() *wire.StatusResult
	// CountsHistory returns the last n entries of the history, the oldest first. Each entry has the counts after a change.
	CountsHistory func(n int) []wire.CountsHistoryEntry
}

// Service contains the handlers of all operations and their caches.
type Service struct {
	Config
	searchCache, infoCache, explicitCache *cache

	statusTopic *server.Topic
	statusWake  chan struct{} // see WakeStatus
}

// New returns a Service.
func New(c Config) *Service {
	const n = 3
	return &Service{
		Config: c, searchCache: newCache(c.Caches, n), infoCache: newCache(c.Caches, n), explicitCache: newCache(c.Caches, n),
		statusTopic: server.NewTopic(), statusWake: make(chan struct{}, 1),
	}
}

// caches returns all caches. The key of a cache in the map is its name.
func (s *Service) caches() map[string]*cache {
	return map[string]*cache{"search": s.searchCache, "info": s.infoCache, "explicit": s.explicitCache}
}

// Close stops the caches' goroutines.
func (s *Service) Close() {
	for _, c := range s.caches() {
		c.entries.StopAllGoroutines()
	}
}

// Ops returns the operations and their handlers.
func (s *Service) Ops() map[string]server.Op {
	return map[string]server.Op{
		wire.OpSearch:     {Handle: s.handleSearch},
		wire.OpInfo:       {Handle: s.handleInfo},
		wire.OpStatus:     {Handle: s.handleStatus},
		wire.OpInstalled:  {Handle: s.handleInstalled},
		wire.OpExplicit:   {Handle: s.handleExplicit},
		wire.OpOutdated:   {Handle: s.handleOutdated},
		wire.OpMetrics:    {Handle: s.handleMetrics},
		wire.OpHealth:     {Handle: s.handleHealth},
		wire.OpHistory:    {HandleDeferred: s.handleHistory},
		wire.OpRuntimes:   {Handle: s.handleRuntimes},
		wire.OpSecurity:   {Handle: s.handleSecurity},
		wire.OpNews:       {Handle: s.handleNews},
		wire.OpRefresh:    {HandleDeferred: s.handleRefresh},
		wire.OpCacheClear: {Handle: s.handleCacheClear},
		wire.OpWatch:      {Topic: s.statusTopic},
		wire.OpLogLevel:   {Handle: s.handleLogLevel},

		wire.OpAURCheck:       {Handle: s.handleAURCheck},
		wire.OpAURInfo:        {HandleDeferred: s.handleAURInfo},
		wire.OpAURPKGBUILD:    {HandleDeferred: s.handleAURPKGBUILD},
		wire.OpRefreshSources: {HandleDeferred: s.handleRefreshSources},

		wire.OpFilesOwner: {Handle: s.handleFilesOwner},
		wire.OpFilesList:  {Handle: s.handleFilesList},
		wire.OpCommand:    {Handle: s.handleCommand},
	}
}

// handleSearch answers a search request. It caches small replies, because a client that searches while its user types sends
// many requests more than once.
func (s *Service) handleSearch(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	return answerCached(s, s.searchCache, r, w, (*Service).answerSearch)
}

func (s *Service) answerSearch(st *state.State, req *wire.SearchRequest, w *server.Writer, emit answers.Emit) (server.DeferredHandler, error) {
	if s.AUR != nil && st.NeedsAURQuery(req) {
		return s.searchLive(st, req)
	}
	err := st.WithHost(w).Search(req, emit)
	if wire.CodeOf(err) == wire.CodeNotReady && s.LibAlpmSearch != nil {
		return s.deferToLibAlpm(err, func(ctx context.Context, emit answers.Emit) error { return s.LibAlpmSearch(ctx, req, emit) }), nil
	}
	return nil, err
}

// deferToLibAlpm returns a DeferredHandler that answers a request with libalpm. It is used after an attempt without libalpm has
// failed with the error indexErr. If libalpm fails too, the error contains both reasons.
func (s *Service) deferToLibAlpm(indexErr error, answer func(context.Context, answers.Emit) error) server.DeferredHandler {
	return func(ctx context.Context, _ *server.Request, w *server.Writer) error {
		err := answer(ctx, w.Chunk)
		if err != nil && wire.CodeOf(err) != wire.CodeInvalid {
			err = wire.Errorf(wire.CodeNotReady, "%v; %v", indexErr, err)
		}
		return s.recheckIfDamaged(err)
	}
}

// handleInfo answers an info request. It caches replies, because sending a cached reply takes only half as long as looking up
// and encoding the packages (BenchmarkInfo).
func (s *Service) handleInfo(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	return answerCached(s, s.infoCache, r, w, (*Service).answerInfo)
}

func (s *Service) answerInfo(st *state.State, req *wire.InfoRequest, w *server.Writer, emit answers.Emit) (server.DeferredHandler, error) {
	if s.AUR == nil {
		err := st.WithHost(w).Info(req, emit)
		return s.fallBackToLibAlpmInfo(req, err)
	}
	found, err := st.Lookup(req)
	if err != nil {
		return s.fallBackToLibAlpmInfo(req, err)
	}
	if slices.ContainsFunc(found.UnknownNames, func(target string) bool { _, ok := st.ParseAURTarget(target); return ok }) {
		return s.infoLive(req), nil
	}
	return nil, st.WithHost(w).EncodeInfo(found, emit)
}

func (s *Service) fallBackToLibAlpmInfo(req *wire.InfoRequest, err error) (server.DeferredHandler, error) {
	if wire.CodeOf(err) == wire.CodeNotReady && s.LibAlpmInfo != nil {
		return s.deferToLibAlpm(err, func(ctx context.Context, emit answers.Emit) error { return s.LibAlpmInfo(ctx, req, emit) }), nil
	}
	return nil, err
}

func (s *Service) handleInstalled(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	var req wire.InstalledRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	return s.answerFromSnapshot(req.Filter == wire.FilterForeign, r, w, func(st *state.State, _ *server.Request, w *server.Writer) (server.DeferredHandler, error) {
		return nil, st.Installed(&req, w.Chunk)
	})
}

func (s *Service) handleExplicit(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	return s.answerFromSnapshot(false, r, w, func(st *state.State, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
		key := cacheKey{user: s.cacheUser(r), generation: st.Generation()}
		if b, ok := s.lookUpCached(s.explicitCache, r.Op, key); ok {
			return nil, w.Chunk(b, false)
		}
		return nil, st.Explicit(s.cachingEmit(s.explicitCache, key, w.Chunk))
	})
}

func (s *Service) handleOutdated(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	return s.answerFromSnapshot(true, r, w, func(st *state.State, _ *server.Request, w *server.Writer) (server.DeferredHandler, error) {
		return nil, st.Outdated(w.Chunk)
	})
}

func (s *Service) handleSecurity(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	var req wire.SecurityRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	return s.answerFromSnapshot(true, r, w, func(st *state.State, _ *server.Request, w *server.Writer) (server.DeferredHandler, error) {
		return nil, st.Security(&req, w.Chunk)
	})
}

func (s *Service) handleNews(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	return s.answerFromSnapshot(false, r, w, func(st *state.State, _ *server.Request, w *server.Writer) (server.DeferredHandler, error) {
		return nil, st.News(w.Chunk)
	})
}

func (s *Service) handleRuntimes(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	return s.answerFromSnapshot(false, r, w, func(st *state.State, _ *server.Request, w *server.Writer) (server.DeferredHandler, error) {
		return nil, st.Runtimes(w.Chunk)
	})
}

// answerFunc is a function that answers a request from a snapshot.
type answerFunc func(*state.State, *server.Request, *server.Writer) (server.DeferredHandler, error)

// answerFromSnapshot calls reply() with the current snapshot. If there is no snapshot yet, the request waits until there
// is one. If needRepositories is true, the request also waits until each repository has its first index.
func (s *Service) answerFromSnapshot(needRepositories bool, r *server.Request, w *server.Writer, reply answerFunc) (server.DeferredHandler, error) {
	st, release, err := s.acquireReady(needRepositories)
	if err != nil {
		return func(ctx context.Context, r *server.Request, w *server.Writer) error {
			return s.answerWhenReady(ctx, needRepositories, r, w, reply)
		}, nil
	}
	defer release()
	later, err := reply(st, r, w)
	return later, s.recheckIfDamaged(err)
}

// acquireReady returns the current snapshot, and a function that releases the snapshot. It returns an error if a request
// cannot be answered yet: see answerFromSnapshot.
func (s *Service) acquireReady(needRepositories bool) (*state.State, func(), error) {
	st, release, err := s.State.Acquire()
	if err == nil && needRepositories && st.HasBuildingIndex() {
		release()
		return nil, nil, wire.Errorf(wire.CodeNotReady, "the databases are being indexed")
	}
	return st, release, err
}

// answerWhenReady waits until the request can be answered, and then calls reply(). See answerFromSnapshot for what it waits for. If
// buildWait is too short for that, answerWhenReady returns the reason.
func (s *Service) answerWhenReady(ctx context.Context, needRepositories bool, r *server.Request, w *server.Writer, reply answerFunc) error {
	limit := time.NewTimer(buildWait)
	defer limit.Stop()
	for {
		changed := s.State.Changed()
		st, release, err := s.acquireReady(needRepositories)
		if err == nil {
			later, err := reply(st, r, w)
			release()
			if later != nil && err == nil {
				return later(ctx, r, w)
			}
			return s.recheckIfDamaged(err)
		}
		over := false
		if failed := w.RunBlocking(func() {
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

func (s *Service) handleMetrics(_ context.Context, _ *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	text, err := s.MetricsText()
	if err != nil {
		return nil, err
	}
	return nil, w.Result(&wire.MetricsResult{Text: text})
}

func (s *Service) handleHealth(_ context.Context, _ *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	r := s.Health()
	return nil, w.Result(&r)
}

// maxHistoryEntries is the maximum number of history entries in a reply. This many entries fit into one frame.
const maxHistoryEntries = 500

func (s *Service) handleHistory(_ context.Context, r *server.Request, w *server.Writer) error {
	var req wire.HistoryRequest
	if err := r.Decode(&req); err != nil {
		return err
	}
	n := maxHistoryEntries
	if req.Limit > 0 {
		n = min(n, int(req.Limit))
	}
	return w.Result(&wire.HistoryResult{Entries: s.CountsHistory(n)})
}

// handleStatus answers a status request without waiting. While the snapshot lacks counts, it uses the counts of the previous
// omgd process and marks the status as stale. Replies are not cached, because the snapshot already contains the counts.
func (s *Service) handleStatus(_ context.Context, _ *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	r, err := s.statusWithProblems()
	if err != nil {
		return nil, err
	}
	return nil, w.Result(r)
}

func (s *Service) statusWithProblems() (*wire.StatusResult, error) {
	r, err := s.currentStatus()
	if err == nil {
		r.Problems = slices.Concat(r.Problems, s.Problems())
	}
	return r, err
}

func (s *Service) currentStatus() (*wire.StatusResult, error) {
	last := s.PreviousStatus()
	st, release, err := s.State.Acquire()
	if err != nil {
		if last == nil {
			return nil, err
		}
		last.Generation, last.Stale, last.Why = 0, true, err.Error()
		return last, nil
	}
	defer release()
	r, err := st.Status()
	if err == nil && last != nil && st.HasBuildingIndex() {
		fillUnknownCounts(r, last)
	}
	return r, s.recheckIfDamaged(err)
}

// fillUnknownCounts replaces unknown counts of r by the counts of last, the stored status. Counts are unknown while an index
// is being built. If it replaces a count, it marks r as stale.
func fillUnknownCounts(r, last *wire.StatusResult) {
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
		r.Stale, r.Why = true, "the databases are being indexed: counts that depend on them are from the previous run of omgd"
	}
}

func (s *Service) handleRefresh(ctx context.Context, _ *server.Request, w *server.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	done, err := s.Refresh(ctx)
	if wire.CodeOf(err) != 0 {
		return err
	}
	if err != nil {
		return wire.Errorf(wire.CodeBusy, "the refresh did not end in time: %v", err)
	}
	result := wire.RefreshResult{Refreshed: done}
	if st, release, err := s.State.Acquire(); err == nil {
		result.Generation, result.Why = st.Generation(), st.Inputs().Local.FailureReason
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

// handleRefreshSources demands requests to the servers of the sources. Any user may do so: package fetch limits how often a
// demand leads to a request, for all users together.
func (s *Service) handleRefreshSources(ctx context.Context, _ *server.Request, w *server.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, sourcesTimeout)
	defer cancel()
	var result wire.RefreshSourcesResult
	if err := w.RunBlocking(func() { result.Sources = s.RefreshSources(ctx) }); err != nil {
		return err
	}
	return w.Result(&result)
}

func (s *Service) handleCacheClear(_ context.Context, _ *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	n := 0
	for _, c := range s.caches() {
		n += c.clear()
	}
	if s.Log != nil {
		s.Log.Debug("caches cleared", "replies", n)
	}
	return nil, w.Result(&wire.CacheClearResult{ClearedCount: uint32(n)})
}

// answerCached sends the reply to a request from the cache c. If c does not contain the reply, answerCached calls answer(), and
// stores the reply that answer() has sent. The key in the cache is the encoded request, because decoding the request
// would take longer than the lookup.
func answerCached[R any](s *Service, c *cache, r *server.Request, w *server.Writer,
	answer func(*Service, *state.State, *R, *server.Writer, answers.Emit) (server.DeferredHandler, error),
) (server.DeferredHandler, error) {
	if sent, err := s.sendCached(c, r, w); sent {
		return nil, err
	}
	return s.answerFromSnapshot(true, r, w, func(st *state.State, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
		key := s.keyOf(st, r)
		req := new(R)
		if err := r.Decode(req); err != nil {
			return nil, err
		}
		return answer(s, st, req, w, s.cachingEmit(c, key, w.Chunk))
	})
}

// sendCached sends the reply from a cache, and reports whether the cache contains the reply. It does not call the
// method Service.answerFromSnapshot, because the function that is passed to that method would be allocated for each request.
func (s *Service) sendCached(c *cache, r *server.Request, w *server.Writer) (sent bool, err error) {
	st, release, err := s.acquireReady(true)
	if err != nil {
		return false, nil
	}
	defer release()
	b, ok := s.lookUpCached(c, r.Op, s.keyOf(st, r))
	if !ok {
		return false, nil
	}
	return true, w.Chunk(b, false)
}

// lookUpCached returns the reply with the given key from a cache, and logs whether the cache contains the reply.
func (s *Service) lookUpCached(c *cache, op string, key cacheKey) (reply []byte, ok bool) {
	reply, ok = c.get(key)
	if s.Log != nil && s.Log.Enabled(context.Background(), slog.LevelDebug) {
		s.Log.Debug("cache", "op", op, "hit", ok, "generation", key.generation)
	}
	return reply, ok
}

// cachingEmit returns an Emit that calls emit for each chunk. If the reply has only one chunk, it also stores the reply in
// the cache.
func (s *Service) cachingEmit(c *cache, key cacheKey, emit answers.Emit) answers.Emit {
	first := true
	return func(chunk []byte, more bool) error {
		if first && !more {
			c.put(key, chunk)
		}
		first = false
		return emit(chunk, more)
	}
}

// recheckIfDamaged returns err. If err means that an index is damaged, checked also starts a check of the indexes.
func (s *Service) recheckIfDamaged(err error) error {
	if errors.Is(err, pkgindex.ErrDamaged) {
		s.RecheckIndexes()
		return fmt.Errorf("%w: the index is being checked", err)
	}
	return err
}

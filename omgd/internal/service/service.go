// Package service answers requests: one handler an operation. A handler acquires
// the state when it starts and releases it when the answer is copied out.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// refreshTimeout is how long a user's request for a refresh waits for it.
const refreshTimeout = 30 * time.Second

// Config is what the handlers use.
type Config struct {
	Caches Caches
	State  *state.Holder
	// Log is the log, whose level can be changed; nil logs nothing.
	Log *logging.Log
	// Suspect is called when an index contradicted itself.
	Suspect func()
	// Refresh looks at the databases now and waits for that; false means that it
	// was done so shortly before that it was not done again.
	Refresh func(context.Context) (bool, error)
	// DirectSearch and DirectInfo answer slowly while there is no index; nil if
	// nobody can.
	DirectSearch func(context.Context, *wire.SearchRequest, answers.Emit) error
	DirectInfo   func(context.Context, *wire.InfoRequest, answers.Emit) error
	// AUR is asked while someone waits; nil where it is not.
	AUR AUR
	// Parts are what else does not work as it should, for the status.
	Parts func() []wire.Part
	// Metrics is all that is counted, in Prometheus' text format.
	Metrics func() (string, error)
	// Health judges the daemon's parts.
	Health func() wire.HealthResult
	// Remembered is the status before the first refresh, nil for none.
	Remembered func() *wire.StatusResult
}

// Service has the handlers and what they remember.
type Service struct {
	Config
	searches, infos, explicits *cache
}

// New makes a service.
func New(c Config) *Service {
	const n = 3
	return &Service{Config: c, searches: newCache(c.Caches, n), infos: newCache(c.Caches, n), explicits: newCache(c.Caches, n)}
}

// caches are all of them, by name.
func (s *Service) caches() map[string]*cache {
	return map[string]*cache{"search": s.searches, "info": s.infos, "explicit": s.explicits}
}

// Close ends what the caches run beside.
func (s *Service) Close() {
	for _, c := range s.caches() {
		c.entries.StopAllGoroutines()
	}
}

// Ops is the table of operations.
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
		wire.OpRuntimes:   {Handle: s.runtimes},
		wire.OpSecurity:   {Handle: s.security},
		wire.OpRefresh:    {Handle: s.refresh, Slow: true},
		wire.OpCacheClear: {Handle: s.cacheClear},
		wire.OpLogLevel:   {Handle: s.logLevel},
	}
}

// A search is kept when it is small: most are asked again while someone types.
func (s *Service) search(_ context.Context, r *server.Request, w *server.Writer) error {
	return remembered(s, s.searches, r, w, s.answerSearch)
}

func (s *Service) answerSearch(st *state.State, req *wire.SearchRequest, emit answers.Emit) error {
	if s.AUR != nil && st.SearchesLive(req) {
		return s.searchLive(req)
	}
	err := st.Search(req, emit)
	if errors.Is(err, answers.ErrNoRepos) && s.DirectSearch != nil {
		return s.directly(err, func(ctx context.Context, emit answers.Emit) error { return s.DirectSearch(ctx, req, emit) })
	}
	return err
}

// directly has a request answered later by libalpm. Where that fails too, the
// first reason is the one to know, and libalpm's stands behind it.
func (s *Service) directly(first error, ask func(context.Context, answers.Emit) error) error {
	return server.Later(func(ctx context.Context, _ *server.Request, w *server.Writer) error {
		err := ask(ctx, w.Part)
		if err != nil && !errors.Is(err, pkgindex.ErrQuery) {
			err = fmt.Errorf("%w; %w", first, err)
		}
		return s.failed(err)
	})
}

// What is said of packages is kept, too: an answer as it stands is sent in half the
// time that it takes to look them up and put them together (BenchmarkInfo).
func (s *Service) info(_ context.Context, r *server.Request, w *server.Writer) error {
	return remembered(s, s.infos, r, w, s.answerInfo)
}

func (s *Service) answerInfo(st *state.State, req *wire.InfoRequest, emit answers.Emit) error {
	look := st.Info
	if s.AUR != nil {
		look = st.InfoHere
	}
	err := look(req, emit)
	if errors.Is(err, answers.ErrLacking) {
		return s.infoLive(req)
	}
	if errors.Is(err, answers.ErrNoRepos) && s.DirectInfo != nil {
		return s.directly(err, func(ctx context.Context, emit answers.Emit) error { return s.DirectInfo(ctx, req, emit) })
	}
	return err
}

func (s *Service) installed(_ context.Context, r *server.Request, w *server.Writer) error {
	var req wire.InstalledRequest
	return s.answer(r, &req, func(st *state.State) error { return s.now(st).Installed(&req, w.Part) })
}

func (s *Service) explicit(_ context.Context, r *server.Request, w *server.Writer) error {
	return s.answer(r, nil, func(st *state.State) error {
		key := cacheKey{generation: st.Generation}
		if b, ok := s.lookUp(s.explicits, r.Op, key); ok {
			return w.Part(b, false)
		}
		return s.cached(s.explicits, key, w, s.now(st).Explicit)
	})
}

func (s *Service) outdated(_ context.Context, r *server.Request, w *server.Writer) error {
	return s.answer(r, nil, func(st *state.State) error { return s.now(st).Outdated(w.Part) })
}

func (s *Service) metrics(_ context.Context, _ *server.Request, w *server.Writer) error {
	text, err := s.Metrics()
	if err != nil {
		return err
	}
	return w.Result(&wire.MetricsResult{Text: text})
}

func (s *Service) health(_ context.Context, _ *server.Request, w *server.Writer) error {
	r := s.Health()
	return w.Result(&r)
}

func (s *Service) runtimes(_ context.Context, r *server.Request, w *server.Writer) error {
	return s.answer(r, nil, func(st *state.State) error { return st.ActiveRuntimes(w.Part) })
}

func (s *Service) security(_ context.Context, r *server.Request, w *server.Writer) error {
	var req wire.SecurityRequest
	return s.answer(r, &req, func(st *state.State) error { return st.Advisories(&req, w.Part) })
}

// status is answered from what was remembered until the first refresh is done.
// It has no cache: it is some numbers that the state has counted already.
func (s *Service) status(_ context.Context, r *server.Request, w *server.Writer) error {
	st, why := s.State.Acquire()
	if st == nil {
		if last := s.Remembered(); last != nil {
			last.Stale, last.Why = true, why
			last.Parts = append(last.Parts, s.Parts()...)
			return w.Result(last)
		}
		return wire.Errorf(wire.CodeNotReady, "%s", why)
	}
	defer st.Release()
	data := s.now(st)
	data.Parts = append(append([]wire.Part(nil), data.Parts...), s.Parts()...)
	return data.Status(w.Part)
}

// now is a state's data with the time when it was last found right.
func (s *Service) now(st *state.State) *answers.Data {
	data := st.Data
	data.At = s.State.Checked.Load()
	return &data
}

func (s *Service) refresh(ctx context.Context, _ *server.Request, w *server.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	done, err := s.Refresh(ctx)
	if said := new(wire.Error); errors.As(err, &said) {
		return said
	}
	if err != nil {
		return wire.Errorf(wire.CodeBusy, "the refresh takes long: %v", err)
	}
	result := wire.RefreshResult{Refreshed: done, At: s.State.Checked.Load()}
	if st, why := s.State.Acquire(); st != nil {
		result.Generation, result.Why = st.Generation, st.InstalledWhy
		st.Release()
	} else {
		result.Why = why
	}
	for _, p := range s.Parts() {
		if p.Name == "refresh" {
			result.Why = p.Why
		}
	}
	return w.Result(&result)
}

func (s *Service) cacheClear(_ context.Context, _ *server.Request, w *server.Writer) error {
	n := 0
	for _, c := range s.caches() {
		n += c.clear()
	}
	if s.Log != nil {
		s.Log.Debug("the caches were cleared", "answers", n)
	}
	return w.Result(&wire.CacheClearResult{Cleared: uint32(n)})
}

// remembered answers a request from a cache. Its key is the request as it was sent:
// reading what is asked takes longer than finding the answer.
func remembered[R any](s *Service, c *cache, r *server.Request, w *server.Writer, answer func(*state.State, *R, answers.Emit) error) error {
	st, why := s.State.Acquire()
	if st == nil {
		return wire.Errorf(wire.CodeNotReady, "%s", why)
	}
	defer st.Release()
	key := keyOf(st, r)
	if b, ok := s.lookUp(c, r.Op, key); ok {
		return w.Part(b, false)
	}
	req := new(R)
	if err := r.Decode(req); err != nil {
		return err
	}
	return s.failed(s.cached(c, key, w, func(emit answers.Emit) error { return answer(st, req, emit) }))
}

// lookUp looks for an answer in a cache, and logs whether it was there.
func (s *Service) lookUp(c *cache, op string, key cacheKey) (answer []byte, ok bool) {
	answer, ok = c.get(key)
	if s.Log != nil && s.Log.Enabled(context.Background(), slog.LevelDebug) {
		s.Log.Debug("cache", "op", op, "hit", ok, "generation", key.generation)
	}
	return answer, ok
}

// cached answers, and keeps what make emits if it has one part.
func (s *Service) cached(c *cache, key cacheKey, w *server.Writer, make func(answers.Emit) error) error {
	first := true
	return make(func(part []byte, more bool) error {
		if first && !more {
			c.put(key, part)
		}
		first = false
		return w.Part(part, more)
	})
}

// answer decodes a request, if it has fields, and answers it from the current
// state.
func (s *Service) answer(r *server.Request, req any, from func(*state.State) error) error {
	if req != nil {
		if err := r.Decode(req); err != nil {
			return err
		}
	}
	st, why := s.State.Acquire()
	if st == nil {
		return wire.Errorf(wire.CodeNotReady, "%s", why)
	}
	defer st.Release()
	return s.failed(from(st))
}

// failed says in the protocol's words why a request could not be answered.
func (s *Service) failed(err error) error {
	switch {
	case errors.Is(err, pkgindex.ErrQuery):
		return wire.Errorf(wire.CodeInvalid, "%v", err)
	case errors.Is(err, answers.ErrNoTracker), errors.Is(err, answers.ErrAUR):
		return wire.Errorf(wire.CodeNetwork, "%v", err)
	case errors.Is(err, answers.ErrUnknown), errors.Is(err, answers.ErrNoRepos), errors.Is(err, answers.ErrNoRuntimes):
		return wire.Errorf(wire.CodeNotReady, "%v", err)
	case errors.Is(err, pkgindex.ErrDamaged):
		s.Suspect()
	}
	return err
}

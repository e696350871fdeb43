package service

import (
	"context"
	"time"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// AUR sends live queries to the AUR: queries whose result a client waits for. Its methods return within the time of the
// setting aur.live.timeout.
type AUR interface {
	Search(ctx context.Context, user uint32, r *wire.SearchRequest) snapshot.AURQueryResult
	Info(ctx context.Context, user uint32, names []string) snapshot.AURQueryResult
	PKGBUILD(ctx context.Context, user uint32, base string) (content []byte, at time.Time, err error)
}

// offlineAURQueryResult replaces the AUR's result in the replies to requests whose field Offline is true.
var offlineAURQueryResult = snapshot.AURQueryResult{Source: wire.Source{
	Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceMissing, Why: "offline",
}}

// searchLive returns a DeferredHandler that searches in the repositories and, over the network, in the AUR. If the search is
// invalid, searchLive returns an error and sends no query to the AUR.
func (s *Service) searchLive(st *state.State, r *wire.SearchRequest) (server.DeferredHandler, error) {
	official, err := st.WithoutAUR()
	if err == nil {
		err = official.CheckSearch(r)
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, q *server.Request, w *server.Writer) error {
		st, release, err := s.State.Acquire()
		if err != nil {
			return err
		}
		defer release()
		queryAUR := func() snapshot.AURQueryResult { return offlineAURQueryResult }
		if !r.Offline {
			result := make(chan snapshot.AURQueryResult, 1)
			go func() { result <- s.AUR.Search(ctx, s.cacheUser(q), r) }() // the AUR searches while omgd searches the repositories
			queryAUR = func() (got snapshot.AURQueryResult) {
				_ = w.RunBlocking(func() { got = <-result }) // if Wait returns an error, the next call of w.Chunk returns one too
				return got
			}
		}
		return s.recheckIfDamaged(st.WithHost(w).SearchLive(r, queryAUR, w.Chunk))
	}, nil
}

// infoLive returns a DeferredHandler that looks up packages in the repositories and, over the network, in the AUR.
func (s *Service) infoLive(r *wire.InfoRequest) server.DeferredHandler {
	return func(ctx context.Context, q *server.Request, w *server.Writer) error {
		st, release, err := s.State.Acquire()
		if err != nil {
			return err
		}
		defer release()
		return s.recheckIfDamaged(st.WithHost(w).InfoLive(r, func(names []string) (got snapshot.AURQueryResult) {
			if r.Offline {
				return offlineAURQueryResult
			}
			_ = w.RunBlocking(func() { got = s.AUR.Info(ctx, s.cacheUser(q), names) }) // if Wait returns an error, the next call of w.Chunk returns one too
			return got
		}, w.Chunk))
	}
}

package service

import (
	"context"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// AUR asks the AUR while someone waits. Its methods return within their deadline.
type AUR interface {
	Search(ctx context.Context, r *wire.SearchRequest) answers.FromAUR
	Info(ctx context.Context, names []string) answers.FromAUR
}

// offline is what an asker gets of the AUR who wants it not to be asked.
var offline = answers.FromAUR{Source: wire.Source{
	Name: wire.SourceAUR, State: wire.SourceMissing, Why: "the AUR is not to be asked: offline",
}}

// searchLive has a search answered later, while the AUR is asked.
func (s *Service) searchLive(r *wire.SearchRequest) error {
	if _, err := pkgindex.ParseQuery(r); err != nil {
		return s.failed(err) // not worth asking anyone
	}
	return server.Later(func(ctx context.Context, _ *server.Request, w *server.Writer) error {
		st, why := s.State.Acquire()
		if st == nil {
			return wire.Errorf(wire.CodeNotReady, "%s", why)
		}
		defer st.Release()
		said := func() answers.FromAUR { return offline }
		if !r.Offline {
			asked := make(chan answers.FromAUR, 1)
			go func() { asked <- s.AUR.Search(ctx, r) }() // meanwhile
			said = func() answers.FromAUR { return <-asked }
		}
		return s.failed(st.SearchLive(r, said, w.Part))
	})
}

// infoLive has packages looked up later, while the AUR is asked.
func (s *Service) infoLive(r *wire.InfoRequest) error {
	return server.Later(func(ctx context.Context, _ *server.Request, w *server.Writer) error {
		st, why := s.State.Acquire()
		if st == nil {
			return wire.Errorf(wire.CodeNotReady, "%s", why)
		}
		defer st.Release()
		return s.failed(st.InfoLive(r, func(names []string) answers.FromAUR {
			if r.Offline {
				return offline
			}
			return s.AUR.Info(ctx, names)
		}, w.Part))
	})
}

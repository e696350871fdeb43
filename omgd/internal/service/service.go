// Package service answers requests: one handler an operation. A handler acquires
// the state when it starts and releases it when the answer is copied out.
package service

import (
	"context"
	"errors"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Service is what the handlers share.
type Service struct {
	State *state.Holder
	// Suspect is called when an index contradicted itself.
	Suspect func()
}

// Ops is the table of operations.
func (s *Service) Ops() map[string]server.Op {
	return map[string]server.Op{
		wire.OpSearch: {Handle: s.search},
		wire.OpInfo:   {Handle: s.info},
	}
}

func (s *Service) search(_ context.Context, r *server.Request, w *server.Writer) error {
	var req wire.SearchRequest
	return s.answer(r, &req, func(st *state.State) error { return st.Search(&req, w.Part) })
}

func (s *Service) info(_ context.Context, r *server.Request, w *server.Writer) error {
	var req wire.InfoRequest
	return s.answer(r, &req, func(st *state.State) error { return st.Info(&req, w.Part) })
}

// answer decodes a request and answers it from the current state.
func (s *Service) answer(r *server.Request, req any, from func(*state.State) error) error {
	if err := r.Decode(req); err != nil {
		return err
	}
	st, why := s.State.Acquire()
	if st == nil {
		return wire.Errorf(wire.CodeNotReady, "%s", why)
	}
	defer st.Release()
	err := from(st)
	switch {
	case errors.Is(err, pkgindex.ErrQuery):
		return wire.Errorf(wire.CodeInvalid, "%v", err)
	case errors.Is(err, pkgindex.ErrDamaged):
		s.Suspect()
	}
	return err
}

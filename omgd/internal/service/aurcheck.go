package service

import (
	"context"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/wire"
)

// handleAURCheck answers with the findings that were computed in the background. It computes none: a client can read the files itself.
func (s *Service) handleAURCheck(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	return s.answerFromSnapshot(true, r, w, func(st *state.State, _ *server.Request, w *server.Writer) (server.DeferredHandler, error) {
		found, err := s.AURCheck(st.Snapshot)
		if err != nil {
			return nil, err
		}
		b, err := msgpack.Marshal(found)
		if err != nil {
			return nil, err
		}
		if len(b) > answers.MaxChunk {
			return nil, wire.Errorf(wire.CodeNotReady, "the findings have %d bytes, more than the limit of %d", len(b), answers.MaxChunk)
		}
		return nil, w.Chunk(b, false)
	})
}

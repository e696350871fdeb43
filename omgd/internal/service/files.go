package service

import (
	"context"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/answers"
)

// The replies to requests about files are not cached: an index finds them in less time than a program needs to start.

func (s *Service) handleFilesOwner(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	return answerAboutFiles(s, r, w, (*answers.Encoder).FileOwners)
}

func (s *Service) handleFilesList(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	return answerAboutFiles(s, r, w, (*answers.Encoder).RepositoryFiles)
}

func (s *Service) handleCommand(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	return answerAboutFiles(s, r, w, (*answers.Encoder).Commands)
}

func answerAboutFiles[R any](s *Service, r *server.Request, w *server.Writer, answer func(*answers.Encoder, *R, answers.Emit) error) (server.DeferredHandler, error) {
	req := new(R)
	if err := r.Decode(req); err != nil {
		return nil, err
	}
	return s.answerFromSnapshot(false, r, w, func(st *state.State, _ *server.Request, w *server.Writer) (server.DeferredHandler, error) {
		return nil, answer(st.WithHost(w), req, w.Chunk)
	})
}

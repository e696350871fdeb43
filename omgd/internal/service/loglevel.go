package service

import (
	"context"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/shared/wire"
)

func (s *Service) handleLogLevel(_ context.Context, r *server.Request, w *server.Writer) (server.DeferredHandler, error) {
	var req wire.LogLevelRequest
	if err := r.Decode(&req); err != nil {
		return nil, err
	}
	if req.Level != "" {
		before := s.Log.LevelName()
		if err := s.Log.SetLevel(req.Level); err != nil {
			return nil, wire.Errorf(wire.CodeInvalid, "%v", err)
		}
		s.Log.Info("log level changed", "from", before, "to", req.Level, "uid", r.Peer.UID)
	}
	return nil, w.Result(&wire.LogLevelResult{Level: s.Log.LevelName()})
}

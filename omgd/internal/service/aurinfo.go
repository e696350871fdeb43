package service

import (
	"context"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// handleAURInfo asks the AUR about packages. It leaves out the names that the AUR's data does not contain: they could be names of
// private packages, which must not leave the machine.
func (s *Service) handleAURInfo(ctx context.Context, q *server.Request, w *server.Writer) error {
	var r wire.AURInfoRequest
	if err := q.Decode(&r); err != nil {
		return err
	}
	switch {
	case len(r.Names) == 0 || len(r.Names) > wire.MaxAURInfoNames:
		return wire.Errorf(wire.CodeInvalid, "%d names: 1 to %d are allowed", len(r.Names), wire.MaxAURInfoNames)
	case s.AUR == nil:
		return wire.Errorf(wire.CodeNetwork, "the AUR is disabled (aur.enabled)")
	}
	st, release, err := s.State.Acquire()
	if err != nil {
		return err
	}
	defer release()
	if !st.HasAUR() {
		return st.NoAURDataError()
	}
	var asked, notAsked []string
	for _, name := range r.Names {
		found, err := st.LookupAUR(name)
		if err != nil {
			return s.recheckIfDamaged(err)
		}
		if len(found) > 0 {
			asked = append(asked, name)
		} else {
			notAsked = append(notAsked, name)
		}
	}
	var reply snapshot.AURQueryResult
	if err := w.RunBlocking(func() { reply = s.AUR.Info(ctx, s.cacheUser(q), asked) }); err != nil {
		return err
	}
	if reply.IsIncomplete {
		reply.Source.State, reply.Source.Why = wire.SourceFailed, "the AUR's reply contains packages that omgd cannot read"
	}
	return s.recheckIfDamaged(st.WithHost(w).AURInfo(asked, notAsked, reply, w.Chunk))
}

package service

import (
	"bytes"
	"context"
	"errors"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// PublishStatus sends the status to the clients that watch it, whenever it changes, until ctx ends. It compares the status with the last
// one after each swap of the snapshot and each call of WakeStatus. If several changes follow each other quickly, only the last of
// them is sent.
func (s *Service) PublishStatus(ctx context.Context) {
	var lastSent []byte
	for {
		changed := s.State.Changed()
		lastSent = s.publishStatus(lastSent)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-s.statusWake:
		}
	}
}

// WakeStatus tells PublishStatus that the status may have changed although the snapshot is the same.
func (s *Service) WakeStatus() {
	select {
	case s.statusWake <- struct{}{}:
	default:
	}
}

// publishStatus publishes the status. The parameter lastSent is the encoded status, without its time, that was sent last. publishStatus returns
// its new value.
func (s *Service) publishStatus(lastSent []byte) []byte {
	isStarting := s.State.IsStarting() // before the status is read: a snapshot that appears in between must not make this false
	r, err := s.statusWithProblems()
	var encoded, compared []byte
	if err == nil {
		encoded, err = msgpack.Marshal(r)
	}
	if err == nil {
		withoutTime := *r
		withoutTime.ConfirmedAt = 0
		compared, err = msgpack.Marshal(&withoutTime)
	}
	refused := new(wire.Error)
	switch {
	case err == nil:
		s.statusTopic.Publish(encoded, !bytes.Equal(compared, lastSent))
		return compared
	case isStarting:
		return nil // clients wait for the first snapshot
	case !errors.As(err, &refused):
		refused = wire.Errorf(wire.CodeInternal, "%v", err)
	}
	s.statusTopic.Fail(refused)
	return nil
}

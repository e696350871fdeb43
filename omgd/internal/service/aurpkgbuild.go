package service

import (
	"context"
	"errors"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/aur"
	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/wire"
)

// handleAURPKGBUILD asks the AUR for the PKGBUILD of a package that the AUR's data contains. Other names could be those of private packages,
// which must not leave the machine.
func (s *Service) handleAURPKGBUILD(ctx context.Context, q *server.Request, w *server.Writer) error {
	var r wire.AURPKGBUILDRequest
	if err := q.Decode(&r); err != nil {
		return err
	}
	if s.AUR == nil {
		return wire.Errorf(wire.CodeNetwork, "the AUR is disabled (aur.enabled)")
	}
	base, err := s.findAURBase(r.Name)
	if err != nil {
		return err
	}
	var content []byte
	var at time.Time
	var failed error
	if err := w.RunBlocking(func() { content, at, failed = s.AUR.PKGBUILD(ctx, s.cacheUser(q), base) }); err != nil {
		return err
	}
	switch {
	case errors.Is(failed, aur.ErrNoFile):
		return wire.Errorf(wire.CodeNotFound, "the AUR has no PKGBUILD of the package base %q", base)
	case failed != nil:
		return wire.Errorf(wire.CodeNetwork, "the PKGBUILD of %q could not be downloaded: %s", base, aur.ErrorText(failed))
	}
	return sendPKGBUILD(w, &wire.AURPKGBUILDResult{Base: base, AsOf: at.Unix(), Content: content})
}

// findAURBase returns the package base of a package, according to the AUR's data.
func (s *Service) findAURBase(name string) (string, error) {
	st, release, err := s.State.Acquire()
	if err != nil {
		return "", err
	}
	defer release()
	if !st.HasAUR() {
		return "", st.NoAURDataError()
	}
	base, err := st.AURBase(name)
	if err != nil {
		return "", s.recheckIfDamaged(err)
	}
	if base == "" {
		return "", wire.Errorf(wire.CodeNotFound, "the data of the AUR has no package %q", name)
	}
	return base, nil
}

// sendPKGBUILD sends a result in chunks.
func sendPKGBUILD(w *server.Writer, r *wire.AURPKGBUILDResult) error {
	const partSize = answers.MaxChunk - 1024 // the other fields need less
	rest := r.Content
	for {
		r.Content = rest[:min(len(rest), partSize)]
		rest = rest[len(r.Content):]
		encoded, err := msgpack.Marshal(r)
		if err != nil {
			return err
		}
		if err := w.Chunk(encoded, len(rest) > 0); err != nil || len(rest) == 0 {
			return err
		}
		r = &wire.AURPKGBUILDResult{}
	}
}

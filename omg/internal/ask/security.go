package ask

import (
	"context"
	"errors"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// ErrNoTracker means that nothing is known of the security tracker.
var ErrNoTracker = errors.New("the security tracker's advisories are not known")

// Security asks which advisories concern what is installed.
func (a *Asker) Security(ctx context.Context, r *wire.SecurityRequest) (wire.SecurityResult, error) {
	var all wire.SecurityResult
	err := a.ask(ctx, wire.OpSecurity, r, func(b []byte, _ bool) error {
		var part wire.SecurityResult
		if err := msgpack.Unmarshal(b, &part); err != nil {
			return err
		}
		packages := all.Packages
		if len(packages) == 0 {
			all = part
		}
		for _, p := range part.Packages {
			if last := len(packages) - 1; last >= 0 && packages[last].Name == p.Name {
				packages[last].Advisories = append(packages[last].Advisories, p.Advisories...)
			} else {
				packages = append(packages, p)
			}
		}
		all.Packages = packages
		return nil
	})
	return all, err
}

// For a daemon that has just started, where nobody else has the answer.
const (
	waitReady = 2 * time.Second
	askAgain  = 20 * time.Millisecond
)

// patiently asks a daemon until it is ready.
func (a *Asker) patiently(ctx context.Context, op string, req any, part Emit) error {
	for end := time.Now().Add(waitReady); ; {
		err := a.daemon(ctx, op, req, part)
		var said *wire.Error
		if !errors.As(err, &said) || said.Code != wire.CodeNotReady || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(askAgain):
		}
	}
}

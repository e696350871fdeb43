package ask

import (
	"context"
	"errors"

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
		packages := append(all.Packages, part.Packages...)
		if len(all.Packages) == 0 {
			all = part
		}
		all.Packages = packages
		return nil
	})
	return all, err
}

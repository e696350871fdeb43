package ask

import (
	"context"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// Get asks a question whose answer has one part, and decodes it into result.
func (a *Asker) Get(ctx context.Context, op string, req, result any) error {
	return a.ask(ctx, op, req, into(result))
}

// Read asks what only files answer, one of the operations below: it never goes
// to the daemon, which keeps neither file lists nor chains.
func (a *Asker) Read(ctx context.Context, op string, req, result any) error {
	return exitError(a.Local(ctx, a, op, req, into(result)))
}

func into(result any) Emit {
	return func(part []byte, _ bool) error { return msgpack.Unmarshal(part, result) }
}

// Installed asks for installed packages.
func (a *Asker) Installed(ctx context.Context, r *wire.InstalledRequest) (wire.InstalledResult, error) {
	var all wire.InstalledResult
	err := a.ask(ctx, wire.OpInstalled, r, func(b []byte, _ bool) error {
		var part wire.InstalledResult
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

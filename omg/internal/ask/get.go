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

// Read asks what only files answer, one of the operations below: the daemon keeps
// neither file lists nor chains. Those of packages are read where the daemon reads.
func (a *Asker) Read(ctx context.Context, op string, req, result any) error {
	switch op {
	case OpOwns, OpFiles, OpWhy:
		if err := a.greet(ctx); err != nil {
			return exitError(err)
		}
	}
	return exitError(a.Local(ctx, a, op, req, into(result)))
}

// greet asks the daemon which databases it answers from.
func (a *Asker) greet(ctx context.Context) error {
	if !a.useDaemon(wire.OpHello) {
		return nil
	}
	var served wire.HelloResult
	err := a.daemon(ctx, wire.OpHello, &wire.HelloRequest{Protocol: wire.Protocol}, into(&served))
	if err != nil {
		return a.without(wire.OpHello, err)
	}
	a.served = &served
	a.locate()
	return nil
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

package snapshot

import (
	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/wire"
)

// Runtimes converts the active versions of runtimes into the type that replies contain. It never returns nil.
func Runtimes(active []runtimes.Active) []wire.Runtime {
	list := make([]wire.Runtime, len(active))
	for i, a := range active {
		list[i] = wire.Runtime{Runtime: a.Runtime, Version: a.Version, Manager: a.Manager, Path: a.Path, Missing: a.Missing, Differs: a.Differs}
		if d := a.Declared; d != nil {
			list[i].Wanted, list[i].Kind, list[i].Source = d.Want, d.Kind.String(), d.Source
		}
	}
	return list
}

// ActiveRuntimes returns the result of OpRuntimes.
func (s *Snapshot) ActiveRuntimes() (*wire.RuntimesResult, error) {
	if s.in.Runtimes == nil {
		return nil, wire.Errorf(wire.CodeNotReady, "this daemon does not read home directories: use omg which")
	}
	return &wire.RuntimesResult{Generation: s.in.Generation, Runtimes: s.in.Runtimes}, nil
}

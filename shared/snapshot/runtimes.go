package snapshot

import (
	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/wire"
)

// ConvertRuntimes converts the active versions of runtimes into the type that replies contain. It never returns nil.
func ConvertRuntimes(active []runtimes.Active) []wire.Runtime {
	list := make([]wire.Runtime, len(active))
	for i, a := range active {
		list[i] = wire.Runtime{Runtime: a.Runtime, Version: a.Version, Manager: a.Manager, Path: a.Path, Missing: a.Missing, Differs: a.Differs}
		if d := a.Declared; d != nil {
			list[i].Wanted, list[i].WantedKind, list[i].WantedSource = d.Want, d.WantKind.String(), d.Source
		}
	}
	return list
}

// ActiveRuntimes returns the result of OpRuntimes.
func (s *Snapshot) ActiveRuntimes() (*wire.RuntimesResult, error) {
	if s.inputs.Runtimes == nil {
		return nil, wire.Errorf(wire.CodeNotReady, "this daemon does not read home directories: use omg which")
	}
	return &wire.RuntimesResult{Generation: s.inputs.Generation, Runtimes: s.inputs.Runtimes}, nil
}

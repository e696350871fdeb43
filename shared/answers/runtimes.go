package answers

import (
	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/wire"
)

// Runtimes are active versions as they are sent, never nil.
func Runtimes(active []runtimes.Active) []wire.Runtime {
	list := make([]wire.Runtime, len(active))
	for i, a := range active {
		list[i] = wire.Runtime{Runtime: a.Runtime, Version: a.Version, Manager: a.Manager, Path: a.Path, Missing: a.Missing}
		if d := a.Declared; d != nil {
			list[i].Wanted, list[i].Kind, list[i].Source = d.Want, d.Kind.String(), d.Source
		}
	}
	return list
}

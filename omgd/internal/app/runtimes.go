package app

import (
	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// runtimes returns a function that finds the runtimes which are active in a new shell of this user. It
// returns nil for the system-wide daemon, because that daemon does not belong to a single user.
func (o *options) runtimes() func(map[string]string) ([]wire.Runtime, map[string]string) {
	if o.isSystemWide {
		return nil
	}
	env := runtimes.Env{Getenv: o.env.Get, Home: o.env.Get("HOME"), OmgDataDir: o.data, DBPath: o.dbpath}
	return func(system map[string]string) ([]wire.Runtime, map[string]string) {
		env := env
		env.SystemVersions = system
		p := runtimes.New(env)
		return snapshot.ConvertRuntimes(p.AllActive()), p.SystemVersions()
	}
}

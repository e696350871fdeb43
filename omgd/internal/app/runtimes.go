package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/wire"
)

// makeDirectories makes the places below the data directory in which runtimes are
// looked for, and those that are kept for shims and tools.
func (o *options) makeDirectories() error {
	for _, name := range []string{"versions", "shims", "tools"} {
		if err := os.Mkdir(filepath.Join(o.data, name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// runtimes looks at what a new shell of this user would run. Nil for the daemon
// of all users, who have homes of their own.
func (o *options) runtimes() func(map[string]string) ([]wire.Runtime, map[string]string) {
	if o.system {
		return nil
	}
	env := runtimes.Env{Getenv: o.env.Get, Home: o.env.Get("HOME"), Data: o.data, DBPath: o.dbpath}
	return func(system map[string]string) ([]wire.Runtime, map[string]string) {
		env := env
		env.System = system
		p := runtimes.New(env)
		return answers.Runtimes(p.All()), p.System()
	}
}

package ask

import (
	"context"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

// direct is the program that answers without a daemon. What it needs to read
// databases (decompressors above all) costs a process more time to start than a
// question to the daemon takes, so that it is kept out of omg.
const direct = "omg-direct"

// Become returns a Local that replaces this process by omg-direct with the same
// arguments.
func Become(args []string) Local {
	return func(_ context.Context, a *Asker, _ string, _ any, _ Emit) error {
		program, err := paths.Program(direct)
		if err != nil {
			return fmt.Errorf("no daemon answers, and without one: %w", err)
		}
		argv := slices.Concat(args[:1], []string{"--no-daemon"}, a.located, args[1:])
		return &os.PathError{Op: "exec", Path: program, Err: unix.Exec(program, argv, os.Environ())}
	}
}

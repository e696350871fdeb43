package remote

import (
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// directProgram is the name of the program that answers without a daemon. It is separate from omg because the code that reads
// databases, above all the decompressors, takes longer to load than a request to the daemon takes.
const directProgram = "omg-direct"

// execOmgDirect replaces this process by omg-direct with the same arguments. omg-direct reads the databases of the daemon,
// unless the arguments name other databases.
func execOmgDirect(o backend.Options, served wire.ServedPaths) error {
	path, err := paths.ProgramPath(directProgram)
	if err != nil {
		return fmt.Errorf("omgd does not respond, and omg-direct, which answers without it, cannot run: %w", err)
	}
	flags := []string{"--no-daemon"}
	read := o.WithServedPaths(served)
	if read.DBPath != o.DBPath {
		flags = append(flags, "--dbpath", read.DBPath)
	}
	if read.PacmanConfig != o.PacmanConfig {
		flags = append(flags, "--pacman-config", read.PacmanConfig)
	}
	if o.LiveSocket != "" {
		flags = append(flags, "--live-socket", o.LiveSocket)
	}
	if o.UnansweredSocket != "" {
		flags = append(flags, "--unanswered-socket", o.UnansweredSocket)
	}
	argv := slices.Concat(o.CommandLine[:1], flags, o.CommandLine[1:])
	return &os.PathError{Op: "exec", Path: path, Err: unix.Exec(path, argv, os.Environ())}
}

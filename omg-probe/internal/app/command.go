package app

import (
	"io"
	"os"
	"strings"
	"time"

	"github.com/omg-arch/omg/omg-probe/internal/commands"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
)

// findCommand prints the packages that bring a command. It prints nothing if nothing is known at the deadline.
func (o *options) findCommand(stdin io.Reader, stdout io.Writer) error {
	stopTimer := func() bool { return true }
	if limit := o.waitLimit(); limit > 0 {
		// The goroutine that reads may be stuck in a system call, so the process ends.
		stopTimer = time.AfterFunc(limit, func() { os.Exit(exit.NotFound) }).Stop
	}
	name := o.commandNames[0]
	if name == "-" {
		text, err := io.ReadAll(io.LimitReader(stdin, commands.MaxNameLen+2))
		if err != nil {
			return exit.QuietError(exit.NotFound)
		}
		name = strings.TrimSuffix(string(text), "\n")
	}
	env := paths.ProcessEnv()
	f := commands.Finder{Env: env, DataDirs: env.DataDirs(o.dataDir)}
	text := f.Text(name, f.Find(name), os.Getenv("PATH"), time.Now())
	if !stopTimer() || text == "" {
		return exit.QuietError(exit.NotFound)
	}
	return write(stdout, text)
}

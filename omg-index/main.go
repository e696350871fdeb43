// Command omg-index builds, checks and describes the index files that omgd and omg use. It needs neither pacman nor
// libalpm.
package main

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg-index/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	os.Exit(app.Run(ctx, os.Args, os.Stdout, os.Stderr))
}

// Command omg answers questions about packages: it asks omgd, or reads the
// files itself where no daemon runs.
package main

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	os.Exit(app.Run(ctx, os.Args, os.Stdout, os.Stderr))
}

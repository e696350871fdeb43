// Command omg-fleet-dev is a NATS server for a first try on one machine. omg-fleet dev executes it.
package main

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg-fleet/internal/dev"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	os.Exit(dev.Run(ctx, os.Args, os.Stdout, os.Stderr))
}

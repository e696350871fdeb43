// Command omg-fleet answers questions about many hosts from the files that omg inventory writes on them, or through
// a NATS server.
package main

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg-fleet/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	os.Exit(app.Run(ctx, os.Args, os.Stdout, os.Stderr))
}

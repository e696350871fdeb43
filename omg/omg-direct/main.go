// Command omg-direct has the command line of omg, but reads indexes and databases itself instead of asking omgd. omg
// executes it if no daemon runs; users do not call it.
package main

import (
	"context"
	"os"

	"github.com/omg-arch/omg/omg/internal/app"
	"github.com/omg-arch/omg/omg/internal/direct"
)

func main() {
	os.Exit(app.Run(context.Background(), os.Args, os.Stdout, os.Stderr, direct.Open))
}

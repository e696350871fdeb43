// Command omg answers questions about packages by asking omgd. If no daemon runs, omg executes omg-direct, which reads the
// databases itself.
package main

import (
	"context"
	"os"

	"github.com/omg-arch/omg/omg/internal/app"
	"github.com/omg-arch/omg/omg/internal/remote"
)

// main does not handle signals: omg writes nothing that it would have to clean up, and signal handling would take a
// fifth of its run time.
func main() {
	os.Exit(app.Run(context.Background(), os.Args, os.Stdout, os.Stderr, remote.Open))
}

// Command omg answers questions about packages: it asks omgd. Where no daemon
// runs it becomes omg-direct, which reads the files itself.
package main

import (
	"context"
	"os"

	"github.com/omg-arch/omg/omg/internal/app"
	"github.com/omg-arch/omg/omg/internal/remote"
)

// main catches no signal: omg writes nothing that would have to be cleaned up,
// and asking the runtime for signals costs a fifth of its time.
func main() {
	os.Exit(app.Run(context.Background(), os.Args, os.Stdout, os.Stderr, remote.Open))
}

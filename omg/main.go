// Command omg answers questions about packages: it asks omgd, or reads the
// files itself where no daemon runs.
package main

import (
	"context"
	"os"

	"github.com/omg-arch/omg/omg/internal/app"
)

// main catches no signal: omg writes nothing that would have to be cleaned up,
// and asking the runtime for signals costs a fifth of its time.
func main() { os.Exit(app.Run(context.Background(), os.Args, os.Stdout, os.Stderr)) }

// Command omg-browse is the package browser: it shows packages in the terminal while the user types, and prints the names of those that
// the user chooses. omg browse executes it.
package main

import (
	"context"
	"os"

	"github.com/omg-arch/omg/omg/omg-browse/internal/app"
)

func main() {
	os.Exit(app.Run(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}

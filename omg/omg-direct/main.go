// Command omg-direct is omg for when no daemon runs: the same command line, but it reads indexes and databases itself.
// omg executes it if it finds no daemon; users do not call it.
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

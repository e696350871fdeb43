// Command omg-direct is omg for the time when no daemon runs: the same command
// line, which reads indexes and databases itself. omg becomes it when it finds no
// daemon; it is not meant to be called by people.
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

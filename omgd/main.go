// Command omgd keeps the package index and answers omg's questions on a unix
// socket.
package main

import (
	"context"
	"os"

	"github.com/omg-arch/omg/omgd/internal/app"
)

func main() { os.Exit(app.Run(context.Background(), os.Args, os.Stdout, os.Stderr)) }

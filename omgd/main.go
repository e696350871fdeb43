// Command omgd keeps an index of packages, and answers the requests that omg sends to its unix socket.
package main

import (
	"context"
	"os"

	"github.com/omg-arch/omg/omgd/internal/app"
)

func main() { os.Exit(app.Run(context.Background(), os.Args, os.Stdout, os.Stderr)) }

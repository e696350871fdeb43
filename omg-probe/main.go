// Command omg-probe prints the active runtimes of the working directory and the number of updates, for shell prompts
// and status bars: from files alone, in the time of a process start.
package main

import (
	"os"

	"github.com/omg-arch/omg/omg-probe/internal/app"
)

func main() {
	os.Exit(app.Run(os.Args[1:], os.Stdout, os.Stderr))
}

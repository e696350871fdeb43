// Command omg-probe prints the active runtimes of the working directory and the number of updates, for shell prompts
// and status bars: from files alone, in the time of a process start.
package main

import (
	"os"
	"runtime"

	"github.com/omg-arch/omg/omg-probe/internal/app"
)

func main() {
	growStack()
	os.Exit(app.Run(os.Args[1:], os.Stdout, os.Stderr))
}

// growStack grows the stack once, while it is nearly empty. Otherwise the runtime doubles it four times, and copies and
// scans all frames each time.
//
//go:noinline
func growStack() {
	var space [12 << 10]byte
	runtime.KeepAlive(&space)
}

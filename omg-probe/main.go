// Command omg-probe prints the active runtimes of the working directory and the number of updates, for shell prompts
// and status bars, and the packages that bring a command, for a shell that has not found it. It only reads files, and
// hardly takes longer than a process needs to start.
package main

import (
	"os"
	"runtime"

	"github.com/omg-arch/omg/omg-probe/internal/app"
)

func main() {
	growStack()
	os.Exit(app.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// growStack grows the stack once, while the stack is nearly empty. Otherwise Go's runtime would double the stack four
// times, and copy and scan all frames each time.
//
//go:noinline
func growStack() {
	var space [12 << 10]byte
	runtime.KeepAlive(&space)
}

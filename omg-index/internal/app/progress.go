package app

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/omg-arch/omg/shared/command"
)

// progress shows on a terminal how many packages have been read. Without a terminal, it does nothing.
type progress struct {
	terminalWriter io.Writer // nil if the output is not a terminal
	n              atomic.Int64
}

func newProgress(w io.Writer) *progress {
	if !command.IsTerminal(w) {
		return &progress{}
	}
	return &progress{terminalWriter: w}
}

// newCounter returns a function that counts packages: it must be called once for each package that was read. Without a
// terminal, newCounter returns nil.
func (p *progress) newCounter() func() {
	if p.terminalWriter == nil {
		return nil
	}
	const step = 1000
	return func() {
		if n := p.n.Add(1); n%step == 0 {
			fmt.Fprintf(p.terminalWriter, "\rreading packages: %d", n)
		}
	}
}

// clearLine clears the progress line.
func (p *progress) clearLine() {
	if p.terminalWriter != nil {
		fmt.Fprint(p.terminalWriter, "\r\x1b[K")
	}
}

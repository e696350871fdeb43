package app

import (
	"io"
	"sync/atomic"

	"github.com/schollz/progressbar/v3"

	"github.com/omg-arch/omg/shared/command"
)

// progress counts packages on a terminal; elsewhere it does nothing.
type progress struct {
	bar *progressbar.ProgressBar
	n   atomic.Int64
}

func newProgress(w io.Writer) *progress {
	if !command.IsTerminal(w) {
		return &progress{}
	}
	return &progress{bar: progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("reading packages"),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
	)}
}

// each is to be called for each package; nil if nobody looks.
func (p *progress) each() func() {
	if p.bar == nil {
		return nil
	}
	const step = 500 // packages between two looks at the clock
	return func() {
		if n := p.n.Add(1); n%step == 0 {
			_ = p.bar.Set64(n)
		}
	}
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

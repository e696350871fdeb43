package app

import (
	"bufio"
	"bytes"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// The values of the setting search.order.
const (
	orderAuto      = "auto"
	orderBestFirst = "best-first"
	orderBestLast  = "best-last"
)

// searchPrinter prints the results of a search for people. It holds them until it is known whether the best match has to be the
// first or the last one.
type searchPrinter struct {
	out   *resultPrinter
	rows  int
	order string
	held  [][]byte
	lines int
}

// newSearchPrinter returns a printer for a search, or nil if the results are not for people on a terminal.
func newSearchPrinter(out *resultPrinter) *searchPrinter {
	if !out.isForPeople() {
		return nil
	}
	p := &searchPrinter{out: out, rows: show.TerminalRows(terminalFile(out.app.stdout)), order: orderAuto}
	if loaded, err := config.Load(paths.ProcessEnv(), false); err == nil { // omgd and omg config report errors
		p.order = loaded.Search.Order
	}
	return p
}

// print prints a package, or holds it.
func (p *searchPrinter) print(w *bufio.Writer, pkg *wire.Package) {
	if p.order == orderBestFirst {
		p.out.style.PrintSearchResult(w, pkg)
		return
	}
	var text bytes.Buffer
	b := bufio.NewWriter(&text)
	p.out.style.PrintSearchResult(b, pkg)
	_ = b.Flush()
	p.held = append(p.held, text.Bytes())
	p.lines += bytes.Count(text.Bytes(), []byte("\n"))
}

// beforeWait shows what there is before a wait for more results, unless the best match has to be the last one.
func (p *searchPrinter) beforeWait() {
	if p.order == orderAuto {
		p.printHeld(false)
		p.order = orderBestFirst
	}
	p.out.flushBeforeWait()
}

// finish prints the held packages.
func (p *searchPrinter) finish() {
	p.printHeld(p.order == orderBestLast || p.lines >= p.rows) // one line is for the prompt
}

func (p *searchPrinter) printHeld(reverse bool) {
	for i := range p.held {
		text := p.held[i]
		if reverse {
			text = p.held[len(p.held)-1-i]
		}
		_, _ = p.out.w.Write(text)
	}
	p.held = nil
}

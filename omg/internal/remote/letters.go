package remote

import (
	"bufio"
	"context"
	"slices"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// RunLetters implements backend.Backend. The daemon answers pacman -Ss, omg-direct everything else.
func (b *Backend) RunLetters(ctx context.Context, r *backend.LettersRequest) (int, error) {
	if !b.asksDaemon() || !isSearch(r) {
		return 0, b.switchToDirectWithDaemonPaths(ctx)
	}
	var found []wire.Package
	result, err := askOnNewConn(ctx, b, func(c *client.Conn) (*wire.SearchResult, error) {
		return c.Search(ctx, r.Line.SearchRequest(), func(p *wire.Package) error {
			found = append(found, *p)
			return nil
		}, func() {})
	})
	switch {
	case err != nil && wire.CodeOf(err) != wire.CodeInvalid:
		return 0, b.fallBack(err)
	case err != nil || !comesFromPacman(&result.Basis):
		// omg-direct reports what is wrong with an expression, or with a database.
		return 0, b.switchToDirectWithDaemonPaths(ctx)
	}
	backend.SortLikePacman(found)
	return printFound(r, found)
}

// isSearch reports whether a request is one that the daemon answers: pacman -Ss with words, in a form that does not depend on
// pacman.conf.
func isSearch(r *backend.LettersRequest) bool {
	l := r.Line
	return l.Operation == 'S' && l.Has("search") && len(l.Targets) > 0 && !slices.Contains(l.Targets, "-") && (r.Terminal == nil || l.Has("color"))
}

// comesFromPacman reports whether a result was computed from pacman's own databases, in their present state.
func comesFromPacman(b *wire.Basis) bool {
	return !b.Partial && !b.Stale && !slices.ContainsFunc(b.Sources, func(s wire.Source) bool { return s.IsRepository() && (s.Downloaded || s.Outdated) })
}

func printFound(r *backend.LettersRequest, found []wire.Package) (int, error) {
	color := r.Line.Value("color")
	if color != "always" && (color != "auto" || r.Terminal == nil) {
		color = "never"
	} else {
		color = "always" // unlike omg's own commands, pacman ignores NO_COLOR
	}
	style, err := show.NewStyle(color, r.Terminal)
	if err != nil {
		return 0, err
	}
	style.Exact = r.Terminal == nil
	out := bufio.NewWriterSize(r.Stdout, 64<<10)
	for i := range found {
		if r.Line.Has("quiet") {
			style.PrintText(out, found[i].Name)
		} else {
			style.PrintSearchResult(out, &found[i])
		}
	}
	if len(found) == 0 {
		return exit.NotFound, nil
	}
	return exit.OK, out.Flush()
}

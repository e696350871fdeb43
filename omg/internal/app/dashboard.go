package app

import (
	"bufio"
	"context"
	"errors"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/kernel"
)

// runDashboard shows what there is to know, for omg without a command.
func (a *app) runDashboard(ctx context.Context) error {
	style, err := show.NewStyle("auto", terminalFile(a.stdout))
	if err != nil {
		return err
	}
	st, err := a.newBackend().Status(ctx)
	if err != nil {
		return &exit.Error{Code: exit.Code(withExitCode(err)), Err: err, Hint: "omg help lists the commands"}
	}
	if why := uncertaintyReason(&st.Basis); a.requireCertain && why != "" {
		return &exit.Error{Code: exit.Failed, Err: errors.New("the result is partial: " + why), Hint: a.uncertainHint()}
	}
	d := &show.Dashboard{Status: st, UnreadNews: unreadNews(st.News)}
	if a.options.DBPath == "" && a.options.PacmanConfig == "" && len(a.indexPaths.Value()) == 0 {
		d.MissingModules = kernel.MissingModules(kernel.ModulesDir, kernel.Release())
	}
	w := bufio.NewWriter(a.stdout)
	style.PrintDashboard(w, d, clock.Now())
	return w.Flush()
}

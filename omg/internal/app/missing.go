package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg/internal/output"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// reportMissing prints an error line for each missing name. If names is not empty, it returns an error with the given exit
// code.
func (a *app) reportMissing(names []wire.MissingName, code int) error {
	for i := range names {
		line := fmt.Sprintf("package %s was not found", output.QuoteWords([]string{names[i].Name}))
		if advice := adviceOnMissing(&names[i]); advice != "" {
			line += "; " + advice
		}
		a.reportError(line)
	}
	if len(names) > 0 {
		return exit.QuietError(code)
	}
	return nil
}

// adviceOnMissing returns what to type instead of a missing name, or "".
func adviceOnMissing(m *wire.MissingName) string {
	isUnsafe := func(name string) bool { return !wire.IsSafeName(name) }
	providers := slices.DeleteFunc(slices.Clone(m.Providers), isUnsafe)
	switch {
	case m.IsGroup && wire.IsSafeName(m.Name):
		return "omg groups " + m.Name + " lists the packages of the group"
	case len(providers) > 0:
		return "omg info " + strings.Join(providers, " ") + " shows what provides it"
	case len(m.Suggestions) > 0:
		return "did you mean: " + strings.Join(wire.SuggestedNames(m.Suggestions), " ")
	}
	return ""
}

// notInstalledError returns the error for names that no installed package has or provides. If the local database was read
// only in part, the error is a failure: an unread package may provide the names.
func (a *app) notInstalledError(names []string, read *wire.Basis) error {
	problem, code := "is not installed", exit.NotFound
	if read.Partial {
		problem, code = "was not found", exit.Failed
	}
	for _, name := range names {
		a.reportError("package " + output.QuoteWords([]string{name}) + " " + problem)
	}
	if len(names) > 0 {
		return exit.QuietError(code)
	}
	return nil
}

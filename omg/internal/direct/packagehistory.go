package direct

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/sources"
)

// PackageHistory implements backend.Backend.
func (b *Backend) PackageHistory(ctx context.Context, r *backend.PackageHistoryRequest) (*backend.PackageHistory, error) {
	log, err := b.logPath(r.LogFile)
	if err != nil {
		return nil, err
	}
	files, err := pacmandb.LogFiles(log)
	if err != nil {
		return nil, fmt.Errorf("cannot read pacman's log: %w", err)
	}
	result := &backend.PackageHistory{Files: files, Transactions: []backend.Transaction{}}
	reader := &pacmandb.LogReader{Visit: func(t *pacmandb.LogTransaction) error {
		if t.Began.Unix() < r.Since {
			return nil
		}
		one := convertTransaction(t, r.Names)
		if len(one.Changes) == 0 {
			return nil
		}
		if result.Transactions = append(result.Transactions, one); r.Limit > 0 && len(result.Transactions) > r.Limit {
			result.Transactions = result.Transactions[1:]
			result.OmittedCount++
		}
		return nil
	}}
	var problems []string
	for _, file := range files {
		if err := reader.ReadFile(ctx, file); err != nil {
			if ctx.Err() != nil || len(files) == 1 && len(result.Transactions) == 0 {
				return nil, fmt.Errorf("cannot read pacman's log: %w", err)
			}
			problems = append(problems, err.Error())
		}
	}
	if len(problems) > 0 {
		result.Partial, result.Why = true, strings.Join(problems, ", ")
	}
	return result, reader.Finish()
}

// logPath returns the path of pacman's log. The parameter named is the path that the user gave, or empty.
func (b *Backend) logPath(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	c := b.settings()
	pacman, err := b.pacmanConfig(&c)
	if err != nil {
		return "", err
	}
	if b.o.DBPath != "" && b.o.PacmanConfig == "" && !slices.Contains([]string{pacman.Config.DBPath, pacman.Config.DBPath + "/"}, b.o.DBPath) {
		return "", &exit.Error{
			Code: exit.Failed, Err: errors.New("the log of pacman.conf is not about the databases in " + b.o.DBPath),
			Hint: "--log names the log, --pacman-config the pacman.conf of these databases",
		}
	}
	return cmp.Or(pacman.Config.LogFile, sources.DefaultPacmanLog), nil
}

// convertTransaction converts a transaction. It leaves out the changes of packages that are not in names, unless names is empty.
func convertTransaction(t *pacmandb.LogTransaction, names []string) backend.Transaction {
	one := backend.Transaction{At: t.Began, Command: t.Command, FullUpgrade: t.IsFullUpgrade, Result: t.Result}
	for _, c := range t.Changes {
		if len(names) == 0 || slices.Contains(names, c.Name) {
			one.Changes = append(one.Changes, backend.PackageChange(c))
		}
	}
	return one
}

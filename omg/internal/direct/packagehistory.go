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
	kept := &historyKeeper{result: result, limit: r.Limit, maxBytes: maxHistoryBytes}
	reader := &pacmandb.LogReader{Visit: func(t *pacmandb.LogTransaction) error {
		if t.Began.Unix() < r.Since {
			return nil
		}
		if one := convertTransaction(t, r.Names); len(one.Changes) > 0 {
			kept.add(one)
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
	err = reader.Finish()
	if n := reader.LeftOutCount; n > 0 {
		noun := "lines were"
		if n == 1 {
			noun = "line was"
		}
		problems = append(problems, fmt.Sprintf("%d %s left out of the log, with an impossible date or in too large a transaction", n, noun))
	}
	if kept.isFull {
		problems = append(problems, fmt.Sprintf("only the last transactions are kept in memory, up to %d MiB: --since or PKG selects others", kept.maxBytes>>20))
	}
	if len(problems) > 0 {
		result.Partial, result.Why = true, strings.Join(problems, ", ")
	}
	return result, err
}

// maxHistoryBytes is the approximate size in memory of the transactions that are kept. 15 years of a busy system have 20 MiB.
const maxHistoryBytes = 128 << 20

// historyKeeper keeps the last transactions.
type historyKeeper struct {
	result   *backend.PackageHistory
	limit    int // the maximum number of transactions; 0 for any number
	maxBytes int
	bytes    int  // the approximate size of the kept transactions
	isFull   bool // transactions were left out because of maxBytes
}

// add adds a transaction, and removes the first ones if there are too many.
func (k *historyKeeper) add(one backend.Transaction) {
	list := append(k.result.Transactions, one)
	k.bytes += transactionBytes(&one)
	for len(list) > 1 && (k.limit > 0 && len(list) > k.limit || k.bytes > k.maxBytes) {
		k.isFull = k.isFull || k.limit == 0 || len(list) <= k.limit
		k.bytes -= transactionBytes(&list[0])
		list[0] = backend.Transaction{}
		list = list[1:]
		k.result.OmittedCount++
	}
	k.result.Transactions = list
}

// transactionBytes returns the approximate size of a transaction in memory.
func transactionBytes(t *backend.Transaction) int {
	const overhead = 100 // of a transaction, and of a change with its texts
	n := overhead + len(t.Command)
	for i := range t.Changes {
		c := &t.Changes[i]
		n += overhead + len(c.Name) + len(c.Old) + len(c.New)
	}
	return n
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

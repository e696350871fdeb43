package direct

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// transactionOf returns a transaction with n changes of about 100 bytes each.
func transactionOf(name string, n int) backend.Transaction {
	return backend.Transaction{Command: name, Changes: make([]backend.PackageChange, n)}
}

// TestHistoryKeeper checks that the last transactions are kept, up to a number or a size, and that one always is.
func TestHistoryKeeper(t *testing.T) {
	kept := func(limit, maxBytes int, sizes ...int) (names []string, k *historyKeeper) {
		k = &historyKeeper{result: &backend.PackageHistory{}, limit: limit, maxBytes: maxBytes}
		for i, n := range sizes {
			k.add(transactionOf(fmt.Sprint(i), n))
		}
		for _, one := range k.result.Transactions {
			names = append(names, one.Command)
		}
		require.Equal(t, len(sizes), len(names)+k.result.OmittedCount)
		return names, k
	}
	names, k := kept(0, 1000, 1, 1, 1)
	require.Equal(t, []string{"0", "1", "2"}, names)
	require.False(t, k.isFull)
	names, k = kept(2, 1000, 1, 1, 1)
	require.Equal(t, []string{"1", "2"}, names)
	require.False(t, k.isFull)
	names, k = kept(0, 1000, 5, 1, 1, 2)
	require.Equal(t, []string{"1", "2", "3"}, names)
	require.True(t, k.isFull)
	names, k = kept(0, 1000, 1, 1, 100)
	require.Equal(t, []string{"2"}, names)
	require.True(t, k.isFull)
}

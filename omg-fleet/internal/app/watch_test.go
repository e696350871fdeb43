package app

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/inventory"
)

// TestWatch checks that a host is printed at the start and when it has changed, and not otherwise.
func TestWatch(t *testing.T) {
	n := uint32(1)
	one := &inventory.Inventory{}
	one.Counts.Updates = &n
	dir := fleet(t, map[string]*inventory.Inventory{"web1": one, "web2": {}})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, []string{"omg-fleet", "--from", dir, "watch"}, w, io.Discard)
		_ = w.Close()
	}()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
	}()
	next := func() string { return await.Receive(t, lines, "a line") }
	require.Equal(t, "web1  1 update, advisories unknown, findings unknown", next())
	require.Equal(t, "web2  updates unknown, advisories unknown, findings unknown", next())
	many := uint32(7)
	changed := &inventory.Inventory{}
	changed.Counts.Updates = &many
	other := fleet(t, map[string]*inventory.Inventory{"web2": changed})
	require.NoError(t, os.Rename(filepath.Join(other, "web2.json"), filepath.Join(dir, "web2.json")))
	require.Equal(t, "web2  7 updates, advisories unknown, findings unknown", next())
	require.NoError(t, os.Remove(filepath.Join(dir, "web1.json")))
	require.NoError(t, os.Rename(filepath.Join(fleet(t, map[string]*inventory.Inventory{"web3": {}}), "web3.json"), filepath.Join(dir, "web3.json")))
	require.Equal(t, "web3  updates unknown, advisories unknown, findings unknown", next())
	stop()
	_, more := <-lines
	require.False(t, more)
	await.Receive(t, ended, "the end")
}

// TestWatch_OutputClosed checks that watch ends when nobody reads its output any more, although nothing changes.
func TestWatch_OutputClosed(t *testing.T) {
	dir := fleet(t, map[string]*inventory.Inventory{"web1": {}})
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	ended := make(chan int, 1)
	go func() { ended <- Run(t.Context(), []string{"omg-fleet", "--from", dir, "watch"}, w, io.Discard) }()
	_, err = bufio.NewReader(r).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, exit.OK, await.Receive(t, ended, "the end"))
}

package network

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

const watching = "OMG_AUR_WATCH=true"

// TestWatch_Journal checks that omgd records what the AUR replies about an installed package, that the next dump does not repeat it, and that no
// name that the dump does not contain is sent.
func TestWatch_Journal(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.Install("own-tool", "1-1")
	w.dump.Store(true)
	w.start(long, watching)
	w.awaitDump()
	w.awaitJournal()
	events := func() []string {
		return w.omgd.Omg("--data-dir", w.Data, "aur", "log", "--all", "--format", "{{.pkgbase}} {{.event}} {{.source}}").Lines()
	}

	w.omgd.Stop()
	require.NoError(t, os.RemoveAll(filepath.Join(w.Data, "cache.pebble"))) // and with it the time of the last request
	live := slices.Clone(packages())
	bob := "bob"
	live[1].Maintainer = &bob // of yay-bin
	w.aur.ReplaceLive(live)
	w.start(long, watching)
	adopted := []string{"yay-bin adopted rpc"}
	harness.Await(t, func() bool { return slices.Equal(events(), adopted) }, "the adoption is recorded; omgd printed: %s", w.omgd.Stderr)

	live[2].Maintainer = &bob // of paru, which is not installed
	w.nextDump(live)
	both := append(adopted, "paru adopted dump")
	harness.Await(t, func() bool { return len(events()) == len(both) }, "the dump is recorded; omgd printed: %s", w.omgd.Stderr)
	require.Equal(t, both, events())
	check := w.omgd.Omg("--data-dir", w.Data, "aur", "check", "--format", "{{.name}} {{(index .findings 0).reason}}")
	require.Equal(t, "yay-bin adopted\n", check.Stdout, check.Stderr)
	for _, names := range w.askedNames() {
		require.Equal(t, []string{"yay-bin"}, names)
	}
	require.NotEmpty(t, w.askedNames())
}

// TestWatch_Off checks that omgd sends no name of an installed package by default.
func TestWatch_Off(t *testing.T) {
	t.Parallel()
	w := newAURSystem(t)
	w.startWithDump()
	w.awaitJournal()
	require.NotContains(t, w.omgd.Omg("refresh", "--sources").Stdout, "aur packages")
	require.Empty(t, w.askedNames())
}

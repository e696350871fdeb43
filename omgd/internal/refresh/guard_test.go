package refresh

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.Main(m) }

// newWorker is one with databases and an index of them.
func newWorker(t *testing.T, change func(*Config)) *Worker {
	t.Helper()
	dir := t.TempDir()
	db, conf, index := filepath.Join(dir, "db"), filepath.Join(dir, "pacman.conf"), filepath.Join(dir, "repos.omgidx")
	require.NoError(t, fixture.Write(db, fixture.Options{Packages: 100, Installed: 10, Seed: 1}))
	require.NoError(t, os.WriteFile(conf, []byte(fixture.Config), 0o644))
	where := catalog.Config{DBPath: db, PacmanConfig: conf}
	repos, err := where.ReadRepos()
	require.NoError(t, err)
	built, err := repos.Build(t.Context(), "test", 1, nil)
	require.NoError(t, err)
	require.NoError(t, built.WriteFile(index))
	c := Config{
		Catalog: where, Own: index, Trust: func(uid uint32) bool { return int(uid) == os.Getuid() },
		Holder: &state.Holder{}, Log: slog.New(slog.DiscardHandler), Alpm: alpm.New(),
	}
	change(&c)
	w := New(c)
	t.Cleanup(w.Close)
	return w
}

func partNames(parts []wire.Part) (names []string) {
	for _, p := range parts {
		names = append(names, p.Name)
	}
	return names
}

// TestPanicOfOneSource: a source that panics is named, and takes no other with it.
func TestPanicOfOneSource(t *testing.T) {
	w := newWorker(t, func(c *Config) {
		c.Runtimes = func(map[string]string) ([]wire.Runtime, map[string]string) { panic("runtimes") }
		c.AUR = func() wire.Source { panic("the AUR") }
	})
	w.refresh(t.Context())
	st, why := w.Holder.Acquire()
	require.NotNil(t, st, why)
	defer st.Release()
	require.Equal(t, 100, st.Set.Packages())
	require.Len(t, st.Inventory.Local.Packages, 10)
	require.Equal(t, []string{"runtimes"}, partNames(st.Parts))
	require.Contains(t, st.Parts[0].Why, "internal error, see the log")
	aur := st.Sources[len(st.Sources)-1]
	require.Equal(t, wire.SourceAUR, aur.Name)
	require.Equal(t, wire.SourceFailed, aur.State)
	require.Empty(t, w.Parts())
	require.Positive(t, w.Holder.Checked.Load())
}

// TestRefreshThatFails: what was known stays, with its time, and status says that it
// could not be looked at again, until it could.
func TestRefreshThatFails(t *testing.T) {
	w := newWorker(t, func(*Config) {})
	conf := w.Catalog.PacmanConfig
	good, err := os.ReadFile(conf)
	require.NoError(t, err)
	w.refresh(t.Context())
	require.Empty(t, w.Parts())
	w.Holder.Checked.Store(1)

	require.NoError(t, os.WriteFile(conf, []byte("[options\n"), 0o644))
	w.refresh(t.Context())
	require.Equal(t, []string{"refresh"}, partNames(w.Parts()))
	require.Contains(t, w.Parts()[0].Why, "pacman.conf")
	require.EqualValues(t, 1, w.Holder.Checked.Load(), "nothing was found right")
	st, _ := w.Holder.Acquire()
	require.Equal(t, 100, st.Set.Packages())
	st.Release()

	require.NoError(t, os.WriteFile(conf, good, 0o644))
	w.refresh(t.Context())
	require.Empty(t, w.Parts())
	require.Greater(t, w.Holder.Checked.Load(), int64(1))
}

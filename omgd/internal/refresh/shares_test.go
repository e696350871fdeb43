package refresh

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// keptShares is the file with the shares of machines, as the downloader keeps it.
type keptShares struct {
	t      *testing.T
	path   string
	latest *snapshot.PopularityData
}

func newKeptShares(t *testing.T) *keptShares {
	return &keptShares{t: t, path: filepath.Join(t.TempDir(), "popularity.json"), latest: &snapshot.PopularityData{}}
}

// set replaces the shares.
func (k *keptShares) set(percentages map[string]float64) {
	k.t.Helper()
	require.NoError(k.t, os.WriteFile(k.path, []byte(fixture.PopularityReply(percentages)), 0o644))
	shares, err := popularity.Read(k.t.Context(), k.path)
	require.NoError(k.t, err)
	k.latest = &snapshot.PopularityData{SHA256: shares.SHA256, RepliedAt: 1}
}

// enable configures a refresher to use the shares.
func (k *keptShares) enable(c *Config) {
	c.Popularity, c.PopularityPath = func() *snapshot.PopularityData { return k.latest }, func() string { return k.path }
}

// sharesIn returns the digest of the shares in the index of a repository.
func (w *testSystem) sharesIn(repo string) string {
	w.t.Helper()
	facts, ok := w.source(repo).Index.IndexInfo().FindSource(pkgindex.KindRepo, repo)
	require.True(w.t, ok)
	return facts.PopularitySHA256
}

// TestBuild_Shares checks that new shares of machines cause one build of each index, during which the repositories stay ok, that a restart
// causes none, and that disabling the shares makes the indexes as they were.
func TestBuild_Shares(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		all := map[string]int{"core": 1, "extra": 1, "multilib": 1}
		kept := newKeptShares(t)
		w := newTestSystem(t, kept.enable)
		w.settle()
		require.Equal(t, all, w.builder.built())
		require.Empty(t, w.sharesIn("core"), "not downloaded yet")
		before, err := os.ReadFile(w.index("core"))
		require.NoError(t, err)

		kept.set(map[string]float64{"bash": 99})
		release := make(chan struct{})
		w.builder.set(func(context.Context, string) error { <-release; return nil })
		w.refresh(t.Context(), nil)
		w.requireCurrent("core", "extra", "multilib")
		require.Empty(t, w.sharesIn("core"), "the last index is used until the new one is built")
		close(release)
		w.settle()
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, all, w.builder.built())
		for repo := range all {
			require.Equal(t, kept.latest.SHA256, w.sharesIn(repo))
		}
		w.builder.set(nil)
		w.settle()
		w.restart(kept.enable)
		w.settle()
		require.Empty(t, w.builder.built())

		w.write("core", content(t, "core", 2))
		w.settle()
		require.Equal(t, map[string]int{"core": 1}, w.builder.built())
		require.Equal(t, kept.latest.SHA256, w.sharesIn("core"), "an index of a changed database has the shares, too")
		w.write("core", content(t, "core", 1))
		w.settle()
		w.builder.built()

		w.restart(func(c *Config) { c.Popularity, c.PopularityPath = nil, nil })
		w.settle()
		require.Equal(t, all, w.builder.built())
		require.Empty(t, w.sharesIn("core"))
		after, err := os.ReadFile(w.index("core"))
		require.NoError(t, err)
		require.Equal(t, len(before), len(after))
	})
}

// TestBuild_SharesFail checks that a failed build with new shares leaves the repository ok with its last index, and is tried again after a
// pause; and that an index without the wanted shares is not built again and again.
func TestBuild_SharesFail(t *testing.T) {
	inVirtualTime(t, func(t *testing.T) {
		kept := newKeptShares(t)
		w := newTestSystem(t, kept.enable)
		w.settle()
		w.builder.built()
		kept.set(map[string]float64{"bash": 99})
		w.builder.set(func(_ context.Context, repo string) error {
			if repo == "core" {
				return errors.New("no memory")
			}
			return nil
		})
		for range 3 {
			w.settle()
		}
		w.requireCurrent("core", "extra", "multilib")
		require.Equal(t, map[string]int{"core": 1, "extra": 1, "multilib": 1}, w.builder.built())
		require.Empty(t, w.sharesIn("core"))
		w.builder.set(nil)
		w.elapse()
		require.Equal(t, kept.latest.SHA256, w.sharesIn("core"))
		require.Equal(t, map[string]int{"core": 1}, w.builder.built())

		// Something else has replaced the file.
		kept.latest = &snapshot.PopularityData{SHA256: "another", RepliedAt: 2}
		for range 5 {
			w.settle()
		}
		require.Equal(t, map[string]int{"core": 1, "extra": 1, "multilib": 1}, w.builder.built())
		require.Equal(t, wire.SourceOK, w.source("core").State)
	})
}

package sources

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// newPulled returns an index of core that was pulled a minute ago, and was published from a database of the time asOf.
func newPulled(t *testing.T, asOf int64) *Pulled {
	t.Helper()
	b := pkgindex.NewBuilder("test", 1)
	into := b.AddSource("core", pkgindex.KindRepo)
	require.NoError(t, into.Add(&wire.Package{Repo: "core", Name: "linux", Version: "2-1"}))
	into.SetFileInfo("", 1, asOf)
	dir := t.TempDir()
	require.NoError(t, b.WriteFile(IndexPath(dir, pkgindex.KindRepo, "core")))
	now := time.Now()
	return &Pulled{Dir: dir, StaleAfter: time.Hour, NextRequestAt: 9, State: &pulled.State{
		Publisher: "key", Sequence: 5, Expires: now.Add(time.Hour).Unix(), ConfirmedAt: now.Add(-time.Minute).Unix(),
		Sources: []pulled.Source{{Kind: "repository", Name: "core", Architecture: "x86_64", AsOf: asOf, Sequence: 5}},
	}}
}

// replaceCore replaces the source core of a system whose pacman.conf allows some architectures.
func replaceCore(t *testing.T, p *Pulled, system snapshot.IndexedSource, architectures ...string) snapshot.IndexedSource {
	t.Helper()
	return replaceCoreOf(t, p, nil, system, architectures...)
}

// replaceCoreOf does what replaceCore does. The parameter servers has the servers in pacman.conf.
func replaceCoreOf(t *testing.T, p *Pulled, servers []string, system snapshot.IndexedSource, architectures ...string) snapshot.IndexedSource {
	t.Helper()
	system.Name, system.Kind = "core", wire.KindRepository
	pacman := &PacmanSetup{Config: &pacmandb.Config{Architectures: architectures}, Repositories: []Repository{{Name: "core", Servers: servers}}}
	list := p.ReplacePacmanSources([]snapshot.IndexedSource{system}, pacman, func(path string) (*pkgindex.File, error) {
		f, err := pkgindex.Open(path, nil)
		if err == nil {
			t.Cleanup(func() { _ = f.Close() })
		}
		return f, err
	})
	require.Len(t, list, 1)
	return list[0]
}

func TestPulled_Repositories(t *testing.T) {
	missing := snapshot.IndexedSource{Source: wire.Source{State: wire.SourceMissing, Why: "no database"}}
	p := newPulled(t, 100)
	require.Equal(t, []string{"core"}, p.Repositories())
	s := replaceCore(t, p, missing, "x86_64")
	require.NotNil(t, s.Index)
	require.Equal(t, wire.Source{
		Name: "core", Kind: wire.KindRepository, State: wire.SourceOK, AsOf: 100, ChangedAt: p.State.ConfirmedAt, NextRequestAt: 9, Downloaded: true, Publisher: "key",
	}, s.Source)
	require.NotNil(t, replaceCore(t, p, missing).Index, "pacman.conf says nothing about the architecture")

	s = replaceCore(t, p, missing, "aarch64")
	require.Nil(t, s.Index)
	require.Equal(t, "no database; pulled: the repository is for x86_64", s.Why)

	own := newPulled(t, 100)
	own.State.Sources[0].Server = "https://own.example.org/core"
	for _, servers := range [][]string{nil, {"https://other.example.org/core", "https://own.example.org/core/"}} {
		require.NotNil(t, replaceCoreOf(t, own, servers, missing).Index)
	}
	for _, servers := range [][]string{{}, {"https://mirror.example.org/core"}} {
		s = replaceCoreOf(t, own, servers, missing)
		require.Nil(t, s.Index)
		require.Equal(t, "no database; pulled: another repository of this name: its server is https://own.example.org/core, which pacman.conf does not have", s.Why)
	}

	building := snapshot.IndexedSource{Source: wire.Source{AsOf: 101}, Building: true}
	require.Empty(t, replaceCore(t, p, building).Publisher, "pacman's database is newer")
	building.AsOf = 99
	require.Equal(t, "key", replaceCore(t, p, building).Publisher)
}

func TestPulled_Stale(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Pulled)
		why    string
	}{
		"not confirmed": {func(p *Pulled) {
			p.State.ConfirmedAt, p.State.LastError = time.Now().Add(-5*time.Hour).Unix(), "no server"
		}, "not confirmed by a mirror for 5 hours: no server"},
		"expired":       {func(p *Pulled) { p.State.Expires = time.Now().Add(-3 * time.Hour).Unix() }, "the publisher is late: its manifest expired 3 hours ago"},
		"not installed": {func(p *Pulled) { p.State.Sources[0].LastError = "another hash" }, "another hash"},
		"wrong clock":   {func(p *Pulled) { p.State.ConfirmedAt = time.Now().Add(100 * time.Hour).Unix() }, "not confirmed by a mirror"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPulled(t, 100)
			c.change(p)
			s := replaceCore(t, p, snapshot.IndexedSource{Source: wire.Source{State: wire.SourceMissing}})
			require.Equal(t, wire.SourceStale, s.State)
			require.Contains(t, s.Why, c.why)
			require.NotNil(t, s.Index)
		})
	}
}

// TestPulled_OtherContent checks that an index of another repository is not used.
func TestPulled_OtherContent(t *testing.T) {
	p := newPulled(t, 100)
	p.State.Sources[0].Name = "extra"
	require.NoError(t, os.Rename(filepath.Join(p.Dir, "core.omgidx"), filepath.Join(p.Dir, "extra.omgidx")))
	pacman := &PacmanSetup{Config: &pacmandb.Config{}, Repositories: []Repository{{Name: "extra"}}}
	list := p.ReplacePacmanSources([]snapshot.IndexedSource{{}}, pacman, func(path string) (*pkgindex.File, error) { return pkgindex.Open(path, nil) })
	require.Nil(t, list[0].Index)
	require.Equal(t, "pulled: its index does not contain this repository", list[0].Why)
	source, err := p.AUR(nil)
	require.NoError(t, err)
	require.Nil(t, source, "the AUR is not pulled")
}

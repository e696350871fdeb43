package direct

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// keep returns a Kept of the test system, which the test closes.
func (w *testSystem) keep(changed func()) *Kept {
	k := keep(w.backend(), changed)
	w.t.Cleanup(func() {
		k.Close()
		_, _, err := k.local.acquire(w.t.Context())
		require.ErrorIs(w.t, err, errClosed)
	})
	return k
}

// settle sends requests until the files have not changed for so long that each further change shows in their stamps.
func (w *testSystem) settle(k *Kept) {
	w.t.Helper()
	await.Condition(w.t, func() bool {
		_, release, err := k.snapshot.acquire(w.t.Context())
		require.NoError(w.t, err)
		release()
		return !k.snapshot.current.value.stamps.changedRecently
	}, "the files do not change any more")
}

// checkTime matches the time at which files were found to be current, which differs between two answers.
var checkTime = regexp.MustCompile(`"(at|checked)":[0-9]+`)

// answers returns what a backend answers to requests of all kinds that read databases, as text.
func answers(t *testing.T, b backend.Backend) map[string]string {
	t.Helper()
	all := map[string]string{}
	add := func(name string, result any, err error) {
		text, jsonErr := json.Marshal(result)
		require.NoError(t, jsonErr)
		all[name] = fmt.Sprintf("%s %v", checkTime.ReplaceAll(text, nil), err)
	}
	ctx := t.Context()
	var found []wire.Package
	visit := func(p *wire.Package) error {
		found = append(found, *p)
		return nil
	}
	search, err := b.Search(ctx, &wire.SearchRequest{Words: []string{"lib"}}, visit, nil)
	add("search", search, err)
	info, err := b.Info(ctx, &wire.InfoRequest{Names: []string{generated()["core"][0].Name, "nothing"}}, visit, nil)
	add("info", info, err)
	add("packages", found, nil)
	status, err := b.Status(ctx)
	add("status", status, err)
	installed, err := b.Installed(ctx, &wire.InstalledRequest{Details: true})
	add("installed", installed, err)
	foreign, err := b.Installed(ctx, &wire.InstalledRequest{Filter: wire.FilterForeign})
	add("foreign", foreign, err)
	explicit, err := b.Explicit(ctx)
	add("explicit", explicit, err)
	outdated, err := b.Outdated(ctx)
	add("outdated", outdated, err)
	if explicit != nil {
		name := explicit.Names[0]
		tree, err := b.Tree(ctx, &backend.TreeRequest{Name: name, MaxDepth: -1, Optional: true})
		add("tree", tree, err)
		tree, err = b.Tree(ctx, &backend.TreeRequest{Name: name, MaxDepth: -1, FromRepositories: true})
		add("tree of repositories", tree, err)
		why, err := b.Why(ctx, name, true)
		add("why", why, err)
		files, err := b.Files(ctx, []string{name})
		add("files", files, err)
		owners, err := b.Owns(ctx, []string{"/usr/bin/" + name})
		add("owners", owners, err)
		size, err := b.Size(ctx, nil)
		add("size", size, err)
	}
	news, err := b.News(ctx)
	add("news", news, err)
	return all
}

// TestKept_Answers checks that a kept snapshot gives the same answers as one that is read for the request: at first, after each kind of
// change, and without databases.
func TestKept_Answers(t *testing.T) {
	w := newTestSystem(t)
	changes := atomic.Int32{}
	k := w.keep(func() { changes.Add(1) })
	check := func() {
		t.Helper()
		want := answers(t, w.backend())
		for range 2 {
			require.Equal(t, want, answers(t, k.Backend(w.backend().o)))
		}
	}
	check()
	w.buildOwn()
	check()
	w.buildAUR(w.index(wire.SourceAUR))
	check()
	local, err := filepath.Glob(w.path("db/local/*-*"))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(local[0]))
	check()
	// pacman -D changes only a file of the package, while its lock is there.
	w.write("db/db.lck", "")
	desc := filepath.Join(local[1], "desc")
	text, err := os.ReadFile(desc)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(desc, append(text, "%REASON%\n1\n\n"...), 0o644))
	require.NoError(t, os.Remove(w.path("db/db.lck")))
	check()
	require.NoError(t, os.Truncate(w.database("extra"), 100))
	check()
	require.NoError(t, os.Remove(w.database("core")))
	check()
	w.write("pacman.conf", fmt.Sprintf("[options]\nDBPath = %s\n[core]\n[multilib]\n", w.path("db")))
	check()
	require.Positive(t, changes.Load())
	require.NoError(t, os.RemoveAll(w.path("db/local")))
	check()
	require.NoError(t, os.Remove(w.path("pacman.conf")))
	check()
}

// TestKept_ReadsOnce checks that requests read the files once while these do not change, also if many requests begin at the same time, and
// that a request that was given up does not stop the reading.
func TestKept_ReadsOnce(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	k := w.keep(nil)
	w.settle(k)
	before := k.snapshot.current
	localBefore := k.local.current
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var running sync.WaitGroup
	for range 20 {
		running.Go(func() {
			_, err := k.Backend(k.backend.o).Search(t.Context(), &wire.SearchRequest{Words: []string{"lib"}}, func(*wire.Package) error { return nil }, nil)
			if err != nil {
				t.Error(err)
			}
			if _, err := k.Backend(k.backend.o).Explicit(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	require.Same(t, before, k.snapshot.current)
	require.Same(t, localBefore, k.local.current)

	require.NoError(t, os.Remove(w.database("multilib")))
	_, err := k.Backend(k.backend.o).Outdated(ended)
	require.ErrorIs(t, err, context.Canceled)
	require.NotSame(t, before, k.snapshot.current, "it is read again, for the next request")
	result, err := k.Backend(k.backend.o).Outdated(t.Context())
	require.NoError(t, err)
	require.Equal(t, wire.SourceStale, source(t, result.Sources, "multilib").State)
}

// TestKept_Concurrent checks that requests are answered while the files change and the Kept is closed.
func TestKept_Concurrent(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	k := w.keep(nil)
	var running sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := k.Backend(k.backend.o).Outdated(t.Context()); err != nil {
					if !errors.Is(err, errClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	for _, change := range [][]string{{"core"}, {"extra"}, {"core", "multilib"}} {
		for _, repo := range change {
			w.build(w.index(repo)+".new", repo)
			require.NoError(t, os.Rename(w.index(repo)+".new.origin", w.index(repo)+".origin"))
			require.NoError(t, os.Rename(w.index(repo)+".new", w.index(repo)))
		}
		_, err := k.Backend(k.backend.o).Outdated(t.Context())
		require.NoError(t, err)
	}
	k.Close()
	close(stop)
	running.Wait()
}

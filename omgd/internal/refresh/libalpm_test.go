package refresh

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/omgd/internal/alpmproto"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// fakeWorker is a script in the place of omg-alpm-worker, beside the test program. The script replies with
// the content of a file that the test writes.
type fakeWorker struct {
	t      *testing.T
	answer string // the path of the file with the reply
}

func newFakeWorker(t *testing.T) *fakeWorker {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	program := filepath.Join(filepath.Dir(self), "omg-alpm-worker")
	f := &fakeWorker{t, filepath.Join(t.TempDir(), "answer")}
	require.NoError(t, fixture.WriteExecutable(program, []byte("#!/bin/sh\nexec /bin/cat "+f.answer+"\n")))
	t.Cleanup(func() { _ = os.Remove(program) })
	return f
}

// reply sets the reply that the fake omg-alpm-worker sends.
func (f *fakeWorker) reply(a *alpmproto.Reply) {
	f.t.Helper()
	a.LibAlpm = "15.0.0"
	b, err := alpmproto.Encode(alpmproto.RequestID, a)
	require.NoError(f.t, err)
	require.NoError(f.t, os.WriteFile(f.answer, b, 0o644))
}

// makeFail makes the fake omg-alpm-worker fail, by removing the reply.
func (f *fakeWorker) makeFail() {
	f.t.Helper()
	require.NoError(f.t, os.RemoveAll(f.answer))
}

// ours returns the facts that omg has found itself, in the form of a reply of omg-alpm-worker.
func (w *testSystem) ours() *alpmproto.Reply {
	w.t.Helper()
	st := w.state()
	config, facts := st.ComparisonFacts()
	a := &alpmproto.Reply{}
	for _, repo := range config.Repos {
		n, ok := st.RepoPackageCount(repo.Name)
		require.True(w.t, ok)
		a.Databases = append(a.Databases, alpmproto.Database{Name: repo.Name, PackageCount: n})
	}
	a.Installed = alpm.OwnFacts(st.Inputs().Local.Packages, config, facts, a.Databases).Installed
	return a
}

// ask compares the current snapshot with the reply of the fake omg-alpm-worker.
func (w *testSystem) ask() {
	w.t.Helper()
	w.compareWithLibAlpm(w.t.Context(), w.state().Snapshot)
}

// explicit returns the number of explicitly installed packages.
func (w *testSystem) explicit() int {
	w.t.Helper()
	r, err := w.state().Snapshot.Explicit()
	require.NoError(w.t, err)
	return len(r.Names)
}

// otherReason changes the install reason of the first explicitly installed package.
func otherReason(t *testing.T, a *alpmproto.Reply) *alpmproto.Reply {
	t.Helper()
	for i := range a.Installed {
		if p := &a.Installed[i]; p.Reason == int32(pacmandb.ReasonExplicit) {
			p.Reason = int32(pacmandb.ReasonDepend)
			return a
		}
	}
	t.Fatal("nothing is installed explicitly")
	return nil
}

// TestConfirm_Agrees checks that nothing changes if libalpm's results are the same as omg's.
func TestConfirm_Agrees(t *testing.T) {
	worker := newFakeWorker(t)
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		worker.reply(w.ours())
		generation := w.generation()
		require.Empty(t, w.LibAlpmVersion())
		w.ask()
		require.Equal(t, "15.0.0", w.LibAlpmVersion())
		require.Empty(t, w.Problems())
		require.Empty(t, w.kick)
		require.False(t, w.libAlpmComparison.lastComparisonFailed.Load())
		w.settle()
		require.Equal(t, generation, w.generation())
	})
}

// TestConfirm_Differs checks that libalpm's results are used if they differ from omg's. They stay in use
// until the databases change, or until omg's results are the same.
func TestConfirm_Differs(t *testing.T) {
	worker := newFakeWorker(t)
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.settle()
		explicit, generation := w.explicit(), w.generation()
		worker.reply(otherReason(t, w.ours()))
		w.ask()
		require.Equal(t, []string{"libalpm: differs"}, problemNames(w.Problems()))
		require.Contains(t, w.Problems()[0].Why, "libalpm's results are used")
		require.Len(t, w.kick, 1, "a refresh to use the results is requested")
		w.settle()
		require.Equal(t, explicit-1, w.explicit())
		require.Equal(t, generation+1, w.generation())
		require.NotNil(t, w.state().Inputs().LibalpmResult)

		w.ask()
		require.Empty(t, w.kick, "the difference is the same")
		w.settle()
		require.Equal(t, generation+1, w.generation())

		w.write("multilib", content(t, "multilib", 50))
		w.settle()
		require.Nil(t, w.state().Inputs().LibalpmResult, "the correction is about other databases")
		require.Equal(t, explicit, w.explicit())
		require.Equal(t, []string{"libalpm: differs"}, problemNames(w.Problems()), "the problem stays until libalpm is asked again")

		worker.reply(w.ours())
		w.ask()
		w.settle()
		require.Empty(t, w.Problems())
		require.Equal(t, explicit, w.explicit())
	})
}

// TestConfirm_Incomplete checks that omg's results stay if omg could not read all databases. The difference
// is only reported as a problem.
func TestConfirm_Incomplete(t *testing.T) {
	worker := newFakeWorker(t)
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.write("core", []byte("bad"))
		w.settle()
		explicit, generation := w.explicit(), w.generation()
		worker.reply(otherReason(t, w.ours())) // facts about the repositories that omg could read
		w.ask()
		require.Equal(t, []string{"libalpm: differs"}, problemNames(w.Problems()))
		require.Contains(t, w.Problems()[0].Why, "omg could not read all of the databases")
		w.settle()
		require.Nil(t, w.state().Inputs().LibalpmResult)
		require.Equal(t, explicit, w.explicit())
		require.Equal(t, generation, w.generation())
	})
}

// TestConfirm_Fails checks that an omg-alpm-worker that is missing or crashes is a problem. Each refresh runs
// it again until it replies.
func TestConfirm_Fails(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*testing.T) *fakeWorker
		why     string
	}{
		"missing": {func(*testing.T) *fakeWorker { return nil }, "omg-alpm-worker is missing"},
		"crashes": {newFakeWorker, "crashed"},
	} {
		t.Run(name, func(t *testing.T) {
			worker := c.prepare(t)
			inVirtualTime(t, func(t *testing.T) {
				w := newTestSystem(t, nil)
				w.settle()
				<-w.libAlpmComparison.comparisonRequested
				w.ask()
				require.Equal(t, []string{"libalpm: missing"}, problemNames(w.Problems()))
				require.Contains(t, w.Problems()[0].Why, c.why)
				require.Len(t, w.kick, 1, "the refresh publishes the problem")
				w.requireCurrent("core", "extra", "multilib")
				w.settle()
				require.Len(t, w.libAlpmComparison.comparisonRequested, 1, "libalpm is asked again")
				<-w.libAlpmComparison.comparisonRequested
				w.ask()
				require.Empty(t, w.kick, "the problem is the same")
				w.settle()
				if worker == nil {
					return
				}
				<-w.libAlpmComparison.comparisonRequested
				worker.reply(w.ours())
				w.ask()
				require.Empty(t, w.Problems())
				w.settle()
				require.Empty(t, w.libAlpmComparison.comparisonRequested)
			})
		})
	}
}

// TestConfirm_Beside checks that the comparison with libalpm does not delay the refreshes, and does
// not run while an index is being built.
func TestConfirm_Beside(t *testing.T) {
	worker := newFakeWorker(t)
	w := newTestSystem(t, nil)
	begun, release := make(chan struct{}, 3), make(chan struct{})
	w.builder.set(func(context.Context, string) error { begun <- struct{}{}; <-release; return nil })
	ctx, stop := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { w.Run(ctx) })
	defer run.Wait()
	defer stop()
	<-begun
	require.Empty(t, w.LibAlpmVersion())
	close(release)
	await.Condition(t, func() bool { return len(w.Problems()) == 1 && w.Problems()[0].Name == "libalpm" }, "the problem of a worker that does not answer")
	w.requireCurrent("core", "extra", "multilib")
	worker.reply(otherReason(t, w.ours()))
	w.Kick()
	await.Condition(t, func() bool { return w.state().Inputs().LibalpmResult != nil }, "the correction from libalpm")
}

// decoded returns the decoded reply of a request whose reply is a single chunk.
func decoded[R any](t *testing.T, ask func(emit func([]byte, bool) error) error) (R, error) {
	t.Helper()
	var r R
	err := ask(func(chunk []byte, more bool) error {
		require.False(t, more)
		return msgpack.Unmarshal(chunk, &r)
	})
	return r, err
}

// TestLibAlpmSearch_WithoutIndex checks that libalpm answers searches while there is no index. The reply
// marks a database that libalpm cannot read as failed.
func TestLibAlpmSearch_WithoutIndex(t *testing.T) {
	worker := newFakeWorker(t)
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, func(c *Config) { c.Pacman.StaleAfter = 30 * time.Minute }) // the databases are an hour old
		w.builder.set(func(context.Context, string) error { return errRefused })
		w.settle()
		worker.reply(&alpmproto.Reply{
			Databases: []alpmproto.Database{{Name: "core", PackageCount: 8}, {Name: "extra", Err: "damaged"}, {Name: "multilib", PackageCount: 8}},
			Packages:  []wire.Package{{Repo: "multilib", Name: "lib32-a", Version: "1-1"}, {Repo: "core", Name: "a", Version: "2-1", Desc: "no lib32"}},
		})
		search := func(words ...string) (wire.SearchResult, error) {
			return decoded[wire.SearchResult](t, func(emit func([]byte, bool) error) error {
				return w.LibAlpmSearch(t.Context(), &wire.SearchRequest{Words: words}, emit)
			})
		}
		r, err := search("lib32")
		require.NoError(t, err)
		require.Len(t, r.Packages, 2)
		require.Equal(t, "lib32-a", r.Packages[0].Name, "the order is that of a search in an index")
		require.Equal(t, w.generation(), r.Generation)
		require.True(t, r.Partial)
		states := map[string]wire.SourceState{}
		for _, s := range r.Sources {
			states[s.Name] = s.State
		}
		require.Equal(t, map[string]wire.SourceState{"core": wire.SourceStale, "extra": wire.SourceFailed, "multilib": wire.SourceStale}, states)

		_, err = search("depends:glibc")
		require.Equal(t, wire.CodeInvalid, wire.CodeOf(err))
		_, err = search("sort:")
		require.NoError(t, err, "sort: has no special meaning in a search")
		worker.makeFail()
		_, err = search("lib32")
		require.ErrorIs(t, err, alpm.ErrCrashed)
	})
}

// TestLibAlpmInfo_WithoutIndex checks that libalpm answers info requests while there is no index. The reply
// contains the installed version of each package.
func TestLibAlpmInfo_WithoutIndex(t *testing.T) {
	worker := newFakeWorker(t)
	inVirtualTime(t, func(t *testing.T) {
		w := newTestSystem(t, nil)
		w.builder.set(func(context.Context, string) error { return errRefused })
		w.settle()
		p := w.state().Inputs().Local.Packages.Packages[0]
		worker.reply(&alpmproto.Reply{
			Databases: []alpmproto.Database{{Name: "core", PackageCount: 8}, {Name: "extra", PackageCount: 84}, {Name: "multilib", PackageCount: 8}},
			Packages:  []wire.Package{{Repo: "core", Name: p.Name, Version: "99-1"}},
		})
		r, err := decoded[wire.InfoResult](t, func(emit func([]byte, bool) error) error {
			return w.LibAlpmInfo(t.Context(), &wire.InfoRequest{Names: []string{p.Name, "none"}}, emit)
		})
		require.NoError(t, err)
		require.Len(t, r.Packages, 1)
		require.Equal(t, "99-1", r.Packages[0].Version)
		require.Equal(t, p.Version, r.Packages[0].InstalledVersion)
		require.Len(t, r.Missing, 1)
		for _, s := range r.Sources {
			require.Equal(t, wire.SourceOK, s.State)
			require.Contains(t, s.Why, "read by libalpm")
		}

		worker.makeFail()
		_, err = decoded[wire.InfoResult](t, func(emit func([]byte, bool) error) error {
			return w.LibAlpmInfo(t.Context(), &wire.InfoRequest{Names: []string{p.Name}}, emit)
		})
		require.Error(t, err)
	})
}

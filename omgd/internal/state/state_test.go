package state

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// file returns the content of an index file with one package.
func file(t *testing.T) []byte {
	t.Helper()
	b := pkgindex.NewBuilder("test", 1)
	require.NoError(t, b.AddSource("core", pkgindex.KindRepo).Add(&wire.Package{Repo: "core", Name: "a", Version: "1-1"}))
	data, err := b.Bytes()
	require.NoError(t, err)
	return data
}

func index(t *testing.T, data []byte) *MappedIndex {
	t.Helper()
	f, err := pkgindex.OpenBytes(data)
	require.NoError(t, err)
	return NewMappedIndex(f)
}

// stateWith returns a State with this generation and this index.
func stateWith(t *testing.T, generation uint64, x *MappedIndex) *State {
	t.Helper()
	s := snapshot.Build(snapshot.Inputs{Generation: generation, Repositories: []snapshot.IndexedSource{core(x.IndexFile.(*pkgindex.File), false)}})
	return New(s, []*MappedIndex{x})
}

func core(f *pkgindex.File, building bool) snapshot.IndexedSource {
	return snapshot.IndexedSource{Source: wire.Source{Name: "core", Kind: wire.KindRepository, State: wire.SourceOK}, Index: f, Building: building}
}

// requireNone requires that the Holder has no state, and that the reason contains the given text.
func requireNone(t *testing.T, h *Holder, text string) {
	t.Helper()
	s, release, err := h.Acquire()
	require.Nil(t, s)
	require.Nil(t, release)
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
	require.ErrorContains(t, err, text)
}

func TestHolder_NoState(t *testing.T) {
	h := NewHolder()
	requireNone(t, h, "the databases are being read")
	h.SetError("no databases")
	requireNone(t, h, "no databases")
	x := index(t, file(t))
	h.Swap(stateWith(t, 1, x))
	x.Release()
	s, release, err := h.Acquire()
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Generation())
	release()
	h.SetError("the end")
	requireNone(t, h, "the end")
}

// TestHolder_Starting checks that a Holder is starting until it has a snapshot in which no repository waits
// for its first index. After SetError it is not starting.
func TestHolder_Starting(t *testing.T) {
	h := NewHolder()
	require.True(t, h.IsStarting(), "nothing was read yet")
	building := snapshot.Build(snapshot.Inputs{Repositories: []snapshot.IndexedSource{core(nil, true)}})
	h.Swap(New(building, nil))
	require.True(t, h.IsStarting(), "the first index is being built")
	x := index(t, file(t))
	h.Swap(stateWith(t, 1, x))
	x.Release()
	require.False(t, h.IsStarting())

	failed := snapshot.Build(snapshot.Inputs{Repositories: []snapshot.IndexedSource{core(nil, false)}})
	h.Swap(New(failed, nil))
	require.False(t, h.IsStarting(), "a failed source is not being built")
	h.SetError("pacman.conf cannot be read")
	require.False(t, h.IsStarting(), "the reason is known")
}

// TestHolder_Changed checks that a change closes the channel that Changed has returned before. A reader that
// calls Acquire after that gets the new state.
func TestHolder_Changed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHolder()
		x := index(t, file(t))
		const changes = 100
		var seen []uint64
		var reader sync.WaitGroup
		reader.Go(func() {
			for {
				changed := h.Changed()
				if s, release, err := h.Acquire(); err == nil {
					if g := s.Generation(); len(seen) == 0 || seen[len(seen)-1] != g {
						seen = append(seen, g)
					}
					release()
					if seen[len(seen)-1] == changes {
						return
					}
				}
				<-changed
			}
		})
		for g := range uint64(changes) {
			h.Swap(stateWith(t, g+1, x))
			if g%2 == 0 {
				synctest.Wait() // wait until the reader has seen the state
			}
		}
		reader.Wait()
		require.GreaterOrEqual(t, len(seen), changes/2)
		require.IsIncreasing(t, seen)
		before := h.Changed()
		h.SetError("the end")
		_, open := <-before
		require.False(t, open, "an end is a change, too")
		x.Release()
	})
}

// TestIndex_LivesAsLongAsItsReaders checks that an index is closed once, and never while a reader holds a
// state that reads the index. It replaces the state while readers acquire it.
func TestIndex_LivesAsLongAsItsReaders(t *testing.T) {
	h := NewHolder()
	data := file(t)
	x := index(t, data)
	h.Swap(stateWith(t, 1, x))
	x.Release()

	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 5000 {
				s, release, err := h.Acquire()
				if err != nil || !alive(s.Indexes()[0]) {
					t.Error("the index was closed under a reader", err)
					return
				}
				release()
			}
		})
	}
	for g := range uint64(2000) {
		if g%3 == 0 { // three consecutive states share an index
			x = index(t, data)
		} else {
			x.Retain()
		}
		h.Swap(stateWith(t, g, x))
		x.Release()
	}
	readers.Wait()

	s, release, err := h.Acquire()
	require.NoError(t, err)
	last := s.Indexes()[0]
	h.SetError("the end")
	require.True(t, alive(last))
	release()
	require.False(t, alive(last))
}

// TestState_SharesIndexes checks that an index that two states read stays open when one of the two states
// is dropped.
func TestState_SharesIndexes(t *testing.T) {
	h := NewHolder()
	x, y := index(t, file(t)), index(t, file(t))
	h.Swap(stateWith(t, 1, x))
	both := snapshot.Build(snapshot.Inputs{Generation: 2, Repositories: []snapshot.IndexedSource{core(x.IndexFile.(*pkgindex.File), false)}})
	h.Swap(New(both, []*MappedIndex{x, y}))
	x.Release()
	y.Release()
	require.True(t, alive(x))
	require.True(t, alive(y))
	z := index(t, file(t))
	h.Swap(stateWith(t, 3, z))
	z.Release()
	require.False(t, alive(x))
	require.False(t, alive(y))
	h.SetError("the end")
	require.False(t, alive(z))
}

// TestHolder_AcquireAllocatesNothing checks that Acquire does not allocate, because each request calls it.
func TestHolder_AcquireAllocatesNothing(t *testing.T) {
	h := NewHolder()
	x := index(t, file(t))
	h.Swap(stateWith(t, 1, x))
	x.Release()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, release, err := h.Acquire()
		if err != nil {
			t.Error(err)
		}
		release()
	}))
	h.SetError("the end")
}

func alive(x *MappedIndex) bool { return x.Size() > 0 }

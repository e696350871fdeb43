package state

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// file is an index file of one package.
func file(t *testing.T) []byte {
	t.Helper()
	b := pkgindex.NewBuilder("test", 1)
	require.NoError(t, b.Source("core", pkgindex.KindRepo).Add(&wire.Package{Repo: "core", Name: "a", Version: "1-1"}))
	data, err := b.Bytes()
	require.NoError(t, err)
	return data
}

func index(t *testing.T, data []byte) *Index {
	t.Helper()
	f, err := pkgindex.OpenBytes(data)
	require.NoError(t, err)
	return NewIndex(f)
}

func TestNoState(t *testing.T) {
	var h Holder
	s, why := h.Acquire()
	require.Nil(t, s)
	require.NotEmpty(t, why)
	h.Swap(nil, "no databases")
	s, why = h.Acquire()
	require.Nil(t, s)
	require.Equal(t, "no databases", why)
}

// TestIndexLivesAsLongAsItsReaders swaps states under readers: an index is
// closed once, and never while a reader holds a state that reads it.
func TestIndexLivesAsLongAsItsReaders(t *testing.T) {
	var h Holder
	data := file(t)
	x := index(t, data)
	h.Swap(New(answers.Data{Generation: 1}, Machine{}, []*Index{x}), "")
	x.Release()

	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 5000 {
				s, _ := h.Acquire()
				if !alive(s.Indexes()[0]) {
					t.Error("the index was closed under a reader")
				}
				s.Release()
			}
		})
	}
	for g := range uint64(2000) {
		if g%3 == 0 { // a new file, else the same one again
			x = index(t, data)
		} else {
			x.Retain()
		}
		h.Swap(New(answers.Data{Generation: g}, Machine{}, []*Index{x}), "")
		x.Release()
	}
	readers.Wait()

	s, _ := h.Acquire()
	last := s.Indexes()[0]
	h.Swap(nil, "end")
	require.True(t, alive(last))
	s.Release()
	require.False(t, alive(last))
}

func alive(x *Index) bool { return x.Size() > 0 }

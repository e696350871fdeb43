package service

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

var hundredPackages = fixture.Options{Packages: 100, Seed: 1}

// held is the outcome of a request: the generation of the snapshot that answered it, or an error.
type held struct {
	generation uint64
	took       time.Duration
	err        error
	deferred   bool
}

// send sends a request to a service, and returns a channel for the outcome. If aboutRepositories is true, the
// request is one about repositories.
func send(ctx context.Context, s *Service, aboutRepositories bool) <-chan held {
	done := make(chan held, 1)
	go func() {
		start := time.Now()
		var h held
		from := func(st *state.State, _ *server.Request, _ *server.Writer) (server.DeferredHandler, error) {
			h.generation = st.Generation()
			return nil, nil
		}
		later, err := s.answerFromSnapshot(aboutRepositories, nil, nil, from)
		if h.deferred = later != nil; h.deferred {
			err = later(ctx, nil, &server.Writer{})
		}
		h.took, h.err = time.Since(start), err
		done <- h
	}()
	return done
}

// TestHold_UntilFirstSnapshot checks that a request that comes before the first snapshot is answered as soon
// as there is a snapshot.
func TestHold_UntilFirstSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := state.NewHolder()
		s := &Service{Config: Config{State: h}}
		all := []<-chan held{send(t.Context(), s, false), send(t.Context(), s, true), send(t.Context(), s, true)}
		time.Sleep(400 * time.Millisecond)
		h.Swap(stateOf(t, snapshot.Inputs{Generation: 7}, repositories(t, hundredPackages)))
		for _, done := range all {
			got := <-done
			require.NoError(t, got.err)
			require.True(t, got.deferred)
			require.EqualValues(t, 7, got.generation)
			require.Equal(t, 400*time.Millisecond, got.took)
		}
		got := <-send(t.Context(), s, true)
		require.False(t, got.deferred, "the request is answered at once")
		require.Zero(t, got.took)
	})
}

// TestHold_WhileIndexing checks that a request about repositories waits until each repository has its first
// index, even if there are earlier snapshots. Other requests do not wait.
func TestHold_WhileIndexing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, list := state.NewHolder(), repositories(t, hundredPackages)
		s := &Service{Config: Config{State: h}}
		h.Swap(stateOf(t, snapshot.Inputs{Generation: 1}, building(list)))
		got := <-send(t.Context(), s, false)
		require.NoError(t, got.err)
		require.False(t, got.deferred)

		done := send(t.Context(), s, true)
		for n := range 3 {
			time.Sleep(200 * time.Millisecond)
			some := append(building(list[n:n+1]), list[:n]...)
			h.Swap(stateOf(t, snapshot.Inputs{Generation: uint64(n + 2)}, some))
		}
		time.Sleep(200 * time.Millisecond)
		h.Swap(stateOf(t, snapshot.Inputs{Generation: 9}, list))
		got = <-done
		require.NoError(t, got.err)
		require.EqualValues(t, 9, got.generation)
		require.Equal(t, 800*time.Millisecond, got.took)
	})
}

// TestHold_AtMostASecond checks that a held request fails after a second with the code CodeNotReady and the
// reason. It never gets an empty result.
func TestHold_AtMostASecond(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*testing.T, *state.Holder)
		why    string
	}{
		"nothing was read": {func(*testing.T, *state.Holder) {}, "the databases are being read"},
		"being indexed": {func(t *testing.T, h *state.Holder) {
			h.Swap(stateOf(t, snapshot.Inputs{}, building(repositories(t, hundredPackages))))
		}, "the databases are being indexed"},
		"cannot start": {func(_ *testing.T, h *state.Holder) { h.SetError("pacman.conf: no such file") }, "pacman.conf: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := state.NewHolder()
				s := &Service{Config: Config{State: h}}
				c.change(t, h)
				got := <-send(t.Context(), s, true)
				require.Equal(t, wire.CodeNotReady, wire.CodeOf(got.err))
				require.ErrorContains(t, got.err, c.why)
				require.Equal(t, time.Second, got.took)
				require.Zero(t, got.generation)
			})
		})
	}
}

// TestHold_EndsWithRequest checks that a held request ends when its client disconnects.
func TestHold_EndsWithRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Service{Config: Config{State: state.NewHolder()}}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		got := <-send(ctx, s, true)
		require.Equal(t, wire.CodeNotReady, wire.CodeOf(got.err))
		require.Equal(t, 300*time.Millisecond, got.took)
	})
}

// TestHold_AnswersLater checks that a held request can be deferred again, for a query over the network. It
// also checks that an error about a damaged index causes a check of the index.
func TestHold_AnswersLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, rechecks := state.NewHolder(), 0
		s := &Service{Config: Config{State: h, RecheckIndexes: func() { rechecks++ }}}
		done := make(chan error)
		slow := func(err error) answerFunc {
			return func(*state.State, *server.Request, *server.Writer) (server.DeferredHandler, error) {
				return func(context.Context, *server.Request, *server.Writer) error { time.Sleep(time.Hour); return err }, nil
			}
		}
		for _, err := range []error{nil, errors.New("the network")} {
			h = state.NewHolder()
			s.State = h
			go func() { done <- s.answerWhenReady(t.Context(), true, nil, &server.Writer{}, slow(err)) }()
			synctest.Wait()
			h.Swap(stateOf(t, snapshot.Inputs{}, repositories(t, hundredPackages)))
			require.Equal(t, err, <-done)
		}
		err := s.answerWhenReady(t.Context(), true, nil, nil, func(*state.State, *server.Request, *server.Writer) (server.DeferredHandler, error) {
			return nil, pkgindex.ErrDamaged
		})
		require.ErrorIs(t, err, pkgindex.ErrDamaged)
		require.ErrorContains(t, err, "the index is being checked")
		require.Equal(t, 1, rechecks)
	})
}

// TestHold_KeepsNoState checks that neither a reply nor an error keeps an index open.
func TestHold_KeepsNoState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, list := state.NewHolder(), repositories(t, hundredPackages)
		s := &Service{Config: Config{State: h}}
		h.Swap(stateOf(t, snapshot.Inputs{}, append(building(list[:1]), list[1:]...)))
		require.Error(t, (<-send(t.Context(), s, true)).err)
		require.NoError(t, (<-send(t.Context(), s, false)).err)
		h.SetError("the end")
		for _, r := range list[1:] {
			require.Zero(t, r.Index.Size(), "%s is closed", r.Name)
		}
	})
}

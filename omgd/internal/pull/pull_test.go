package pull

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// TestPuller_Run runs a day in which the first three pulls fail.
func TestPuller_Run(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(pulled.Dir(dir), 0o755))
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var pulls []time.Duration
		var arguments []string
		done := 0
		var p *Puller
		p = New(Config{
			Index:      config.Index{URLs: []string{"http://a.example", "http://b.example"}, Keys: []string{"one", "offline two"}, Interval: config.Duration(6 * time.Hour)},
			StaleAfter: time.Hour, DataDir: dir, IsTrusted: paths.ProcessEnv().Trusts, Log: slog.New(slog.DiscardHandler),
			RunIndex: func(_ context.Context, args ...string) ([]string, error) {
				arguments = args
				pulls = append(pulls, time.Since(began))
				if len(pulls) <= 3 {
					return nil, errors.New("no server")
				}
				s := &pulled.State{ConfirmedAt: time.Now().Unix(), Sources: []pulled.Source{{Kind: string(wire.KindAUR), Name: wire.SourceAUR, Sequence: 1}}}
				return []string{"a warning"}, s.Write(pulled.Dir(dir))
			},
			OnDone: func() {
				done++
				require.Greater(t, p.Latest().NextRequestAt, time.Now().Unix())
				if len(pulls) == 3 {
					require.Equal(t, "no server", p.Latest().State.LastError)
					_, err := p.Replaces("aur")
					require.ErrorIs(t, err, ErrUnknown)
				}
			},
		})
		ctx, cancel := context.WithTimeout(context.Background(), 24*time.Hour)
		defer cancel()
		p.Run(ctx)
		require.Equal(t, []string{"pull", "--data-dir", dir, "-P", "one", "-P", "offline two", "http://a.example", "http://b.example"}, arguments)
		require.Equal(t, len(pulls), done)
		require.Zero(t, pulls[0])
		for i, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 6 * time.Hour, 6 * time.Hour} {
			pause := pulls[i+1] - pulls[i]
			require.GreaterOrEqual(t, pause, want)
			require.LessOrEqual(t, pause, want+want/10)
		}
		replaced, err := p.Replaces("aur")
		require.NoError(t, err)
		require.True(t, replaced)
		require.Empty(t, p.Latest().State.LastError)
	})
	// After a restart, the interval goes on.
	require.Equal(t, []string(nil), New(Config{DataDir: dir, IsTrusted: paths.ProcessEnv().Trusts, Log: slog.New(slog.DiscardHandler)}).Latest().Repositories())
}

// TestPuller_FirstPull starts many machines at the same time. Those that have data do not all pull at the same time.
func TestPuller_FirstPull(t *testing.T) {
	const interval, machines = time.Hour, 1000
	index := []pulled.Source{{Kind: string(wire.KindRepository), Name: "core", Sequence: 1}}
	for name, c := range map[string]struct {
		state    pulled.State
		pulledAt time.Duration // before the start
		from, to time.Duration // when the machines pull
	}{
		"nothing was pulled":           {},
		"no source could be installed": {state: pulled.State{Sources: []pulled.Source{{Kind: string(wire.KindRepository), Name: "core", LastError: "damaged"}}}, pulledAt: time.Minute},
		"pulled the day before":        {state: pulled.State{Sources: index}, pulledAt: 15 * time.Hour, to: interval / 10},
		"pulled some minutes before":   {state: pulled.State{Sources: index}, pulledAt: 10 * time.Minute, from: 50 * time.Minute, to: 56 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.Mkdir(pulled.Dir(dir), 0o755))
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				if c.pulledAt > 0 {
					c.state.ConfirmedAt = began.Add(-c.pulledAt).Unix()
					require.NoError(t, c.state.Write(pulled.Dir(dir)))
				}
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				pulls := make(chan time.Duration, machines)
				var running sync.WaitGroup
				for range machines {
					p := New(Config{
						Index: config.Index{Interval: config.Duration(interval)}, DataDir: dir, IsTrusted: paths.ProcessEnv().Trusts, Log: slog.New(slog.DiscardHandler), OnDone: func() {},
						RunIndex: func(ctx context.Context, _ ...string) ([]string, error) {
							pulls <- time.Since(began)
							<-ctx.Done()
							return nil, ctx.Err()
						},
					})
					running.Go(func() { p.Run(ctx) })
				}
				var parts [10]int // of the time between from and to
				for range machines {
					at := <-pulls
					require.GreaterOrEqual(t, at, c.from)
					require.LessOrEqual(t, at, c.to)
					if c.to > c.from {
						parts[min((at-c.from)*10/(c.to-c.from), 9)]++
					}
				}
				if c.to > c.from {
					for _, n := range parts {
						require.InDelta(t, machines/10, n, machines/20)
					}
				}
				cancel()
				running.Wait()
			})
		})
	}
}

// TestNew_Untrusted checks that what another user has put there is not used.
func TestNew_Untrusted(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(pulled.Dir(dir), 0o755))
	require.NoError(t, (&pulled.State{ConfirmedAt: 1}).Write(pulled.Dir(dir)))
	p := New(Config{DataDir: dir, IsTrusted: func(uint32) bool { return false }, Log: slog.New(slog.DiscardHandler)})
	require.Zero(t, p.Latest().State.ConfirmedAt)
	require.NotEmpty(t, p.Latest().State.LastError)
}

// TestPuller_RunUnlessReplaced checks when omgd sends its own requests: only as long as it is known that the source is not published.
func TestPuller_RunUnlessReplaced(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(pulled.Dir(dir), 0o755))
	synctest.Test(t, func(t *testing.T) {
		p := New(Config{DataDir: dir, IsTrusted: paths.ProcessEnv().Trusts, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		running, begun := false, 0
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.RunUnlessReplaced(ctx, pulled.KindNews, func(ctx context.Context) {
				running = true
				begun++
				<-ctx.Done()
				running = false
			})
		}()
		publish := func(err error, sources ...pulled.Source) {
			s := &pulled.State{ConfirmedAt: 5, Sources: sources}
			require.NoError(t, s.Write(pulled.Dir(dir)))
			p.read(time.Now(), err)
			synctest.Wait()
		}
		news := pulled.Source{Kind: pulled.KindNews, Name: wire.SourceNews, Sequence: 1}
		synctest.Wait()
		require.False(t, running, "it is not known what is published")
		p.read(time.Now(), errors.New("no server"))
		synctest.Wait()
		require.False(t, running)
		publish(nil, news)
		require.Zero(t, begun)
		publish(errors.New("no server"), news)
		require.Zero(t, begun, "after a failure, the last good news stay")
		publish(nil, pulled.Source{Kind: pulled.KindNews, Name: wire.SourceNews, LastError: "another hash"})
		require.Zero(t, begun, "they are published, but could not be installed")
		publish(nil, pulled.Source{Kind: pulled.KindAdvisories, Name: wire.SourceTracker, Sequence: 1})
		require.True(t, running, "they are no longer published")
		publish(nil)
		require.Equal(t, 1, begun, "it goes on")
		publish(nil, news)
		require.False(t, running)
		publish(nil)
		require.True(t, running)
		cancel()
		<-ended
		require.False(t, running)
		require.Equal(t, 2, begun)
	})
}

package pull

import (
	"context"
	"errors"
	"log/slog"
	"os"
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

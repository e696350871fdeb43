package systemd

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// serviceManager acts as the service manager: it sets NOTIFY_SOCKET to the path of a socket, and listens on
// that socket. The returned function returns the messages that have arrived since its last call.
func serviceManager(t *testing.T) (received func() []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "omg-") // a socket's path has to be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	path := filepath.Join(dir, "notify")
	require.NoError(t, unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
	t.Setenv("NOTIFY_SOCKET", path)
	return func() (all []string) {
		b := make([]byte, 4096)
		for {
			n, _, err := unix.Recvfrom(fd, b, 0)
			if err != nil {
				require.ErrorIs(t, err, unix.EAGAIN)
				return all
			}
			all = append(all, string(b[:n]))
		}
	}
}

// TestWatchdog checks that a process sends two signs of life in each watchdog interval, and no sign of life
// while it hangs.
func TestWatchdog(t *testing.T) {
	received := serviceManager(t)
	t.Setenv("WATCHDOG_USEC", "60000000")
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(context.Background())
		var hangs atomic.Bool
		goesOn, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			Notifier{Log: slog.New(slog.DiscardHandler)}.Watchdog(ctx, func() {
				if hangs.Load() {
					<-goesOn
				}
			})
		}()
		alive := []string{"WATCHDOG=1"}
		synctest.Wait()
		require.Equal(t, alive, received())
		for range 10 {
			time.Sleep(30*time.Second - 1)
			synctest.Wait()
			require.Empty(t, received())
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			require.Equal(t, alive, received())
		}
		hangs.Store(true)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Empty(t, received())
		close(goesOn)
		synctest.Wait()
		require.NotEmpty(t, received())
		end()
		<-ended
	})
}

// TestWatchdog_NotWanted checks that no sign of life is sent if the service manager has no watchdog.
func TestWatchdog_NotWanted(t *testing.T) {
	received := serviceManager(t)
	t.Setenv("WATCHDOG_USEC", "")
	Notifier{Log: slog.New(slog.DiscardHandler)}.Watchdog(context.Background(), func() { t.Error("no watchdog") })
	require.Empty(t, received())
}

// TestNotifier checks that each line of a message is one assignment.
func TestNotifier(t *testing.T) {
	received := serviceManager(t)
	n := Notifier{Log: slog.New(slog.DiscardHandler)}
	n.Ready("all\nis well")
	n.Status("200 packages")
	n.Stopping()
	require.Equal(t, []string{"READY=1\nSTATUS=all is well", "STATUS=200 packages", "STOPPING=1\nSTATUS=stopping"}, received())
	n.Reloading()
	got := received()
	require.Len(t, got, 1)
	require.Regexp(t, `^RELOADING=1\nMONOTONIC_USEC=[1-9]\d*$`, got[0])
}

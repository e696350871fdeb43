package terminal

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// readUntil reads from the terminal until the text is there.
func (s screen) readUntil(t *testing.T, text string) string {
	t.Helper()
	seen := make(chan string, 1)
	go func() {
		var all []byte
		for buf := make([]byte, 1024); !bytes.Contains(all, []byte(text)); {
			n, err := s.master.Read(buf)
			if all = append(all, buf[:n]...); err != nil {
				break
			}
		}
		seen <- string(all)
	}()
	got := harness.Receive(t, seen, "%s", text)
	require.Contains(t, got, text)
	return got
}

// echoes reports whether the terminal shows what is typed.
func (s screen) echoes(t *testing.T) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(s.tty.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return state.Lflag&unix.ECHO != 0
}

// TestKeygen_Password checks that a password is asked for twice and never shown. If the two differ, there is no key.
func TestKeygen_Password(t *testing.T) {
	need.Terminal(t)
	s := harness.New(t, harness.WithoutDatabases())
	secret := s.Path("key")
	screen := newScreen(t, 80)
	var stdout bytes.Buffer
	cmd := s.Command("omg-index", "keygen", "-s", secret, "-p", secret+".pub")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = screen.tty, &stdout, screen.tty
	require.NoError(t, cmd.Start())
	shown := screen.readUntil(t, "Password of the secret key: ")
	_, err := io.WriteString(screen.master, "correct horse\n")
	require.NoError(t, err)
	shown += screen.readUntil(t, "The same password again: ")
	_, err = io.WriteString(screen.master, "battery staple\n")
	require.NoError(t, err)
	shown += screen.readUntil(t, "the two passwords differ")
	require.Error(t, cmd.Wait())
	require.Equal(t, 3, cmd.ProcessState.ExitCode())
	require.NotContains(t, shown, "horse")
	require.NotContains(t, shown, "staple")
	require.Empty(t, stdout.String())
	require.True(t, screen.echoes(t))
	require.NoFileExists(t, secret)
}

// TestKeygen_Interrupted checks that Ctrl-C ends the question, and that the terminal then shows again what is typed.
func TestKeygen_Interrupted(t *testing.T) {
	need.Terminal(t)
	s := harness.New(t, harness.WithoutDatabases())
	secret := s.Path("key")
	screen := newScreen(t, 80)
	cmd := s.Command("omg-index", "keygen", "-s", secret, "-p", secret+".pub")
	cmd.Stdin, cmd.Stderr = screen.tty, screen.tty
	require.NoError(t, cmd.Start())
	screen.readUntil(t, "Password of the secret key: ")
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	require.True(t, screen.echoes(t))
	entries, err := os.ReadDir(filepath.Dir(secret))
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, e.Name(), "key")
	}
}

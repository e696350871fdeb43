package terminal

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
)

// browsing is an omg browse on a terminal of its own, with its output in a pipe.
type browsing struct {
	t         *testing.T
	master    *os.File
	mu        sync.Mutex
	seen      bytes.Buffer
	out, errs bytes.Buffer
	ended     chan int
}

// startBrowse starts a program whose controlling terminal is a new one. Its output goes to the given file, or to b.out.
func startBrowse(t *testing.T, cmd *exec.Cmd, stdout io.Writer) *browsing {
	t.Helper()
	master, tty, err := pty.Open()
	require.NoError(t, err)
	require.NoError(t, pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 100}))
	b := &browsing{t: t, master: master, ended: make(chan int, 1)}
	if stdout == nil {
		stdout = &b.out
	}
	cmd.Stdout, cmd.Stderr = stdout, &b.errs
	cmd.ExtraFiles = []*os.File{tty}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	require.NoError(t, cmd.Start())
	require.NoError(t, tty.Close())
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 32<<10)
		for {
			n, err := master.Read(buf)
			b.mu.Lock()
			b.seen.Write(buf[:n])
			b.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() {
		_ = cmd.Wait()
		b.ended <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = master.Close()
		<-read
	})
	return b
}

// await waits until a text is drawn.
func (b *browsing) await(text string) {
	b.t.Helper()
	harness.Await(b.t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return strings.Contains(b.seen.String(), text)
	}, "%q is drawn", text)
}

// press types keys.
func (b *browsing) press(keys string) {
	b.t.Helper()
	_, err := b.master.WriteString(keys)
	require.NoError(b.t, err)
}

// result waits until the program ends.
func (b *browsing) result() harness.Result {
	b.t.Helper()
	code := harness.Receive(b.t, b.ended, "the end of omg browse")
	return harness.Result{Stdout: b.out.String(), Stderr: b.errs.String(), Code: code}
}

// browseSystem returns a daemon on a system with packages, and two of their names.
func browseSystem(t *testing.T) (d *harness.Daemon, names []string) {
	t.Helper()
	need.Terminal(t)
	s := harness.New(t, harness.WithEnv("TERM=xterm-256color"), harness.WithGenerated(fixture.Options{Packages: 300, Installed: 30, Seed: 1}))
	d = s.StartDaemon()
	d.AwaitReady()
	names = d.Omg("search", "-q", "--limit", "2", "lib").Lines()
	require.Len(t, names, 2)
	return d, names
}

// awaitFound waits until the names are drawn.
func (b *browsing) awaitFound(names []string) {
	b.t.Helper()
	b.await(names[0])
	b.await(names[1])
}

const (
	enterKey = "\r"
	escape   = "\x1b"
	tabKey   = "\t"
)

// TestBrowse_Output checks what is printed: only the names of the chosen packages, also if the input is empty. Flags may be before the command and
// after the words.
func TestBrowse_Output(t *testing.T) {
	d, names := browseSystem(t)
	for _, c := range []struct {
		args []string
		keys string
		want string
		code int
	}{
		{args: []string{"browse", "lib"}, keys: enterKey, want: names[0] + "\n"},
		{args: []string{"browse", "--print0", "lib", "--repo-only"}, keys: tabKey + tabKey + enterKey, want: names[0] + "\x00" + names[1] + "\x00"},
		{args: []string{"browse", "lib", "--format", "{{.name}}!"}, keys: enterKey, want: names[0] + "!\n"},
		{args: []string{"browse", "lib"}, keys: tabKey + "\x03", code: 130},
		{args: []string{"browse", "lib"}, keys: escape, code: 130},
		{args: []string{"browse", "lib", "--format", "{{.nonsense}}"}, keys: enterKey, code: 2},
	} {
		cmd := d.System.Command("omg", append([]string{"--socket", d.Socket}, c.args...)...)
		b := startBrowse(t, cmd, nil)
		b.awaitFound(names)
		b.press(c.keys)
		r := b.result()
		require.Equal(t, c.code, r.Code, "%v: %s", c.args, r.Stderr)
		require.Equal(t, c.want, r.Stdout, "%v", c.args)
		require.Equal(t, c.code == 2, r.Stderr != "", "%v: %s", c.args, r.Stderr)
	}
}

// TestBrowse_Nothing checks the exit code if nothing matches.
func TestBrowse_Nothing(t *testing.T) {
	d, _ := browseSystem(t)
	b := startBrowse(t, d.System.Command("omg", "--socket", d.Socket, "browse", "no-such-package-anywhere"), nil)
	b.await("no-such-package-anywhere")
	b.press(enterKey)
	r := b.result()
	require.Equal(t, 1, r.Code)
	require.Empty(t, r.Stdout+r.Stderr)
}

// TestBrowse_FullDisk checks that names that cannot be written are an error.
func TestBrowse_FullDisk(t *testing.T) {
	d, names := browseSystem(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()
	b := startBrowse(t, d.System.Command("omg", "--socket", d.Socket, "browse", "lib"), full)
	b.awaitFound(names)
	b.press(enterKey)
	r := b.result()
	require.Equal(t, 3, r.Code)
	require.Equal(t, "omg browse: error: the names cannot be written: write /dev/stdout: no space left on device\n", r.Stderr)
}

// TestBrowse_NoTerminal checks that there is one error without a terminal.
func TestBrowse_NoTerminal(t *testing.T) {
	d, _ := browseSystem(t)
	cmd := d.System.Command("omg", "--socket", d.Socket, "browse", "lib")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	r := harness.Run(t, cmd)
	require.Equal(t, 3, r.Code)
	require.Empty(t, r.Stdout)
	require.Contains(t, r.Stderr, "omg browse: error: ")
	require.Contains(t, r.Stderr, "/dev/tty")
}

package service

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { programs.Main(m) }

// The users of the tests besides the one who runs them. They need no account.
const (
	alice = 41001
	bob   = 41002
	carol = 41003
)

// needRoot skips a test that acts as several users.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("acting as several users needs root")
	}
}

var writeDatabases sync.Once

// databases is the directory of pacman's databases that all tests of the package
// share. It goes with the programs when the tests have ended.
func databases(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(programs.Dir(t), "databases")
	writeDatabases.Do(func() {
		require.NoError(t, fixture.Write(filepath.Join(dir, "db"), fixture.Options{Packages: 200, Installed: 20, Seed: 1}))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pacman.conf"), []byte(fixture.Config), 0o644))
	})
	return dir
}

// world is a place to start daemons in.
type world struct {
	t   *testing.T
	dir string // short: a socket's path has 107 bytes at most
	// runtime is the runtime directory of who runs the tests, with nothing in it.
	runtime string
	uid     uint32
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "omg-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	w := &world{t: t, dir: dir, runtime: filepath.Join(dir, "run"), uid: uint32(os.Getuid())}
	require.NoError(t, os.Mkdir(w.runtime, 0o700))
	return w
}

// as is the same world for another user, with a runtime directory of its own.
func (w *world) as(uid uint32) *world {
	w.t.Helper()
	other := &world{t: w.t, dir: w.dir, runtime: filepath.Join(w.dir, "run-"+string(rune('a'+uid%26))), uid: uid}
	if err := os.Mkdir(other.runtime, 0o700); !errors.Is(err, os.ErrExist) {
		require.NoError(w.t, err)
		require.NoError(w.t, os.Chown(other.runtime, int(uid), int(uid)))
	}
	return other
}

func (w *world) socket() string { return filepath.Join(w.runtime, "omg.sock") }

func (w *world) env(more ...string) []string {
	return append([]string{
		"HOME=" + w.runtime, "XDG_DATA_HOME=" + filepath.Join(w.runtime, "data"), "XDG_RUNTIME_DIR=" + w.runtime,
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC", "OMG_AUR_ENABLED=false", "OMG_TRACKER_ENABLED=false",
	}, more...)
}

// files are omgd's options for the databases.
func (w *world) files() []string {
	w.t.Helper()
	dir := databases(w.t)
	return []string{"--dbpath", filepath.Join(dir, "db"), "--pacman-config", filepath.Join(dir, "pacman.conf")}
}

// command is a program of ours, run by the world's user.
func (w *world) command(program string, args ...string) *exec.Cmd {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(programs.Dir(w.t), program), args...)
	cmd.Env, cmd.Dir = w.env(), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if int(w.uid) != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: w.uid, Gid: w.uid}
	}
	return cmd
}

// omgd is the daemon in the foreground.
func (w *world) omgd(args ...string) *exec.Cmd {
	w.t.Helper()
	return w.command("omgd", append(append([]string{"--foreground"}, w.files()...), args...)...)
}

// process is a program that runs.
type process struct {
	*exec.Cmd
	stderr *buffer
	ended  chan struct{}
}

type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// run starts a program, whose end the test awaits or brings about.
func run(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: cmd, stderr: &buffer{}, ended: make(chan struct{})}
	cmd.Stderr = p.stderr
	require.NoError(t, cmd.Start())
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// wait returns the exit code, -1 for one that a signal ended.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		t.Fatalf("%s does not end: %s", p.Path, p.stderr)
		return -1
	}
}

// stop ends a daemon as a service manager does.
func (p *process) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.wait(t), p.stderr.String())
}

// start starts the daemon and waits until it answers.
func (w *world) start(args ...string) *process {
	w.t.Helper()
	p := run(w.t, w.omgd(args...))
	w.answers(p, w.socket())
	return p
}

// answers waits until a daemon answers on a socket.
func (w *world) answers(p *process, socket string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		select {
		case <-p.ended:
			w.t.Fatalf("omgd ended: %s", p.stderr)
		default:
		}
		return ping(socket) == nil
	}, 20*time.Second, 5*time.Millisecond, "%s", p.stderr)
}

// ready waits until the daemon has read the databases.
func (w *world) ready(socket string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		var r wire.StatusResult
		return ask(socket, wire.OpStatus, nil, &r) == nil && r.Generation > 0
	}, 20*time.Second, 5*time.Millisecond)
}

var anyone = client.Options{Trust: func(uint32) bool { return true }}

func ask(socket, op string, req, result any) error {
	conn, err := client.Dial(context.Background(), socket, anyone)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Get(context.Background(), op, req, result)
}

func ping(socket string) error { return ask(socket, wire.OpPing, nil, &struct{}{}) }

// left are the files of a runtime directory but for the data.
func (w *world) left() []string {
	w.t.Helper()
	entries, err := os.ReadDir(w.runtime)
	require.NoError(w.t, err)
	var names []string
	for _, e := range entries {
		if e.Name() != "data" {
			names = append(names, e.Name())
		}
	}
	return names
}

// once runs a program to its end.
func once(t *testing.T, cmd *exec.Cmd) programs.Result {
	t.Helper()
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	p := run(t, cmd)
	code := p.wait(t)
	return programs.Result{Stdout: stdout.String(), Stderr: p.stderr.String(), Code: code}
}

// mode is a file's mode, 0 if there is none.
func mode(path string) os.FileMode {
	fi, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	return fi.Mode().Perm()
}

// pid is the process number in a PID file.
func (w *world) pid() int {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.runtime, "omgd.pid"))
	require.NoError(w.t, err)
	var pid int
	for _, c := range strings.TrimSpace(string(b)) {
		pid = pid*10 + int(c-'0')
	}
	require.Greater(w.t, pid, 1)
	return pid
}

// listenOn is a socket that is not a daemon's.
func listenOn(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// stuck is a peer that asks for much and reads nothing: what answers it waits.
func (w *world) stuck() net.Conn {
	w.t.Helper()
	nc, err := net.Dial("unix", w.socket())
	require.NoError(w.t, err)
	var b []byte
	for i := range 20000 {
		b, err = wire.AppendRequest(b, uint64(i+1), wire.OpSearch, &wire.SearchRequest{Words: []string{"e"}})
		require.NoError(w.t, err)
	}
	_ = nc.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	_, err = nc.Write(b)
	require.ErrorIs(w.t, err, os.ErrDeadlineExceeded, "omgd should have stopped reading")
	return nc
}

package badinput

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { programs.Main(m) }

// The exit codes that everyone relies on.
const (
	answered = 0
	nothing  = 1
	usage    = 2
	failed   = 3
)

// world is a database directory, its pacman.conf, and a directory for indexes.
type world struct {
	home, db, conf, data string
	env                  []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := emptyWorld(t)
	require.NoError(t, fixture.Write(w.db, fixture.Options{Packages: 200, Installed: 20, Seed: 1}))
	return w
}

// emptyWorld has no databases yet. Everyone may enter it.
func emptyWorld(t *testing.T) *world {
	t.Helper()
	home, err := os.MkdirTemp("", "omg-bad-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	require.NoError(t, os.Chmod(home, 0o755))
	w := &world{home: home, db: filepath.Join(home, "db"), conf: filepath.Join(home, "pacman.conf"), data: filepath.Join(home, "data")}
	w.env = programs.Env(home)
	require.NoError(t, os.Mkdir(w.data, 0o755))
	require.NoError(t, os.WriteFile(w.conf, []byte(fixture.Config), 0o644))
	return w
}

// installs makes a local database of no package.
func (w *world) installs(t *testing.T) {
	t.Helper()
	write(t, filepath.Join(w.db, "local", "ALPM_DB_VERSION"), []byte("9\n"))
}

func (w *world) sync(repo string) string { return filepath.Join(w.db, "sync", repo+".db") }

func (w *world) index() string { return filepath.Join(w.data, "repos.omgidx") }

// config are the arguments that name the databases.
func (w *world) config() []string { return []string{"--dbpath", w.db, "--pacman-config", w.conf} }

func (w *world) build(t *testing.T) programs.Result {
	t.Helper()
	return programs.Run(t, w.env, "omg-index", append([]string{"build", "-o", w.index()}, w.config()...)...)
}

// built is build that has to work.
func (w *world) built(t *testing.T) []byte {
	t.Helper()
	r := w.build(t)
	require.Zero(t, r.Code, r.Stderr)
	return read(t, w.index())
}

// direct asks without a daemon.
func (w *world) direct(t *testing.T, args ...string) programs.Result {
	t.Helper()
	return programs.Run(t, w.env, "omg", slices.Concat([]string{"--no-daemon", "--data-dir", w.data}, w.config(), args)...)
}

func (w *world) start(t *testing.T, args ...string) *daemon {
	t.Helper()
	d := w.launch(t, args...)
	d.settles(t, func(r wire.SearchResult) bool { return r.Total == 200 })
	return d
}

// launch starts a daemon that may not come right.
func (w *world) launch(t *testing.T, args ...string) *daemon {
	t.Helper()
	return &daemon{Daemon: programs.Start(t, w.env, slices.Concat([]string{"--data-dir", w.data}, w.config(), args)...), w: w}
}

// daemon is an omgd that serves a world.
type daemon struct {
	*programs.Daemon
	w *world
}

func (d *daemon) omg(t *testing.T, args ...string) programs.Result {
	t.Helper()
	return programs.Run(t, d.w.env, "omg", append([]string{"--socket", d.Socket}, args...)...)
}

// all asks for every package.
func (d *daemon) all(t *testing.T) (wire.SearchResult, programs.Result) {
	t.Helper()
	r := d.omg(t, "search", "--json", "--repo", "core", "--repo", "extra", "--repo", "multilib")
	var s wire.SearchResult
	if r.Code == answered {
		require.NoError(t, json.Unmarshal([]byte(r.Stdout), &s), r.Stdout)
	}
	return s, r
}

// settles waits, some seconds, until the answer for every package is such.
func (d *daemon) settles(t *testing.T, such func(wire.SearchResult) bool) {
	t.Helper()
	var s wire.SearchResult
	var r programs.Result
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if s, r = d.all(t); r.Code == answered && r.Stderr == "" && such(s) {
			return
		}
	}
	t.Fatalf("omgd does not come right: exit %d, %s, %d packages, %+v\n%s", r.Code, r.Stderr, s.Total, s.Sources, d.Stderr())
}

// fine demands that the daemon answers rightly, now.
func (d *daemon) fine(t *testing.T) {
	t.Helper()
	s, r := d.all(t)
	require.Equal(t, answered, r.Code, r.Stderr+d.Stderr())
	require.Empty(t, r.Stderr, d.Stderr())
	require.EqualValues(t, 200, s.Total)
}

func states(s wire.SearchResult) map[string]wire.SourceState {
	m := make(map[string]wire.SourceState)
	for _, src := range s.Sources {
		m[src.Name] = src.State
	}
	return m
}

// errorLine demands one line with the error, with all of the words, and beside it nothing but hints and notes, of
// which there is at most one each. Nothing was printed on standard output.
func errorLine(t *testing.T, r programs.Result, program string, code int, words ...string) {
	t.Helper()
	clean(t, r)
	require.Equal(t, code, r.Code, r.Stderr)
	require.Empty(t, r.Stdout, r.Stderr)
	lines := strings.Split(strings.TrimSuffix(r.Stderr, "\n"), "\n")
	var errs, hints, notes []string
	for _, l := range lines {
		switch rest, ok := strings.CutPrefix(l, program+": "); {
		case !ok:
			t.Fatalf("a line of another kind: %q", r.Stderr)
		case strings.HasPrefix(rest, "error: "):
			errs = append(errs, l)
		case strings.HasPrefix(rest, "hint: "):
			hints = append(hints, l)
		default:
			notes = append(notes, l)
		}
	}
	require.Len(t, errs, 1, r.Stderr)
	require.LessOrEqual(t, len(hints), 1, r.Stderr)
	require.LessOrEqual(t, len(notes), 1, r.Stderr)
	require.Less(t, len(errs[0]), 600, "an error of one screen's line or three")
	for _, word := range words {
		require.Contains(t, errs[0]+strings.Join(hints, ""), word)
	}
}

// clean demands that nothing printed can do more to a terminal than fill lines.
func clean(t *testing.T, r programs.Result) {
	t.Helper()
	require.NotContains(t, r.Stderr, "goroutine ")
	require.NotContains(t, r.Stderr, "panic")
	for _, s := range []string{r.Stdout, r.Stderr} {
		require.True(t, utf8.ValidString(s), "%q", s)
		for _, c := range s {
			require.False(t, c != '\n' && termtext.Unsafe(c), "%q in %q", c, s)
		}
	}
}

// measured is what a program did and took.
type measured struct {
	programs.Result
	RSS  int64 // bytes, the most that was seen
	Took time.Duration
}

// measure runs a program, as another user if there is a credential.
func measure(t *testing.T, env []string, as *syscall.Credential, program string, args ...string) measured {
	t.Helper()
	require.NoError(t, os.Chmod(programs.Dir(t), 0o755))
	cmd := exec.Command(filepath.Join(programs.Dir(t), program), args...)
	cmd.Env, cmd.Dir = env, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGKILL}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	require.NoError(t, cmd.Start())
	// What wait4 reports is not less than what the test had when it forked.
	var peak int64
	ended, looked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(looked)
		for {
			select {
			case <-ended:
				return
			case <-time.After(2 * time.Millisecond):
				peak = max(peak, peakOf(cmd.Process.Pid))
			}
		}
	}()
	_ = cmd.Wait()
	close(ended)
	<-looked
	return measured{
		Result: programs.Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()},
		RSS:    peak,
		Took:   time.Since(begin),
	}
}

// memory is the peak of a running process's resident memory in bytes.
func memory(t *testing.T, pid int) int64 {
	t.Helper()
	peak := peakOf(pid)
	require.Positive(t, peak)
	return peak
}

// peakOf is memory, or 0 of a process that has ended.
func peakOf(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, b, 0o644))
}

// replace puts a new file in another's place, as pacman does.
func replace(t *testing.T, path string, b []byte) {
	t.Helper()
	tmp := path + ".part"
	require.NoError(t, os.WriteFile(tmp, b, 0o644))
	require.NoError(t, os.Rename(tmp, path))
}

// zipped is gzip's form of the bytes.
func zipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(b)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}

// entry is a file of a database: "name-1.0-1/desc", and what is in it.
type entry struct{ path, text string }

// database is a database of these entries.
func database(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	tape := tar.NewWriter(&out)
	for _, e := range entries {
		require.NoError(t, tape.WriteHeader(&tar.Header{Name: e.path, Mode: 0o644, Size: int64(len(e.text))}))
		_, err := tape.Write([]byte(e.text))
		require.NoError(t, err)
	}
	require.NoError(t, tape.Close())
	return zipped(t, out.Bytes())
}

// desc is a package's desc with this description and more fields.
func desc(name, description, more string) string {
	return fmt.Sprintf("%%NAME%%\n%s\n\n%%VERSION%%\n1.0-1\n\n%%DESC%%\n%s\n\n%%ARCH%%\nx86_64\n\n%%CSIZE%%\n10\n\n%%ISIZE%%\n20\n\n%s", name, description, more)
}

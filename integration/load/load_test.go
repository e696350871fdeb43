package load

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { programs.Main(m) }

// soak says whether the long forms are wanted.
var soak = os.Getenv("OMG_SOAK") != ""

// duration is how long the load lasts.
func duration() time.Duration {
	if soak {
		return 10 * time.Minute
	}
	return 30 * time.Second
}

// slack is how many kB more than before a daemon may have after the load: its
// caches are full then, and a heap that was used has some gaps.
const slack = 12 << 10

// installed is how many packages are installed.
const installed = 100

// world is two sets of databases of which one is in place, and an omgd on them.
type world struct {
	t      *testing.T
	db     string
	sets   []string // the databases in their own directories
	truths []truth
	home   string
	args   []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	home := t.TempDir()
	w := &world{t: t, home: home, db: filepath.Join(home, "db")}
	for seed := range uint64(2) {
		o := fixture.Options{Packages: 2000, Installed: installed, Seed: seed + 1}
		dir := filepath.Join(home, fmt.Sprint("set", seed))
		require.NoError(t, fixture.Write(dir, o))
		w.sets = append(w.sets, dir)
		w.truths = append(w.truths, newTruth(o))
	}
	require.NoError(t, os.CopyFS(w.db, os.DirFS(w.sets[0])))
	conf := filepath.Join(home, "pacman.conf")
	require.NoError(t, os.WriteFile(conf, []byte(fixture.Config), 0o644))
	w.args = []string{"--dbpath", w.db, "--pacman-config", conf, "--data-dir", filepath.Join(home, "data")}
	return w
}

// start starts omgd and waits until it has read the databases.
func (w *world) start() *programs.Daemon {
	w.t.Helper()
	d := programs.Start(w.t, programs.Env(w.home, "GOTRACEBACK=all"), w.args...)
	require.Eventually(w.t, func() bool {
		var r wire.OutdatedResult // the status may be a remembered one
		return get(d.Socket, wire.OpOutdated, nil, &r) == nil
	}, 20*time.Second, 10*time.Millisecond)
	return d
}

// change puts the databases of another set in place as pacman does, to and fro,
// until ctx ends: each whole by a rename, all under its lock. It returns how often.
func (w *world) change(ctx context.Context, pause time.Duration) (times int) {
	for ; ctx.Err() == nil; times++ {
		w.swap(w.sets[(times+1)%2])
		sleep(ctx, pause)
	}
	return times
}

func (w *world) swap(from string) {
	lock := filepath.Join(w.db, "db.lck")
	require.NoError(w.t, os.WriteFile(lock, nil, 0o644))
	defer func() { require.NoError(w.t, os.Remove(lock)) }()
	for _, repo := range []string{"core", "extra", "multilib"} {
		b, err := os.ReadFile(filepath.Join(from, "sync", repo+".db"))
		require.NoError(w.t, err)
		part := filepath.Join(w.db, "sync", repo+".db.part")
		require.NoError(w.t, os.WriteFile(part, b, 0o644))
		require.NoError(w.t, os.Rename(part, filepath.Join(w.db, "sync", repo+".db")))
	}
}

// TestAnswersStayRightUnderLoad: a thousand clients ask all kinds of things and
// get right answers while the databases change to and fro (omgd has the index
// built anew and takes it over), while others send rubbish, stall or never read.
// In the end omgd has given back what it took.
func TestAnswersStayRightUnderLoad(t *testing.T) {
	defer goleak.VerifyNone(t)
	const clients, rude = 1000, 50
	w := newWorld(t)
	d := w.start()
	before := memory(t, d.Pid)

	ctx, cancel := context.WithTimeout(context.Background(), duration())
	defer cancel()
	var wait sync.WaitGroup
	times := make([][]time.Duration, clients)
	for i := range clients {
		wait.Go(func() { times[i] = good(ctx, t, d.Socket, uint64(i), w.truths) })
	}
	for i := range rude {
		wait.Go(func() { bad(ctx, d.Socket, i) })
	}
	swaps := w.change(ctx, 700*time.Millisecond)
	wait.Wait()

	all := slices.Concat(times...)
	slices.Sort(all)
	require.Greater(t, len(all), 10*clients)
	t.Logf("%d answers on %d connections in %s: p50 %s, p99 %s, longest %s; %d changes of the databases",
		len(all), clients, duration(), all[len(all)/2], all[len(all)*99/100], all[len(all)-1], swaps)
	var after int
	require.Eventually(t, func() bool {
		after = memory(t, d.Pid)
		return after < before+slack
	}, 60*time.Second, 200*time.Millisecond, "anonymous memory was %d kB and does not return to it", before)
	left := goroutines(t, d)
	quiet := goroutines(t, w.start())
	t.Logf("anonymous memory %d kB before, %d kB after; %d goroutines, %d in an idle omgd", before, after, left, quiet)
	require.LessOrEqual(t, left, quiet+2)
}

var goroutine = regexp.MustCompile(`(?m)^goroutine \d+ `)

// goroutines ends a daemon by having it print them, and counts. None may serve a
// connection.
func goroutines(t *testing.T, d *programs.Daemon) int {
	t.Helper()
	time.Sleep(500 * time.Millisecond) // for what ends on its own when its peer has gone
	require.NoError(t, syscall.Kill(d.Pid, syscall.SIGQUIT))
	d.Wait(t)
	stacks := d.Stderr()
	require.NotContains(t, stacks, "server.(*conn)")
	n := len(goroutine.FindAllString(stacks, -1))
	require.NotZero(t, n)
	return n
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// memory is a process' anonymous memory in kB.
func memory(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(b), "RssAnon:")
	require.True(t, ok)
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kb
}

package load

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// soak reports whether the long forms of the tests are requested.
var soak = os.Getenv("OMG_SOAK") != ""

// long returns its second argument in the long form of a test, and otherwise its first argument.
func long(usual, soaked int) int {
	if soak {
		return soaked
	}
	return usual
}

const (
	// clients is the number of clients that send correct requests, and misbehaving is the number of all others.
	clients, misbehaving = 1000, 50
	// installed is the number of installed packages.
	installed = 100
)

// longLimits are settings with which omgd does not disconnect a slow client. Only the time limit for an incomplete
// frame is short, because the clients send complete frames.
var longLimits = harness.WithEnv("OMG_LIMITS_SHUTDOWN_TIMEOUT=1h", "OMG_LIMITS_UNREAD_TIMEOUT=1h", "OMG_LIMITS_WRITE_TIMEOUT=1h", "OMG_LIMITS_READ_TIMEOUT=1s")

// changing is a system whose repositories alternate between two sets.
type changing struct {
	*harness.System
	repos  [2]map[string][]byte // databases by repository
	truths []truth              // contents: all repositories from set 0, all repositories from set 1, then every mixture of both sets
	told   string               // a package whose versions in the two sets differ

	mu     sync.Mutex
	now    int
	change chan struct{} // closed when the databases change next
}

func newChanging(t *testing.T, options ...harness.Option) *changing {
	t.Helper()
	set := func(i int) fixture.Options {
		return fixture.Options{Packages: 2000, Installed: installed, Seed: uint64(i) + 1}
	}
	c := &changing{System: harness.New(t, append(options, harness.WithGenerated(set(0)))...), change: make(chan struct{})}
	other := c.Path("other")
	require.NoError(t, fixture.WriteDatabases(other, set(1)))
	c.truths = newTruths([2]fixture.Options{set(0), set(1)})
	for i, dir := range []string{c.DB, other} {
		c.repos[i] = map[string][]byte{}
		for _, repo := range []string{"core", "extra", "multilib"} {
			c.repos[i][repo] = harness.ReadFile(t, filepath.Join(dir, "sync", repo+".db"))
		}
	}
	for name, version := range c.truths[0].versions {
		if other, there := c.truths[1].versions[name]; there && other != version {
			c.told = name
		}
	}
	require.NotEmpty(t, c.told)
	return c
}

// swap switches to the other set of databases. Like pacman, it replaces each database by a rename, while it holds
// pacman's lock.
func (c *changing) swap() {
	lock := filepath.Join(c.DB, "db.lck")
	harness.WriteFile(c.T, lock, "")
	c.now = 1 - c.now
	for repo, db := range c.repos[c.now] {
		harness.ReplaceFile(c.T, c.SyncDBPath(repo), db)
	}
	require.NoError(c.T, os.Remove(lock))
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.change)
	c.change = make(chan struct{})
}

// next returns a channel that is closed when the databases change the next time.
func (c *changing) next() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.change
}

// isServed reports whether the daemon answers from the current databases.
func (c *changing) isServed(d *harness.Daemon) bool {
	var r wire.InfoResult
	err := d.Ask(wire.OpInfo, &wire.InfoRequest{Names: []string{c.told}}, &r)
	return err == nil && len(r.Packages) > 0 && r.Packages[0].Version == c.truths[c.now].versions[c.told]
}

// TestLoad_AnswersStayRight checks that a thousand clients get right answers to all kinds of requests while the
// databases alternate (omgd builds an index of each and loads it), and while other clients send garbage, stall or never
// read. At the end omgd must have released what it used.
func TestLoad_AnswersStayRight(t *testing.T) {
	t.Cleanup(func() { await.NoGoroutines(t) })
	changes, questions := long(3, 500), long(10, 2000)
	debug := filepath.Join(t.TempDir(), "pprof")
	c := newChanging(t, longLimits, harness.WithEnv("OMG_DEBUG_PPROF="+debug))
	d := c.StartDaemon()
	before := usageOf(t, d, debug)

	ctx, end := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	asked, turns := make([]int, clients), make(chan struct{}, maxAsking)
	for i := range clients {
		wait.Go(func() { asked[i] = askUntilDone(ctx, t, d.Socket, uint64(i), c.truths, turns, questions) })
	}
	for i := range misbehaving {
		wait.Go(func() { misbehave(ctx, d.Socket, i, c.next) })
	}
	for n := range changes {
		c.swap()
		harness.Await(t, func() bool { return t.Failed() || c.isServed(d) }, "omgd answers from the databases of change %d; so far omgd has printed: %s", n+1, d.Stderr)
	}
	end()
	wait.Wait()
	all := 0
	for _, n := range asked {
		require.GreaterOrEqual(t, n, questions)
		all += n
	}
	t.Logf("%d answers on %d connections; %d changes of the databases", all, clients, changes)

	var after usage
	harness.Await(t, func() bool { // omgd may still build an index
		after = usageOf(t, d, debug)
		// A leak of one object per request would exceed the limit of the objects.
		return after.goroutines <= before.goroutines+2 && after.objects < before.objects+all/2 && after.bytes < before.bytes+(8<<20)
	}, "omgd has released what it used: in use before %+v, after %+v", before, &after)
	t.Logf("in use before: %+v, after: %+v", before, after)
	if soak { // only the long form waits until omgd returns memory to the kernel
		harness.Await(t, func() bool { return resident(t, d.PID()) < before.resident+slack },
			"anonymous memory returns to %d kB: %s", before.resident, d.Stderr)
	}
}

// slack is the number of kB by which the memory of a daemon may be larger after the load than before, because a used
// heap has gaps.
const slack = 12 << 10

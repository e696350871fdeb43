package users

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/fakeserver"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// maxLivePerDay is the daemon's daily limit for live queries to the AUR.
const maxLivePerDay = 200

// repeatedSearch returns one of a hundred searches that users repeat.
func repeatedSearch(n int) *wire.SearchRequest {
	return &wire.SearchRequest{Words: []string{"lib"}, Limit: uint32(n%100 + 1), NoAUR: true}
}

// liveSearch returns a search that omgd sends to the AUR, a different search for each n.
func liveSearch(n int) *wire.SearchRequest {
	return &wire.SearchRequest{Words: []string{fmt.Sprint("word", n)}, Live: true}
}

// measurements contains the durations and the errors of the requests of one user.
type measurements struct {
	durations []time.Duration
	errors    []string
}

// add calls request(), and stores how long the call took and the error that it returned. The stored error begins with
// name.
func (a *measurements) add(name string, request func() error) {
	start := time.Now()
	err := request()
	if a.durations = append(a.durations, time.Since(start)); err != nil {
		a.errors = append(a.errors, fmt.Sprintf("%s: %v", name, err))
	}
}

// request connects as a user, sends a request and reads its reply. It repeats a request that is refused because of the rate
// limit: if omgd is stopped for a second during a request, it counts this time as requests of the user.
func (a *measurements) request(uid int, socket, op string, request any) {
	refused := fmt.Sprintf("too many requests of user %d", uid)
	a.add(op, func() error {
		nc, err := connect(uid, socket)
		if err != nil {
			return err
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(harness.HangTimeout))
		for {
			if _, err = ask(nc, op, request); err == nil || err.Error() != refused {
				return err
			}
			time.Sleep(100 * time.Millisecond) // at once, it would be refused again
		}
	})
}

// echo connects to an echo server, sends 100 bytes and reads them back.
func (a *measurements) echo(socket string) {
	a.add("echo", func() error {
		nc, err := connect(root, socket)
		if err != nil {
			return err
		}
		defer nc.Close()
		b := make([]byte, 100)
		if _, err := nc.Write(b); err != nil {
			return err
		}
		_, err = io.ReadFull(nc, b)
		return err
	})
}

// percentile returns the given percentile of the durations.
func (a *measurements) percentile(percent int) time.Duration {
	slices.Sort(a.durations)
	return a.durations[(len(a.durations)-1)*percent/100].Round(time.Microsecond)
}

// startEcho starts an echo server. Its round trips show how busy the machine is.
func startEcho(t *testing.T) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "echo")
	startProcess(t, "echo", socket)
	harness.Await(t, func() bool {
		a := &measurements{}
		a.echo(socket)
		return len(a.errors) == 0
	}, "the echo server")
	return socket
}

// attackTest contains a system-wide daemon that is attacked, and an echo server with which the daemon is compared.
type attackTest struct {
	t     *testing.T
	d     *harness.Daemon
	aur   *fakeserver.Server
	echo  string          // the socket of the echo server
	table strings.Builder // the results, one line for each call of measure
}

// These values can be passed to measure instead of the name of an attack.
const (
	noAttack   = "none"
	allAttacks = "all at the same time"
)

// measure runs an attack, and meanwhile sends requests of other users. It sends at least the given number of rounds of
// requests, for at least minDuration. It adds the durations to the table, and checks that each request gets its reply.
func (w *attackTest) measure(name string, scale, rounds int, minDuration time.Duration) {
	w.t.Helper()
	stop := func() string { return "" }
	switch name {
	case noAttack:
	case allAttacks:
		stop = startAttack(w.t, w.d.Socket, scale, "")
	default:
		stop = startAttack(w.t, w.d.Socket, scale, name)
	}
	user, admin, echo := &measurements{}, &measurements{}, &measurements{}
	for n, until := 0, time.Now().Add(minDuration); n < rounds || time.Now().Before(until); n++ {
		user.request(alice, w.d.Socket, wire.OpInfo, &wire.InfoRequest{Names: []string{fmt.Sprint("core/none", n)}})
		user.request(alice, w.d.Socket, wire.OpSearch, repeatedSearch(n))
		admin.request(root, w.d.Socket, wire.OpMetrics, nil)
		echo.echo(w.echo)
		echo.echo(w.echo)
		time.Sleep(5 * time.Millisecond) // so that the user stays below the rate limit
	}
	attempts := 0
	for line := range strings.Lines(stop()) {
		number, _, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(number)
		require.NoError(w.t, err)
		require.Positive(w.t, n, line)
		attempts += n
	}
	require.Equal(w.t, name == noAttack, attempts == 0, name)
	fmt.Fprintf(&w.table, "%s\t%d\t%d\t%d", name, attempts, len(user.durations)+len(admin.durations), len(user.errors)+len(admin.errors))
	for _, a := range []*measurements{user, admin, echo} {
		fmt.Fprintf(&w.table, "\t%v\t%v", a.percentile(50), a.percentile(99))
	}
	fmt.Fprintf(&w.table, "\t%d MB\n", memory(w.t, w.d, "VmHWM"))
	require.Empty(w.t, user.errors, name)
	require.Empty(w.t, admin.errors, name)
}

// startAttackedDaemon starts a daemon with low limits, which the attacks reach. In the long form of the test, the
// daemon has its default limits, and its databases have about as many packages as Arch Linux and the AUR together.
func startAttackedDaemon(t *testing.T, soak bool) *attackTest {
	t.Helper()
	need.Root(t)
	f := &fakeserver.AUR{}
	f.Replace(t, nil)
	w := &attackTest{t: t, aur: fakeserver.Serve(t, f, nil), echo: startEcho(t)}
	count, limits := packages, []string{"OMG_LIMITS_MAX_CONNECTIONS=256", "OMG_LIMITS_MAX_UNSENT=8MiB"}
	if soak {
		count, limits = 106_276, nil
	}
	limits = append(limits, "OMG_LIMITS_USER_RATE=1000", "OMG_LIMITS_UNREAD_TIMEOUT=1s", "OMG_AUR_ENABLED=true",
		"OMG_AUR_URL="+w.aur.URL, fmt.Sprint("OMG_AUR_LIVE_MAX_PER_DAY=", maxLivePerDay), "OMG_AUR_LIVE_TIMEOUT=1m", "OMG_AUR_INTERVAL=24h")
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: count, Installed: 100, Seed: 1}), harness.WithEnv(append(unlimited, limits...)...))
	w.d = s.StartDaemon("--system")
	return w
}

// TestUsers_AllAttacks runs each attack alone, and then all attacks concurrently. It checks that each request of
// another user is answered meanwhile. In the long form of the test, the attacks have more workers, and all attacks
// together run for ten minutes.
func TestUsers_AllAttacks(t *testing.T) {
	scale, alone, together := 1, time.Duration(0), time.Duration(0)
	soak := os.Getenv("OMG_SOAK") != ""
	if soak {
		scale, alone, together = 20, 30*time.Second, 10*time.Minute
	}
	w := startAttackedDaemon(t, soak)
	w.measure(noAttack, scale, 50, alone)
	for _, a := range attacks(scale) {
		w.measure(a.name, scale, 50, alone)
	}
	w.measure(allAttacks, scale, 100, together)
	var table strings.Builder
	tab := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "attack\tattempts\trequests of others\tlost\tuser p50\tp99\troot p50\tp99\techo server p50\tp99\tpeak memory")
	_, _ = io.WriteString(tab, w.table.String())
	require.NoError(t, tab.Flush())
	t.Logf("attacks on the system-wide daemon:\n%s", table.String())
	require.Less(t, w.aur.Count("search"), maxLivePerDay, "two users cannot use up the daily limit")
	_, err := ask(dial(t, bob, w.d), wire.OpSearch, liveSearch(-1))
	require.NoError(t, err)
	harness.Await(t, func() bool { // requests of the attackers may still be sent
		return slices.ContainsFunc(w.aur.RequestTargets(), func(target string) bool { return strings.Contains(target, "word-1") })
	}, "the live search of a third user is sent to the AUR")
}

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

// perDay is the daily limit of live queries to the AUR.
const perDay = 200

// common is a search that users ask again and again, and live one that the AUR answers.
func common(n int) *wire.SearchRequest {
	return &wire.SearchRequest{Words: []string{"lib"}, Limit: uint32(n%100 + 1), NoAUR: true}
}

func live(n int) *wire.SearchRequest {
	return &wire.SearchRequest{Words: []string{fmt.Sprint("word", n)}, Live: true}
}

// asked are somebody's requests during an attack.
type asked struct {
	took   []time.Duration
	failed []string
}

// time takes the time of a request.
func (a *asked) time(what string, request func() error) {
	start := time.Now()
	err := request()
	if a.took = append(a.took, time.Since(start)); err != nil {
		a.failed = append(a.failed, fmt.Sprintf("%s: %v", what, err))
	}
}

func (a *asked) request(uid int, socket, op string, request any) {
	a.time(op, func() error {
		nc, err := connect(uid, socket)
		if err != nil {
			return err
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(harness.Hang))
		_, err = ask(nc, op, request)
		return err
	})
}

// echo sends some bytes to an echo server and reads them.
func (a *asked) echo(socket string) {
	a.time("echo", func() error {
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

// percentile returns a time that so many percent of the requests did not exceed.
func (a *asked) percentile(percent int) time.Duration {
	slices.Sort(a.took)
	return a.took[(len(a.took)-1)*percent/100].Round(time.Microsecond)
}

// startEcho starts an echo server, to compare with.
func startEcho(t *testing.T) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "echo")
	helper(t, "echo", socket)
	harness.Await(t, func() bool {
		a := &asked{}
		a.echo(socket)
		return len(a.failed) == 0
	}, "the echo server")
	return socket
}

// attacked is a system-wide daemon under attack, and the echo server that is compared with it.
type attacked struct {
	t     *testing.T
	d     *harness.Daemon
	aur   *fakeserver.Server
	echo  string
	table strings.Builder
}

// none and together are no attack, and all of them.
const (
	none     = "none"
	together = "all at the same time"
)

// under attacks until others have asked so many rounds of requests, and that long, and
// notes their times. No request of theirs is lost.
func (w *attacked) under(name string, scale, rounds int, long time.Duration) {
	w.t.Helper()
	stop := func() string { return "" }
	switch name {
	case none:
	case together:
		stop = helper(w.t, "attack", w.d.Socket, strconv.Itoa(scale))
	default:
		stop = helper(w.t, "attack", w.d.Socket, strconv.Itoa(scale), name)
	}
	user, admin, plain := &asked{}, &asked{}, &asked{}
	for n, until := 0, time.Now().Add(long); n < rounds || time.Now().Before(until); n++ {
		user.request(alice, w.d.Socket, wire.OpInfo, &wire.InfoRequest{Names: []string{fmt.Sprint("core/none", n)}})
		user.request(alice, w.d.Socket, wire.OpSearch, common(n))
		admin.request(root, w.d.Socket, wire.OpMetrics, nil)
		plain.echo(w.echo)
		plain.echo(w.echo)
		time.Sleep(5 * time.Millisecond) // below the rate of a user
	}
	tries := 0
	for line := range strings.Lines(stop()) {
		number, _, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(number)
		require.NoError(w.t, err)
		require.Positive(w.t, n, line)
		tries += n
	}
	require.Equal(w.t, name == none, tries == 0, name)
	fmt.Fprintf(&w.table, "%s\t%d\t%d\t%d", name, tries, len(user.took)+len(admin.took), len(user.failed)+len(admin.failed))
	for _, a := range []*asked{user, admin, plain} {
		fmt.Fprintf(&w.table, "\t%v\t%v", a.percentile(50), a.percentile(99))
	}
	fmt.Fprintf(&w.table, "\t%d MB\n", memory(w.t, w.d, "VmHWM"))
	require.Empty(w.t, user.failed, name)
	require.Empty(w.t, admin.failed, name)
}

// newAttacked starts a daemon whose limits the attacks reach. The long form has as many
// packages as Arch has, and the daemon's usual limits.
func newAttacked(t *testing.T, soak bool) *attacked {
	t.Helper()
	need.Root(t)
	f := &fakeserver.AUR{}
	f.Replace(t, nil)
	w := &attacked{t: t, aur: fakeserver.Serve(t, f, nil), echo: startEcho(t)}
	known, limits := packages, []string{"OMG_LIMITS_MAX_CONNECTIONS=256", "OMG_LIMITS_MAX_UNSENT=8MiB"}
	if soak {
		known, limits = 106_276, nil
	}
	limits = append(limits, "OMG_LIMITS_USER_RATE=1000", "OMG_LIMITS_UNREAD_TIMEOUT=1s", "OMG_AUR_ENABLED=true",
		"OMG_AUR_URL="+w.aur.URL, fmt.Sprint("OMG_AUR_LIVE_MAX_PER_DAY=", perDay), "OMG_AUR_INTERVAL=24h")
	s := harness.New(t, harness.Generated(fixture.Options{Packages: known, Installed: 100, Seed: 1}), harness.Env(append(patient, limits...)...))
	w.d = s.Start("--system")
	return w
}

// TestUsers_AllAttacks: while users attack in one way, and then in all ways at the same
// time, every request of others is answered. In its long form the attacks are larger,
// and all together last ten minutes.
func TestUsers_AllAttacks(t *testing.T) {
	scale, each, long := 1, time.Duration(0), time.Duration(0)
	soak := os.Getenv("OMG_SOAK") != ""
	if soak {
		scale, each, long = 20, 30*time.Second, 10*time.Minute
	}
	w := newAttacked(t, soak)
	w.under(none, scale, 50, each)
	for _, a := range attacks(scale) {
		w.under(a.name, scale, 50, each)
	}
	w.under(together, scale, 100, long)
	var table strings.Builder
	tab := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "attack\ttries\trequests of others\tlost\tuser p50\tp99\troot p50\tp99\techo server p50\tp99\tpeak memory")
	_, _ = io.WriteString(tab, w.table.String())
	require.NoError(t, tab.Flush())
	t.Logf("attacks on the system-wide daemon:\n%s", table.String())
	require.Less(t, w.aur.Count("search"), perDay, "two users cannot use up the live queries")
	before := w.aur.Count("search")
	_, err := ask(dial(t, bob, w.d), wire.OpSearch, live(-1))
	require.NoError(t, err)
	require.Equal(t, before+1, w.aur.Count("search"), "a third user's is asked")
}

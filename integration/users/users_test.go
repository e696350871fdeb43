// Package users tests that one user of the system-wide daemon cannot harm other users. Its tests attack the daemon as
// one user, and send requests as other users. The attacks have a long form: see OMG_SOAK in CONTRIBUTING.md.
package users

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) {
	if words := strings.Fields(os.Getenv(modeVariable)); len(words) > 0 {
		if err := runMode(words); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// The user IDs of the tests. root is an administrator, mallory attacks, alice and bob send requests. The second user in
// an attack has the ID mallory + 1.
const (
	root    = 0
	alice   = 41001
	bob     = 41002
	mallory = 41004
)

// packages is the number of packages in the daemon's databases. It is large enough for replies of several chunks.
const packages = 5_000

// unlimited sets limits that a slow machine does not reach, and disables the AUR.
var unlimited = []string{"OMG_LIMITS_UNREAD_TIMEOUT=1h", "OMG_LIMITS_WRITE_TIMEOUT=1h", "OMG_LIMITS_READ_TIMEOUT=1h", "OMG_LIMITS_USER_RATE=0", "OMG_AUR_ENABLED=false"}

// serve starts a system-wide daemon with the settings in the variable unlimited. The given environment variables
// override them.
func serve(t *testing.T, variables ...string) *harness.Daemon {
	t.Helper()
	need.Root(t)
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: packages, Installed: 100, Seed: 1}), harness.WithEnv(append(unlimited, variables...)...))
	return s.StartDaemon("--system")
}

// asUser calls the function fn on a thread that has the effective user ID uid during the call.
func asUser(uid int, fn func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	keep := ^uintptr(0)
	become := func(uid int) error {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(uid), keep); errno != 0 {
			return errno
		}
		return nil
	}
	if err := become(uid); err != nil {
		return err
	}
	err := fn()
	if back := become(root); back != nil {
		panic(back) // no other goroutine may run on a thread with another user ID
	}
	return err
}

// connect connects to a socket as the user uid.
func connect(uid int, socket string) (*net.UnixConn, error) {
	var fd int
	err := asUser(uid, func() (err error) {
		if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: socket})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), socket)
	defer f.Close()
	nc, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return nc.(*net.UnixConn), nil
}

// dial connects to a daemon as the user uid. The connection is closed when the test ends.
func dial(t *testing.T, uid int, d *harness.Daemon) harness.Conn {
	t.Helper()
	nc, err := connect(uid, d.Socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	return harness.Conn{UnixConn: nc}
}

// frame returns the encoded frame of a request.
func frame(id uint64, op string, request any) []byte {
	b, err := wire.AppendRequest(nil, id, op, request)
	if err != nil {
		panic(err)
	}
	return b
}

// reply reads and decodes one chunk of a reply.
func reply(nc net.Conn) (wire.Reply, error) {
	b, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
	if err != nil {
		return wire.Reply{}, err
	}
	return wire.DecodeReply(b)
}

// ask sends a request, reads the whole reply and returns the number of its chunks. If the daemon replies with an error,
// ask returns that error.
func ask(nc net.Conn, op string, request any) (chunks int, err error) {
	if _, err := nc.Write(frame(1, op, request)); err != nil {
		return 0, err
	}
	for {
		r, err := reply(nc)
		if chunks++; err != nil {
			return chunks, err
		}
		if r.Err != nil {
			return chunks, r.Err
		}
		if !r.More {
			return chunks, nil
		}
	}
}

// metric returns the value of one metric of the daemon.
func metric(t *testing.T, d *harness.Daemon, name string) int {
	t.Helper()
	var r wire.MetricsResult
	require.NoError(t, d.Ask(wire.OpMetrics, nil, &r))
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(r.Text)
	require.NotNil(t, found, "%s in:\n%s", name, r.Text)
	n, err := strconv.ParseFloat(found[1], 64)
	require.NoError(t, err)
	return int(n)
}

// memory returns how much memory a daemon uses (the field VmRSS of its /proc/PID/status) or has used at most (VmHWM),
// in MiB.
func memory(t *testing.T, d *harness.Daemon, field string) int {
	t.Helper()
	for line := range strings.Lines(string(harness.ReadFile(t, filepath.Join("/proc", fmt.Sprint(d.PID()), "status")))) {
		var kb int
		if _, err := fmt.Sscanf(line, field+": %d kB", &kb); err == nil {
			return kb >> 10
		}
	}
	t.Fatalf("no %s of process %d", field, d.PID())
	return 0
}

// isClosedByPeer reports whether a write has failed because the daemon has closed the connection. What the daemon has sent
// before, for example a refusal, can still be read.
func isClosedByPeer(err error) bool {
	return errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET)
}

// isRefused reports whether the daemon has refused a connection because of too many connections. Like many clients, it
// writes a request before it reads.
func isRefused(nc net.Conn) (refused bool, err error) {
	if _, err := nc.Write(frame(1, wire.OpPing, nil)); err != nil && !isClosedByPeer(err) {
		return false, fmt.Errorf("the request could not be written: %w", err)
	}
	r, err := reply(nc)
	switch {
	case err != nil:
		return false, fmt.Errorf("no reply: %w", err)
	case r.Err != nil && r.Err.Code == wire.CodeBusy:
		return true, nil
	case r.Err != nil:
		return false, r.Err
	}
	return false, nil
}

// TestConnections_OneUser checks that a user who opens as many connections as possible gets half of the connections.
// Each refused client can read the refusal. Another user and root can still connect.
func TestConnections_OneUser(t *testing.T) {
	const limit, reserve, attempts = 128, 4, 200
	d := serve(t, fmt.Sprint("OMG_LIMITS_MAX_CONNECTIONS=", limit))
	harness.Await(t, func() bool { return metric(t, d, "omg_connections") == 1 }, "the end of the connections that StartDaemon has opened")
	var open, refused int
	for range attempts {
		nc := dial(t, mallory, d)
		denied, err := isRefused(nc)
		require.NoError(t, err)
		if !denied {
			open++
			continue
		}
		refused++
		require.NoError(t, nc.Close())
	}
	require.Equal(t, (limit-reserve)/2, open)
	require.Equal(t, attempts-open, refused)
	for range 20 {
		denied, err := isRefused(dial(t, alice, d))
		require.NoError(t, err)
		require.False(t, denied, "another user is not refused")
	}
	require.Equal(t, open+20+1, metric(t, d, "omg_connections"), "root is not refused")
	t.Logf("mallory: %d connections of %d, %d refusals, all read", open, attempts, refused)
}

// TestConnections_Reserve checks that root can connect even if many users together use all connections that are not
// reserved.
func TestConnections_Reserve(t *testing.T) {
	d := serve(t, "OMG_LIMITS_MAX_CONNECTIONS=64")
	var open []harness.Conn
	// keepOpen sends a request on each connection. When few connections are left, omgd closes those that have sent none for ten
	// seconds, as when this test was stopped.
	keepOpen := func() {
		open = slices.DeleteFunc(open, func(nc harness.Conn) bool {
			_, err := isRefused(nc)
			return err != nil
		})
	}
	harness.Await(t, func() bool {
		for uid := mallory; uid < mallory+64 && len(open) < 62; uid++ {
			keepOpen()
			for denied := false; !denied; {
				nc := dial(t, uid, d)
				var err error
				denied, err = isRefused(nc)
				require.NoError(t, err)
				if !denied {
					open = append(open, nc)
				} else {
					require.NoError(t, nc.Close())
				}
			}
		}
		keepOpen()
		nc := dial(t, alice, d)
		defer nc.Close()
		denied, err := isRefused(nc)
		require.NoError(t, err)
		return denied && len(open) == 62
	}, "no connection is left for users: %d are open", func() string { return fmt.Sprint(len(open)) })
	require.Positive(t, metric(t, d, "omg_connections"), "root is not refused")
}

// TestUnread_OneUser checks that unread replies of one user do not delay the requests of other users, and that the
// daemon begins to send only a few of these replies.
func TestUnread_OneUser(t *testing.T) {
	d := serve(t, "OMG_LIMITS_MAX_UNSENT=2MiB")
	before := memory(t, d, "VmRSS")
	const attempts = 300
	var deaf []harness.Conn
	for i := range attempts {
		nc := dial(t, mallory, d)
		require.NoError(t, nc.SetReadBuffer(4<<10))
		// Each search has another limit, so that no two are equal.
		_, err := nc.Write(frame(1, wire.OpSearch, &wire.SearchRequest{Words: []string{"a"}, Limit: uint32(packages + i)}))
		if !isClosedByPeer(err) { // too many of mallory's connections may wait
			require.NoError(t, err)
		}
		deaf = append(deaf, nc)
	}
	isStarted := func(nc harness.Conn) bool { return nc.Unread(t) > 4<<10 } // a shorter reply is an error
	harness.Await(t, func() bool { return slices.ContainsFunc(deaf, isStarted) }, "a reply that the daemon has begun to send")
	chunks, err := ask(dial(t, alice, d), wire.OpSearch, &wire.SearchRequest{Words: []string{"a"}})
	require.NoError(t, err)
	require.Greater(t, chunks, 3, "the reply is long")
	_, err = ask(dial(t, root, d), wire.OpMetrics, nil)
	require.NoError(t, err)
	started := 0
	for _, nc := range deaf {
		if isStarted(nc) {
			started++
		}
	}
	require.Positive(t, started)
	require.LessOrEqual(t, started, 40, "replies that the daemon has started")
	t.Logf("mallory: the daemon has started %d of %d replies; memory %d MB before, %d MB at most", started, attempts, before, memory(t, d, "VmHWM"))
}

// strangers are users who exceed the rate limit. A test requires only that omgd refuses one of them: if the requests
// of a user take a second on a busy machine, omgd answers the next request of this user.
var strangers = []int{mallory, mallory + 1, mallory + 2, mallory + 3}

// TestCost_RefusedRequestsCount checks that requests with an unknown operation and undecodable requests count against
// the rate limit of their user, and not against that of another user.
func TestCost_RefusedRequestsCount(t *testing.T) {
	unknown := frame(1, "no-such-operation", nil)
	for name, send := range map[string]func(int, *harness.Daemon){
		"unknown": func(uid int, d *harness.Daemon) {
			nc := dial(t, uid, d)
			for range 3 {
				_, err := nc.Write(unknown)
				require.NoError(t, err)
				_, err = reply(nc)
				require.NoError(t, err)
			}
		},
		"undecodable": func(uid int, d *harness.Daemon) {
			for range 3 {
				nc := dial(t, uid, d)
				_, err := nc.Write([]byte{0, 0, 0, 1, 0xc1})
				require.NoError(t, err)
				r, err := reply(nc)
				require.NoError(t, err)
				require.Equal(t, wire.CodeInvalid, r.Err.Code)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := serve(t, "OMG_LIMITS_USER_RATE=1")
			refused := func(uid int) bool {
				send(uid, d)
				_, err := ask(dial(t, uid, d), wire.OpPing, nil)
				return wire.CodeOf(err) == wire.CodeBusy
			}
			require.True(t, slices.ContainsFunc(strangers, refused))
			_, err := ask(dial(t, alice, d), wire.OpPing, nil)
			require.NoError(t, err)
		})
	}
}

// TestCost_LargeReply checks that a large reply is counted as several requests of its user.
func TestCost_LargeReply(t *testing.T) {
	d := serve(t, "OMG_LIMITS_USER_RATE=2")
	requests := append(frame(1, wire.OpSearch, &wire.SearchRequest{Words: []string{"a"}}), frame(2, wire.OpPing, nil)...)
	refused := func(uid int) bool {
		nc := dial(t, uid, d)
		_, err := nc.Write(requests)
		require.NoError(t, err)
		for {
			r, err := reply(nc)
			require.NoError(t, err)
			if r.ID == 2 {
				return r.Err != nil && r.Err.Code == wire.CodeBusy
			}
			require.Nil(t, r.Err)
		}
	}
	require.True(t, slices.ContainsFunc(strangers, refused))
}

// expensive returns a search that takes long, a different search for each i.
func expensive(i int) *wire.SearchRequest {
	r := &wire.SearchRequest{Regex: true, Limit: 1, NoAUR: true}
	for n := range 21 {
		r.Words = append(r.Words, fmt.Sprintf("[aeiou%d].*[a-z%d]", i, n))
	}
	return r
}

// TestTime_OneUser checks that two users with expensive requests get about the same computing time, although one user
// has a hundred connections and the other user has one. If the time were divided between connections, the first user
// would get a hundred times as much. The short request of a third user is answered too.
func TestTime_OneUser(t *testing.T) {
	d := serve(t)
	const attackers, requests = 100, 10
	var ended atomic.Int64
	for i := range attackers {
		nc := dial(t, mallory, d)
		go func() {
			for n := 0; ; n++ {
				if _, err := ask(nc, wire.OpSearch, expensive(i*1000+n)); err != nil && wire.CodeOf(err) != wire.CodeInvalid {
					return // the connection was closed at the end of the test
				}
				ended.Add(1)
			}
		}()
	}
	harness.Await(t, func() bool { return ended.Load() > 2 }, "searches of the attacker")
	nc := dial(t, alice, d)
	// compare returns how many searches the attacker finishes during the requests of alice, and whether omgd has stopped one of
	// them at its limit of five seconds.
	compare := func(run int) (all int64, stopped bool) {
		var own []byte // all requests are sent at once, so that omgd never waits for this test
		for n := range requests {
			own = append(own, frame(uint64(n+1), wire.OpSearch, expensive(1_000_000+run*requests+n))...)
		}
		before := ended.Load()
		_, err := nc.Write(own)
		require.NoError(t, err)
		for finished := 0; finished < requests; {
			r, err := reply(nc)
			require.NoError(t, err)
			if r.Err != nil {
				require.Equal(t, wire.CodeInvalid, r.Err.Code, r.Err.Message)
				stopped = true
			}
			if !r.More {
				finished++
			}
		}
		return ended.Load() - before, stopped
	}
	// omgd measures turns and the limit with the clock, so a process that is stopped makes a run unfair.
	var all int64
	var stopped bool
	run := 0
	harness.Await(t, func() bool {
		all, stopped = compare(run)
		run++
		t.Logf("one user with %[2]d connections finished %[1]d searches, while another user with one connection finished %[3]d", all, attackers, requests)
		// If each connection had the same share, this would be 1,000. The limit allows for replies that this test counts late.
		return all <= 30*requests && !stopped
	}, "a run in which the users share the time: in the last of %d runs, the attacker finished %d searches; a search was stopped: %v", &run, &all, &stopped)
	_, err := ask(dial(t, bob, d), wire.OpInfo, &wire.InfoRequest{Names: []string{"no-such-package"}})
	require.NoError(t, err)
}

// endless returns a search that takes so long that the daemon stops it with an error.
func endless(i int) *wire.SearchRequest {
	r := &wire.SearchRequest{Regex: true, Limit: 1, NoAUR: true}
	for n := range 100 {
		r.Words = append(r.Words, fmt.Sprintf("(.*[a-z%d])*.*[a-z%d]*", i, n))
	}
	return r
}

// processorTime returns the processor time that a daemon has used.
func processorTime(t *testing.T, d *harness.Daemon) time.Duration {
	t.Helper()
	stat := string(harness.ReadFile(t, filepath.Join("/proc", fmt.Sprint(d.PID()), "stat")))
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:]) // the fields after the program's name, beginning with the third field
	ticks, err := strconv.Atoi(fields[14-3])
	require.NoError(t, err)
	return time.Duration(ticks) * time.Second / 100
}

// TestTime_LongRequests checks that a short request is answered before the end of long requests that started earlier.
func TestTime_LongRequests(t *testing.T) {
	d := serve(t)
	const ended = `omg_request_duration_seconds_count{operation="search"}`
	searches := 0
	// A long request ends after five seconds, also while this test is stopped. The experiment is then repeated.
	harness.Await(t, func() bool {
		harness.Await(t, func() bool { return metric(t, d, ended) == searches }, "the end of %d searches", searches)
		before := processorTime(t, d)
		var long []harness.Conn
		for i := range 2 * runtime.NumCPU() {
			nc := dial(t, mallory+i, d)
			_, err := nc.Write(frame(1, wire.OpSearch, endless(searches+i)))
			require.NoError(t, err)
			long = append(long, nc)
		}
		harness.Await(t, func() bool { return processorTime(t, d) >= before+50*time.Millisecond }, "searches that have begun")
		nc := dial(t, alice, d)
		_, err := ask(nc, wire.OpInfo, &wire.InfoRequest{Names: []string{"core/none"}})
		require.NoError(t, err)
		if metric(t, d, ended) == searches {
			return true
		}
		for _, nc := range long {
			_, err := reply(nc)
			require.NoError(t, err)
		}
		searches += len(long)
		return false
	}, "a short request is answered while no long request has ended")
}

// TestCache_IsNotShared checks that a request is not answered with a reply that was cached for another user.
func TestCache_IsNotShared(t *testing.T) {
	d := serve(t)
	const hits = `omg_cache_hits_total{cache="search"}`
	search := func(uid int) {
		t.Helper()
		_, err := ask(dial(t, uid, d), wire.OpSearch, &wire.SearchRequest{Words: []string{"python"}, Limit: 5})
		require.NoError(t, err)
	}
	search(alice)
	search(bob)
	search(root)
	require.Zero(t, metric(t, d, hits))
	// A refresh may replace the snapshot at any time, and the replies in the cache with it.
	harness.Await(t, func() bool {
		search(alice)
		return metric(t, d, hits) == 1
	}, "a further request of the same user is answered from the cache")
}

// TestRoot_FollowsNoUser checks that root builds no index in a directory that another user owns, and follows no link
// in such a directory.
func TestRoot_FollowsNoUser(t *testing.T) {
	need.Root(t)
	s := harness.New(t)
	target, data := s.Path("target"), s.Path("theirs")
	require.NoError(t, os.Mkdir(target, 0o755))
	require.NoError(t, os.Mkdir(data, 0o755))
	require.NoError(t, os.Symlink(target, filepath.Join(data, "index")))
	require.NoError(t, os.Chown(data, mallory, mallory))
	require.NoError(t, os.Lchown(filepath.Join(data, "index"), mallory, mallory))
	for _, r := range []harness.Result{
		s.Run("omg-index", append([]string{"build"}, append(s.DatabaseFlags(), "--data-dir", data)...)...),
		s.Run("omgd", append([]string{"--foreground", "--socket", s.Socket()}, append(s.DatabaseFlags(), "--data-dir", data)...)...),
	} {
		require.NotZero(t, r.Code)
		require.Contains(t, r.Stderr, "belongs to user "+strconv.Itoa(mallory))
	}
	written, err := os.ReadDir(target)
	require.NoError(t, err)
	require.Empty(t, written)
}

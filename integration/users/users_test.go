// Package users attacks the system-wide daemon as one of its users, and asks it as others. It
// has a long form: see OMG_SOAK in CONTRIBUTING.md.
package users

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
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
	if words := strings.Fields(os.Getenv(helperVariable)); len(words) > 0 {
		if err := help(words); err != nil {
			panic(err)
		}
		return
	}
	harness.Main(m)
}

// The users: root, who administers; mallory, who attacks; and alice and bob.
const (
	root    = 0
	alice   = 41001
	bob     = 41002
	mallory = 41004
)

// packages is how many packages the daemon knows: enough for replies of some chunks.
const packages = 5_000

// patient are limits that no slow machine reaches.
var patient = []string{"OMG_LIMITS_UNREAD_TIMEOUT=1h", "OMG_LIMITS_WRITE_TIMEOUT=1h", "OMG_LIMITS_READ_TIMEOUT=1h", "OMG_LIMITS_USER_RATE=0", "OMG_AUR_ENABLED=false"}

// serve starts a system-wide daemon with these variables.
func serve(t *testing.T, variables ...string) *harness.Daemon {
	t.Helper()
	need.Root(t)
	s := harness.New(t, harness.Generated(fixture.Options{Packages: packages, Installed: 100, Seed: 1}), harness.Env(append(patient, variables...)...))
	return s.Start("--system")
}

// as runs f on a thread that is another user for this time.
func as(uid int, f func() error) error {
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
	err := f()
	if back := become(root); back != nil {
		panic(back) // the thread must not be used by others
	}
	return err
}

// connect connects as a user.
func connect(uid int, socket string) (*net.UnixConn, error) {
	var fd int
	err := as(uid, func() (err error) {
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

// dial is connect until the test ends.
func dial(t *testing.T, uid int, d *harness.Daemon) *net.UnixConn {
	t.Helper()
	nc, err := connect(uid, d.Socket)
	require.NoError(t, err)
	require.NoError(t, nc.SetDeadline(time.Now().Add(harness.Hang)))
	t.Cleanup(func() { _ = nc.Close() })
	return nc
}

// frame is the frame of a request.
func frame(id uint64, op string, request any) []byte {
	b, err := wire.AppendRequest(nil, id, op, request)
	if err != nil {
		panic(err)
	}
	return b
}

// reply reads one frame.
func reply(nc net.Conn) (wire.Reply, error) {
	b, err := wire.ReadFrame(nc, nil, wire.MaxFrame)
	if err != nil {
		return wire.Reply{}, err
	}
	return wire.DecodeReply(b)
}

// ask sends a request and reads the whole reply. An error of the daemon is returned too.
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

// metric returns a value of the daemon's metrics.
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

// memory returns a value of a process's memory in MB: VmRSS or VmHWM.
func memory(t *testing.T, d *harness.Daemon, field string) int {
	t.Helper()
	for line := range strings.Lines(string(harness.Read(t, filepath.Join("/proc", fmt.Sprint(d.PID()), "status")))) {
		var kb int
		if _, err := fmt.Sscanf(line, field+": %d kB", &kb); err == nil {
			return kb >> 10
		}
	}
	t.Fatalf("no %s of process %d", field, d.PID())
	return 0
}

// refusal reports whether a connection was refused as one too many, after it has sent a
// request without reading first.
func refusal(nc net.Conn) (refused bool, err error) {
	if _, err := nc.Write(frame(1, wire.OpPing, nil)); err != nil {
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

// TestConnections_OneUser: a user who opens as many connections as possible gets half of
// them. A refused client can read why. Others and root still connect.
func TestConnections_OneUser(t *testing.T) {
	const limit, reserve, tries = 128, 4, 200
	d := serve(t, fmt.Sprint("OMG_LIMITS_MAX_CONNECTIONS=", limit))
	var open, refused int
	for range tries {
		nc := dial(t, mallory, d)
		no, err := refusal(nc)
		require.NoError(t, err)
		if !no {
			open++
			continue
		}
		refused++
		require.NoError(t, nc.Close())
	}
	require.Equal(t, (limit-reserve)/2, open)
	require.Equal(t, tries-open, refused)
	for range 20 {
		no, err := refusal(dial(t, alice, d))
		require.NoError(t, err)
		require.False(t, no, "another user is not refused")
	}
	require.Equal(t, open+20+1, metric(t, d, "omg_connections"), "root is not refused")
	t.Logf("mallory: %d connections of %d, %d refusals, all read", open, tries, refused)
}

// TestConnections_Reserve: root connects even if many users together take all.
func TestConnections_Reserve(t *testing.T) {
	d := serve(t, "OMG_LIMITS_MAX_CONNECTIONS=64")
	open := 0
	for uid := mallory; open < 62; uid++ {
		require.Less(t, uid, mallory+64, "%d connections", open)
		for no := false; !no; {
			nc := dial(t, uid, d)
			var err error
			no, err = refusal(nc)
			require.NoError(t, err)
			if !no {
				open++
			} else {
				require.NoError(t, nc.Close())
			}
		}
	}
	no, err := refusal(dial(t, alice, d))
	require.NoError(t, err)
	require.True(t, no, "nothing is left for users")
	require.Positive(t, metric(t, d, "omg_connections"), "root is not refused")
}

// TestUnread_OneUser: replies that are not read hold up only further requests of the same
// user, and only a few are in memory at the same time.
func TestUnread_OneUser(t *testing.T) {
	d := serve(t, "OMG_LIMITS_MAX_UNSENT=2MiB")
	before := memory(t, d, "VmRSS")
	const tries = 300
	var deaf []*net.UnixConn
	for i := range tries {
		nc := dial(t, mallory, d)
		require.NoError(t, nc.SetReadBuffer(4<<10))
		_, err := nc.Write(frame(1, wire.OpSearch, &wire.SearchRequest{Words: []string{"a"}, Limit: uint32(packages + i)})) // no two are equal
		require.NoError(t, err)
		deaf = append(deaf, nc)
	}
	chunks, err := ask(dial(t, alice, d), wire.OpSearch, &wire.SearchRequest{Words: []string{"a"}})
	require.NoError(t, err)
	require.Greater(t, chunks, 3, "the reply is long")
	_, err = ask(dial(t, root, d), wire.OpMetrics, nil)
	require.NoError(t, err)
	begun := 0
	for _, nc := range deaf {
		if unread(t, nc) > 0 {
			begun++
		}
	}
	require.Positive(t, begun)
	require.LessOrEqual(t, begun, 40, "replies that are in memory")
	t.Logf("mallory: %d replies begun of %d; memory %d MB before, %d MB at most", begun, tries, before, memory(t, d, "VmHWM"))
}

// unread returns how many bytes have come and were not read.
func unread(t *testing.T, nc *net.UnixConn) (n int) {
	t.Helper()
	raw, err := nc.SyscallConn()
	require.NoError(t, err)
	cerr := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	require.NoError(t, errors.Join(cerr, err))
	return n
}

// TestCost_RefusedRequestsCount: requests with an unknown operation, and those that cannot
// be decoded, count as requests of their user, and of nobody else.
func TestCost_RefusedRequestsCount(t *testing.T) {
	unknown := frame(1, "no-such-operation", nil)
	for name, send := range map[string]func(*harness.Daemon){
		"unknown": func(d *harness.Daemon) {
			nc := dial(t, mallory, d)
			for range 3 {
				_, err := nc.Write(unknown)
				require.NoError(t, err)
				_, err = reply(nc)
				require.NoError(t, err)
			}
		},
		"undecodable": func(d *harness.Daemon) {
			for range 3 {
				nc := dial(t, mallory, d)
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
			send(d)
			_, err := ask(dial(t, mallory, d), wire.OpPing, nil)
			require.Equal(t, wire.CodeBusy, wire.CodeOf(err))
			_, err = ask(dial(t, alice, d), wire.OpPing, nil)
			require.NoError(t, err)
		})
	}
}

// expensive is a search that takes long, a different one each time.
func expensive(i int) *wire.SearchRequest {
	r := &wire.SearchRequest{Regex: true, Limit: 1, NoAUR: true}
	for n := range 21 {
		r.Words = append(r.Words, fmt.Sprintf("[aeiou%d].*[a-z%d]", i, n))
	}
	return r
}

// TestTime_OneUser: two users with expensive requests get about the same time to compute,
// however many connections one of them has. (By connections it would be a hundred times
// as much.) A third user's short request is answered.
func TestTime_OneUser(t *testing.T) {
	d := serve(t)
	const attackers, requests = 100, 10
	var ended atomic.Int64
	for i := range attackers {
		nc := dial(t, mallory, d)
		go func() {
			for n := 0; ; n++ {
				if _, err := ask(nc, wire.OpSearch, expensive(i*1000+n)); err != nil {
					return // the test has ended
				}
				ended.Add(1)
			}
		}()
	}
	harness.Await(t, func() bool { return ended.Load() > 2 }, "an attack")
	nc := dial(t, alice, d)
	before := ended.Load()
	for n := range requests {
		_, err := ask(nc, wire.OpSearch, expensive(1_000_000+n))
		require.NoError(t, err)
	}
	all := ended.Load() - before
	t.Logf("%d searches of %d connections of one user ended during %d of one connection of another", all, attackers, requests)
	require.LessOrEqual(t, all, int64(10*requests))
	_, err := ask(dial(t, bob, d), wire.OpInfo, &wire.InfoRequest{Names: []string{"no-such-package"}})
	require.NoError(t, err)
}

// endless is a search that ends because it takes too long.
func endless(i int) *wire.SearchRequest {
	r := &wire.SearchRequest{Regex: true, Limit: 1, NoAUR: true}
	for n := range 100 {
		r.Words = append(r.Words, fmt.Sprintf("(.*[a-z%d])*.*[a-z%d]*", i, n))
	}
	return r
}

// TestTime_LongRequests: long requests, which begin before anybody else asks, do not keep
// others waiting until they end.
func TestTime_LongRequests(t *testing.T) {
	d := serve(t)
	var ended atomic.Int64
	users := 2 * runtime.NumCPU()
	for i := range users {
		nc := dial(t, mallory+i, d)
		go func() {
			_, _ = ask(nc, wire.OpSearch, endless(i))
			ended.Add(1)
		}()
	}
	harness.Await(t, func() bool { return metric(t, d, "omg_connections") > users }, "their connections")
	nc := dial(t, alice, d)
	for n := range 10 {
		_, err := ask(nc, wire.OpInfo, &wire.InfoRequest{Names: []string{fmt.Sprint("core/none", n)}})
		require.NoError(t, err)
	}
	require.Zero(t, ended.Load(), "long requests that have ended")
}

// TestCache_IsNotShared: a user's request is not answered from what another one's has put
// into a cache.
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
	search(alice)
	require.Equal(t, 1, metric(t, d, hits), "one's own entry is used")
}

// TestRoot_FollowsNoUser: root builds no index in a directory that a user controls.
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
		s.Run("omg-index", append([]string{"build"}, append(s.Databases(), "--data-dir", data)...)...),
		s.Run("omgd", append([]string{"--foreground", "--socket", s.Socket()}, append(s.Databases(), "--data-dir", data)...)...),
	} {
		require.NotZero(t, r.Code)
		require.Contains(t, r.Stderr, "belongs to user "+strconv.Itoa(mallory))
	}
	written, err := os.ReadDir(target)
	require.NoError(t, err)
	require.Empty(t, written)
}

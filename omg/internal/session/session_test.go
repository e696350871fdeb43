package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// user is a user with generated databases.
type user struct {
	t      *testing.T
	home   string
	served wire.ServedPaths

	mu    sync.Mutex
	notes []string
}

func newUser(t *testing.T) *user {
	t.Helper()
	home, err := os.MkdirTemp("", "session-") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	u := &user{t: t, home: home, served: wire.ServedPaths{DBPath: filepath.Join(home, "db"), PacmanConfig: filepath.Join(home, "pacman.conf")}}
	require.NoError(t, fixture.WriteDatabases(u.served.DBPath, fixture.Options{Packages: 60, Installed: 20, Seed: 3}))
	require.NoError(t, os.WriteFile(u.served.PacmanConfig, []byte("[core]\n[extra]\n[multilib]\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(home, "config.toml"), []byte("[aur]\nenabled = false\n"), 0o644))
	for name, value := range map[string]string{
		"HOME": home, "XDG_RUNTIME_DIR": home, "XDG_DATA_HOME": filepath.Join(home, "share"), "OMG_CONFIG": filepath.Join(home, "config.toml"),
		"OMG_SOCKET_PATH": "", "OMG_NEWS_ENABLED": "false",
	} {
		t.Setenv(name, value)
	}
	return u
}

// open opens a session.
func (u *user) open(o backend.Options) *Session {
	o.PrintNote = func(line string) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.notes = append(u.notes, line)
	}
	s := Open(o)
	u.t.Cleanup(s.Close)
	return s
}

// takeNotes returns the notes since the last call.
func (u *user) takeNotes() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	notes := u.notes
	u.notes = nil
	return notes
}

// daemon is a fake daemon.
type daemon struct {
	served   wire.ServedPaths
	listener net.Listener
	running  sync.WaitGroup
	asked    chan string // the word of each search

	mu          sync.Mutex
	conns       map[net.Conn]bool
	mostConns   int
	statuses    map[net.Conn]uint64 // the connections that watch, with the id of the request
	lastCounter uint64
}

// start starts a daemon at the user's default socket.
func (u *user) start(served wire.ServedPaths) *daemon {
	u.t.Helper()
	l, err := net.Listen("unix", filepath.Join(u.home, "omg.sock"))
	require.NoError(u.t, err)
	d := &daemon{served: served, listener: l, asked: make(chan string, 100), conns: map[net.Conn]bool{}, statuses: map[net.Conn]uint64{}}
	d.running.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conns[nc] = true
			d.mostConns = max(d.mostConns, len(d.conns))
			d.mu.Unlock()
			d.running.Go(func() { d.serve(nc) })
		}
	})
	u.t.Cleanup(d.stop)
	return d
}

// stop ends the daemon and its connections.
func (d *daemon) stop() {
	_ = d.listener.Close()
	d.mu.Lock()
	for nc := range d.conns {
		_ = nc.Close()
	}
	d.mu.Unlock()
	d.running.Wait()
}

func (d *daemon) serve(nc net.Conn) {
	defer func() {
		_ = nc.Close()
		d.mu.Lock()
		delete(d.conns, nc)
		delete(d.statuses, nc)
		d.mu.Unlock()
	}()
	for {
		frame, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
		if err != nil {
			return
		}
		h, err := wire.DecodeRequestHeader(frame)
		if err != nil {
			return
		}
		if _, err := nc.Write(d.reply(nc, h, frame)); err != nil {
			return
		}
	}
}

// reply returns the reply to a request. A search for "slow" gets none.
func (d *daemon) reply(nc net.Conn, h wire.RequestHeader, frame []byte) []byte {
	switch string(h.Op) {
	case wire.OpHello:
		return result(h.ID, &wire.HelloResult{Protocol: wire.ProtocolVersion, Server: "test", ServedPaths: d.served}, false)
	case wire.OpWatch:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.statuses[nc] = h.ID
		d.lastCounter++
		return result(h.ID, &wire.StatusResult{Basis: wire.Basis{Generation: d.lastCounter}}, true)
	case wire.OpSearch:
		var r wire.SearchRequest
		_ = r.DecodeRequest(frame)
		d.asked <- r.Words[0]
		if r.Words[0] == "slow" {
			return nil
		}
		return result(h.ID, &wire.SearchResult{Total: 1, Packages: []wire.Package{{Name: "from-omgd"}}}, false)
	}
	return wire.AppendError(nil, h.ID, wire.Errorf(wire.CodeInvalid, "unknown operation"))
}

func result(id uint64, v any, more bool) []byte {
	b, err := msgpack.Marshal(v)
	if err != nil {
		panic(err)
	}
	return wire.AppendResult(nil, id, b, more)
}

// push sends another status to all who watch.
func (d *daemon) push() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lastCounter++
	for nc, id := range d.statuses {
		_, _ = nc.Write(result(id, &wire.StatusResult{Basis: wire.Basis{Generation: d.lastCounter}}, true))
	}
}

// search returns the names that a search finds.
func search(ctx context.Context, s *Session, words ...string) (names []string, err error) {
	_, err = s.Search(ctx, &wire.SearchRequest{Words: words}, func(p *wire.Package) error {
		names = append(names, p.Name)
		return nil
	}, func() {})
	return names, err
}

// requireDaemon requires that omgd answers.
func requireDaemon(t *testing.T, s *Session) {
	t.Helper()
	names, err := search(t.Context(), s, "e")
	require.NoError(t, err)
	require.Equal(t, []string{"from-omgd"}, names)
}

// requireFiles requires that a search is answered from the user's databases.
func requireFiles(t *testing.T, s *Session) {
	t.Helper()
	names, err := search(t.Context(), s, "")
	require.NoError(t, err)
	require.Len(t, names, 60)
	require.NotContains(t, names, "from-omgd")
}

// TestSession_Daemon checks from where requests are answered while omgd runs, ends, is back, and is back with other databases.
func TestSession_Daemon(t *testing.T) {
	u := newUser(t)
	d := u.start(u.served)
	s := u.open(backend.Options{})
	var running sync.WaitGroup
	for range 50 {
		running.Go(func() {
			if names, err := search(t.Context(), s, "e"); err != nil || !slices.Equal(names, []string{"from-omgd"}) {
				t.Error(names, err)
			}
		})
	}
	running.Wait()
	d.mu.Lock()
	require.LessOrEqual(t, d.mostConns, maxConnections)
	d.mu.Unlock()
	require.Empty(t, u.takeNotes())
	tree, err := s.Tree(t.Context(), &backend.TreeRequest{Name: "nothing", MaxDepth: -1})
	require.NoError(t, err, "omgd has no operation for it: the files of its system are read")
	require.Empty(t, tree.Packages)

	d.stop()
	requireFiles(t, s)
	requireFiles(t, s)
	notes := u.takeNotes()
	require.Len(t, slices.DeleteFunc(slices.Clone(notes), func(n string) bool { return !strings.HasPrefix(n, "answering without omgd: ") }), 1, "%q", notes)
	require.Len(t, notes, 2, "it also says how the files are read, once")

	d = u.start(u.served)
	requireDaemon(t, s)
	d.stop()
	u.start(wire.ServedPaths{DBPath: "/srv/other"})
	requireFiles(t, s)
	require.Contains(t, strings.Join(u.takeNotes(), "\n"), "reads other databases than before")
}

// TestSession_Files checks that a session that has begun without a daemon stays with its system.
func TestSession_Files(t *testing.T) {
	u := newUser(t)
	s := u.open(backend.Options{DBPath: u.served.DBPath, PacmanConfig: u.served.PacmanConfig})
	requireFiles(t, s)
	u.start(wire.ServedPaths{DBPath: "/srv/other"})
	requireFiles(t, s)

	begun := u.open(backend.Options{})
	_, err := search(t.Context(), begun, "e")
	require.NoError(t, err, "another session accepts this daemon")
	s.Close()
	_, err = search(t.Context(), s, "e")
	require.ErrorIs(t, err, errClosed)
}

// TestSession_Canceled checks that requests whose context ends return while omgd does not reply, and do not delay others.
func TestSession_Canceled(t *testing.T) {
	u := newUser(t)
	d := u.start(u.served)
	s := u.open(backend.Options{})
	for range 3 {
		slow, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2*maxConnections)
		for range cap(ended) {
			go func() {
				_, err := search(slow, s, "slow")
				ended <- err
			}()
		}
		for range maxConnections {
			require.Equal(t, "slow", await.Receive(t, d.asked, "a slow search"))
		}
		cancel()
		for range cap(ended) {
			require.ErrorIs(t, await.Receive(t, ended, "the end of a search"), context.Canceled)
		}
		requireDaemon(t, s)
		for await.Receive(t, d.asked, "the search that is not slow") == "slow" { // it began when the context ended
		}
	}
	require.Empty(t, u.takeNotes())
}

// TestSession_Visit checks that the error of a function that gets the packages ends the request, and that the next one is answered.
func TestSession_Visit(t *testing.T) {
	u := newUser(t)
	u.start(u.served)
	s := u.open(backend.Options{})
	stop := errors.New("stop")
	_, err := s.Search(t.Context(), &wire.SearchRequest{Words: []string{"e"}}, func(*wire.Package) error { return stop }, func() {})
	require.ErrorIs(t, err, stop)
	requireDaemon(t, s)
	_, err = s.Outdated(t.Context())
	require.ErrorContains(t, err, "unknown operation")
	requireDaemon(t, s)
}

// changes calls Watch, and returns a function that returns the next change.
func (u *user) changes(s *Session) func() Change {
	u.t.Helper()
	ctx, cancel := context.WithCancel(u.t.Context())
	list, ended := make(chan Change), make(chan error, 1)
	go func() {
		ended <- s.Watch(ctx, func(c Change) error {
			select {
			case list <- c:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	u.t.Cleanup(func() {
		cancel()
		require.ErrorIs(u.t, await.Receive(u.t, ended, "the end of Watch"), context.Canceled)
	})
	return func() Change {
		u.t.Helper()
		return await.Receive(u.t, list, "a change")
	}
}

// TestWatch_Daemon checks what Watch reports while omgd runs, ends and is back.
func TestWatch_Daemon(t *testing.T) {
	u := newUser(t)
	d := u.start(u.served)
	s := u.open(backend.Options{})
	next := u.changes(s)
	for generation := range uint64(3) {
		c := next()
		require.Equal(t, StateDaemon, c.State)
		require.Equal(t, generation+1, c.Status.Generation)
		d.push()
	}
	require.Equal(t, StateDaemon, next().State)
	d.stop()
	require.Equal(t, Change{State: StateLost, Reason: "omgd is not running"}, next())
	c := next()
	require.Equal(t, StateLost, c.State)
	require.EqualValues(t, 20, *c.Status.Counts.Installed, "the status in the files")
	u.start(u.served)
	c = next()
	require.Equal(t, StateDaemon, c.State)
	require.EqualValues(t, 1, c.Status.Generation)
	requireDaemon(t, s)

	stop := errors.New("stop")
	require.ErrorIs(t, s.Watch(t.Context(), func(Change) error { return stop }), stop)
}

// TestWatch_Files checks that changes of the files are reported with the next request.
func TestWatch_Files(t *testing.T) {
	u := newUser(t)
	s := u.open(backend.Options{DBPath: u.served.DBPath, PacmanConfig: u.served.PacmanConfig})
	next := u.changes(s)
	c := next()
	require.Equal(t, StateFiles, c.State)
	require.NotEmpty(t, c.Reason)
	require.Nil(t, c.Status)
	require.EqualValues(t, 20, *next().Status.Counts.Installed)
	local, err := filepath.Glob(filepath.Join(u.served.DBPath, "local", "*-*"))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(local[0]))
	requireFiles(t, s)
	require.EqualValues(t, 19, *next().Status.Counts.Installed)
}

// TestConnections_Unanswered checks that a daemon that has not responded is not asked again, until one has responded.
func TestConnections_Unanswered(t *testing.T) {
	c := newConnections()
	failed := fmt.Errorf("omgd does not respond: %w", os.ErrDeadlineExceeded)
	c.noteResult("/socket", errors.New("another error"))
	_, err := c.takeIdle("/socket")
	require.NoError(t, err)
	c.noteResult("/socket", failed)
	_, err = c.takeIdle("/socket")
	require.Equal(t, failed, err)
	_, err = c.takeIdle("/other")
	require.NoError(t, err)
	c.askAgain()
	_, err = c.takeIdle("/socket")
	require.NoError(t, err)
}

package remote

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// daemonPaths holds the paths of the databases that the fake daemon reads.
var daemonPaths = wire.ServedPaths{DBPath: "/other/db", PacmanConfig: "/other/pacman.conf"}

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	b, err := msgpack.Marshal(v)
	require.NoError(t, err)
	return b
}

// reply returns the frames that the fake daemon sends for a request. The result end is true if the daemon then closes the
// connection.
type reply func(id uint64) (frames []byte, end bool)

func breaks(uint64) ([]byte, bool) { return nil, true }

// refuses returns an error reply. The parameter served is nil if the reply does not say which databases the daemon
// reads.
func refuses(code wire.Code, served *wire.ServedPaths) reply {
	return func(id uint64) ([]byte, bool) {
		e := wire.Errorf(code, "a refusal")
		e.ServedPaths = served
		return wire.AppendError(nil, id, e), false
	}
}

// result returns a reply with chunks.
func result(t testing.TB, chunks ...any) reply {
	var list [][]byte
	for _, c := range chunks {
		list = append(list, encoded(t, c))
	}
	return func(id uint64) (frames []byte, end bool) {
		for i, b := range list {
			frames = wire.AppendResult(frames, id, b, i < len(list)-1)
		}
		return frames, false
	}
}

func greets(t testing.TB, served wire.ServedPaths) reply {
	return result(t, &wire.HelloResult{Protocol: wire.ProtocolVersion, Server: "test", ServedPaths: served})
}

// conduct is the behaviour of the fake daemon.
type conduct struct {
	greeting, other reply
	// onConnect returns the bytes that the daemon sends to each new connection. The daemon then closes the connection. If
	// onConnect is nil, the daemon answers the requests of the connection.
	onConnect func() []byte
	// closeAfter delays the end of a connection: after its first reply, the daemon waits until this channel is closed, and
	// then closes the connection. If closeAfter is nil, the connection stays open.
	closeAfter <-chan struct{}
}

// standIn is a fake daemon.
type standIn struct {
	mu          sync.Mutex
	how         conduct
	asked       []string // the operations that clients requested, without the greeting
	connections int      // how many were accepted
}

// behave changes the behaviour of the fake daemon, and forgets the operations that clients have requested.
func (s *standIn) behave(how conduct) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.how, s.asked = how, nil
}

// start listens on a socket.
func (s *standIn) start(t *testing.T, socket string) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.connections++
			s.mu.Unlock()
			serving.Go(func() { s.serve(nc) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
}

func (s *standIn) serve(nc net.Conn) {
	defer nc.Close()
	s.mu.Lock()
	how := s.how
	s.mu.Unlock()
	if how.onConnect != nil {
		_, _ = nc.Write(how.onConnect())
		return
	}
	for {
		frame, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
		if err != nil {
			return
		}
		h, err := wire.DecodeRequestHeader(frame)
		if err != nil {
			return
		}
		reply, greeting := how.greeting, string(h.Op) == wire.OpHello
		if !greeting {
			s.mu.Lock()
			s.asked = append(s.asked, string(h.Op))
			s.mu.Unlock()
			reply = how.other
		}
		frames, end := reply(h.ID)
		if _, err := nc.Write(frames); err != nil || end {
			return
		}
		if !greeting && how.closeAfter != nil {
			<-how.closeAfter
			return
		}
	}
}

// countConnections returns how many connections clients have made to the daemon's socket.
func (s *standIn) countConnections(t *testing.T, socket string) int {
	t.Helper()
	s.behave(conduct{onConnect: func() []byte { return []byte{0} }})
	last, err := net.Dial("unix", socket)
	require.NoError(t, err)
	defer last.Close()
	_, err = last.Read(make([]byte, 1)) // connections are accepted in their order, and this is the last one
	require.NoError(t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections - 1
}

func (s *standIn) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// errBecame is returned by the tests' version of Host.SwitchToDirect, which records its arguments.
var errBecame = errors.New("became omg-direct")

// testUser is the environment of a user, and records what the backend did.
type testUser struct {
	socket string // the default socket
	notes  []string
	became []wire.ServedPaths // for each call of SwitchToDirect, the databases that omg-direct would read
	// unanswered is the socket of the daemon that has not answered, as the last call of SwitchToDirect passes it.
	unanswered string
}

func newTestUser(t *testing.T) *testUser {
	t.Helper()
	dir, err := os.MkdirTemp("", "remote-") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return &testUser{socket: filepath.Join(dir, "omg.sock")}
}

// served returns a test user and a fake daemon that listens on the user's default socket.
func served(t *testing.T, how conduct) (*testUser, *standIn) {
	t.Helper()
	w, s := newTestUser(t), &standIn{how: how}
	s.start(t, w.socket)
	return w, s
}

func (w *testUser) backend(o backend.Options) *Backend {
	w.notes, w.became, w.unanswered = nil, nil, ""
	o.PrintNote = func(line string) { w.notes = append(w.notes, line) }
	return &Backend{
		o: o,
		env: paths.Env{UID: os.Getuid(), Root: filepath.Dir(w.socket), Getenv: func(name string) string {
			return map[string]string{"XDG_RUNTIME_DIR": filepath.Dir(w.socket)}[name]
		}},
		host: Host{
			Connect: client.Dial,
			Release: func(conn *client.Conn, _ error) { _ = conn.Close() },
			SwitchToDirect: func(o backend.Options, served wire.ServedPaths) error {
				w.became, w.unanswered = append(w.became, served), o.UnansweredSocket
				return errBecame
			},
		},
	}
}

// requests returns, for each kind of request, a function that sends this request to a backend. The packages of search
// results are passed to the function visit.
func requests(visit func(*wire.Package) error) map[string]func(context.Context, backend.Backend) error {
	return map[string]func(context.Context, backend.Backend) error{
		"search": func(ctx context.Context, b backend.Backend) error {
			_, err := b.Search(ctx, &wire.SearchRequest{}, visit, func() {})
			return err
		},
		"info": func(ctx context.Context, b backend.Backend) error {
			_, err := b.Info(ctx, &wire.InfoRequest{}, visit, func() {})
			return err
		},
		"status": func(ctx context.Context, b backend.Backend) error { _, err := b.Status(ctx); return err },
		"installed": func(ctx context.Context, b backend.Backend) error {
			_, err := b.Installed(ctx, &wire.InstalledRequest{})
			return err
		},
		"explicit": func(ctx context.Context, b backend.Backend) error { _, err := b.Explicit(ctx); return err },
		"outdated": func(ctx context.Context, b backend.Backend) error { _, err := b.Outdated(ctx); return err },
		"news":     func(ctx context.Context, b backend.Backend) error { _, err := b.News(ctx); return err },
		"security": func(ctx context.Context, b backend.Backend) error {
			_, err := b.Security(ctx, &wire.SecurityRequest{})
			return err
		},
		"history": func(ctx context.Context, b backend.Backend) error {
			_, err := b.StatusHistory(ctx, &wire.HistoryRequest{})
			return err
		},
		"health":      func(ctx context.Context, b backend.Backend) error { _, err := b.Health(ctx); return err },
		"metrics":     func(ctx context.Context, b backend.Backend) error { _, err := b.Metrics(ctx); return err },
		"refresh":     func(ctx context.Context, b backend.Backend) error { _, err := b.Refresh(ctx); return err },
		"sources":     func(ctx context.Context, b backend.Backend) error { _, err := b.RefreshSources(ctx); return err },
		"clear cache": func(ctx context.Context, b backend.Backend) error { _, err := b.ClearCache(ctx); return err },
		"log level":   func(ctx context.Context, b backend.Backend) error { _, err := b.LogLevel(ctx, ""); return err },
		"owns":        func(ctx context.Context, b backend.Backend) error { _, err := b.Owns(ctx, nil); return err },
		"files":       func(ctx context.Context, b backend.Backend) error { _, err := b.Files(ctx, nil); return err },
		"why":         func(ctx context.Context, b backend.Backend) error { _, err := b.Why(ctx, "", false); return err },
		"aur log": func(ctx context.Context, b backend.Backend) error {
			_, err := b.AURLog(ctx, &backend.AURLogRequest{}, nil)
			return err
		},
		"aur check": func(ctx context.Context, b backend.Backend) error {
			_, err := b.AURCheck(ctx, &backend.AURCheckRequest{Names: []string{"yay"}, Offline: true})
			return err
		},
		"devel": func(ctx context.Context, b backend.Backend) error {
			_, err := b.Devel(ctx, &backend.DevelRequest{})
			return err
		},
		"aur pkgbuild": func(ctx context.Context, b backend.Backend) error {
			_, err := b.AURPKGBUILD(ctx, "yay")
			return err
		},
		"aur diff": func(ctx context.Context, b backend.Backend) error {
			_, err := b.AURDiff(ctx, &backend.AURDiffRequest{})
			return err
		},
		"config": func(ctx context.Context, b backend.Backend) error { _, err := b.Config(ctx, false); return err },
		"doctor": func(ctx context.Context, b backend.Backend) error { _, err := b.Doctor(ctx); return err },
		"which":  func(ctx context.Context, b backend.Backend) error { _, err := b.ActiveVersions(ctx, nil); return err },
		"list": func(ctx context.Context, b backend.Backend) error {
			_, err := b.InstalledVersions(ctx, nil)
			return err
		},
		"use": func(ctx context.Context, b backend.Backend) error { _, err := b.UseRuntime(ctx, "", ""); return err },
	}
}

// questions holds, for each kind of request, a function that sends the request and ignores the packages of the result.
var questions = requests(func(*wire.Package) error { return nil })

// kinds groups the requests by the program that answers them.
var kinds = map[string][]string{
	// The daemon answers these requests. If the daemon fails, omg-direct answers from the same databases.
	"data": {"search", "info", "status", "installed", "explicit", "outdated", "news"},
	// Only the daemon can answer these requests. They fail if the options name another system's databases.
	"kept": {"security", "history"},
	// Only the daemon can answer these requests. They are sent even if the options name another system's databases.
	"daemon": {"health", "metrics", "refresh", "sources", "clear cache", "log level", "aur pkgbuild"},
	// omg-direct answers these requests from the databases that the daemon reads. They fail if the databases are unknown.
	"files": {"owns", "files", "why", "aur log", "aur check", "aur diff", "devel"},
	// omg-direct answers this request from the daemon's databases or, if they are unknown, from the default databases.
	"checks": {"doctor"},
	// omg-direct answers these requests, and the daemon is not asked.
	"here": {"config", "which", "list", "use"},
}

// TestKinds checks that every method of the interface Backend is in the map kinds.
func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, names := range kinds {
		for _, name := range names {
			require.Contains(t, questions, name)
			seen[name] = true
		}
	}
	require.Len(t, seen, len(questions))
}

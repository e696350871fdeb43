package ask

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// served is what the daemon of these tests greets with.
var served = wire.HelloResult{Protocol: wire.Protocol, Server: "test", DBPath: "/other/db", PacmanConfig: "/other/pacman.conf"}

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	b, err := msgpack.Marshal(v)
	require.NoError(t, err)
	return b
}

// reply is what a stand-in for omgd does with a request; nil closes the
// connection.
type reply func(id uint64) []byte

func closes(uint64) []byte { return nil }

func refuses(code wire.Code) reply {
	return func(id uint64) []byte { return wire.AppendError(nil, id, wire.Errorf(code, "a refusal")) }
}

func result(t testing.TB, v any) reply {
	b := encoded(t, v)
	return func(id uint64) []byte { return wire.AppendResult(nil, id, b, false) }
}

// standIn listens as a daemon of the user, who has not named it, and returns its
// socket. It replies to the greeting and to any other request.
func standIn(t *testing.T, greeting, other reply) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ask-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("OMG_SOCKET_PATH", "")
	socket := filepath.Join(dir, "omg.sock")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			serve(nc, greeting, other)
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return socket
}

func serve(nc net.Conn, greeting, other reply) {
	defer nc.Close()
	for {
		frame, err := wire.ReadFrame(nc, nil)
		if err != nil {
			return
		}
		h, err := wire.DecodeHeader(frame)
		if err != nil {
			return
		}
		b := other(h.ID)
		if string(h.Op) == wire.OpHello {
			b = greeting(h.ID)
		}
		if _, err := nc.Write(b); err != nil || b == nil {
			return
		}
	}
}

// asking is an Asker whose questions are answered by local, for want of a daemon,
// with the databases that it was to read.
func asking(notes *[]string) *Asker {
	return &Asker{
		Note: func(line string) { *notes = append(*notes, line) },
		Local: func(_ context.Context, a *Asker, _ string, _ any, _ Emit) error {
			return fmt.Errorf("read %s and %s by %q", a.DBPath, a.PacmanConfig, a.located)
		},
	}
}

// TestAsk_FailedDaemon: what omg reads in the place of a daemon that fails is what
// that daemon reads, or the question has no answer.
func TestAsk_FailedDaemon(t *testing.T) {
	const (
		theirs = `read /other/db and /other/pacman.conf by ["--dbpath" "/other/db" "--pacman-config" "/other/pacman.conf"]`
		usual  = `read  and  by []`
		hint   = "with --no-daemon omg reads this machine's databases itself"
	)
	greets := result(t, &served)
	for name, c := range map[string]struct {
		greeting, other reply
		read            string // nothing if the error is the daemon's
		named           string // the same for a daemon that is named, where that differs
		err             string
		note            string
	}{
		"not ready":         {greeting: greets, other: refuses(wire.CodeNotReady), read: theirs, note: "omgd: a refusal: answering without it"},
		"busy":              {greeting: greets, other: refuses(wire.CodeBusy), read: theirs, note: "omgd: a refusal: answering without it"},
		"internal":          {greeting: greets, other: refuses(wire.CodeInternal), read: theirs, note: "omgd: a refusal: answering without it"},
		"breaks":            {greeting: greets, other: closes, read: theirs, note: "the connection to omgd broke: EOF: answering without omgd"},
		"pacman's own":      {greeting: result(t, &wire.HelloResult{Protocol: 1}), other: closes, read: usual, note: "the connection to omgd broke: EOF: answering without omgd"},
		"not found":         {greeting: greets, other: refuses(wire.CodeNotFound), err: "a refusal"},
		"breaks at once":    {greeting: closes, other: closes, err: "the connection to omgd broke: "},
		"refused at once":   {greeting: refuses(wire.CodeShuttingDown), other: closes, err: "a refusal"},
		"too old":           {greeting: refuses(wire.CodeVersion), other: closes, err: "a refusal"},
		"not for this user": {greeting: refuses(wire.CodeNotAllowed), other: closes, read: usual, named: "-", err: "a refusal", note: "omgd: a refusal: answering without it"},
	} {
		t.Run(name, func(t *testing.T) {
			socket := standIn(t, c.greeting, c.other)
			for _, named := range []bool{false, true} {
				var notes []string
				a := asking(&notes)
				want := c.read
				if named {
					a.Socket = socket
					if c.named != "" {
						want = ""
					}
				}
				err := a.Get(t.Context(), wire.OpStatus, nil, &wire.StatusResult{})
				require.Equal(t, exit.Failed, exit.Code(err))
				if want != "" {
					require.EqualError(t, err, want)
					require.Equal(t, []string{c.note}, notes)
					continue
				}
				require.ErrorContains(t, err, c.err)
				require.Empty(t, notes)
				var e *exit.Error
				require.ErrorAs(t, err, &e)
				if name != "not found" {
					require.Equal(t, hint, e.Hint)
				}
			}
		})
	}
}

// TestAsk_FailedDaemon_Named: what the command line names is read, whatever the
// daemon reads.
func TestAsk_FailedDaemon_Named(t *testing.T) {
	var notes []string
	for _, greeting := range []reply{result(t, &served), closes} {
		a := asking(&notes)
		a.Socket = standIn(t, greeting, closes)
		a.DBPath, a.PacmanConfig = "/my/db", "/my/pacman.conf"
		require.EqualError(t, a.Get(t.Context(), wire.OpStatus, nil, nil), `read /my/db and /my/pacman.conf by []`)
	}
	a := asking(&notes)
	a.Socket = standIn(t, result(t, &served), closes)
	a.DBPath = "/my/db"
	require.EqualError(t, a.Get(t.Context(), wire.OpStatus, nil, nil),
		`read /my/db and /other/pacman.conf by ["--pacman-config" "/other/pacman.conf"]`)
	a = asking(&notes)
	a.Socket = standIn(t, closes, closes)
	a.DBPath = "/my/db"
	require.ErrorIs(t, a.Get(t.Context(), wire.OpStatus, nil, nil), client.ErrBroken, "whose repositories?")
}

// TestRead_Daemon: what only files answer is read where the daemon reads, or not
// at all.
func TestRead_Daemon(t *testing.T) {
	var notes []string
	for _, op := range []string{OpFiles, OpOwns, OpWhy} {
		a := asking(&notes)
		a.Socket = standIn(t, result(t, &served), closes)
		require.ErrorContains(t, a.Read(t.Context(), op, nil, nil), "read /other/db and /other/pacman.conf")

		standIn(t, refuses(wire.CodeBusy), closes)
		err := asking(&notes).Read(t.Context(), op, nil, nil)
		require.EqualError(t, err, "a refusal")
		require.Equal(t, exit.Failed, exit.Code(err))
	}
	standIn(t, closes, closes)
	require.ErrorContains(t, asking(&notes).Read(t.Context(), OpConfig, nil, nil), "read  and  by []", "no question about packages")
	require.Empty(t, notes)
}

// TestAsk_AboutDaemon: nobody answers for the daemon itself.
func TestAsk_AboutDaemon(t *testing.T) {
	for _, op := range []string{wire.OpHealth, wire.OpRefresh, wire.OpMetrics, wire.OpCacheClear, wire.OpLogLevel} {
		standIn(t, result(t, &served), closes)
		var notes []string
		require.ErrorIs(t, asking(&notes).Get(t.Context(), op, nil, nil), client.ErrBroken, op)
		require.Empty(t, notes)
	}
}

// TestForeign: what is no daemon for this user counts as none, unless it is named.
func TestForeign(t *testing.T) {
	t.Setenv("OMG_SOCKET_PATH", "")
	foreign := []error{
		fmt.Errorf("x: %w (user 7)", client.ErrUntrusted), fmt.Errorf("x: %w", client.ErrNoSocket),
		&os.PathError{Op: "connect", Path: "x", Err: fs.ErrPermission}, wire.Errorf(wire.CodeNotAllowed, "no"),
	}
	for _, err := range foreign {
		require.True(t, (&Asker{}).foreign(err), err)
		require.False(t, (&Asker{Socket: "/x"}).foreign(err), err)
	}
	for _, err := range []error{client.ErrBroken, os.ErrDeadlineExceeded, wire.Errorf(wire.CodeBusy, "no"), errors.New("x")} {
		require.False(t, (&Asker{}).foreign(err), err)
	}
	t.Setenv("OMG_SOCKET_PATH", "/x")
	for _, err := range foreign {
		require.False(t, (&Asker{}).foreign(err), err)
	}
}

package fallback

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

// questions are all commands of omg that read pacman's databases.
var questions = []string{
	"search -q app", "info app", "installed", "info -i app", "explicit", "orphans", "foreign", "outdated",
	"status --format {{.counts.installed}},{{.index.packages}}",
	"owns /usr/share/app", "files app", "why app",
}

// system creates a system with one repository, whose name is the parameter word. The package app is in the repository
// and installed, in the same version. The package WORD-app is only in the repository, and WORD-foreign is only installed.
func system(t *testing.T, word, version string) *harness.System {
	t.Helper()
	s := harness.New(t, harness.WithoutDatabases())
	harness.WriteFile(t, s.SyncDBPath(word), harness.BuildDatabase(t, harness.NewPackageEntry("app", version), harness.NewPackageEntry(word+"-app", "1-1")))
	harness.WriteFile(t, s.PacmanConf, "[options]\nArchitecture = x86_64\n["+word+"]\nServer = file:///nowhere\n")
	s.Install("app", version)
	s.Install(word+"-foreign", "1-1", "REASON", "1")
	return s
}

// machine mounts the databases of one system over the machine's own databases. It returns another system, for a daemon
// to serve.
func machine(t *testing.T) *harness.System {
	t.Helper()
	m := system(t, "hosted", "1-1")
	m.Install("hosted-tool", "1-1")
	m.MountOverMachine()
	s := system(t, "theirs", "2-1")
	require.Equal(t, "app\nhosted-foreign\nhosted-tool\n", s.Run("omg", "--no-daemon", "installed", "-q").Stdout, "the mounts are as they should be")
	return s
}

// inBothWays runs omg with a question twice, and calls check with each result. In the first run, omg finds the socket
// itself. In the second run, --socket names the socket, and the argument named is true.
func inBothWays(s *harness.System, question string, check func(r harness.Result, named bool)) {
	s.T.Helper()
	check(s.WithEnv("OMG_SOCKET_PATH=").Run("omg", strings.Fields(question)...), false)
	check(s.Run("omg", append([]string{"--socket", s.Socket()}, strings.Fields(question)...)...), true)
}

// requireDaemonData requires that the output contains nothing from the databases in /var/lib/pacman. The daemon serves
// other databases.
func requireDaemonData(t *testing.T, r harness.Result, what string) {
	t.Helper()
	require.NotContains(t, r.Stdout+r.Stderr, "hosted", what)
	require.NotContains(t, r.Stdout, "app 1-1", what)
}

// TestFallback_UnreadableDatabase checks that omg fails if the daemon cannot read the local database, and does not
// read another one.
func TestFallback_UnreadableDatabase(t *testing.T) {
	if !harness.RunIsolated(t) {
		return
	}
	s := machine(t)
	harness.WriteFile(t, s.Path("db", "local", "ALPM_DB_VERSION"), "8\n")
	d := s.LaunchDaemon()
	d.AwaitStatus(func(r *wire.StatusResult) bool { return r.Generation > 0 && r.Index.Packages > 0 }, "the repository")
	for _, question := range questions {
		inBothWays(s, question, func(r harness.Result, _ bool) {
			requireDaemonData(t, r, question)
			if strings.HasPrefix(question, "search") || question == "info app" || strings.HasPrefix(question, "status") {
				require.Zero(t, r.Code, "%s: %s", question, r.Stderr)
				return
			}
			require.Equal(t, 3, r.Code, "%s: %s", question, r.Stderr)
			require.Empty(t, r.Stdout, question)
			require.Contains(t, r.Stderr, "local database", question)
		})
	}
}

// standIn listens on the socket instead of a daemon. It answers a greeting with the parameter greeting, and every other
// request with the parameter refusal. If a parameter is nil, it closes the connection instead of sending that answer.
func standIn(s *harness.System, greeting *wire.HelloResult, refusal *wire.Error) {
	s.T.Helper()
	harness.ServeUnix(s.T, s.Socket(), func(nc net.Conn) {
		for {
			frame, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
			if err != nil {
				return
			}
			h, err := wire.DecodeRequestHeader(frame)
			var reply []byte
			switch {
			case err != nil:
			case string(h.Op) == wire.OpHello && greeting != nil:
				b, _ := msgpack.Marshal(greeting)
				reply = wire.AppendResult(nil, h.ID, b, false)
			case refusal != nil:
				reply = wire.AppendError(nil, h.ID, refusal)
			}
			if _, err := nc.Write(reply); err != nil || reply == nil {
				return
			}
		}
	})
}

// TestFallback_DaemonFails checks that, if a daemon fails, omg reads the databases that the daemon has named, and
// otherwise reads none.
func TestFallback_DaemonFails(t *testing.T) {
	if !harness.RunIsolated(t) {
		return
	}
	s := machine(t)
	want := map[string]harness.Result{}
	for _, question := range questions {
		want[question] = s.RunWithoutDaemon(strings.Fields(question)...)
		require.Contains(t, []int{0, 1}, want[question].Code, want[question].Stderr)
	}
	require.Equal(t, "app\ntheirs-foreign\n", s.RunWithoutDaemon("installed", "-q").Stdout)
	paths := &wire.HelloResult{Protocol: wire.ProtocolVersion, Server: "a stand-in", ServedPaths: wire.ServedPaths{DBPath: s.DB, PacmanConfig: s.PacmanConf}}
	served := func(code wire.Code, why string) *wire.Error {
		err := wire.Errorf(code, "%s", why)
		err.ServedPaths = &paths.ServedPaths
		return err
	}
	for name, c := range map[string]struct {
		greeting *wire.HelloResult
		refusal  *wire.Error
		note     string // empty if there is no answer
		err      string
	}{
		"shutting down":           {paths, wire.Errorf(wire.CodeShuttingDown, "ending"), "omg: note: answering without omgd: ending\n", ""},
		"starting, at once":       {nil, served(wire.CodeNotReady, "starting"), "omg: note: answering without omgd: starting\n", ""},
		"busy, at once":           {nil, served(wire.CodeBusy, "too many"), "omg: note: answering without omgd: too many\n", ""},
		"shutting down, at once":  {nil, served(wire.CodeShuttingDown, "ending"), "omg: note: answering without omgd: ending\n", ""},
		"busy, without databases": {nil, wire.Errorf(wire.CodeBusy, "too many"), "", "too many"},
		"not ready":               {paths, wire.Errorf(wire.CodeNotReady, "still reading"), "omg: note: answering without omgd: still reading\n", ""},
		"busy":                    {paths, wire.Errorf(wire.CodeBusy, "too many"), "omg: note: answering without omgd: too many\n", ""},
		"breaks":                  {paths, nil, "omg: note: answering without omgd: the connection to omgd failed: EOF\n", ""},
		"breaks at once":          {nil, nil, "", "the connection to omgd failed: "},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.SecondSystem(t, string(harness.ReadFile(t, s.PacmanConf)))
			standIn(s, c.greeting, c.refusal)
			for _, question := range questions {
				inBothWays(s, question, func(r harness.Result, named bool) {
					requireDaemonData(t, r, question)
					if c.note == "" {
						harness.RequireError(t, r, "omg", 3, c.err, "--no-daemon")
						return
					}
					require.Equal(t, want[question].Stdout, r.Stdout, question)
					require.Equal(t, want[question].Code, r.Code, question)
					if !strings.HasPrefix(question, "owns") && !strings.HasPrefix(question, "files") && !strings.HasPrefix(question, "why") {
						// the other three commands print no note, because they only request the paths of the databases
						require.Contains(t, r.Stderr, c.note, question)
					}
				})
			}
			// If the command line names databases, omg answers from those databases and ignores the daemon.
			r := s.Run("omg", append(s.DatabaseFlags(), "--socket", s.Socket(), "installed", "-q")...)
			require.Equal(t, "app\ntheirs-foreign\n", r.Stdout)
		})
	}
}

// TestFallback_SocketOfNobody checks that omg reads the machine's databases if no daemon listens on the socket.
func TestFallback_SocketOfNobody(t *testing.T) {
	if !harness.RunIsolated(t) {
		return
	}
	s := machine(t)
	require.Equal(t, "app\nhosted-foreign\nhosted-tool\n", s.WithEnv("OMG_SOCKET_PATH=").Run("omg", "installed", "-q").Stdout)
	harness.WriteFile(t, s.Socket(), "no socket\n")
	inBothWays(s, "installed -q", func(r harness.Result, named bool) {
		if named {
			harness.RequireError(t, r, "omg", 3, "not a socket")
			return
		}
		require.Equal(t, "app\nhosted-foreign\nhosted-tool\n", r.Stdout)
		require.Contains(t, r.Stderr, "not a socket")
	})
}

// TestFallback_RealDaemon checks that if a daemon is starting or has too many connections, omg's answer comes from the
// daemon's databases.
func TestFallback_RealDaemon(t *testing.T) {
	if !harness.RunIsolated(t) {
		return
	}
	machine := machine(t)
	want := map[string]harness.Result{}
	for _, question := range questions {
		want[question] = machine.RunWithoutDaemon(strings.Fields(question)...)
	}
	requireAnswers := func(t *testing.T, s *harness.System, questions ...string) {
		t.Helper()
		for _, question := range questions {
			inBothWays(s, question, func(r harness.Result, _ bool) {
				requireDaemonData(t, r, question)
				require.Equal(t, want[question].Stdout, r.Stdout, "%s: %s", question, r.Stderr)
				require.Equal(t, want[question].Code, r.Code, "%s: %s", question, r.Stderr)
			})
		}
	}
	t.Run("starting", func(t *testing.T) {
		s := machine.SecondSystem(t, string(harness.ReadFile(t, machine.PacmanConf)))
		s.Bin = s.Path("bin") // this directory gets an omg-index that never finishes
		harness.CopyPrograms(t, s.Bin)
		omgIndex := s.Program("omg-index")
		require.NoError(t, os.Remove(omgIndex))
		harness.WriteProgram(t, omgIndex, "#!/bin/sh\nexec sleep 1000\n")
		d := s.LaunchDaemon()
		d.AwaitStatus(func(r *wire.StatusResult) bool { return r.Generation > 0 && harness.HasBuild(r) }, "a database that is being indexed")
		r := s.WithEnv("OMG_SOCKET_PATH=").Run("omg", "outdated")
		requireDaemonData(t, r, "outdated")
		require.Contains(t, r.Stderr, "omg: note: answering without omgd: the databases are being indexed")
		require.NotContains(t, r.Stderr, "no index", "omgd is building it")
		requireAnswers(t, s, "search -q app", "installed", "info -i app", "foreign", "explicit")
		require.True(t, d.Running())
	})
	t.Run("busy", func(t *testing.T) {
		s := machine.SecondSystem(t, string(harness.ReadFile(t, machine.PacmanConf))).WithEnv("OMG_LIMITS_MAX_CONNECTIONS=1")
		d := s.StartDaemon()
		var conn *client.Conn
		harness.Await(t, func() bool { // at first, connections that Start opened may still use up the limit
			conn = d.Dial()
			_, err := conn.Hello(t.Context())
			return err == nil
		}, "the only connection is taken")
		requireAnswers(t, s, questions...)
		require.NoError(t, conn.Close())
	})
}

package fleet

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/freeport"
)

// natsFleet is a system whose agents publish its state under several names.
type natsFleet struct {
	*harness.System
	t      testing.TB
	server *harness.Process
	url    string
	agents map[string]*harness.Process
}

func newNATSFleet(t *testing.T, hosts ...string) *natsFleet {
	t.Helper()
	return newNATSFleetWith(t, nil, hosts...)
}

func newNATSFleetWith(t *testing.T, options []harness.Option, hosts ...string) *natsFleet {
	t.Helper()
	options = append(options, harness.WithGenerated(fixture.Options{Packages: 300, Installed: 120, Seed: 3}))
	f := &natsFleet{System: harness.New(t, options...), t: t, agents: map[string]*harness.Process{}}
	f.startServer(freeport.TakeAddress(t)) // it can start there again
	for _, host := range hosts {
		f.startAgent(host)
	}
	return f
}

func (f *natsFleet) startServer(listen string) {
	f.t.Helper()
	f.server = harness.Start(f.t, f.Command("omg-fleet", "dev", "--listen", listen, "--dir", f.Path("nats")))
	harness.Await(f.t, func() bool { return strings.Contains(f.server.Stdout(), "OMG_FLEET_SERVER=") || !f.server.Running() }, "the server listens")
	_, f.url, _ = strings.Cut(strings.TrimSpace(f.server.Stdout()), "OMG_FLEET_SERVER=")
	require.NotEmpty(f.t, f.url, f.server.Stderr())
}

func (f *natsFleet) startAgent(host string, variables ...string) {
	f.t.Helper()
	command := f.Command("omg-fleet", "--server", f.url, "agent", "--host", host, "--socket", f.Socket(), "--interval", "1s")
	command.Env = append(command.Env, variables...)
	f.agents[host] = harness.Start(f.t, command)
}

// ask runs omg-fleet with the server.
func (f *natsFleet) ask(args ...string) harness.Result {
	f.t.Helper()
	return f.askWithin("20s", args...)
}

// askWithin is like ask, with a deadline. It asks again if a busy server did not accept the connection in time.
func (f *natsFleet) askWithin(deadline string, args ...string) (r harness.Result) {
	f.t.Helper()
	harness.Await(f.t, func() bool {
		r = f.Run("omg-fleet", append([]string{"--server", f.url, "--deadline", deadline}, args...)...)
		return !strings.Contains(r.Stderr, "cannot connect to")
	}, "the server accepts a connection: %v", func() string { return r.Stderr })
	return r
}

// awaitLines waits until an answer has the lines.
func (f *natsFleet) awaitLines(want []string, args ...string) harness.Result {
	f.t.Helper()
	var r harness.Result
	harness.Await(f.t, func() bool {
		r = f.ask(args...)
		return strings.Join(want, "\n") == strings.TrimSpace(r.Stdout)
	}, "%v prints %q, last %+v", args, want, &r)
	return r
}

// TestServer_Questions checks that answers through a server are those of files, and follow the host's changes.
func TestServer_Questions(t *testing.T) {
	f := newNATSFleet(t, "web1", "web2.example.org")
	f.Install("own-package", "1-1")
	daemon := f.StartDaemon()
	daemon.AwaitReady()
	for _, how := range [][]string{nil, {"--stored"}} {
		f.awaitLines([]string{"web1 own-package 1-1", "web2.example.org own-package 1-1", "asked 2, answered 2"}, append(how, "has", "own-package")...)
	}
	require.NoError(t, jsonLines(f.ask("status", "--json").Stdout))
	dir := f.Path("inventories")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.Zero(t, f.Run("omg", "inventory", "-o", dir+"/web1.json.zst").Code)
	require.Zero(t, f.Run("omg", "inventory", "-o", dir+"/web2.example.org.json.zst").Code)
	for _, question := range [][]string{{"status"}, {"outdated"}, {"search", "name:a"}, {"has", "nothing"}, {"aur"}, {"security"}} {
		files := f.Run("omg-fleet", append([]string{"--from", dir}, question...)...)
		live := f.awaitLines(files.Lines(), question...) // in a busy moment, a host does not answer in time
		stored := f.awaitLines(files.Lines(), append([]string{"--stored"}, question...)...)
		require.Equal(t, files.Stdout, live.Stdout, question)
		require.Equal(t, files.Stdout, stored.Stdout, question)
		require.Equal(t, files.Code, live.Code, question)
	}

	f.Install("own-package", "2-1")
	f.awaitLines([]string{"web1 own-package 2-1", "web2.example.org own-package 2-1", "asked 2, answered 2"}, "has", "own-package")
	f.awaitLines([]string{"web1 own-package 2-1", "web2.example.org own-package 2-1", "asked 2, answered 2"}, "--stored", "has", "own-package")
}

// TestServer_SilentHosts checks that hosts that do not answer are named, with what is known about them.
func TestServer_SilentHosts(t *testing.T) {
	f := newNATSFleet(t, "killed", "stopped", "web1")
	f.Install("own-package", "1-1")
	f.StartDaemon().AwaitReady()
	f.awaitLines([]string{"killed own-package 1-1", "stopped own-package 1-1", "web1 own-package 1-1", "asked 3, answered 3"}, "--stored", "has", "own-package")
	f.agents["killed"].Kill()
	f.agents["stopped"].Signal(15)
	require.Zero(t, f.agents["stopped"].Wait().Code)
	want := []string{"killed own-package 1-1 [silent]", "stopped own-package 1-1 [silent]", "web1 own-package 1-1", "asked 3, answered 1"}
	var r harness.Result
	harness.Await(t, func() bool { // the server stores the last message of an agent after the agent has ended
		r = f.askWithin("3s", "has", "own-package")
		return slices.Equal(want, r.Lines()) && strings.Contains(r.Stderr, "stopped has not answered: its agent was stopped")
	}, "what is known of the silent hosts: %+v", &r)
	require.Zero(t, r.Code)
	require.Contains(t, r.Stderr, "killed has not answered: it did not answer within 3s, it was last heard")
	harness.Await(t, func() bool {
		r = f.askWithin("3s", "--require-all", "has", "own-package")
		return strings.Contains(r.Stderr, "error: 2 of 3 hosts have not answered")
	}, "an error because of the silent hosts: %+v", &r)
	require.Equal(t, 7, r.Code)
}

// TestServer_Restarted checks that agents come back by themselves, and that what the server has acknowledged is there.
func TestServer_Restarted(t *testing.T) {
	f := newNATSFleet(t, "web1")
	f.Install("own-package", "1-1")
	f.StartDaemon().AwaitReady()
	all := []string{"web1 own-package 1-1", "asked 1, answered 1"}
	f.awaitLines(all, "--stored", "has", "own-package")
	address := strings.TrimPrefix(f.url, "nats://")
	f.server.Kill()
	f.Install("own-package", "2-1")
	r := f.Run("omg-fleet", "--server", f.url, "has", "own-package")
	harness.RequireError(t, r, "omg-fleet", 3, "cannot connect to nats://"+address)
	f.startServer(address)
	require.Contains(t, f.ask("--stored", "has", "own-package").Stdout, "\nasked 1, answered 1\n")
	all[0] = "web1 own-package 2-1"
	f.awaitLines(all, "has", "own-package")
	f.awaitLines(all, "--stored", "has", "own-package")
}

// TestGuide_Server runs the first try of docs/fleet.md, on another port.
func TestGuide_Server(t *testing.T) {
	blocks := guideBlocks(t, "Through a server")["sh"]
	require.NotEmpty(t, blocks)
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 100, Installed: 10, Seed: 1}))
	s.WorkDir = s.Home // the server makes a directory there
	s.Install("pacman", "7.1.0-1")
	s.StartDaemon().AwaitReady()
	port := strconv.Itoa(freeport.Take(t))
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(blocks[0], "4222", port)), "\n")
	require.Len(t, lines, 3)
	command := func(line string) *exec.Cmd {
		words := strings.Fields(strings.TrimSuffix(line, "&"))
		return s.Command(words[0], words[1:]...)
	}
	server := harness.Start(t, command(lines[0]))
	harness.Await(t, func() bool { return strings.Contains(server.Stdout(), "OMG_FLEET_SERVER=") || !server.Running() }, "the server listens")
	require.True(t, server.Running(), server.Stderr)
	harness.Start(t, command(lines[1]))
	var r harness.Result
	harness.Await(t, func() bool {
		r = harness.Run(t, command(lines[2]))
		return r.Stdout == "here pacman 7.1.0-1\nasked 1, answered 1\n"
	}, "the agent answers: %v", &r)
}

// TestServer_WrongClocks checks that the ages of inventories do not depend on the clocks of the hosts, also if one was set since the inventory was
// made.
func TestServer_WrongClocks(t *testing.T) {
	f := newNATSFleetWith(t, []harness.Option{harness.WithTestClock()}, "right")
	f.Install("own-package", "1-1")
	f.StartDaemon().AwaitReady()
	setClock := func(at time.Time) {
		t.Helper()
		harness.WriteFile(t, f.Path("new-clock"), []byte(at.Format(time.RFC3339)))
		require.NoError(t, os.Rename(f.Path("new-clock"), f.Path("clock")))
	}
	setClock(time.Now().Add(72 * time.Hour))
	f.startAgent("behind", "OMG_TEST_TIME=2001-01-01T00:00:00Z")
	f.startAgent("ahead", "OMG_TEST_TIME=2101-01-01T00:00:00Z")
	f.startAgent("set", "OMG_TEST_TIME="+f.Path("clock"))
	hosts := []string{"ahead", "behind", "right", "set"}
	requireAll := func() {
		t.Helper()
		for _, how := range [][]string{nil, {"--stored"}} {
			f.awaitLines([]string{
				"ahead own-package 1-1", "behind own-package 1-1", "right own-package 1-1", "set own-package 1-1", "asked 4, answered 4",
			}, append(how, "has", "own-package")...)
		}
	}
	requireAll()
	setClock(time.Now())
	watched := func() []string {
		t.Helper()
		w := harness.Start(t, f.Command("omg-fleet", "--server", f.url, "watch"))
		defer w.Kill()
		harness.Await(t, func() bool { return strings.Count(w.Stdout(), "\n") >= len(hosts) }, "a line for each host")
		return strings.Split(strings.TrimSpace(w.Stdout()), "\n")
	}
	harness.Await(t, func() bool { return !strings.Contains(strings.Join(watched(), " "), "[") }, "all hosts are watched without a mark")
	requireAll()

	for _, host := range hosts {
		f.agents[host].Kill()
	}
	var r harness.Result
	harness.Await(t, func() bool {
		r = f.askWithin("3s", "has", "own-package")
		return strings.Count(r.Stdout, "[silent]") == len(hosts)
	}, "the hosts are silent: %v", &r)
	for _, host := range hosts {
		require.Contains(t, r.Stdout, host+" own-package 1-1 [silent]")
		require.Regexp(t, host+" has not answered: it did not answer within 3s, it was last heard (just now|[1-9] minutes? ago)\n", r.Stderr)
	}
}

func jsonLines(text string) error {
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if err := json.Unmarshal([]byte(line), &map[string]any{}); err != nil {
			return err
		}
	}
	return nil
}

// TestServer_WithoutInventory checks that a host whose agent has no inventory, because omgd was not there since its start, has its last known
// state.
func TestServer_WithoutInventory(t *testing.T) {
	f := newNATSFleet(t, "web1")
	f.Install("own-package", "1-1")
	daemon := f.StartDaemon()
	daemon.AwaitReady()
	f.awaitLines([]string{"web1 own-package 1-1", "asked 1, answered 1"}, "--stored", "has", "own-package")
	f.agents["web1"].Kill()
	daemon.Stop()
	f.startAgent("web1")
	f.awaitLines([]string{"web1 own-package 1-1 [partial]", "asked 1, answered 0"}, "has", "own-package")
	var r harness.Result
	harness.Await(t, func() bool { // before the agent has tried to ask omgd, it gives another reason
		r = f.ask("has", "own-package")
		return strings.Contains(r.Stderr, "web1 has not answered: it has no inventory: omgd is not running")
	}, "the reason: %v", func() string { return r.Stderr })
}

package fleet

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// startNode starts a node beside the system's omgd, and waits until it or an earlier one replies to lookups. It connects before it subscribes.
func (f *natsFleet) startNode(host string) *harness.Process {
	f.t.Helper()
	p := harness.Start(f.t, f.Command("omg-fleet", "--server", f.url, "node", "--host", host, "--socket", f.Socket()))
	var r harness.Result
	harness.Await(f.t, func() bool {
		r = f.lookUpWithin("1s", "search", "a")
		return r.Code == 0 || strings.Contains(r.Stderr, host+": ")
	}, "%s replies, last %+v, log %s", host, &r, p.Stderr)
	return p
}

// lookUp runs omg-fleet lookup as the host client.
func (f *natsFleet) lookUp(args ...string) harness.Result {
	return f.lookUpWithin("60s", args...)
}

func (f *natsFleet) lookUpWithin(deadline string, args ...string) harness.Result {
	return f.Run("omg-fleet", append([]string{"--server", f.url, "--deadline", deadline, "lookup", args[0], "--host", "client"}, args[1:]...)...)
}

// requireUnanswered checks that a lookup fails after a second with what the node has said, which arrives in time if the machine is not too busy.
func (f *natsFleet) requireUnanswered(said string, args ...string) {
	f.t.Helper()
	var r harness.Result
	harness.Await(f.t, func() bool {
		r = f.lookUpWithin("1s", args...)
		return strings.Contains(r.Stderr, said)
	}, "the node says %q, last %+v", said, &r)
	harness.RequireError(f.t, r, "omg-fleet", 3, "no node has answered within 1s", said)
}

// TestNode_Answers compares the answers of a node with those of omg on its host.
func TestNode_Answers(t *testing.T) {
	f := newNATSFleet(t)
	daemon := f.StartDaemon()
	daemon.AwaitReady()
	f.startNode("node1")
	names := strings.Fields(daemon.Omg("search", "--quiet", "--limit", "3", "name:a").Stdout)
	require.NotEmpty(t, names)
	found := f.lookUp("search", "--quiet", "--limit", "3", "name:a")
	require.Zero(t, found.Code, found.Stderr)
	require.Equal(t, names, strings.Fields(found.Stdout))

	type document struct {
		Schema   int              `json:"schema"`
		Node     string           `json:"node"`
		AsOf     int64            `json:"as_of"`
		Total    int              `json:"total"`
		Packages []map[string]any `json:"packages"`
		Missing  []map[string]any `json:"missing"`
	}
	read := func(r harness.Result) (d document) {
		require.NoError(t, json.Unmarshal([]byte(r.Stdout), &d), r.Stdout+r.Stderr)
		return d
	}
	local, remote := read(daemon.Omg("search", "--json", "--limit", "1000", "name:a")), read(f.lookUp("search", "--json", "--limit", "1000", "name:a"))
	require.Equal(t, "node1", remote.Node)
	require.NotZero(t, remote.AsOf)
	require.Equal(t, local.Total, remote.Total)
	require.Len(t, remote.Packages, local.Total)
	installed := 0
	for _, p := range local.Packages {
		if p["installed"] != nil {
			installed++
			delete(p, "installed")
		}
	}
	require.NotZero(t, installed, "otherwise the next line shows less")
	require.Equal(t, local.Packages, remote.Packages)

	r := f.lookUp("info", names[0], "nothing-like-this")
	require.Equal(t, 1, r.Code)
	require.Contains(t, r.Stdout, "\nName            : "+names[0]+"\n")
	require.Contains(t, r.Stdout, "answered by node1: its oldest database changed ")
	require.Contains(t, r.Stderr, "package nothing-like-this not found")
	r = f.lookUp("search", "nothing-like-this")
	require.Equal(t, 1, r.Code)
	require.Contains(t, r.Stderr, "nothing found for nothing-like-this")
	harness.RequireError(t, f.lookUp("search", "-x", "("), "omg-fleet", 2, "node1 refuses the lookup")
	harness.RequireError(t, f.lookUp("search", "is:installed"), "omg-fleet", 2, "is: is about what is installed")
	harness.RequireError(t, f.lookUp("search", "--limit", "0", "a"), "omg-fleet", 2, "from 1 to 1000")
	f.requireUnanswered("node1: it has no lists of files", "command", "sh")
}

// TestNode_Commands checks that a node with a list of files finds commands, and says which lists it lacks.
func TestNode_Commands(t *testing.T) {
	f := newNATSFleet(t)
	harness.WriteFile(t, f.FilesDBPath("core"), harness.BuildDatabase(t,
		harness.NewPackageEntry("own-tool", "1-1"), harness.NewFilesEntry("own-tool", "1-1", "usr/", "usr/bin/", "usr/bin/owntool")))
	daemon := f.StartDaemon()
	daemon.AwaitReady()
	daemon.AwaitFileLists(func(b *wire.Basis) bool {
		return slices.ContainsFunc(b.Sources, func(s wire.Source) bool { return s.State == wire.SourceOK })
	}, "the list of core")
	f.startNode("node1")
	r := f.lookUp("command", "owntool")
	require.Zero(t, r.Code, r.Stderr)
	require.Contains(t, r.Stdout, "core/own-tool 1-1\n    usr/bin/owntool\nanswered by node1: its oldest database changed ")
	require.Contains(t, r.Stderr, "partial: extra missing")
	r = f.lookUp("command", "owntol")
	require.Equal(t, 3, r.Code, "another list may have it")
	require.Contains(t, r.Stderr, "did you mean: owntool (own-tool)")
}

// TestNode_Without checks what is said if there is no node, and if its omgd does not run.
func TestNode_Without(t *testing.T) {
	f := newNATSFleet(t)
	r := f.lookUp("search", "a")
	harness.RequireError(t, r, "omg-fleet", 3, "no node answers lookups", "start omg-fleet node")
	f.startNode("node1")
	f.requireUnanswered("node1: omgd is not running", "search", "a")
	harness.RequireError(t, f.Run("omg-fleet", "lookup", "search", "a"), "omg-fleet", 2, "--server URL")
}

// TestNode_Deaths checks that no lookup is lost when nodes are killed or stopped while many run, and that all nodes share the load.
func TestNode_Deaths(t *testing.T) {
	const before, after, atOnce = 45, 45, 6
	f := newNATSFleet(t)
	f.StartDaemon().AwaitReady()
	nodes := map[string]*harness.Process{}
	for i := range 3 {
		name := "node" + strconv.Itoa(i+1)
		nodes[name] = f.startNode(name)
	}
	work := make(chan bool)
	var running sync.WaitGroup
	var mu sync.Mutex
	var results []harness.Result
	answered := map[string]int{} // by node
	for range atOnce {
		running.Go(func() {
			for range work {
				r := f.lookUp("search", "--json", "name:a")
				var d struct{ Node string }
				err := json.Unmarshal([]byte(r.Stdout), &d)
				mu.Lock()
				results = append(results, r)
				if err == nil {
					answered[d.Node]++
				}
				mu.Unlock()
			}
		})
	}
	for range before {
		work <- true
	}
	harness.Await(t, func() bool {
		work <- true
		mu.Lock()
		defer mu.Unlock()
		return len(answered) == len(nodes)
	}, "each node has answered")
	nodes["node1"].Kill()
	nodes["node2"].Signal(syscall.SIGSTOP) // the server still gives it lookups
	defer nodes["node2"].Signal(syscall.SIGCONT)
	for range after {
		work <- true
	}
	close(work)
	running.Wait()
	for _, r := range results {
		require.Zero(t, r.Code, "%s%s", r.Stdout, r.Stderr)
	}
	require.Len(t, answered, len(nodes), "no lookup has another node: %v", answered)

	// The remaining node leaves in order, and the one that goes on answers.
	nodes["node2"].Signal(syscall.SIGCONT)
	nodes["node3"].Signal(syscall.SIGTERM)
	require.Zero(t, nodes["node3"].Wait().Code)
	require.Zero(t, f.lookUp("search", "name:a").Code)
}

// TestGuide_Lookups runs the commands of the section of docs/fleet.md about machines without an index, with another server.
func TestGuide_Lookups(t *testing.T) {
	blocks := guideBlocks(t, "Machines without an index")["sh"]
	require.Len(t, blocks, 1)
	f := newNATSFleet(t)
	f.StartDaemon().AwaitReady()
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(blocks[0], "nats://127.0.0.1:4222", f.url)), "\n")
	require.Len(t, lines, 2)
	node := strings.Fields(strings.TrimSuffix(lines[0], "&"))
	harness.Start(t, f.Command(node[0], node[1:]...)).AwaitStderr("connected to")
	search := strings.Fields(lines[1])
	var r harness.Result
	harness.Await(t, func() bool { // the node connects before it subscribes
		r = f.Run(search[0], search[1:]...)
		return !strings.Contains(r.Stderr, "no node answers lookups")
	}, "the node takes lookups")
	require.Zero(t, r.Code, r.Stderr)
	require.Contains(t, r.Stdout, "answered by here: ")
}

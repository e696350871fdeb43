package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/streams"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/freeport"
)

// serve runs a NATS server until the process is killed. All servers are on this machine, so that only their ports differ.
func serve(_ context.Context, args []string) error {
	o := &server.Options{
		Host: "127.0.0.1", SyncAlways: true, NoLog: true, NoSigs: true, MaxPayload: streams.MaxMessage, JetStreamMaxStore: 20 << 30,
		JetStreamMaxMemory: 64 << 20, PingInterval: 5 * time.Second,
	}
	o.Cluster.Host, o.Cluster.NoAdvertise = o.Host, true
	o.Cluster.Advertise = "127.0.0.1:1" // so that servers use only the addresses that they were told
	o.LeafNode.Host, o.LeafNode.NoAdvertise, o.LeafNode.ReconnectInterval = o.Host, true, 100*time.Millisecond
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.StringVar(&o.ServerName, "name", "", "")
	flags.IntVar(&o.Port, "port", 0, "for clients")
	flags.StringVar(&o.StoreDir, "dir", "", "of the streams; empty for a server without streams")
	flags.IntVar(&o.Cluster.Port, "link", 0, "for other servers; 0 for a single server")
	flags.IntVar(&o.LeafNode.Port, "leaves", 0, "for leaf nodes; 0 for none")
	routes := flags.String("routes", "", "the addresses of the other servers")
	hubs := flags.String("hubs", "", "the addresses of the servers for which this one is a leaf node")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.JetStream = o.StoreDir != ""; *routes != "" {
		o.Cluster.Name, o.Routes = "simulation", server.RoutesFromStr(*routes)
	}
	if *hubs != "" {
		o.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: server.RoutesFromStr(*hubs)}}
	}
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(await.Timeout) {
		return errors.New("the server does not start")
	}
	fmt.Println("ready")
	select {}
}

// cluster is a cluster of NATS servers in processes of their own.
type cluster struct {
	t     *testing.T
	dirs  []string
	ports []int // for clients
	links []int // for other servers; empty with one server
	// routes has for each pair of servers the proxy through which the first reaches the second. The second does not connect to the first.
	routes  map[[2]int]*proxy
	servers []*process
	// url has the addresses of all servers.
	url  string
	conn *nats.Conn // of an administrator
	js   jetstream.JetStream
}

// startCluster starts one server or three, and makes the streams.
func startCluster(t *testing.T, n int) *cluster {
	t.Helper()
	dirs := make([]string, n)
	for i := range dirs {
		dirs[i] = t.TempDir()
	}
	return startClusterIn(t, dirs...)
}

// startClusterIn starts a server for each directory, in which it keeps the streams.
func startClusterIn(t *testing.T, dirs ...string) *cluster {
	t.Helper()
	n := len(dirs)
	c := &cluster{t: t, dirs: dirs, servers: make([]*process, n)}
	ports := freeport.TakeForServers(t, 2*n)
	c.ports = ports[:n]
	if n > 1 {
		c.links = ports[n:]
	}
	c.url = urlOf(c.ports...)
	for i := range n {
		for j := range i {
			if c.routes == nil {
				c.routes = map[[2]int]*proxy{}
			}
			c.routes[[2]int{i, j}] = startProxy(t, c.links[j])
		}
	}
	for i := range n {
		c.start(i)
	}
	c.connect()
	for _, config := range []jetstream.StreamConfig{streams.State(n, streams.DefaultMaxAge), streams.Roster(n)} {
		var last error
		await.Condition(t, func() bool { // after the servers have chosen a leader
			_, last = c.js.CreateOrUpdateStream(t.Context(), config)
			return last == nil
		}, "the stream %s: %v", config.Name, func() string { return fmt.Sprint(last) })
	}
	return c
}

func urlOf(ports ...int) string {
	all := make([]string, len(ports))
	for i, port := range ports {
		all[i] = fmt.Sprintf("nats://127.0.0.1:%d", port)
	}
	return strings.Join(all, ",")
}

// start starts a server, which may have been killed.
func (c *cluster) start(i int) {
	c.t.Helper()
	c.startUnder(nil, i)
}

// startUnder is like start, with the first words of a command line that run the server.
func (c *cluster) startUnder(command []string, i int) {
	c.t.Helper()
	port := strconv.Itoa(c.ports[i])
	args := []string{"-name", fmt.Sprintf(serverName, i), "-port", port, "-dir", c.dirs[i], "-leaves", strconv.Itoa(c.leafPort(i))}
	if len(c.links) > 0 {
		var routes []int
		for j := range c.links {
			port := 1 + j // nothing listens there
			if route := c.routes[[2]int{i, j}]; route != nil {
				port = route.port
			}
			if j != i {
				routes = append(routes, port)
			}
		}
		args = append(args, "-link", strconv.Itoa(c.links[i]), "-routes", urlOf(routes...))
	}
	c.servers[i] = startUnder(c.t, command, "server", args...)
}

// serverName is the format of the names of servers.
const serverName = "n%d"

// leafPort returns the port of a server for leaf nodes, which is free like the one for clients.
func (c *cluster) leafPort(i int) int { return c.ports[i] + 3000 }

// isolate cuts a server off from the other ones, or ends that. Clients still reach it. At the end of a short cut, a server could send the others what
// they have missed on a connection that they are about to close, and would wait two minutes before it sends this again.
func (c *cluster) isolate(i int, cut bool) {
	for pair, route := range c.routes {
		switch {
		case pair[0] != i && pair[1] != i:
		case cut:
			route.setCut(true)
		default:
			route.restore()
		}
	}
}

// options returns how to connect to all servers.
func (c *cluster) options() link.Options { return link.Options{Server: c.url} }

// connect connects as an administrator.
func (c *cluster) connect() {
	c.t.Helper()
	var err error
	c.conn, err = nats.Connect(c.url, nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.Timeout(await.Timeout))
	require.NoError(c.t, err)
	c.t.Cleanup(c.conn.Close)
	c.js, err = jetstream.New(c.conn)
	require.NoError(c.t, err)
}

// awaitWhole waits until all servers have all messages of the stream of states.
func (c *cluster) awaitWhole() {
	c.t.Helper()
	last := ""
	await.Condition(c.t, func() bool {
		ctx, stop := context.WithTimeout(c.t.Context(), 5*time.Second)
		defer stop()
		s, err := c.js.Stream(ctx, subject.StateStream)
		if err != nil {
			last = err.Error()
			return false
		}
		info, err := s.Info(ctx)
		last = fmt.Sprintf("%+v %v", info, err)
		if err != nil || info.Cluster == nil || info.Cluster.Leader == "" && len(c.links) > 0 {
			return err == nil && len(c.links) == 0
		}
		for _, r := range info.Cluster.Replicas {
			if !r.Current || r.Offline {
				return false
			}
		}
		return len(info.Cluster.Replicas) == max(0, len(c.links)-1)
	}, "all servers to be current: %s", func() string { return last })
}

// leader returns the server that leads the others in what they keep of the states.
func (c *cluster) leader() (leader int) {
	c.t.Helper()
	await.Condition(c.t, func() bool {
		ctx, stop := context.WithTimeout(c.t.Context(), 5*time.Second)
		defer stop()
		s, err := c.js.Stream(ctx, subject.StateStream)
		if err != nil || s.CachedInfo().Cluster == nil {
			return false
		}
		_, err = fmt.Sscanf(s.CachedInfo().Cluster.Leader, serverName, &leader)
		return err == nil
	}, "the servers to have a leader")
	return leader
}

// lead makes a server the leader.
func (c *cluster) lead(i int) {
	c.t.Helper()
	var err error
	await.Condition(c.t, func() bool {
		if c.leader() == i {
			return true
		}
		r := server.JSApiLeaderStepdownRequest{Placement: &server.Placement{Preferred: fmt.Sprintf(serverName, i)}}
		err = c.request(fmt.Sprintf(server.JSApiStreamLeaderStepDownT, subject.StateStream), &r, &server.JSApiStreamLeaderStepDownResponse{})
		return false
	}, "server %d to lead: %s", i, func() string { return fmt.Sprint(err) })
}

// lastMessage returns the last message of a subject that the leader has. Another server may be behind.
func (c *cluster) lastMessage(on string) *server.StoredMsg {
	c.t.Helper()
	var answer server.JSApiMsgGetResponse
	await.Condition(c.t, func() bool {
		answer = server.JSApiMsgGetResponse{}
		err := c.request(fmt.Sprintf(server.JSApiMsgGetT, subject.StateStream), &server.JSApiMsgGetRequest{LastFor: on}, &answer)
		return err == nil && (answer.Message != nil || answer.Error != nil && answer.Error.Code == 404) // otherwise there is no leader just now
	}, "the leader to answer")
	require.Nil(c.t, answer.Error, on)
	return answer.Message
}

// request sends a request to the servers, and decodes the answer.
func (c *cluster) request(on string, request, answer any) error {
	data, err := json.Marshal(request)
	if err != nil {
		return err
	}
	m, err := c.conn.Request(on, data, 5*time.Second)
	if err != nil {
		return err
	}
	return json.Unmarshal(m.Data, answer)
}

// storedState returns what the stream of states has; nothing if no server can tell.
func (c *cluster) storedState() jetstream.StreamState {
	ctx, stop := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer stop()
	s, err := c.js.Stream(ctx, subject.StateStream)
	if err != nil {
		return jetstream.StreamState{}
	}
	return s.CachedInfo().State
}

const (
	pause  = syscall.SIGSTOP
	resume = syscall.SIGCONT
)

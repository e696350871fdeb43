package simulation

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/fleettest"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/streams"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
)

// serve runs a NATS server until the process is killed. The arguments are its name, its port, its directory and, in a cluster, its port for other
// servers and the ports on which it reaches these.
func serve(_ context.Context, args []string) error {
	port, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	o := &server.Options{
		ServerName: args[0], Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: args[2], SyncAlways: true, NoLog: true, NoSigs: true,
		MaxPayload: streams.MaxMessage, JetStreamMaxStore: 20 << 30, JetStreamMaxMemory: 64 << 20, PingInterval: 5 * time.Second,
	}
	if ports := args[3:]; len(ports) > 0 {
		if o.Cluster.Port, err = strconv.Atoi(ports[0]); err != nil {
			return err
		}
		o.Cluster.Name, o.Cluster.Host, o.Cluster.NoAdvertise = "simulation", "127.0.0.1", true
		o.Cluster.Advertise = "127.0.0.1:1" // so that servers use only the addresses that they were told
		o.Routes = server.RoutesFromStr("nats://127.0.0.1:" + strings.Join(ports[1:], ",nats://127.0.0.1:"))
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
	dir   string
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
	return startClusterIn(t, n, t.TempDir())
}

func startClusterIn(t *testing.T, n int, dir string) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: dir, servers: make([]*process, n)}
	ports := fleettest.FreePorts(t, 2*n)
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
	args := []string{fmt.Sprintf("n%d", i), strconv.Itoa(c.ports[i]), filepath.Join(c.dir, fmt.Sprintf("n%d", i))}
	if len(c.links) > 0 {
		args = append(args, strconv.Itoa(c.links[i]))
		for j := range c.links {
			port := 1 + j // nothing listens there
			if route := c.routes[[2]int{i, j}]; route != nil {
				port = route.port
			}
			if j != i {
				args = append(args, strconv.Itoa(port))
			}
		}
	}
	c.servers[i] = start(c.t, "server", args...)
}

// isolate cuts a server off from the other ones, or ends that. Clients still reach it.
func (c *cluster) isolate(i int, cut bool) {
	for pair, route := range c.routes {
		if pair[0] == i || pair[1] == i {
			route.setCut(cut)
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

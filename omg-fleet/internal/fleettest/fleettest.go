// Package fleettest runs the NATS servers of a fleet for tests, with the configuration files that omg-fleet init writes.
package fleettest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/authority"
	"github.com/omg-arch/omg/omg-fleet/internal/streams"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/freeport"
)

// Fleet is an authority with its running servers.
type Fleet struct {
	*authority.Authority
	Dir     string
	Servers []*server.Server
	configs []string // the paths of the servers' configuration files
}

// hang is the time after which a test fails because a server hangs.
const hang = await.Timeout

// Start makes a fleet of one or three servers, and starts them. Their certificates are self-signed.
func Start(t *testing.T, servers int) *Fleet {
	return StartEdited(t, servers, func(conf string) string { return conf })
}

// StartEdited is like Start, with a function that changes the configuration files.
func StartEdited(t *testing.T, servers int, edit func(conf string) string) *Fleet {
	t.Helper()
	f := &Fleet{Dir: filepath.Join(t.TempDir(), "fleet")}
	s := authority.Settings{SelfSigned: true, ServerDir: "/etc/nats", StateDir: "/var/lib/nats"}
	for _, port := range freeport.TakeForServers(t, servers) {
		s.Servers = append(s.Servers, authority.Server{Host: "127.0.0.1", Port: port})
	}
	var err error
	f.Authority, err = authority.Create(f.Dir, &s)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() }) // a test may have closed it, so that a command can open it
	dirs, err := f.WriteServers()
	require.NoError(t, err)
	for _, dir := range dirs {
		path := writeConfig(t, dir, edit)
		f.configs = append(f.configs, path)
		f.Servers = append(f.Servers, run(t, path))
	}
	for _, one := range f.Servers {
		require.True(t, one.ReadyForConnections(hang))
		await.Condition(t, func() bool { return one.NumRemotes() == servers-1 }, "the servers to connect to each other")
	}
	return f
}

// Run starts a server with the files in a directory.
func Run(t *testing.T, dir string) *server.Server {
	t.Helper()
	return run(t, writeConfig(t, dir, func(conf string) string { return conf }))
}

// Launch is like Run, and waits until the server listens.
func Launch(t *testing.T, dir string) *server.Server {
	t.Helper()
	s := Run(t, dir)
	require.True(t, s.ReadyForConnections(hang))
	return s
}

// Restart ends a server and starts it again with the same data.
func (f *Fleet) Restart(t *testing.T, i int) {
	t.Helper()
	f.Servers[i].Shutdown()
	f.Servers[i].WaitForShutdown()
	f.Servers[i] = run(t, f.configs[i])
	require.True(t, f.Servers[i].ReadyForConnections(hang))
}

// AddLeaf adds the server of a site, and starts it.
func (f *Fleet) AddLeaf(t *testing.T) *server.Server {
	t.Helper()
	s := authority.Server{Host: "127.0.0.1", Port: freeport.TakeForServers(t, 1)[0]}
	require.NoError(t, f.Authority.AddLeaf(s))
	dir, err := f.WriteLeaf(s)
	require.NoError(t, err)
	leaf := Launch(t, dir)
	await.Condition(t, func() bool { return leaf.NumLeafNodes() == 2 }, "the leaf node to connect for the fleet and for accounts")
	return leaf
}

var monitor = regexp.MustCompile(`(?m)^http:.*\n`)

// writeConfig writes the configuration of a server with the files in a directory, and returns its path. Only the directories differ from those on a
// real server, the addresses are those of this machine, and there is no page with the state of the server.
func writeConfig(t *testing.T, dir string, edit func(string) string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "nats-server.conf"))
	require.NoError(t, err)
	state := t.TempDir()
	conf := strings.NewReplacer("/etc/nats/", dir+"/", "/var/lib/nats/", state+"/", "0.0.0.0", "127.0.0.1").Replace(string(text))
	conf = edit(monitor.ReplaceAllString(conf, ""))
	path := filepath.Join(state, "nats-server.conf")
	require.NoError(t, os.WriteFile(path, []byte(conf), 0o600))
	return path
}

func run(t *testing.T, path string) *server.Server {
	t.Helper()
	options, err := server.ProcessConfigFile(path)
	require.NoError(t, err)
	options.NoSigs, options.NoLog = true, os.Getenv("OMG_FLEET_TEST_LOG") == ""
	s, err := server.NewServer(options)
	require.NoError(t, err)
	s.ConfigureLogger()
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

// Key is the secret key of a user, with what was signed for it.
type Key struct{ JWT, Seed string }

// Option returns the option with which a connection uses the key.
func (k *Key) Option() nats.Option { return nats.UserJWTAndSeed(k.JWT, k.Seed) }

func newUser(t *testing.T) (public, seed string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	require.NoError(t, err)
	public, err = pair.PublicKey()
	require.NoError(t, err)
	b, err := pair.Seed()
	require.NoError(t, err)
	return public, string(b)
}

// AddHost adds a host to the authority, and returns its key.
func (f *Fleet) AddHost(t *testing.T, name string) *Key {
	t.Helper()
	return add(t, name, f.Authority.AddHost)
}

// AddNode is like AddHost, for a host that may answer the lookups of others.
func (f *Fleet) AddNode(t *testing.T, name string) *Key {
	t.Helper()
	return add(t, name, f.Authority.AddNode)
}

func add(t *testing.T, name string, sign func(name, key string) (*authority.Host, error)) *Key {
	t.Helper()
	public, seed := newUser(t)
	h, err := sign(name, public)
	require.NoError(t, err)
	return &Key{h.JWT, seed}
}

// Everything returns the key of a user that may do everything in the account of the fleet, to observe it.
func (f *Fleet) Everything(t *testing.T) *Key {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.Dir, "fleet.nk"))
	require.NoError(t, err)
	account, err := nkeys.FromSeed([]byte(strings.TrimSpace(string(text))))
	require.NoError(t, err)
	public, seed := newUser(t)
	token, err := jwt.NewUserClaims(public).Encode(account)
	require.NoError(t, err)
	return &Key{token, seed}
}

// Connect connects to a server. Errors that the server reports go to the returned channel, and a test that has more than 1000 misses some.
func (f *Fleet) Connect(t *testing.T, one *server.Server, options ...nats.Option) (*nats.Conn, <-chan error) {
	t.Helper()
	errs := make(chan error, 1000)
	options = append([]nats.Option{
		nats.RootCAs(f.CAPath()), nats.NoReconnect(), nats.Timeout(hang),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			select {
			case errs <- err:
			default:
			}
		}),
	}, options...)
	c, err := nats.Connect(one.ClientURL(), options...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, errs
}

// Dial connects to the first server, as authority needs it.
func (f *Fleet) Dial(t *testing.T) authority.Dial {
	return func(credentials nats.Option) (*nats.Conn, error) {
		c, _ := f.Connect(t, f.Servers[0], credentials, nats.CustomInboxPrefix(subject.AdminInboxPrefix))
		return c, nil
	}
}

// PushToAll sends the account to the servers, again until all have taken it, and returns their names. A server that has just connected to another
// one may not have its subscriptions yet, and then does not pass the account on.
func (f *Fleet) PushToAll(t *testing.T) (taken []string) {
	t.Helper()
	var silent []string
	var err error
	await.Condition(t, func() bool {
		taken, silent, err = f.PushAccount(t.Context(), f.Dial(t))
		return err == nil && len(silent) == 0
	}, "all servers to take the account: %s", func() string { return fmt.Sprint(silent, err) })
	return taken
}

// SetUp sends the account to the servers, and makes the streams.
func (f *Fleet) SetUp(t *testing.T) jetstream.JetStream {
	t.Helper()
	require.Len(t, f.PushToAll(t), len(f.Servers))
	_, js, err := f.Manage(f.Dial(t))
	require.NoError(t, err)
	var last error
	await.Condition(t, func() bool {
		settings := f.Settings()
		last = streams.Make(t.Context(), js, settings.Replicas(), streams.DefaultMaxAge)
		return last == nil
	}, "the streams, after the servers have chosen a leader: %v", func() string { return fmt.Sprint(last) })
	return js
}

package app

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/certs"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/lookup"
	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/omg-fleet/internal/roster"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/freeport"
)

var (
	plainBlock = regexp.MustCompile("(?s)```\n(tls \\{.*?)```")
	// keySettings are the settings of single.conf that the block of the guide replaces.
	keySettings = regexp.MustCompile(`(?ms)^(tls|resolver_preload:|resolver:) \{.*?^\}\n|^(operator|system_account|http): [^\n]*\n`)
)

// startWithCertificates runs a server with packaging/nats/single.conf and the block of docs/fleet.md for certificates. It returns the address of the server,
// and a directory with its authority and with NAME.pem for each name.
func startWithCertificates(t *testing.T, names ...string) (address, dir string) {
	t.Helper()
	guide, err := os.ReadFile("../../../docs/fleet.md")
	require.NoError(t, err)
	block := plainBlock.FindSubmatch(guide)
	require.NotNil(t, block)
	single, err := os.ReadFile("../../../packaging/nats/single.conf")
	require.NoError(t, err)
	require.Len(t, keySettings.FindAll(single, -1), 6)
	dir = t.TempDir()
	port := freeport.TakeForServers(t, 1)[0]
	conf := keySettings.ReplaceAllString(string(single), "") + string(block[1])
	conf = strings.NewReplacer("/etc/nats/", dir+"/", "/var/lib/nats/", dir+"/state/", "0.0.0.0:4222", fmt.Sprintf("127.0.0.1:%d", port),
		"0.0.0.0:7222", fmt.Sprintf("127.0.0.1:%d", port+3000)).Replace(conf)
	ca, err := certs.NewAuthority("hosts", time.Now())
	require.NoError(t, err)
	write := func(name string, content ...[]byte) {
		var all []byte
		for _, part := range content {
			all = append(all, part...)
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), all, 0o600))
	}
	write("hosts-ca.crt", ca.Cert)
	write("nats-server.conf", []byte(conf))
	own, err := ca.Issue("127.0.0.1", time.Now())
	require.NoError(t, err)
	write("server.crt", own.Cert)
	write("server.key", own.Key)
	for _, name := range names {
		pair, err := ca.Issue(name, time.Now())
		require.NoError(t, err)
		write(name+".pem", pair.Cert, pair.Key)
	}
	options, err := server.ProcessConfigFile(filepath.Join(dir, "nats-server.conf"))
	require.NoError(t, err)
	options.NoSigs, options.NoLog = true, true
	s, err := server.NewServer(options)
	require.NoError(t, err)
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(await.Timeout))
	return s.ClientURL(), dir
}

// TestCertificates checks that a server can take the name of a host from its certificate, as docs/fleet.md describes it.
func TestCertificates(t *testing.T) {
	const host = "web1.example.org"
	address, dir := startWithCertificates(t, "admin.example.org", host, "unknown.example.org")
	ca, admin := filepath.Join(dir, "hosts-ca.crt"), filepath.Join(dir, "admin.example.org.pem")
	hosts := filepath.Join(dir, "hosts")
	args := []string{"setup", "--server", address, "--ca", ca, "--creds", admin, "--roster", hosts}
	require.NoError(t, os.WriteFile(hosts, []byte(host+"\nold\n"), 0o600))
	out, _ := omgFleet(t, exit.OK, args...)
	require.Contains(t, out, "2 hosts: entered into the roster")
	require.NoError(t, os.WriteFile(hosts, []byte(host+"\n"), 0o600))
	omgFleet(t, exit.OK, args...)
	require.NoError(t, os.WriteFile(hosts, []byte("# none\n"), 0o600))
	_, errs := omgFleet(t, exit.Failed, args...)
	require.Contains(t, errs, hosts+" names no hosts: all hosts would be marked as revoked")

	asker, err := link.Connect(link.Options{Server: address, CA: ca, Creds: admin, InboxPrefix: subject.AdminInboxPrefix})
	require.NoError(t, err)
	defer asker.Close()
	js, err := jetstream.New(asker)
	require.NoError(t, err)
	for name, revoked := range map[string]bool{host: false, "old": true} {
		stream, err := js.Stream(t.Context(), subject.RosterStream)
		require.NoError(t, err)
		m, err := stream.GetLastMsgForSubject(t.Context(), subject.Roster(name))
		require.NoError(t, err)
		e, err := roster.Parse(m.Data)
		require.NoError(t, err)
		require.Equal(t, revoked, e.Revoked(), name)
	}

	refused := make(chan string, 10)
	conn, err := link.Connect(link.Options{Server: address, CA: ca, Creds: filepath.Join(dir, host+".pem"), OnChange: func(_ bool, text string) { refused <- text }})
	require.NoError(t, err)
	defer conn.Close()
	stored, err := conn.SubscribeSync(subject.Stored(host))
	require.NoError(t, err)
	require.NoError(t, conn.PublishMsg(&nats.Msg{Subject: subject.Alive("other"), Data: []byte("x")}))
	require.Contains(t, await.Receive(t, refused, "the server to refuse the message of another host"), "omg.state.other.alive")
	require.NoError(t, conn.Publish(subject.Alive(host), []byte("x")))
	_, err = stored.NextMsg(await.Timeout)
	require.NoError(t, err)
	lookUp := messages.Lookup{Kind: messages.LookupInfo, Words: []string{"bash"}}
	for name, want := range map[string]string{host: "no node answers lookups", "other": "the server refuses the lookup of other"} {
		_, err = lookup.Ask(t.Context(), link.Options{Server: address, CA: ca, Creds: filepath.Join(dir, host+".pem")}, name, lookUp, await.Timeout)
		require.ErrorContains(t, err, want)
	}

	for _, creds := range []string{"", filepath.Join(dir, "unknown.example.org.pem")} {
		_, err = link.Connect(link.Options{Server: address, CA: ca, Creds: creds})
		require.Error(t, err, creds)
	}
	_, err = link.Connect(link.Options{Server: address, CA: ca, Creds: filepath.Join(dir, "none.pem")})
	require.ErrorContains(t, err, "cannot read the credentials")

	out, _ = omgFleet(t, exit.OK, "doctor", "--server", address, "--ca", ca, "--creds", admin)
	require.NotContains(t, out, "warn")
	require.Contains(t, out, "ok    anonymous access")
}

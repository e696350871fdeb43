package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/fleettest"
	"github.com/omg-arch/omg/omg-fleet/internal/roster"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/exit"
)

// omgFleet runs omg-fleet, and checks its exit code.
func omgFleet(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	got := Run(t.Context(), append([]string{"omg-fleet"}, args...), &out, &errs)
	require.Equal(t, code, got, "%v: %s%s", args, out.String(), errs.String())
	return out.String(), errs.String()
}

// TestAdministration does with the commands what an administrator does: sets up a fleet, adds a host, and revokes it.
func TestAdministration(t *testing.T) {
	f := fleettest.Start(t, 1)
	require.NoError(t, f.Close()) // the commands open it
	dir, creds := "--dir="+f.Dir, filepath.Join(t.TempDir(), "web1.creds")
	key, _ := omgFleet(t, exit.OK, "key", creds)
	key = strings.TrimSpace(key)
	again, _ := omgFleet(t, exit.OK, "key", creds)
	require.Equal(t, key, strings.TrimSpace(again))

	// Before the servers are set up, a host can be added, and enters the roster later.
	token := filepath.Join(t.TempDir(), "web1.jwt")
	_, errs := omgFleet(t, exit.OK, "host", "add", dir, "-o", token, "web1", key)
	require.Contains(t, errs, "web1 may connect, but is not in the roster")
	out, _ := omgFleet(t, exit.OK, "key", "--jwt", token, creds)
	require.Contains(t, out, "complete for the host web1")
	out, _ = omgFleet(t, exit.OK, "setup", dir)
	require.Contains(t, out, "1 host: entered into the roster")
	require.Contains(t, out, f.Servers[0].Name()+": has the account of the fleet")
	out, _ = omgFleet(t, exit.OK, "doctor", dir)
	require.NotContains(t, out, "warn")

	closed := make(chan bool)
	host, err := nats.Connect(f.Servers[0].ClientURL(), nats.RootCAs(f.CAPath()), nats.UserCredentials(creds), nats.NoReconnect(), nats.Timeout(await.Timeout),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	require.NoError(t, err)
	require.NoError(t, host.Publish(subject.Alive("web1"), []byte("x")))
	require.NoError(t, host.Flush())

	second, _ := omgFleet(t, exit.OK, "key", creds+"2")
	out, errs = omgFleet(t, exit.OK, "host", "add", dir, "web2", strings.TrimSpace(second))
	require.Empty(t, errs)
	require.Equal(t, 2, strings.Count(out, "."), "a JWT: %s", out)
	omgFleet(t, exit.Failed, "host", "add", dir, "web3", strings.TrimSpace(second))

	out, _ = omgFleet(t, exit.OK, "host", "revoke", dir, "web1")
	require.Equal(t, "web1: revoked on "+f.Servers[0].Name()+"\n", out)
	await.Receive(t, closed, "the server to close the connection of the revoked host")
	omgFleet(t, exit.Failed, "host", "add", dir, "web1", key)
	omgFleet(t, exit.Failed, "host", "revoke", dir, "web3")

	out, _ = omgFleet(t, exit.OK, "host", "list", dir, "--json")
	var records []roster.AddedHost
	for d := json.NewDecoder(strings.NewReader(out)); d.More(); {
		records = append(records, roster.AddedHost{})
		require.NoError(t, d.Decode(&records[len(records)-1]))
	}
	require.Len(t, records, 2)
	require.Equal(t, "web1", records[0].Host)
	require.Equal(t, key, records[0].PublicKey)
	require.Equal(t, "revoked", records[0].State)
	require.NotZero(t, records[0].RevokedAt)
	require.Equal(t, "added", records[1].State)
	out, _ = omgFleet(t, exit.OK, "host", "list", dir)
	require.Contains(t, out, "web1 "+key+" revoked 20")

	third, _ := omgFleet(t, exit.OK, "key", creds+"3")
	omgFleet(t, exit.OK, "host", "add", dir, "--node", "-o", token, "node1", strings.TrimSpace(third))
	out, _ = omgFleet(t, exit.OK, "host", "list", dir)
	require.Regexp(t, `(?m)^node1 .* node$`, out)
	require.Regexp(t, `(?m)^web2 .* added [0-9-]*$`, out)
	out, _ = omgFleet(t, exit.OK, "host", "list", dir, "--json")
	require.Contains(t, out, `"node":true`)

	// The roster has all.
	entries := rosterOf(t, f)
	require.True(t, entries["web1"].Revoked())
	require.False(t, entries["web2"].Revoked())

	// The credentials of those who ask can be replaced.
	before, err := os.ReadFile(f.CredsPath())
	require.NoError(t, err)
	stolen := filepath.Join(t.TempDir(), "admin.creds")
	require.NoError(t, os.WriteFile(stolen, before, 0o600))
	omgFleet(t, exit.OK, "setup", dir, "--renew-admin")
	require.Len(t, rosterOf(t, f), 3)
	_, err = nats.Connect(f.Servers[0].ClientURL(), nats.RootCAs(f.CAPath()), nats.UserCredentials(stolen), nats.NoReconnect(), nats.Timeout(await.Timeout))
	require.ErrorIs(t, err, nats.ErrAuthorization)

	// A server that was set up again gets the account with its revocations from setup.
	f.Servers[0].Shutdown()
	_, errs = omgFleet(t, exit.Failed, "host", "revoke", dir, "web2")
	require.Contains(t, errs, "no server knows yet that web2 was revoked")
	f.Restart(t, 0)
	out, _ = omgFleet(t, exit.OK, "setup", dir)
	require.Contains(t, out, "3 hosts: entered into the roster")
	require.True(t, rosterOf(t, f)["web2"].Revoked())
}

// rosterOf reads the roster as somebody who asks questions.
func rosterOf(t *testing.T, f *fleettest.Fleet) map[string]*roster.Entry {
	t.Helper()
	conn, err := nats.Connect(f.Servers[0].ClientURL(), nats.RootCAs(f.CAPath()), nats.UserCredentials(f.CredsPath()), nats.CustomInboxPrefix(subject.AdminInboxPrefix),
		nats.Timeout(await.Timeout))
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), subject.RosterStream)
	require.NoError(t, err)
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(subject.AllRoster))
	require.NoError(t, err)
	entries := map[string]*roster.Entry{}
	for one := range info.State.Subjects {
		m, err := stream.GetLastMsgForSubject(t.Context(), one)
		require.NoError(t, err)
		host, err := subject.Host(one)
		require.NoError(t, err)
		entries[host], err = roster.Parse(m.Data)
		require.NoError(t, err)
	}
	return entries
}

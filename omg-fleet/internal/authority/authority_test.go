package authority_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/authority"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
)

func settings(t *testing.T, servers ...string) *authority.Settings {
	t.Helper()
	s := &authority.Settings{ServerDir: "/etc/nats", StateDir: "/var/lib/nats"}
	for _, text := range servers {
		one, err := authority.ParseServer(text)
		require.NoError(t, err)
		s.Servers = append(s.Servers, one)
	}
	return s
}

func create(t *testing.T) (*authority.Authority, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "fleet")
	a, err := authority.Create(dir, settings(t, "a.example.org", "b.example.org", "192.0.2.1:4333"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() })
	return a, dir
}

func newKey(t *testing.T) string {
	t.Helper()
	pair, err := nkeys.CreateUser()
	require.NoError(t, err)
	key, err := pair.PublicKey()
	require.NoError(t, err)
	return key
}

// TestCreate checks that nobody else can read the secrets, whatever the umask, and that no key is ever replaced.
func TestCreate(t *testing.T) {
	a, dir := create(t)
	dirs, err := a.WriteServers()
	require.NoError(t, err)
	require.Len(t, dirs, 3)
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		fi, err := e.Info()
		require.NoError(t, err)
		switch {
		case e.IsDir():
			require.Equal(t, fs.FileMode(0o700), fi.Mode().Perm(), path)
		case strings.HasSuffix(path, ".crt"):
			require.Equal(t, fs.FileMode(0o644), fi.Mode().Perm(), path)
		default:
			require.Equal(t, fs.FileMode(0o600), fi.Mode().Perm(), path)
			files++
		}
		return nil
	}))
	require.Greater(t, files, 10)

	_, err = authority.Open(dir)
	require.ErrorIs(t, err, authority.ErrLocked)
	require.NoError(t, a.Close())
	_, err = authority.Create(dir, settings(t, "a"))
	require.ErrorContains(t, err, "is not empty")
	again, err := authority.Open(dir)
	require.NoError(t, err)
	require.Equal(t, a.Settings(), again.Settings())
	key, account := a.FleetAccount()
	againKey, againAccount := again.FleetAccount()
	require.Equal(t, []string{key, account}, []string{againKey, againAccount})
	require.NoError(t, again.Close())

	_, err = authority.Open(t.TempDir())
	require.ErrorContains(t, err, "omg-fleet init")
}

func TestCreate_Refuses(t *testing.T) {
	for want, s := range map[string]*authority.Settings{
		"one server, or three or five": settings(t, "a", "b"),
		"slower":                       settings(t, "a", "b", "c", "d", "e", "f", "g"),
		"named twice":                  settings(t, "a", "b", "a:4222"),
		"directory of a server":        {Servers: settings(t, "a").Servers, ServerDir: "nats", StateDir: "/var/lib/nats"},
	} {
		dir := filepath.Join(t.TempDir(), "fleet")
		_, err := authority.Create(dir, s)
		require.ErrorContains(t, err, want)
		require.NoDirExists(t, dir)
	}
	for _, text := range []string{"", "a b", "../a", "-a", "a:0", "a:x", "a:65000", "a\"", "tls://a", ".", "größe"} {
		_, err := authority.ParseServer(text)
		require.Error(t, err, text)
	}
}

func TestHosts(t *testing.T) {
	a, dir := create(t)
	key, other := newKey(t), newKey(t)
	h, err := a.AddHost("web1", key)
	require.NoError(t, err)
	user, err := jwt.DecodeUserClaims(h.JWT)
	require.NoError(t, err)
	require.Equal(t, "web1", user.Name)
	require.Equal(t, subject.HostPermissions("web1"), subject.Permissions{Publish: user.Pub.Allow, Subscribe: user.Sub.Allow})
	require.False(t, user.BearerToken)
	require.Equal(t, jwt.StringList{jwt.ConnectionTypeStandard}, user.AllowedConnectionTypes)
	_, err = a.AddHost("db.example.org", other)
	require.NoError(t, err)

	for _, c := range []struct{ name, key, want string }{
		{"web1", newKey(t), "was added already"},
		{"web2", key, "belongs to web1"},
		{"web2", "UABC", "not the public key"},
		{"web2", h.JWT, "not the public key"},
		{"../web2", newKey(t), "name of a host"},
		{"-web2", newKey(t), "name of a host"},
		{"web 2", newKey(t), "name of a host"},
		{"", newKey(t), "name of a host"},
		{strings.Repeat("x", 201), newKey(t), "name of a host"},
	} {
		_, err := a.AddHost(c.name, c.key)
		require.ErrorContains(t, err, c.want, c.name)
	}
	_, err = a.RevokeHost("web2")
	require.ErrorContains(t, err, "no host web2")

	revoked, err := a.RevokeHost("web1")
	require.NoError(t, err)
	require.True(t, revoked.Revoked())
	again, err := a.RevokeHost("web1")
	require.NoError(t, err)
	require.Equal(t, revoked, again, "a second time changes nothing")
	_, err = a.AddHost("web1", key)
	require.ErrorContains(t, err, "was revoked")
	_, err = a.AddHost("web1", other)
	require.ErrorContains(t, err, "belongs to db.example.org")

	require.NoError(t, a.Close())
	a, err = authority.Open(dir)
	require.NoError(t, err)
	defer a.Close()
	hosts, err := a.Hosts()
	require.NoError(t, err)
	require.Len(t, hosts, 2)
	require.Equal(t, "db.example.org", hosts[0].Name)
	require.Equal(t, revoked, hosts[1])
	third := newKey(t)
	h, err = a.AddHost("web1", third)
	require.NoError(t, err)
	require.False(t, h.Revoked())
	_, account := a.FleetAccount()
	claims, err := jwt.DecodeAccountClaims(account)
	require.NoError(t, err)
	require.True(t, claims.IsClaimRevoked(user), "the old key stays revoked")
}

// TestOpen_Damaged checks that the files of another fleet, or damaged ones, are refused.
func TestOpen_Damaged(t *testing.T) {
	other, otherDir := create(t)
	require.NoError(t, other.Close())
	for _, name := range []string{"fleet.jwt", "fleet.nk", "operator.nk"} {
		for _, content := range []string{"", "x", "other"} {
			a, dir := create(t)
			require.NoError(t, a.Close())
			if content == "other" {
				b, err := os.ReadFile(filepath.Join(otherDir, name))
				require.NoError(t, err)
				content = string(b)
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
			_, err := authority.Open(dir)
			require.Error(t, err, name)
		}
	}
}

func TestKey(t *testing.T) {
	a, _ := create(t)
	path := filepath.Join(t.TempDir(), "web1.creds")
	key, err := authority.NewKey(path)
	require.NoError(t, err)
	again, err := authority.NewKey(path)
	require.NoError(t, err)
	require.Equal(t, key, again, "a key is never replaced")
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), fi.Mode().Perm())
	require.Empty(t, authority.SignedName(path))

	h, err := a.AddHost("web1", key)
	require.NoError(t, err)
	foreign, err := a.AddHost("web2", newKey(t))
	require.NoError(t, err)
	_, err = authority.AddJWT(path, foreign.JWT)
	require.ErrorContains(t, err, foreign.PublicKey)
	_, err = authority.AddJWT(path, "x")
	require.Error(t, err)
	for range 2 {
		name, err := authority.AddJWT(path, h.JWT+"\n")
		require.NoError(t, err)
		require.Equal(t, "web1", name)
		require.Equal(t, "web1", authority.SignedName(path))
	}
	again, err = authority.NewKey(path)
	require.NoError(t, err)
	require.Equal(t, key, again)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	token, err := jwt.ParseDecoratedJWT(b)
	require.NoError(t, err)
	require.Equal(t, h.JWT, token)
}

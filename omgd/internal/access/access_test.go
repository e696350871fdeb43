package access

import (
	"os/user"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/shared/config"
)

const daemon = 900 // the UID of the daemon's user

func gate(t *testing.T, c config.Access, rate int) *Gate {
	t.Helper()
	g, err := New(daemon, c, rate)
	require.NoError(t, err)
	return g
}

func TestGate_Allow(t *testing.T) {
	type peer = server.Peer
	nobody, err := user.Lookup("nobody") // the user exists on every system, but its UID differs
	require.NoError(t, err)
	number, err := strconv.ParseUint(nobody.Uid, 10, 32)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		access  config.Access
		allowed []peer
		refused []peer
	}{
		"everybody": {config.Access{}, []peer{{UID: 0}, {UID: daemon}, {UID: 1000}}, nil},
		"users": {
			config.Access{Users: []string{"1000", "nobody"}},
			[]peer{{UID: 0}, {UID: daemon}, {UID: 1000}, {UID: uint32(number)}},
			[]peer{{UID: 1001, GID: 1000}},
		},
		"groups": {config.Access{Groups: []string{"500"}}, []peer{{UID: 1000, GID: 500}, {UID: 0}}, []peer{{UID: 500, GID: 1000}}},
		"administrators are always allowed": {
			config.Access{Users: []string{"1000"}, Administrators: []string{"1001"}},
			[]peer{{UID: 1001}},
			[]peer{{UID: 1002}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := gate(t, c.access, 0)
			for _, p := range c.allowed {
				require.True(t, g.Allow(p), "%+v", p)
			}
			for _, p := range c.refused {
				require.False(t, g.Allow(p), "%+v", p)
			}
		})
	}
}

func TestGate_Admin(t *testing.T) {
	g := gate(t, config.Access{Administrators: []string{"1000"}}, 0)
	for uid, want := range map[uint32]bool{0: true, daemon: true, 1000: true, 1001: false} {
		require.Equal(t, want, g.IsAdmin(server.Peer{UID: uid, GID: 0}), "user %d", uid)
	}
}

func TestGate_UnknownNames(t *testing.T) {
	for key, c := range map[string]config.Access{
		"access.users":          {Users: []string{"no such user"}},
		"access.groups":         {Groups: []string{"no such group"}},
		"access.administrators": {Administrators: []string{"-1"}},
	} {
		_, err := New(daemon, c, 0)
		require.ErrorContains(t, err, key)
		require.Regexp(t, "use the (user|group) ID$", err)
	}
	g := gate(t, config.Access{Users: []string{"1000"}}, 0)
	require.Error(t, g.SetConfig(config.Access{Users: []string{"no such user"}}, 0))
	require.True(t, g.Allow(server.Peer{UID: 1000}), "the old rules hold")
	require.False(t, g.Allow(server.Peer{UID: 1001}))
	require.NoError(t, g.SetConfig(config.Access{Users: []string{"1001"}}, 0))
	require.True(t, g.Allow(server.Peer{UID: 1001}), "the new rules hold")
}

func TestGate_Quota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate(t, config.Access{}, 10)
		for range 10 {
			require.True(t, g.AllowRequest(server.Peer{UID: 1000}))
		}
		require.False(t, g.AllowRequest(server.Peer{UID: 1000}), "more than ten in no time")
		require.True(t, g.AllowRequest(server.Peer{UID: 1001}), "users are counted separately")
		for range 100 {
			require.True(t, g.AllowRequest(server.Peer{UID: 0}), "root is not counted")
		}
		time.Sleep(200 * time.Millisecond)
		require.True(t, g.AllowRequest(server.Peer{UID: 1000}))
		require.True(t, g.AllowRequest(server.Peer{UID: 1000}))
		require.False(t, g.AllowRequest(server.Peer{UID: 1000}), "more than two in a fifth of a second")
		require.NoError(t, g.SetConfig(config.Access{}, 0))
		for range 1000 {
			require.True(t, g.AllowRequest(server.Peer{UID: 1000}), "0 is no limit")
		}
	})
}

// TestGate_Spend checks that an expensive request counts as several requests against the limit of a user.
func TestGate_Spend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gate(t, config.Access{}, 100)
		p := server.Peer{UID: 1000}
		g.Spend(p, 50*time.Millisecond, 49*64<<10)
		require.True(t, g.AllowRequest(p))
		require.False(t, g.AllowRequest(p), "50 for the time, 49 for the bytes, and one request")
		time.Sleep(time.Second)
		g.Spend(p, time.Hour, 0)
		time.Sleep(10 * time.Millisecond)
		require.True(t, g.AllowRequest(p), "a request costs at most the requests of one second")
		require.True(t, g.AllowRequest(server.Peer{UID: 1001}))
		g.Spend(p, time.Microsecond, 100)
		require.NoError(t, g.SetConfig(config.Access{}, 0))
		g.Spend(p, time.Hour, 0)
		require.True(t, g.AllowRequest(p), "0 is no limit")
	})
}

// TestQuota_IsBounded checks that the memory for counting requests is bounded, however many users send
// requests.
func TestQuota_IsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q quota
		q.set(2)
		for uid := range uint32(maxCountedUsers + 100) {
			require.True(t, q.allow(uid))
			require.LessOrEqual(t, len(q.limiterByUID), maxCountedUsers)
		}
		time.Sleep(time.Second)
		require.True(t, q.allow(4*maxCountedUsers))
		require.Len(t, q.limiterByUID, 1, "users without a request for a second are evicted")
	})
}

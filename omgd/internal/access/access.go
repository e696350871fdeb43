// Package access implements the access rules of a daemon with several users. The rules decide which users may
// send requests, which users may administer the daemon, and how many requests each user may send.
package access

import (
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/shared/config"
)

// Gate applies the access rules of the configuration. The configuration can be replaced at any time.
type Gate struct {
	daemonUID uint32
	rules     atomic.Pointer[rules]
	quota     quota
}

// rules are the access rules of a config.Access, with the IDs of users and groups instead of their names.
type rules struct {
	everybody             bool
	users, groups, admins []uint32
}

// New returns a gate. The parameter daemonUID is the user that runs the daemon; this user has the same rights
// as root.
func New(daemonUID int, c config.Access, rate int) (*Gate, error) {
	g := &Gate{daemonUID: uint32(daemonUID)}
	return g, g.SetConfig(c, rate)
}

// SetConfig replaces the configuration. The parameter rate is the number of requests a second that each user may
// send; 0 means no limit. If a user or group does not exist, the error contains the configuration key, and
// the old configuration stays.
func (g *Gate) SetConfig(c config.Access, rate int) error {
	r := &rules{everybody: len(c.Users) == 0 && len(c.Groups) == 0}
	for _, list := range []struct {
		key    string
		names  []string
		lookup func(string) (uint32, error)
		to     *[]uint32
	}{
		{"access.users", c.Users, LookupUID, &r.users},
		{"access.groups", c.Groups, LookupGID, &r.groups},
		{"access.administrators", c.Administrators, LookupUID, &r.admins},
	} {
		for _, name := range list.names {
			id, err := list.lookup(name)
			if err != nil {
				return fmt.Errorf("%s: %w", list.key, err)
			}
			*list.to = append(*list.to, id)
		}
	}
	g.rules.Store(r)
	g.quota.set(rate)
	return nil
}

// LookupUID returns the ID of a user. The parameter name is the user's name or ID.
func LookupUID(name string) (uint32, error) {
	return lookupID(name, func() (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", fmt.Errorf("no user %q in /etc/passwd: use the user ID", name)
		}
		return u.Uid, nil
	})
}

// LookupGID returns the ID of a group. The parameter name is the group's name or ID.
func LookupGID(name string) (uint32, error) {
	return lookupID(name, func() (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", fmt.Errorf("no group %q in /etc/group: use the group ID", name)
		}
		return g.Gid, nil
	})
}

func lookupID(name string, lookup func() (string, error)) (uint32, error) {
	if id, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(id), nil
	}
	text, err := lookup()
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err
}

// Allow reports whether a user may send requests.
func (g *Gate) Allow(p server.Peer) bool {
	r := g.rules.Load()
	if r.everybody || g.IsAdmin(p) || slices.Contains(r.users, p.UID) || slices.Contains(r.groups, p.GID) {
		return true
	}
	if len(r.groups) == 0 {
		return false
	}
	groups, err := p.Groups()
	return err == nil && slices.ContainsFunc(groups, func(id uint32) bool { return slices.Contains(r.groups, id) })
}

// IsAdmin reports whether a user may use administrative operations.
func (g *Gate) IsAdmin(p server.Peer) bool {
	return p.UID == 0 || p.UID == g.daemonUID || slices.Contains(g.rules.Load().admins, p.UID)
}

// AllowRequest counts a request of a user, and reports whether the user is within the limit. Root has no
// limit.
func (g *Gate) AllowRequest(p server.Peer) bool { return p.UID == 0 || g.quota.allow(p.UID) }

// Spend counts an answered request as further requests of the user: one for each millisecond of computing
// time, and one for each 64 KiB in the frames of the request and the reply.
func (g *Gate) Spend(p server.Peer, computed time.Duration, bytes int) {
	const perRequest = 64 << 10
	if cost := int(computed/time.Millisecond) + bytes/perRequest; cost > 0 {
		g.quota.spend(p.UID, cost)
	}
}

// Package access decides which users may send requests to a daemon that serves
// several, which may administer it, and how many requests each may send.
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

// Gate applies the configuration, which can be replaced at any time.
type Gate struct {
	daemonUID uint32
	rules     atomic.Pointer[rules]
	quota     quota
}

// rules are a config.Access with IDs instead of names.
type rules struct {
	everybody             bool
	users, groups, admins []uint32
}

// New returns a gate. daemonUID is the user that the daemon runs as; it may do all
// that root may.
func New(daemonUID int, c config.Access, rate int) (*Gate, error) {
	g := &Gate{daemonUID: uint32(daemonUID)}
	return g, g.Set(c, rate)
}

// Set replaces the configuration; rate is requests a second for each user, 0 for no
// limit. An error names the key, and the old configuration stays.
func (g *Gate) Set(c config.Access, rate int) error {
	r := &rules{everybody: len(c.Users) == 0 && len(c.Groups) == 0}
	for _, list := range []struct {
		key    string
		names  []string
		lookup func(string) (uint32, error)
		to     *[]uint32
	}{
		{"access.users", c.Users, UID, &r.users},
		{"access.groups", c.Groups, GID, &r.groups},
		{"access.administrators", c.Administrators, UID, &r.admins},
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

// UID returns the ID of a user, given by name or ID.
func UID(name string) (uint32, error) {
	return number(name, func() (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", fmt.Errorf("no user %q in /etc/passwd: give the number", name)
		}
		return u.Uid, nil
	})
}

// GID returns the ID of a group, given by name or ID.
func GID(name string) (uint32, error) {
	return number(name, func() (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", fmt.Errorf("no group %q in /etc/group: give the number", name)
		}
		return g.Gid, nil
	})
}

func number(name string, lookup func() (string, error)) (uint32, error) {
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
	if r.everybody || g.Admin(p) || slices.Contains(r.users, p.UID) || slices.Contains(r.groups, p.GID) {
		return true
	}
	if len(r.groups) == 0 {
		return false
	}
	groups, err := p.Groups()
	return err == nil && slices.ContainsFunc(groups, func(id uint32) bool { return slices.Contains(r.groups, id) })
}

// Admin reports whether a user may use administrative operations.
func (g *Gate) Admin(p server.Peer) bool {
	return p.UID == 0 || p.UID == g.daemonUID || slices.Contains(g.rules.Load().admins, p.UID)
}

// AllowRequest counts a request and reports whether it is within the user's rate.
func (g *Gate) AllowRequest(p server.Peer) bool { return p.UID == 0 || g.quota.allow(p.UID) }

// Spend counts what a request has cost as further requests: one for each millisecond in
// which it computed, and one for each 64 KiB of its frames.
func (g *Gate) Spend(p server.Peer, computed time.Duration, bytes int) {
	const perRequest = 64 << 10
	if cost := int(computed/time.Millisecond) + bytes/perRequest; cost > 0 {
		g.quota.spend(p.UID, cost)
	}
}

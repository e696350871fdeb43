// Package access says who may ask a daemon that serves several users, who may
// administer it, and how much each may ask.
package access

import (
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/shared/config"
)

// Gate decides by the configuration, which can be exchanged while it is used.
type Gate struct {
	own   uint32
	rules atomic.Pointer[rules]
	quota quota
}

// rules are a config.Access with numbers for names.
type rules struct {
	everybody             bool
	users, groups, admins []uint32
}

// New makes a gate. Own is the daemon's own user, who may do all that root may.
func New(own int, c config.Access, rate int) (*Gate, error) {
	g := &Gate{own: uint32(own)}
	return g, g.Set(c, rate)
}

// Set exchanges the configuration; rate is requests a second of one user, 0 for no
// limit. After an error, which names the key, the old one holds.
func (g *Gate) Set(c config.Access, rate int) error {
	r := &rules{everybody: len(c.Users) == 0 && len(c.Groups) == 0}
	for _, list := range []struct {
		key   string
		names []string
		look  func(string) (uint32, error)
		to    *[]uint32
	}{
		{"access.users", c.Users, UID, &r.users},
		{"access.groups", c.Groups, GID, &r.groups},
		{"access.administrators", c.Administrators, UID, &r.admins},
	} {
		for _, name := range list.names {
			id, err := list.look(name)
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

// UID is the number of a user, by name or number.
func UID(name string) (uint32, error) {
	return number(name, func() (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", fmt.Errorf("no user %q in /etc/passwd: give the number", name)
		}
		return u.Uid, nil
	})
}

// GID is the number of a group, by name or number.
func GID(name string) (uint32, error) {
	return number(name, func() (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", fmt.Errorf("no group %q in /etc/group: give the number", name)
		}
		return g.Gid, nil
	})
}

func number(name string, look func() (string, error)) (uint32, error) {
	if id, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(id), nil
	}
	text, err := look()
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err
}

// Allow says whether a user may ask.
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

// Admin says whether a user may do what is administrative.
func (g *Gate) Admin(p server.Peer) bool {
	return p.UID == 0 || p.UID == g.own || slices.Contains(g.rules.Load().admins, p.UID)
}

// Take counts a request; false means that the user has asked too much of late.
func (g *Gate) Take(p server.Peer) bool { return p.UID == 0 || g.quota.take(p.UID) }

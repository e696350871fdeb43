package authority

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/omg-arch/omg/omg-fleet/internal/roster"
	"github.com/omg-arch/omg/omg-fleet/internal/streams"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/wire"
)

// Host is a host that was added.
type Host struct {
	Name string
	roster.Entry
	JWT string
	// IsNode means that the host may answer the lookups of others.
	IsNode bool
}

// maxName limits the bytes of the name of a host, so that a file can be named after it.
const maxName = 200

// maxHosts limits the number of hosts.
const maxHosts = 100_000

// maxSubscriptions is the number of subscriptions that a host may have on one connection. It needs two.
const maxSubscriptions = 8

const jwtSuffix = ".jwt"

// CheckName returns an error for a name that no host can have.
func CheckName(name string) error {
	if !wire.IsSafeName(name) || len(name) > maxName {
		return fmt.Errorf("%.100q cannot be the name of a host: it has at most %d letters, digits and the characters . _ + @ -, and begins with a letter or digit", name, maxName)
	}
	return nil
}

// AddHost signs what a host may do. The key is its public one. A revoked host can be added again with another key.
func (a *Authority) AddHost(name, key string) (*Host, error) {
	return a.add(name, key, subject.HostPermissions(name))
}

// AddNode is like AddHost, for a host that may also answer the lookups of others.
func (a *Authority) AddNode(name, key string) (*Host, error) {
	return a.add(name, key, subject.NodePermissions(name))
}

func (a *Authority) add(name, key string, p subject.Permissions) (*Host, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if !nkeys.IsValidPublicUserKey(key) {
		return nil, fmt.Errorf("%.100q is not the public key of a host: omg-fleet key prints it", key)
	}
	hosts, err := a.Hosts()
	if err != nil {
		return nil, err
	}
	if len(hosts) >= maxHosts {
		return nil, fmt.Errorf("a fleet has at most %d hosts", maxHosts)
	}
	if _, revoked := a.account.Revocations[key]; revoked {
		return nil, errors.New("this key was revoked: make a new one on the host with omg-fleet key")
	}
	for _, h := range hosts {
		switch {
		case h.Name == name && !h.Revoked():
			return nil, fmt.Errorf("%s was added already: revoke it first, or give this host another name", name)
		case h.PublicKey == key:
			return nil, fmt.Errorf("this key belongs to %s: each host needs its own", h.Name)
		}
	}
	user := jwt.NewUserClaims(key)
	user.Name = name
	permit(user, p)
	user.Limits.Payload, user.Limits.Subs = streams.MaxMessage, maxSubscriptions
	token, err := user.Encode(a.fleet)
	if err != nil {
		return nil, err
	}
	if err := a.write(filepath.Join(hostsDir, name+jwtSuffix), []byte(token), 0o600); err != nil {
		return nil, err
	}
	return newHost(user, token), nil
}

// newHost returns the host for which a JWT was signed.
func newHost(user *jwt.UserClaims, token string) *Host {
	return &Host{
		Name: user.Name, Entry: roster.Entry{PublicKey: user.Subject, AddedAt: user.IssuedAt}, JWT: token,
		IsNode: slices.Contains(user.Sub.Allow, subject.OneNode),
	}
}

// permit gives a user permissions, and the right to connect in the usual way only.
func permit(user *jwt.UserClaims, p subject.Permissions) {
	user.Pub.Allow, user.Sub.Allow = p.Publish, p.Subscribe
	user.AllowedConnectionTypes = jwt.StringList{jwt.ConnectionTypeStandard}
}

// RevokeHost signs that the key of a host may no longer be used. Servers have to be told.
func (a *Authority) RevokeHost(name string) (*Host, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	h, err := a.readHost(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no host %s", name)
	case err != nil:
		return nil, err
	case h.Revoked():
		return h, nil
	}
	revoke(a.account, h.PublicKey, h.AddedAt)
	if err := a.signFleet(); err != nil {
		return nil, err
	}
	h.RevokedAt = a.account.Revocations[h.PublicKey]
	return h, nil
}

// revoke makes an account refuse a key for which something was signed at a time.
func revoke(account *jwt.AccountClaims, key string, signedAt int64) {
	// The server compares whole seconds, and a key is never used again, so all that was ever signed for it is revoked.
	account.RevokeAt(key, time.Unix(max(time.Now().Unix(), signedAt), 0))
}

// Hosts returns all hosts, by name.
func (a *Authority) Hosts() ([]*Host, error) {
	entries, err := os.ReadDir(filepath.Join(a.dir, hostsDir))
	if err != nil {
		return nil, err
	}
	var hosts []*Host
	for _, e := range entries {
		name, found := strings.CutSuffix(e.Name(), jwtSuffix)
		if !found || CheckName(name) != nil { // a temporary file begins with a dot
			continue
		}
		h, err := a.readHost(name)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	slices.SortFunc(hosts, func(a, b *Host) int { return strings.Compare(a.Name, b.Name) })
	return hosts, nil
}

func (a *Authority) readHost(name string) (*Host, error) {
	path := filepath.Join(hostsDir, name+jwtSuffix)
	token, err := a.read(path)
	if err != nil {
		return nil, err
	}
	user, err := jwt.DecodeUserClaims(token)
	if err == nil && (user.Name != name || user.Issuer != a.account.Subject) {
		err = errors.New("it was signed for another host or fleet")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(a.dir, path), err)
	}
	h := newHost(user, token)
	h.RevokedAt = a.account.Revocations[user.Subject]
	return h, nil
}

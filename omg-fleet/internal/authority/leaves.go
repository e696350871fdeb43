package authority

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/nats-io/jwt/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/link"
)

// RevokeLeaf signs that the credentials of the server of a site may no longer be used, in the account of the fleet and in the servers' own one.
// Servers have to be told, and then RemoveLeaf removes the files.
func (a *Authority) RevokeLeaf(s Server) error {
	if !slices.Contains(a.settings.Leaves, s) {
		return fmt.Errorf("there is no leaf node %s", s.Name())
	}
	system, err := jwt.DecodeAccountClaims(a.systemJWT)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(a.dir, systemFile+".jwt"), err)
	}
	for name, account := range map[string]*jwt.AccountClaims{leafCreds: a.account, leafSysCred: system} {
		path := filepath.Join(serversDir, s.Name(), name)
		text, err := a.read(path)
		if err != nil {
			return err
		}
		user, err := link.ParseSigned([]byte(text))
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(a.dir, path), err)
		}
		revoke(account, user.Subject, user.IssuedAt)
	}
	if a.systemJWT, err = system.Encode(a.operator); err != nil {
		return err
	}
	if err := a.write(systemFile+".jwt", []byte(a.systemJWT), 0o600); err != nil {
		return err
	}
	a.settings.Leaves = slices.DeleteFunc(slices.Clone(a.settings.Leaves), func(one Server) bool { return one == s }) // it does not answer any more
	return a.signFleet()
}

// RemoveLeaf removes the files of a leaf node that was revoked, which can then be added again.
func (a *Authority) RemoveLeaf(s Server) error {
	if err := a.writeSettings(); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(a.dir, serversDir, s.Name()))
}

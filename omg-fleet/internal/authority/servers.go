package authority

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/omg-arch/omg/omg-fleet/internal/certs"
	"github.com/omg-arch/omg/omg-fleet/internal/serverconf"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
)

// The directory with a directory for each server, and the names of the authorities of certificates. The second one signs only what the servers
// of the cluster show each other, so that nobody with another certificate can join.
const (
	serversDir  = "servers"
	clientsCA   = "ca"
	clusterCA   = "cluster-ca"
	confFile    = "nats-server.conf"
	leafCreds   = "leaf.creds"
	leafSysCred = "leaf-system.creds"
)

// CAPath returns the path of the certificate that clients have to trust, or "" if machines know the authority of the certificates.
func (a *Authority) CAPath() string {
	if !a.settings.SelfSigned {
		return ""
	}
	return filepath.Join(a.dir, clientsCA+".crt")
}

// WriteServers writes the files of all servers, each into a directory of its own, and returns these directories.
func (a *Authority) WriteServers() ([]string, error) {
	if err := os.Mkdir(filepath.Join(a.dir, serversDir), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	var dirs []string
	for _, s := range a.settings.Servers {
		dir, err := a.writeServer(s, false)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// WriteLeaf writes the files of the server of a site, and returns their directory.
func (a *Authority) WriteLeaf(s Server) (string, error) { return a.writeServer(s, true) }

func (a *Authority) writeServer(s Server, isLeaf bool) (string, error) {
	dir := filepath.Join(serversDir, s.Name())
	if err := os.Mkdir(filepath.Join(a.dir, dir), 0o700); err != nil {
		return "", err
	}
	systemKey, systemJWT := a.SystemAccount()
	fleetKey, _ := a.FleetAccount()
	conf := &serverconf.Server{
		Name: s.Name(), Port: s.Port, ClusterPort: s.Port + clusterOffset, LeafPort: s.Port + leafOffset,
		Dir: a.settings.ServerDir, State: a.settings.StateDir,
		OperatorJWT: a.operatorJWT, SystemAccount: systemKey, SystemJWT: systemJWT, FleetAccount: fleetKey,
		SelfSigned: a.settings.SelfSigned,
	}
	for _, other := range a.settings.Servers {
		switch {
		case isLeaf:
			conf.Hubs = append(conf.Hubs, other.url("tls", leafOffset))
		case other != s:
			conf.Routes = append(conf.Routes, other.url("nats-route", clusterOffset))
		}
	}
	if a.settings.SelfSigned {
		if err := a.issue(clientsCA, s.Host, filepath.Join(dir, "server")); err != nil {
			return "", err
		}
		if err := a.copyCertificate(clientsCA, dir); err != nil {
			return "", err
		}
	}
	if len(conf.Routes) > 0 {
		if err := a.issue(clusterCA, s.Host, filepath.Join(dir, "cluster")); err != nil {
			return "", err
		}
		if err := a.copyCertificate(clusterCA, dir); err != nil {
			return "", err
		}
	}
	if isLeaf {
		if err := a.writeLeafCreds(s, dir); err != nil {
			return "", err
		}
	}
	return filepath.Join(a.dir, dir), a.write(filepath.Join(dir, confFile), []byte(serverconf.Format(conf)), 0o600)
}

// writeLeafCreds writes the credentials with which the server of a site connects to the others. In the servers' own account it may only learn
// about accounts, which the operator has signed.
func (a *Authority) writeLeafCreds(s Server, dir string) error {
	for name, fill := range map[string]func(user *jwt.UserClaims) nkeys.KeyPair{
		leafCreds: func(user *jwt.UserClaims) nkeys.KeyPair {
			permit(user, subject.LeafPermissions())
			return a.fleet
		},
		leafSysCred: func(user *jwt.UserClaims) nkeys.KeyPair {
			permit(user, subject.LeafSystemPermissions())
			return a.system
		},
	} {
		creds, err := a.newCreds(func(user *jwt.UserClaims) nkeys.KeyPair {
			signer := fill(user)
			user.Name, user.AllowedConnectionTypes = s.Name(), jwt.StringList{jwt.ConnectionTypeLeafnode}
			return signer
		})
		if err != nil {
			return err
		}
		text, err := creds.format()
		if err != nil {
			return err
		}
		if err := a.write(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// issue writes a certificate of a server and its key. It makes the authority when it is first needed.
func (a *Authority) issue(authority, host, path string) error {
	ca := &certs.Pair{}
	for name, content := range map[string]*[]byte{".crt": &ca.Cert, ".key": &ca.Key} {
		text, err := a.read(authority + name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		*content = []byte(text)
	}
	if len(ca.Cert) == 0 && len(ca.Key) == 0 {
		var err error
		if ca, err = certs.NewAuthority("omg-fleet "+authority+" "+publicKey(a.operator)[:8], time.Now()); err != nil {
			return err
		}
		if err := a.writePair(authority, ca); err != nil {
			return err
		}
	}
	pair, err := ca.Issue(host, time.Now())
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(a.dir, authority+".key"), err)
	}
	return a.writePair(path, pair)
}

func (a *Authority) writePair(path string, p *certs.Pair) error {
	if err := a.write(path+".key", p.Key, 0o600); err != nil {
		return err
	}
	return a.write(path+".crt", p.Cert, 0o644)
}

func (a *Authority) copyCertificate(authority, dir string) error {
	text, err := a.read(authority + ".crt")
	if err != nil {
		return err
	}
	return a.write(filepath.Join(dir, authority+".crt"), []byte(text), 0o644)
}

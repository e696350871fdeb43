package authority

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/atomicfile"
)

// Creds are the JWT of a user, and its secret key.
type Creds struct {
	JWT  string
	seed []byte
}

// Option returns the option with which a connection uses the credentials.
func (c *Creds) Option() nats.Option { return nats.UserJWTAndSeed(c.JWT, string(c.seed)) }

func (c *Creds) format() ([]byte, error) { return jwt.FormatUserConfig(c.JWT, c.seed) }

// shortLife is how long credentials are valid that are made for one command. The clocks of servers may differ a little.
const shortLife = time.Hour

// Manager makes credentials for making the streams and writing the roster.
func (a *Authority) Manager() (*Creds, error) {
	return a.newCreds(func(user *jwt.UserClaims) nkeys.KeyPair {
		user.Name, user.Expires = "omg-fleet", time.Now().Add(shortLife).Unix()
		permit(user, subject.ManagerPermissions())
		return a.fleet
	})
}

// SystemRequests are the subjects of the requests to the servers' own account that omg-fleet sends.
const (
	UpdateAccount = "$SYS.REQ.CLAIMS.UPDATE"
	PingServers   = "$SYS.REQ.SERVER.PING.VARZ"
)

// System makes credentials for telling the servers about the account of the fleet, and for asking them how they are configured.
func (a *Authority) System() (*Creds, error) {
	return a.newCreds(func(user *jwt.UserClaims) nkeys.KeyPair {
		user.Name, user.Expires = "omg-fleet", time.Now().Add(shortLife).Unix()
		permit(user, subject.Permissions{
			Publish: []string{UpdateAccount, PingServers}, Subscribe: []string{subject.AdminInboxPrefix + ".>"},
		})
		return a.system
	})
}

// asker makes the credentials of those who ask questions. They are valid until RenewAsker.
func (a *Authority) asker() (*Creds, error) {
	return a.newCreds(func(user *jwt.UserClaims) nkeys.KeyPair {
		user.Name = "admin"
		permit(user, subject.AskerPermissions())
		return a.fleet
	})
}

// writeAsker writes new credentials of those who ask questions.
func (a *Authority) writeAsker() error {
	creds, err := a.asker()
	if err != nil {
		return err
	}
	text, err := creds.format()
	if err != nil {
		return err
	}
	return a.write(CredsFile, text, 0o600)
}

// RenewAsker revokes the credentials of those who ask questions, and writes new ones. Servers have to be told.
func (a *Authority) RenewAsker() error {
	pair, err := readKey(a.CredsPath())
	if err != nil {
		return err
	}
	a.account.RevokeAt(publicKey(pair), time.Now())
	if err := a.signFleet(); err != nil {
		return err
	}
	return a.writeAsker()
}

// newCreds makes a key, and signs what it may do. The function fill describes this, and returns the key of the account that signs it.
func (a *Authority) newCreds(fill func(*jwt.UserClaims) nkeys.KeyPair) (*Creds, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	user := jwt.NewUserClaims(publicKey(pair))
	c := &Creds{}
	if c.JWT, err = user.Encode(fill(user)); err != nil {
		return nil, err
	}
	c.seed, err = pair.Seed()
	return c, err
}

// NewKey writes a new secret key of a host into a file that only its owner can read, and returns the public key. If the file exists, it returns
// the public key of the secret key in it.
func NewKey(path string) (string, error) {
	pair, err := readKey(path)
	if err == nil {
		return publicKey(pair), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if pair, err = nkeys.CreateUser(); err != nil {
		return "", err
	}
	seed, err := pair.Seed()
	if err != nil {
		return "", err
	}
	text, err := jwt.DecorateSeed(seed)
	if err != nil {
		return "", err
	}
	return publicKey(pair), atomicfile.Write(path, text, atomicfile.Options{Mode: 0o600, Sync: true})
}

// AddJWT writes the JWT of a host into the file with its secret key, which then has the usual form of NATS's credentials. It returns the name
// of the host.
func AddJWT(path, token string) (string, error) {
	pair, err := readKey(path)
	if err != nil {
		return "", err
	}
	if token, err = jwt.ParseDecoratedJWT([]byte(token)); err != nil {
		return "", err
	}
	token = strings.TrimSpace(token) // the function returns other text as it is
	user, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return "", fmt.Errorf("this is not what omg-fleet host add prints: %w", err)
	}
	if user.Subject != publicKey(pair) {
		return "", fmt.Errorf("this was signed for the key %s, and %s has the key %s", user.Subject, path, publicKey(pair))
	}
	seed, err := pair.Seed()
	if err != nil {
		return "", err
	}
	text, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		return "", err
	}
	return user.Name, atomicfile.Write(path, text, atomicfile.Options{Mode: 0o600, Sync: true})
}

// SignedName returns the name for which the key in a file of AddJWT was added. It returns nothing if the file has no such name, because it has a
// certificate or cannot be read: connecting with the file reports this.
func SignedName(path string) string {
	text, err := readSmall(path)
	if err != nil {
		return ""
	}
	user, err := link.ParseSigned([]byte(text))
	if err != nil {
		return ""
	}
	return user.Name
}

// readKey reads the secret key in a file of NewKey or AddJWT.
func readKey(path string) (nkeys.KeyPair, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	pair, err := jwt.ParseDecoratedUserNKey([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%s has no secret key of a host: %w", path, err)
	}
	return pair, nil
}

// Package authority keeps the keys of a fleet in a directory, and signs with them who may do what on the NATS servers.
//
// The keys and what they sign are those of NATS's decentralized accounts: the operator signs the accounts, and the fleet's account signs its
// users. A server knows the public key of the operator and nothing else; what it is shown must be signed. The directory has these files:
//
//	operator.nk system.nk fleet.nk     the secret keys, as nkeys writes them
//	operator.jwt system.jwt fleet.jwt  what the operator has signed: itself, the servers' own account, and the account of the fleet
//	hosts/NAME.jwt                     what the fleet's account has signed for a host, also for a revoked one
//	admin.creds                        the credentials of those who ask questions
//	fleet.json                         the servers
//
// A host is revoked if fleet.jwt says so. Each of these facts is in one file, so a change is one atomic replacement.
package authority

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/omg-arch/omg/omg-fleet/internal/streams"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// Names of the files.
const (
	operatorFile = "operator"
	systemFile   = "system"
	fleetFile    = "fleet"
	hostsDir     = "hosts"
	// CredsFile has the credentials of those who ask questions.
	CredsFile = "admin.creds"
)

// ErrLocked means that another process changes the directory.
var ErrLocked = errors.New("another omg-fleet is using it")

// Authority is an open directory. No other process can change it until Close.
type Authority struct {
	dir                     string
	lock                    *atomicfile.Lock
	operator, system, fleet nkeys.KeyPair
	operatorJWT, systemJWT  string
	account                 *jwt.AccountClaims // the fleet's account
	accountJWT              string
	settings                Settings
}

// maxFile limits the size of a file. The account of a fleet grows by about 70 bytes with each key that was revoked, and a server accepts at
// most 1 MiB.
const maxFile = 1 << 20

// Create makes a directory with new keys. A directory that has files is refused, so that no key is ever lost.
func Create(dir string, s *Settings) (_ *Authority, err error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty: the keys of a fleet need a directory of their own", dir)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, settings: *s}
	if a.lock, err = atomicfile.LockDir(dir, dir, ErrLocked); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = a.Close()
		}
	}()
	for _, k := range []struct {
		name   string
		pair   *nkeys.KeyPair
		create func() (nkeys.KeyPair, error)
	}{{operatorFile, &a.operator, nkeys.CreateOperator}, {systemFile, &a.system, nkeys.CreateAccount}, {fleetFile, &a.fleet, nkeys.CreateAccount}} {
		if *k.pair, err = k.create(); err != nil {
			return nil, err
		}
		seed, err := (*k.pair).Seed()
		if err != nil {
			return nil, err
		}
		if err := a.write(k.name+".nk", append(seed, '\n'), 0o600); err != nil {
			return nil, err
		}
	}
	if err := a.signAccounts(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, hostsDir), 0o700); err != nil {
		return nil, err
	}
	if err := a.writeAsker(); err != nil {
		return nil, err
	}
	return a, a.writeSettings() // last: a directory without this file is incomplete
}

// signAccounts makes and writes the JWTs of the operator and the accounts.
func (a *Authority) signAccounts() (err error) {
	operatorKey, systemKey, fleetKey := publicKey(a.operator), publicKey(a.system), publicKey(a.fleet)
	operator := jwt.NewOperatorClaims(operatorKey)
	operator.Name, operator.SystemAccount = "omg-fleet", systemKey
	if a.operatorJWT, err = operator.Encode(a.operator); err != nil {
		return err
	}
	system := jwt.NewAccountClaims(systemKey)
	system.Name = "SYS"
	if a.systemJWT, err = system.Encode(a.operator); err != nil {
		return err
	}
	a.account = jwt.NewAccountClaims(fleetKey)
	a.account.Name = "FLEET"
	a.account.Limits.Imports, a.account.Limits.Exports, a.account.Limits.WildcardExports = 0, 0, false
	a.account.Limits.DisallowBearer = true
	a.account.Limits.Payload = streams.MaxMessage
	// A server would reserve a limited storage, and refuse the account if its disk is smaller. Each host can store at most two messages.
	a.account.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: jwt.NoLimit, Streams: 2, Consumer: 1000}
	if err := a.write(operatorFile+".jwt", []byte(a.operatorJWT), 0o600); err != nil {
		return err
	}
	if err := a.write(systemFile+".jwt", []byte(a.systemJWT), 0o600); err != nil {
		return err
	}
	return a.signFleet()
}

// signFleet signs the account of the fleet again, and writes it.
func (a *Authority) signFleet() error {
	text, err := a.account.Encode(a.operator)
	if err != nil {
		return err
	}
	if len(text) > maxFile {
		return errors.New("too many keys were revoked: make a new fleet")
	}
	if err := a.write(fleetFile+".jwt", []byte(text), 0o600); err != nil {
		return err
	}
	a.accountJWT = text
	return nil
}

// Open opens a directory that Create has made.
func Open(dir string) (_ *Authority, err error) {
	a := &Authority{dir: dir}
	if a.lock, err = atomicfile.LockDir(dir, dir, ErrLocked); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = a.Close()
		}
	}()
	if err := a.readSettings(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s has no keys of a fleet: omg-fleet init makes them", dir)
		}
		return nil, err
	}
	for name, pair := range map[string]*nkeys.KeyPair{operatorFile: &a.operator, systemFile: &a.system, fleetFile: &a.fleet} {
		seed, err := a.read(name + ".nk")
		if err != nil {
			return nil, err
		}
		if *pair, err = nkeys.FromSeed([]byte(strings.TrimSpace(seed))); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, name+".nk"), err)
		}
	}
	if a.operatorJWT, err = a.read(operatorFile + ".jwt"); err != nil {
		return nil, err
	}
	if a.systemJWT, err = a.read(systemFile + ".jwt"); err != nil {
		return nil, err
	}
	if a.accountJWT, err = a.read(fleetFile + ".jwt"); err != nil {
		return nil, err
	}
	if a.account, err = jwt.DecodeAccountClaims(a.accountJWT); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, fleetFile+".jwt"), err)
	}
	if a.account.Subject != publicKey(a.fleet) || a.account.Issuer != publicKey(a.operator) {
		return nil, fmt.Errorf("%s is not of the keys beside it", filepath.Join(dir, fleetFile+".jwt"))
	}
	return a, nil
}

// Close lets other processes use the directory.
func (a *Authority) Close() error {
	for _, pair := range []nkeys.KeyPair{a.operator, a.system, a.fleet} {
		if pair != nil {
			pair.Wipe()
		}
	}
	return a.lock.Close()
}

// SystemAccount returns the public key and the JWT of the servers' own account.
func (a *Authority) SystemAccount() (key, token string) { return publicKey(a.system), a.systemJWT }

// FleetAccount returns the public key and the JWT of the account of the fleet.
func (a *Authority) FleetAccount() (key, token string) { return a.account.Subject, a.accountJWT }

// CredsPath returns the path of the credentials of those who ask.
func (a *Authority) CredsPath() string { return filepath.Join(a.dir, CredsFile) }

func (a *Authority) write(name string, content []byte, mode fs.FileMode) error {
	return atomicfile.Write(filepath.Join(a.dir, name), content, atomicfile.Options{Mode: mode, Sync: true})
}

func (a *Authority) read(name string) (string, error) { return readSmall(filepath.Join(a.dir, name)) }

// readSmall reads a file of at most maxFile bytes.
func readSmall(path string) (string, error) {
	f, _, err := sourcefile.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxFile {
		return "", &fs.PathError{Op: "read", Path: path, Err: sourcefile.ErrOversize}
	}
	return string(b), nil
}

// publicKey returns the public key of a pair that has a secret key, which cannot fail.
func publicKey(pair nkeys.KeyPair) string {
	key, err := pair.PublicKey()
	if err != nil {
		panic(err)
	}
	return key
}

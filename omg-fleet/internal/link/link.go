// Package link connects to the NATS servers of a fleet.
package link

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// Options say which servers to connect to, and as whom.
type Options struct {
	// Server is the address of a server, or several addresses with commas between them: nats://HOST:PORT or tls://HOST:PORT.
	Server string
	// Creds is the path of the file with the credentials, which are those of NATS, or a certificate with its key; empty for a server that needs
	// none.
	Creds string
	// Auth replaces Creds if it is not nil.
	Auth nats.Option
	// CA is the path of a file with certificates of authorities that are trusted besides those of the system; empty for none.
	CA string
	// Name identifies the connection in the server's logs.
	Name string
	// InboxPrefix is the prefix of the subjects on which the server's replies arrive; empty for a connection that sends no requests.
	InboxPrefix string
	// Stays means that the connection is for a process that keeps running: it is made again whenever it is lost, and the first one need not
	// succeed at once.
	Stays bool
	// OnChange is called with a text for each change of the connection and each error, and with whether there is a connection now; nil for no
	// calls.
	OnChange func(isConnected bool, text string)
}

// connectTimeout limits the time for connecting to one server.
const connectTimeout = 5 * time.Second

// Connect connects to the first server that accepts the connection.
func Connect(o Options) (*nats.Conn, error) {
	if err := checkAddresses(o.Server); err != nil {
		return nil, err
	}
	options := []nats.Option{
		nats.Name(o.Name), nats.Timeout(connectTimeout), nats.NoEcho(),
		nats.ReconnectBufSize(-1), // what is published without a connection is refused, so that its sender knows
		nats.PingInterval(30 * time.Second), nats.MaxPingsOutstanding(2),
		nats.ErrorHandler(func(c *nats.Conn, _ *nats.Subscription, err error) { o.report(c.IsConnected(), err.Error()) }),
	}
	if o.InboxPrefix != "" {
		options = append(options, nats.CustomInboxPrefix(o.InboxPrefix))
	}
	if needsTLS(o.Server) {
		options = append(options, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	switch {
	case o.Auth != nil:
		options = append(options, o.Auth)
	case o.Creds != "":
		option, err := credentials(o.Creds)
		if err != nil {
			return nil, err
		}
		options = append(options, option)
	}
	if o.CA != "" {
		options = append(options, nats.RootCAs(o.CA))
	}
	if o.Stays {
		options = append(options, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.CustomReconnectDelay(reconnectDelay), nats.IgnoreAuthErrorAbort(),
			nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
				if err != nil {
					o.report(false, "the connection was lost: "+err.Error())
				}
			}),
			nats.ReconnectHandler(func(c *nats.Conn) { o.report(true, "connected to "+c.ConnectedUrlRedacted()) }),
			nats.ConnectHandler(func(c *nats.Conn) { o.report(true, "connected to "+c.ConnectedUrlRedacted()) }),
			nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { o.report(false, "cannot connect: "+err.Error()) }))
	} else {
		options = append(options, nats.NoReconnect())
	}
	c, err := nats.Connect(o.Server, options...)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to %s: %w", o.Server, explain(err))
	}
	return c, nil
}

// maxCreds limits the size of a file with credentials.
const maxCreds = 256 << 10

// credentials returns the option for a file with credentials of NATS, or with a certificate and its key. Each connection reads it again.
func credentials(path string) (nats.Option, error) {
	f, _, err := sourcefile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the credentials: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCreds))
	if err != nil {
		return nil, fmt.Errorf("cannot read the credentials: %w", err)
	}
	if bytes.Contains(text, []byte("-----BEGIN CERTIFICATE-----")) {
		return nats.ClientCert(path, path), nil
	}
	if _, err := jwt.ParseDecoratedUserNKey(text); err != nil {
		return nil, fmt.Errorf("%s has no key: omg-fleet key makes one", path)
	}
	if _, err := ParseSigned(text); err != nil {
		return nil, fmt.Errorf("%s has a key, but not what was signed for it: omg-fleet key --jwt adds it", path)
	}
	return nats.UserCredentials(path), nil
}

// ParseSigned returns what was signed for the key in credentials of NATS.
func ParseSigned(credentials []byte) (*jwt.UserClaims, error) {
	token, err := jwt.ParseDecoratedJWT(credentials) // without a JWT, it is the key
	if err != nil {
		return nil, err
	}
	return jwt.DecodeUserClaims(token)
}

func (o *Options) report(isConnected bool, text string) {
	if o.OnChange != nil {
		o.OnChange(isConnected, text)
	}
}

// explain adds what to do to errors whose text does not say it.
func explain(err error) error {
	switch {
	case errors.Is(err, nats.ErrAuthorization):
		return fmt.Errorf("%w: the server does not accept the file of --creds, or needs one", err)
	case errors.Is(err, nats.ErrNoServers):
		return fmt.Errorf("%w: does a server run there?", err)
	case errors.Is(err, nats.ErrSecureConnRequired):
		return fmt.Errorf("%w: begin the address with tls://", err)
	}
	return err
}

// Delays before a lost connection is made again. With maxReconnectDelay, 10,000 hosts that have lost their server at the same time come back
// at about 500 a second.
const (
	minReconnectDelay = 200 * time.Millisecond
	maxReconnectDelay = 20 * time.Second
)

// reconnectDelay returns a random time before the next attempt. The parameter is the number of attempts with all servers so far.
func reconnectDelay(attempts int) time.Duration {
	return minReconnectDelay + rand.N(min(maxReconnectDelay, time.Second<<min(attempts+1, 10)))
}

// checkAddresses returns an error that says how an address is written.
func checkAddresses(servers string) error {
	for _, address := range strings.Split(servers, ",") {
		u, err := url.Parse(strings.TrimSpace(address))
		if err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls" {
			return command.Usagef("%q is not the address of a NATS server, such as tls://nats.example.org:4222", address)
		}
		if u.User != nil {
			return command.Usagef("an address with a password would be seen by other users: use --creds")
		}
	}
	return nil
}

func needsTLS(servers string) bool { return strings.Contains(servers, "tls://") }

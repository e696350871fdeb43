package fakeserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// discardLog hides a server's log of broken connections from a test's output.
var discardLog = log.New(io.Discard, "", 0)

// Certificates are a valid and an expired certificate of a server for 127.0.0.1 and localhost, and the authority that
// signed both.
type Certificates struct {
	// CAFile contains the authority's certificate: a program with SSL_CERT_FILE set to it accepts the server.
	CAFile     string
	valid      tls.Certificate
	expired    tls.Certificate
	useExpired atomic.Bool
}

// NewCertificates creates an authority and its certificates.
func NewCertificates(t testing.TB) *Certificates {
	t.Helper()
	now := time.Now()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stand-in"},
		NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, &key.PublicKey, key)
	require.NoError(t, err)
	authority, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	c := &Certificates{CAFile: filepath.Join(t.TempDir(), "authority.pem")}
	require.NoError(t, os.WriteFile(c.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	issue := func(serial int64, until time.Time) tls.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "stand-in"},
			NotBefore: now.AddDate(-1, 0, 0), NotAfter: until,
			DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}, authority, &key.PublicKey, key)
		require.NoError(t, err)
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	c.valid, c.expired = issue(2, now.AddDate(0, 1, 0)), issue(3, now.AddDate(0, 0, -1))
	return c
}

func (c *Certificates) config() *tls.Config {
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		cert := c.valid
		if c.useExpired.Load() {
			cert = c.expired
		}
		// Without session tickets, each connection gets the current certificate.
		return &tls.Config{
			Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true,
			NextProtos: []string{"http/1.1"},
		}, nil
	}}
}

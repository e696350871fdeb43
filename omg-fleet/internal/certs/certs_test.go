package certs

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestIssue(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ca, err := NewAuthority("a fleet", now)
	require.NoError(t, err)
	other, err := NewAuthority("a fleet", now)
	require.NoError(t, err)
	roots, otherRoots := x509.NewCertPool(), x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca.Cert))
	require.True(t, otherRoots.AppendCertsFromPEM(other.Cert))
	serials := map[string]bool{}
	for _, host := range []string{"nats1.example.org", "192.0.2.1", "2001:db8::1"} {
		p, err := ca.Issue(host, now)
		require.NoError(t, err)
		pair, err := tls.X509KeyPair(p.Cert, p.Key)
		require.NoError(t, err)
		leaf := pair.Leaf
		require.False(t, leaf.IsCA)
		serials[leaf.SerialNumber.String()] = true
		verify := func(name string, roots *x509.CertPool, at time.Time) error {
			_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
			return err
		}
		require.NoError(t, verify(host, roots, now))
		require.NoError(t, verify(host, roots, now.Add(lifetime-time.Hour)))
		require.Error(t, verify(host, roots, now.Add(lifetime+time.Hour)))
		require.Error(t, verify("other.example.org", roots, now))
		require.Error(t, verify(host, otherRoots, now))
	}
	require.Len(t, serials, 3)
	_, err = (&Pair{}).Issue("a", now)
	require.Error(t, err)
}

package aur

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fetch"
)

// checksumLine returns the file with the checksum of a dump, as the AUR writes it.
func checksumLine(dump []byte) string {
	return fmt.Sprintf("SHA256 (packages-meta-ext-v1.json.gz) = %x", sha256.Sum256(dump))
}

// TestDump_Checksum checks which dumps are used: those that have the published checksum, those of a server without checksums, and those that were
// replaced during the download. Any other dump leaves the last dump in use, with a reason.
func TestDump_Checksum(t *testing.T) {
	first, second := dumps()
	for name, c := range map[string]struct {
		checksum  func(n int) (string, error)
		downloads int
		why       string // empty if the second dump is used
	}{
		"the right one":       {func(int) (string, error) { return checksumLine(second), nil }, 1, ""},
		"in the other format": {func(int) (string, error) { return fmt.Sprintf("%X  dump.gz\n", sha256.Sum256(second)), nil }, 1, ""},
		"none":                {nil, 1, ""},
		"refused":             {func(int) (string, error) { return "", &fetch.StatusError{Code: 403} }, 1, ""},
		"of the next dump first": {func(n int) (string, error) {
			return []string{checksumLine([]byte("x")), checksumLine(second)}[n-1], nil
		}, 2, ""},
		"of another dump":       {func(int) (string, error) { return checksumLine(first), nil }, 2, "the AUR's dump was rejected: it does not match its checksum"},
		"of ever newer dumps":   {func(n int) (string, error) { return checksumLine([]byte{byte(n)}), nil }, 2, "the AUR's dump was rejected: it does not match its checksum"},
		"an error of the AUR":   {func(int) (string, error) { return "", &fetch.StatusError{Code: 503} }, 1, "the AUR reports an error (503 Service Unavailable)"},
		"too many requests":     {func(int) (string, error) { return "", &fetch.StatusError{Code: 429} }, 1, "the AUR refuses requests for now (rate limit)"},
		"no reply":              {func(int) (string, error) { return "", fetch.ErrSlow }, 1, "the AUR did not answer in time"},
		"a page for people":     {func(int) (string, error) { return "<html>\x1b[31m no", nil }, 1, `the AUR's dump was rejected: its checksum is not a SHA-256, but "<html>\x1b[31m no"`},
		"nothing":               {func(int) (string, error) { return "", nil }, 1, `the AUR's dump was rejected: its checksum is not a SHA-256, but ""`},
		"a digest that is long": {func(int) (string, error) { return strings.Repeat("0f", 33), nil }, 1, `the AUR's dump was rejected: its checksum is not a SHA-256, but "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{etag: `"1"`, dump: first}
				a := open(t, settings(t, s, newDisk()))
				d, err := a.refreshDump(t.Context())
				require.NoError(t, err)
				a.saveDump(d)
				s.dump, s.etag, s.checksum, s.requested = second, `"2"`, c.checksum, nil
				d, err = a.refreshDump(t.Context())
				require.Equal(t, c.downloads, s.count(dumpPath))
				require.Equal(t, c.why, d.Why)
				want, etag := second, `"2"`
				if c.why != "" {
					require.Error(t, err)
					want, etag = first, `"1"`
				}
				require.Equal(t, string(want), string(read(t, a.DumpPath)))
				require.Equal(t, etag, d.ETag)
			})
		})
	}
}

// TestDump_ChecksumOnASlowConnection checks that a dump is used although the AUR writes the next one during each download: the second dump has the
// checksum that was published before its download began.
func TestDump_ChecksumOnASlowConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := dumps()
		s := &server{etag: `"1"`, dump: first}
		s.checksum = func(n int) (string, error) {
			s.dump = second // the server is locked
			return checksumLine([][]byte{second, []byte("the third")}[n-1]), nil
		}
		a := open(t, settings(t, s, newDisk()))
		d, err := a.refreshDump(t.Context())
		require.NoError(t, err)
		require.Empty(t, d.Why)
		require.Equal(t, 2, s.checksumRequests)
		require.Equal(t, string(second), string(read(t, a.DumpPath)))
	})
}

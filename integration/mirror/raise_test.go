package mirror

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// raise returns a copy of the database at path in which the named packages have a much higher version. If no name is
// given, all packages get a much higher version.
func raise(t *testing.T, path string, names ...string) []byte {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var out bytes.Buffer
	zw, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	require.NoError(t, err)
	from, to := tar.NewReader(z), tar.NewWriter(zw)
	for {
		h, err := from.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		body, err := io.ReadAll(from)
		require.NoError(t, err)
		if name, version := split(h.Name); len(names) == 0 || slices.Contains(names, name) {
			h.Name = strings.Replace(h.Name, name+"-"+version, name+"-999:"+version, 1)
			body = bytes.Replace(body, []byte("%VERSION%\n"), []byte("%VERSION%\n999:"), 1)
			h.Size, h.PAXRecords = int64(len(body)), nil
		}
		require.NoError(t, to.WriteHeader(h))
		_, err = to.Write(body)
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(to.Close(), zw.Close()))
	return out.Bytes()
}

// split returns name and version from the path of an entry, "name-version-release/desc".
func split(path string) (name, version string) {
	dir, _, _ := strings.Cut(path, "/")
	words := strings.Split(dir, "-")
	if len(words) < 3 {
		return dir, ""
	}
	return strings.Join(words[:len(words)-2], "-"), strings.Join(words[len(words)-2:], "-")
}

package archtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// writeDatabase makes what the README takes for granted: a pacman.conf, databases with the packages it speaks of, and an
// installed system with an update, an orphan and a foreign package.
func writeDatabase(t *testing.T, dir, conf string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "local"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sync"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "local", "ALPM_DB_VERSION"), []byte("9\n"), 0o644))
	config := fmt.Sprintf("[options]\nDBPath = %s\n", dir)
	for repo, packages := range map[string][][2]string{
		"core":  {{"libcap", "POSIX 1003.1e capabilities"}},
		"extra": {{"firefox", "Fast, private and safe web browser"}, {"libfoo", "A library"}},
	} {
		config += fmt.Sprintf("\n[%s]\nServer = https://mirror.invalid/%s\n", repo, repo)
		var file bytes.Buffer
		zip := gzip.NewWriter(&file)
		tape := tar.NewWriter(zip)
		for _, p := range packages {
			desc := fmt.Sprintf("%%FILENAME%%\n%[1]s-1.0-1-x86_64.pkg.tar.zst\n\n%%NAME%%\n%[1]s\n\n%%VERSION%%\n1.0-1\n\n"+
				"%%DESC%%\n%[2]s\n\n%%CSIZE%%\n1024\n\n%%ISIZE%%\n4096\n\n%%ARCH%%\nx86_64\n\n%%BUILDDATE%%\n1700000000\n\n", p[0], p[1])
			require.NoError(t, tape.WriteHeader(&tar.Header{Name: p[0] + "-1.0-1/desc", Mode: 0o644, Size: int64(len(desc))}))
			_, err := tape.Write([]byte(desc))
			require.NoError(t, err)
		}
		require.NoError(t, tape.Close())
		require.NoError(t, zip.Close())
		require.NoError(t, os.WriteFile(filepath.Join(dir, "sync", repo+".db"), file.Bytes(), 0o644))
	}
	require.NoError(t, os.WriteFile(conf, []byte(config), 0o644))
	for entry, desc := range map[string]string{
		"firefox-0.9-1":  "%NAME%\nfirefox\n\n%VERSION%\n0.9-1\n\n%DESC%\nFast, private and safe web browser\n\n%DEPENDS%\nlibfoo\n",
		"libfoo-1.0-1":   "%NAME%\nlibfoo\n\n%VERSION%\n1.0-1\n\n%DESC%\nA library\n\n%REASON%\n1\n",
		"leftover-1.0-1": "%NAME%\nleftover\n\n%VERSION%\n1.0-1\n\n%DESC%\nNobody needs it\n\n%REASON%\n1\n",
	} {
		place := filepath.Join(dir, "local", entry)
		require.NoError(t, os.Mkdir(place, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(place, "desc"), []byte(desc), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(place, "files"), []byte("%FILES%\nusr/\nusr/bin/\nusr/bin/"+entry+"\n"), 0o644))
	}
}

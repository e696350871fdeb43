package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/web"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/inventory"
)

func TestWeb_Usage(t *testing.T) {
	dir := fleet(t, map[string]*inventory.Inventory{"web1": {}})
	for args, want := range map[string]string{
		"":                            "--listen is the address of the server",
		"--listen 127.0.0.1:0 more":   `web takes no arguments, got "more"`,
		"--listen 192.0.2.1:80":       "is not on the loopback interface: it needs --tls-cert and --tls-key",
		"--listen nonsense":           "--listen is HOST:PORT or unix:PATH",
		"--listen unix:" + dir + "/s": "--host-name is the name under which browsers reach",
		"--listen 127.0.0.1:0 --proxy-user-header X-User":       "needs --listen unix:PATH",
		"--listen unix:/x --proxy-user-header X --token-file /": "exclude each other",
		"--listen 127.0.0.1:0 --tls-cert x":                     "belong together",
		"--listen unix:/x --tls-cert x --tls-key y":             "--tls-cert needs --listen HOST:PORT",
	} {
		t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
		code, out, stderr := run(t, append([]string{"--from", dir, "web"}, strings.Fields(args)...)...)
		require.Equal(t, exit.Usage, code, "%s: %s", args, stderr)
		require.Contains(t, stderr, want)
		require.Empty(t, out)
	}
	code, _, stderr := run(t, "web", "--listen", "127.0.0.1:0")
	require.Equal(t, exit.Usage, code)
	require.Contains(t, stderr, "--from DIR")
	code, _, stderr = run(t, "--from", dir, "web", "--listen", "127.0.0.1:0", "--tls-cert", "/none", "--tls-key", "/none")
	require.Equal(t, exit.Failed, code)
	require.Contains(t, stderr, "cannot use the certificate")
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("one token for everything\n"), 0o600))
	code, _, stderr = run(t, "--from", dir, "web", "--listen", "127.0.0.1:0", "--token-file", token, "--metrics-token-file", token)
	require.Equal(t, exit.Usage, code)
	require.Contains(t, stderr, "Prometheus needs one of its own")
	code, _, stderr = run(t, "--from", dir, "web", "--listen", "127.0.0.1:0", "--metrics-token-file", dir)
	require.Equal(t, exit.Failed, code, stderr)
	t.Setenv("XDG_RUNTIME_DIR", "")
	code, _, stderr = run(t, "--from", dir, "web", "--listen", "127.0.0.1:0")
	require.Equal(t, exit.Usage, code)
	require.Contains(t, stderr, "--token-file names the file with the token")
	code, _, stderr = run(t, "--from", dir+"/none", "web", "--listen", "127.0.0.1:0", "--token-file", "/none")
	require.Equal(t, exit.Failed, code)
	require.Contains(t, stderr, "no such file")
}

// TestWeb_Token checks that a token that is made is in a file of the user, is not printed, and is removed at the end.
func TestWeb_Token(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	var o web.Options
	path, remove, err := setToken(&o, "")
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	read, err := web.ReadToken(path)
	require.NoError(t, err)
	require.Equal(t, o.Token, read)
	var other web.Options
	_, _, err = setToken(&other, "")
	require.NoError(t, err)
	require.NotEqual(t, o.Token, other.Token)
	remove()
	require.NoFileExists(t, path)
}

// TestWeb_Ends checks that the server ends when the context does, as it does for a signal, and leaves no file of its own.
func TestWeb_Ends(t *testing.T) {
	hosts := fleet(t, map[string]*inventory.Inventory{"web1": {}})
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	socket := filepath.Join(dir, "web.sock")
	ctx, cancel := context.WithCancel(context.Background())
	stderr := &notifyingWriter{text: "the pages are on", found: cancel}
	code := Run(ctx, []string{"omg-fleet", "--from", hosts, "web", "--listen", "unix:" + socket, "--host-name", "fleet.example"}, &bytes.Buffer{}, stderr)
	require.Equal(t, exit.OK, code, stderr.all.String())
	require.Contains(t, stderr.all.String(), "unix:"+socket+", for a proxy that serves https://fleet.example/")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// notifyingWriter calls a function when a text was written.
type notifyingWriter struct {
	text  string
	found func()
	all   bytes.Buffer
}

func (w *notifyingWriter) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(w.text)) {
		w.found()
	}
	return w.all.Write(b)
}

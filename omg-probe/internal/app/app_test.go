package app

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/statusfile"
)

// TestMain sets a strict umask: the tests' directories must be trusted, and omg-probe does not trust a directory
// that others can write to.
func TestMain(m *testing.M) {
	syscall.Umask(0o022)
	os.Exit(m.Run())
}

// home creates an empty home directory. It removes all environment variables and sets HOME, XDG_RUNTIME_DIR and, because
// the machine may have a system-wide daemon, OMG_SOCKET_PATH.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
	t.Setenv("HOME", dir)
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "run"))
	t.Setenv("OMG_SOCKET_PATH", filepath.Join(dir, "run", "omg.sock"))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "run"), 0o700))
	return dir
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func probe(args ...string) (stdout, stderr string, code int) {
	var out, err bytes.Buffer
	code = Run(append([]string{"--deadline", "0"}, args...), strings.NewReader(""), &out, &err)
	return out.String(), err.String(), code
}

func shows(t *testing.T, want string, args ...string) {
	t.Helper()
	out, stderr, code := probe(args...)
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
	require.Equal(t, want, out)
}

func status(t *testing.T, at time.Time) {
	t.Helper()
	require.NoError(t, statusfile.Write(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "omg.status"), statusfile.Status{
		Installed: statusfile.NewNumber(1200), Explicit: statusfile.NewNumber(300), Orphans: statusfile.NewNumber(4),
		AURFindings: statusfile.AURFindings{Act: statusfile.NewNumber(0), Look: statusfile.NewNumber(0)},
		Updates:     statusfile.NewNumber(7), AURUpdates: statusfile.NewNumber(0), RefreshedAt: at, Interval: 300 * time.Second,
		RuntimeVersions: []statusfile.RuntimeVersion{{Runtime: "ruby", Version: "3.4.1"}},
	}))
}

func TestDirectory(t *testing.T) {
	dir := home(t)
	writeFile(t, dir+"/p/.node-version", "20.1.0\n")
	writeFile(t, dir+"/.nvm/versions/node/v20.1.0/bin/node", "")
	writeFile(t, dir+"/p/.ruby-version", "3.3.0\n")
	require.NoError(t, os.Mkdir(dir+"/p/sub", 0o755))
	args := []string{"--dbpath", dir, "-C", dir + "/p/sub", "node", "ruby", "bun"}
	shows(t, "node 20.1.0 ruby 3.3.0*\n", args...)
	t.Chdir(dir + "/p")
	shows(t, "ruby 3.3.0* node 20.1.0\n", "-Csub", "ruby", "--dbpath="+dir, "nodejs")
	t.Chdir(dir)
	shows(t, "", "--dbpath", dir, "node")
}

func TestStatus_SystemVersions(t *testing.T) {
	dir := home(t)
	status(t, time.Now())
	require.NoError(t, os.MkdirAll(dir+"/local/ruby-3.2.0-1", 0o755))
	shows(t, "ruby 3.4.1\n", "--dbpath", dir, "-C", dir, "ruby")
	status(t, time.Now().Add(-time.Hour))
	shows(t, "ruby 3.2.0\n", "--dbpath", dir, "-C", dir, "ruby")
	known := statusfile.Status{Installed: statusfile.NewNumber(7), RefreshedAt: time.Now(), Interval: time.Hour}
	require.NoError(t, statusfile.Write(dir+"/run/omg.status", known))
	shows(t, "", "--dbpath", dir, "-C", dir, "ruby")
	known.Installed = statusfile.Number{}
	require.NoError(t, statusfile.Write(dir+"/run/omg.status", known))
	shows(t, "ruby 3.2.0\n", "--dbpath", dir, "-C", dir, "ruby")
}

func TestStatus(t *testing.T) {
	dir := home(t)
	shows(t, "updates ? aur ? vulnerabilities ? orphans ?\n", "--status")
	shows(t, "?\n", "uc")
	status(t, time.Now())
	shows(t, "updates 7 aur 0 vulnerabilities ? orphans 4\n", "--status")
	shows(t, "ruby 3.4.1 updates 7 aur 0 vulnerabilities ? orphans 4\n", "--status", "ruby", "-C", dir)
	for name, want := range map[string]string{"ec": "300\n", "tc": "1200\n", "oc": "4\n", "uc": "7\n"} {
		shows(t, want, name)
	}
	shows(t, "7 3.4.1\n", "--format={{.updates}} {{.ruby}}", "-C", dir)
	status(t, time.Now().Add(-901*time.Second))
	shows(t, "updates ? aur ? vulnerabilities ? orphans ?\n", "--status")
	shows(t, "?\n", "tc")
	shows(t, "updates ?\n", "--status", "-f", "starship")
	require.NoError(t, os.Chmod(dir+"/run/omg.status", 0o666))
	shows(t, "?\n", "uc")
}

// TestStatus_Partial checks, for every way to request a number, that a partial number is followed by a question mark.
func TestStatus_Partial(t *testing.T) {
	dir := home(t)
	partial := statusfile.NewNumber(2)
	partial.Partial = true
	zero := statusfile.NewNumber(0)
	zero.Partial = true
	require.NoError(t, statusfile.Write(filepath.Join(dir, "run", "omg.status"), statusfile.Status{
		Installed: statusfile.NewNumber(1200), Explicit: partial, Orphans: statusfile.NewNumber(0), Updates: partial,
		AURUpdates: zero, Vulnerabilities: statusfile.NewNumber(0), AURFindings: statusfile.AURFindings{Act: zero, Look: partial}, RefreshedAt: time.Now(), Interval: 300 * time.Second,
	}))
	shows(t, "updates 2? aur 0? vulnerabilities 0 orphans 0 findings 2?\n", "--status")
	shows(t, "updates 2? aur 0? findings 2?\n", "--status", "-f", "starship")
	shows(t, "updates 2? aur 0? findings 2?\nupdates 2?\n", "--status", "-f", "i3blocks")
	for name, want := range map[string]string{"ec": "2?\n", "tc": "1200\n", "oc": "0\n", "uc": "2?\n"} {
		shows(t, want, name)
	}
	shows(t, "2? 0? 0 2?\n", "--format={{.updates}} {{.aur}} {{.orphans}} {{.findings}}")
	out, _, _ := probe("--status", "-f", "waybar")
	require.Contains(t, out, `"class":["updates","findings","partial"]`)
	out, _, _ = probe("--status", "-f", "json")
	require.Contains(t, out, `"partial":["explicit","updates","aur_updates","aur_findings"]`)
	require.Contains(t, out, `"updates":2,`)
	out, _, _ = probe("--why", "--status")
	require.Contains(t, out, "  updates 2?\n")
}

func TestWhy(t *testing.T) {
	dir := home(t)
	writeFile(t, dir+"/a b/.node-version", "$(touch x)\n")
	writeFile(t, dir+"/a b/mise.toml", "[tools\n")
	writeFile(t, dir+"/a b/go.mod", "module x\ngo 1.24\n")
	shows(t, "node ?*\n", "--dbpath", dir, "-C", dir+"/a b", "node")
	out, stderr, code := probe("--why", "--dbpath", dir, "-C", dir+"/a b", "node", "bun")
	require.Zero(t, code, stderr)
	require.Contains(t, out, `node "$(touch x)": not installed`)
	require.Contains(t, out, `range "$(touch x)", directory: "`+dir+`/a b/.node-version"`)
	require.Contains(t, out, `skipped "`+dir+`/a b/mise.toml": TOML: `)
	require.Contains(t, out, "bun: no active version\n")
	require.Contains(t, out, "status: none: ")
	status(t, time.Now().Add(-time.Hour))
	out, _, _ = probe("--why", "--status")
	require.Contains(t, out, "not shown: ")
	status(t, time.Now())
	out, _, _ = probe("--why", "--status")
	require.Contains(t, out, "  updates 7\n")
	require.Contains(t, out, "  vulnerabilities ?\n")
}

func TestUsage(t *testing.T) {
	dir := home(t)
	for _, args := range [][]string{
		{"perl"},
		{"--nope"},
		{"-x"},
		{"--format"},
		{"--format", "xml"},
		{"--deadline", "soon"},
		{"--deadline=-1s"},
		{"-C", dir + "/none"},
		{"--why=yes"},
		{"uc", "node"},
		{"node", "uc"},
		{"uc", "tc"},
		{"uc", "--why"},
		{"uc", "-f", "json"},
		{"--why", "-f", "json"},
		{"init"},
		{"init", "sh"},
		{"init", "bash", "--why"},
		{"init", "bash", "-f", "xml"},
		{"-C", ""},
		{"init", "bash", "init"},
		{"\x1b[31m"},
		{"command"},
		{"command", "rg", "fd"},
		{"command", "-rf"},
		{"command", "rg", "--status"},
		{"command", "rg", "-f", "json"},
		{"command", "rg", "--commands"},
		{"node", "command", "rg"},
		{"--commands"},
		{"init", "bash", "--commands", "node"},
		{"init", "bash", "--commands", "--status"},
		{"init", "sh", "--commands"},
		{"--browse"},
		{"--key", "alt-i"},
		{"init", "bash", "--key", "alt-i"},
		{"init", "bash", "--browse", "--commands"},
		{"init", "bash", "--browse", "node"},
		{"init", "bash", "--browse", "-C", "/"},
		{"init", "bash", "--browse", "--key", "f1"},
		{"init", "bash", "--browse", "--key", "alt-'"},
		{"init", "bash", "--browse", "--key", "ctrl-c"},
		{"init", "sh", "--browse"},
	} {
		out, stderr, code := probe(args...)
		require.Equal(t, 2, code, "%q", args)
		require.Empty(t, out, "%q", args)
		require.True(t, strings.HasPrefix(stderr, "omg-probe: error: "), "%q: %s", args, stderr)
		require.NotContains(t, stderr, "\x1b")
	}
	for _, args := range [][]string{{"-h"}, {"node", "--help"}} {
		out, _, code := probe(args...)
		require.Zero(t, code)
		require.Contains(t, out, "Exit codes: 0")
	}
	out, _, _ := probe("--version")
	require.True(t, strings.HasPrefix(out, "omg-probe "))
}

func TestInit(t *testing.T) {
	dir := home(t)
	self, err := os.Executable()
	require.NoError(t, err)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		out, stderr, code := probe("init", shell, "--status", "node", "--format={{.node}}")
		require.Zero(t, code, stderr)
		require.Contains(t, out, "'"+self+"' '--deadline' '0' '--status' 'node' '--format' '{{.node}}'")
		require.Contains(t, out, "'"+dir+"/run/omg.status'")
	}
}

func TestInit_Commands(t *testing.T) {
	home(t)
	self, err := os.Executable()
	require.NoError(t, err)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		out, stderr, code := probe("init", shell, "--commands", "--data-dir", "/a b")
		require.Zero(t, code, stderr)
		require.Contains(t, out, "'"+self+"' 'command' '--deadline' '0' '--data-dir' '/a b' '-'")
		require.NotContains(t, out, "@COMMAND@")
	}
}

func TestInit_Browse(t *testing.T) {
	home(t)
	self, err := os.Executable()
	require.NoError(t, err)
	for shell, keys := range map[string][2]string{
		"bash": {`"\ei"`, `"\C-o"`}, "zsh": {`'^[i'`, `'^o'`}, "fish": {`\ei`, `\co`},
	} {
		for n, args := range [][]string{{}, {"--key", "ctrl-o"}} {
			var out, stderr bytes.Buffer
			code := Run(append([]string{"init", shell, "--browse", "--socket", "/a b"}, args...), strings.NewReader(""), &out, &stderr)
			require.Zero(t, code, stderr.String())
			require.Contains(t, out.String(), "'"+filepath.Dir(self)+"/omg' '--socket' '/a b' 'browse'")
			require.Contains(t, out.String(), keys[n])
			require.NotRegexp(t, "@[A-Z]+@", out.String())
			require.NotContains(t, out.String(), "--key")
		}
	}
}

// TestCommand checks that a command about which nothing is known is no error, and that nothing is printed about it.
func TestCommand(t *testing.T) {
	dir := home(t)
	for _, data := range []string{dir, dir + "/none", "/dev/null"} {
		for _, args := range [][]string{{"rg"}, {"-"}, {"--", "-rf"}, {strings.Repeat("x", 1<<20)}, {"\x1b]0;x\x07"}, {"--", "--help"}} {
			out, stderr, code := probe(append([]string{"--data-dir", data, "command"}, args...)...)
			require.Equal(t, 1, code, "%q", args)
			require.Empty(t, out+stderr, "%q", args)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOutput_NotWritten(t *testing.T) {
	home(t)
	var stderr bytes.Buffer
	require.Equal(t, 3, Run([]string{"--deadline", "0", "uc"}, strings.NewReader(""), full{}, &stderr))
	require.Contains(t, stderr.String(), "no space left on device")
}

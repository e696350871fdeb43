package service

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// earlierFiles are what the earlier program of the name omg leaves in a home directory, by its documentation. omgd.pid and omg.status
// are beside its socket, as are omgd's own.
var earlierFiles = map[string]string{
	".config/omg/config.toml": `shims_enabled = false
data_dir = "/home/user/.local/share/omg"
socket_path = "/run/user/1000/omg.sock"
default_shell = "zsh"
[aur]
build_concurrency = 8
makeflags = "-j8"
`,
	".config/omg/policy.toml":                          "minimum_grade = \"verified\"\n",
	".local/share/omg/cache.redb":                      "redb\x1a\x0a\xa9\x0d\x0a" + strings.Repeat("\x00", 4096),
	".local/share/omg/history.json":                    "[]\n",
	".local/share/omg/audit/audit.jsonl":               "{}\n",
	".local/share/omg/shims/node":                      "#!/bin/sh\n",
	".local/share/omg/tools/bin/tool":                  "#!/bin/sh\n",
	".local/share/omg/versions/node/20.5.0/bin/node":   "#!/bin/sh\n",
	".local/share/omg/versions/python/3.12.1/bin/pip3": "#!/bin/sh\n",
}

// TestEarlierOmg_Leftovers checks that omg and omgd start with the configuration, the data, the socket, the PID file and the status
// file of the earlier program of this name. They print one line about its settings, use its runtimes, and delete nothing.
func TestEarlierOmg_Leftovers(t *testing.T) {
	if !harness.HideMachineOmg(t) {
		return
	}
	s := harness.New(t, harness.WithEnv("OMG_CONFIG=", "OMG_SOCKET_PATH="))
	for name, text := range earlierFiles {
		harness.WriteFile(t, s.Path(name), text)
	}
	require.NoError(t, os.Symlink("20.5.0", s.Path(".local/share/omg/versions/node/current")))
	harness.WriteFile(t, s.Path("omgd.pid"), "4194303\n")
	harness.WriteFile(t, s.Path("omg.status"), "OMGS\x01\x00\x00\x00\x05\x00\x00\x00")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.Path("omg.sock"), Net: "unix"})
	require.NoError(t, err)
	stale.SetUnlinkOnClose(false)
	require.NoError(t, stale.Close())
	s.Data = s.Path(".local/share/omg")

	const ignored = "config.toml: ignored, because only the earlier omg had these settings: " +
		"shims_enabled (line 1), data_dir (line 2), socket_path (line 3), default_shell (line 4), aur.build_concurrency (line 6), aur.makeflags (line 7)"
	r := s.Run("omg", append([]string{"search", "lib"}, s.DatabaseFlags()...)...)
	require.Zero(t, r.Code, r.Stderr)
	require.NotEmpty(t, r.Stdout)
	require.NotContains(t, r.Stderr, "config.toml")
	r = s.Run("omg", "config", "aur.enabled")
	require.Zero(t, r.Code, r.Stderr)
	require.Equal(t, "omg: note: "+s.Path(".config/omg/")+"/"+ignored+"\n", r.Stderr)
	r = s.Run("omg-probe", "--deadline", "0", "--no-env", "--all", "node")
	require.Contains(t, r.Stdout, "20.5.0", r.Stderr)

	d := s.StartDaemonCommand(s.Command("omgd", append([]string{"--foreground"}, s.DatabaseFlags()...)...), s.Path("omg.sock"))
	d.AwaitReady()
	r = d.Omg("search", "lib")
	require.Zero(t, r.Code, r.Stderr)
	d.Stop()
	require.Equal(t, 1, strings.Count(d.Stderr(), ignored), d.Stderr())
	require.Equal(t, 1, strings.Count(d.Stderr(), "earlier omg"), d.Stderr())
	require.NotContains(t, d.Stderr(), "level=ERROR")

	for name, text := range earlierFiles {
		require.Equal(t, text, string(harness.ReadFile(t, s.Path(name))), name)
	}
	target, err := os.Readlink(s.Path(".local/share/omg/versions/node/current"))
	require.NoError(t, err)
	require.Equal(t, "20.5.0", target)
}

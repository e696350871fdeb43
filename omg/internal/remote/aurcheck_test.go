package remote

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// TestAURCheck_LiveSocket checks in which cases omg-direct may ask the daemon for replies of the AUR: about named packages, unless the user does
// not want it, and only if the daemon has answered.
func TestAURCheck_LiveSocket(t *testing.T) {
	w, s := served(t, conduct{greeting: greets(t, daemonPaths), other: breaks})
	socketFor := func(o backend.Options, r backend.AURCheckRequest) string {
		t.Helper()
		passed := ""
		b := w.backend(o)
		b.host.SwitchToDirect = func(o backend.Options, _ wire.ServedPaths) error {
			passed = o.LiveSocket
			return errBecame
		}
		_, err := b.AURCheck(t.Context(), &r)
		require.ErrorIs(t, err, errBecame)
		return passed
	}
	named := backend.AURCheckRequest{Names: []string{"yay"}}
	require.Equal(t, w.socket, socketFor(backend.Options{}, named))
	require.Equal(t, w.socket, socketFor(backend.Options{Socket: w.socket, DBPath: "/db"}, named))
	require.Empty(t, socketFor(backend.Options{}, backend.AURCheckRequest{}))
	require.Empty(t, socketFor(backend.Options{}, backend.AURCheckRequest{Names: []string{"yay"}, Offline: true}))
	require.Empty(t, socketFor(backend.Options{NoDaemon: true}, named))
	require.Empty(t, socketFor(backend.Options{DBPath: "/db"}, named))
	s.behave(conduct{greeting: refuses(wire.CodeShuttingDown, &daemonPaths), other: breaks})
	require.Empty(t, socketFor(backend.Options{}, named))
}

// TestAURCheck_Installed checks when the daemon answers about all installed packages: if it has the findings, and the user has neither build
// files of a package nor another data directory. Otherwise omg-direct answers from the daemon's databases.
func TestAURCheck_Installed(t *testing.T) {
	found := conduct{greeting: greets(t, daemonPaths), other: result(t, &wire.AURCheckResult{
		CheckedCount: 1, Bases: []string{"a"}, Packages: []wire.CheckedPackage{{Name: "a", Findings: []wire.AURFinding{{Level: wire.FindingLevelLook, Reason: "recreated"}}}},
	})}
	w, s := served(t, found)
	check := func(o backend.Options) (*backend.AURCheckResult, error) {
		return w.backend(o).AURCheck(t.Context(), &backend.AURCheckRequest{})
	}
	got, err := check(backend.Options{})
	require.NoError(t, err)
	require.Equal(t, 1, got.CheckedCount)
	require.Equal(t, wire.FindingLevelLook, got.Packages[0].Level)
	require.Equal(t, []string{wire.OpAURCheck}, s.questions())

	for name, how := range map[string]conduct{
		"not ready":         {greeting: found.greeting, other: refuses(wire.CodeNotReady, &daemonPaths)},
		"an earlier daemon": {greeting: found.greeting, other: refuses(wire.CodeInvalid, &daemonPaths)},
		"no reply":          {greeting: found.greeting, other: breaks},
	} {
		s.behave(how)
		_, err := check(backend.Options{})
		require.ErrorIs(t, err, errBecame, name)
		require.Equal(t, []wire.ServedPaths{daemonPaths}, w.became, name)
		require.Empty(t, w.notes, name)
	}
	s.behave(found)
	for _, o := range []backend.Options{{DataDir: "/data"}, {NoDaemon: true}, {DBPath: "/db"}} {
		_, err := check(o)
		require.ErrorIs(t, err, errBecame)
		require.Empty(t, s.questions())
	}
	// The user's helper has downloaded the package base.
	cache := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(cache, "yay", "a"), 0o755))
	b := w.backend(backend.Options{})
	getenv := b.env.Getenv
	b.env.Getenv = func(name string) string {
		if name == "XDG_CACHE_HOME" {
			return cache
		}
		return getenv(name)
	}
	_, err = b.AURCheck(t.Context(), &backend.AURCheckRequest{})
	require.ErrorIs(t, err, errBecame)
}

// TestHasOtherSettings checks when a user's settings are not those of the daemon: the system-wide daemon reads no settings of users.
func TestHasOtherSettings(t *testing.T) {
	root := t.TempDir()
	b := &Backend{env: paths.Env{Root: root, Getenv: func(name string) string {
		return map[string]string{"HOME": "/home/eva", "XDG_RUNTIME_DIR": "/run/user/1"}[name]
	}}}
	sockets := b.env.Sockets("")
	require.Len(t, sockets, 2)
	b.connectedSocket = sockets[1]
	require.False(t, b.hasOtherSettings())
	b.env.Getenv = func(name string) string { return map[string]string{"HOME": filepath.Join(root, "eva")}[name] }
	files, _ := b.env.ConfigFiles(false)
	own := files[len(files)-1]
	require.NoError(t, os.MkdirAll(filepath.Dir(own), 0o755))
	require.NoError(t, os.WriteFile(own, nil, 0o600))
	require.True(t, b.hasOtherSettings())
	b.connectedSocket = b.env.Sockets("")[0]
	require.False(t, b.hasOtherSettings(), "the user's own daemon reads them")
}

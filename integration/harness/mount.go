package harness

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

// HideMachineOmg reports whether the test sees no settings, daemon or indexes of omg that the machine has, in /etc/omg, /run/omg
// and /var/lib/omg. If the machine has some, HideMachineOmg hides them where RunIsolated runs the test a second time; the caller
// returns if the result is false.
func HideMachineOmg(t *testing.T) bool {
	t.Helper()
	var dirs []string
	for _, dir := range []string{filepath.Dir(paths.SystemConfig), paths.SystemRuntimeDir, paths.SystemDataDir} {
		if _, err := os.Stat(dir); err == nil {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return true
	}
	if !RunIsolated(t) {
		return false
	}
	for _, dir := range dirs {
		require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"), dir)
		t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	}
	return true
}

// MountOverMachine mounts the system's databases and pacman.conf over those of the machine, in /var/lib/pacman and
// /etc, for all programs that the test runs from then on. Everything else in the machine's /etc and /var/lib, and its
// daemon, is hidden. The test must have called RunIsolated.
func (s *System) MountOverMachine() {
	s.T.Helper()
	require.Equal(s.T, s.T.Name(), os.Getenv(isolatedVariable), "MountOverMachine was called outside the mount namespace of a test")
	etc, lib := s.Path("machine", "etc"), s.Path("machine", "lib")
	WriteFile(s.T, filepath.Join(etc, "pacman.conf"), ReadFile(s.T, s.PacmanConf))
	for _, name := range []string{"passwd", "group"} {
		WriteFile(s.T, filepath.Join(etc, name), ReadFile(s.T, filepath.Join("/etc", name)))
	}
	require.NoError(s.T, os.MkdirAll(filepath.Join(lib, "pacman"), 0o755))
	mount := func(from, to string) {
		s.T.Helper()
		require.NoError(s.T, unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""), "%s over %s", from, to)
		s.T.Cleanup(func() { require.NoError(s.T, unix.Unmount(to, unix.MNT_DETACH)) })
	}
	mount(s.DB, filepath.Join(lib, "pacman"))
	mount(etc, "/etc")
	mount(lib, "/var/lib")
	if _, err := os.Stat(paths.SystemRuntimeDir); err == nil {
		require.NoError(s.T, os.Mkdir(s.Path("machine", "run"), 0o755))
		mount(s.Path("machine", "run"), paths.SystemRuntimeDir)
	}
}

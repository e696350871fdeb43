package pacman

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// TestInstalled_VersionGone checks a daemon that has read the local database before the format version of the
// database changes to an unknown one: the daemon answers with the data that it has read, marks these answers, and
// refuses all other requests. The script local-version covers daemons that start with the unknown version.
func TestInstalled_VersionGone(t *testing.T) {
	need.Program(t, "pacman")
	s := harness.New(t)
	d := s.StartDaemon()
	before := d.Omg("explicit", "-q").Stdout
	require.NotEmpty(t, before)
	name, _, _ := strings.Cut(before, "\n")
	version := filepath.Join(s.DB, "local", "ALPM_DB_VERSION")
	stale := func(r *wire.StatusResult) bool { return r.Stale && strings.Contains(r.Why, "local database") }
	for _, text := range []string{"8\n", "99\n", "abc\n", "", "missing"} {
		require.NoError(t, os.RemoveAll(version))
		if text != "missing" {
			harness.WriteFile(t, version, text)
		}
		require.NotZero(t, s.Pacman("-Q").Code)
		d.AwaitStatus(stale, "a local database that cannot be read")
		status := d.Omg("status").Stdout
		require.Contains(t, status, "Data            : stale, last checked ")
		require.NotContains(t, status, "Installed       : unknown")
		require.Equal(t, before, d.Omg("explicit", "-q").Stdout)
		for _, command := range []string{
			"installed", "explicit", "orphans", "foreign", "outdated", "info -i " + name, "explicit -q", "explicit --count", "installed --json",
		} {
			require.Contains(t, d.Omg(strings.Fields(command)...).Stderr, "the installed packages could not be checked, last checked ", command)
		}
		for _, command := range []string{"owns /usr/bin/env", "files " + name, "why " + name} {
			harness.RequireError(t, d.Omg(strings.Fields(command)...), "omg", 3, "local database")
		}
	}

	// A refresh that cannot read the database leaves the time of the data unchanged.
	since := d.Status().ConfirmedAt
	harness.Await(t, func() bool { return time.Now().Unix() > since }, "another second than %d", since)
	refreshed := d.Omg("refresh")
	require.Equal(t, 3, refreshed.Code, refreshed.Stderr)
	require.Contains(t, refreshed.Stderr, "local database")
	require.Equal(t, since, d.Status().ConfirmedAt)

	harness.WriteFile(t, version, "9\n")
	d.AwaitStatus(func(r *wire.StatusResult) bool { return !r.Stale && r.Why == "" }, "all databases again")
	requireSame(t, s.Pacman("-Qe"), d.AnswerWay("daemon"), "explicit")
}

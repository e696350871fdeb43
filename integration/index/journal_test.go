package index

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/need"
)

// dumpOfDay writes a dump of a day: each day, another package gets another maintainer.
func dumpOfDay(s *harness.System, day int) (path string) {
	s.T.Helper()
	var objects []string
	for i := range 20 {
		maintainer := "alice"
		if i < day {
			maintainer = "bob"
		}
		objects = append(objects, fmt.Sprintf(`{"Name":"p%02d","PackageBase":"p%02d","PackageBaseID":%d,"Version":"1-1","Maintainer":%q,"LastModified":%d,"License":["MIT"]}`,
			i, i, i+1, maintainer, 1_700_000_000+1000*day))
	}
	path = s.Path(fmt.Sprintf("day%d.json", day))
	harness.WriteFile(s.T, path, []byte("["+strings.Join(objects, ",")+"]"))
	at := time.Unix(1_700_000_000+86400*int64(day), 0)
	require.NoError(s.T, os.Chtimes(path, at, at))
	return path
}

// TestJournal_DiskFaults ends omg-index, and lets the disk fail, at each system call with which it writes the journal. Afterwards the journal can be
// read and has the events of before or of after, and when the same dumps are recorded again, no event is lost or doubled.
func TestJournal_DiskFaults(t *testing.T) {
	t.Parallel()
	const kill = "signal=KILL"
	strace := need.Strace(t)
	s := newSystem(t)
	var dumps []string
	for day := range 3 {
		dumps = append(dumps, dumpOfDay(s, day))
	}
	path, log := s.Path(journal.FileName), s.Path("strace.log")
	export := func() string {
		r := s.Run("omg-index", "journal", "--export", path)
		require.Zero(t, r.Code, r.Stderr)
		require.Empty(t, r.Stderr)
		return r.Stdout
	}
	record := func(args ...string) harness.Result {
		return s.Run("omg-index", append([]string{"journal", "--to", path}, args...)...)
	}
	hit := map[string]bool{}
	for name, c := range map[string]struct{ before, args []string }{
		"the journal begins": {nil, dumps[:1]},
		"an entry is added":  {dumps[:1], dumps[:2]},
	} {
		_ = os.Remove(path)
		if c.before != nil {
			require.Zero(t, record(c.before...).Code)
		}
		before, err := os.ReadFile(path)
		require.Equal(t, c.before != nil, err == nil)
		require.Zero(t, record(c.args...).Code)
		complete := export()
		for _, call := range []string{"pwrite64", "write", "fsync", "renameat"} {
			for _, fault := range []string{"error=EIO", "error=ENOSPC", kill} {
				for n := 1; n <= 2; n++ {
					_ = os.Remove(path)
					if before != nil {
						harness.WriteFile(t, path, before)
					}
					what := fmt.Sprintf("%s, %s %s %d", name, call, fault, n)
					r := s.Run(strace, append([]string{
						"-f", "-qq", "-o", log, "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", call, fault, n),
						s.Program("omg-index"), "journal", "--to", path,
					}, c.args...)...)
					wasApplied := strings.Contains(string(harness.ReadFile(t, log)), "INJECTED") || fault == kill && r.Code != 0
					if !wasApplied {
						require.Zero(t, r.Code, "%s: %s", what, r.Stderr)
						break // there is no such call
					}
					hit[call] = true
					if _, err := os.Stat(path); err == nil {
						got := s.Run("omg-index", "journal", "--export", path)
						require.Zero(t, got.Code, "%s: %s", what, got.Stderr)
						require.True(t, strings.HasPrefix(complete, got.Stdout), "%s: %s", what, got.Stdout)
					}
					again := record(c.args...)
					require.Zero(t, again.Code, "%s: %s", what, again.Stderr)
					require.Equal(t, complete, export(), what)
				}
			}
		}
	}
	for _, call := range []string{"pwrite64", "fsync", "renameat"} {
		require.True(t, hit[call], "%s was never injected: %v", call, hit)
	}
	left, err := filepath.Glob(s.Path("." + journal.FileName + "*"))
	require.NoError(t, err)
	for _, file := range left { // of a process that was killed: the next omgd removes them
		require.Contains(t, file, ".tmp")
	}
}

// TestJournal_Order records dumps out of order, twice, cut off, and with a time in the future. Each event is in the journal exactly once, in the right order.
func TestJournal_Order(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	var dumps []string
	for day := range 5 {
		dumps = append(dumps, dumpOfDay(s, day))
	}
	path := s.Path(journal.FileName)
	record := func(args ...string) harness.Result {
		return s.Run("omg-index", append([]string{"journal", "--to", path}, args...)...)
	}
	events := func() (list []string) {
		for _, line := range s.Run("omg-index", "journal", "--export", path).Lines() {
			if _, rest, ok := strings.Cut(line, `"pkgbase":"`); ok {
				list = append(list, rest[:3])
			}
		}
		return list
	}
	require.Zero(t, record(dumps[0]).Code)
	require.Zero(t, record(dumps[0], dumps[1]).Code)
	require.Zero(t, record(dumps[0], dumps[1]).Code, "twice")
	require.Equal(t, []string{"p00"}, events())
	require.Zero(t, record(dumps[1], dumps[3]).Code, "a day is missing")
	require.Equal(t, []string{"p00", "p01", "p02"}, events())
	for name, args := range map[string][]string{
		"a day that is past": {dumps[1], dumps[2]}, "backwards": {dumps[3], dumps[2]}, "the first day again": {dumps[0]}, "between": {dumps[0], dumps[2]},
	} {
		r := record(args...)
		require.Equal(t, 3, r.Code, name)
		require.Contains(t, r.Stderr, "older than the previous dump", name)
		require.Equal(t, []string{"p00", "p01", "p02"}, events(), name)
	}
	whole := harness.ReadFile(t, dumps[4])
	cutOff := s.Path("cut.json")
	harness.WriteFile(t, cutOff, whole[:len(whole)/2])
	require.Equal(t, 3, record(dumps[3], cutOff).Code)
	// The clock of this machine was a year ahead, and then it was right again, or a year behind: the content decides about the order.
	for _, by := range []time.Duration{365 * 24 * time.Hour, -365 * 24 * time.Hour} {
		at := time.Unix(1_700_000_000, 0).Add(by)
		require.NoError(t, os.Chtimes(dumps[4], at, at))
		r := record(dumps[3], dumps[4])
		require.Zero(t, r.Code, r.Stderr)
		require.Equal(t, []string{"p00", "p01", "p02", "p03"}, events(), "%s", by)
	}
	fifth := dumpOfDay(s, 5)
	require.Zero(t, record(dumps[4], fifth).Code)
	require.Equal(t, []string{"p00", "p01", "p02", "p03", "p04"}, events())
}

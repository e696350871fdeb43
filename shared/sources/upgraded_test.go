package sources

import (
	"bytes"
	"compress/gzip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
)

// upgradeLog returns the log of a full upgrade that began at the time at and was logged up to the given end.
func upgradeLog(at time.Time, end string) string {
	var log strings.Builder
	for i, text := range []string{
		"[PACMAN] Running 'pacman -Syu'", "[PACMAN] synchronizing package lists", "[PACMAN] starting full system upgrade", "[ALPM] transaction started",
		"[ALPM] upgraded bash (5.1-1 -> 5.2-1)", "[ALPM] transaction " + end, "[ALPM] running 'systemd-update.hook'...",
	} {
		if end == "" && i > 2 {
			break
		}
		log.WriteString(at.Add(time.Duration(i)*time.Second).Format("[2006-01-02T15:04:05-0700] ") + text + "\n")
	}
	return log.String()
}

// TestLastUpgrade checks which upgrades in pacman's log count.
func TestLastUpgrade(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 5, Seed: 1})
	first, second := time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600)), time.Date(2026, 5, 4, 5, 6, 7, 0, time.UTC)
	upgraded := func() int64 { return s.read(t).LastUpgrade(t.Context()) }
	began := func(at time.Time) int64 { return at.Add(2 * time.Second).Unix() }
	write := func(path, text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o644)) }
	require.Zero(t, upgraded(), "no log")

	install := "[2026-06-01T00:00:00+0000] [PACMAN] Running 'pacman -S x'\n[2026-06-01T00:00:00+0000] [ALPM] transaction started\n[2026-06-01T00:00:00+0000] [ALPM] installed x (1-1)\n[2026-06-01T00:00:00+0000] [ALPM] transaction completed\n"
	for name, c := range map[string]struct {
		log  string
		want int64
	}{
		"completed":                      {upgradeLog(first, "completed"), began(first)},
		"the later one":                  {upgradeLog(first, "completed") + upgradeLog(second, "completed"), began(second)},
		"interrupted":                    {upgradeLog(first, "completed") + upgradeLog(second, "interrupted"), began(first)},
		"failed":                         {upgradeLog(first, "completed") + upgradeLog(second, "failed"), began(first)},
		"canceled, or nothing to do":     {upgradeLog(first, "completed") + upgradeLog(second, ""), began(first)},
		"canceled, then an installation": {upgradeLog(first, "completed") + upgradeLog(second, "") + install, began(first)},
		"an installation":                {upgradeLog(first, "completed") + install, began(first)},
		"forged by a scriptlet":          {upgradeLog(first, "completed") + strings.ReplaceAll(upgradeLog(second, "completed"), "[PACMAN]", "[ALPM-SCRIPTLET]"), began(first)},
		"none, so the first entry":       {install, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).Unix()},
		"an empty log":                   {"", 0},
		"no log of pacman":               {"a\nb\n", 0},
		"far from the end":               {upgradeLog(first, "completed") + strings.Repeat(install, pacmanLogTailBytes/len(install)+1), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).Unix()},
	} {
		write(s.log, c.log)
		require.Equal(t, c.want, upgraded(), name)
	}

	write(s.log, install)
	var rotated bytes.Buffer
	z := gzip.NewWriter(&rotated)
	_, err := z.Write([]byte(upgradeLog(first, "completed") + upgradeLog(second, "failed")))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	write(s.log+".2.gz", rotated.String())
	write(s.log+".1", install)
	write(s.log, install+install) // otherwise the time that was found before is used
	require.Equal(t, first.Add(3*time.Second).Unix(), upgraded(), "in a rotated log")
	write(s.log+".3", upgradeLog(second, "completed"))
	write(s.log, install)
	require.Equal(t, first.Add(3*time.Second).Unix(), upgraded(), "the latest one")

	other, err := Config{PacmanConfig: s.conf, DBPath: t.TempDir()}.ReadPacmanSetup()
	require.NoError(t, err)
	require.Zero(t, other.LastUpgrade(t.Context()), "the log is about other databases")
}

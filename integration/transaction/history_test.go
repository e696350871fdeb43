package transaction

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/need"
)

// changePattern matches a change in pacman's log.
var changePattern = regexp.MustCompile(`^\[([^]]+)\] \[ALPM\] (installed|reinstalled|upgraded|downgraded|removed) (\S+) \((.*)\)$`)

// plainHistory returns the changes in a log, one line each, with an empty line after each transaction.
func plainHistory(log string) (lines []string) {
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(line, "\n")
		if m := changePattern.FindStringSubmatch(line); m != nil {
			lines = append(lines, m[2]+" "+m[3]+" "+m[4])
		} else if strings.HasSuffix(line, "[ALPM] transaction completed") {
			lines = append(lines, "")
		}
	}
	return lines
}

// TestHistory compares omg history with a plain parse of a log that the real pacman has written, before and after the log was rotated and
// compressed.
func TestHistory(t *testing.T) {
	need.Program(t, "xz")
	need.Program(t, "zstd")
	s := newSystem(t)
	log := filepath.Join(s.Home, "log")
	s.pacman("-S", "tool")
	s.publish(pkg{name: "base-lib", version: "1:2-1"}, pkg{name: "tool", version: "2-1", depends: []string{"base-lib"}})
	s.pacman("-Syyu")
	s.pacman("-S", "tool")
	s.pacman("-U", filepath.Join(s.repo, "tool-1-1-any.pkg.tar.gz"))
	s.pacman("-Rs", "tool")
	text := string(harness.ReadFile(t, log))
	want := plainHistory(text)
	require.Len(t, want, 13)

	check := func(what string) {
		t.Helper()
		for _, way := range []harness.AnswerWay{s.omgd.AnswerWay("daemon"), s.DatabasesAnswerWay()} {
			r := way.Omg("history", "--json")
			require.Zero(t, r.Code, "%s, %s: %s", what, way.Name, r.Stderr)
			var all struct {
				Transactions []struct {
					Command     string `json:"command"`
					FullUpgrade bool   `json:"full_upgrade"`
					Result      string `json:"result"`
					Changes     []struct{ Action, Name, Old, New string }
				} `json:"transactions"`
			}
			require.NoError(t, json.Unmarshal([]byte(r.Stdout), &all))
			var got []string
			for i, tx := range all.Transactions {
				require.Equal(t, i == 1, tx.FullUpgrade)
				require.Equal(t, "completed", tx.Result)
				require.Contains(t, tx.Command, "pacman ")
				for _, c := range tx.Changes {
					versions := c.Old + c.New
					if c.Action == "reinstalled" {
						versions = c.New
					} else if c.Old != "" && c.New != "" {
						versions = c.Old + " -> " + c.New
					}
					got = append(got, c.Action+" "+c.Name+" "+versions)
				}
				got = append(got, "")
			}
			require.Equal(t, want, got, "%s, %s", what, way.Name)
			require.Equal(t, []string{"base-lib"}, way.RunOK("history", "-q", "base-lib"))
			require.Equal(t, exit.NotFound, way.Omg("history", "no-such-package").Code)
			require.Equal(t, exit.NotFound, way.Omg("history", "--since", "2200-01-01").Code)
		}
	}
	check("one file")

	// Rotate the log after each third of its lines.
	lines := strings.SplitAfter(text, "\n")
	parts := [4]string{}
	for i, line := range lines {
		parts[i*len(parts)/len(lines)] += line
	}
	harness.WriteFile(t, log+".3.gz", harness.Gzip(t, []byte(parts[0])))
	for i, program := range []string{"xz", "zstd"} {
		path := fmt.Sprintf("%s.%d", log, 2-i)
		harness.WriteFile(t, path, []byte(parts[i+1]))
		require.Zero(t, s.RunTool(program, "-q", path).Code)
		_ = os.Remove(path) // zstd keeps it
	}
	harness.WriteFile(t, log, []byte(parts[3]))
	check("rotated")

	// A damaged file is named, and the others are still read.
	packed := harness.ReadFile(t, log+".3.gz")
	harness.WriteFile(t, log+".3.gz", packed[:len(packed)/2])
	r := s.omgd.AnswerWay("daemon").Omg("history", "-q")
	require.Contains(t, r.Stderr, "log.3.gz")
	require.Contains(t, r.Stdout, "tool\n")
	require.NoError(t, os.Remove(log))
	harness.WriteFile(t, log, []byte("[2026-01-02T03:04:05+0000] [ALPM] installed \x1b[31mred (1-1)\n"))
	harness.RequireSafeOutput(t, s.omgd.AnswerWay("daemon").Omg("history"))
}

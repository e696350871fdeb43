package app

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// watchedStatus returns a status with a number of updates.
func watchedStatus(generation uint64, updates uint32) *wire.StatusResult {
	orphans, aur := uint32(5), uint32(2)
	return &wire.StatusResult{
		Basis: wire.Basis{Generation: generation, ConfirmedAt: int64(1000 * generation)},
		Counts: wire.Counts{
			Updates: &updates, Orphans: &orphans, AURUpdates: &aur, Security: &wire.SecurityCounts{Vulnerabilities: 3, Critical: 1, High: 2, Fixable: 3},
			AURFindings: &wire.FindingCounts{Act: 1, Look: 2},
		},
	}
}

// TestWatch_Lines checks the lines that omg watch prints: one for each status whose line differs from the last one.
func TestWatch_Lines(t *testing.T) {
	uncertain := watchedStatus(5, 8)
	uncertain.Counts = wire.Counts{Updates: uncertain.Counts.Updates}
	uncertain.Partial, uncertain.PartialCounts = true, []string{"updates"}
	uncertain.Sources = []wire.Source{{Name: "core\x1b[2J", Kind: wire.KindRepository, State: wire.SourceFailed, Why: "damaged"}}
	uncertain.Problems = []wire.Problem{{Name: "store", State: "memory"}, {Name: "db.lck", State: "busy"}}
	f := fake{watched: []*wire.StatusResult{watchedStatus(1, 7), watchedStatus(2, 7), watchedStatus(3, 8), nil, watchedStatus(1, 8), uncertain}}
	code, out, stderr := f.run(t, "watch")
	require.Zero(t, code)
	const rest = "; AUR Updates 2; Security 3 (1 critical, 2 high); AUR Findings 1 to act on, 2 to look at; Orphans 5"
	require.Equal(t, []string{
		"Updates 7" + rest, "Updates 8" + rest, "Updates 8" + rest + "; stale: omgd is not running", "Updates 8" + rest,
		"Updates 8?; AUR Updates unknown; Security unknown; AUR Findings unknown; Orphans unknown; partial: core�[2J failed; store memory",
	}, strings.Split(strings.TrimSuffix(out, "\n"), "\n"))
	require.Equal(t, "omg: note: omgd is not running: waiting for it\n", stderr)
}

// TestWatch_Forms checks --json, --format, --count and --wait.
func TestWatch_Forms(t *testing.T) {
	f := fake{watched: []*wire.StatusResult{watchedStatus(1, 7), watchedStatus(2, 7), nil, watchedStatus(3, 8), watchedStatus(4, 9)}}
	code, out, _ := f.run(t, "watch", "--json")
	require.Zero(t, code)
	var generations []uint64
	var stale []bool
	for line := range strings.Lines(out) {
		var st wire.StatusResult
		require.NoError(t, json.Unmarshal([]byte(line), &st))
		generations, stale = append(generations, st.Generation), append(stale, st.Stale)
		_, want, _ := fake{status: &st}.run(t, "status", "--json")
		require.Equal(t, want, line)
	}
	require.Equal(t, []uint64{1, 2, 3, 4}, generations, "the second status differs from the first one only in its generation and time")
	require.Equal(t, []bool{false, true, false, false}, stale)

	code, out, _ = f.run(t, "watch", "--format", "{{.counts.updates}}/{{.counts.foreign}}/{{.stale}}", "--count", "3")
	require.Zero(t, code)
	require.Equal(t, "7//\n7//true\n8//\n", out)
	_, _, _, after := f.runBackend(t, "watch", "--count", "1", "--wait")
	require.True(t, after.watchRequest.WaitForDaemon)
	_, _, _, after = f.runBackend(t, "watch", "--count", "1")
	require.False(t, after.watchRequest.WaitForDaemon)
}

// TestWatch_Errors checks wrong usage, an error of the backend, and --strict.
func TestWatch_Errors(t *testing.T) {
	for _, args := range [][]string{
		{"word"}, {"--count", "0"}, {"--count", "-1"}, {"--exec", ""}, {"--exec", "true", "--json"}, {"--exec", "true", "--format", "{{.at}}"}, {"--format", "{{"},
	} {
		code, out, _ := fake{}.run(t, append([]string{"watch"}, args...)...)
		require.Equal(t, exit.Usage, code, "%q", args)
		require.Empty(t, out)
	}
	code, _, stderr := fake{errs: map[string]error{"watch": errors.New("refused")}}.run(t, "watch")
	require.Equal(t, exit.Failed, code)
	require.Equal(t, "omg: error: refused\n", stderr)
	code, _, _ = fake{watched: []*wire.StatusResult{watchedStatus(1, 7)}}.run(t, "watch", "--format", "{{.counts.none}}")
	require.Equal(t, exit.Usage, code)

	certain, uncertain := watchedStatus(1, 7), watchedStatus(2, 8)
	uncertain.Partial = true
	code, out, _ := fake{watched: []*wire.StatusResult{certain, uncertain, certain}}.run(t, "--strict", "watch", "--format", "{{.counts.updates}}")
	require.Equal(t, exit.Failed, code)
	require.Equal(t, "7\n", out)
}

// TestWatch_Exec checks that the command gets each status as JSON, that nothing of the status becomes a part of the command line, and
// that a failure is reported but does not end omg watch.
func TestWatch_Exec(t *testing.T) {
	before := inputTimeout
	inputTimeout = await.Timeout
	t.Cleanup(func() { inputTimeout = before })
	dir := t.TempDir()
	t.Setenv("DIR", dir)
	hostile := watchedStatus(1, 7)
	hostile.Why = "$(touch " + dir + "/pwned) `touch " + dir + "/pwned` '; touch " + dir + "/pwned; \x1b[31m"
	f := fake{watched: []*wire.StatusResult{hostile}}
	code, out, stderr := f.run(t, "watch", "--count", "1", "--exec", `cat >"$DIR/input"; echo ran; exit 3`)
	require.Zero(t, code)
	require.Equal(t, "ran\n", out)
	require.Equal(t, "omg: error: --exec: the command has failed: exit status 3\n", stderr)
	input, err := os.ReadFile(filepath.Join(dir, "input"))
	require.NoError(t, err)
	_, want, _ := fake{status: hostile}.run(t, "status", "--json")
	require.Equal(t, want, string(input))
	require.NoFileExists(t, filepath.Join(dir, "pwned"))

	code, _, stderr = f.run(t, "watch", "--count", "1", "--exec", "no-such-command-here")
	require.Zero(t, code)
	require.Contains(t, stderr, "exit status 127")
}

// TestCommandRunner checks that the command runs once at a time, and next with the newest data.
func TestCommandRunner(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DIR", dir)
	var out strings.Builder
	r := newCommandRunner(`read n; touch "$DIR/running"; while [ ! -e "$DIR/go" ]; do sleep 0.01; done; echo $n`, &out, &out, func(text string) { t.Error(text) })
	r.run([]byte("1\n"))
	await.Condition(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, "running"))
		return err == nil
	}, "the first run")
	for _, n := range []string{"2\n", "3\n", "4\n"} {
		r.run([]byte(n))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), nil, 0o644))
	r.finish(true)
	require.Equal(t, "1\n4\n", out.String())
}

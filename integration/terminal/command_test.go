package terminal

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// TestSearch_Command checks that omgd and an index suggest the same packages by their commands, and what a terminal shows of it.
func TestSearch_Command(t *testing.T) {
	need.Terminal(t)
	s := harness.New(t, harness.WithEnv("TERM=xterm-256color"), harness.WithoutDatabases())
	harness.WriteFile(t, s.PacmanConf, "[options]\nDBPath = "+s.DB+"\n[extra]\n")
	entries := []harness.DatabaseEntry{
		harness.NewPackageEntry("grab", "1-1"), harness.NewPackageEntry("libicon", "1-1"), harness.NewPackageEntry("net-tools", "1-1"),
		harness.NewPackageEntry("other-tools", "1-1"), harness.NewPackageEntry("user", "1-1", "DEPENDS", "net-tools"),
	}
	harness.WriteFile(t, s.SyncDBPath("extra"), harness.Gzip(t, harness.BuildDatabase(t, entries...)))
	harness.WriteFile(t, s.FilesDBPath("extra"), harness.Gzip(t, harness.BuildDatabase(t, append(entries,
		harness.NewFilesEntry("net-tools", "1-1", "usr/", "usr/bin/", "usr/bin/ifcon", "usr/bin/ico"),
		harness.NewFilesEntry("other-tools", "1-1", "usr/", "usr/bin/", "usr/bin/ifcon"))...)))
	s.BuildIndexes("--files")
	index := s.IndexWay()
	d := s.StartDaemon()
	d.AwaitStatus(func(r *wire.StatusResult) bool { return len(r.FileLists) == 1 && r.FileLists[0].State == wire.SourceOK }, "the list of files")

	for _, w := range []harness.AnswerWay{d.AnswerWay("daemon"), index} {
		y := way{AnswerWay: w}
		screen := newScreen(t, 80)
		suggested := func(words ...string) (list []wire.Suggestion) {
			var result wire.SearchResult
			require.NoError(t, json.Unmarshal([]byte(y.runOn(t, screen, stdout, append([]string{"search", "--json"}, words...)...).Stdout), &result))
			return result.Suggestions
		}
		byCommand := []wire.Suggestion{{Name: "net-tools", Reason: wire.SuggestionCommand}, {Name: "other-tools", Reason: wire.SuggestionCommand}}
		require.Equal(t, byCommand, suggested("ifcon"), w.Name)
		require.Equal(t, byCommand[:1], suggested("ico"), w.Name)
		require.Empty(t, suggested("grab"), w.Name)

		nothing := y.runOn(t, screen, stdout, "search", "ifcon")
		require.Equal(t, 1, nothing.Code, w.Name)
		require.Equal(t, "omg: error: nothing found for \"ifcon\"\nomg: hint: ifcon is a command of net-tools, other-tools\n", nothing.Stderr, w.Name)
		found := y.runOn(t, screen, stdout, "search", "-q", "ico")
		require.Zero(t, found.Code)
		require.Equal(t, "libicon\n", found.Stdout, w.Name)
		require.Equal(t, "omg: note: ico is a command of net-tools\n", found.Stderr, w.Name)
		require.Empty(t, y.runOn(t, screen, stderr, "search", "-q", "ico").Stderr, "only a terminal shows it: %s", w.Name)
	}
	require.NotContains(t, s.DatabasesAnswerWay().Omg("search", "--json", "ico").Stdout, "suggestions", "a search does not read a whole list of files")
}

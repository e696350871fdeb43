package searchquality

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/commandindex"
	"github.com/omg-arch/omg/shared/corpus"
)

// mostLoss is how much worse a score may become than the recorded one before a test fails.
const mostLoss = 0.03

// TestQueries checks the graded queries.
func TestQueries(t *testing.T) {
	total := 0
	kinds, sources := map[string]int{}, map[string]int{}
	for _, name := range []string{"arch", "debian", "debian-commands"} {
		queries, err := ReadQueries(name)
		require.NoError(t, err)
		seen := map[string]bool{}
		heldOut := 0
		for _, q := range queries {
			require.False(t, seen[q.Text], "%s: %q is there twice", name, q.Text)
			seen[q.Text] = true
			kinds[q.Kind]++
			sources[q.Source]++
			if q.IsHeldOut() {
				heldOut++
			}
		}
		require.InDelta(t, 0.5, float64(heldOut)/float64(len(queries)), 0.1, "half of the queries are set aside")
		total += len(queries)
	}
	require.GreaterOrEqual(t, sources["own"], 250)
	require.Positive(t, sources["nix"])
	for _, kind := range Kinds {
		require.GreaterOrEqual(t, kinds[kind], 10, kind)
	}
	require.Equal(t, total, sources["own"]+sources["nix"])
}

// TestQuality_Arch and TestQuality_Debian compare the scores over a corpus with the recorded ones. UPDATE=1 records them again.
func TestQuality_Arch(t *testing.T) { compareWithRecorded(t, "arch", openArch(t)) }

func TestQuality_Debian(t *testing.T) {
	c := openDebian(t)
	compareWithRecorded(t, "debian", c)
	t.Run("commands", func(t *testing.T) {
		require.NoError(t, c.AddCommands("debian", debianCommands(t)))
		compareWithRecorded(t, "debian-commands", c)
	})
}

func compareWithRecorded(t *testing.T, name string, c *Corpus) {
	queries, err := ReadQueries(name)
	require.NoError(t, err)
	results, err := c.MeasureAll(queries)
	require.NoError(t, err)
	t.Logf("%s\nmore MRR than yay's order, in the half that was set aside: %v", Report(name, results), Difference(Filter(results, (*Query).IsHeldOut), "yay"))
	now := map[string]Scores{"all": MeanOf(results, "omg")}
	for _, kind := range Kinds {
		if of := Filter(results, func(q *Query) bool { return q.Kind == kind }); len(of) > 0 {
			now[kind] = MeanOf(of, "omg")
		}
	}
	path := filepath.Join("testdata", name+".tsv")
	if os.Getenv("UPDATE") != "" {
		writeScores(t, path, now)
	}
	want := readScores(t, path)
	require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(now)))
	for kind, w := range want {
		s := now[kind]
		require.Equal(t, w.Queries, s.Queries, "%s: record the scores again with UPDATE=1", kind)
		require.GreaterOrEqual(t, s.MRR, w.MRR-mostLoss, "MRR of %s", kind)
		require.GreaterOrEqual(t, s.NDCG, w.NDCG-mostLoss, "nDCG of %s", kind)
		require.GreaterOrEqual(t, s.Success, w.Success-mostLoss, "success of %s", kind)
	}
}

// scoresLine is a line of a file with recorded scores: kind, number of queries, MRR, nDCG and success.
const scoresLine = "%s\t%d\t%.3f\t%.3f\t%.3f\n"

func writeScores(t *testing.T, path string, scores map[string]Scores) {
	var b strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(scores)) {
		s := scores[kind]
		fmt.Fprintf(&b, scoresLine, kind, s.Queries, s.MRR, s.NDCG, s.Success)
	}
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
}

func readScores(t *testing.T, path string) map[string]Scores {
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	scores := map[string]Scores{}
	for line := range strings.Lines(string(content)) {
		var kind string
		var s Scores
		_, err := fmt.Sscanf(line, "%s\t%d\t%f\t%f\t%f", &kind, &s.Queries, &s.MRR, &s.NDCG, &s.Success)
		require.NoError(t, err, line)
		scores[kind] = s
	}
	return scores
}

func openArch(t *testing.T) *Corpus {
	c, err := OpenCorpus(corpus.SharedDBPath(t), []string{"core", "extra", "multilib"}, corpus.AURDump(t))
	require.NoError(t, err)
	return c
}

// openDebian opens a database of the packages that apt knows, which a program beside the corpus makes.
func openDebian(t *testing.T) *Corpus {
	program := filepath.Join(filepath.Dir(corpus.Dir(t)), "tools", "debian-corpus.py")
	if _, err := os.Stat(program); err != nil {
		t.Skip("needs debian-corpus.py beside the corpus")
	}
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "python3", program, dir).CombinedOutput()
	require.NoError(t, err, string(out))
	c, err := OpenCorpus(dir, []string{"debian"}, "")
	require.NoError(t, err)
	if c.packageCount < 50_000 {
		t.Skipf("needs apt's lists: it knows only %d packages", c.packageCount)
	}
	return c
}

// debianCommands returns the paths in directories of commands, by the name of the package, from the lists of files that apt-file downloads
// for apt. Most of the seven million paths in them are in other directories.
func debianCommands(t *testing.T) map[string][]string {
	lists, err := exec.CommandContext(t.Context(), "apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Contents-deb").Output()
	if err != nil || len(lists) == 0 {
		t.Skip("needs the lists of files of apt-file: apt-file update")
	}
	cmd := exec.CommandContext(t.Context(), "/usr/lib/apt/apt-helper", append([]string{"cat-file"}, strings.Fields(string(lists))...)...)
	text, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	commands := map[string][]string{}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		path, packages, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		if _, ok := commandindex.Dir(string(path[:bytes.LastIndexByte(path, '/')+1])); !ok {
			continue
		}
		for name := range strings.SplitSeq(strings.TrimSpace(string(packages)), ",") { // as in utils/ripgrep,admin/util-linux
			name = name[strings.LastIndexByte(name, '/')+1:]
			commands[name] = append(commands[name], string(path))
		}
	}
	require.NoError(t, lines.Err())
	require.NoError(t, cmd.Wait())
	require.Greater(t, len(commands), 5000)
	return commands
}

// TestOrder_NamedQueries checks queries that show something else first in other tools.
func TestOrder_NamedQueries(t *testing.T) {
	c := openArch(t)
	for text, want := range map[string][]string{
		"python": {"python"}, "vim": {"vim", "gvim", "vim-runtime"}, "bc": {"bc"},
		"firefox en": {"firefox-i18n-en-ca", "firefox-i18n-en-gb", "firefox-i18n-en-us"},
	} {
		found, err := c.search(&Query{Text: text})
		require.NoError(t, err)
		names := packageNames(found)
		require.Equal(t, want, names[:min(len(want), len(names))], text)
	}
}

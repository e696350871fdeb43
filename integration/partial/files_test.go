package partial

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// filesEntries are the lists of files of the repositories of newFilesSystem.
var filesEntries = map[string][]harness.DatabaseEntry{
	"good": {harness.NewFilesEntry("tool", "2-1", "usr/bin/sh", "usr/bin/tool")},
	"bad":  {harness.NewFilesEntry("gear", "1-1", "usr/bin/gear", "usr/bin/sh"), harness.NewFilesEntry("gadget", "2-1", "usr/share/gadget")},
}

// newFilesSystem is newSystem with a list of files of each repository.
func newFilesSystem(t *testing.T, bin string) *harness.System {
	t.Helper()
	s := newSystem(t, bin)
	for repo, entries := range filesEntries {
		harness.WriteFile(t, s.FilesDBPath(repo), harness.BuildDatabase(t, entries...))
	}
	return s
}

// filesQuestion is a question about files: its output with both lists, and with the good one alone.
type filesQuestion struct{ line, all, without string }

var filesQuestions = []filesQuestion{
	{"owns --repos -q sh", "good/tool\nbad/gear\n", "good/tool\n"},
	{"owns --repos -xq ^usr/bin/.*[lr]$", "good/tool\nbad/gear\n", "good/tool\n"},
	{"owns --repos /usr/bin/gear", "usr/bin/gear is owned by bad/gear 1-1\n", ""},
	{"command -q sh", "tool\ngear\n", "tool\n"},
	{"command -q gear", "gear\n", ""},
	{"files --repos -q tool", "usr/bin/sh\nusr/bin/tool\n", "usr/bin/sh\nusr/bin/tool\n"},
	{"files --repos -q gear", "usr/bin/gear\nusr/bin/sh\n", ""},
}

// requireFiles asks all questions. The state of the bad list is "ok" if all is known, "stale" if answers come from its earlier content, and
// otherwise the state in which it has no content.
func requireFiles(t *testing.T, omg func(...string) harness.Result, state, says string) {
	t.Helper()
	for _, q := range filesQuestions {
		r := omg(strings.Fields(q.line)...)
		harness.RequireSafeOutput(t, r)
		note := "omg: note: partial: list of files of bad " + state + ": "
		switch {
		case state == "ok" || state == "stale":
			require.Equal(t, q.all, r.Stdout, "%s: %s", q.line, r.Stderr)
			require.Equal(t, answered, r.Code, "%s: %s", q.line, r.Stderr)
			require.NotContains(t, r.Stderr, "partial")
			if state == "stale" {
				require.Contains(t, r.Stderr, "omg: note: list of files of bad: stale: ")
				require.Contains(t, r.Stderr, says)
			}
		case q.without == "":
			require.Empty(t, r.Stdout, q.line)
			require.Equal(t, failed, r.Code, "%s: %s", q.line, r.Stderr)
			require.Contains(t, r.Stderr, note)
			require.Contains(t, r.Stderr, says)
			require.Equal(t, 1, strings.Count(r.Stderr, "error: "))
		default:
			require.Equal(t, q.without, r.Stdout, "%s: %s", q.line, r.Stderr)
			require.Equal(t, answered, r.Code, "%s: %s", q.line, r.Stderr)
			if q.all != q.without {
				require.Contains(t, r.Stderr, note)
				require.Contains(t, r.Stderr, says)
			}
		}
	}
}

// awaitFiles waits until the bad list of a daemon has this state for this reason. While a test replaces a list, omgd may see that it is
// missing.
func awaitFiles(d *harness.Daemon, state, why string) {
	d.System.T.Helper()
	d.AwaitFileLists(func(b *wire.Basis) bool {
		return slices.ContainsFunc(b.Sources, func(s wire.Source) bool {
			return s.Name == "bad" && string(s.State) == state && strings.Contains(s.Why, why)
		})
	}, "a bad list that is "+state+": "+why)
}

// TestFiles checks each way to damage a list of files in three cases: a daemon read the good list before, a daemon starts with the bad one,
// and no daemon runs. In each case, an index of the good list exists or does not exist.
func TestFiles(t *testing.T) {
	t.Parallel()
	bin := newFilesSystem(t, "").Bin
	for _, f := range faults() {
		says := strings.Replace(f.says, "-Syyu", "-Fyy", 1)
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for _, indexed := range []bool{true, false} {
				s := newFilesSystem(t, bin)
				if indexed {
					s.BuildIndexes("--files")
				}
				requireFiles(t, s.RunWithoutDaemon, "ok", "")
				f.spoil(t, s.FilesDBPath("bad"))
				state := f.state()
				// Without a daemon, omg finds out that a list is damaged when it reads it, and does not use the last index.
				direct := state
				if isFound := f.name == "unreadable" || f.name == "a directory" || f.name == "missing"; indexed && isFound {
					direct = "stale"
				}
				requireFiles(t, s.RunWithoutDaemon, direct, says)
				if indexed {
					state = "stale"
				}
				d := s.LaunchDaemon()
				awaitFiles(d, state, says)
				requireFiles(t, d.Omg, state, says)
				require.NoError(t, os.RemoveAll(s.FilesDBPath("bad")))
				harness.ReplaceFile(t, s.FilesDBPath("bad"), harness.BuildDatabase(t, filesEntries["bad"]...))
				awaitFiles(d, "ok", "")
				requireFiles(t, d.Omg, "ok", "")
				f.spoil(t, s.FilesDBPath("bad"))
				awaitFiles(d, "stale", says)
				requireFiles(t, d.Omg, "stale", says)
			}
		})
	}
}

// TestFiles_Odd checks lists that are unusual, but that pacman -F reads: they answer like any other.
func TestFiles_Odd(t *testing.T) {
	t.Parallel()
	s := newFilesSystem(t, "")
	d := s.StartDaemon()
	awaitFiles(d, "ok", "")
	for i, c := range []struct {
		name string
		more []harness.DatabaseEntry
	}{
		{name: "older than its database"},
		{"of another architecture", []harness.DatabaseEntry{harness.NewPackageEntry("gear", "1-1", "ARCH", "riscv64")}},
		{"paths outside", []harness.DatabaseEntry{
			harness.NewFilesEntry("outside", "1-1", "/usr/bin/gear", "../../etc/passwd", "usr/bin/../bin/x", "usr/bin//x", "/", "..", "/etc/shadow\x1b[2J"),
		}},
	} {
		mark := harness.NewFilesEntry("mark", "1-1", fmt.Sprint("usr/share/mark-", i))
		harness.ReplaceFile(t, s.FilesDBPath("bad"), harness.BuildDatabase(t, slices.Concat(c.more, filesEntries["bad"], []harness.DatabaseEntry{mark})...))
		if i == 0 {
			harness.ReplaceFile(t, s.SyncDBPath("bad"), harness.BuildDatabase(t, harness.NewPackageEntry("gear", "9-1"), harness.NewPackageEntry("new", "1-1")))
		}
		harness.Await(t, func() bool { return d.Omg("owns", "--repos", fmt.Sprint("mark-", i)).Code == answered }, "the new list answers")
		awaitFiles(d, "ok", "")
		for _, omg := range []func(...string) harness.Result{d.Omg, s.RunWithoutDaemon} {
			requireFiles(t, omg, "ok", "")
			if c.name == "paths outside" {
				r := omg("files", "--repos", "-q", "outside")
				harness.RequireSafeOutput(t, r)
				require.Equal(t, 7, strings.Count(r.Stdout, "\n"))
				require.Contains(t, r.Stdout, "\n../../etc/passwd\n")
				require.Equal(t, 1, omg("owns", "--repos", "/etc/passwd").Code, "the path is not resolved")
			}
		}
	}
}

// TestFiles_TooMany checks a package with more paths than are read: it is left out, and the other packages answer.
func TestFiles_TooMany(t *testing.T) {
	t.Parallel()
	s := newFilesSystem(t, "")
	list := harness.DatabaseEntry{Path: "huge-1-1/files", Text: "%FILES%\n" + strings.Repeat("a\n", 10_000_000)}
	harness.ReplaceFile(t, s.FilesDBPath("bad"), harness.BuildDatabase(t, append([]harness.DatabaseEntry{list}, filesEntries["bad"]...)...))
	requireFiles(t, s.RunWithoutDaemon, "ok", "")
	r := s.BuildIndexes("--files")
	require.Contains(t, r.Stderr, "huge-1-1")
	requireFiles(t, s.RunWithoutDaemon, "ok", "")
	d := s.StartDaemon()
	awaitFiles(d, "ok", "")
	requireFiles(t, d.Omg, "ok", "")
	require.Equal(t, 1, d.Omg("files", "--repos", "huge").Code)
}

// TestFiles_Replaced checks a list that is replaced while omgd runs, by one of the same packages with other files.
func TestFiles_Replaced(t *testing.T) {
	t.Parallel()
	s := newFilesSystem(t, "")
	d := s.StartDaemon()
	awaitFiles(d, "ok", "")
	for _, name := range []string{"first", "second"} {
		harness.ReplaceFile(t, s.FilesDBPath("bad"), harness.BuildDatabase(t, harness.NewFilesEntry("gear", "1-1", "usr/bin/"+name)))
		harness.Await(t, func() bool { return d.Omg("command", "-q", name).Stdout == "gear\n" }, "the new list answers")
		require.Equal(t, 1, d.Omg("command", "-q", "gear").Code)
		require.Equal(t, "tool\n", d.Omg("command", "-q", "tool").Stdout)
	}
}

// TestFiles_BadIndex checks an index of files that cannot be used: omgd builds it again, and without a daemon omg reads the list.
func TestFiles_BadIndex(t *testing.T) {
	t.Parallel()
	bin := newFilesSystem(t, "").Bin
	for name, spoil := range map[string]func(t *testing.T, path string){
		"empty":   content(""),
		"text":    content("not an index\n"),
		"cut off": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 200)) },
		"another version": func(t *testing.T, path string) {
			b := harness.ReadFile(t, path)
			b[8]++ // the version follows the eight bytes that begin the file
			harness.ReplaceFile(t, path, b)
		},
		"a byte": func(t *testing.T, path string) {
			b := harness.ReadFile(t, path)
			for i := len(b) / 2; i < len(b); i++ {
				b[i] ^= 0xff
			}
			harness.ReplaceFile(t, path, b)
		},
		"writable by all": func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0o666)) },
		"foreign owner": func(t *testing.T, path string) {
			if os.Getuid() != 0 {
				t.Skip("only root can give a file away")
			}
			require.NoError(t, os.Chown(path, 12345, 12345))
		},
		"removed": func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFilesSystem(t, bin)
			s.BuildIndexes("--files")
			path := sources.FilesIndexPath(s.IndexDir(), "bad")
			spoil(t, path)
			requireFiles(t, s.RunWithoutDaemon, "ok", "")
			d := s.StartDaemon()
			awaitFiles(d, "ok", "")
			requireFiles(t, d.Omg, "ok", "")

			// omgd also builds an index again that is removed while omgd runs.
			require.NoError(t, os.Remove(path))
			require.Equal(t, answered, d.Omg("refresh").Code)
			awaitFiles(d, "ok", "")
			requireFiles(t, d.Omg, "ok", "")
			require.FileExists(t, path)
		})
	}
}

// TestFiles_Memory checks that omgd keeps the indexes in memory, and says so, if it cannot write them.
func TestFiles_Memory(t *testing.T) {
	t.Parallel()
	s := newFilesSystem(t, "")
	require.NoError(t, os.MkdirAll(s.Data, 0o755))
	harness.WriteFile(t, s.IndexDir(), "a file where the directory should be")
	d := s.StartDaemon()
	awaitFiles(d, "ok", "")
	requireFiles(t, d.Omg, "ok", "")
	require.Contains(t, d.Omg("status").Stdout, "index: memory: ")
}

// TestFiles_Killed kills an omg-index that builds an index of files: the last index stays, and the next build succeeds.
func TestFiles_Killed(t *testing.T) {
	t.Parallel()
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 3000, Seed: 5, FileLists: true}))
	s.BuildIndexes("--files")
	before := harness.ListDir(t, s.IndexDir())
	p := harness.Start(t, s.Command("omg-index", append([]string{"build", "--files"}, s.PathFlags()...)...))
	p.Kill()
	require.Zero(t, s.RunWithoutDaemon("command", "bash").Code)
	// A file stays while another process has the number of the killed one.
	var after []string
	harness.Await(t, func() bool {
		s.BuildIndexes("--files")
		after = harness.ListDir(t, s.IndexDir())
		return slices.Equal(before, after)
	}, "no file is left behind of %q; the last were %s", before, func() string { return fmt.Sprint(after) })
	require.Zero(t, s.Run("omg-index", "verify", s.IndexDir()).Code)
}

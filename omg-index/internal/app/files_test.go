package app

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/sources"
)

func (w *testSystem) filesDatabase(repo string) string { return w.path("db/sync/" + repo + ".files") }

// fileLists returns the lines that dump prints for an index of the repository's file lists.
func (w *testSystem) fileLists(repo string) (lists []packageFiles) {
	w.t.Helper()
	_, err := pacmandb.ReadSyncFiles(w.t.Context(), w.filesDatabase(repo), func(l *pacmandb.FileList) error {
		p := packageFiles{Repo: repo, Name: l.Name, Version: l.Version, Groups: l.Groups, Files: []string{}}
		for _, path := range l.Paths {
			p.Files = append(p.Files, strings.ToValidUTF8(path, "\ufffd"))
		}
		lists = append(lists, p)
		return nil
	})
	require.NoError(w.t, err)
	return lists
}

// TestBuild_Files checks that with --files, build writes an index of the file lists of each repository beside the indexes of packages,
// which it does not change, and that dump prints all file lists.
func TestBuild_Files(t *testing.T) {
	w := newTestSystem(t)
	w.built()
	before := w.tree()
	r := w.built("--files")
	lines := r.lines()
	require.Len(t, lines, 4)
	require.Regexp(t, `^core: 24 packages, \d+ paths$`, lines[0])
	require.Regexp(t, `^extra: 252 packages, \d+ paths$`, lines[1])
	require.Regexp(t, "^"+w.indexes()+`: 300 packages, \d+ paths, \d+ bytes, \S+s$`, lines[3])
	require.Equal(t, []string{
		"core.files.omgidx", "core.files.omgidx.origin", "core.omgidx", "core.omgidx.origin", "extra.files.omgidx", "extra.files.omgidx.origin",
		"extra.omgidx", "extra.omgidx.origin", "multilib.files.omgidx", "multilib.files.omgidx.origin", "multilib.omgidx", "multilib.omgidx.origin",
	}, w.files(w.indexes()))
	after := w.tree()
	for path, content := range before {
		require.Equal(t, content, after[path], path)
	}
	paths := 0
	for _, repo := range []string{"core", "extra", "multilib"} {
		path := filepath.Join(w.indexes(), repo+".files.omgidx")
		x, err := sources.OpenFilesIndex(path, func(uint32) bool { return true })
		require.NoError(t, err)
		require.Equal(t, repo, x.File.Info().Repository)
		require.Len(t, x.BuiltFrom, 1)
		require.Equal(t, w.filesDatabase(repo), x.BuiltFrom[0].Path)
		require.NoError(t, x.File.Close())

		var dumped []packageFiles
		out := bufio.NewScanner(strings.NewReader(w.run("dump", path).stdout))
		out.Buffer(nil, 64<<20)
		for out.Scan() {
			var p packageFiles
			require.NoError(t, json.Unmarshal(out.Bytes(), &p))
			dumped = append(dumped, p)
			paths += len(p.Files)
		}
		require.Equal(t, w.fileLists(repo), dumped)
	}
	require.Contains(t, lines[3], " "+strconv.Itoa(paths)+" paths,")
}

// TestBuild_FilesOutput checks that --output writes one index of files, with the same bytes each time.
func TestBuild_FilesOutput(t *testing.T) {
	w := newTestSystem(t)
	t.Setenv("SOURCE_DATE_EPOCH", "1000000000")
	w.built("--files", "--repo", "core", "-o", w.path("one"))
	w.built("--files", "--repo", "core", "-o", w.path("two"))
	require.Equal(t, w.read(w.path("one")), w.read(w.path("two")))

	r := w.run("build", "--files", "--db", w.filesDatabase("core"), "-o", w.path("three"))
	require.Equal(t, exit.OK, r.code, r.stderr)
	require.Equal(t, w.read(w.path("one")), w.read(w.path("three")))

	r = w.run("info", w.path("one"))
	require.Equal(t, exit.OK, r.code, r.stderr)
	for _, part := range []string{"File:     " + w.path("one") + "\n", "Format:   1, files of packages\n", "Built:    2001-09-09T", "Packages: 24\n", "Source:   core (files), 24 packages, "} {
		require.Contains(t, r.stdout, part)
	}
	var info struct {
		Schema, Format, Packages, Paths int
		Bytes                           int64
		Repository, SHA256              string
	}
	require.NoError(t, json.Unmarshal([]byte(w.run("info", "--json", w.path("one")).stdout), &info))
	require.Equal(t, 1, info.Schema)
	require.Equal(t, filesindex.FormatVersion, info.Format)
	require.Equal(t, "core", info.Repository)
	require.Equal(t, 24, info.Packages)
	require.NotZero(t, info.Paths)
	require.Len(t, w.read(w.path("one")), int(info.Bytes))
	require.Len(t, info.SHA256, 64)
}

// TestVerify_Files checks that verify checks indexes of both kinds, and finds a changed byte.
func TestVerify_Files(t *testing.T) {
	w := newTestSystem(t)
	w.built()
	w.built("--files")
	r := w.run("verify")
	require.Equal(t, exit.OK, r.code, r.stderr)
	require.Len(t, r.lines(), 6)
	require.Regexp(t, `core\.files\.omgidx: 24 packages, \d+ paths, ok$`, r.lines()[0])
	require.Regexp(t, `core\.omgidx: 24 packages, ok$`, r.lines()[1])
	path := filepath.Join(w.indexes(), "core.files.omgidx")
	content := w.read(path)
	content[len(content)/2] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o644))
	r = w.run("verify")
	require.Equal(t, exit.Failed, r.code)
	require.Len(t, r.lines(), 5)
	require.Regexp(t, "^omg-index: error: "+path+": [^\n]*\n$", r.stderr)
}

// TestPublish_NoFileLists checks that a database without file lists is not published as one with them.
func TestPublish_NoFileLists(t *testing.T) {
	w := newTestSystem(t)
	require.Equal(t, exit.OK, w.run("keygen", "-W", "-s", w.path("key"), "-p", w.path("key.pub")).code)
	publish := func(path string) ended {
		return w.run("publish", "-s", w.path("key"), "--out", w.path("out"), "--source", "files="+path)
	}
	r := publish(w.database("core"))
	require.Equal(t, exit.Failed, r.code)
	require.Equal(t, "omg-index: error: "+w.database("core")+": a database without file lists: name one with them, such as core.files\n", r.stderr)
	require.NoFileExists(t, w.path("out/manifest.json"))
	r = publish(w.filesDatabase("core"))
	require.Equal(t, exit.OK, r.code, r.stderr)
}

// TestBuild_FilesProblems checks what build says about databases with file lists that are missing or damaged, and about flags that do not fit.
func TestBuild_FilesProblems(t *testing.T) {
	w := newTestSystem(t)
	for says, args := range map[string][]string{
		"--files and --aur exclude each other: the AUR has no file lists":             {"--files", "--aur", w.path("dump")},
		"--output: an index of files has one repository: name it with --repo or --db": {"--files", "-o", w.path("one")},
		"the index is built from this file: name another file":                        {"--files", "--repo", "core", "-o", w.filesDatabase("core")},
		`pacman.conf has no repository "x"`:                                           {"--files", "--repo", "x"},
		`two databases are named "core"`:                                              {"--files", "--db", w.filesDatabase("core"), "--db", "core.files"},
		"--repo and --db exclude each other":                                          {"--files", "--db", w.filesDatabase("core"), "--repo", "core"},
	} {
		r := w.build(args...)
		if args[1] == "--db" {
			r = w.run(append([]string{"build"}, args...)...)
		}
		require.Equal(t, exit.Usage, r.code, says)
		require.Contains(t, r.stderr, says)
	}

	require.NoError(t, os.Truncate(w.filesDatabase("extra"), 20_000))
	require.NoError(t, os.Remove(w.filesDatabase("multilib")))
	r := w.build("--files")
	require.Equal(t, exit.Failed, r.code)
	require.Equal(t, "omg-index: warning: multilib has no database with file lists: download it with pacman -Fy\n"+
		"omg-index: error: read "+w.filesDatabase("extra")+": the file is truncated: download it again with pacman -Fyy\n", r.stderr)
	require.Equal(t, []string{"core.files.omgidx", "core.files.omgidx.origin"}, w.files(w.indexes()))

	require.NoError(t, os.Remove(w.filesDatabase("extra")))
	require.NoError(t, os.Remove(w.filesDatabase("core")))
	r = w.build("--files")
	require.Equal(t, exit.Failed, r.code)
	require.Equal(t, "omg-index: error: no databases with file lists in "+w.path("db")+"/sync: download them with pacman -Fy\n", r.stderr)
	r = w.build("--files", "--repo", "core")
	require.Equal(t, exit.Usage, r.code)
	require.Contains(t, r.stderr, "core has no database with file lists: download it with pacman -Fy")
}

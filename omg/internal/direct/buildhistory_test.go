package direct

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/buildfacts"
	"github.com/omg-arch/omg/omg/internal/buildfiles"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/need"
)

// collectionsVariable is the environment variable that lists collections of packages for TestBuildHistories, separated by colons. Each is a
// git repository with a directory for each package base.
const collectionsVariable = "OMG_BUILD_COLLECTIONS"

// TestBuildHistories compares the successive versions of the build files in the histories of collections of packages, and counts the
// findings. In its normal form it reads a small collection that it makes itself. With the flag -v it lists each finding:
//
//	OMG_BUILD_COLLECTIONS=DIR:DIR go test -v -timeout 0 -run TestBuildHistories ./omg/internal/direct/
func TestBuildHistories(t *testing.T) {
	git := need.Program(t, "git")
	if collections := os.Getenv(collectionsVariable); collections != "" {
		all := newBuildCounts()
		for _, dir := range filepath.SplitList(collections) {
			counts := newBuildCounts()
			readHistory(t, git, dir, counts, all)
			t.Log(counts.report(dir))
		}
		t.Log(all.report("all collections"))
		return
	}
	dir := t.TempDir()
	commit := func(files map[string]string) {
		for name, content := range files {
			file := filepath.Join(dir, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
		}
		for _, args := range [][]string{{"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "x"}} {
			out, err := exec.Command(git, append([]string{"-C", dir}, args...)...).CombinedOutput()
			require.NoError(t, err, string(out))
		}
	}
	require.NoError(t, exec.Command(git, "init", "-q", dir).Run())
	const base = "pkgname=a\npkgver=1\npkgrel=1\nsource=('https://a.example/a-1.tar.gz')\n"
	commit(map[string]string{"a/PKGBUILD": base + "sha256sums=('aa')\n", "README": "x"})
	commit(map[string]string{"a/PKGBUILD": base + "sha256sums=('SKIP')\n", "a/a.install": "post_install() {\n\ttrue\n}\n"})
	commit(map[string]string{"a/PKGBUILD": strings.ReplaceAll(base, "a.example", "b.example") + "sha256sums=('SKIP')\n", "README": "y"})
	commit(map[string]string{"b/PKGBUILD": base, "a/a.install": "post_install() {\n\tfalse\n}\n"})
	counts := newBuildCounts()
	readHistory(t, git, dir, counts, newBuildCounts())
	require.Equal(t, 2, len(counts.bases))
	require.Equal(t, 3, counts.versions)
	require.Equal(t, map[aurlevel.Reason]int{
		aurlevel.ReasonChecksumSkipped: 1, aurlevel.ReasonInstallScriptAdded: 1, aurlevel.ReasonSourceHostChanged: 1, aurlevel.ReasonInstallScriptChanged: 1,
	}, counts.findings)
}

// buildCounts counts the findings in histories.
type buildCounts struct {
	bases map[string]bool
	// versions is the number of versions that were compared with the one before, and unknown the number of those whose sources
	// cannot be known without running the PKGBUILD.
	versions, unknown int
	findings          map[aurlevel.Reason]int
	withFinding       int // versions with at least one finding
	seen              map[[sha256.Size]byte]bool
}

func newBuildCounts() *buildCounts {
	return &buildCounts{bases: map[string]bool{}, findings: map[aurlevel.Reason]int{}, seen: map[[sha256.Size]byte]bool{}}
}

func (c *buildCounts) report(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d package bases, %d successive versions, %d of them with unknown sources, %d with findings\n",
		name, len(c.bases), c.versions, c.unknown, c.withFinding)
	for _, reason := range slices.Sorted(maps.Keys(c.findings)) {
		fmt.Fprintf(&b, "\t%-24s %6d %8.1f per 1,000\n", reason, c.findings[reason], 1000*float64(c.findings[reason])/float64(max(c.versions, 1)))
	}
	return b.String()
}

// readHistory reads the history of a repository along the first parents, the oldest commit first, and compares the build files of each
// directory with those of the commit before. Of several equal pairs of versions, only the first one in all counts.
func readHistory(t *testing.T, git, dir string, counts, all *buildCounts) {
	t.Helper()
	blobs := openBlobs(t, git, dir)
	log := exec.Command(git, "-C", dir, "log", "--reverse", "--first-parent", "-m", "--raw", "--no-abbrev", "--no-renames", "--format=commit %H", "--",
		":(glob)**/PKGBUILD", ":(glob)**/.SRCINFO", ":(glob)**/*.install")
	out, err := log.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, log.Start())
	current := map[string]map[string]string{} // the objects of the build files by directory and name
	before := map[string]map[string]string{}  // the same before the commit, only for the directories that it changes
	commit := ""
	compareAll := func() {
		for _, base := range slices.Sorted(maps.Keys(before)) {
			compareVersions(t, blobs, dir, commit, base, before[base], current[base], counts, all)
		}
		clear(before)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if name, isCommit := strings.CutPrefix(line, "commit "); isCommit {
			compareAll()
			commit = name
			continue
		}
		fields, name, isChange := strings.Cut(line, "\t")
		words := strings.Fields(fields)
		if !isChange || len(words) != 5 || strings.HasPrefix(name, `"`) {
			continue
		}
		base := path.Dir(name)
		if before[base] == nil {
			before[base] = maps.Clone(current[base])
			if before[base] == nil {
				before[base] = map[string]string{}
			}
		}
		if current[base] == nil {
			current[base] = map[string]string{}
		}
		if isFile := strings.HasPrefix(words[1], "100"); isFile {
			current[base][path.Base(name)] = words[3]
		} else {
			delete(current[base], path.Base(name))
		}
	}
	compareAll()
	require.NoError(t, lines.Err())
	require.NoError(t, log.Wait())
}

// compareVersions compares two versions of the build files of a directory.
func compareVersions(t *testing.T, blobs *blobReader, dir, commit, base string, before, after map[string]string, counts, all *buildCounts) {
	counts.bases[base] = true
	all.bases[dir+"/"+base] = true
	if before[buildfiles.PKGBUILDName] == "" || after[buildfiles.PKGBUILDName] == "" || maps.Equal(before, after) {
		return
	}
	pair := sha256.Sum256(fmt.Append(nil, before, after))
	if all.seen[pair] {
		return
	}
	all.seen[pair] = true
	now := time.Now()
	old, next := buildfiles.Copy{At: now, Files: blobs.files(before)}, buildfiles.Copy{At: now, Files: blobs.files(after)}
	found := findBuildChanges([]buildfiles.Copy{old, next}, now)
	isUnknown := !buildfacts.Read(next.Files).HasSources
	for _, c := range []*buildCounts{counts, all} {
		c.versions++
		if isUnknown {
			c.unknown++
		}
		if len(found) > 0 {
			c.withFinding++
		}
		for _, f := range found {
			c.findings[f.Reason]++
		}
	}
	if testing.Verbose() {
		for _, f := range found {
			fmt.Printf("FINDING %s %s %.12s %s: %q\n", f.Reason, filepath.Base(filepath.Dir(dir)), commit, base, f.Values)
		}
	}
}

// blobReader reads objects of a repository through git cat-file.
type blobReader struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

func openBlobs(t *testing.T, git, dir string) *blobReader {
	cmd := exec.Command(git, "-C", dir, "cat-file", "--batch")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait())
	})
	return &blobReader{t, in, bufio.NewReader(out)}
}

// files returns the build files with the given objects, as buildfiles.Read would.
func (b *blobReader) files(objects map[string]string) buildfiles.Files {
	files := buildfiles.Files{}
	for name, object := range objects {
		_, err := io.WriteString(b.in, object+"\n")
		require.NoError(b.t, err)
		header, err := b.out.ReadString('\n')
		require.NoError(b.t, err)
		fields := strings.Fields(header)
		require.Len(b.t, fields, 3, header)
		size, err := strconv.Atoi(fields[2])
		require.NoError(b.t, err)
		content := make([]byte, size+1) // a line feed follows
		_, err = io.ReadFull(b.out, content)
		require.NoError(b.t, err)
		files[name] = content[:size]
	}
	return files
}

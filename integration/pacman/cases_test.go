package pacman

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fields is a desc: a name, a version, and pairs of a key and its value.
func fields(name, version string, more ...string) string {
	var b strings.Builder
	more = append([]string{"FILENAME", name + ".pkg.tar.zst", "NAME", name, "VERSION", version, "ARCH", "any"}, more...)
	for i := 0; i+1 < len(more); i += 2 {
		fmt.Fprintf(&b, "%%%s%%\n%s\n\n", more[i], more[i+1])
	}
	return b.String()
}

// cases is a system with a package for each rule by which pacman finds updates.
func cases(t *testing.T) *world {
	t.Helper()
	w := &world{db: t.TempDir(), home: t.TempDir()}
	w.conf = filepath.Join(w.home, "pacman.conf")
	put := func(path, text string) {
		t.Helper()
		path = filepath.Join(w.db, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	put("local/ALPM_DB_VERSION", "9\n")
	for _, p := range [][]string{
		{"plain", "1-1"},
		{"newer-in-the-second", "1-1"},
		{"epoch", "5-1"},
		{"epoch-here", "1:1-1"},
		{"newer-here", "9-1"},
		{"release", "1-1"},
		{"same", "1-1"},
		{"ignored", "1-1"},
		{"glob-one", "1-1"},
		{"grouped", "1-1", "GROUPS", "held"},
		{"replaced", "1-1"},
		{"virtual-one", "1-1", "PROVIDES", "virtual=2"},
		{"needs-virtual", "1-1", "DEPENDS", "virtual>=2"},
		{"only-second", "1-1", "REASON", "1"},
		{"only-third", "1-1"},
		{"foreign", "1-1", "REASON", "1"},
	} {
		dir := "local/" + p[0] + "-" + p[1]
		put(dir+"/desc", fields(p[0], p[1], p[2:]...))
		put(dir+"/files", "%FILES%\nusr/\nusr/"+p[0]+"\n\n")
	}
	put("local/nodesc-1-1/files", "%FILES%\nusr/\n\n")
	put("local/nofiles-1-1/desc", fields("nofiles", "1-1"))
	put("local/empty-1-1/desc", "")
	put("local/stray/x", "")
	for repo, packages := range map[string][][]string{
		"one": {
			{"plain", "2-1"},
			{"newer-in-the-second", "1-1"},
			{"epoch", "1:1-1"},
			{"epoch-here", "7-1"},
			{"newer-here", "1-1"},
			{"release", "1-2"},
			{"same", "1-1"},
			{"ignored", "2-1"},
			{"glob-one", "2-1"},
			{"grouped", "2-1"},
			{"replacer", "3-1", "REPLACES", "replaced"},
			{"of-virtual", "2-1", "REPLACES", "virtual", "PROVIDES", "virtual=3"},
			{"nodesc", "2-1"},
			{"empty", "2-1"},
		},
		"two":   {{"newer-in-the-second", "2-1"}, {"only-second", "2-1"}, {"plain", "3-1"}},
		"three": {{"only-third", "2-1"}},
	} {
		path := filepath.Join(w.db, "sync", repo+".db")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		f, err := os.Create(path)
		require.NoError(t, err)
		zw := gzip.NewWriter(f)
		tw := tar.NewWriter(zw)
		for _, p := range packages {
			text := fields(p[0], p[1], p[2:]...)
			require.NoError(t, tw.WriteHeader(&tar.Header{Name: p[0] + "-" + p[1] + "/desc", Mode: 0o644, Size: int64(len(text))}))
			_, err := tw.Write([]byte(text))
			require.NoError(t, err)
		}
		require.NoError(t, tw.Close())
		require.NoError(t, zw.Close())
		require.NoError(t, f.Close())
	}
	return w
}

// TestCasesEqualPacman compares the programs' lists where each rule decides
// something, under configurations that change what it decides.
func TestCasesEqualPacman(t *testing.T) {
	w := cases(t)
	for name, c := range map[string]struct{ options, one, two, three string }{
		"plain":         {},
		"ignored":       {options: "IgnorePkg = ignored glob-*\nIgnoreGroup = h?ld"},
		"all ignored":   {options: "IgnorePkg = *"},
		"sync only":     {one: "Usage = Sync"},
		"sync, install": {two: "Usage = Sync Install", three: "Usage = Sync"},
		"search only":   {one: "Usage = Search", two: "Usage = Upgrade"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(w.conf, fmt.Appendf(nil, "[options]\nArchitecture = x86_64\nSigLevel = Never\n%s\n"+
				"[one]\nServer = file:///nowhere\n%s\n[two]\nServer = file:///nowhere\n%s\n[three]\nServer = file:///nowhere\n%s\n",
				c.options, c.one, c.two, c.three), 0o644))
			require.NotEmpty(t, w.pacman(t, "-Qu").Lines())
			all := w.pacman(t, "-Qq").Lines()
			for _, y := range w.ways(t) {
				for _, q := range []struct{ pacman, omg []string }{
					{[]string{"-Q"}, []string{"installed"}},
					{[]string{"-Qu"}, []string{"outdated"}},
					{[]string{"-Quq"}, []string{"outdated", "-q"}},
					{[]string{"-Qm"}, []string{"foreign"}},
					{[]string{"-Qe"}, []string{"explicit"}},
					{[]string{"-Qd"}, []string{"installed", "--deps"}},
					{[]string{"-Qdt"}, []string{"orphans"}},
					{[]string{"-Qi"}, []string{"info", "-i"}},
					{[]string{"-Qs", "virtual"}, []string{"installed", "virtual"}},
				} {
					y.same(t, w.pacman(t, q.pacman...), q.omg...)
				}
				y.sameFiles(t, w, all, true)
				// What pacman would ask about, if the repository is one to upgrade from.
				require.Equal(t, c.one == "", strings.Contains(y.omg(t, "outdated", "--all", "--json").Stdout, `"by":"replacer"`), y.name)
			}
		})
	}
}

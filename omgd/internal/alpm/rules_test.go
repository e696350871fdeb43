package alpm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// handmade is a database directory to which a test adds single packages.
type handmade struct {
	t    *testing.T
	dir  string
	sync map[string]*bytes.Buffer
	tars map[string]*tar.Writer
}

func newHandmade(t *testing.T) *handmade {
	h := &handmade{t: t, dir: t.TempDir(), sync: map[string]*bytes.Buffer{}, tars: map[string]*tar.Writer{}}
	h.write("local/ALPM_DB_VERSION", "9\n")
	return h
}

func (h *handmade) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	require.NoError(h.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(h.t, os.WriteFile(path, []byte(text), 0o644))
}

// desc returns the text of a desc file. The slice fields has a key, its value, the next key, and so on.
func desc(name, version string, fields []string) string {
	var b strings.Builder
	fields = append([]string{"NAME", name, "VERSION", version}, fields...)
	for i := 0; i < len(fields); i += 2 {
		fmt.Fprintf(&b, "%%%s%%\n%s\n\n", fields[i], fields[i+1])
	}
	return b.String()
}

func (h *handmade) install(name, version string, fields ...string) {
	h.t.Helper()
	h.write("local/"+name+"-"+version+"/desc", desc(name, version, fields))
	h.write("local/"+name+"-"+version+"/files", "%FILES%\n\n")
}

// repo returns the archive of a repository, and makes the archive if it does not exist.
func (h *handmade) repo(name string) *tar.Writer {
	if h.tars[name] == nil {
		h.sync[name] = &bytes.Buffer{}
		h.tars[name] = tar.NewWriter(h.sync[name])
	}
	return h.tars[name]
}

func (h *handmade) publish(repo, name, version string, fields ...string) {
	h.t.Helper()
	text := desc(name, version, append([]string{"FILENAME", name + "-" + version + "-any.pkg.tar.zst"}, fields...))
	h.entry(repo, name+"-"+version+"/desc", text)
}

func (h *handmade) entry(repo, path, text string) {
	h.t.Helper()
	w := h.repo(repo)
	require.NoError(h.t, w.WriteHeader(&tar.Header{Name: path, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}))
	_, err := w.Write([]byte(text))
	require.NoError(h.t, err)
}

func (h *handmade) finish() {
	h.t.Helper()
	for repo, w := range h.tars {
		require.NoError(h.t, w.Close())
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, err := z.Write(h.sync[repo].Bytes())
		require.NoError(h.t, err)
		require.NoError(h.t, z.Close())
		h.write("sync/"+repo+".db", packed.String())
	}
}

// rules returns a database directory with a package for each case of the rules about updates and
// dependencies.
func rules(t *testing.T) *handmade {
	h := newHandmade(t)
	dep := []string{"REASON", "1"}
	with := func(fields ...string) []string { return append(fields, dep...) }
	h.install("plain", "1-1")
	h.install("second-newer", "1-1")
	h.install("epoch", "5-1")
	h.install("epoch-here", "1:1-1")
	h.install("newer-here", "9-1")
	h.install("ignored", "1-1")
	h.install("grouped", "1-1", "GROUPS", "held\nother")
	h.install("sync-only", "1-1")
	h.install("foreign", "1-1", with()...)
	h.install("same-but-release", "1-1")

	// The package needy depends on some of the packages below.
	h.install("needy", "1-1", "DEPENDS", "lib>=2\nvirtual=3\nbare-virtual\nnobody\nexact=1-1\nneedy",
		"OPTDEPENDS", "nice: for looks\nnicer>=5: for more\nepochal>=1:1: colons")
	h.install("lib", "1-1", with()...)                                          // too old for the dependency lib>=2
	h.install("lib-new", "1-1", with("PROVIDES", "lib=2")...)                   // provides lib=2, which satisfies lib>=2
	h.install("lib-bare", "1-1", with("PROVIDES", "lib")...)                    // a provision without a version does not satisfy lib>=2
	h.install("lib-at-least", "1-1", with("PROVIDES", "lib>=2")...)             // a provision with ">=" does not satisfy lib>=2 either
	h.install("virtual-three", "1-1", with("PROVIDES", "virtual=3-7")...)       // provides virtual=3-7, which satisfies virtual=3: that dependency accepts any release
	h.install("virtual-four", "1-1", with("PROVIDES", "virtual=4\nvirtual")...) // neither of the two provisions satisfies virtual=3
	h.install("bare-one", "1-1", with("PROVIDES", "bare-virtual")...)
	h.install("bare-two", "1-1", with("PROVIDES", "bare-virtual=9")...)
	h.install("exact", "1-1", with()...)
	h.install("nice", "1-1", with()...)
	h.install("nicer", "4-1", with()...)
	h.install("epochal", "1:1-1", with()...)
	h.install("narcissus", "1-1", with("DEPENDS", "narcissus")...)
	h.install("with-xdata", "1-1", "REASON", "1\n\n%XDATA%\npkgtype=pkg")

	// Damaged entries of the local database.
	h.write("local/no-desc-1-1/files", "%FILES%\n\n")
	h.install("empty-desc", "1-1")
	h.write("local/empty-desc-1-1/desc", "")
	h.install("half-desc", "1-1")
	h.write("local/half-desc-1-1/desc", "%NAME%\nhalf-desc\n\n%VERS")
	h.write("local/stray/desc", "x")
	h.write("local/a-file", "x")

	h.publish("one", "plain", "2-1")
	h.publish("one", "second-newer", "1-1")
	h.publish("two", "second-newer", "2-1")
	h.publish("one", "epoch", "1:1-1")
	h.publish("one", "epoch-here", "7-1")
	h.publish("one", "newer-here", "1-1")
	h.publish("one", "ignored", "2-1")
	h.publish("one", "grouped", "2-1")
	h.publish("three", "sync-only", "2-1")
	h.publish("one", "same-but-release", "1")
	h.publish("two", "replaces-plain", "3-1", "REPLACES", "plain")
	h.finish()
	return h
}

func TestSearch_Rules(t *testing.T) {
	w := realWorker(t)
	h := rules(t)
	c := config(t, h.dir, "one", "two", "three")
	c.Repos[2].Usage = pacmandb.UsageSync
	c.IgnorePkg, c.IgnoreGroup = []string{"[ix]gnored"}, []string{"h?ld"}
	f := requireAgreement(t, w, c)
	requirePacmanAgrees(t, c, f)
	updates := map[string]bool{}
	for _, u := range f.Updates() {
		updates[u.Name] = u.Ignored
	}
	require.Equal(t, map[string]bool{"plain": false, "epoch": false, "ignored": true, "grouped": true, "sync-only": true}, updates)
	require.Equal(t, []string{
		"foreign", "lib", "lib-at-least", "lib-bare", "nicer", "virtual-four", "with-xdata",
	}, f.Orphans(false))
	require.Equal(t, []string{
		"epochal", "foreign", "lib", "lib-at-least", "lib-bare", "nice", "nicer", "virtual-four", "with-xdata",
	}, f.Orphans(true))
	for _, order := range [][]string{{"two", "one", "three"}, {"three"}} {
		c := config(t, h.dir, order...)
		requirePacmanAgrees(t, c, requireAgreement(t, w, c))
	}
	f = requireAgreement(t, w, config(t, h.dir)) // pacman does not run without a repository
	require.Len(t, f.Foreign(), len(f.Installed))
}

// TestFacts_DamagedDatabases checks that omg-alpm-worker reports an error for each damaged database, although
// libalpm treats most of them as empty, and that it still reads the other databases.
func TestFacts_DamagedDatabases(t *testing.T) {
	w := realWorker(t)
	healthy := func() string {
		b, err := os.ReadFile(filepath.Join(rules(t).dir, "sync/one.db"))
		require.NoError(t, err)
		return string(b)
	}()
	for name, content := range map[string]string{
		"empty":      "",
		"one byte":   "\x1f",
		"cut short":  healthy[:100],
		"half":       healthy[:len(healthy)/2],
		"last bytes": healthy[:len(healthy)-40],
		"garbage":    strings.Repeat("garbage ", 1000),
		"a web page": "<!DOCTYPE html><html><body>404</body></html>",
	} {
		t.Run(name, func(t *testing.T) {
			h := rules(t)
			h.write("sync/two.db", content)
			requireFailed(t, w, h)
		})
	}
	t.Run("half of a large one", func(t *testing.T) {
		db := t.TempDir()
		require.NoError(t, fixture.WriteDatabases(db, fixture.Options{Packages: 2000, Seed: 6, Compression: fixture.Zstd}))
		b, err := os.ReadFile(filepath.Join(db, "sync/extra.db"))
		require.NoError(t, err)
		h := rules(t)
		h.write("sync/two.db", string(b[:len(b)/2]))
		requireFailed(t, w, h)
	})
	t.Run("missing", func(t *testing.T) {
		h := rules(t)
		require.NoError(t, os.Remove(filepath.Join(h.dir, "sync/two.db")))
		requireFailed(t, w, h)
	})
	t.Run("directory", func(t *testing.T) {
		h := rules(t)
		require.NoError(t, os.Remove(filepath.Join(h.dir, "sync/two.db")))
		h.write("sync/two.db/x", "")
		requireFailed(t, w, h)
	})
	t.Run("pipe", func(t *testing.T) {
		h := rules(t)
		require.NoError(t, os.Remove(filepath.Join(h.dir, "sync/two.db")))
		require.NoError(t, unix.Mkfifo(filepath.Join(h.dir, "sync/two.db"), 0o644))
		requireFailed(t, w, h)
	})
	t.Run("entry without a version", func(t *testing.T) {
		h := newHandmade(t)
		h.install("plain", "1-1")
		h.publish("one", "plain", "2-1")
		h.publish("three", "other", "2-1")
		h.entry("two", "badname/desc", desc("badname", "1", nil))
		h.finish()
		f, err := w.Facts(t.Context(), databases(config(t, h.dir, "one", "two", "three")))
		require.NoError(t, err)
		require.Contains(t, f.Databases[1].Err, "badname")
	})
	t.Run("really without packages", func(t *testing.T) {
		h := newHandmade(t)
		h.install("plain", "1-1")
		h.publish("one", "plain", "2-1")
		h.repo("two")
		h.finish()
		requireAgreement(t, w, config(t, h.dir, "one", "two"))
	})
}

// requireFailed requires that both libalpm and omg's own code fail to read the database of the repository
// "two", and that both read all other databases.
func requireFailed(t *testing.T, w *Worker, h *handmade) {
	t.Helper()
	c := config(t, h.dir, "one", "two", "three")
	got, err := w.Facts(t.Context(), databases(c))
	require.NoError(t, err)
	require.NotEmpty(t, got.Databases[1].Err)
	require.Zero(t, got.Databases[1].PackageCount)
	want := ours(t, c)
	require.NotEmpty(t, want.Databases[1].Err)
	for _, i := range []int{0, 2} {
		require.Equal(t, want.Databases[i], got.Databases[i])
		require.Empty(t, got.Databases[i].Err)
	}
	require.Empty(t, CompareFacts(got, want))

	found, err := w.Search(t.Context(), databases(c), []string{"sync-only"})
	require.NoError(t, err)
	require.Len(t, found.Packages, 1)
	require.Equal(t, got.Databases, found.Databases)
}

func TestFacts_ImpossibleRepositories(t *testing.T) {
	w := realWorker(t)
	h := rules(t)
	c := config(t, h.dir, "one", "one", "local", "../sync/two", "")
	f, err := w.Facts(t.Context(), databases(c))
	require.NoError(t, err)
	require.Empty(t, f.Databases[0].Err)
	for _, d := range f.Databases[1:] {
		require.NotEmpty(t, d.Err, d.Name)
		require.Zero(t, d.PackageCount)
	}
}

package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// TestBuild_Popularity checks that the shares of a file are stored in the indexes of repositories and not in that of the AUR, that verify
// accepts these indexes, and that the same file gives the same bytes.
func TestBuild_Popularity(t *testing.T) {
	w := newTestSystem(t)
	t.Setenv("SOURCE_DATE_EPOCH", "1000000000")
	shares := map[string]float64{"not-in-any-repository": 1}
	for _, p := range packages("core", "extra") {
		shares[p.Name] = float64(len(p.Name))
	}
	w.write("popularity.json", fixture.PopularityReply(shares))
	digest, err := sourcefile.DigestOfPath(t.Context(), w.path("popularity.json"))
	require.NoError(t, err)
	var dump bytes.Buffer
	require.NoError(t, fixture.WriteAURDump(&dump, 100, 1))
	require.NoError(t, os.WriteFile(w.path("dump"), dump.Bytes(), 0o644))

	w.built("--aur", w.path("dump"))
	without := map[string][]byte{}
	for _, name := range []string{"core", "extra", "multilib", "aur"} {
		without[name] = w.read(filepath.Join(w.indexes(), name+".omgidx"))
	}
	w.built("--aur", w.path("dump"), "--popularity", w.path("popularity.json"))
	require.Equal(t, exit.OK, w.run("verify").code)
	for name, before := range without {
		path := filepath.Join(w.indexes(), name+".omgidx")
		require.Equal(t, name == "aur", bytes.Equal(before, w.read(path)), name)
		f, err := pkgindex.Open(path, nil)
		require.NoError(t, err)
		want := digest
		if name == "aur" {
			want = ""
		}
		require.Equal(t, want, f.IndexInfo().Sources[0].PopularitySHA256, name)
		require.NoError(t, f.Close())
		require.Equal(t, name != "aur", strings.Contains(w.run("info", path).stdout, ", popularity SHA-256 "+digest+"\n"))
	}

	w.built("--popularity", w.path("popularity.json"), "-o", w.path("1"))
	w.built("--popularity", w.path("popularity.json"), "-o", w.path("2"))
	require.Equal(t, w.read(w.path("1")), w.read(w.path("2")))
	w.built()
	for _, name := range []string{"core", "extra", "multilib"} {
		require.Equal(t, without[name], w.read(filepath.Join(w.indexes(), name+".omgidx")), "without the file, the index is as before")
	}
}

// TestBuild_PopularityRefused checks that a file that is not a reply of pkgstats is an error of one line, and that nothing is built.
func TestBuild_PopularityRefused(t *testing.T) {
	w := newTestSystem(t)
	w.write("page.html", "<!DOCTYPE html>\n<html>\x1b[31m</html>\n")
	w.write("half.json", fixture.PopularityReply(map[string]float64{"bash": 99})[:50])
	w.write("high.json", fixture.PopularityReply(map[string]float64{"bash": 101}))
	w.write("empty.json", "")
	w.write("good.json", fixture.PopularityReply(map[string]float64{"bash": 99}))
	before := w.tree()
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--popularity", ""}, exit.Usage, "--popularity needs the path of a reply of pkgstats"},
		{[]string{"--popularity", w.path("none")}, exit.Failed, "no such file"},
		{[]string{"--popularity", w.path("db")}, exit.Failed, "it is a directory"},
		{[]string{"--popularity", w.path("page.html")}, exit.Failed, "page.html: not a list of packages with their popularity, as pkgstats publishes it: at byte 0"},
		{[]string{"--popularity", w.path("half.json")}, exit.Failed, "the file is truncated"},
		{[]string{"--popularity", w.path("high.json")}, exit.Failed, "not a number from 0 to 100"},
		{[]string{"--popularity", w.path("empty.json")}, exit.Failed, "the file is empty"},
		{[]string{"--popularity", w.path("good.json"), "-o", w.path("good.json")}, exit.Usage, "the index is built from this file: name another file"},
	} {
		r := w.build(c.args...)
		require.Equal(t, c.code, r.code, c.args)
		require.Empty(t, r.stdout, c.args)
		require.Regexp(t, `^omg-index: error: [^\n\x1b]*\n(omg-index: hint: see omg-index build --help\n)?$`, r.stderr, c.args)
		require.Contains(t, r.stderr, c.says, c.args)
		require.Equal(t, before, w.tree(), "nothing is written")
	}
	r := w.run("build", "--aur", w.path("half.json"), "--popularity", w.path("good.json"))
	require.Equal(t, exit.Usage, r.code)
	require.Contains(t, r.stderr, "only the AUR's dump is read: its packages have votes")
}

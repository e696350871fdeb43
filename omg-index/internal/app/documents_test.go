package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/wire"
)

// documentWorld is a publisher of sources without an index.
type documentWorld struct{ *testSystem }

func newDocumentWorld(t *testing.T) *documentWorld {
	w := &documentWorld{newTestSystem(t)}
	require.Equal(t, exit.OK, w.run("keygen", "-W", "-s", w.path("key"), "-p", w.path("key.pub")).code)
	w.write("all.json", `[{"name":"AVG-1","packages":["a"],"status":"Fixed","severity":"High","type":"x","affected":"1","fixed":null,"ticket":null,"issues":[],"advisories":[]},5]`)
	f := news.File{ConfirmedAt: time.Now().Unix(), Items: []wire.NewsItem{{NewsHeadline: wire.NewsHeadline{ID: "1", Title: "a title", PublishedAt: 5}}}}
	require.NoError(t, f.Write(w.path("news.json")))
	w.write("popularity.json", fixture.PopularityReply(map[string]float64{"a": 1, "b": 2}))
	w.write("lines", `{"observation":"compared","source":"dump","between":["2026-01-01T00:00:00Z","2026-01-02T00:00:00Z"],"packages":8,"sha256":"`+strings.Repeat("ab", 32)+`"}
{"pkgbase":"a","event":"adopted","from":null,"to":"mallory","between":["2026-01-01T00:00:00Z","2026-01-02T00:00:00Z"]}
`)
	require.NoError(t, os.MkdirAll(w.indexes(), 0o755))
	require.Equal(t, exit.OK, w.run("journal", "--import", w.path("lines"), "--to", filepath.Join(w.indexes(), "aur.omgjournal")).code)
	return w
}

// publish publishes sources, and returns the result and the kinds and names of what the manifest has then.
func (w *documentWorld) publish(flags []string, sources ...string) (ended, []string) {
	w.t.Helper()
	args := slices.Concat([]string{"publish", "-s", w.path("key"), "--out", w.path("out")}, flags)
	for _, s := range sources {
		args = append(args, "--source", s)
	}
	r := w.run(args...)
	var list []string
	if content, err := os.ReadFile(w.path("out/manifest.json")); err == nil {
		var m publication.Manifest
		require.NoError(w.t, json.Unmarshal(content, &m))
		for _, s := range m.Sources {
			list = append(list, s.Kind+" "+s.Name)
			require.NotNil(w.t, s.Index)
		}
	}
	return r, list
}

func TestPublish_Documents(t *testing.T) {
	w := newDocumentWorld(t)
	all := []string{"advisories=" + w.path("all.json"), "news=" + w.path("news.json"), "popularity=" + w.path("popularity.json"), "journal"}
	r, list := w.publish(nil, all...)
	require.Equal(t, exit.OK, r.code, r.stderr)
	require.Equal(t, []string{"advisories tracker", "journal-without-names aur", "news news", "shares popularity"}, list)
	require.Contains(t, r.stderr, "all.json: 1 record cannot be read")
	require.Equal(t, []string{
		"popularity: 2 shares", "news: 1 item", "aur: 1 observation, without the names of maintainers", "tracker: 1 record",
	}, r.lines()[:4])

	// The journal can be named, and published with names.
	for _, path := range []string{w.indexes(), filepath.Join(w.indexes(), "aur.omgjournal")} {
		r, list = w.publish([]string{"--journal-names"}, "journal="+path)
		require.Equal(t, exit.OK, r.code, r.stderr)
		require.Equal(t, []string{"journal aur"}, list)
		require.Equal(t, "aur: 1 observation", r.lines()[0])
	}
	t.Setenv("XDG_DATA_HOME", w.path("none"))
	r, _ = w.publish(nil, "journal")
	require.Equal(t, exit.Failed, r.code)
	require.Contains(t, r.stderr, "open "+w.path("none/omg/index/aur.omgjournal")+": no such file or directory")

	// The names do not stay when they are no longer wanted.
	r, list = w.publish(nil, "journal="+w.path("nowhere"), all[1])
	require.Equal(t, exit.Failed, r.code)
	require.Equal(t, []string{"news news"}, list)
	require.NotContains(t, r.stderr, "stays in the manifest")

	// An empty list is valid, but not what the tracker has. An empty file is no list.
	w.write("empty.json", "[]")
	r, list = w.publish(nil, "advisories="+w.path("empty.json"))
	require.Equal(t, exit.OK, r.code, r.stderr)
	require.Equal(t, []string{"advisories tracker"}, list)
	require.Contains(t, r.stderr, "warning: "+w.path("empty.json")+": the list is empty: machines will show no advisories\n")
	w.write("empty.json", "")
	r, _ = w.publish(nil, "advisories="+w.path("empty.json"))
	require.Equal(t, exit.Failed, r.code)
	require.Contains(t, r.stderr, "empty.json: the file is empty")

	for _, source := range []string{"advisories", "news=", "popularity", "journal=", "journals", "shares=" + w.path("popularity.json")} {
		r, _ := w.publish(nil, source)
		require.Equal(t, exit.Usage, r.code, source)
	}
	r, _ = w.publish(nil, "news=a", "news=b")
	require.Equal(t, exit.Usage, r.code)
}

// TestPublish_BadDocuments checks that a file that cannot be read, or that machines would refuse, is named, and that what was published last stays.
func TestPublish_BadDocuments(t *testing.T) {
	w := newDocumentWorld(t)
	journal := filepath.Join(w.indexes(), "aur.omgjournal")
	files := map[string]string{"advisories": w.path("all.json"), "news": w.path("news.json"), "popularity": w.path("popularity.json"), "journal": journal}
	all := []string{"repository=" + w.database("core")}
	for kind, path := range files {
		all = append(all, kind+"="+path)
	}
	r, complete := w.publish(nil, all...)
	require.Equal(t, exit.OK, r.code, r.stderr)
	require.Len(t, complete, 5)
	before := w.read(w.path("out/manifest.json"))
	tooNew := news.File{ConfirmedAt: 5, Items: []wire.NewsItem{{NewsHeadline: wire.NewsHeadline{ID: "1", Title: "a title", PublishedAt: 6}}}}
	badNews, err := tooNew.Encode()
	require.NoError(t, err)
	for kind, path := range files {
		good := w.read(path)
		for _, bad := range [][]byte{nil, []byte("{"), []byte("<html>"), []byte("[5]"), good[:len(good)/2], badNews, make([]byte, 17<<20)} {
			require.NoError(t, os.WriteFile(path, bad, 0o644))
			r, list := w.publish(nil, all...)
			require.Equal(t, exit.Failed, r.code, "%s: %.20q", kind, bad)
			require.Contains(t, r.stderr, path+": ")
			require.NotRegexp(t, `not valid records|Go (value|struct)`, r.stderr, "the words of the file")
			if kind == "news" && bytes.Equal(bad, badNews) {
				require.Contains(t, r.stderr, path+`: the item "1": its time 6 is not between 1 and 5, when the news were confirmed`)
			}
			require.Contains(t, r.stderr, "what was published last stays in the manifest")
			require.Equal(t, complete, list)
			r, _ = w.publish(nil, kind+"="+path)
			require.Equal(t, exit.Failed, r.code, "nothing could be read")
		}
		require.NoError(t, os.Remove(path))
		r, list := w.publish(nil, all...)
		require.Equal(t, exit.Failed, r.code)
		require.Contains(t, r.stderr, path)
		require.Equal(t, complete, list)
		require.NoError(t, os.WriteFile(path, good, 0o644))
	}
	require.NotEqual(t, before, w.read(w.path("out/manifest.json")))
	require.Equal(t, exit.OK, w.run("pull", "--child", "-p", w.path("key.pub"), "--data-dir", w.path("data"), w.path("out")).code, "the index of core has the shares that stayed")
	for name, want := range map[string]string{"advisories.json": "AVG-1", "news.json": "a title", "popularity.json": `"a"`, "aur.omgjournal": ""} {
		require.Contains(t, string(w.read(w.path("data/pulled/"+name))), want)
	}
	require.Contains(t, fmt.Sprint(w.run("info", w.path("data/pulled/core.omgidx"))), "popularity SHA-256")

	// What is no longer published is removed.
	r, _ = w.publish(nil, "news="+w.path("news.json"))
	require.Equal(t, exit.OK, r.code, r.stderr)
	require.Equal(t, exit.OK, w.run("pull", "--child", "-p", w.path("key.pub"), "--data-dir", w.path("data"), w.path("out")).code)
	for name, stays := range map[string]bool{"advisories.json": false, "news.json": true, "popularity.json": false, "aur.omgjournal": false, "core.omgidx": false} {
		_, err := os.Stat(w.path("data/pulled/" + name))
		require.Equal(t, stays, err == nil, name)
	}
}

package puller

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-index/internal/publisher"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/sourcerecords"
	"github.com/omg-arch/omg/shared/wire"
)

// addFile adds a source without an index. If sha256 is "", its file has the right hash.
func (w *world) addFile(d *publisher.Directory, kind, name, sha256 string, write func(io.Writer) error) {
	w.Helper()
	s := publication.Source{Kind: kind, Name: name, AsOf: start.Unix()}
	if sha256 != "" {
		s.Index = &publication.Index{Format: IndexFormat(kind), Size: 1, SHA256: sha256}
	}
	w.add(d, s, sha256 == "", write)
}

// publishFiles publishes what the function add adds, an hour later.
func (w *world) publishFiles(add func(d *publisher.Directory)) {
	w.Helper()
	w.hours++
	at := start.Add(time.Duration(w.hours) * time.Hour)
	d, err := publisher.Open(w.dir, &publisher.Options{Key: w.key, At: at, Expires: at.Add(48 * time.Hour)})
	require.NoError(w, err)
	defer d.Close()
	add(d)
	_, err = d.Commit()
	require.NoError(w, err)
}

// writeTitle writes news with one item.
func writeTitle(title string) func(io.Writer) error {
	return func(out io.Writer) error {
		return sourcerecords.WriteNews(out, []wire.NewsItem{{NewsHeadline: wire.NewsHeadline{ID: "1", Title: title, PublishedAt: 5}}})
	}
}

// writeJournal writes a journal in which a package base was adopted.
func (w *world) writeJournal(names bool) func(io.Writer) error {
	path := filepath.Join(w.TempDir(), "journal")
	_, err := journal.Import(path, strings.NewReader(
		`{"pkgbase":"a","event":"adopted","from":null,"to":"mallory","between":["2026-01-01T00:00:00Z","2026-01-02T00:00:00Z"]}`+"\n"))
	require.NoError(w, err)
	return func(out io.Writer) error {
		_, err := sourcerecords.WriteJournal(out, path, nil, sourcerecords.JournalOptions{Names: names})
		return err
	}
}

func (w *world) file(name string) string {
	w.Helper()
	content, err := os.ReadFile(filepath.Join(w.own, name))
	require.NoError(w, err)
	return string(content)
}

// TestPull_Files checks that sources without an index are refused for the same reasons as others, and that their last good files stay.
func TestPull_Files(t *testing.T) {
	w := newWorld(t)
	w.publishFiles(func(d *publisher.Directory) {
		w.addFile(d, sourcerecords.KindNews, "news", "", writeTitle("first"))
		w.addFile(d, sourcerecords.KindJournal, "aur", "", w.writeJournal(true))
	})
	r := w.pull(w.mirror())
	require.Len(t, r.Sources, 2)
	require.Contains(t, w.file("news.json"), "first")
	require.Contains(t, w.file("aur.omgjournal"), "mallory")
	require.False(t, w.pull(w.mirror()).Sources[0].Changed)

	for name, add := range map[string]func(d *publisher.Directory){
		"another file": func(d *publisher.Directory) {
			w.addFile(d, sourcerecords.KindNews, "news", strings.Repeat("a", 64), writeTitle("second"))
			w.addFile(d, sourcerecords.KindJournal, "aur", strings.Repeat("a", 64), w.writeJournal(true))
		},
		"records of another kind": func(d *publisher.Directory) {
			w.addFile(d, sourcerecords.KindNews, "news", strings.Repeat("a", 64), w.writeJournal(true))
			w.addFile(d, sourcerecords.KindJournalWithoutNames, "aur", strings.Repeat("a", 64), w.writeJournal(true))
		},
		"no records": func(d *publisher.Directory) {
			write := func(out io.Writer) error { _, err := io.WriteString(out, "news"); return err }
			w.addFile(d, sourcerecords.KindNews, "news", strings.Repeat("a", 64), write)
			w.addFile(d, sourcerecords.KindJournal, "aur", strings.Repeat("a", 64), write)
		},
		"another source": func(d *publisher.Directory) {
			w.addFile(d, sourcerecords.KindNews, "other", strings.Repeat("a", 64), writeTitle("second"))
			w.addFile(d, sourcerecords.KindJournal, "other", strings.Repeat("a", 64), w.writeJournal(true))
		},
	} {
		w.publishFiles(add)
		r, err := w.tryPull(w.mirror())
		require.NoError(t, err)
		require.Len(t, r.Sources, 2)
		for _, s := range r.Sources {
			require.Error(t, s.Err, "%s: %s", name, s.Kind)
		}
		require.Contains(t, w.file("news.json"), "first", name)
		require.Contains(t, w.file("aur.omgjournal"), "mallory", name)
		state, err := pulled.Read(w.own, paths.ProcessEnv().Trusts)
		require.NoError(t, err)
		for _, s := range state.Sources {
			require.NotEmpty(t, s.LastError, name)
			require.NotZero(t, s.Sequence, "%s: the last one stays", name)
		}
	}

	// One journal replaces the other.
	w.publishFiles(func(d *publisher.Directory) {
		w.addFile(d, sourcerecords.KindJournalWithoutNames, "aur", "", w.writeJournal(false))
	})
	w.pull(w.mirror())
	require.NotContains(t, w.file("aur.omgjournal"), "mallory")
	require.NoFileExists(t, filepath.Join(w.own, "news.json"), "nobody publishes it any more")
	w.publishFiles(func(d *publisher.Directory) {
		w.addFile(d, sourcerecords.KindJournal, "aur", "", w.writeJournal(true))
		w.addFile(d, sourcerecords.KindJournalWithoutNames, "aur", "", w.writeJournal(false))
	})
	r, err := w.tryPull(w.mirror())
	require.NoError(t, err)
	require.NoError(t, r.Sources[0].Err)
	require.ErrorIs(t, r.Sources[1].Err, errSameName)
}

// TestPull_Shares checks that the index of a repository has the shares of the same manifest.
func TestPull_Shares(t *testing.T) {
	w := newWorld(t)
	shares, err := popularity.New(map[string]popularity.Share{"package001": 5000})
	require.NoError(t, err)
	write := func(out io.Writer) error { return sourcerecords.WriteShares(out, shares, records.End{}) }
	publish := func(withShares bool) {
		w.publishFiles(func(d *publisher.Directory) {
			core := newRecords(w, "core", pkgindex.KindRepo, "1-1", start)
			texts := []func(io.Writer) error{core.Write}
			if withShares {
				w.addFile(d, sourcerecords.KindShares, wire.SourcePopularity, "", write)
				texts = append(texts, write)
			}
			w.add(d, publication.Source{Kind: sourcerecords.KindRepository, Name: "core", Architecture: "x86_64", AsOf: start.Unix()}, true, texts...)
		})
		w.pull(w.mirror())
	}
	digest := func() string {
		f, err := pkgindex.Open(filepath.Join(w.own, "core.omgidx"), nil)
		require.NoError(t, err)
		defer f.Close()
		return f.IndexInfo().Sources[0].PopularitySHA256
	}
	publish(true)
	require.Equal(t, shares.SHA256, digest())
	require.Equal(t, string(shares.Reply()), w.file("popularity.json"))
	publish(false)
	require.Empty(t, digest())
	publish(true)
	require.Equal(t, shares.SHA256, digest())
}

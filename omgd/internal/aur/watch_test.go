package aur

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// watchTest is an AUR that watches the installed packages tool and own-tool. The last dump contains tool, which bob maintains, and a journal
// that begins with this dump.
type watchTest struct {
	*AUR
	t      *testing.T
	server *server
	// packages is what the AUR has.
	packages map[string]map[string]any
}

func newWatchTest(t *testing.T) *watchTest {
	t.Helper()
	w := &watchTest{t: t, server: &server{}, packages: map[string]map[string]any{}}
	c := settings(t, w.server, newDisk())
	c.Journal = JournalConfig{Path: c.DumpPath + ".journal", Record: func(context.Context, string, string, string) error { return nil }}
	c.ForeignPackages = func() ([]string, bool) { return []string{"tool", "own-tool"}, true }
	w.AUR = open(t, c)
	w.writeDump("bob")
	writer, err := journal.OpenWriter(c.Journal.Path, func(*journal.Entry) error { return nil })
	require.NoError(t, err)
	now := time.Now().Unix()
	require.NoError(t, writer.Append(&journal.Entry{Observation: journal.Observation{
		Outcome: journal.OutcomeBaseline, Source: journal.SourceDump, Between: journal.Interval{From: now, To: now}, PackageCount: 1,
	}}))
	require.NoError(t, writer.Close())
	w.set("tool", "Maintainer", "bob")
	return w
}

// writeDump writes the index of a dump of now, in which a user maintains the package tool.
func (w *watchTest) writeDump(maintainer string) {
	w.t.Helper()
	b := pkgindex.NewBuilder("test", time.Now().Unix())
	into := b.AddSource(wire.SourceAUR, pkgindex.KindAUR)
	require.NoError(w.t, into.Add(&wire.Package{Name: "tool", Version: "1-1", AUR: &wire.AUR{Maintainer: maintainer}}))
	into.SetFileInfo("", 0, time.Now().Unix())
	content, err := b.Bytes()
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(w.IndexPath, content, 0o600))
}

// set sets a field of a package in the AUR.
func (w *watchTest) set(name, field string, value any) {
	if w.packages[name] == nil {
		w.packages[name] = map[string]any{"Name": name, "Version": "1-1"}
	}
	w.packages[name][field] = value
}

// ask sends the hourly request.
func (w *watchTest) ask() error {
	w.t.Helper()
	results := []map[string]any{}
	for _, p := range w.packages {
		results = append(results, p)
	}
	body, err := json.Marshal(map[string]any{"version": 5, "type": "multiinfo", "results": results})
	require.NoError(w.t, err)
	w.server.body = string(body)
	return w.refreshForeign(w.t.Context())
}

// recorded returns the entries of the journal that replies have caused.
func (w *watchTest) recorded() (list []journal.Entry) {
	w.t.Helper()
	_, err := journal.Read(w.Journal.Path, nil, func(e *journal.Entry) error {
		if e.Outcome == journal.OutcomePartial {
			list = append(list, journal.Entry{Observation: e.Observation, Events: append([]journal.Event(nil), e.Events...)})
		}
		return nil
	})
	require.NoError(w.t, err)
	return list
}

// TestWatch_Days asks for three hours, before and after another dump. It checks the events and their intervals: each reply is compared with the
// last observation of the package. A name that the dump does not contain is never sent.
func TestWatch_Days(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchTest(t)
		dump := time.Now().Unix()
		event := func(kind journal.EventKind, from, to string, since, until int64) []journal.Event {
			return []journal.Event{{Base: "tool", Kind: kind, From: from, To: to, Between: journal.Interval{From: since, To: until}}}
		}
		time.Sleep(time.Hour)
		require.NoError(t, w.ask())
		require.Empty(t, w.recorded(), "nothing has changed")

		time.Sleep(time.Hour)
		w.set("tool", "Maintainer", nil)
		require.NoError(t, w.ask())
		require.NoError(t, w.ask())
		list := w.recorded()
		require.Len(t, list, 1, "the same reply is recorded once")
		require.Equal(t, event(journal.EventOrphaned, "bob", "", dump+3600, dump+7200), list[0].Events)
		require.Equal(t, journal.SourceRPC, list[0].Source)
		require.EqualValues(t, 1, list[0].PackageCount)

		time.Sleep(time.Hour)
		w.writeDump("") // made after the last reply
		time.Sleep(time.Hour)
		w.set("tool", "Maintainer", "eve")
		require.NoError(t, w.ask())
		list = w.recorded()
		require.Len(t, list, 2)
		require.Equal(t, event(journal.EventAdopted, "", "eve", dump+3*3600, dump+4*3600), list[1].Events)

		time.Sleep(time.Hour)
		delete(w.packages, "tool")
		require.NoError(t, w.ask())
		require.Equal(t, event(journal.EventDeleted, "1-1", "", dump+4*3600, dump+5*3600), w.recorded()[2].Events)
		require.Equal(t, 5, w.server.count("/info"))
		require.Zero(t, w.server.count("own-tool"))
	})
}

// TestWatch_NotRecorded checks that no events are recorded without a journal, if the reply cannot be used, and if another process writes the
// journal. The replies are used nevertheless.
func TestWatch_NotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchTest(t)
		time.Sleep(time.Hour)
		w.set("tool", "Maintainer", "eve")
		w.set("broken", "Version", "")
		require.ErrorIs(t, w.ask(), ErrInvalidReply)
		require.Nil(t, w.ForeignReplies())
		delete(w.packages, "broken")

		other, err := journal.OpenWriter(w.Journal.Path, func(*journal.Entry) error { return nil })
		require.NoError(t, err)
		require.NoError(t, w.ask())
		require.NoError(t, other.Close())
		require.Empty(t, w.recorded())
		require.Equal(t, "eve", w.ForeignReplies().Packages["tool"].AUR.Maintainer)

		w.set("tool", "Maintainer", "bob")
		require.NoError(t, os.Remove(w.Journal.Path))
		require.NoError(t, w.ask())
		require.NoFileExists(t, w.Journal.Path)
	})
}

// TestWatch_NoDump checks that nothing is sent while there is no dump: which names are public is then unknown.
func TestWatch_NoDump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchTest(t)
		require.NoError(t, os.Remove(w.IndexPath))
		require.ErrorIs(t, w.ask(), errNotQueried)
		require.Empty(t, w.server.requested)
	})
}

// TestWatch_Off checks that no installed package is sent to the AUR in a week if the user has not asked for that.
func TestWatch_Off(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{etag: `"1"`, dump: gzipped(`[{"Name":"spotify"},{"Name":"yay-bin"}]`)}
		c := settings(t, s, newDisk())
		c.Watch = false
		a, stop := run(t, c)
		time.Sleep(7 * 24 * time.Hour)
		stop()
		require.Nil(t, a.ForeignReplies())
		require.Zero(t, s.count("/info"))
		require.NotZero(t, s.count(dumpPath))
	})
}

// TestWatch_Down checks that a failed request changes nothing.
func TestWatch_Down(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchTest(t)
		require.NoError(t, w.ask())
		before := w.ForeignReplies()
		w.server.down = fetch.ErrSlow
		w.set("tool", "Maintainer", "eve")
		require.ErrorIs(t, w.ask(), fetch.ErrSlow)
		require.Same(t, before, w.ForeignReplies())
		require.Empty(t, w.recorded())
	})
}

package aur

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// recorder is a fake omg-index. It records the contents of the dumps that it is asked to compare.
type recorder struct {
	t  *testing.T
	mu sync.Mutex
	// err is the result of each comparison.
	err    error
	before []string // the content of the earlier dumps, "" if there was none
	after  []string
}

func (r *recorder) record(_ context.Context, journal, old, now string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := []byte{}
	if old != "" {
		before = read(r.t, old)
	}
	r.before, r.after = append(r.before, string(before)), append(r.after, string(read(r.t, now)))
	if r.err == nil {
		require.NoError(r.t, os.WriteFile(journal, nil, 0o600))
	}
	return r.err
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

// journaled returns a configuration with a journal.
func journaled(t *testing.T, s *server) (Config, *recorder) {
	t.Helper()
	c, r := settings(t, s, newDisk()), &recorder{t: t}
	c.Journal = JournalConfig{
		Path: filepath.Join(filepath.Dir(c.DumpPath), "journal"), RecordedDump: filepath.Join(filepath.Dir(c.DumpPath), "observed"), Record: r.record,
	}
	return c, r
}

// dumps returns two dumps.
func dumps() (first, second []byte) {
	return gzipped(`[{"Name":"yay"}]`), gzipped(`[{"Name":"yay"},{"Name":"paru"}]`)
}

// TestJournal_Days runs for several days. It checks that each new dump is compared with the dump before it. If a dump has
// not changed, or omgd is restarted, nothing is compared.
func TestJournal_Days(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := dumps()
		s := &server{etag: `"1"`, dump: first}
		c, r := journaled(t, s)
		_, stop := run(t, c)
		time.Sleep(60 * time.Hour)
		require.Equal(t, 3, s.count(dumpPath))
		s.set(func() { s.etag, s.dump = `"2"`, second })
		time.Sleep(27 * time.Hour)
		stop()
		_, stop = run(t, c)
		time.Sleep(time.Second)
		stop()
		require.Equal(t, []string{"", string(first)}, r.before)
		require.Equal(t, []string{string(first), string(second)}, r.after)
		require.Equal(t, second, read(t, c.Journal.RecordedDump))
		fi, err := os.Stat(c.DumpPath)
		require.NoError(t, err)
		require.Equal(t, "2006-01-02T15:04:05Z", fi.ModTime().UTC().Format(time.RFC3339), "the time of the AUR, not of this machine")
	})
}

// TestJournal_Fails lets the comparison fail for a day: the next dump is compared with the last recorded one.
func TestJournal_Fails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := dumps()
		third := gzipped(`[{"Name":"paru"}]`)
		s := &server{etag: `"1"`, dump: first}
		c, r := journaled(t, s)
		_, stop := run(t, c)
		time.Sleep(time.Second)
		r.fail(errors.New("disk full"))
		s.set(func() { s.etag, s.dump = `"2"`, second })
		time.Sleep(27 * time.Hour)
		require.Equal(t, first, read(t, c.Journal.RecordedDump))
		require.Equal(t, second, read(t, c.DumpPath), "the index does not depend on the journal")
		stop()
		r.fail(nil)
		s.set(func() { s.etag, s.dump = `"3"`, third })
		_, stop = run(t, c)
		time.Sleep(time.Second)
		time.Sleep(27 * time.Hour)
		stop()
		require.Equal(t, string(second), r.after[2], "a restart tries again")
		require.Equal(t, []string{"", string(first), string(first), string(second)}, r.before)
		require.Equal(t, string(third), r.after[3])
	})
}

// TestJournal_FilesGone removes the files of the journal between two days.
func TestJournal_FilesGone(t *testing.T) {
	for name, want := range map[string][]string{"journal": {"", ""}, "observed": {"", ""}, "dump.gz": {""}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, _ := dumps()
				c, r := journaled(t, &server{etag: `"1"`, dump: first})
				_, stop := run(t, c)
				time.Sleep(time.Second)
				stop()
				require.NoError(t, os.Remove(filepath.Join(filepath.Dir(c.DumpPath), name)))
				_, stop = run(t, c)
				time.Sleep(time.Second)
				stop()
				require.Equal(t, want, r.before)
				require.Equal(t, first, read(t, c.Journal.RecordedDump))
				require.NoFileExists(t, c.Journal.RecordedDump+".new")
			})
		})
	}
}

// TestJournal_NoLink checks that a dump that cannot be kept is compared again, and nothing else fails.
func TestJournal_NoLink(t *testing.T) {
	first, second := dumps()
	s := &server{etag: `"1"`, dump: first}
	c, r := journaled(t, s)
	c.Journal.RecordedDump = filepath.Join(filepath.Dir(c.DumpPath), "missing", "observed")
	a := open(t, c)
	for _, dump := range [][]byte{first, second} {
		s.dump, s.etag = dump, string(dump)
		d, err := a.refreshDump(t.Context())
		require.NoError(t, err)
		a.saveDump(d)
		a.recordChanges(t.Context())
	}
	require.Equal(t, []string{"", ""}, r.before)
	require.Equal(t, []string{string(first), string(second)}, r.after)
}

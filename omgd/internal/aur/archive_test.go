package aur

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// archiveServer is a Fetcher that acts as a server with a git archive, besides the AUR.
type archiveServer struct {
	*server
	commit, pack string
	// sent is the commit in the pack; empty for the latest one.
	sent        string
	packErr     error
	refs, packs int
}

func (s *archiveServer) Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reply := ""
	switch {
	case r.URL == "https://archive.example/a.git/info/refs?service=git-upload-pack":
		s.refs++
		reply = "001e# service=git-upload-pack\n00000032" + s.commit + " HEAD\n0000"
	case r.URL == "https://archive.example/a.git/git-upload-pack" && strings.Contains(r.Body, "want "+s.commit+" "):
		s.packs++
		if s.packErr != nil {
			return fetch.Response{}, s.packErr
		}
		reply = "0008NAK\n" + s.pack
	default:
		return fetch.Response{}, &fetch.StatusError{Code: 404}
	}
	n, err := io.WriteString(w, reply)
	return fetch.Response{Bytes: int64(n)}, err
}

// requests returns the numbers of requests for the commit and for packs.
func (s *archiveServer) requests() (refs, packs int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refs, s.packs
}

func archiveSettings(t *testing.T, s *archiveServer) (Config, *recorder) {
	t.Helper()
	c, r := journaled(t, s.server)
	c.Fetch, c.Watch = s, false
	c.Source, c.ArchiveURL = config.AURArchive, "https://archive.example/a.git"
	c.OtherDumpPath, c.DumpPath = c.DumpPath, filepath.Join(filepath.Dir(c.DumpPath), "aur.pack")
	build := c.Build
	c.Build = func(ctx context.Context, dump, index string) error {
		content := read(t, dump)
		list, ok := strings.CutPrefix(string(content), "PACK")
		if !ok {
			return build(ctx, dump, index)
		}
		unpacked := filepath.Join(t.TempDir(), "list")
		require.NoError(t, os.WriteFile(unpacked, gzipped(list), 0o600))
		packages, err := unpack(unpacked)
		require.NoError(t, err)
		b := pkgindex.NewBuilder("test", time.Now().Unix())
		into := b.AddSource(wire.SourceAUR, pkgindex.KindAUR)
		for i := range packages {
			require.NoError(t, into.Add(&packages[i]))
		}
		into.SetFileInfo("", 0, time.Now().Unix())
		into.SetCommit(cmp.Or(s.sent, s.commit))
		image, err := b.Bytes()
		require.NoError(t, err)
		return os.WriteFile(index, image, 0o600)
	}
	return c, r
}

// TestArchive_Days runs for several days with the git archive. A pack is only downloaded if there is a new commit, and a failure leaves the last pack in use.
func TestArchive_Days(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &archiveServer{server: &server{}, commit: strings.Repeat("a", 40), pack: `PACK[{"Name":"yay"},{"Name":"paru"}]`}
		c, r := archiveSettings(t, s)
		a, stop := run(t, c)
		time.Sleep(60 * time.Hour)
		refs, packs := s.requests()
		require.Equal(t, []int{3, 1}, []int{refs, packs})
		require.Equal(t, wire.FormArchive, a.Source().Form)
		require.Equal(t, wire.SourceOK, a.Source().State)
		require.NotZero(t, a.Source().AsOf)
		s.set(func() { s.commit, s.packErr = strings.Repeat("b", 40), fetch.ErrSlow })
		time.Sleep(49 * time.Hour)
		require.Equal(t, wire.SourceStale, a.Source().State)
		require.Contains(t, a.Source().Why, "the AUR did not answer in time")
		require.Equal(t, `PACK[{"Name":"yay"},{"Name":"paru"}]`, string(read(t, c.DumpPath)))
		s.set(func() { s.packErr, s.pack = nil, `PACK[]` })
		time.Sleep(27 * time.Hour)
		require.Contains(t, a.Source().Why, "rejected")
		s.set(func() { s.pack = `PACK[{"Name":"yay"}]` })
		time.Sleep(27 * time.Hour)
		require.Equal(t, wire.SourceOK, a.Source().State)
		stop()
		_, stop = run(t, c)
		time.Sleep(time.Second)
		stop()
		require.Equal(t, []string{"", `PACK[{"Name":"yay"},{"Name":"paru"}]`}, r.before)
		require.Equal(t, `PACK[{"Name":"yay"}]`, r.after[1])
		require.Equal(t, r.after[1], string(read(t, c.Journal.RecordedDump)))
		left, err := filepath.Glob(filepath.Join(filepath.Dir(c.DumpPath), ".*.tmp"))
		require.NoError(t, err)
		require.Empty(t, left)
	})
}

// TestArchive_AnotherCommit checks that a pack with another commit than the server's latest one is refused, and that the last pack stays in use.
func TestArchive_AnotherCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const first, second = `PACK[{"Name":"yay"},{"Name":"paru"}]`, `PACK[{"Name":"yay"},{"Name":"evil"}]`
		s := &archiveServer{server: &server{}, commit: strings.Repeat("a", 40), pack: first}
		c, r := archiveSettings(t, s)
		a, stop := run(t, c)
		time.Sleep(time.Hour)
		index := read(t, c.IndexPath)
		s.set(func() { s.commit, s.sent, s.pack = strings.Repeat("b", 40), strings.Repeat("c", 40), second })
		time.Sleep(49 * time.Hour)
		require.Equal(t, wire.SourceStale, a.Source().State)
		require.Contains(t, a.Source().Why, `the commit "`+strings.Repeat("c", 40)+`" was sent instead of `+strings.Repeat("b", 40))
		require.Equal(t, first, string(read(t, c.DumpPath)))
		require.Equal(t, index, read(t, c.IndexPath))
		s.set(func() { s.sent = "" })
		time.Sleep(27 * time.Hour)
		require.Equal(t, wire.SourceOK, a.Source().State)
		stop()
		require.Equal(t, []string{first, second}, r.after)
	})
}

// TestArchive_ChangeOfSource changes the source from the dump to the archive and back. Each time, the new source is requested at once and completely, the
// journal compares it with the last recorded one, and the old file is removed. Until the new source has arrived, the last index stays in use.
func TestArchive_ChangeOfSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := dumps()
		s := &archiveServer{server: &server{etag: `"1"`, dump: first}, commit: strings.Repeat("a", 40), pack: `PACK[{"Name":"yay"},{"Name":"zoom"}]`}
		archive, r := archiveSettings(t, s)
		dump := archive
		dump.Source, dump.DumpPath, dump.OtherDumpPath = config.AURDump, archive.OtherDumpPath, archive.DumpPath
		a, stop := run(t, dump)
		time.Sleep(time.Second)
		require.Empty(t, a.Source().Form)
		stop()

		s.set(func() { s.packErr = errors.New("broken") })
		a, stop = run(t, archive)
		time.Sleep(time.Second)
		_, packs := s.requests()
		require.Equal(t, 1, packs)
		require.Equal(t, wire.SourceOK, a.Source().State, "the index of the dump")
		require.Empty(t, a.Source().Form)
		require.FileExists(t, dump.DumpPath)
		s.set(func() { s.packErr = nil })
		time.Sleep(time.Hour)
		require.Equal(t, wire.FormArchive, a.Source().Form)
		require.NoFileExists(t, dump.DumpPath)
		stop()

		s.set(func() { s.dump = second })
		a, stop = run(t, dump)
		time.Sleep(time.Second)
		require.Empty(t, a.Source().Form)
		require.Equal(t, second, read(t, dump.DumpPath), "the ETag of the first dump was not sent")
		require.NoFileExists(t, archive.DumpPath)
		stop()
		require.Equal(t, []string{"", string(first), s.pack}, r.before)
		require.Equal(t, []string{string(first), s.pack, string(second)}, r.after)
	})
}

// TestNew_ArchiveURL checks which addresses are refused.
func TestNew_ArchiveURL(t *testing.T) {
	for _, address := range []string{"", "http://archive.example/a.git", "archive.git", "git://archive.example/a.git"} {
		c := settings(t, &server{}, newDisk())
		c.Source, c.ArchiveURL = config.AURArchive, address
		_, err := New(c)
		require.ErrorContains(t, err, "aur.archive_url: ", fmt.Sprintf("%q", address))
	}
}

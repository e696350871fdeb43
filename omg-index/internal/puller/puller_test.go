package puller

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg-index/internal/publisher"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/sourcerecords"
	"github.com/omg-arch/omg/shared/wire"
)

// start is the time of the first publication of a test.
var start = time.Date(2026, 9, 20, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB) minisign.PrivateKey {
	t.Helper()
	_, key, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	return key
}

// world is a publisher with a directory, and a machine that pulls from it.
type world struct {
	*testing.T
	key      minisign.PrivateKey
	dir, own string
	hours    int // since the start
}

func newWorld(t *testing.T) *world {
	return &world{T: t, key: newKey(t), dir: t.TempDir(), own: filepath.Join(t.TempDir(), "pulled")}
}

// packageCount is the number of packages of a repository: a patch is smaller than they are.
const packageCount = 100

// publish publishes core and the AUR an hour later. The version is that of one of their packages.
func (w *world) publish(version string) {
	w.Helper()
	w.hours++
	at := start.Add(time.Duration(w.hours) * time.Hour)
	d, err := publisher.Open(w.dir, &publisher.Options{
		Key: w.key, At: at, Expires: at.Add(48 * time.Hour), WritePatch: records.WritePatch, PatchCount: 3,
	})
	require.NoError(w, err)
	defer d.Close()
	core := newRecords(w, "core", pkgindex.KindRepo, version, at)
	w.add(d, publication.Source{Kind: sourcerecords.KindRepository, Name: "core", Architecture: "x86_64", AsOf: at.Unix()}, true, core.Write)
	aur := newRecords(w, "aur", pkgindex.KindAUR, version, at)
	w.add(d, publication.Source{Kind: sourcerecords.KindAUR, Name: "aur", AsOf: at.Unix()}, true, aur.Write, aur.WriteVotes)
	w.add(d, publication.Source{Kind: sourcerecords.KindAURVotes, Name: "aur", AsOf: at.Unix()}, false, aur.WriteVotes)
	w.add(d, publication.Source{Kind: sourcerecords.KindRepository, Name: "foreign", Architecture: "aarch64", AsOf: at.Unix()}, false, core.Write)
	w.add(d, publication.Source{Kind: "unknown", Name: "later", AsOf: at.Unix()}, false, core.Write)
	_, err = d.Commit()
	require.NoError(w, err)
}

// add adds a source; with its index, which is built from all texts.
func (w *world) add(d *publisher.Directory, s publication.Source, withIndex bool, texts ...func(io.Writer) error) {
	w.Helper()
	if withIndex {
		var in []io.Reader
		for _, write := range texts {
			var b strings.Builder
			require.NoError(w, write(&b))
			in = append(in, strings.NewReader(b.String()))
		}
		b, err := NewIndex(w.Context(), &s, in...)
		require.NoError(w, err)
		path := filepath.Join(w.TempDir(), "index")
		require.NoError(w, b.WriteFile(path))
		content, err := os.ReadFile(path)
		require.NoError(w, err)
		s.Index = &publication.Index{Format: IndexFormat(s.Kind), Size: int64(len(content)), SHA256: publication.Digest(content)}
	}
	_, err := d.Add(w.Context(), s, texts[0])
	require.NoError(w, err)
}

func newRecords(t testing.TB, name string, kind pkgindex.SourceKind, version string, at time.Time) *sourcerecords.Packages {
	t.Helper()
	p := sourcerecords.NewPackages(name, kind)
	for i := range packageCount {
		pkg := &wire.Package{Repo: name, Name: fmt.Sprintf("package%03d", i), Version: "1-1", Desc: fmt.Sprint("number ", i*7919)}
		if kind == pkgindex.KindAUR {
			pkg.AUR = &wire.AUR{Votes: uint32(i), Popularity: float64(i) / 8}
		}
		if i == packageCount/2 {
			pkg.Version = version
		}
		require.NoError(t, p.Add(pkg))
	}
	p.SetFileInfo(strings.Repeat("a", 64), 1, at.Unix())
	return p
}

func (w *world) mirror() Mirror { return Mirror{"mirror", publication.Dir(w.dir)} }

// tryPull pulls from the mirrors.
func (w *world) tryPull(mirrors ...Mirror) (*Result, error) {
	return Pull(context.Background(), w.own, mirrors, &Options{
		Trust:     publication.Trust{Online: []minisign.PublicKey{w.key.Public().(minisign.PublicKey)}},
		IsTrusted: paths.ProcessEnv().Trusts, Architecture: "x86_64", Now: start.Add(time.Duration(w.hours) * time.Hour),
	})
}

// pull pulls, which must succeed for all sources.
func (w *world) pull(mirrors ...Mirror) *Result {
	w.Helper()
	r, err := w.tryPull(mirrors...)
	require.NoError(w, err)
	for _, s := range r.Sources {
		require.NoError(w, s.Err, s.Name)
	}
	return r
}

// versions returns the version of the package that changes, by the names of the indexes.
func (w *world) versions() map[string]string {
	w.Helper()
	found := map[string]string{}
	indexes, err := filepath.Glob(filepath.Join(w.own, "*.omgidx"))
	require.NoError(w, err)
	for _, path := range indexes {
		f, err := pkgindex.Open(path, nil)
		require.NoError(w, err)
		require.NoError(w, f.Verify())
		require.EqualValues(w, packageCount, f.DocCount())
		for p, err := range f.Packages() {
			require.NoError(w, err)
			if p.Name == fmt.Sprintf("package%03d", packageCount/2) {
				found[filepath.Base(path)] = p.Version
			}
		}
		require.NoError(w, f.Close())
	}
	return found
}

func both(version string) map[string]string {
	return map[string]string{"core.omgidx": version, "aur.omgidx": version}
}

func TestPull(t *testing.T) {
	w := newWorld(t)
	w.publish("1-1")
	r := w.pull(w.mirror())
	require.Equal(t, both("1-1"), w.versions())
	require.Equal(t, "mirror", r.Mirror)
	require.Len(t, r.Sources, 2, "the AUR and core, but not another architecture or an unknown kind")
	require.True(t, r.Sources[0].Changed)
	require.Equal(t, 2, r.Sources[0].ObjectCount, "the packages and their votes")
	require.NotZero(t, r.Bytes)

	r = w.pull(w.mirror())
	require.False(t, r.Sources[0].Changed || r.Sources[1].Changed)
	require.Zero(t, r.Sources[0].ObjectCount+r.Sources[0].PatchCount)
	w.publish("2-1")
	whole := r.Bytes
	r = w.pull(w.mirror())
	require.Equal(t, both("2-1"), w.versions())
	require.Equal(t, 2, r.Sources[0].PatchCount)
	require.Zero(t, r.Sources[0].ObjectCount+r.Sources[1].ObjectCount)
	require.Greater(t, r.Bytes, whole)
	stored, err := os.ReadDir(filepath.Join(w.own, recordsDir))
	require.NoError(t, err)
	require.Len(t, stored, 3, "the old records are removed")
}

// TestPull_OldRecords checks that a machine gets the records as a whole if there is no patch from those that it has.
func TestPull_OldRecords(t *testing.T) {
	w := newWorld(t)
	w.publish("1-1")
	w.pull(w.mirror())
	for i := range 5 {
		w.publish(fmt.Sprintf("%d-1", i+2))
	}
	r := w.pull(w.mirror())
	require.Equal(t, both("6-1"), w.versions())
	require.Equal(t, 1, r.Sources[1].ObjectCount)
}

// TestPull_Damaged checks that damaged records and indexes are noticed and replaced.
func TestPull_Damaged(t *testing.T) {
	w := newWorld(t)
	w.publish("1-1")
	w.pull(w.mirror())
	for _, pattern := range []string{"*.omgidx", "records/*"} {
		found, err := filepath.Glob(filepath.Join(w.own, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found)
		for _, path := range found {
			require.NoError(t, os.WriteFile(path, []byte("damaged"), 0o644))
		}
	}
	r, err := w.tryPull(w.mirror())
	require.NoError(t, err)
	require.Error(t, r.Sources[0].Err, "the records were damaged, too")
	w.pull(w.mirror())
	require.Equal(t, both("1-1"), w.versions())
	found, err := filepath.Glob(filepath.Join(w.own, "records/*"))
	require.NoError(t, err)
	for _, path := range found {
		require.NoError(t, os.WriteFile(path, []byte("damaged"), 0o644))
	}
	w.publish("2-1")
	r = w.pull(w.mirror())
	require.Equal(t, both("2-1"), w.versions())
	require.Equal(t, 1, r.Sources[1].ObjectCount, "a patch of damaged records is not used")
}

// brokenMirror is a mirror some of whose files are replaced.
type brokenMirror struct {
	publication.Dir
	replace func(name string, content []byte) ([]byte, error)
}

func (b brokenMirror) Fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	content, err := b.Dir.Fetch(ctx, name, limit)
	if err != nil {
		return nil, err
	}
	return b.replace(name, content)
}

// TestPull_BadMirrors checks that after a mirror that fails in some way, the next one is asked, and that the last good state stays if there is no
// other mirror.
func TestPull_BadMirrors(t *testing.T) {
	for name, replace := range map[string]func(name string, content []byte) ([]byte, error){
		"no manifest": func(name string, content []byte) ([]byte, error) {
			if strings.HasPrefix(name, publication.ManifestName) {
				return nil, fs.ErrNotExist
			}
			return content, nil
		},
		"changed manifest": func(name string, content []byte) ([]byte, error) {
			if strings.HasPrefix(name, publication.ManifestDir) {
				return append(content, ' '), nil
			}
			return content, nil
		},
		"no objects": func(name string, content []byte) ([]byte, error) {
			if strings.HasPrefix(name, publication.ObjectDir) {
				return nil, fs.ErrNotExist
			}
			return content, nil
		},
		"truncated objects": func(name string, content []byte) ([]byte, error) {
			if strings.HasPrefix(name, publication.ObjectDir) {
				return content[:len(content)/2], nil
			}
			return content, nil
		},
		"wrong objects": func(name string, content []byte) ([]byte, error) {
			if strings.HasPrefix(name, publication.ObjectDir) {
				return []byte(strings.Repeat("x", len(content))), nil
			}
			return content, nil
		},
		"broken": func(string, []byte) ([]byte, error) { return nil, unix.EIO },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("1-1")
			w.pull(w.mirror())
			w.publish("2-1")
			bad := Mirror{"bad", brokenMirror{publication.Dir(w.dir), replace}}
			r, err := w.tryPull(bad)
			if err == nil {
				require.Len(t, r.Sources, 2)
				for _, s := range r.Sources {
					require.ErrorContains(t, s.Err, "bad: ")
				}
			} else {
				require.ErrorContains(t, err, "bad: ")
			}
			require.Equal(t, both("1-1"), w.versions())
			r = w.pull(bad, w.mirror())
			require.Equal(t, both("2-1"), w.versions())
			require.Empty(t, r.Refused, "it is asked last")
			w.publish("3-1") // an hour later: each of its objects was missing, but it has failed once
			r = w.pull(bad, w.mirror())
			require.Equal(t, both("3-1"), w.versions())
			require.Len(t, r.Refused, 1)
			require.Contains(t, r.Refused[0], "bad: ")
		})
	}
}

// TestPull_OldMirror checks that a mirror with an earlier manifest is named and refused, and that one whose manifest has expired is used only if
// there is no other.
func TestPull_OldMirror(t *testing.T) {
	w := newWorld(t)
	w.publish("1-1")
	old := filepath.Join(t.TempDir(), "old")
	require.NoError(t, os.CopyFS(old, os.DirFS(w.dir)))
	oldMirror := Mirror{"old", publication.Dir(old)}
	w.hours += 100
	r := w.pull(oldMirror)
	require.True(t, r.Stale)
	require.Equal(t, both("1-1"), w.versions())
	w.publish("2-1")
	r = w.pull(oldMirror, w.mirror())
	require.False(t, r.Stale)
	require.Equal(t, "mirror", r.Mirror)
	require.Equal(t, []string{"old: its manifest has expired"}, r.Refused)
	require.Empty(t, w.pull(oldMirror, w.mirror()).Refused, "it is asked last")
	w.hours++
	r = w.pull(oldMirror, w.mirror())
	require.Len(t, r.Refused, 1, "it is asked again after a while")
	require.Contains(t, r.Refused[0], "old: manifest.json: older than what was accepted before")
	_, err := w.tryPull(oldMirror)
	require.ErrorIs(t, err, publication.ErrOlder)
	require.Equal(t, both("2-1"), w.versions())
}

// TestPull_OtherIndex checks that an index that is not the publisher's is not installed.
func TestPull_OtherIndex(t *testing.T) {
	w := newWorld(t)
	w.publish("1-1")
	w.pull(w.mirror())
	d, err := publisher.Open(w.dir, &publisher.Options{Key: w.key, At: start.Add(2 * time.Hour), Expires: start.Add(9 * time.Hour)})
	require.NoError(t, err)
	core := newRecords(t, "core", pkgindex.KindRepo, "2-1", start)
	_, err = d.Add(t.Context(), publication.Source{
		Kind: sourcerecords.KindRepository, Name: "core", AsOf: 1, Index: &publication.Index{Format: pkgindex.FormatVersion, Size: 1, SHA256: strings.Repeat("a", 64)},
	}, core.Write)
	require.NoError(t, err)
	_, err = d.Add(t.Context(), publication.Source{Kind: sourcerecords.KindRepository, Name: "extra", AsOf: 1}, core.Write)
	require.NoError(t, err)
	_, err = d.Commit()
	require.NoError(t, err)
	require.NoError(t, d.Close())
	r, err := w.tryPull(w.mirror())
	require.NoError(t, err)
	require.ErrorIs(t, r.Sources[0].Err, ErrIndex)
	require.ErrorContains(t, r.Sources[1].Err, `repository extra: not valid records: records of the source "core", and not of "extra"`)
	require.Equal(t, both("1-1"), w.versions())
}

// TestPull_SameName checks that another repository of the same name is refused.
func TestPull_SameName(t *testing.T) {
	w := newWorld(t)
	d, err := publisher.Open(w.dir, &publisher.Options{Key: w.key, At: start, Expires: start.Add(9 * time.Hour)})
	require.NoError(t, err)
	for i, architecture := range []string{"x86_64", "x86_64_v3"} {
		core := newRecords(t, "core", pkgindex.KindRepo, fmt.Sprintf("%d-1", i+1), start)
		_, err = d.Add(t.Context(), publication.Source{Kind: sourcerecords.KindRepository, Name: "core", Architecture: architecture, AsOf: 1}, core.Write)
		require.NoError(t, err)
	}
	_, err = d.Commit()
	require.NoError(t, err)
	require.NoError(t, d.Close())
	r, err := w.tryPull(w.mirror())
	require.NoError(t, err)
	require.NoError(t, r.Sources[0].Err)
	require.ErrorIs(t, r.Sources[1].Err, errSameName)
	require.Equal(t, map[string]string{"core.omgidx": "1-1"}, w.versions())
}

func TestPull_Locked(t *testing.T) {
	w := newWorld(t)
	w.publish("1-1")
	slow := brokenMirror{publication.Dir(w.dir), func(_ string, content []byte) ([]byte, error) {
		_, err := w.tryPull(w.mirror())
		require.ErrorIs(t, err, ErrLocked)
		return content, nil
	}}
	w.pull(Mirror{"slow", slow})
}

// TestPull_WriteErrors lets each third step of writing a file fail; each file is written in 7 steps, all of which are among them. If OMG_SOAK is set, each
// step fails. The indexes are then the last or the next ones, and the next pull succeeds.
func TestPull_WriteErrors(t *testing.T) {
	w := newWorld(t)
	w.publish("1-1")
	w.pull(w.mirror())
	before := filepath.Join(t.TempDir(), "before")
	require.NoError(t, os.CopyFS(before, os.DirFS(w.own)))
	w.publish("2-1")
	next := 3
	if os.Getenv("OMG_SOAK") != "" {
		next = 1
	}
	for n := 1; ; n += next {
		w.own = filepath.Join(t.TempDir(), "own")
		require.NoError(t, os.CopyFS(w.own, os.DirFS(before)))
		i := 0
		fault := atomicfile.Fault(func(atomicfile.Op, string) error {
			if i++; i == n {
				return unix.ENOSPC
			}
			return nil
		})
		atomicfile.TestFault.Store(&fault)
		r, err := w.tryPull(w.mirror())
		atomicfile.TestFault.Store(nil)
		if i < n {
			require.NoError(t, err)
			require.Greater(t, n, 20)
			return
		}
		for name, version := range w.versions() {
			require.Contains(t, []string{"1-1", "2-1"}, version, name)
		}
		if err != nil {
			require.ErrorIs(t, err, unix.ENOSPC)
			require.Contains(t, []map[string]string{both("1-1"), both("2-1")}, w.versions(), "2-1 if the description of what is installed was not written")
		} else {
			require.Len(t, r.Sources, 2)
		}
		w.pull(w.mirror())
		require.Equal(t, both("2-1"), w.versions())
		leftovers, err := os.ReadDir(filepath.Join(w.own, newDir))
		require.NoError(t, err)
		require.Empty(t, leftovers)
	}
}

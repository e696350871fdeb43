package publisher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/publication"
)

var (
	// start is the time of the first publication of a test, and later is after the last one.
	start = time.Date(2026, 9, 20, 12, 0, 0, 0, time.UTC)
	later = start.Add(60 * 24 * time.Hour)
)

func newKey(t testing.TB) minisign.PrivateKey {
	t.Helper()
	_, key, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	return key
}

// content is a source that a test publishes.
type content struct {
	publication.Source
	write func(io.Writer) error
}

// newContent returns the content of a repository. It is long enough that a patch is smaller.
func newContent(name, text string) content {
	return content{
		Source: publication.Source{Kind: "repository", Name: name, Architecture: "x86_64", AsOf: 1},
		write: func(w io.Writer) error {
			_, err := io.WriteString(w, longText(name)+text)
			return err
		},
	}
}

func longText(name string) string {
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, "%s %d\n", name, i*i*7919)
	}
	return b.String()
}

// writePatch writes a patch for the tests: the length of the common beginning, and the rest.
func writePatch(out io.Writer, from, to io.Reader) error {
	old, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	now, err := io.ReadAll(to)
	if err != nil {
		return err
	}
	n := 0
	for n < min(len(old), len(now)) && old[n] == now[n] {
		n++
	}
	_, err = fmt.Fprintf(out, "%d %s", n, now[n:])
	return err
}

func applyPatch(t *testing.T, from, patch string) string {
	t.Helper()
	head, rest, _ := strings.Cut(patch, " ")
	var n int
	_, err := fmt.Sscan(head, &n)
	require.NoError(t, err)
	return from[:n] + rest
}

func optionsAt(key minisign.PrivateKey, at time.Time) *Options {
	return &Options{Key: key, At: at, Expires: at.Add(48 * time.Hour), WritePatch: writePatch, PatchCount: 3}
}

// publish publishes contents, also a content that was published before if it cannot be read now.
func publish(ctx context.Context, dir string, o *Options, contents ...content) (r *Result, warnings []string, err error) {
	d, err := Open(dir, o)
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	for _, c := range contents {
		more, err := d.Add(ctx, c.Source, c.write)
		if errors.Is(err, errRead) {
			d.Keep(c.Kind, c.Name)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		warnings = append(warnings, more...)
	}
	r, err = d.Commit()
	return r, warnings, err
}

func mustPublish(t *testing.T, dir string, o *Options, contents ...content) *Result {
	t.Helper()
	r, warnings, err := publish(t.Context(), dir, o, contents...)
	require.NoError(t, err)
	require.Empty(t, warnings)
	return r
}

// newReader returns a reader that trusts a key.
func newReader(t testing.TB, key minisign.PrivateKey) *publication.Reader {
	t.Helper()
	state, err := publication.OpenState(filepath.Join(t.TempDir(), "state.json"), paths.ProcessEnv().Trusts)
	require.NoError(t, err)
	return &publication.Reader{Trust: publication.Trust{Online: []minisign.PublicKey{key.Public().(minisign.PublicKey)}}, State: state}
}

// read returns the contents of a directory, as a reader gets them, by the names of the sources.
func read(t testing.TB, r *publication.Reader, dir string) map[string]string {
	t.Helper()
	p, err := r.Latest(t.Context(), publication.Dir(dir), later)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	contents := map[string]string{}
	for i := range p.Sources {
		var b bytes.Buffer
		require.NoError(t, publication.FetchContent(t.Context(), publication.Dir(dir), &p.Sources[i], &b))
		contents[p.Sources[i].Name] = strings.TrimPrefix(b.String(), longText(p.Sources[i].Name))
	}
	return contents
}

// files returns the names of all files in a directory.
func files(t testing.TB, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		if !e.IsDir() {
			name, err := filepath.Rel(dir, path)
			require.NoError(t, err)
			names = append(names, name)
		}
		return nil
	}))
	return names
}

func TestPublish(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	key, dir := newKey(t), filepath.Join(t.TempDir(), "out")
	r := newReader(t, key)
	result := mustPublish(t, dir, optionsAt(key, start), newContent("extra", "two"), newContent("core", "one"))
	require.Equal(t, map[string]string{"core": "one", "extra": "two"}, read(t, r, dir))
	require.Equal(t, start.Unix(), result.Manifest.Sequence)
	require.Equal(t, "core", result.Manifest.Sources[0].Name, "the sources are sorted")
	require.Equal(t, 2, result.WrittenObjects)
	require.Equal(t, result.WrittenBytes, result.ObjectBytes)
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		fi, err := e.Info()
		require.NoError(t, err)
		want := fs.FileMode(0o644)
		if e.IsDir() {
			want = 0o755
		}
		require.Equal(t, want, fi.Mode().Perm(), "%s, whatever the umask", path)
		return nil
	}))

	result = mustPublish(t, dir, optionsAt(key, start), newContent("core", "one"), newContent("extra", "two"))
	require.Zero(t, result.WrittenObjects)
	require.Equal(t, start.Unix()+1, result.Manifest.Sequence, "also within a second")
	result = mustPublish(t, dir, optionsAt(key, start.Add(time.Hour)), newContent("core", "three"), newContent("extra", "two"))
	require.Equal(t, 2, result.WrittenObjects, "an object and a patch")
	require.Equal(t, start.Unix()+3600, result.Manifest.Sequence)
	require.Equal(t, map[string]string{"core": "three", "extra": "two"}, read(t, r, dir))
}

// TestPublish_ClockMovedBack checks that the sequence grows even if the time does not.
func TestPublish_ClockMovedBack(t *testing.T) {
	key, dir := newKey(t), t.TempDir()
	r := newReader(t, key)
	mustPublish(t, dir, optionsAt(key, start), newContent("core", "one"))
	read(t, r, dir)
	result := mustPublish(t, dir, optionsAt(key, start.Add(-time.Hour)), newContent("core", "two"))
	require.Equal(t, start.Unix()+1, result.Manifest.Sequence)
	require.Equal(t, map[string]string{"core": "two"}, read(t, r, dir))
}

// TestPublish_Times checks that no two versions of a file that changes have the same modification time in seconds: they often have the same size.
func TestPublish_Times(t *testing.T) {
	key, dir := newKey(t), t.TempDir()
	last := map[string]int64{}
	publishAt := func(at time.Time) {
		t.Helper()
		o := optionsAt(key, at)
		mustPublish(t, dir, o, newContent("core", "one"))
		_, err := PublishStatement(dir, []string{key.Public().(minisign.PublicKey).String()}, o)
		require.NoError(t, err)
		for _, name := range []string{"manifest.json", "manifest.json.minisig", "keys.json", "keys.json.minisig"} {
			fi, err := os.Stat(filepath.Join(dir, name))
			require.NoError(t, err)
			require.Greater(t, fi.ModTime().Unix(), last[name], name)
			require.Zero(t, fi.ModTime().Nanosecond(), name)
			last[name] = fi.ModTime().Unix()
		}
	}
	publishAt(start.Add(time.Millisecond))
	require.Equal(t, start.Unix(), last["manifest.json.minisig"], "the time of the publication")
	publishAt(start.Add(2 * time.Millisecond))
	publishAt(start.Add(-time.Hour)) // the clock moved back
	publishAt(start.Add(time.Hour))
	require.Equal(t, start.Unix()+3600, last["manifest.json.minisig"])
}

// TestPublish_LostDirectory checks that a publisher who has lost the directory publishes into a new one, and that readers accept this.
func TestPublish_LostDirectory(t *testing.T) {
	key := newKey(t)
	r := newReader(t, key)
	for i, text := range []string{"one", "two"} {
		dir := t.TempDir()
		mustPublish(t, dir, optionsAt(key, start.Add(time.Duration(i)*time.Second)), newContent("core", text))
		require.Equal(t, map[string]string{"core": text}, read(t, r, dir))
	}
}

// TestPublish_SameObjects checks that two publishers with the same sources write the same objects.
func TestPublish_SameObjects(t *testing.T) {
	var lists [2][]string
	for i := range lists {
		key, dir := newKey(t), t.TempDir()
		for j, text := range []string{"one", "two", "three"} {
			mustPublish(t, dir, optionsAt(key, start.Add(time.Duration(i*100+j)*time.Hour)), newContent("core", text), newContent("extra", text))
		}
		for _, name := range files(t, dir) {
			if strings.HasPrefix(name, "objects/") {
				lists[i] = append(lists[i], name)
			}
		}
	}
	require.Len(t, lists[0], 6+2*3, "three contents, and patches to the second and the third")
	require.Equal(t, lists[0], lists[1])
}

// TestPublish_Patches checks that there are patches from the last contents, that they give the content, and that they are not made again.
func TestPublish_Patches(t *testing.T) {
	key, dir := newKey(t), t.TempDir()
	var hashes []string
	for i := range 6 {
		at := start.Add(time.Duration(i) * time.Hour)
		result := mustPublish(t, dir, optionsAt(key, at), newContent("core", fmt.Sprint(i)))
		s := &result.Manifest.Sources[0]
		var from []string
		for j := range s.Patches {
			p := &s.Patches[j]
			r, err := publication.OpenPatch(t.Context(), publication.Dir(dir), p)
			require.NoError(t, err)
			patch, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			old := longText("core") + fmt.Sprint(i-1-j)
			require.NoError(t, s.CheckContent(strings.NewReader(applyPatch(t, old, string(patch)))))
			from = append(from, p.From)
		}
		want := slices.Clone(hashes[max(len(hashes)-3, 0):])
		slices.Reverse(want)
		require.Equal(t, want, from)
		hashes = append(hashes, s.SHA256)

		made := 0
		again := optionsAt(key, at)
		again.WritePatch = func(out io.Writer, from, to io.Reader) error { made++; return writePatch(out, from, to) }
		require.Equal(t, s.Patches, mustPublish(t, dir, again, newContent("core", fmt.Sprint(i))).Manifest.Sources[0].Patches)
		require.Zero(t, made)
	}
}

// TestPublish_NoPatch checks that a patch that is not smaller, that fails, or whose content is damaged is left out.
func TestPublish_NoPatch(t *testing.T) {
	key, dir := newKey(t), t.TempDir()
	first := mustPublish(t, dir, optionsAt(key, start), newContent("core", "one"))
	o := optionsAt(key, start)
	o.WritePatch = func(out io.Writer, _, to io.Reader) error { _, err := io.Copy(out, to); return err }
	result := mustPublish(t, dir, o, newContent("core", "two"))
	require.Empty(t, result.Manifest.Sources[0].Patches)
	require.Equal(t, 1, result.WrittenObjects)
	o.WritePatch = func(io.Writer, io.Reader, io.Reader) error { return errors.New("broken") }
	_, warnings, err := publish(t.Context(), dir, o, newContent("core", "two"))
	require.NoError(t, err)
	require.Equal(t, []string{"no patch from an earlier content of repository core: broken"}, warnings)
	require.NoError(t, os.WriteFile(filepath.Join(dir, first.Manifest.Sources[0].Object.Name()), []byte("damaged"), 0o644))
	result, warnings, err = publish(t.Context(), dir, optionsAt(key, start), newContent("core", "two"))
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.Empty(t, result.Manifest.Sources[0].Patches)
}

// errRead is the error of a source that cannot be read.
var errRead = errors.New("cannot read")

// TestPublish_FailedSource checks that what was published of a source stays if the source cannot be read.
func TestPublish_FailedSource(t *testing.T) {
	key, dir := newKey(t), t.TempDir()
	r := newReader(t, key)
	broken := newContent("core", "")
	broken.write = func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return errRead
	}
	mustPublish(t, dir, optionsAt(key, start), broken, newContent("extra", "one"))
	require.Equal(t, map[string]string{"extra": "one"}, read(t, r, dir))
	mustPublish(t, dir, optionsAt(key, start), newContent("core", "one"), newContent("extra", "one"))
	mustPublish(t, dir, optionsAt(key, start.Add(8*24*time.Hour)), broken, newContent("extra", "two"))
	require.Equal(t, map[string]string{"core": "one", "extra": "two"}, read(t, r, dir))
}

// TestPublish_RemovesOld checks that objects are removed a week after the last manifest that names them was replaced, and nothing else.
func TestPublish_RemovesOld(t *testing.T) {
	key, dir := newKey(t), t.TempDir()
	const day = 24 * time.Hour
	strange := []string{"objects/ab/readme.txt", "objects/notes/x", "manifests/x.json", "index.html"}
	publishAfter := func(days int, text string) *Result {
		return mustPublish(t, dir, optionsAt(key, start.Add(time.Duration(days)*day)), newContent("core", text))
	}
	first := publishAfter(0, "one").Manifest
	for _, name := range strange {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	leftover := filepath.Join(dir, filepath.Dir(first.Sources[0].Object.Name()), ".x.zst.999999999.tmp")
	require.NoError(t, os.WriteFile(leftover, nil, 0o644))
	object := filepath.Join(dir, first.Sources[0].Object.Name())
	require.Zero(t, publishAfter(20, "two").RemovedObjects)
	require.NoFileExists(t, leftover)
	require.FileExists(t, object, "its manifest was the current one until now")
	require.Zero(t, publishAfter(26, "three").RemovedObjects)
	require.FileExists(t, object)
	require.Equal(t, 1, publishAfter(27, "four").RemovedObjects)
	require.NoFileExists(t, object)
	for _, name := range strange {
		require.FileExists(t, filepath.Join(dir, name))
	}
	manifests, err := filepath.Glob(filepath.Join(dir, "manifests", "????*.json"))
	require.NoError(t, err)
	require.Len(t, manifests, 3)
	require.Equal(t, map[string]string{"core": "four"}, read(t, newReader(t, key), dir))
}

// TestPublish_StrayFiles checks that files of other programs are left alone, and that a FIFO in the place of an object is replaced.
func TestPublish_StrayFiles(t *testing.T) {
	dir, key := t.TempDir(), newKey(t)
	first := mustPublish(t, dir, optionsAt(key, start), newContent("core", "1\n"))
	stray := filepath.Join(dir, publication.ObjectDir, ".DS_Store")
	require.NoError(t, os.WriteFile(stray, nil, 0o644))
	object := filepath.Join(dir, filepath.FromSlash(first.Manifest.Sources[0].Object.Name()))
	require.NoError(t, os.Remove(object))
	require.NoError(t, unix.Mkfifo(object, 0o644))
	second := mustPublish(t, dir, optionsAt(key, start.Add(time.Hour)), newContent("extra", "1\n"))
	require.FileExists(t, stray)
	require.Equal(t, []string{"core (repository)"}, second.Ended)
	third := mustPublish(t, dir, optionsAt(key, start.Add(2*time.Hour)), newContent("core", "1\n"))
	require.Equal(t, []string{"extra (repository)"}, third.Ended)
	info, err := os.Lstat(object)
	require.NoError(t, err)
	require.True(t, info.Mode().IsRegular())
}

func TestPublish_Locked(t *testing.T) {
	key, dir := newKey(t), t.TempDir()
	d, err := Open(dir, optionsAt(key, start))
	require.NoError(t, err)
	_, err = Open(dir, optionsAt(key, start))
	require.ErrorIs(t, err, ErrLocked)
	_, err = PublishStatement(dir, nil, optionsAt(key, start))
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, d.Close())
	mustPublish(t, dir, optionsAt(key, start), newContent("core", "two"))
}

// TestPublish_OtherKey checks that the next key publishes into the same directory, and that a key does not continue what somebody has changed.
func TestPublish_OtherKey(t *testing.T) {
	key, next, dir := newKey(t), newKey(t), t.TempDir()
	mustPublish(t, dir, optionsAt(key, start), newContent("core", "one"))
	d, err := Open(dir, optionsAt(next, start))
	require.NoError(t, err)
	require.True(t, d.HasOtherKey())
	require.NoError(t, d.Close())
	result := mustPublish(t, dir, optionsAt(next, start), newContent("core", "two"))
	require.Len(t, result.Manifest.Sources[0].Patches, 1)
	require.Equal(t, map[string]string{"core": "two"}, read(t, newReader(t, next), dir))
	d, err = Open(dir, optionsAt(next, start))
	require.NoError(t, err)
	require.False(t, d.HasOtherKey())
	require.NoError(t, d.Close())
	document, err := os.ReadFile(filepath.Join(dir, publication.ManifestName))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, publication.CopyName(publication.ManifestName, document)), append(document, ' '), 0o644))
	_, err = Open(dir, optionsAt(next, start))
	require.ErrorIs(t, err, ErrChanged)
}

func TestPublishStatement(t *testing.T) {
	offline, online, dir := newKey(t), newKey(t), t.TempDir()
	r := newReader(t, online)
	r.Trust = publication.Trust{Offline: []minisign.PublicKey{offline.Public().(minisign.PublicKey)}}
	for i := range 2 {
		o := optionsAt(offline, start)
		o.Expires = start.Add(365 * 24 * time.Hour)
		s, err := PublishStatement(dir, []string{online.Public().(minisign.PublicKey).String()}, o)
		require.NoError(t, err)
		require.Equal(t, start.Unix()+int64(i), s.Sequence)
		mustPublish(t, dir, optionsAt(online, start), newContent("core", "one"))
		require.Equal(t, map[string]string{"core": "one"}, read(t, r, dir))
	}
	s, err := PublishStatement(dir, []string{}, optionsAt(online, start))
	require.NoError(t, err, "another offline key")
	require.Equal(t, start.Unix(), s.Sequence)
}

package publication

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/records"
)

// now is the time of the tests.
var now = time.Date(2026, 9, 20, 12, 0, 0, 0, time.UTC)

// newKey returns a new secret key and the text of its public key.
func newKey(t testing.TB) (minisign.PrivateKey, string) {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	require.NoError(t, err)
	return private, public.String()
}

// directory is a published directory in memory: a Fetcher. It counts the requests for each name.
type directory struct {
	files    map[string][]byte
	requests map[string]int
}

func newDirectory() *directory {
	return &directory{files: map[string][]byte{}, requests: map[string]int{}}
}

func (d *directory) Fetch(_ context.Context, name string, limit int64) ([]byte, error) {
	d.requests[name]++
	content, found := d.files[name]
	switch {
	case !found:
		return nil, fs.ErrNotExist
	case int64(len(content)) > limit:
		return nil, ErrTooLarge
	}
	return content, nil
}

// copyFrom copies a file of another directory, as a mirror does.
func (d *directory) copyFrom(from *directory, names ...string) {
	for _, name := range names {
		d.files[name] = from.files[name]
	}
}

// clone returns a copy of the directory.
func (d *directory) clone() *directory {
	return &directory{files: maps.Clone(d.files), requests: map[string]int{}}
}

// object adds an object with a content.
func (d *directory) object(t testing.TB, content string) Object {
	t.Helper()
	var b bytes.Buffer
	w, err := records.NewCompressor(&b)
	require.NoError(t, err)
	_, err = w.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	o := Object{Size: int64(b.Len()), SHA256: Digest(b.Bytes())}
	d.files[o.Name()] = b.Bytes()
	return o
}

// sign adds a document with its signature.
func (d *directory) sign(t testing.TB, key minisign.PrivateKey, name string, content []byte) {
	t.Helper()
	signature, err := Sign(key, name, content, now)
	require.NoError(t, err)
	d.files[name], d.files[CopyName(name, content)], d.files[name+SignatureSuffix] = content, content, signature
}

// newManifest returns a manifest with the repository core, and adds its object to the directory.
func (d *directory) newManifest(t testing.TB, sequence int64, created time.Time, content string) *Manifest {
	t.Helper()
	return &Manifest{
		Header: Header{Sequence: sequence, Created: created.Unix(), Expires: created.Add(48 * time.Hour).Unix()},
		Sources: []Source{{
			Kind: "repository", Name: "core", Architecture: "x86_64", AsOf: created.Unix(),
			Size: int64(len(content)), SHA256: Digest([]byte(content)), Object: d.object(t, content),
		}},
	}
}

// publish adds a manifest with the repository core.
func (d *directory) publish(t testing.TB, key minisign.PrivateKey, sequence int64, created time.Time, content string) {
	t.Helper()
	document, err := d.newManifest(t, sequence, created, content).Encode()
	require.NoError(t, err)
	d.sign(t, key, ManifestName, document)
}

// state adds a statement that names online keys.
func (d *directory) state(t testing.TB, offline minisign.PrivateKey, sequence int64, created time.Time, keys ...string) {
	t.Helper()
	s := &Statement{Header: Header{Sequence: sequence, Created: created.Unix(), Expires: created.Add(365 * 24 * time.Hour).Unix()}, Keys: append([]string{}, keys...)}
	document, err := s.Encode()
	require.NoError(t, err)
	d.sign(t, offline, StatementName, document)
}

// newReader returns a reader that trusts the keys, and the path of its state file.
func newReader(t testing.TB, trust ...string) *Reader {
	t.Helper()
	trusted, err := ParseTrust(trust)
	require.NoError(t, err)
	return &Reader{trusted, openState(t, filepath.Join(t.TempDir(), "state.json"))}
}

func openState(t testing.TB, path string) *State {
	t.Helper()
	s, err := OpenState(path, paths.ProcessEnv().Trusts)
	require.NoError(t, err)
	return s
}

// restart opens the state file again.
func (r *Reader) restart(t testing.TB) { r.State = openState(t, r.State.path) }

// requireContent checks that the reader accepts the directory's manifest and gets the content.
func (r *Reader) requireContent(t testing.TB, d *directory, at time.Time, want string) *Publication {
	t.Helper()
	p, err := r.Latest(t.Context(), d, at)
	require.NoError(t, err)
	var got bytes.Buffer
	require.NoError(t, FetchContent(t.Context(), d, &p.Sources[0], &got))
	require.Equal(t, want, got.String())
	return p
}

// requireRefused checks that the reader refuses the directory.
func (r *Reader) requireRefused(t testing.TB, d *directory, at time.Time, want error) error {
	t.Helper()
	p, err := r.Latest(t.Context(), d, at)
	require.ErrorIs(t, err, want)
	require.Nil(t, p)
	return err
}

func TestLatest(t *testing.T) {
	key, public := newKey(t)
	d, r := newDirectory(), newReader(t, public)
	d.publish(t, key, 1, now, "one")
	p := r.requireContent(t, d, now, "one")
	require.False(t, p.Stale)
	require.Equal(t, public, p.Key.String())
	require.Equal(t, 1, d.requests[ManifestName+SignatureSuffix])
	require.Zero(t, d.requests[ManifestName], "the file under its hash never changes")
	require.Zero(t, d.requests[StatementName+SignatureSuffix], "no offline key is trusted")
	r.restart(t)
	r.requireContent(t, d, now, "one")
	d.publish(t, key, 7, now.Add(time.Hour), "two")
	r.requireContent(t, d, now.Add(time.Hour), "two")
}

func TestLatest_Missing(t *testing.T) {
	_, public := newKey(t)
	err := newReader(t, public).requireRefused(t, newDirectory(), now, fs.ErrNotExist)
	require.ErrorContains(t, err, "manifest.json.minisig: ")
}

func TestParseTrust(t *testing.T) {
	_, one := newKey(t)
	_, two := newKey(t)
	trust, err := ParseTrust([]string{one, "offline " + two})
	require.NoError(t, err)
	require.Equal(t, one, trust.Online[0].String())
	require.Equal(t, two, trust.Offline[0].String())
	for name, list := range map[string][]string{
		"both kinds":   {one, "offline " + one},
		"twice":        {one, one},
		"not a key":    {"RWQ"},
		"a secret key": {"offline"},
		"too many":     make([]string, maxTrusted+1),
	} {
		_, err := ParseTrust(list)
		require.Error(t, err, name)
	}
}

func TestState_Damaged(t *testing.T) {
	key, public := newKey(t)
	d, r := newDirectory(), newReader(t, public)
	d.publish(t, key, 1, now, "one")
	r.requireContent(t, d, now, "one")
	path := r.State.path
	for _, content := range []string{"", "{}", "[", `{"schema":2,"manifests":{},"statements":{}}`} {
		require.NoError(t, writeFile(path, content))
		_, err := OpenState(path, paths.ProcessEnv().Trusts)
		require.ErrorIs(t, err, ErrState, content)
		require.ErrorContains(t, err, path)
	}
	require.NoError(t, writeFile(path, strings.Repeat(" ", maxStateBytes+1)))
	_, err := OpenState(path, paths.ProcessEnv().Trusts)
	require.ErrorContains(t, err, fmt.Sprintf("more than %d bytes", maxStateBytes))
}

// TestState_Bounded checks that documents of untrusted keys are forgotten, and that the largest state file can be read again.
func TestState_Bounded(t *testing.T) {
	key, public := newKey(t)
	d, r := newDirectory(), newReader(t, public)
	for i := range maxManifests {
		r.State.content.Manifests[fmt.Sprint(i)] = accepted{1, 1, Digest(nil)}
	}
	d.publish(t, key, 1, now, "one")
	r.requireContent(t, d, now, "one")
	require.Len(t, r.State.content.Manifests, 1)

	var trust []string
	for range maxTrusted {
		_, offline := newKey(t)
		trust = append(trust, "offline "+offline)
		r.State.content.Statements[offline] = acceptedStatement{accepted{1, 1, Digest(nil)}, make([]byte, MaxStatementBytes), make([]byte, MaxSignatureBytes)}
	}
	require.NoError(t, r.State.save())
	r.restart(t)
	require.Len(t, r.State.content.Statements, len(trust))
}

package publication

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"aead.dev/minisign"
	"github.com/stretchr/testify/require"
)

// The tests of this file are the attacks of The Update Framework's specification (theupdateframework.github.io/specification, section
// 1.5.2), by a mirror or by a thief of a key.

func writeFile(path, content string) error { return os.WriteFile(path, []byte(content), 0o644) }

// TestAttack_Rollback checks that an earlier manifest is refused, also after a restart.
func TestAttack_Rollback(t *testing.T) {
	key, public := newKey(t)
	d, r := newDirectory(), newReader(t, public)
	d.publish(t, key, 1, now, "one")
	before := d.clone()
	d.publish(t, key, 2, now.Add(time.Hour), "two")
	r.requireContent(t, d, now, "two")
	err := r.requireRefused(t, before, now, ErrOlder)
	require.EqualError(t, err, "manifest.json: older than what was accepted before: sequence 1 after 2")
	r.restart(t)
	r.requireRefused(t, before, now, ErrOlder)
	r.requireContent(t, d, now, "two")
}

// TestAttack_SameSequence checks that a second manifest with the same sequence is refused.
func TestAttack_SameSequence(t *testing.T) {
	key, public := newKey(t)
	d, r := newDirectory(), newReader(t, public)
	d.publish(t, key, 1, now, "one")
	r.requireContent(t, d, now, "one")
	d.publish(t, key, 1, now, "two")
	r.requireRefused(t, d, now, ErrOtherContent)
}

// TestAttack_Freeze checks that a mirror cannot serve the same manifest for longer than its time without the reader noticing.
func TestAttack_Freeze(t *testing.T) {
	key, public := newKey(t)
	d, r := newDirectory(), newReader(t, public)
	d.publish(t, key, 1, now, "one")
	require.False(t, r.requireContent(t, d, now.Add(48*time.Hour-time.Second), "one").Stale)
	require.True(t, r.requireContent(t, d, now.Add(48*time.Hour), "one").Stale, "the content is still used")
}

// TestAttack_FreezeStatement checks that a mirror cannot keep a stolen key alive by serving an old statement, or none: an old one expires.
func TestAttack_FreezeStatement(t *testing.T) {
	offline, root := newKey(t)
	key, public := newKey(t)
	d, r := newDirectory(), newReader(t, "offline "+root)
	d.state(t, offline, 1, now, public)
	d.publish(t, key, 1, now, "one")
	r.requireContent(t, d, now, "one")
	later := now.Add(365 * 24 * time.Hour)
	d.publish(t, key, 2, later, "two")
	err := r.requireRefused(t, d, later, ErrSignature)
	require.ErrorContains(t, err, "the statement of an offline key expired at 2027-09-20T12:00:00Z")
	delete(d.files, StatementName+SignatureSuffix)
	r.requireRefused(t, d, later, ErrSignature)
	d.state(t, offline, 2, later, public)
	r.requireContent(t, d, later, "two")
}

// TestAttack_FastForward checks that a thief who signs a manifest with the largest sequence does not lock out the publisher, who signs with the
// next key after the offline statement.
func TestAttack_FastForward(t *testing.T) {
	offline, root := newKey(t)
	stolen, stolenPublic := newKey(t)
	d, r := newDirectory(), newReader(t, "offline "+root)
	d.state(t, offline, 1, now, stolenPublic)
	d.publish(t, stolen, 1, now, "one")
	r.requireContent(t, d, now, "one")

	thief := d.clone()
	thief.publish(t, stolen, maxNumber, now.Add(maxClockDifference), "evil")
	r.requireContent(t, thief, now, "evil")
	r.requireRefused(t, d, now, ErrOlder)

	next, nextPublic := newKey(t)
	d.state(t, offline, 2, now, nextPublic)
	d.publish(t, next, 1, now.Add(time.Minute), "two")
	r.requireContent(t, d, now, "two")
	r.restart(t)
	r.requireRefused(t, thief, now, ErrOlder)
	thief.copyFrom(d, StatementName+SignatureSuffix, CopyName(StatementName, d.files[StatementName]))
	r.requireRefused(t, thief, now, ErrSignature)
	r.requireContent(t, d, now, "two")
}

// TestAttack_FutureTime checks that a manifest or statement of the future is refused: it would stay valid for longer than others.
func TestAttack_FutureTime(t *testing.T) {
	offline, root := newKey(t)
	key, public := newKey(t)
	d, r := newDirectory(), newReader(t, "offline "+root)
	d.state(t, offline, 1, now.Add(25*time.Hour), public)
	d.publish(t, key, 1, now, "one")
	r.requireRefused(t, d, now, ErrFuture)
	d.state(t, offline, 1, now.Add(23*time.Hour), public)
	r.requireContent(t, d, now, "one")
	d.publish(t, key, 2, now.Add(25*time.Hour), "two")
	err := r.requireRefused(t, d, now, ErrFuture)
	require.ErrorContains(t, err, "2026-09-21T13:00:00Z")
	require.EqualValues(t, 1, r.State.content.Manifests[public].Sequence, "it is not remembered")
}

// TestAttack_SecondKey checks that a mirror cannot go back from the manifest of one key to an earlier one of another trusted key.
func TestAttack_SecondKey(t *testing.T) {
	one, onePublic := newKey(t)
	two, twoPublic := newKey(t)
	r := newReader(t, onePublic, twoPublic)
	early, late := newDirectory(), newDirectory()
	early.publish(t, one, 100, now, "early")
	r.requireContent(t, early, now, "early")
	late.publish(t, two, 1, now.Add(time.Hour), "late")
	r.requireContent(t, late, now, "late")
	r.requireRefused(t, early, now, ErrOlder)
	// A key that is no longer trusted does not count.
	r.Trust.Online = r.Trust.Online[:1]
	r.requireContent(t, early, now, "early")
}

// TestAttack_MixAndMatch checks that the files of two states of a directory never give a mix: a copy in which any of them is old gives the old
// state, the new state, or an error.
func TestAttack_MixAndMatch(t *testing.T) {
	key, public := newKey(t)
	old := newDirectory()
	old.publish(t, key, 1, now, "one")
	latest := old.clone()
	latest.publish(t, key, 2, now.Add(time.Hour), "two")
	var changed []string
	for name := range latest.files {
		if !bytes.Equal(old.files[name], latest.files[name]) {
			changed = append(changed, name)
		}
	}
	require.Len(t, changed, 4, "the manifest, its copy and signature, and an object")
	results := map[string]int{}
	for mask := range 1 << len(changed) {
		mirror := old.clone()
		for i, name := range changed {
			if mask&(1<<i) != 0 {
				mirror.copyFrom(latest, name)
			}
		}
		result := "refused"
		p, err := newReader(t, public).Latest(t.Context(), mirror, now)
		if err == nil {
			var content bytes.Buffer
			if err = FetchContent(t.Context(), mirror, &p.Sources[0], &content); err == nil {
				require.Equal(t, map[int64]string{1: "one", 2: "two"}[p.Sequence], content.String())
				result = content.String()
			}
		}
		results[result]++
	}
	// With the old signature, the state is the old one, and with the new one the state is new if the manifest and the object are there.
	require.Equal(t, map[string]int{"one": 8, "two": 2, "refused": 6}, results)
}

// TestAttack_WrongObject checks that an object with another content is refused: damaged, truncated, longer, of another source, or one that
// decompresses to something else.
func TestAttack_WrongObject(t *testing.T) {
	key, public := newKey(t)
	d, r := newDirectory(), newReader(t, public)
	d.publish(t, key, 1, now, "one")
	p, err := r.Latest(t.Context(), d, now)
	require.NoError(t, err)
	s := &p.Sources[0]
	whole := d.files[s.Object.Name()]
	other := d.object(t, "two")
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"truncated": {whole[:len(whole)-1], ErrObject},
		"empty":     {nil, ErrObject},
		"damaged":   {flipped, ErrObject},
		"other":     {d.files[other.Name()], ErrObject},
		"longer":    {append(bytes.Clone(whole), 0), ErrTooLarge},
	} {
		d.files[s.Object.Name()] = c.content
		require.ErrorIs(t, FetchContent(t.Context(), d, s, &bytes.Buffer{}), c.want, name)
	}
	for name, wrong := range map[string]Source{
		"another hash": {Size: s.Size, SHA256: Digest([]byte("two")), Object: s.Object},
		"too small":    {Size: s.Size + 1, SHA256: s.SHA256, Object: s.Object},
		"too large":    {Size: s.Size - 1, SHA256: s.SHA256, Object: s.Object},
	} {
		d.files[s.Object.Name()] = whole
		require.ErrorIs(t, FetchContent(t.Context(), d, &wrong, &bytes.Buffer{}), ErrObject, name)
		require.ErrorIs(t, wrong.CheckContent(bytes.NewReader([]byte("one"))), ErrObject, name)
	}
	require.NoError(t, s.CheckContent(bytes.NewReader([]byte("one"))))
	patch := Patch{From: s.SHA256, Size: 3, Object: s.Object}
	for _, size := range []int64{3, 2, 4} {
		patch.Size = size
		r, err := OpenPatch(t.Context(), d, &patch)
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, r.Close())
		if size == 3 {
			require.NoError(t, err)
			require.Equal(t, "one", string(content))
			continue
		}
		require.ErrorIs(t, err, ErrObject)
		require.ErrorContains(t, err, s.Object.Name())
	}
}

// endless is a Fetcher that sends data without end, and fails if it is asked for more than a size.
type endless struct {
	t       *testing.T
	from    *directory
	name    string
	maximum int64
}

func (e *endless) Fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	require.LessOrEqual(e.t, limit, e.maximum)
	if name != e.name {
		return e.from.Fetch(ctx, name, limit)
	}
	return make([]byte, limit+1), nil // a Fetcher that does not keep to the limit
}

// TestAttack_EndlessData checks that each file has a limit that does not depend on the server: the signature, the manifest, and an
// object, whose size is in the manifest.
func TestAttack_EndlessData(t *testing.T) {
	key, public := newKey(t)
	d := newDirectory()
	d.publish(t, key, 1, now, "one")
	p, err := newReader(t, public).Latest(t.Context(), d, now)
	require.NoError(t, err)
	for _, name := range []string{ManifestName + SignatureSuffix, CopyName(ManifestName, d.files[ManifestName])} {
		_, err := newReader(t, public).Latest(t.Context(), &endless{t, d, name, MaxManifestBytes}, now)
		require.ErrorIs(t, err, ErrTooLarge)
		require.ErrorContains(t, err, name)
	}
	o := &p.Sources[0].Object
	err = FetchContent(t.Context(), &endless{t, d, o.Name(), o.Size}, &p.Sources[0], &bytes.Buffer{})
	require.ErrorIs(t, err, ErrTooLarge)
}

// TestAttack_DecompressionBomb checks that an object is decompressed up to the size in the manifest only.
func TestAttack_DecompressionBomb(t *testing.T) {
	d := newDirectory()
	o := d.object(t, string(make([]byte, 1<<20)))
	s := &Source{Kind: "repository", Name: "core", Size: 10, SHA256: Digest(nil), Object: o}
	var written bytes.Buffer
	require.ErrorIs(t, FetchContent(t.Context(), d, s, &written), ErrObject)
	require.LessOrEqual(t, written.Len(), 11)
}

// TestAttack_ForeignSignature checks that a manifest of another key, without a signature, or changed after it was signed is refused, and that
// it is not parsed.
func TestAttack_ForeignSignature(t *testing.T) {
	key, public := newKey(t)
	other, _ := newKey(t)
	d := newDirectory()
	d.publish(t, key, 1, now, "one")
	document, signature := d.files[ManifestName], d.files[ManifestName+SignatureSuffix]
	for name, change := range map[string]func(d *directory){
		"another key":  func(d *directory) { d.publish(t, other, 2, now, "evil") },
		"changed":      func(d *directory) { d.files[CopyName(ManifestName, document)] = append(bytes.Clone(document), ' ') },
		"not JSON":     func(d *directory) { d.files[CopyName(ManifestName, document)] = []byte("{") },
		"no signature": func(d *directory) { d.files[ManifestName+SignatureSuffix] = nil },
		"a large comment": func(d *directory) {
			d.files[ManifestName+SignatureSuffix] = bytes.Replace(signature, []byte("\n"), bytes.Repeat([]byte("x"), MaxSignatureBytes), 1)
		},
		"another comment": func(d *directory) {
			d.files[ManifestName+SignatureSuffix] = bytes.Replace(signature, []byte("file:manifest"), []byte("file:other"), 1)
		},
		"a statement": func(d *directory) {
			d.state(t, other, 1, now)
			d.files[ManifestName+SignatureSuffix] = d.files[StatementName+SignatureSuffix]
			d.copyFrom(d, ManifestName)
		},
	} {
		t.Run(name, func(t *testing.T) {
			mirror, r := d.clone(), newReader(t, public)
			change(mirror)
			_, err := r.Latest(t.Context(), mirror, now)
			require.Error(t, err)
			require.NotErrorIs(t, err, ErrFormat)
			require.Empty(t, r.State.content.Manifests)
			require.NoFileExists(t, r.State.path)
		})
	}
}

// TestAttack_StatementAsManifest checks that a signed document of one kind is not accepted as one of the other kind.
func TestAttack_StatementAsManifest(t *testing.T) {
	key, public := newKey(t)
	d := newDirectory()
	d.state(t, key, 1, now, public)
	d.sign(t, key, ManifestName, d.files[StatementName])
	newReader(t, public).requireRefused(t, d, now, ErrFormat)
	d.publish(t, key, 1, now, "one")
	d.sign(t, key, StatementName, d.files[ManifestName])
	newReader(t, "offline "+public).requireRefused(t, d, now, ErrFormat)
}

// TestAttack_KeyTheft checks what a thief of an online key can do until the offline statement, and that he can do nothing afterwards. He cannot
// name his own key as the successor, and no mirror can bring the stolen key back.
func TestAttack_KeyTheft(t *testing.T) {
	offline, root := newKey(t)
	stolen, stolenPublic := newKey(t)
	thief, thiefPublic := newKey(t)
	d, r := newDirectory(), newReader(t, "offline "+root)
	d.state(t, offline, 1, now, stolenPublic)
	d.publish(t, stolen, 1, now, "one")
	r.requireContent(t, d, now, "one")

	for name, signer := range map[string]minisign.PrivateKey{"the stolen key": stolen, "the thief's key": thief} {
		mirror := d.clone()
		mirror.state(t, signer, 2, now, thiefPublic)
		mirror.publish(t, thief, 2, now, "evil")
		require.Error(t, r.requireRefused(t, mirror, now, ErrSignature), name)
	}
	mirror := d.clone()
	mirror.publish(t, stolen, 2, now, "evil")
	r.requireContent(t, mirror, now, "evil")

	next, nextPublic := newKey(t)
	d.state(t, offline, 2, now, nextPublic)
	d.publish(t, next, 1, now.Add(time.Minute), "two")
	r.requireContent(t, d, now, "two")
	r.requireRefused(t, mirror, now, ErrOlder) // its statement
	delete(mirror.files, StatementName+SignatureSuffix)
	mirror.publish(t, stolen, 3, now.Add(time.Hour), "evil")
	r.requireRefused(t, mirror, now, ErrSignature)
	r.restart(t)
	r.requireRefused(t, mirror, now, ErrSignature)
	r.requireContent(t, d, now, "two")
}

// TestAttack_OfflineKeySigns checks that an offline key signs no manifests, even if its own statement names it.
func TestAttack_OfflineKeySigns(t *testing.T) {
	offline, root := newKey(t)
	d, r := newDirectory(), newReader(t, "offline "+root)
	d.state(t, offline, 1, now, root)
	d.publish(t, offline, 1, now, "one")
	r.requireRefused(t, d, now, ErrSignature)
}

// TestReader_KeyRotation checks the regular change of a key: the statement names both keys, then only the next one.
func TestReader_KeyRotation(t *testing.T) {
	offline, root := newKey(t)
	one, onePublic := newKey(t)
	two, twoPublic := newKey(t)
	d, r := newDirectory(), newReader(t, "offline "+root)
	r.requireRefused(t, d, now, os.ErrNotExist)
	for i, step := range []struct {
		key   minisign.PrivateKey
		named []string
	}{{one, []string{onePublic}}, {one, []string{onePublic, twoPublic}}, {two, []string{onePublic, twoPublic}}, {two, []string{twoPublic}}} {
		at := now.Add(time.Duration(i) * time.Hour)
		d.state(t, offline, int64(i+1), at, step.named...)
		d.publish(t, step.key, int64(i+1), at, fmt.Sprint(i))
		r.requireContent(t, d, at, fmt.Sprint(i))
		r.restart(t)
	}
	d.state(t, offline, 9, now)
	d.publish(t, two, 9, now.Add(9*time.Hour), "9")
	r.requireRefused(t, d, now, ErrSignature)
}

// TestLatest_HalfCopied checks that a signature that is newer than the manifest is requested again before it is refused.
func TestLatest_HalfCopied(t *testing.T) {
	key, public := newKey(t)
	old, latest := newDirectory(), newDirectory()
	old.publish(t, key, 1, now, "one")
	latest.publish(t, key, 2, now.Add(time.Hour), "two")
	// The mirror replaces the signature first, and everything else while the reader asks for the manifest.
	mirror := old.clone()
	mirror.copyFrom(latest, ManifestName+SignatureSuffix)
	copying := fetcherFunc(func(ctx context.Context, name string, limit int64) ([]byte, error) {
		content, err := mirror.Fetch(ctx, name, limit)
		if name == CopyName(ManifestName, latest.files[ManifestName]) {
			for name := range latest.files {
				mirror.copyFrom(latest, name)
			}
		}
		return content, err
	})
	p, err := newReader(t, public).Latest(t.Context(), copying, now)
	require.NoError(t, err)
	require.EqualValues(t, 2, p.Sequence)
	require.Equal(t, 2, mirror.requests[ManifestName+SignatureSuffix])
}

type fetcherFunc func(ctx context.Context, name string, limit int64) ([]byte, error)

func (f fetcherFunc) Fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	return f(ctx, name, limit)
}

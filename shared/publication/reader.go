package publication

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aead.dev/minisign"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// Trust has the keys that a user trusts.
type Trust struct {
	// Online keys sign manifests.
	Online []minisign.PublicKey
	// Offline keys sign statements, which name further online keys.
	Offline []minisign.PublicKey
}

const (
	// OfflinePrefix marks the text of an offline key.
	OfflinePrefix = "offline "
	// maxTrusted is the maximum number of keys that a user trusts. Each of them can have a statement in the state file.
	maxTrusted = 32
)

// ParseTrust returns the keys in a list of texts: a public key, or "offline " and a public key.
func ParseTrust(list []string) (t Trust, err error) {
	if len(list) > maxTrusted {
		return Trust{}, fmt.Errorf("more than %d keys", maxTrusted)
	}
	seen := map[string]bool{}
	for _, text := range list {
		keyText, offline := strings.CutPrefix(text, OfflinePrefix)
		key, err := ParseKey(strings.TrimSpace(keyText))
		switch {
		case err != nil:
			return Trust{}, fmt.Errorf("%q: %w", text, err)
		case seen[key.String()]:
			// A key of both kinds could name its successor.
			return Trust{}, fmt.Errorf("%q: the key is in the list twice", text)
		}
		seen[key.String()] = true
		if offline {
			t.Offline = append(t.Offline, key)
		} else {
			t.Online = append(t.Online, key)
		}
	}
	return t, nil
}

// Publication is a manifest that was accepted.
type Publication struct {
	*Manifest
	// Key is the key that has signed the manifest.
	Key minisign.PublicKey
	// Stale reports whether the manifest has expired: its publisher or the mirror is late.
	Stale bool
}

// Reader reads published directories: one after the other if they are mirrors of the same publisher.
type Reader struct {
	Trust Trust
	State *State
}

// Latest gets the manifest of a directory. An accepted manifest is remembered before Latest returns it. After an error, the caller tries
// the next mirror and keeps what it has.
func (r *Reader) Latest(ctx context.Context, from Fetcher, now time.Time) (*Publication, error) {
	if err := r.updateStatement(ctx, from, now); err != nil {
		return nil, err
	}
	trusted, expired := r.trustedKeys(now)
	content, _, key, err := fetchSigned(ctx, from, ManifestName, trusted)
	if errors.Is(err, ErrSignature) && !expired.IsZero() {
		return nil, fmt.Errorf("%w: the statement of an offline key expired at %s", err, expired.UTC().Format(time.RFC3339))
	}
	if err != nil {
		return nil, err
	}
	m, err := ParseManifest(content)
	if err != nil {
		return nil, err
	}
	if err := r.State.acceptManifest(key, trusted, accepted{m.Sequence, m.Created, Digest(content)}, now); err != nil {
		return nil, err
	}
	return &Publication{Manifest: m, Key: key, Stale: m.HasExpired(now)}, nil
}

// trustedKeys returns the online keys of the user and of the statements. The time expired is when a statement has expired; the zero time
// if none has.
func (r *Reader) trustedKeys(now time.Time) (keys []minisign.PublicKey, expired time.Time) {
	keys = slices.Clone(r.Trust.Online)
	for _, offline := range r.Trust.Offline {
		named, at := r.State.onlineKeys(offline, now)
		keys = append(keys, named...)
		if !at.IsZero() {
			expired = at
		}
	}
	// An offline key never signs a manifest, whatever a statement says.
	keys = slices.DeleteFunc(keys, func(key minisign.PublicKey) bool {
		return slices.ContainsFunc(r.Trust.Offline, func(offline minisign.PublicKey) bool { return offline.Equal(key) })
	})
	return keys, expired
}

// updateStatement gets the statement of a directory and remembers it. If there is none, the remembered one stays valid.
func (r *Reader) updateStatement(ctx context.Context, from Fetcher, now time.Time) error {
	if len(r.Trust.Offline) == 0 {
		return nil
	}
	content, signature, key, err := fetchSigned(ctx, from, StatementName, r.Trust.Offline)
	switch {
	case errors.Is(err, errNoSignature):
		return nil
	case err != nil:
		return err
	}
	s, err := ParseStatement(content)
	if err != nil {
		return err
	}
	return r.State.acceptStatement(key, r.Trust.Offline, acceptedStatement{accepted{s.Sequence, s.Created, Digest(content)}, content, signature}, now)
}

// ReadManifest returns the manifest of a directory if the key has signed it. It remembers nothing, and so it notices no rollback.
func ReadManifest(ctx context.Context, from Fetcher, key minisign.PublicKey) (*Manifest, error) {
	content, _, _, err := fetchSigned(ctx, from, ManifestName, []minisign.PublicKey{key})
	if err != nil {
		return nil, err
	}
	return ParseManifest(content)
}

// ReadStatement returns the statement of a directory if the key has signed it.
func ReadStatement(ctx context.Context, from Fetcher, key minisign.PublicKey) (*Statement, error) {
	content, _, _, err := fetchSigned(ctx, from, StatementName, []minisign.PublicKey{key})
	if err != nil {
		return nil, err
	}
	return ParseStatement(content)
}

// errNoSignature means that a directory has no such document.
var errNoSignature = errors.New("there is no signature")

// fetchSigned gets a document and verifies its signature with the keys. It returns both, and the key that has signed. While a mirror
// copies the directory, the signature can be newer than what it signs: then both are requested again, once.
func fetchSigned(ctx context.Context, from Fetcher, name string, keys []minisign.PublicKey) (content, signature []byte, key minisign.PublicKey, err error) {
	for range 2 {
		if signature, err = fetch(ctx, from, name+SignatureSuffix, MaxSignatureBytes); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%w: %w", errNoSignature, err)
			}
			return nil, nil, key, err
		}
		file := name
		if hash := SignedHash(signature); hash != "" {
			file = copyName(name, hash)
		}
		content, err = fetch(ctx, from, file, maxBytes(name))
		if err == nil {
			if key, err = verify(keys, file, content, signature); err == nil {
				return content, signature, key, nil
			}
		}
		if !errors.Is(err, ErrSignature) && !errors.Is(err, ErrDamaged) && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, key, err
		}
	}
	return nil, nil, key, err
}

// Dir is a published directory on this machine.
type Dir string

// Fetch implements Fetcher.
func (d Dir) Fetch(_ context.Context, name string, limit int64) ([]byte, error) {
	f, _, err := sourcefile.Open(filepath.Join(string(d), filepath.FromSlash(name))) // which does not wait for a writer of a FIFO
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = ErrTooLarge
	}
	return content, err
}

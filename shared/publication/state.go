package publication

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"aead.dev/minisign"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sourcefile"
)

const (
	// stateSchema is the version of the format of the state file.
	stateSchema = 1
	// maxStateBytes is the maximum size of the state file. It has at most maxManifests manifests and maxTrusted statements.
	maxStateBytes = 4 << 20
	maxManifests  = 256
	// maxClockDifference is how far in the future a document may have been created. Clocks can be wrong by a time zone.
	maxClockDifference = 24 * time.Hour
)

// Errors about documents with a valid signature.
var (
	// ErrOlder means that a document is older than one that was accepted before.
	ErrOlder = errors.New("older than what was accepted before")
	// ErrOtherContent means that a document has the sequence of another document.
	ErrOtherContent = errors.New("it has the sequence of another document that was accepted before")
	// ErrFuture means that a document was created in the future.
	ErrFuture = errors.New("created in the future: check the clock of this machine and the publisher's")
	// ErrState means that the state file is damaged. It is not replaced, because older manifests would then be accepted.
	ErrState = errors.New("damaged: if you remove it, older manifests are accepted")
)

// State remembers what a reader has accepted from each key, in a file. Its methods must not be called concurrently.
type State struct {
	path    string
	content stateFile
}

type stateFile struct {
	Schema int `json:"schema"`
	// Manifests and Statements have the latest document by the text of the public key that has signed it.
	Manifests  map[string]accepted          `json:"manifests"`
	Statements map[string]acceptedStatement `json:"statements"`
}

// accepted identifies a document.
type accepted struct {
	Sequence int64  `json:"sequence"`
	Created  int64  `json:"created"`
	SHA256   string `json:"sha256"`
}

// acceptedStatement is a statement with its signature. It is kept as a whole, because a key that it no longer names must not be trusted
// again when a mirror has no statement.
type acceptedStatement struct {
	accepted
	Document  []byte `json:"document"`
	Signature []byte `json:"signature"`
}

// OpenState reads the state file at path, which need not exist. The function isTrusted reports whether a user may own the file.
func OpenState(path string, isTrusted func(uid uint32) bool) (*State, error) {
	s := &State{path: path}
	file, _, err := sourcefile.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.content = stateFile{Schema: stateSchema, Manifests: map[string]accepted{}, Statements: map[string]acceptedStatement{}}
		return s, nil
	case err != nil:
		return nil, err
	}
	defer file.Close()
	content, _, err := paths.ReadTrustedFile(file, maxStateBytes, isTrusted)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := json.Unmarshal(content, &s.content); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrState, err)
	}
	if s.content.Schema != stateSchema || s.content.Manifests == nil || s.content.Statements == nil {
		return nil, fmt.Errorf("%s: %w", path, ErrState)
	}
	return s, nil
}

// save replaces the state file.
func (s *State) save() error {
	content, err := json.MarshalIndent(&s.content, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(s.path, append(content, '\n'), atomicfile.Options{Mode: 0o644, Sync: true})
}

// check compares a document with the one that was accepted before with the same key, and with the current time.
func (a accepted) check(before accepted, name string, now time.Time) error {
	switch {
	case a.Sequence < before.Sequence:
		return fmt.Errorf("%s: %w: sequence %d after %d", name, ErrOlder, a.Sequence, before.Sequence)
	case a.Sequence == before.Sequence && a.SHA256 != before.SHA256:
		return fmt.Errorf("%s: %w: sequence %d", name, ErrOtherContent, a.Sequence)
	case a.Created > now.Add(maxClockDifference).Unix():
		return fmt.Errorf("%s: %w: %s", name, ErrFuture, time.Unix(a.Created, 0).UTC().Format(time.RFC3339))
	}
	return nil
}

// acceptManifest remembers a manifest that a key has signed, or returns why it is refused. The list trusted has all keys that are
// trusted now.
func (s *State) acceptManifest(key minisign.PublicKey, trusted []minisign.PublicKey, a accepted, now time.Time) error {
	before := s.content.Manifests[key.String()]
	if err := a.check(before, ManifestName, now); err != nil {
		return err
	}
	// Otherwise a mirror could go back from the manifest of one key to an earlier one of another key. Keys that are no longer trusted do
	// not count: a thief may have signed with them.
	for _, other := range trusted {
		if o := s.content.Manifests[other.String()]; o.Created > a.Created && !other.Equal(key) {
			return fmt.Errorf("%s: %w: created %s, and with another key %s", ManifestName, ErrOlder,
				time.Unix(a.Created, 0).UTC().Format(time.RFC3339), time.Unix(o.Created, 0).UTC().Format(time.RFC3339))
		}
	}
	if a == before {
		return nil
	}
	s.content.Manifests[key.String()] = a
	forget(s.content.Manifests, maxManifests, trusted)
	return s.save()
}

// acceptStatement remembers a statement that an offline key has signed, or returns why it is refused. The list trusted has all offline
// keys that are trusted now.
func (s *State) acceptStatement(key minisign.PublicKey, trusted []minisign.PublicKey, a acceptedStatement, now time.Time) error {
	before := s.content.Statements[key.String()]
	if err := a.check(before.accepted, StatementName, now); err != nil || a.accepted == before.accepted {
		return err
	}
	s.content.Statements[key.String()] = a
	forget(s.content.Statements, maxTrusted, trusted)
	return s.save()
}

// forget removes the documents of keys that are not trusted if there are more than limit documents.
func forget[T any](documents map[string]T, limit int, trusted []minisign.PublicKey) {
	if len(documents) <= limit {
		return
	}
	maps.DeleteFunc(documents, func(text string, _ T) bool {
		return !slices.ContainsFunc(trusted, func(key minisign.PublicKey) bool { return key.String() == text })
	})
}

// onlineKeys returns the keys that the latest statement of an offline key names. The list is empty if there is none or it has expired.
// The time expired is when it has expired; otherwise the zero time.
func (s *State) onlineKeys(offline minisign.PublicKey, now time.Time) (keys []minisign.PublicKey, expired time.Time) {
	a, found := s.content.Statements[offline.String()]
	if !found {
		return nil, time.Time{}
	}
	if _, err := verify([]minisign.PublicKey{offline}, StatementName, a.Document, a.Signature); err != nil {
		return nil, time.Time{}
	}
	statement, err := ParseStatement(a.Document)
	if err != nil {
		return nil, time.Time{}
	}
	if statement.HasExpired(now) {
		return nil, time.Unix(statement.Expires, 0)
	}
	keys, _ = statement.check()
	return keys, time.Time{}
}

// Package pulled describes what omg-index pull has installed in omg's data directory: where the indexes come from that it has built from
// published records.
package pulled

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sourcefile"
)

const (
	stateName = "state.json"
	schema    = 1
	// maxStateBytes is the maximum size of the state file: a manifest has at most 256 sources.
	maxStateBytes = 1 << 20
)

// The kinds of sources that have no index, but another file that omg reads.
const (
	KindAdvisories = "advisories"
	KindNews       = "news"
	KindShares     = "shares"
	KindJournal    = "journal"
	// KindJournalWithoutNames is a journal without the names of maintainers.
	KindJournalWithoutNames = "journal-without-names"
)

// State says what is installed. Its file is replaced after the indexes: an index may be newer than the state says, but not older.
type State struct {
	Schema int `json:"schema"`
	// Publisher is the public key that has signed the manifest.
	Publisher string `json:"publisher"`
	// Sequence, Created and Expires are those of the manifest, in Unix seconds.
	Sequence int64 `json:"sequence"`
	Created  int64 `json:"created"`
	Expires  int64 `json:"expires"`
	// Mirror is the address from which the manifest came. ConfirmedAt is when a mirror last had this manifest, in Unix seconds; 0 if nothing is
	// installed.
	Mirror      string `json:"mirror"`
	ConfirmedAt int64  `json:"confirmed_at"`
	// TriedAt is when the last pull began, in Unix seconds, and LastError its error; empty if it succeeded.
	TriedAt   int64  `json:"tried_at"`
	LastError string `json:"last_error,omitempty"`
	// Bytes is the number of bytes that all pulls have received. Patches is the number of texts of records that they have got from a patch, and
	// Whole the number of those that they have received as a whole.
	Bytes   int64    `json:"bytes"`
	Patches int      `json:"patches"`
	Whole   int      `json:"whole"`
	Sources []Source `json:"sources"`
}

// Source is a source of the manifest.
type Source struct {
	Kind         string `json:"kind"`
	Name         string `json:"name"`
	Architecture string `json:"architecture,omitempty"`
	// Server is the only server of the repository; empty if there may be any.
	Server string `json:"server,omitempty"`
	// AsOf is the time of what the source was published from, in Unix seconds: the modification time of a database, for example.
	AsOf int64 `json:"as_of"`
	// Sequence is that of the manifest from which the source was last installed or confirmed; 0 if there is no index of it.
	Sequence int64 `json:"sequence"`
	// LastError is why the source of the latest manifest is not installed; empty if it is.
	LastError string `json:"last_error,omitempty"`
}

// Dir returns the directory of what is pulled in a data directory. It has the indexes under the same names as the directory of omg's own indexes.
func Dir(dataDir string) string { return filepath.Join(dataDir, "pulled") }

// ErrOtherVersion means that another version of omg has written the state file.
var ErrOtherVersion = errors.New("written by another version of omg: run omg-index pull again")

// Read reads the state file in a directory. The function isTrusted reports whether a user may own the file. If nothing was pulled, the error
// wraps fs.ErrNotExist.
func Read(dir string, isTrusted func(uid uint32) bool) (*State, error) {
	path := filepath.Join(dir, stateName)
	file, _, err := sourcefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, _, err := paths.ReadTrustedFile(file, maxStateBytes, isTrusted)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := &State{}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, errDamaged, err)
	}
	if s.Schema != schema {
		return nil, fmt.Errorf("%s: %w", path, ErrOtherVersion)
	}
	return s, nil
}

var errDamaged = errors.New("damaged: run omg-index pull again")

// ReadOrNew is like Read, but returns an empty state if there is none that this version of omg can use.
func ReadOrNew(dir string, isTrusted func(uid uint32) bool) (*State, error) {
	s, err := Read(dir, isTrusted)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrOtherVersion) || errors.Is(err, errDamaged) {
		return &State{}, nil
	}
	return s, err
}

// Write replaces the state file in a directory.
func (s *State) Write(dir string) error {
	s.Schema = schema
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, stateName), append(content, '\n'), atomicfile.Options{Mode: 0o644, Sync: true})
}

// Find returns the installed source of a kind with a name; nil if there is none.
func (s *State) Find(kind, name string) *Source {
	for i := range s.Sources {
		if f := &s.Sources[i]; f.Kind == kind && f.Name == name && f.Sequence > 0 {
			return f
		}
	}
	return nil
}

// HasIndex reports whether any source is installed.
func (s *State) HasIndex() bool {
	return slices.ContainsFunc(s.Sources, func(source Source) bool { return source.Sequence > 0 })
}

package publication

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/omg-arch/omg/shared/termtext"
)

// Format is the version of the format of documents. A change that an earlier reader must not ignore increases it. An unknown member is
// ignored.
const Format = 1

// Limits of a manifest.
const (
	// MaxSources is the maximum number of sources.
	MaxSources = 256
	// MaxPatches is the maximum number of patches of a source.
	MaxPatches = 32
	// MaxContentBytes is the maximum size of the content of a source, and MaxObjectBytes that of an object.
	MaxContentBytes = 4 << 30
	MaxObjectBytes  = 256 << 20
	// MaxNoteBytes is the maximum length of the publisher's note.
	MaxNoteBytes = 500
	// MaxManifestAge is the maximum time after which a manifest expires. A thief's manifest is not current for longer.
	MaxManifestAge = 90 * 24 * time.Hour

	maxNameBytes = 255
	// maxServerBytes is the maximum length of the address of a server.
	maxServerBytes = 2048
	// maxBrackets is the maximum number of objects and lists in a document. A decoded one needs more memory than its two bytes.
	maxBrackets = 2 * MaxSources * (4 + 2*MaxPatches)
	// maxNumber is the largest number that all programs that read JSON can represent.
	maxNumber = 1 << 53
)

// ErrFormat means that a document does not have the format of this version of omg.
var ErrFormat = errors.New("not in the format that this version of omg reads")

// Header has the members that each document has.
type Header struct {
	// Format is the constant Format.
	Format int `json:"format"`
	// Sequence grows with each document that a key signs. omg-index publish uses the time in Unix seconds.
	Sequence int64 `json:"sequence"`
	// Created is when the document was made, and Expires when it has to be replaced, in Unix seconds.
	Created int64 `json:"created"`
	Expires int64 `json:"expires"`
}

// Manifest is the list of all published sources.
type Manifest struct {
	Header
	// Note is a text of the publisher about the publication.
	Note    string   `json:"note,omitempty"`
	Sources []Source `json:"sources"`
}

// Source is a source whose content is published. Its kind, name and architecture identify it.
type Source struct {
	// Kind is what the source is, such as "repository". A reader ignores a source of a kind that it does not know.
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Architecture is that of the packages, such as x86_64. It is empty for packages of all architectures, as in the AUR, and if it is unknown.
	Architecture string `json:"architecture,omitempty"`
	// Server is the address of the directory with the database of a repository. It is empty if any mirror may have this database. A machine does not
	// use the source for another repository of the same name.
	Server string `json:"server,omitempty"`
	// AsOf is the time of what the content was built from, in Unix seconds: the modification time of its file, or when it was last confirmed.
	AsOf int64 `json:"as_of"`
	// Size and SHA256 are those of the content.
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	// Index is the index, or another file for omg, that omg-index builds from the content; nil for a source from which nothing is built alone.
	Index  *Index `json:"index,omitempty"`
	Object Object `json:"object"`
	// Patches are the patches with which a reader gets the content from an earlier one, those of the latest contents first.
	Patches []Patch `json:"patches,omitempty"`
}

// Index describes an index or another file. A reader whose omg-index has another format builds another one.
type Index struct {
	Format int    `json:"format"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Object is a file in the directory objects. Size and SHA256 are those of the file.
type Object struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Patch is a patch from an earlier content.
type Patch struct {
	// From is the SHA-256 of the earlier content.
	From string `json:"from"`
	// Size is the size of the patch. Its object is compressed.
	Size   int64  `json:"size"`
	Object Object `json:"object"`
}

// ObjectDir is the directory of the objects.
const ObjectDir = "objects"

// Name returns the name of the object's file.
func (o *Object) Name() string { return ObjectDir + "/" + o.SHA256[:2] + "/" + o.SHA256 + ".zst" }

// Objects returns the objects of the source and of its patches.
func (s *Source) Objects() []Object {
	list := []Object{s.Object}
	for i := range s.Patches {
		list = append(list, s.Patches[i].Object)
	}
	return list
}

// HasExpired reports whether the document has expired at a time.
func (h *Header) HasExpired(at time.Time) bool { return at.Unix() >= h.Expires }

// ParseManifest returns the manifest in a document. A caller verifies the signature before.
func ParseManifest(content []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := parse(content, ManifestName, m); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", ManifestName, ErrFormat, err)
	}
	return m, nil
}

// Encode returns the manifest as a document.
func (m *Manifest) Encode() ([]byte, error) {
	m.Format = Format
	if err := m.check(); err != nil {
		return nil, err
	}
	return encode(ManifestName, m)
}

func encode(name string, document any) ([]byte, error) {
	content, err := json.Marshal(document, jsontext.WithIndent("  "), json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	if content = append(content, '\n'); int64(len(content)) > maxBytes(name) {
		return nil, fmt.Errorf("%s would have %d bytes, more than %d", name, len(content), maxBytes(name))
	}
	return content, nil
}

// parse decodes a document. It refuses keys that occur twice, text that is not UTF-8, and whatever follows the document.
func parse(content []byte, name string, document any) error {
	switch {
	case int64(len(content)) > maxBytes(name):
		return fmt.Errorf("%s: %w: more than %d bytes", name, ErrFormat, maxBytes(name))
	case bytes.Count(content, []byte("{"))+bytes.Count(content, []byte("[")) > maxBrackets:
		return fmt.Errorf("%s: %w: more than %d brackets", name, ErrFormat, maxBrackets)
	}
	// A later format may have other types, about which an error would be misleading.
	var of struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(content, &of); err == nil && of.Format != Format {
		return fmt.Errorf("%s: %w: format %d instead of %d: update omg or the publisher's omg-index", name, ErrFormat, of.Format, Format)
	}
	if err := json.Unmarshal(content, document); err != nil {
		return fmt.Errorf("%s: %w: %s", name, ErrFormat, termtext.Clean(err.Error()))
	}
	return nil
}

// check returns an error unless the header's numbers are in their ranges. The document must not expire later than maxAge after it was made.
func (h *Header) check(maxAge time.Duration) error {
	switch {
	case h.Sequence < 1 || h.Sequence > maxNumber:
		return fmt.Errorf("sequence %d", h.Sequence)
	case h.Created < 1 || h.Created > maxNumber:
		return fmt.Errorf("created %d", h.Created)
	case h.Expires <= h.Created || h.Expires-h.Created > int64(maxAge/time.Second):
		return fmt.Errorf("expires %d, which is not within %d days after it was created", h.Expires, maxAge/(24*time.Hour))
	}
	return nil
}

func (m *Manifest) check() error {
	if err := m.Header.check(MaxManifestAge); err != nil {
		return err
	}
	switch {
	case len(m.Note) > MaxNoteBytes || !isText(m.Note):
		return fmt.Errorf("the note is not a line of at most %d bytes", MaxNoteBytes)
	case m.Sources == nil:
		return errors.New("no list of sources")
	case len(m.Sources) > MaxSources:
		return fmt.Errorf("more than %d sources", MaxSources)
	}
	seen := map[[3]string]bool{}
	for i := range m.Sources {
		s := &m.Sources[i]
		if err := s.check(); err != nil {
			return fmt.Errorf("source %d: %w", i+1, err)
		}
		id := [3]string{s.Kind, s.Name, s.Architecture}
		if seen[id] {
			return fmt.Errorf("source %d: %s %s is in the list twice", i+1, s.Kind, s.Name)
		}
		seen[id] = true
	}
	return nil
}

// isText reports whether s can be shown on a terminal as it is.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, termtext.IsUnsafe) }

// isWord reports whether s has between 1 and 32 lower-case letters, digits, dashes and underscores.
func isWord(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// isServer reports whether a text can be the address of a server.
func isServer(s string) bool {
	scheme, rest, found := strings.Cut(s, "://")
	return found && isWord(scheme) && rest != "" && len(s) <= maxServerBytes && isText(s) && !strings.Contains(s, " ")
}

func (s *Source) check() error {
	switch {
	case !isWord(s.Kind):
		return errors.New("kind is not a word of lower-case letters")
	case s.Name == "" || len(s.Name) > maxNameBytes || !isText(s.Name) || strings.Contains(s.Name, "/") || strings.HasPrefix(s.Name, "."):
		return errors.New("name is not the name of a source")
	case s.Architecture != "" && !isWord(s.Architecture):
		return errors.New("architecture is not a word of lower-case letters")
	case s.Server != "" && !isServer(s.Server):
		return errors.New("server is not an address")
	case s.AsOf < 1 || s.AsOf > maxNumber:
		return fmt.Errorf("as_of %d", s.AsOf)
	case s.Size < 0 || s.Size > MaxContentBytes:
		return fmt.Errorf("size %d", s.Size)
	case !isDigest(s.SHA256):
		return errors.New("sha256 is not a hash")
	case len(s.Patches) > MaxPatches:
		return fmt.Errorf("more than %d patches", MaxPatches)
	}
	if s.Index != nil && (s.Index.Format < 1 || s.Index.Size < 0 || s.Index.Size > MaxContentBytes || !isDigest(s.Index.SHA256)) {
		return errors.New("index has no format, size or hash")
	}
	if err := s.Object.check(); err != nil {
		return err
	}
	for i := range s.Patches {
		p := &s.Patches[i]
		if !isDigest(p.From) || p.Size < 0 || p.Size > MaxObjectBytes {
			return fmt.Errorf("patch %d has no hash or size", i+1)
		}
		if err := p.Object.check(); err != nil {
			return fmt.Errorf("patch %d: %w", i+1, err)
		}
	}
	return nil
}

func (o *Object) check() error {
	if !isDigest(o.SHA256) || o.Size < 1 || o.Size > MaxObjectBytes {
		return errors.New("object has no hash, or a wrong size")
	}
	return nil
}

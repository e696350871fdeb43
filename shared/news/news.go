// Package news reads and writes the file in which omgd keeps Arch's news. omgd downloads and parses the feed; all other programs only
// read this file, or ask omgd.
package news

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// fileName is the name of the file in the data directory.
	fileName = "news.json"
	// schema is the version of the file's format. A file of another version is not read.
	schema = 1
	// maxFileSize is the maximum size of the file in bytes. The items have at most a quarter of that before JSON escapes them.
	maxFileSize = 4 << 20
)

// ErrFormat means that the file does not have the format of this version of omg.
var ErrFormat = errors.New("not news as this version of omg keeps them")

// File is the content of the file: the last valid reply of the feed's server.
type File struct {
	Schema int `json:"schema"`
	// URL is the address of the feed. The file is only used for a feed with this address. It is empty if the items come from a published
	// directory.
	URL string `json:"url"`
	// ETag and LastModified are the values for the next request.
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	// ConfirmedAt is when the server last confirmed the items, in Unix seconds.
	ConfirmedAt int64 `json:"confirmed"`
	// Items lists the items, the newest first.
	Items []wire.NewsItem `json:"items"`
}

// Path returns the path of the file in a data directory.
func Path(dataDir string) string { return filepath.Join(dataDir, fileName) }

// Read reads the file. The function isTrusted reports whether a user may own it. An error wraps fs.ErrNotExist if there is no file, and
// ErrFormat if it has another format.
func Read(path string, isTrusted func(uid uint32) bool) (*File, error) {
	file, _, err := sourcefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, _, err := paths.ReadTrustedFile(file, maxFileSize, isTrusted)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := parse(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

func parse(content []byte) (*File, error) {
	var f File
	err := json.Unmarshal(content, &f)
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) { // its text has the names of Go
		return nil, fmt.Errorf("%w: %s has the JSON type %s", ErrFormat, cmp.Or(wrong.Field, "the content"), wrong.Value)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if f.Schema != schema || f.ConfirmedAt <= 0 {
		return nil, fmt.Errorf("%w: schema %d", ErrFormat, f.Schema)
	}
	if err := CheckItems(f.Items); err != nil {
		return nil, err
	}
	return &f, nil
}

// CheckItems returns an error if a file cannot have these items.
func CheckItems(items []wire.NewsItem) error {
	if len(items) > wire.MaxNewsItems {
		return fmt.Errorf("%w: %d items", ErrFormat, len(items))
	}
	for i := range items {
		item := &items[i]
		if item.ID == "" || len(item.ID) > wire.MaxNewsID || len(item.Title) > wire.MaxNewsTitle || len(item.URL) > wire.MaxNewsURL || len(item.Text) > wire.MaxNewsText {
			return fmt.Errorf("%w: the lengths of item %d", ErrFormat, i+1)
		}
	}
	return nil
}

// Encode returns the file in the form that Read reads.
func (f *File) Encode() ([]byte, error) {
	f.Schema = schema
	var content bytes.Buffer
	e := json.NewEncoder(&content)
	e.SetEscapeHTML(false)
	err := e.Encode(f)
	return content.Bytes(), err
}

// Write replaces the file. All users may read it.
func (f *File) Write(path string) error {
	content, err := f.Encode()
	if err != nil {
		return err
	}
	return atomicfile.Write(path, content, atomicfile.Options{Mode: 0o644, Sync: true})
}

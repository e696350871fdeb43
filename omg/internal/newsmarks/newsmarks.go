// Package newsmarks keeps which items of Arch's news a user has read. The marks are in the user's state directory and apply to this user
// only.
package newsmarks

import (
	"fmt"
	"slices"
	"time"

	"github.com/omg-arch/omg/omg/internal/userfile"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	fileName = "news-read.json"
	// schema is the version of the file's format. A file of another version is neither read nor replaced.
	schema = 1
	// maxFileSize is the maximum size of the file in bytes.
	maxFileSize = 1 << 20
	// maxMarks is the maximum number of marks. The oldest ones are removed beyond it: the feed has at most wire.MaxNewsItems items.
	maxMarks = 10 * wire.MaxNewsItems
)

// mark says that an item was marked as read.
type mark struct {
	ID string    `json:"id"`
	At time.Time `json:"read"`
}

// document is the content of the file.
type document struct {
	Schema int    `json:"schema"`
	Marks  []mark `json:"marks"` // the oldest first
}

// File is the file with a user's marks.
type File struct{ file *userfile.File }

// Open returns the file of the user. It does not need to exist.
func Open(env paths.Env) (*File, error) {
	f, err := userfile.Open(env, fileName, maxFileSize)
	if err != nil {
		return nil, err
	}
	return &File{f}, nil
}

// Marks is the set of the items that the user has marked as read.
type Marks map[string]bool

// Read returns the marks. Without a file there are none.
func (f *File) Read() (Marks, error) {
	d, err := f.read()
	if err != nil {
		return nil, err
	}
	marks := make(Marks, len(d.Marks))
	for _, m := range d.Marks {
		marks[m.ID] = true
	}
	return marks, nil
}

func (f *File) read() (d document, err error) {
	exists, err := f.file.Read(&d)
	if err != nil || !exists {
		return document{}, err
	}
	if d.Schema != schema || len(d.Marks) > maxMarks {
		return document{}, fmt.Errorf("%s: not a file of this version of omg: schema %d, %d marks", f.file.Path(), d.Schema, len(d.Marks))
	}
	return d, nil
}

// Add marks items as read.
func (f *File) Add(ids []string, now time.Time) error {
	d, err := f.read()
	if err != nil {
		return err
	}
	for _, id := range ids {
		d.Marks = slices.DeleteFunc(d.Marks, func(m mark) bool { return m.ID == id })
		d.Marks = append(d.Marks, mark{id, now.UTC().Truncate(time.Second)})
	}
	d.Schema, d.Marks = schema, d.Marks[max(0, len(d.Marks)-maxMarks):]
	return f.file.Write(&d)
}

// IsUnread reports whether an item is newer than the last full upgrade, which began at a time in Unix seconds, and not marked as read. If
// the time of the upgrade is 0, it is unknown, and each item that is not marked is unread.
func (m Marks) IsUnread(item *wire.NewsHeadline, upgradedAt int64) bool {
	return item.PublishedAt > upgradedAt && !m[item.ID]
}

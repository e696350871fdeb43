package browser

import (
	"errors"
	"slices"
)

// Choice is a package that the user has marked or chosen.
type Choice struct {
	Key
	Repo, Version string
	// View is the view in which the package was marked, or is selected.
	View View
}

// Marks are the marked packages, in the order in which they were marked.
type Marks struct {
	list []Choice
	has  map[Key]bool
}

// maxMarks is the maximum number of marked packages.
const maxMarks = 10_000

var errTooManyMarks = errors.New("too many packages are marked")

// Has reports whether a package is marked.
func (m *Marks) Has(k Key) bool { return m.has[k] }

// Len returns the number of marked packages.
func (m *Marks) Len() int { return len(m.list) }

// List returns the marked packages.
func (m *Marks) List() []Choice { return m.list }

// Toggle marks a package of a view, or removes the mark. It returns an error if too many are marked.
func (m *Marks) Toggle(r *Row, v View) error {
	if m.has[r.Key] {
		delete(m.has, r.Key)
		m.list = slices.DeleteFunc(m.list, func(c Choice) bool { return c.Key == r.Key })
		return nil
	}
	if len(m.list) >= maxMarks {
		return errTooManyMarks
	}
	if m.has == nil {
		m.has = map[Key]bool{}
	}
	m.has[r.Key] = true
	m.list = append(m.list, choice(r, v))
	return nil
}

// Clear removes all marks.
func (m *Marks) Clear() { m.list, m.has = nil, nil }

func choice(r *Row, v View) Choice {
	c := Choice{Key: r.Key, Repo: r.Repo, Version: r.Version, View: v}
	if c.Version == "" {
		c.Version = r.Installed
	}
	return c
}

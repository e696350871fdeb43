package incidents

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/omg-arch/omg/shared/paths"
)

// maxConfirmedAge is the age of the last confirmation of a list by its server from which incidents may be missing. omgd asks once a
// day.
const maxConfirmedAge = 48 * time.Hour

// Sources says which lists the installed packages are compared with.
type Sources struct {
	// HasShipped means that the list installed with omg is one of them. Elements holds the others.
	HasShipped bool
	Elements   []Element
	// Dirs are the directories in which omgd keeps the lists of servers.
	Dirs []string
	// IsTrusted reports whether a user may own the file of a list.
	IsTrusted func(uid uint32) bool
}

// Element is an element of the setting aur.incidents.lists.
type Element struct {
	Text string
	Location
	// Err says why the element has no location.
	Err error
}

// ParseElements returns the elements of the setting aur.incidents.lists.
func ParseElements(texts []string) []Element {
	elements := make([]Element, len(texts))
	for i, text := range texts {
		location, err := ParseLocation(text)
		elements[i] = Element{text, location, err}
	}
	return elements
}

// State is a list with what is wrong with it.
type State struct {
	// Location is the path or the address of the list.
	Location string
	// List is nil if the list cannot be read.
	List *List
	// Problem says why incidents may be missing; empty if none are.
	Problem string
}

// Read reads all lists.
func (s *Sources) Read(now time.Time) []State {
	var states []State
	add := func(location string, list *List, problem string) {
		if list != nil && list.IsExpired(now) {
			problem = "expired after " + list.Expires.String() + ": later incidents are unknown"
		}
		states = append(states, State{Location: location, List: list, Problem: problem})
	}
	if s.HasShipped {
		path, err := paths.SharedFilePath(ShippedName)
		var list *List
		if err == nil {
			list, err = ReadFile(path, s.IsTrusted)
		}
		add(cmp.Or(path, ShippedName), list, errorText(err))
	}
	for i := range s.Elements {
		switch e := &s.Elements[i]; {
		case e.Err != nil:
			add(e.Text, nil, e.Err.Error())
		case e.Path != "":
			list, err := ReadFile(e.Path, s.IsTrusted)
			add(e.Path, list, errorText(err))
		default:
			list, problem := s.readDownloaded(&e.Location, now)
			add(e.Address, list, problem)
		}
	}
	return states
}

// readDownloaded reads the list of a server that omgd has downloaded, and verifies its signature. If several directories have the
// list, it returns the one with the highest sequence number.
func (s *Sources) readDownloaded(location *Location, now time.Time) (newest *List, problem string) {
	var confirmedAt time.Time
	for _, dir := range s.Dirs {
		list, at, err := ReadSigned(location, filepath.Join(dir, location.FileName()), s.IsTrusted)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			problem = err.Error()
		case newest == nil || list.Sequence > newest.Sequence || list.Sequence == newest.Sequence && at.After(confirmedAt):
			newest, confirmedAt = list, at
		}
	}
	switch {
	case newest == nil:
		return nil, cmp.Or(problem, "not downloaded yet: omgd downloads it")
	case now.Sub(confirmedAt) > maxConfirmedAge:
		return newest, "its server last confirmed it on " + confirmedAt.Local().Format(time.DateOnly)
	}
	return newest, ""
}

// Paths returns the files that Read reads, if they exist.
func (s *Sources) Paths() (files []string) {
	if s.HasShipped {
		if path, err := paths.SharedFilePath(ShippedName); err == nil {
			files = append(files, path)
		}
	}
	for i := range s.Elements {
		switch e := &s.Elements[i]; {
		case e.Err != nil:
		case e.Path != "":
			files = append(files, e.Path)
		default:
			for _, dir := range s.Dirs {
				files = append(files, filepath.Join(dir, e.FileName()))
			}
		}
	}
	return files
}

// MatchAll returns the incidents of all lists that a package matches, in the order of the lists.
func MatchAll(states []State, p *Package, now time.Time) (found []Match) {
	for i := range states {
		if list := states[i].List; list != nil {
			found = append(found, list.Match(p, now)...)
		}
	}
	return found
}

// errorText returns the text of an error, or an empty string if there is none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

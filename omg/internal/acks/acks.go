// Package acks keeps the findings about packages of the AUR that a user has acknowledged. They are in the user's state directory and
// apply to this user only. An acknowledgement belongs to exactly one finding: if something else happens, the finding is another one.
package acks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/userfile"
	"github.com/omg-arch/omg/shared/paths"
)

const (
	fileName = "aur-acks.json"
	// schema is the version of the file's format. A file of another version is neither read nor replaced.
	schema = 1
	// maxFileSize is the maximum size of the file in bytes, and maxAcks the maximum number of acknowledgements in it.
	maxFileSize = 4 << 20
	maxAcks     = 1000
)

// Ack is a finding that the user has acknowledged.
type Ack struct {
	Package string `json:"name"`
	Base    string `json:"pkgbase"`
	// BuiltBase is the package base from which the installed package was built, if the AUR had the package in another one.
	BuiltBase string             `json:"built_from,omitempty"`
	At        time.Time          `json:"acknowledged"`
	Finding   backend.AURFinding `json:"finding"`
}

// document is the content of the file.
type document struct {
	Schema int   `json:"schema"`
	Acks   []Ack `json:"acks"`
}

// File is the file with a user's acknowledgements.
type File struct{ file *userfile.File }

// Open returns the file of the user. It does not need to exist.
func Open(env paths.Env) (*File, error) {
	f, err := userfile.Open(env, fileName, maxFileSize)
	if err != nil {
		return nil, err
	}
	return &File{f}, nil
}

// Read returns the acknowledgements, the oldest first. Without a file there are none. The file must belong to this user.
func (f *File) Read() ([]Ack, error) {
	var d document
	exists, err := f.file.Read(&d)
	if err != nil || !exists {
		return nil, err
	}
	if d.Schema != schema || len(d.Acks) > maxAcks {
		return nil, fmt.Errorf("%s: not a file of this version of omg: schema %d, %d acknowledgements", f.file.Path(), d.Schema, len(d.Acks))
	}
	return d.Acks, nil
}

// write replaces the file. Only the user can read it.
func (f *File) write(list []Ack) error {
	if len(list) > maxAcks {
		return fmt.Errorf("%d acknowledgements are too many: remove some of the %d with omg aur ack --remove", len(list), maxAcks)
	}
	err := f.file.Write(document{schema, list})
	if errors.Is(err, userfile.ErrTooLarge) {
		return fmt.Errorf("the acknowledgements need more than %d bytes: remove some with omg aur ack --remove", maxFileSize)
	}
	return err
}

// Add acknowledges findings about a package: those with the given reason or, if it is empty, all. It returns the acknowledgements of
// these findings. Add removes the package's acknowledgements of findings that there no longer are.
func (f *File) Add(pkg *backend.CheckedPackage, reason string, now time.Time) ([]Ack, error) {
	list, err := f.Read()
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(a Ack) bool {
		return a.Package == pkg.Name && !slices.ContainsFunc(pkg.Findings, func(finding backend.AURFinding) bool { return a.isAbout(pkg, &finding) })
	})
	var added []Ack
	for i := range pkg.Findings {
		finding := &pkg.Findings[i]
		if reason != "" && finding.Reason != reason {
			continue
		}
		at := slices.IndexFunc(list, func(a Ack) bool { return a.isAbout(pkg, finding) })
		if at < 0 {
			at = len(list)
			list = append(list, Ack{Package: pkg.Name, Base: pkg.Base, BuiltBase: pkg.BuiltBase, At: now.UTC().Truncate(time.Second), Finding: *finding})
			list[at].Finding.Acknowledged = nil
		}
		added = append(added, list[at])
	}
	return added, f.write(list)
}

// Remove removes the acknowledgements about a package: those with the given reason or, if it is empty, all. It returns them.
func (f *File) Remove(name, reason string) (removed []Ack, err error) {
	list, err := f.Read()
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(a Ack) bool {
		isRemoved := a.Package == name && (reason == "" || a.Finding.Reason == reason)
		if isRemoved {
			removed = append(removed, a)
		}
		return isRemoved
	})
	if len(removed) == 0 {
		return nil, nil
	}
	return removed, f.write(list)
}

// Mark sets the time of the acknowledgement of each finding that is acknowledged in the list.
func Mark(list []Ack, packages []backend.CheckedPackage) {
	for i := range packages {
		pkg := &packages[i]
		for j := range pkg.Findings {
			finding := &pkg.Findings[j]
			if at := slices.IndexFunc(list, func(a Ack) bool { return a.isAbout(pkg, finding) }); at >= 0 {
				finding.Acknowledged = &list[at].At
			}
		}
	}
}

// isAbout reports whether the acknowledgement is about this finding: about the same package and package bases, with the same level,
// reason, events and times.
func (a *Ack) isAbout(pkg *backend.CheckedPackage, finding *backend.AURFinding) bool {
	if a.Package != pkg.Name || a.Base != pkg.Base || a.BuiltBase != pkg.BuiltBase || a.Finding.Reason != finding.Reason {
		return false
	}
	encode := func(f backend.AURFinding) []byte {
		f.Acknowledged = nil
		encoded, err := json.Marshal(f)
		if err != nil {
			return nil
		}
		return encoded
	}
	known, now := encode(a.Finding), encode(*finding)
	return known != nil && bytes.Equal(known, now)
}

// Package incidents reads lists of known incidents in the AUR, and compares the installed packages with them.
//
// A list states which packages had a harmful build, on which days such a build could be had, what it did, and where this was
// published. An installed package matches only if it was built on one of these days: an older build, and a clean build of later
// days, are not findings. A list that comes from a server is signed: see Verify. docs/incidents.md describes the format.
package incidents

import (
	"fmt"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// The limits of a list.
const (
	// MaxBytes is the maximum size of a list.
	MaxBytes     = 512 << 10
	maxIncidents = 1000
	// maxPackages and maxVersions are the maximum numbers of names and versions of one incident.
	maxPackages, maxVersions = 5000, 100
	// maxName, maxText and maxAddress are the maximum lengths of a name or version, a sentence and an address, in bytes.
	maxName, maxText, maxAddress = 256, 500, 500
	// maxBrackets bounds how deep the values of a file can be nested, because the parser's stack grows with each level. An incident
	// needs four brackets.
	maxBrackets = 5 * maxIncidents
	// maxWarnings is the number of unknown keys that are named.
	maxWarnings = 10
)

// Day is a day in UTC.
type Day struct{ toml.LocalDate }

// begin returns the time at which the day begins, in Unix seconds.
func (d Day) begin() int64 { return d.AsTime(time.UTC).Unix() }

// end returns the time at which the day has ended, in Unix seconds.
func (d Day) end() int64 { return d.AsTime(time.UTC).AddDate(0, 0, 1).Unix() }

func (d Day) isSet() bool { return d.Day != 0 }

// List is a list of incidents.
type List struct {
	// Path is the file from which the list was read. Name and Source are the publisher's name for the list, and an address with
	// more about it.
	Path, Name, Source string
	// Sequence grows with each version of the list.
	Sequence int64
	// Expires is the last day of the time in which the list is complete: the publisher publishes a new version before its end.
	Expires   Day
	Incidents []Incident
	// Warnings has a line for the user about each key that this version of omg does not know.
	Warnings []string

	byName map[string][]int // the indexes of the incidents with this package
}

// Incident is one incident.
type Incident struct {
	// Packages holds names of packages or of package bases.
	Packages []string
	// What is what happened, in one sentence. Source is the https address at which this was published.
	What   string
	Source string
	// First and Last are the first and the last day on which a harmful build could be had.
	First Day
	Last  Day
	// Versions holds the harmful versions. FirstVersion and LastVersion are the first and the last version of a harmful range. If
	// all are empty, each version that was built on these days matches.
	Versions     []string
	FirstVersion string
	LastVersion  string
}

// IsExpired reports whether the list may lack incidents at a time, because its publisher should have published a new version.
func (l *List) IsExpired(now time.Time) bool { return now.Unix() >= l.Expires.end() }

// Error is an error in the file of a list.
type Error struct {
	Path string
	Line int // 0 if the error is not about one line
	Err  error
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.Path, e.Line, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// index fills byName.
func (l *List) index() {
	l.byName = map[string][]int{}
	for i := range l.Incidents {
		for _, name := range l.Incidents[i].Packages {
			l.byName[name] = append(l.byName[name], i)
		}
	}
}

// VersionText returns the harmful versions in words, or an empty string if each version matches.
func (i *Incident) VersionText() string {
	texts := append([]string{}, i.Versions...)
	switch {
	case i.FirstVersion != "" && i.LastVersion != "":
		texts = append(texts, i.FirstVersion+" to "+i.LastVersion)
	case i.FirstVersion != "":
		texts = append(texts, i.FirstVersion+" and later")
	case i.LastVersion != "":
		texts = append(texts, i.LastVersion+" and earlier")
	}
	return strings.Join(texts, ", ")
}

package incidents

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// Parse returns the list in a file. The parameter path is the file's name in errors.
func Parse(path string, data []byte) (*List, error) {
	switch {
	case len(data) > MaxBytes:
		return nil, &Error{path, 0, fmt.Errorf("more than %d bytes", MaxBytes)}
	case !utf8.Valid(data):
		return nil, &Error{path, 0, errors.New("not UTF-8")}
	case bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > maxBrackets:
		return nil, &Error{path, 0, fmt.Errorf("more than %d brackets: a list has at most %d incidents", maxBrackets, maxIncidents)}
	}
	// The decoder of the TOML library finds errors in the syntax. It cannot decode the file into a List, because it panics if a value
	// of a hostile file has another type.
	var all map[string]any
	broken := toml.Unmarshal(data, &all)
	if at := new(toml.DecodeError); errors.As(broken, &at) {
		line, _ := at.Position()
		return nil, &Error{path, line, errors.New(termtext.Clean(strings.TrimPrefix(at.Error(), "toml: ")))}
	}
	r := newReader(path)
	if err := r.read(data); err != nil {
		return nil, err
	}
	if broken != nil {
		return nil, &Error{path, 0, errors.New(termtext.Clean(strings.TrimPrefix(broken.Error(), "toml: ")))}
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	r.list.index()
	return r.list, nil
}

// reader makes a list of the keys and values in a file.
type reader struct {
	list *List
	// lines holds the line of each key before the first incident, and incidents the lines of each incident.
	lines     map[string]int
	incidents []incidentLines
}

// incidentLines holds the line of the header of an incident, and of each of its keys.
type incidentLines struct {
	header int
	keys   map[string]int
}

// lineOf returns the line of a key or, if the key is missing, the line of the header.
func (l *incidentLines) lineOf(key string) int {
	if line := l.keys[key]; line > 0 {
		return line
	}
	return l.header
}

func newReader(path string) *reader { return &reader{list: &List{Path: path}, lines: map[string]int{}} }

// incidentTable is the name of the table of an incident.
const incidentTable = "incident"

// read reads a file with correct syntax. An unknown key is a warning.
func (r *reader) read(data []byte) error {
	p := unstable.Parser{}
	p.Reset(data)
	keys, set := r.lines, setListKey
	for p.NextExpression() {
		e := p.Expression()
		name, line := config.DottedTOMLKey(&p, e.Key())
		fail := func(format string, args ...any) error {
			return &Error{r.list.Path, line, fmt.Errorf(format, args...)}
		}
		switch {
		case e.Kind == unstable.ArrayTable && name == incidentTable:
			if len(r.incidents) == maxIncidents {
				return fail("more than %d incidents", maxIncidents)
			}
			keys, set = map[string]int{}, setIncidentKey
			r.incidents = append(r.incidents, incidentLines{line, keys})
			r.list.Incidents = append(r.list.Incidents, Incident{})
			continue
		case e.Kind == unstable.Table || e.Kind == unstable.ArrayTable:
			set = nil
			r.warn(line, name)
			continue
		case e.Kind != unstable.KeyValue || set == nil:
			continue
		case name == incidentTable && len(r.incidents) == 0:
			return fail("%s is a list of tables: write [[%[1]s]] and the keys of the incident below", incidentTable)
		case keys[name] > 0:
			return fail("%s is already set in line %d", name, keys[name])
		}
		known, err := set(r.list, name, e.Value())
		switch {
		case err != nil:
			return fail("%s %w", name, err)
		case !known:
			r.warn(line, name)
		default:
			keys[name] = line
		}
	}
	return p.Error()
}

// setListKey sets a key of the list. It reports whether it knows the key.
func setListKey(l *List, name string, value *unstable.Node) (known bool, err error) {
	switch name {
	case "name":
		l.Name, err = stringOf(value)
	case "source":
		l.Source, err = stringOf(value)
	case "expires":
		l.Expires, err = dayOf(value)
	case "sequence":
		if l.Sequence, err = strconv.ParseInt(string(value.Data), 10, 64); err != nil || value.Kind != unstable.Integer {
			return true, errors.New("is not a number: write it without quotes and without a fraction")
		}
	default:
		return false, nil
	}
	return true, err
}

// setIncidentKey sets a key of the last incident. It reports whether it knows the key.
func setIncidentKey(l *List, name string, value *unstable.Node) (known bool, err error) {
	i := &l.Incidents[len(l.Incidents)-1]
	switch name {
	case "packages":
		i.Packages, err = stringsOf(value, maxPackages)
	case "versions":
		i.Versions, err = stringsOf(value, maxVersions)
	case "what":
		i.What, err = stringOf(value)
	case "source":
		i.Source, err = stringOf(value)
	case "first":
		i.First, err = dayOf(value)
	case "last":
		i.Last, err = dayOf(value)
	case "first_version":
		i.FirstVersion, err = stringOf(value)
	case "last_version":
		i.LastVersion, err = stringOf(value)
	default:
		return false, nil
	}
	return true, err
}

func stringOf(value *unstable.Node) (string, error) {
	if value.Kind != unstable.String {
		return "", errors.New("is not a string: put it in quotes")
	}
	return string(value.Data), nil
}

// stringsOf returns the elements of a list of at most maxLength strings.
func stringsOf(value *unstable.Node, maxLength int) (list []string, err error) {
	if value.Kind != unstable.Array {
		return nil, errors.New("is not a list: write [\"one\", \"two\"]")
	}
	for i := value.Children(); i.Next(); {
		switch n := i.Node(); {
		case n.Kind == unstable.Comment:
		case n.Kind != unstable.String:
			return nil, errors.New("has an element that is not a string: put it in quotes")
		case len(list) == maxLength:
			return nil, fmt.Errorf("has more than %d elements", maxLength)
		default:
			list = append(list, string(n.Data))
		}
	}
	return list, nil
}

func dayOf(value *unstable.Node) (Day, error) {
	var d Day
	if value.Kind != unstable.LocalDate || d.UnmarshalText(value.Data) != nil {
		return d, errors.New("is not a date: write it as 2026-06-09, without quotes")
	}
	return d, nil
}

// warn adds a warning about an unknown key.
func (r *reader) warn(line int, name string) {
	switch l := r.list; {
	case len(l.Warnings) < maxWarnings:
		l.Warnings = append(l.Warnings, termtext.Clean(fmt.Sprintf("%s:%d: unknown key %q", l.Path, line, shorten(name))))
	case len(l.Warnings) == maxWarnings:
		l.Warnings = append(l.Warnings, l.Path+": more unknown keys")
	}
}

// check returns an error if the list or one of its incidents is invalid.
func (r *reader) check() error {
	l := r.list
	fail := func(key, format string, args ...any) error {
		return &Error{l.Path, r.lines[key], fmt.Errorf(format, args...)}
	}
	switch {
	case l.Name == "" || len(l.Name) > maxName:
		return fail("name", "name is missing or longer than %d bytes: write name = \"the list's name\"", maxName)
	case l.Sequence <= 0:
		return fail("sequence", "sequence is missing or not positive: write a number that grows with each version of the list")
	case !l.Expires.isSet():
		return fail("expires", "expires is missing: write the last day on which the list is complete, as 2027-01-31")
	}
	if err := checkText(l.Name); err != nil {
		return fail("name", "name %w", err)
	}
	if err := checkAddress(l.Source); err != nil {
		return fail("source", "source %w", err)
	}
	for i := range l.Incidents {
		if key, err := l.Incidents[i].check(); err != nil {
			return &Error{l.Path, r.incidents[i].lineOf(key), fmt.Errorf("%s %w", key, err)}
		}
	}
	return nil
}

// check returns an error if the incident is invalid, and the key that the error is about.
func (i *Incident) check() (key string, err error) {
	if len(i.Packages) == 0 {
		return "packages", errors.New("is missing or empty: write packages = [\"name\"]")
	}
	seen := map[string]bool{}
	for _, name := range i.Packages {
		switch {
		case len(name) > maxName || !wire.IsPossibleName(name):
			return "packages", fmt.Errorf("has %q, which is not the name of a package", shorten(name))
		case seen[name]:
			return "packages", fmt.Errorf("has %q twice", name)
		}
		seen[name] = true
	}
	if i.What == "" || len(i.What) > maxText {
		return "what", fmt.Errorf("is missing or longer than %d bytes: write what happened in one sentence", maxText)
	}
	if err := checkText(i.What); err != nil {
		return "what", err
	}
	if err := checkAddress(i.Source); err != nil {
		return "source", err
	}
	switch {
	case !i.First.isSet():
		return "first", errors.New("is missing: write the first day on which a harmful build could be had, as 2026-06-09")
	case !i.Last.isSet():
		return "last", errors.New("is missing: write the last day on which a harmful build could be had, as 2026-06-16")
	case i.Last.begin() < i.First.begin():
		return "last", fmt.Errorf("is %s, which is before first, %s", i.Last, i.First)
	}
	return i.checkVersions()
}

// checkVersions returns an error if a version is invalid, and the key that the error is about.
func (i *Incident) checkVersions() (key string, err error) {
	for _, v := range i.Versions {
		if !isVersion(v) {
			return "versions", fmt.Errorf("has %q, which is not a version", shorten(v))
		}
	}
	switch {
	case i.FirstVersion != "" && !isVersion(i.FirstVersion):
		return "first_version", fmt.Errorf("is %q, which is not a version", shorten(i.FirstVersion))
	case i.LastVersion != "" && !isVersion(i.LastVersion):
		return "last_version", fmt.Errorf("is %q, which is not a version", shorten(i.LastVersion))
	}
	return "", nil
}

// isVersion reports whether a text can be a version: it is short, and has neither spaces nor characters that makepkg forbids.
func isVersion(v string) bool {
	return v != "" && len(v) <= maxName && checkText(v) == nil && !strings.ContainsAny(v, " \u00a0/")
}

// checkText returns an error if a text has characters that must not be printed, such as a new line.
func checkText(s string) error {
	if termtext.Clean(s) != s || strings.ContainsRune(s, utf8.RuneError) {
		return fmt.Errorf("has characters that cannot be printed: %q", shorten(s))
	}
	return nil
}

// checkAddress returns an error unless a text is an https address.
func checkAddress(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(s) > maxAddress || checkText(s) != nil || strings.ContainsAny(s, " \"<>") {
		return fmt.Errorf("is %q: write an address that begins with https://, of at most %d bytes", shorten(s), maxAddress)
	}
	return nil
}

// shorten returns the beginning of a text for an error.
func shorten(s string) string { return termtext.Shorten(s, 80) }

// Package advisories reads the records of Arch's security tracker, each about a group of vulnerabilities, and
// determines which records concern the installed packages.
package advisories

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// Limits of the tracker's data, which also bound the memory for it. The real data has about 2,600 records in 1 MB; a
// record about a kernel has more than a hundred issues.
const (
	MaxBytes      = 16 << 20
	maxRecords    = 50_000
	maxTotalNames = 200_000 // the number of package names, issues and advisories in all records together
	maxText       = 256     // the length of one string, in bytes
)

// fileName is the name of the file with the records that omg-index pull has got.
const fileName = "advisories.json"

// Path returns the path of the file with pulled records in a directory.
func Path(dir string) string { return filepath.Join(dir, fileName) }

// ErrFormat means that the input is not the tracker's JSON.
var ErrFormat = errors.New("not a list of advisories")

// Severity is the severity of a vulnerability; a larger one is worse.
type Severity int

// The values of Severity. SeverityUnknown means that the tracker has not rated a record, or that its rating is not in this
// list.
const (
	SeverityUnknown Severity = iota
	SeverityLow
	SeverityMedium
	SeverityHigh
	SeverityCritical
)

var severityNames = []string{"Unknown", "Low", "Medium", "High", "Critical"}

func (s Severity) String() string { return severityNames[s] }

// ParseSeverity parses the name of a severity, in upper or lower case.
func ParseSeverity(name string) (Severity, bool) {
	for i, s := range severityNames {
		if strings.EqualFold(s, name) {
			return Severity(i), true
		}
	}
	return SeverityUnknown, false
}

// RecordStatus is the state of a record in the tracker.
type RecordStatus string

// Statuses of the tracker's records. Judge handles all statuses except StatusTesting and StatusNotAffected alike.
const (
	StatusVulnerable  RecordStatus = "Vulnerable"
	StatusTesting     RecordStatus = "Testing"
	StatusFixed       RecordStatus = "Fixed"
	StatusNotAffected RecordStatus = "Not affected"
)

// Record is one group of vulnerabilities (an AVG).
type Record struct {
	Name     string // "AVG-2841"
	Packages []string
	Status   RecordStatus
	Severity Severity
	Type     string
	// AffectedVersion is the version in which the vulnerability was found. FixedIn is the first version without the
	// vulnerability, or empty if no such version exists yet.
	AffectedVersion, FixedIn string
	// Ticket is the number of a report in Arch's bug tracker, or empty.
	Ticket string
	// Issues are CVE identifiers; Advisories are the identifiers of the tracker's announcements (ASA).
	Issues, Advisories []string
}

// limits holds the limits of what read accepts; tests set lower limits.
type limits struct {
	bytes          int64
	records, names int
}

// Read reads the tracker's all.json. A record that is malformed, or that would take too much memory, is skipped and
// counted.
func Read(r io.Reader) (records []Record, skipped int, err error) {
	return read(r, limits{MaxBytes, maxRecords, maxTotalNames})
}

func read(r io.Reader, most limits) (records []Record, skipped int, err error) {
	limited := &io.LimitedReader{R: r, N: most.bytes + 1}
	d := json.NewDecoder(bufio.NewReaderSize(limited, 64<<10))
	wrong := func(err error) ([]Record, int, error) {
		if limited.N <= 0 {
			err = fmt.Errorf("more than %d bytes", most.bytes)
		}
		return nil, 0, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return wrong(cmp.Or(err, errors.New("not an array")))
	}
	names := 0
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return wrong(err)
		}
		if len(records)+skipped >= most.records {
			return wrong(fmt.Errorf("more than %d records", most.records))
		}
		record, ok := decodeRecord(raw)
		if !ok || names+record.nameCount() > most.names {
			skipped++
			continue
		}
		records, names = append(records, record), names+record.nameCount()
	}
	if _, err := d.Token(); err != nil {
		return wrong(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || limited.N <= 0 {
		return wrong(errors.New("data after the end of the array"))
	}
	if len(records) == 0 && skipped > 0 {
		return wrong(fmt.Errorf("none of %d records can be read", skipped))
	}
	return records, skipped, nil
}

// ReadPulled reads a file that omg-index pull has written. The function isTrusted reports whether a user may own it.
func ReadPulled(path string, isTrusted func(uid uint32) bool) (records []Record, skipped int, err error) {
	file, _, err := sourcefile.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	content, _, err := paths.ReadTrustedFile(file, MaxBytes, isTrusted)
	if err == nil {
		records, skipped, err = Read(bytes.NewReader(content))
	}
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return records, skipped, nil
}

// Encode returns a file of the tracker from which Read returns the records and the number of skipped ones. An error wraps ErrFormat if there is
// no such file.
func Encode(records []Record, skipped int) ([]byte, error) {
	list := make([]*recordJSON, len(records), len(records)+min(max(skipped, 0), maxRecords))
	for i := range records {
		r := &records[i]
		list[i] = &recordJSON{
			Name: r.Name, Packages: r.Packages, Status: string(r.Status), Severity: r.Severity.String(), Type: r.Type, Affected: r.AffectedVersion,
			Fixed: &r.FixedIn, Ticket: r.Ticket, Issues: r.Issues, Advisories: r.Advisories,
		}
	}
	content, err := json.Marshal(list[:cap(list)]) // null is a record that Read skips
	if err != nil {
		return nil, err
	}
	read, left, err := Read(bytes.NewReader(content))
	if err == nil && (len(read) != len(records) || left != skipped) {
		err = fmt.Errorf("%w: %d records and %d skipped ones", ErrFormat, len(records), skipped)
	}
	return content, err
}

// Check returns an error if Read could not have returned the records.
func Check(list []Record) error {
	names := 0
	for i := range list {
		r := &list[i]
		if names += r.nameCount(); !r.isValid() || r.FixedIn != strings.TrimSpace(r.FixedIn) || r.Ticket != ticketNumber(r.Ticket) {
			return fmt.Errorf("%w: the record %.40q", ErrFormat, r.Name)
		}
	}
	if len(list) > maxRecords || names > maxTotalNames {
		return fmt.Errorf("%w: %d records with %d names", ErrFormat, len(list), names)
	}
	return nil
}

// nameCount returns the number of names in a record.
func (r *Record) nameCount() int { return len(r.Packages) + len(r.Issues) + len(r.Advisories) }

// recordJSON is a record in the tracker's JSON.
type recordJSON struct {
	Name       string   `json:"name"`
	Packages   []string `json:"packages"`
	Status     string   `json:"status"`
	Severity   string   `json:"severity"`
	Type       string   `json:"type"`
	Affected   string   `json:"affected"`
	Fixed      *string  `json:"fixed"`
	Ticket     any      `json:"ticket"`
	Issues     []string `json:"issues"`
	Advisories []string `json:"advisories"`
}

// decodeRecord decodes one record, and reports whether the record is well-formed.
func decodeRecord(raw []byte) (Record, bool) {
	var in recordJSON
	if err := json.Unmarshal(raw, &in); err != nil {
		return Record{}, false
	}
	r := Record{
		Name: in.Name, Packages: in.Packages, Status: RecordStatus(in.Status), Type: in.Type,
		AffectedVersion: in.Affected, Issues: in.Issues, Advisories: in.Advisories,
	}
	r.Severity, _ = ParseSeverity(in.Severity)
	if in.Fixed != nil {
		r.FixedIn = strings.TrimSpace(*in.Fixed)
	}
	r.Ticket = ticketNumber(in.Ticket)
	return r, r.isValid()
}

// isValid reports whether a record has all values, and each of them is printable and short.
func (r *Record) isValid() bool {
	if r.Name == "" || len(r.Packages) == 0 || r.AffectedVersion == "" && r.FixedIn == "" && r.Status != StatusNotAffected {
		return false
	}
	for _, s := range []string{r.Name, string(r.Status), r.Type, r.AffectedVersion, r.FixedIn} {
		if !isPrintable(s) {
			return false
		}
	}
	for _, list := range [][]string{r.Packages, r.Issues, r.Advisories} {
		for _, s := range list {
			if s == "" || !isPrintable(s) {
				return false
			}
		}
	}
	return true
}

// ticketNumber returns the number of a report in Arch's bug tracker, or "" if v is not such a number.
func ticketNumber(v any) string {
	var number string
	switch v := v.(type) {
	case string:
		number = v
	case float64:
		number = strconv.FormatFloat(v, 'f', -1, 64)
	}
	const digits = 12
	if len(number) > digits || strings.Trim(number, "0123456789") != "" {
		return ""
	}
	return number
}

// isPrintable reports whether a string is short and has only printable characters.
func isPrintable(s string) bool {
	return len(s) <= maxText && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

package pacmandb

import (
	"slices"
	"strconv"
	"strings"
)

// maxLocalLine is the length at which libalpm cuts a line of a local desc. The rest of the line becomes another line.
const maxLocalLine = 1023

// localLines splits a local desc into lines as libalpm does. A zero byte ends a line's text.
type localLines struct {
	rest, lastReadLine string
	hasZeroBytes       bool // the desc contains zero bytes
}

func (l *localLines) next() (line string, ok bool) {
	if l.rest == "" {
		return "", false
	}
	line = l.rawLine()
	if l.hasZeroBytes {
		line, _, _ = strings.Cut(line, "\x00")
	}
	l.lastReadLine = line
	return line, true
}

// rawLine returns the line that libalpm reads in one call.
func (l *localLines) rawLine() (line string) {
	window := l.rest[:min(len(l.rest), maxLocalLine)]
	if i := strings.IndexByte(window, '\n'); i >= 0 {
		line, l.rest = l.rest[:i], l.rest[i+1:]
		return line
	}
	l.rest = l.rest[len(window):]
	return window
}

// fieldValue returns the single line of a field. At the end of the file it returns the previous line, which is the field's
// key, because libalpm then keeps that line.
func (l *localLines) fieldValue() string {
	if line, ok := l.next(); ok {
		return line
	}
	return l.lastReadLine
}

// localParser parses local desc files. One parser is used for many files, to reuse its buffers.
type localParser struct {
	items      []string    // the values of all lists in one desc
	listRanges []listRange // for each list, the range of its values in the slice items
}

// listRange records that items[from:to] are the values of a list.
type listRange struct {
	list     *[]string
	from, to int
}

// localDescInfo holds what a desc contains besides the fields of Installed.
type localDescInfo struct {
	name, version string
	// complete is false for a desc that seems to end too early. zeros is true for a desc with zero bytes, which a file
	// system leaves in blocks that were never written.
	complete, hasZeroBytes bool
}

// parse fills the package p from the text raw; the strings of p share the memory of raw. It never fails: like libalpm
// it skips a line that is not a known key, and uses the lines after a key as the key's value, whatever these lines
// contain. Since pacman 6.1 libalpm also skips the value of an unknown key; parse does not.
func (d *localParser) parse(raw string, p *Installed) localDescInfo {
	d.items, d.listRanges = d.items[:0], d.listRanges[:0]
	var id localDescInfo
	var validation []string
	in := localLines{rest: raw, hasZeroBytes: strings.IndexByte(raw, 0) >= 0}
	for {
		key, ok := in.next()
		if !ok {
			break
		}
		switch key {
		case "%NAME%":
			id.name = in.fieldValue()
		case "%VERSION%":
			id.version = in.fieldValue()
		case "%BASE%":
			p.Base = in.fieldValue()
		case "%DESC%":
			p.Desc = in.fieldValue()
			p.EmptyDesc = p.Desc == ""
		case "%URL%":
			p.URL = in.fieldValue()
		case "%ARCH%":
			p.Arch = in.fieldValue()
		case "%PACKAGER%":
			p.Packager = in.fieldValue()
		case "%INSTALLED_DB%":
			p.InstalledFromRepo = in.fieldValue()
		case "%BUILDDATE%":
			p.BuildDate = parseLocalDate(in.fieldValue())
		case "%INSTALLDATE%":
			p.InstallDate = parseLocalDate(in.fieldValue())
		case "%SIZE%":
			p.ISize, _ = strconv.ParseUint(in.fieldValue(), 10, 63) // 0 if the line is not a number
		case "%REASON%":
			p.Reason = parseLocalReason(in.fieldValue())
		case "%GROUPS%":
			d.readList(&in, &p.Groups)
		case "%LICENSE%":
			d.readList(&in, &p.Licenses)
		case "%VALIDATION%":
			d.readList(&in, &validation)
		case "%DEPENDS%":
			d.readList(&in, &p.Depends)
		case "%OPTDEPENDS%":
			d.readList(&in, &p.OptDepends)
		case "%PROVIDES%":
			d.readList(&in, &p.Provides)
		case "%CONFLICTS%":
			d.readList(&in, &p.Conflicts)
		case "%REPLACES%":
			d.readList(&in, &p.Replaces)
		case "%XDATA%":
			d.readList(&in, &p.XData)
		}
	}
	d.assignLists()
	p.Validation = localValidation(validation)
	id.hasZeroBytes = in.hasZeroBytes
	// Since version 4.2 libalpm always writes %BASE% and, after it, the architecture, the installation date and the
	// validation. A desc without %BASE% is older, or was written by another program.
	incomplete := p.Base != "" && (p.Arch == "" || p.InstallDate == 0 || len(validation) == 0)
	id.complete = id.name != "" && id.version != "" && endsWithCompleteField(raw) && !incomplete
	return id
}

// endsWithCompleteField reports whether a desc ends with a complete field: libalpm writes an empty line after each value.
func endsWithCompleteField(raw string) bool {
	line, ended := strings.CutSuffix(raw, "\n\n")
	line = line[strings.LastIndexByte(line, '\n')+1:] // the line before the empty line at the end
	isKey := len(line) > 2 && line[0] == '%' && line[len(line)-1] == '%'
	return ended && !isKey
}

// readList reads the lines up to the next empty line. They are stored in the list when assignLists is called.
func (d *localParser) readList(in *localLines, list *[]string) {
	from := len(d.items)
	for {
		line, ok := in.next()
		if !ok || line == "" {
			break
		}
		d.items = append(d.items, line)
	}
	if len(d.items) > from {
		d.listRanges = append(d.listRanges, listRange{list, from, len(d.items)})
	}
}

// assignLists stores in each list the values that the method readList has read. All lists of a desc share one allocation.
func (d *localParser) assignLists() {
	if len(d.items) == 0 {
		return
	}
	all := slices.Clone(d.items)
	for _, m := range d.listRanges {
		if *m.list == nil {
			*m.list = all[m.from:m.to:m.to]
		} else { // if a key occurs again, its values are appended to its list
			*m.list = append(*m.list, all[m.from:m.to]...)
		}
	}
	clear(d.items) // the parser must not keep the file's text in memory
}

var validationMethods = [...]string{"none", "md5", "sha256", "pgp"}

// localValidation returns those values of %VALIDATION% that libalpm knows, in libalpm's order. If one value is "none",
// the result is only "none".
func localValidation(values []string) []string {
	if len(values) == 1 && slices.Contains(validationMethods[:], values[0]) {
		return values // in the usual case, with a single value, no copy is needed
	}
	if slices.Contains(values, validationMethods[0]) {
		return []string{validationMethods[0]}
	}
	var out []string
	for _, v := range validationMethods {
		if slices.Contains(values, v) {
			out = append(out, v)
		}
	}
	return out
}

// parseLocalDate parses a date. It returns 0 if the line does not consist of a number.
func parseLocalDate(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimLeft(s, " \t"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// parseLocalReason parses the number at the start of s, as atoi(3) does, and keeps 32 bits of the number. pacman writes only
// 0 and 1; since version 6.1 it treats any other number as unknown.
func parseLocalReason(s string) Reason {
	s = strings.TrimLeft(s, " \t")
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 64) // a number that is too large becomes the largest int64; text without a number becomes 0
	return Reason(int32(n))
}

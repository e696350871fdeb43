package pacmandb

import (
	"slices"
	"strconv"
	"strings"
)

// localLine is the length at which libalpm cuts a line of a local desc. The rest of the line becomes another line.
const localLine = 1023

// localLines splits a local desc into lines as libalpm does. A zero byte ends a line's text.
type localLines struct {
	rest, last string
	zeros      bool // the desc contains zero bytes
}

func (l *localLines) next() (line string, ok bool) {
	if l.rest == "" {
		return "", false
	}
	line = l.cut()
	if l.zeros {
		line, _, _ = strings.Cut(line, "\x00")
	}
	l.last = line
	return line, true
}

// cut returns the line that libalpm reads in one call.
func (l *localLines) cut() (line string) {
	window := l.rest[:min(len(l.rest), localLine)]
	if i := strings.IndexByte(window, '\n'); i >= 0 {
		line, l.rest = l.rest[:i], l.rest[i+1:]
		return line
	}
	l.rest = l.rest[len(window):]
	return window
}

// value returns the single line of a field. At the end of the file it returns the previous line, which is the field's
// key, because libalpm then keeps that line.
func (l *localLines) value() string {
	if line, ok := l.next(); ok {
		return line
	}
	return l.last
}

// localParser parses local desc files. One parser is used for many files, to reuse its buffers.
type localParser struct {
	items []string   // the values of all lists in one desc
	marks []listMark // for each list, the range of its values in the slice items
}

// listMark records that items[from:to] are the values of a list.
type listMark struct {
	list     *[]string
	from, to int
}

// localIdent holds what a desc contains besides the fields of Installed.
type localIdent struct {
	name, version string
	// complete is false for a desc that seems to end too early. zeros is true for a desc with zero bytes, which a file
	// system leaves in blocks that were never written.
	complete, zeros bool
}

// parse fills the package p from the text raw; the strings of p share the memory of raw. It never fails: like libalpm
// it skips a line that is not a known key, and uses the lines after a key as the key's value, whatever these lines
// contain. Since pacman 6.1 libalpm also skips the value of an unknown key; parse does not.
func (d *localParser) parse(raw string, p *Installed) localIdent {
	d.items, d.marks = d.items[:0], d.marks[:0]
	var id localIdent
	var validation []string
	in := localLines{rest: raw, zeros: strings.IndexByte(raw, 0) >= 0}
	for {
		key, ok := in.next()
		if !ok {
			break
		}
		switch key {
		case "%NAME%":
			id.name = in.value()
		case "%VERSION%":
			id.version = in.value()
		case "%BASE%":
			p.Base = in.value()
		case "%DESC%":
			p.Desc = in.value()
			p.EmptyDesc = p.Desc == ""
		case "%URL%":
			p.URL = in.value()
		case "%ARCH%":
			p.Arch = in.value()
		case "%PACKAGER%":
			p.Packager = in.value()
		case "%INSTALLED_DB%":
			p.InstalledDB = in.value()
		case "%BUILDDATE%":
			p.BuildDate = localInt(in.value())
		case "%INSTALLDATE%":
			p.InstallDate = localInt(in.value())
		case "%SIZE%":
			p.ISize, _ = strconv.ParseUint(in.value(), 10, 63) // 0 if the line is not a number
		case "%REASON%":
			p.Reason = localReason(in.value())
		case "%GROUPS%":
			d.list(&in, &p.Groups)
		case "%LICENSE%":
			d.list(&in, &p.Licenses)
		case "%VALIDATION%":
			d.list(&in, &validation)
		case "%DEPENDS%":
			d.list(&in, &p.Depends)
		case "%OPTDEPENDS%":
			d.list(&in, &p.OptDepends)
		case "%PROVIDES%":
			d.list(&in, &p.Provides)
		case "%CONFLICTS%":
			d.list(&in, &p.Conflicts)
		case "%REPLACES%":
			d.list(&in, &p.Replaces)
		case "%XDATA%":
			d.list(&in, &p.XData)
		}
	}
	d.assignLists()
	p.Validation = localValidation(validation)
	id.zeros = in.zeros
	// Since version 4.2 libalpm always writes %BASE% and, after it, the architecture, the installation date and the
	// validation. A desc without %BASE% is older, or was written by another program.
	incomplete := p.Base != "" && (p.Arch == "" || p.InstallDate == 0 || len(validation) == 0)
	id.complete = id.name != "" && id.version != "" && endsField(raw) && !incomplete
	return id
}

// endsField reports whether a desc ends with a complete field: libalpm writes an empty line after each value.
func endsField(raw string) bool {
	line, ended := strings.CutSuffix(raw, "\n\n")
	line = line[strings.LastIndexByte(line, '\n')+1:] // the line before the empty line at the end
	isKey := len(line) > 2 && line[0] == '%' && line[len(line)-1] == '%'
	return ended && !isKey
}

// list reads the lines up to the next empty line. They are stored in the list when assignLists is called.
func (d *localParser) list(in *localLines, list *[]string) {
	from := len(d.items)
	for {
		line, ok := in.next()
		if !ok || line == "" {
			break
		}
		d.items = append(d.items, line)
	}
	if len(d.items) > from {
		d.marks = append(d.marks, listMark{list, from, len(d.items)})
	}
}

// assignLists stores in each list the values that the method list has read. All lists of a desc share one allocation.
func (d *localParser) assignLists() {
	if len(d.items) == 0 {
		return
	}
	all := slices.Clone(d.items)
	for _, m := range d.marks {
		if *m.list == nil {
			*m.list = all[m.from:m.to:m.to]
		} else { // if a key occurs again, its values are appended to its list
			*m.list = append(*m.list, all[m.from:m.to]...)
		}
	}
	clear(d.items) // the parser must not keep the file's text in memory
}

var localChecks = [...]string{"none", "md5", "sha256", "pgp"}

// localValidation returns those values of %VALIDATION% that libalpm knows, in libalpm's order. If one value is "none",
// the result is only "none".
func localValidation(values []string) []string {
	if len(values) == 1 && slices.Contains(localChecks[:], values[0]) {
		return values // in the usual case, with a single value, no copy is needed
	}
	if slices.Contains(values, localChecks[0]) {
		return []string{localChecks[0]}
	}
	var out []string
	for _, v := range localChecks {
		if slices.Contains(values, v) {
			out = append(out, v)
		}
	}
	return out
}

// localInt parses a date. It returns 0 if the line does not consist of a number.
func localInt(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimLeft(s, " \t"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// localReason parses the number at the start of s, as atoi(3) does, and keeps 32 bits of the number. pacman writes only
// 0 and 1; since version 6.1 it treats any other number as unknown.
func localReason(s string) Reason {
	s = strings.TrimLeft(s, " \t")
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 64) // a number that is too large becomes the largest int64; text without a number becomes 0
	return Reason(int32(n))
}

package pacmandb

import (
	"bytes"
	"strconv"

	"github.com/omg-arch/omg/shared/wire"
)

// descParser collects the values of one package from the package's files, and is then reused for the next package. A
// package needs only one allocation: the string of all its values.
type descParser struct {
	valueText []byte // the values, concatenated
	values    []descValue
	pkg       wire.Package
	extras    descExtras
	// keepsChecksums means that the values of %MD5SUM% and %PGPSIG% are kept too.
	keepsChecksums bool
	// keepsFileList means that the last list of %FILES% is kept in the field fileList.
	keepsFileList bool
	fileList      []byte // the lines of the list, without the empty line at its end
	hasFileList   bool
	// fileListTruncated means that the list does not end as libalpm requires.
	fileListTruncated bool
}

// descExtras holds the values in a package's files that are not fields of wire.Package.
type descExtras struct {
	dir, name, version                 string
	buildDate, csize, isize            string
	md5, signature                     string
	hasDesc, hasMD5, hasSHA256, hasPGP bool
	// fileCount is the number of files of the package; truncated means that one of these files ended within a field.
	fileCount int
	truncated bool
}

// descValue is a value, and where to store it: in a string or in a list. The value is text[from:to] of the descParser.
type descValue struct {
	stringDest         *string
	listDest           *[]string
	textStart, textEnd int
}

// begin starts a new package, whose files are in the directory dir of the archive.
func (d *descParser) begin(repo string, dir []byte) {
	p := &d.pkg
	*p = wire.Package{
		Repo:         repo,
		Groups:       p.Groups[:0],
		Licenses:     p.Licenses[:0],
		Provides:     p.Provides[:0],
		Depends:      p.Depends[:0],
		OptDepends:   p.OptDepends[:0],
		MakeDepends:  p.MakeDepends[:0],
		CheckDepends: p.CheckDepends[:0],
		Conflicts:    p.Conflicts[:0],
		Replaces:     p.Replaces[:0],
		Validation:   p.Validation[:0],
	}
	d.valueText, d.values, d.extras = d.valueText[:0], d.values[:0], descExtras{}
	d.fileList, d.hasFileList, d.fileListTruncated = nil, false, false
	d.addValue(&d.extras.dir, nil, dir)
}

func (d *descParser) addValue(one *string, list *[]string, value []byte) {
	from := len(d.valueText)
	d.valueText = append(d.valueText, value...)
	d.values = append(d.values, descValue{one, list, from, len(d.valueText)})
}

// parse reads a desc, or a depends file of an old database. It never fails: like libalpm it skips unknown lines
// anywhere, and uses the line after a key as the key's value, whatever this line contains.
func (d *descParser) parse(b []byte) {
	d.extras.fileCount++
	zeros := bytes.IndexByte(b, 0) >= 0
	cutLine := func(b []byte) (line, rest []byte) {
		line, rest = cutLine(b)
		if zeros { // a zero byte ends a string in C
			line = cString(line)
		}
		return line, rest
	}
	for b != nil {
		var line []byte
		line, b = cutLine(b)
		if len(line) < 3 || line[0] != '%' {
			continue
		}
		if d.keepsFileList && string(line) == "%FILES%" {
			b = d.parseFileList(b, zeros)
			continue
		}
		one, list, present := d.destination(line)
		switch {
		case one != nil, present != nil:
			d.extras.truncated = d.extras.truncated || len(b) == 0
			if b == nil {
				return
			}
			line, b = cutLine(b)
			if present != nil {
				*present = true
			}
			if one != nil {
				d.addValue(one, nil, line)
			}
		case list != nil:
			for {
				d.extras.truncated = d.extras.truncated || len(b) == 0
				if b == nil {
					return
				}
				if line, b = cutLine(b); len(line) == 0 {
					break
				}
				d.addValue(nil, list, line)
			}
		}
	}
}

// parseFileList reads the lines after the key %FILES% up to an empty line, and returns the text after them. The list replaces an
// earlier one, as in libalpm. It is part of b, unless b has zero bytes.
func (d *descParser) parseFileList(b []byte, zeros bool) (rest []byte) {
	d.fileList, d.hasFileList, d.fileListTruncated = nil, true, b == nil
	if zeros {
		for b != nil {
			var line []byte
			line, b = cutLine(b)
			if line = cString(line); len(line) == 0 {
				return b
			}
			d.fileList = append(append(d.fileList, line...), '\n')
			d.fileListTruncated = b == nil
		}
		return nil
	}
	if len(b) == 0 {
		return nil
	}
	if b[0] == '\n' {
		return b[1:]
	}
	if end := bytes.Index(b, []byte("\n\n")); end >= 0 {
		d.fileList = b[:end+1]
		return b[end+2:]
	}
	d.fileList, d.fileListTruncated = b, b[len(b)-1] != '\n'
	return nil
}

// destination returns pointers to where the value of a key is stored: to a string, to a list, and to a flag that is set
// because the key occurs. Pointers that do not apply are nil; all three are nil if the key is unknown.
func (d *descParser) destination(key []byte) (one *string, list *[]string, present *bool) {
	p, extras := &d.pkg, &d.extras
	switch string(key) {
	case "%NAME%":
		one = &extras.name
	case "%VERSION%":
		one = &extras.version
	case "%FILENAME%":
		one = &p.Filename
	case "%BASE%":
		one = &p.Base
	case "%DESC%":
		one, present = &p.Desc, &extras.hasDesc
	case "%URL%":
		one = &p.URL
	case "%ARCH%":
		one = &p.Arch
	case "%PACKAGER%":
		one = &p.Packager
	case "%BUILDDATE%":
		one = &extras.buildDate
	case "%CSIZE%":
		one = &extras.csize
	case "%ISIZE%":
		one = &extras.isize
	case "%MD5SUM%":
		present = &extras.hasMD5
		if d.keepsChecksums {
			one = &extras.md5
		}
	case "%SHA256SUM%":
		one, present = &p.SHA256, &extras.hasSHA256
	case "%PGPSIG%":
		present = &extras.hasPGP
		if d.keepsChecksums {
			one = &extras.signature
		}
	case "%GROUPS%":
		list = &p.Groups
	case "%LICENSE%":
		list = &p.Licenses
	case "%DEPENDS%":
		list = &p.Depends
	case "%OPTDEPENDS%":
		list = &p.OptDepends
	case "%MAKEDEPENDS%":
		list = &p.MakeDepends
	case "%CHECKDEPENDS%":
		list = &p.CheckDepends
	case "%CONFLICTS%":
		list = &p.Conflicts
	case "%PROVIDES%":
		list = &p.Provides
	case "%REPLACES%":
		list = &p.Replaces
	}
	return one, list, present
}

// cutLine splits b into its first line and the rest, which is nil if b has no newline. If b ends with a newline, one
// more line follows it, as in libalpm: an empty line. So a key at the end of a file has an empty value if a newline
// follows the key.
func cutLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// finish returns the package that was collected; it is valid until the next call of begin. The package's name and
// version are those of the directory. ok is false if the directory is not named name-version-release.
func (d *descParser) finish() (p *wire.Package, ok bool) {
	extras := &d.extras
	p = &d.pkg
	text := string(d.valueText)
	for _, v := range d.values {
		if s := text[v.textStart:v.textEnd]; v.stringDest != nil {
			*v.stringDest = s
		} else {
			*v.listDest = append(*v.listDest, s)
		}
	}
	p.Name, p.Version, ok = splitEntry(extras.dir)
	p.EmptyDesc = extras.hasDesc && p.Desc == ""
	p.CSize, p.ISize, p.BuildDate = parseSize(extras.csize), parseSize(extras.isize), parseLocalDate(extras.buildDate)
	for _, v := range [...]struct {
		present bool
		name    string
	}{{extras.hasMD5, "md5"}, {extras.hasSHA256, "sha256"}, {extras.hasPGP, "pgp"}} {
		if v.present {
			p.Validation = append(p.Validation, v.name)
		}
	}
	return p, ok
}

// parseSize parses a number of bytes. It returns 0 if s is not a number.
func parseSize(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0
	}
	return n
}

package pacmandb

import (
	"bytes"
	"strconv"

	"github.com/omg-arch/omg/shared/wire"
)

// descParser collects one package from its files and is then used for the next,
// so that a package costs one allocation: the string of all its values.
type descParser struct {
	text   []byte // the values, one after the other
	values []descValue
	pkg    wire.Package
	said   descSaid
}

// descSaid is what the files say that is no field of a package as it stands.
type descSaid struct {
	dir, name, version      string
	buildDate, csize, isize string
	desc, md5, sha256, pgp  bool
	// files is how many there were, and cut that one ended within a field.
	files int
	cut   bool
}

// descValue is a value and where it goes.
type descValue struct {
	one      *string
	list     *[]string
	from, to int
}

// begin starts the package of a directory of the archive.
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
	d.text, d.values, d.said = d.text[:0], d.values[:0], descSaid{}
	d.keep(&d.said.dir, nil, dir)
}

func (d *descParser) keep(one *string, list *[]string, value []byte) {
	from := len(d.text)
	d.text = append(d.text, value...)
	d.values = append(d.values, descValue{one, list, from, len(d.text)})
}

// parse reads a desc, or a depends file of old databases. It never fails: like
// libalpm it passes over lines that it does not know, wherever they stand, and
// takes the line after a key as its value whatever it is.
func (d *descParser) parse(b []byte) {
	d.said.files++
	zeros := bytes.IndexByte(b, 0) >= 0
	cutLine := func(b []byte) (line, rest []byte) {
		line, rest = cutLine(b)
		if zeros { // where a line ends in C
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
		one, list, present := d.place(line)
		switch {
		case one != nil, present != nil:
			d.said.cut = d.said.cut || len(b) == 0
			if b == nil {
				return
			}
			line, b = cutLine(b)
			if present != nil {
				*present = true
			}
			if one != nil {
				d.keep(one, nil, line)
			}
		case list != nil:
			for {
				d.said.cut = d.said.cut || len(b) == 0
				if b == nil {
					return
				}
				if line, b = cutLine(b); len(line) == 0 {
					break
				}
				d.keep(nil, list, line)
			}
		}
	}
}

// place says where the value of a key goes: one line or a list of them, and
// what notes that it was there. All are nil for a line that is no known key.
func (d *descParser) place(key []byte) (one *string, list *[]string, present *bool) {
	p, said := &d.pkg, &d.said
	switch string(key) {
	case "%NAME%":
		one = &said.name
	case "%VERSION%":
		one = &said.version
	case "%FILENAME%":
		one = &p.Filename
	case "%BASE%":
		one = &p.Base
	case "%DESC%":
		one, present = &p.Desc, &said.desc
	case "%URL%":
		one = &p.URL
	case "%ARCH%":
		one = &p.Arch
	case "%PACKAGER%":
		one = &p.Packager
	case "%BUILDDATE%":
		one = &said.buildDate
	case "%CSIZE%":
		one = &said.csize
	case "%ISIZE%":
		one = &said.isize
	case "%MD5SUM%":
		present = &said.md5
	case "%SHA256SUM%":
		one, present = &p.SHA256, &said.sha256
	case "%PGPSIG%":
		present = &said.pgp
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

// cutLine splits off the first line. rest is nil after the last one, which for libalpm is the empty one after the last
// newline: a key at the end of a file has a value if a newline follows it.
func cutLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// finish makes the package of what was collected. It is valid until begin. Its
// name and version are the directory's; ok is false if that has none.
func (d *descParser) finish() (p *wire.Package, ok bool) {
	said := &d.said
	p = &d.pkg
	text := string(d.text)
	for _, v := range d.values {
		if s := text[v.from:v.to]; v.one != nil {
			*v.one = s
		} else {
			*v.list = append(*v.list, s)
		}
	}
	p.Name, p.Version, ok = splitEntry(said.dir)
	p.EmptyDesc = said.desc && p.Desc == ""
	p.CSize, p.ISize, p.BuildDate = parseSize(said.csize), parseSize(said.isize), localInt(said.buildDate)
	for _, v := range [...]struct {
		present bool
		name    string
	}{{said.md5, "md5"}, {said.sha256, "sha256"}, {said.pgp, "pgp"}} {
		if v.present {
			p.Validation = append(p.Validation, v.name)
		}
	}
	return p, ok
}

// parseSize reads a number of bytes; 0 for what is none.
func parseSize(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0
	}
	return n
}

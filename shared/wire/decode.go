package wire

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/vmihailenco/msgpack/v5"
)

// Decode reads the result of one part of an answer into v, a pointer to a result
// of its operation. The lists of a SearchResult and an InfoResult grow by what
// the part has, so that decoding part after part into one value joins them. b
// must have passed Check; v may keep a copy of all of it.
//
// The two big results are decoded by hand: 85 packages take a quarter of the
// time that reflection takes, some 60 µs less, in a process that lives for 1.5 ms.
func Decode(b []byte, v any) error {
	var read func(*cursor)
	switch r := v.(type) {
	case *SearchResult:
		read = r.read
	case *InfoResult:
		read = r.read
	default:
		return msgpack.Unmarshal(b, v)
	}
	c := cursor{b: b, text: string(b)}
	read(&c)
	if c.err == nil && c.at != len(b) {
		c.fail("more than one value")
	}
	return c.err
}

// cursor reads values one after the other. After an error it reads nothing.
type cursor struct {
	b []byte
	// text is b once more: strings are parts of it, one allocation for all.
	text string
	at   int
	err  error
}

func (c *cursor) fail(want string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: no %s at byte %d", ErrMalformed, want, c.at)
	}
	c.at = len(c.b)
}

// head moves behind the first bytes of the next value and returns them, and how
// many values are inside.
func (c *cursor) head() (value []byte, inside int) {
	if c.err != nil || c.at >= len(c.b) {
		c.fail("value")
		return []byte{nilByte}, 0
	}
	value = c.b[c.at:]
	size, n, err := head(value)
	// What Check let through cannot get here; a caller that forgot it can.
	if err != nil || size > uint64(len(value)) || n > uint64(len(value)) {
		c.fail("value")
		return []byte{nilByte}, 0
	}
	c.at += int(size)
	return value[:size], int(n)
}

// nilByte is MessagePack's nil, which stands for an absent value everywhere.
const nilByte = 0xc0

func (c *cursor) str() string {
	start := c.at
	value, _ := c.head()
	if value[0] == nilByte {
		return ""
	}
	s, _, ok := CutString(value)
	if !ok {
		c.at = start
		c.fail("text")
		return ""
	}
	return c.text[c.at-len(s) : c.at]
}

func (c *cursor) uint(max uint64) uint64 {
	start := c.at
	value, _ := c.head()
	if value[0] == nilByte {
		return 0
	}
	v, ok := decodeUint(value)
	if !ok || v > max {
		c.at = start
		c.fail("number of its range")
		return 0
	}
	return v
}

func (c *cursor) int() int64 {
	start := c.at
	value, _ := c.head()
	switch code := value[0]; {
	case code >= 0xe0:
		return int64(int8(code))
	case code == 0xd0:
		return int64(int8(value[1]))
	case code == 0xd1:
		return int64(int16(binary.BigEndian.Uint16(value[1:])))
	case code == 0xd2:
		return int64(int32(binary.BigEndian.Uint32(value[1:])))
	case code == 0xd3:
		return int64(binary.BigEndian.Uint64(value[1:]))
	}
	c.at = start
	return int64(c.uint(math.MaxInt64))
}

func (c *cursor) float() float64 {
	start := c.at
	value, _ := c.head()
	switch value[0] {
	case 0xca:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(value[1:])))
	case 0xcb:
		return math.Float64frombits(binary.BigEndian.Uint64(value[1:]))
	}
	c.at = start
	return float64(c.int())
}

func (c *cursor) bool() bool {
	start := c.at
	switch value, _ := c.head(); value[0] {
	case 0xc3:
		return true
	case 0xc2, nilByte:
		return false
	}
	c.at = start
	c.fail("true or false")
	return false
}

// list returns how many values the list has that comes next.
func (c *cursor) list() int {
	start := c.at
	value, inside := c.head()
	switch code := value[0]; {
	case code&0xf0 == 0x90, code == 0xdc, code == 0xdd:
		return inside
	case code != nilByte:
		c.at = start
		c.fail("list")
	}
	return 0
}

func (c *cursor) strings() []string {
	n := c.list()
	if n == 0 {
		return nil
	}
	all := make([]string, n)
	for i := range all {
		all[i] = c.str()
	}
	return all
}

// pairs calls f for each key of the map that comes next; f reads the value, or
// returns false for a key it does not know.
func (c *cursor) pairs(f func(key string) bool) {
	start := c.at
	value, inside := c.head()
	switch code := value[0]; {
	case code&0xf0 == 0x80, code == 0xde, code == 0xdf:
	case code == nilByte:
		return
	default:
		c.at = start
		c.fail("map")
		return
	}
	for n := inside / 2; n > 0 && c.err == nil; n-- {
		if key := c.str(); !f(key) && c.err == nil {
			c.at += valueSize(c.b[c.at:])
		}
	}
}

func (r *SearchResult) read(c *cursor) {
	c.pairs(func(key string) bool {
		switch key {
		case "generation":
			r.Generation = c.uint(math.MaxUint64)
		case "total":
			r.Total = uint32(c.uint(math.MaxUint32))
		case "packages":
			r.Packages = readPackages(c, r.Packages)
		case "close":
			r.Close = append(r.Close, c.strings()...)
		case "sources":
			r.Sources = readSources(c, r.Sources)
		default:
			return false
		}
		return true
	})
}

func (r *InfoResult) read(c *cursor) {
	c.pairs(func(key string) bool {
		switch key {
		case "generation":
			r.Generation = c.uint(math.MaxUint64)
		case "packages":
			r.Packages = readPackages(c, r.Packages)
		case "missing":
			for n := c.list(); n > 0 && c.err == nil; n-- {
				var m Missing
				c.pairs(func(key string) bool {
					switch key {
					case "name":
						m.Name = c.str()
					case "close":
						m.Close = c.strings()
					default:
						return false
					}
					return true
				})
				r.Missing = append(r.Missing, m)
			}
		case "sources":
			r.Sources = readSources(c, r.Sources)
		default:
			return false
		}
		return true
	})
}

func readSources(c *cursor, all []Source) []Source {
	for n := c.list(); n > 0 && c.err == nil; n-- {
		var s Source
		c.pairs(func(key string) bool {
			switch key {
			case "name":
				s.Name = c.str()
			case "state":
				s.State = SourceState(c.str())
			case "why":
				s.Why = c.str()
			case "as_of":
				s.AsOf = c.int()
			case "changed":
				s.Changed = c.int()
			case "synced":
				s.Synced = c.int()
			default:
				return false
			}
			return true
		})
		all = append(all, s)
	}
	return all
}

// packageSize is about the least that a package takes encoded: a list of n in
// few bytes is no reason to make room for n packages.
const packageSize = 32

func readPackages(c *cursor, all []Package) []Package {
	n := c.list()
	if room := min(n, (len(c.b)-c.at)/packageSize+1); cap(all)-len(all) < room {
		grown := make([]Package, len(all), max(len(all)+room, 2*len(all)))
		copy(grown, all)
		all = grown
	}
	for ; n > 0 && c.err == nil; n-- {
		all = append(all, Package{})
		p := &all[len(all)-1]
		c.pairs(func(key string) bool { return p.read(c, key) })
	}
	return all
}

func (p *Package) read(c *cursor, key string) bool {
	switch key {
	case "repo":
		p.Repo = c.str()
	case "name":
		p.Name = c.str()
	case "version":
		p.Version = c.str()
	case "desc":
		p.Desc = c.str()
	case "groups":
		p.Groups = c.strings()
	case "aur":
		p.AUR = readAUR(c)
	case "base":
		p.Base = c.str()
	case "filename":
		p.Filename = c.str()
	case "arch":
		p.Arch = c.str()
	case "url":
		p.URL = c.str()
	case "licenses":
		p.Licenses = c.strings()
	case "provides":
		p.Provides = c.strings()
	case "depends":
		p.Depends = c.strings()
	case "optdepends":
		p.OptDepends = c.strings()
	case "makedepends":
		p.MakeDepends = c.strings()
	case "checkdepends":
		p.CheckDepends = c.strings()
	case "conflicts":
		p.Conflicts = c.strings()
	case "replaces":
		p.Replaces = c.strings()
	case "csize":
		p.CSize = c.uint(math.MaxUint64)
	case "isize":
		p.ISize = c.uint(math.MaxUint64)
	case "packager":
		p.Packager = c.str()
	case "builddate":
		p.BuildDate = c.int()
	case "validation":
		p.Validation = c.strings()
	case "sha256":
		p.SHA256 = c.str()
	case "installed":
		p.Installed = c.str()
	case "shadowed":
		p.Shadowed = c.bool()
	default:
		return false
	}
	return true
}

func readAUR(c *cursor) *AUR {
	a := &AUR{}
	c.pairs(func(key string) bool {
		switch key {
		case "votes":
			a.Votes = uint32(c.uint(math.MaxUint32))
		case "popularity":
			a.Popularity = c.float()
		case "outofdate":
			a.OutOfDate = c.int()
		case "maintainer":
			a.Maintainer = c.str()
		case "submitter":
			a.Submitter = c.str()
		case "comaintainers":
			a.CoMaintainers = c.strings()
		case "submitted":
			a.Submitted = c.int()
		case "modified":
			a.Modified = c.int()
		case "keywords":
			a.Keywords = c.strings()
		case "urlpath":
			a.URLPath = c.str()
		default:
			return false
		}
		return true
	})
	return a
}

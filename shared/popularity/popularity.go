// Package popularity reads the shares of machines that have a package, as pkgstats publishes them: the reply of
// https://pkgstats.archlinux.de/api/packages, which is described at https://pkgstats.archlinux.de/api/doc. A share is one of the numbers
// by which results of a search are sorted.
//
// The reply comes from the network. It is read as a stream, and refused as a whole if anything in it is wrong.
package popularity

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// Limits of a reply. One with 10,000 packages has 1.3 MB.
const (
	// MaxBytes is the maximum size of a reply.
	MaxBytes = 16 << 20
	// maxPackages is the maximum number of packages in a reply.
	maxPackages = 100_000
	// maxName is the maximum length of a name in bytes.
	maxName = 255
	// maxDepth is the maximum depth of objects and arrays in values that are not used.
	maxDepth = 16
	// maxKeys is the maximum number of keys of an object. The decoder remembers the keys of an object until its end.
	maxKeys = 100
	// maxUnused is the maximum number of values in a value that is not used, including keys.
	maxUnused = 1000
)

// fileName is the name of the file in the data directory in which omgd keeps the last good reply.
const fileName = "popularity.json"

// Path returns the path of the kept file in a data directory.
func Path(dataDir string) string { return filepath.Join(dataDir, fileName) }

// ErrFormat means that the content is not a list of packages with their popularity.
var ErrFormat = errors.New("not a list of packages with their popularity, as pkgstats publishes it")

// Share is the share of machines that have a package, in hundredths of a percent.
type Share uint16

// MaxShare is the share of a package that all machines have.
const MaxShare Share = 100 * 100

// Percent returns the share in percent.
func (s Share) Percent() float64 { return float64(s) / 100 }

// Shares are the shares of packages. The zero value and nil have none.
type Shares struct {
	// SHA256 is the digest of the file in lower-case hexadecimal.
	SHA256 string
	byName map[string]Share
}

// Of returns the share of the package with this name, and whether it is known.
func (s *Shares) Of(name string) (Share, bool) {
	if s == nil {
		return 0, false
	}
	share, ok := s.byName[name]
	return share, ok
}

// All returns the names of the packages in ascending order, and their shares.
func (s *Shares) All() iter.Seq2[string, Share] {
	return func(yield func(string, Share) bool) {
		for _, name := range slices.Sorted(maps.Keys(s.byName)) {
			if !yield(name, s.byName[name]) {
				return
			}
		}
	}
}

// New returns the given shares, which New keeps, as if they had been read from the file that Reply returns. An error wraps ErrFormat if no
// reply can have them.
func New(byName map[string]Share) (*Shares, error) {
	s := &Shares{byName: byName}
	reply, parsed := s.Reply(), &Shares{}
	if err := parsed.parse(bytes.NewReader(reply)); err != nil {
		return nil, err
	}
	if !maps.Equal(parsed.byName, byName) {
		return nil, formatErrorf("a name is not UTF-8")
	}
	s.SHA256 = hexDigest(reply)
	return s, nil
}

// Reply returns the shares in the form of a reply of pkgstats, which Read can read. Equal shares give equal bytes.
func (s *Shares) Reply() []byte {
	b := fmt.Appendf(nil, `{"count":%d,"packagePopularities":[`, s.Len())
	for name, share := range s.All() {
		if b[len(b)-1] == '}' {
			b = append(b, ',')
		}
		b = append(b, "\n"+`{"name":`...)
		b, _ = jsontext.AppendQuote(b, name) // New refuses a name that is not UTF-8
		b = strconv.AppendFloat(append(b, `,"popularity":`...), share.Percent(), 'f', -1, 64)
		b = append(b, '}')
	}
	return append(b, "\n]}\n"...)
}

// Len returns the number of packages with a known share.
func (s *Shares) Len() int { return len(s.byName) }

// Read reads the file at path. An error wraps ErrFormat if its content is not the reply of pkgstats.
func Read(ctx context.Context, path string) (*Shares, error) {
	s := &Shares{}
	file, err := sourcefile.ReadAt(ctx, path, func(in io.Reader, _ io.ReaderAt, size int64) error {
		if size > MaxBytes {
			return formatErrorf("it has %d bytes, at most %d are allowed", size, MaxBytes)
		}
		return s.parse(bufio.NewReaderSize(in, 64<<10))
	})
	if err != nil {
		return nil, err
	}
	s.SHA256 = file.HexDigest()
	return s, nil
}

// ReadKept reads the file that omgd keeps. The function isTrusted reports whether a user may own it. An error wraps fs.ErrNotExist if there
// is no file.
func ReadKept(path string, isTrusted func(uid uint32) bool) (*Shares, error) {
	file, _, err := sourcefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	s := &Shares{}
	content, _, err := paths.ReadTrustedFile(file, MaxBytes, isTrusted)
	if err == nil {
		err = s.parse(bytes.NewReader(content))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.SHA256 = hexDigest(content)
	return s, nil
}

func hexDigest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func formatErrorf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
}

// parse reads a reply. The decoder refuses invalid UTF-8, and keys that an object has twice.
func (s *Shares) parse(in io.Reader) error {
	s.byName = map[string]Share{}
	p := parser{jsontext.NewDecoder(in), s.byName}
	err := p.readReply()
	switch wrong := new(jsontext.SyntacticError); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w", ErrFormat, sourcefile.ErrTruncated)
	case errors.As(err, &wrong):
		return formatErrorf("at byte %d: %w", wrong.ByteOffset, wrong.Err)
	}
	return err
}

// parser reads a reply. The Kind of a value is 0 if the value cannot be read; reading it then returns the error.
type parser struct {
	*jsontext.Decoder
	byName map[string]Share
}

// begin reads the beginning of an object or array.
func (p *parser) begin(kind jsontext.Kind, mistake string) error {
	if found := p.PeekKind(); found != kind && found != 0 {
		return formatErrorf("%s", mistake)
	}
	_, err := p.ReadToken()
	return err
}

// readObject calls the function readValue for each key of an object. It must read the value.
func (p *parser) readObject(mistake string, readValue func(key string) error) error {
	if err := p.begin('{', mistake); err != nil {
		return err
	}
	keys := 0
	for kind := p.PeekKind(); kind != '}' && kind != 0; kind = p.PeekKind() {
		if keys++; keys > maxKeys {
			return formatErrorf("an object has more than %d keys", maxKeys)
		}
		key, err := p.ReadToken()
		if err != nil {
			return err
		}
		if err := readValue(key.String()); err != nil {
			return err
		}
	}
	_, err := p.ReadToken()
	return err
}

// readReply reads the reply to its end.
func (p *parser) readReply() error {
	count, hasList := -1.0, false
	err := p.readObject("it is not a JSON object", func(key string) (err error) {
		switch key {
		case "count":
			count, err = p.readNumber(key)
			return err
		case "packagePopularities":
			hasList = true
			return p.readList()
		}
		return p.skipValue()
	})
	switch {
	case err != nil:
		return err
	case !hasList:
		return formatErrorf("packagePopularities is missing")
	case count != float64(len(p.byName)):
		return formatErrorf("count is not the number of packages, which is %d", len(p.byName))
	case len(p.byName) == 0:
		return formatErrorf("it has no packages")
	}
	if _, err := p.ReadToken(); !errors.Is(err, io.EOF) {
		return formatErrorf("the JSON object is not all of it")
	}
	return nil
}

// readList reads the list of packages.
func (p *parser) readList() error {
	if err := p.begin('[', "packagePopularities is not an array"); err != nil {
		return err
	}
	for kind := p.PeekKind(); kind != ']' && kind != 0; kind = p.PeekKind() {
		if len(p.byName) == maxPackages {
			return formatErrorf("it has more than %d packages", maxPackages)
		}
		if err := p.readPackage(); err != nil {
			return err
		}
	}
	_, err := p.ReadToken()
	return err
}

// readPackage reads an element of the list.
func (p *parser) readPackage() error {
	name, percent := "", -1.0
	err := p.readObject("a package is not an object", func(key string) (err error) {
		switch key {
		case "name":
			name, err = p.readName()
			return err
		case "popularity":
			percent, err = p.readNumber(key)
			return err
		}
		return p.skipValue()
	})
	switch _, twice := p.byName[name]; {
	case err != nil:
		return err
	case name == "":
		return formatErrorf("a package has no name")
	case twice:
		return formatErrorf("it has the package %q twice", name)
	case percent < 0 || percent > MaxShare.Percent():
		return formatErrorf("the popularity of %q is not a number from 0 to 100", name)
	}
	p.byName[name] = Share(math.Round(percent * 100))
	return nil
}

func (p *parser) readName() (string, error) {
	if kind := p.PeekKind(); kind != '"' && kind != 0 {
		return "", formatErrorf("a name is not a string")
	}
	token, err := p.ReadToken()
	if err != nil {
		return "", err
	}
	name := token.String()
	if len(name) > maxName {
		return "", formatErrorf("a name has %d bytes", len(name))
	}
	return name, nil
}

func (p *parser) readNumber(key string) (float64, error) {
	if kind := p.PeekKind(); kind != '0' && kind != 0 {
		return 0, formatErrorf("%s is not a number", key)
	}
	token, err := p.ReadToken()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseFloat(token.String(), 64)
	if err != nil {
		return 0, formatErrorf("%s is too large", key)
	}
	return n, nil
}

// skipValue reads a value that is not used.
func (p *parser) skipValue() error {
	for depth, count := p.StackDepth(), 0; ; {
		if count++; count > maxUnused {
			return formatErrorf("a value that is not used has more than %d values", maxUnused)
		}
		if _, err := p.ReadToken(); err != nil {
			return err
		}
		switch now := p.StackDepth(); {
		case now == depth:
			return nil
		case now > depth+maxDepth:
			return formatErrorf("more than %d values are inside each other", maxDepth)
		}
	}
}

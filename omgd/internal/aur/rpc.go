package aur

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/wire"
)

// The errors of a query, besides those of package fetch.
var (
	// ErrTooManyMatches means that more packages match a query than the AUR returns.
	ErrTooManyMatches = errors.New("too many packages match")
	// ErrTooShort means that the word in a query is too short for the AUR.
	ErrTooShort = errors.New("the AUR needs at least two letters")
	// ErrNoFile means that the AUR does not have a file.
	ErrNoFile = errors.New("the AUR does not have this file")
	// ErrInvalidReply means that the AUR's reply is not valid.
	ErrInvalidReply = errors.New("invalid reply from the AUR")
)

// maxAnswer is the limit of a reply in bytes. The AUR returns at most 5,000 results, which together have
// about 3 MB.
const maxAnswer = 16 << 20

// maxNamesPerRequest is the largest number of names in one info request. The AUR's server accepts a URL of about 8,000
// bytes, and each name adds about 30 bytes to the URL.
const maxNamesPerRequest = 150

// maxName is the length of the longest name that is accepted, in bytes. The AUR's own limit is lower.
const maxName = 255

// query is a search or info request to the AUR.
type query struct {
	path string
	// A search has the name of a package field (field) and the text that it looks for (value). In every result
	// this field contains this text, but a reply does not have all fields.
	field, value string
	// isFile means that the reply is a file.
	isFile bool
	user   uint32 // the UID of the user whose request causes the query; 0 if its replies are for all users
}

// key returns the key under which the reply to a query is stored. Users do not share replies, because the
// speed or the age of a reply would tell a user what other users search for.
func (q query) key() string {
	if q.user == 0 {
		return q.path
	}
	return strconv.FormatUint(uint64(q.user), 10) + q.path
}

// newSearchQuery returns a query for the packages that have this value in this field.
func newSearchQuery(by, value string) query {
	return query{path: "/rpc/v5/search/" + url.PathEscape(value) + "?by=" + url.QueryEscape(by), field: by, value: value}
}

// infoQuery returns a query for all fields of the packages with these names.
func infoQuery(names []string) query {
	return query{path: "/rpc/v5/info?" + url.Values{"arg[]": names}.Encode()}
}

// pkgbuildQuery returns a query for the PKGBUILD of a package base.
func pkgbuildQuery(base string) query {
	return query{path: "/cgit/aur.git/plain/PKGBUILD?h=" + url.QueryEscape(base), isFile: true}
}

// readFile sends a query for a file and returns the file.
func (a *AUR) readFile(ctx context.Context, q query, total time.Duration) ([]byte, error) {
	var body bytes.Buffer
	_, err := a.Fetch.Get(ctx, fetch.Request{URL: a.base + q.path, MaxBytes: wire.MaxPKGBUILD, Timeout: total}, &body)
	var refused *fetch.StatusError
	if errors.As(err, &refused) && refused.Code == http.StatusNotFound {
		return nil, ErrNoFile
	}
	return body.Bytes(), err
}

// ask sends a query and reads the reply. It leaves out invalid results, such as a package with an invalid
// name, and returns how many they are.
func (a *AUR) ask(ctx context.Context, q query, total time.Duration) (packages []wire.Package, leftOut int, err error) {
	var body bytes.Buffer
	if _, err := a.Fetch.Get(ctx, fetch.Request{URL: a.base + q.path, MaxBytes: maxAnswer, Timeout: total}, &body); err != nil {
		return nil, 0, err
	}
	var reply struct {
		Version int               `json:"version"`
		Type    string            `json:"type"`
		Error   string            `json:"error"`
		Results []json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal(body.Bytes(), &reply); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrInvalidReply, err)
	}
	switch {
	case reply.Type == "error" && strings.HasPrefix(reply.Error, "Too many"):
		return nil, 0, ErrTooManyMatches
	case reply.Type == "error" && strings.HasPrefix(reply.Error, "Query arg too small"):
		return nil, 0, ErrTooShort
	case reply.Type == "error":
		return nil, 0, fmt.Errorf("%w: error %.100q", ErrInvalidReply, reply.Error)
	case reply.Version != 5 || reply.Type != "search" && reply.Type != "multiinfo":
		return nil, 0, fmt.Errorf("%w: version %d, type %.20q", ErrInvalidReply, reply.Version, reply.Type)
	}
	packages = make([]wire.Package, 0, len(reply.Results))
	for _, raw := range reply.Results {
		p, err := aurdump.DecodePackage(raw)
		if err != nil {
			leftOut++
			continue
		}
		packages = append(packages, q.addSearchedField(*p))
	}
	return packages, leftOut, nil
}

// validName reports whether name can be the name of a package.
func validName(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' })
}

// addSearchedField adds the value of a search to a package that the search has found. It does so only for fields
// that are missing in the AUR's search results.
func (q query) addSearchedField(p wire.Package) wire.Package {
	switch q.field {
	case "provides":
		if p.Name != q.value {
			p.Provides = append(p.Provides, q.value)
		}
	case "groups":
		p.Groups = append(p.Groups, q.value)
	case "depends":
		p.Depends = append(p.Depends, q.value)
	case "keywords":
		p.AUR.Keywords = append(p.AUR.Keywords, q.value)
	}
	return p
}

package fakeserver

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// DumpURLPath is the path of the AUR's metadata dump.
const DumpURLPath = "/packages-meta-ext-v1.json.gz"

const (
	maxResults = 5000
	minLetters = 2
)

// Record is a package in the AUR.
type Record struct {
	ID             int
	Name           string
	PackageBaseID  int
	PackageBase    string
	Version        string
	Description    *string
	URL            *string
	NumVotes       int
	Popularity     float64
	OutOfDate      *int64
	Maintainer     *string
	FirstSubmitted int64
	LastModified   int64
	URLPath        *string
}

// Details are the fields that only the dump and replies to info requests contain.
type Details struct {
	Submitter     *string  `json:",omitempty"`
	Depends       []string `json:",omitempty"`
	MakeDepends   []string `json:",omitempty"`
	OptDepends    []string `json:",omitempty"`
	CheckDepends  []string `json:",omitempty"`
	Conflicts     []string `json:",omitempty"`
	Provides      []string `json:",omitempty"`
	Replaces      []string `json:",omitempty"`
	Groups        []string `json:",omitempty"`
	CoMaintainers []string `json:",omitempty"`
	License       []string
	Keywords      []string
	// PendingRequests is only in replies to info requests. Older versions of aurweb do not have it.
	PendingRequests *int `json:",omitempty"`
}

// Package is a record with all fields, as the dump and replies to info requests contain it.
type Package struct {
	Record
	Details
}

// AUR answers from records, as aurweb does.
type AUR struct {
	mu       sync.Mutex
	packages []Package
	dump     []byte // gzip
	modified time.Time
	// checksum replaces the file with the checksum of the dump, unless it is empty.
	checksum string
	pkgbuild string // see SetPKGBUILD
	// Archive is the git archive; nil if it is not served. It must be set before the first request.
	Archive *GitArchive
}

// NewAUR creates an AUR from a metadata dump.
func NewAUR(t testing.TB, dump string) *AUR {
	t.Helper()
	f, err := os.Open(dump)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var packages []Package
	require.NoError(t, json.NewDecoder(z).Decode(&packages))
	a := &AUR{}
	a.Replace(t, packages)
	return a
}

// Packages returns the records.
func (a *AUR) Packages() []Package {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.packages)
}

// Replace replaces the packages, and writes a new dump.
func (a *AUR) Replace(t testing.TB, packages []Package) {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	require.NoError(t, err)
	dumped := slices.Clone(packages)
	for i := range dumped {
		dumped[i].PendingRequests = nil
	}
	require.NoError(t, json.NewEncoder(z).Encode(dumped))
	require.NoError(t, z.Close())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.packages, a.dump, a.modified = packages, b.Bytes(), time.Now()
}

// ReplaceLive replaces the packages, but not the dump, which is then older than the packages.
func (a *AUR) ReplaceLive(packages []Package) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.packages = packages
}

// SetModified sets the time at which the dump was written.
func (a *AUR) SetModified(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.modified = at
}

// SetChecksum replaces the file with the checksum of the dump. If text is empty, the checksum is right again.
func (a *AUR) SetChecksum(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.checksum = text
}

// sendChecksum sends the file with the checksum of the dump, as aurweb writes it.
func (a *AUR) sendChecksum(w http.ResponseWriter) {
	a.mu.Lock()
	text := cmp.Or(a.checksum, fmt.Sprintf("SHA256 (%s) = %x", strings.TrimPrefix(DumpURLPath, "/"), sha256.Sum256(a.dump)))
	a.mu.Unlock()
	_, _ = io.WriteString(w, text)
}

func (a *AUR) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, q := r.URL.EscapedPath(), r.URL.Query()
	last := func() string {
		s, _ := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:])
		return s
	}
	switch {
	case a.Archive != nil && strings.HasPrefix(path, ArchiveURLPath+"/"):
		a.Archive.handler.ServeHTTP(w, r)
	case path == DumpURLPath:
		a.serveDump(w, r)
	case path == DumpURLPath+".sha256":
		a.sendChecksum(w)
	case path == "/rpc", path == "/rpc/":
		a.serveOldAPI(w, r, q)
	case strings.HasPrefix(path, "/rpc/v5/search/"):
		a.sendReply(w, r, a.search(last(), q.Get("by")))
	case path == "/rpc/v5/info":
		a.sendReply(w, r, a.info(append(q["arg[]"], q["arg"]...)))
	case strings.HasPrefix(path, "/rpc/v5/info/"):
		a.sendReply(w, r, a.info([]string{last()}))
	case path == "/cgit/aur.git/plain/PKGBUILD":
		a.sendPKGBUILD(w, r, q.Get("h"))
	default:
		http.NotFound(w, r)
	}
}

// SetPKGBUILD sets the PKGBUILD of all package bases. If text is empty, each has a short one.
func (a *AUR) SetPKGBUILD(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pkgbuild = text
}

// sendPKGBUILD sends the PKGBUILD of a package base, as cgit does.
func (a *AUR) sendPKGBUILD(w http.ResponseWriter, r *http.Request, base string) {
	a.mu.Lock()
	text := cmp.Or(a.pkgbuild, "pkgname="+base+"\n")
	a.mu.Unlock()
	isBase := func(p Package) bool { return cmp.Or(p.PackageBase, p.Name) == base }
	if !slices.ContainsFunc(a.Packages(), isBase) {
		http.NotFound(w, r)
		return
	}
	_, _ = io.WriteString(w, text)
}

// serveOldAPI answers requests to the AUR's older URL /rpc, which have all parameters in the query string.
func (a *AUR) serveOldAPI(w http.ResponseWriter, r *http.Request, q url.Values) {
	switch v := q.Get("v"); {
	case v == "":
		a.sendReply(w, r, errorReply("Please specify an API version."))
	case v != "5":
		a.sendReply(w, r, errorReply("Invalid version specified."))
	default:
		switch q.Get("type") {
		case "search":
			a.sendReply(w, r, a.search(q.Get("arg"), q.Get("by")))
		case "info", "multiinfo":
			a.sendReply(w, r, a.info(append(q["arg[]"], q["arg"]...)))
		case "":
			a.sendReply(w, r, errorReply("No request type/data specified."))
		default:
			a.sendReply(w, r, errorReply("Incorrect request type specified."))
		}
	}
}

type reply struct {
	Error       string `json:"error,omitempty"`
	ResultCount int    `json:"resultcount"`
	Results     any    `json:"results"`
	Type        string `json:"type"`
	Version     int    `json:"version"`
}

func errorReply(text string) reply {
	return reply{Error: text, Results: []int{}, Type: "error", Version: 5}
}

// search searches as aurweb does. Names and descriptions match if they contain arg. Every other field matches only if
// one of its values, without a version, equals arg. A search in provides also finds the package whose name is arg.
func (a *AUR) search(arg, by string) reply {
	in := func(list func(*Package) []string) func(*Package) bool {
		return func(p *Package) bool {
			return slices.ContainsFunc(list(p), func(v string) bool {
				if i := strings.IndexAny(v, "<>=:"); i >= 0 {
					v = v[:i]
				}
				return strings.EqualFold(v, arg)
			})
		}
	}
	has := func(s, part string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(part)) }
	is := func(s *string) bool { return strings.EqualFold(stringOrEmpty(s), arg) }
	var match func(*Package) bool
	switch by {
	case "name":
		match = func(p *Package) bool { return has(p.Name, arg) }
	case "", "name-desc":
		by = "name-desc"
		match = func(p *Package) bool { return has(p.Name, arg) || has(stringOrEmpty(p.Description), arg) }
	case "maintainer":
		match = func(p *Package) bool { return is(p.Maintainer) }
	case "submitter":
		match = func(p *Package) bool { return is(p.Submitter) }
	case "depends":
		match = in(func(p *Package) []string { return p.Depends })
	case "makedepends":
		match = in(func(p *Package) []string { return p.MakeDepends })
	case "optdepends":
		match = in(func(p *Package) []string { return p.OptDepends })
	case "checkdepends":
		match = in(func(p *Package) []string { return p.CheckDepends })
	case "provides":
		match = in(func(p *Package) []string { return append([]string{p.Name}, p.Provides...) })
	case "conflicts":
		match = in(func(p *Package) []string { return p.Conflicts })
	case "replaces":
		match = in(func(p *Package) []string { return p.Replaces })
	case "groups":
		match = in(func(p *Package) []string { return p.Groups })
	case "keywords":
		match = in(func(p *Package) []string { return p.Keywords })
	case "comaintainers":
		match = in(func(p *Package) []string { return p.CoMaintainers })
	default:
		return errorReply("Incorrect by field specified.")
	}
	if len(arg) < minLetters && (by == "name" || by == "name-desc") {
		return errorReply("Query arg too small.")
	}
	found := []Record{}
	for _, p := range a.Packages() {
		if match(&p) {
			found = append(found, p.Record)
		}
	}
	if len(found) > maxResults {
		return errorReply("Too many package results.")
	}
	return reply{ResultCount: len(found), Results: found, Type: "search", Version: 5}
}

func stringOrEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (a *AUR) info(names []string) reply {
	if len(names) == 0 {
		return errorReply("No request type/data specified.")
	}
	found := []Package{}
	for _, p := range a.Packages() {
		if slices.Contains(names, p.Name) {
			found = append(found, p)
		}
	}
	return reply{ResultCount: len(found), Results: found, Type: "multiinfo", Version: 5}
}

// sendReply sends a reply with its digest as ETag, compressed if the client accepts that. If the client already has the
// reply, answer sends the status 304.
func (a *AUR) sendReply(w http.ResponseWriter, r *http.Request, reply reply) {
	body, err := json.Marshal(reply)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, md5.Sum(body)))
	if r.Header.Get("If-None-Match") == w.Header().Get("ETag") {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		_, _ = w.Write(body)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = z.Write(body)
	_ = z.Close()
}

// serveDump sends the dump like the AUR's server: as a gzip file with the header "Content-Encoding: gzip".
func (a *AUR) serveDump(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	dump, modified := a.dump, a.modified
	a.mu.Unlock()
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(dump)))
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Encoding", "gzip")
	http.ServeContent(w, r, "", modified, bytes.NewReader(dump))
}

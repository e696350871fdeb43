// Package answers turns a request and the data it asks for into a result. The
// daemon's handlers and a client without a daemon both call it, so that they
// say the same.
//
// A result is MessagePack, ready to be sent: the records of an index are
// copied into it, never decoded. It comes in parts of at most MaxPart bytes,
// whose lists are to be joined (package wire says how).
package answers

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// MaxPart is where a result is cut into parts. An element of MessagePack has at
// least one byte, so that a part of this size can never have more elements than
// a frame may.
const MaxPart = 60 << 10

// searchTime is how long an expression may take: real ones take milliseconds,
// but some can be written that take minutes over all packages.
const searchTime = 5 * time.Second

// Data is what requests are answered from: one state of everything.
type Data struct {
	Set *pkgindex.Set
	// SetWhy says why the Set has no repository's packages; empty if it has.
	SetWhy     string
	Generation uint64
	// Sources are sent along with each answer.
	Sources []wire.Source
	// Compared are the databases that the Inventory was compared with, where some are
	// not those that the Set has; nil for Sources.
	Compared []wire.Source
	// Inventory is what is installed; nil if it is not known.
	Inventory *inventory.Inventory
	// InstalledWhy says why the Inventory is missing or no longer certain; empty
	// if it is right. At is when it was last found right, in Unix seconds.
	InstalledWhy string
	At           int64
	// Built is when the index was built, in Unix seconds, and Files its files.
	Built int64
	Files []string
	// Security is what the security tracker says of it; nil where it is not asked.
	Security *Security
	// Foreign is how what no repository has compares with the AUR; nil where nobody
	// compared.
	Foreign *Foreign
	// Runtimes are those that a new shell would run; nil where nobody looks.
	Runtimes []wire.Runtime
	// SystemRuntimes are the versions of those that are packages.
	SystemRuntimes map[string]string
	// Parts are parts of the daemon that do not work as they should.
	Parts []wire.Part

	encoded sourcesEncoded
	counted *wire.Counts // of this Inventory, once prepared
}

// sourcesEncoded are sources as they stand in an answer. It remembers which list
// that was: who answers with another one gets that.
type sourcesEncoded struct {
	of    []wire.Source
	bytes []byte
}

// Prepare does once what is the same for all answers from this data.
func (d *Data) Prepare() {
	if b, err := msgpack.Marshal(d.Sources); err == nil {
		d.encoded = sourcesEncoded{d.Sources, b}
	}
	if d.Inventory != nil {
		c := counts(d.Inventory)
		d.counted = &c
	}
}

// sources writes the sources that an answer rests on.
func (d *Data) sources(w *writer) {
	of := d.encoded.of
	if len(of) == len(d.Sources) && unsafe.SliceData(of) == unsafe.SliceData(d.Sources) && d.encoded.bytes != nil {
		w.key("sources")
		w.buf.Write(d.encoded.bytes)
		return
	}
	w.value("sources", d.Sources)
}

// installed returns the installed version of a package, empty for none.
func (d *Data) installed(name string) string {
	if d.Inventory == nil {
		return ""
	}
	return d.Inventory.Versions[name]
}

// Emit takes one part of a result. It may not keep the bytes.
type Emit func(result []byte, more bool) error

// Search answers a SearchRequest. An error that wraps pkgindex.ErrQuery is the
// asker's.
func (d *Data) Search(r *wire.SearchRequest, emit Emit) error {
	found, near, err := d.find(r)
	if err != nil {
		return err
	}
	w := newWriter(emit)
	defer w.done()
	fields := 4
	if len(near) > 0 {
		fields++
	}
	w.mapLen(fields)
	w.uint("generation", d.Generation)
	w.uint("total", uint64(found.Total))
	d.sources(w)
	if len(near) > 0 {
		w.value("close", near)
	}
	if err := d.packages(w, found.Hits, false); err != nil {
		return err
	}
	return w.flush(false)
}

// find searches, and returns names that are close when there is nothing.
func (d *Data) find(r *wire.SearchRequest) (found pkgindex.Result, near []string, err error) {
	if err := d.searchable(onlyAUR(r)); err != nil {
		return found, nil, err
	}
	q, err := pkgindex.ParseQuery(r)
	if err != nil {
		return found, nil, err
	}
	ctx := context.Background()
	if r.Regex {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, searchTime)
		defer cancel()
	}
	if found, err = d.Set.Search(ctx, q, int(r.Limit)); err != nil {
		return found, nil, err
	}
	if found.Total == 0 {
		if repo := d.Set.Unknown(q); repo == wire.SourceAUR {
			return found, nil, d.noAUR()
		} else if repo != "" {
			return found, nil, d.noRepo(repo)
		}
		near, err = d.near(r)
	}
	return found, near, err
}

// searchable is an error when there is nothing to search in: what the AUR has is
// half an answer, unless that is what was asked for.
func (d *Data) searchable(onlyAUR bool) error {
	if d.SetWhy != "" && d.Set.RepoPackages() == 0 && !(onlyAUR && d.HasAUR()) {
		return fmt.Errorf("%w: %s", ErrNoRepos, d.SetWhy)
	}
	return nil
}

// noRepo is the error for a repository that there is not.
func (d *Data) noRepo(name string) error {
	return fmt.Errorf("%w: no repository %q: there are %s", pkgindex.ErrQuery, name, strings.Join(d.Set.Repos(), ", "))
}

// near collects names that are close to the plain words of a request.
func (d *Data) near(r *wire.SearchRequest) ([]string, error) {
	const most = 5
	if r.Regex {
		return nil, nil
	}
	var near []string
	for _, w := range r.Words[:min(len(r.Words), maxNear)] {
		names, err := d.Set.Close(w)
		if err != nil {
			return nil, err
		}
		near = append(near, names...)
	}
	return near[:min(len(near), most)], nil
}

const (
	// maxNames is how many packages one request may name: those that are not
	// found have to fit into one part.
	maxNames = 10_000
	// maxNear is for how many words or missing names close ones are looked for,
	// which compares with every name there is.
	maxNear = 20
)

// Info answers an InfoRequest. An error that wraps pkgindex.ErrQuery is the
// asker's.
func (d *Data) Info(r *wire.InfoRequest, emit Emit) error { return d.info(r, emit, false) }

// InfoHere answers as Info does, unless a name is in nothing that there is here:
// then the error is ErrLacking.
func (d *Data) InfoHere(r *wire.InfoRequest, emit Emit) error { return d.info(r, emit, true) }

func (d *Data) info(r *wire.InfoRequest, emit Emit, all bool) error {
	if err := d.searchable(namesOnlyAUR(r)); err != nil {
		return err
	}
	hits, lacking, err := d.lookup(r.Names)
	if err != nil {
		return err
	}
	if all && slices.ContainsFunc(lacking, func(target string) bool { _, ok := ofAUR(target); return ok }) {
		return ErrLacking
	}
	if namesOnlyAUR(r) && !d.HasAUR() {
		return d.noAUR() // as for a search there: not known is not missing
	}
	var missing []wire.Missing
	for _, target := range lacking {
		m, err := d.missing(target, len(missing))
		if err != nil {
			return err
		}
		missing = append(missing, m)
	}
	w := newWriter(emit)
	defer w.done()
	fields := 3
	if len(missing) > 0 {
		fields++
	}
	w.mapLen(fields)
	w.uint("generation", d.Generation)
	d.sources(w)
	if len(missing) > 0 {
		w.value("missing", missing)
	}
	if err := d.packages(w, hits, true); err != nil {
		return err
	}
	return w.flush(false)
}

// lookup finds packages by name, or "repository/name"; lacking are those of the
// targets that are not found.
func (d *Data) lookup(targets []string) (hits []pkgindex.Hit, lacking []string, err error) {
	if len(targets) > maxNames {
		return nil, nil, fmt.Errorf("%w: %d names, at most %d are looked up at once", pkgindex.ErrQuery, len(targets), maxNames)
	}
	for _, target := range targets {
		repo, name, ok := strings.Cut(target, "/")
		switch {
		case !ok:
			repo, name = "", target
		case repo == "": // "/name": of any repository is what has no slash
			lacking = append(lacking, target)
			continue
		}
		found, err := d.Set.Lookup(repo, name)
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 {
			lacking = append(lacking, target)
		}
		hits = append(hits, found...)
	}
	return hits, lacking, nil
}

// missing is a target that is not found, behind so many others, with names that
// come close.
func (d *Data) missing(target string, others int) (wire.Missing, error) {
	repo, name, ok := strings.Cut(target, "/")
	m := wire.Missing{Name: target}
	if !ok {
		repo, name = "", target
	}
	var err error
	if others < maxNear && (repo == "" || d.Set.HasRepo(repo)) {
		m.Close, err = d.Set.Close(name)
	}
	return m, err
}

// packages writes the key "packages" and the list of the hits.
func (d *Data) packages(w *writer, hits []pkgindex.Hit, withDetails bool) error {
	w.list("packages")
	var failed error
	err := d.Set.ReadAll(hits, withDetails, func(h pkgindex.Hit, summary, details pkgindex.Record) bool {
		var concerns []string
		if d.Security != nil && withDetails && d.Set.Kind(h) == pkgindex.KindRepo {
			concerns = d.Security.words[summary.Name()]
		}
		if failed = w.next(len(summary.Bytes) + len(details.Bytes) + textLen(concerns)); failed != nil {
			return false
		}
		pairs := summary.Pairs + details.Pairs
		installed := d.installed(summary.Name())
		if installed != "" {
			pairs++
		}
		shadowed := d.shadowed(h, summary)
		if shadowed {
			pairs++
		}
		if len(concerns) > 0 {
			pairs++
		}
		w.element(pairs)
		w.buf.Write(summary.Bytes)
		w.buf.Write(details.Bytes)
		if installed != "" {
			w.str("installed", installed)
		}
		if shadowed {
			w.key("shadowed")
			_ = w.enc.EncodeBool(true)
		}
		if len(concerns) > 0 {
			w.value("advisories", concerns)
		}
		return true
	})
	if failed != nil {
		return failed
	}
	return err
}

// textLen is more than texts take in an answer.
func textLen(list []string) int {
	n := 0
	for _, s := range list {
		n += len(s) + 8
	}
	return n
}

// shadowed says that a repository has a package of the AUR package's name.
func (d *Data) shadowed(h pkgindex.Hit, summary pkgindex.Record) bool {
	if d.Set.Kind(h) != pkgindex.KindAUR {
		return false
	}
	found, err := d.Set.InRepos(summary.Name())
	return err == nil && found
}

// writer builds the parts of one result. The encoder writes to memory, where
// errors cannot occur.
type writer struct {
	emit  Emit
	buf   bytes.Buffer
	enc   *msgpack.Encoder
	count uint32 // elements of the open list
	at    int    // where its length stands
}

// newWriter begins an answer.
func newWriter(emit Emit) *writer {
	w := writers.Get().(*writer)
	w.emit = emit
	w.buf.Reset()
	w.count = 0
	return w
}

// done gives a writer back.
func (w *writer) done() {
	w.emit = nil
	if w.buf.Cap() <= 2*MaxPart {
		writers.Put(w)
	}
}

var writers = sync.Pool{New: func() any {
	w := &writer{}
	w.buf.Grow(4 << 10)
	w.enc = msgpack.NewEncoder(&w.buf)
	return w
}}

func (w *writer) mapLen(n int)   { _ = w.enc.EncodeMapLen(n) }
func (w *writer) key(key string) { _ = w.enc.EncodeString(key) }

func (w *writer) uint(key string, v uint64) {
	w.key(key)
	_ = w.enc.EncodeUint(v)
}

func (w *writer) str(key, v string) {
	w.key(key)
	_ = w.enc.EncodeString(v)
}

func (w *writer) value(key string, v any) {
	w.key(key)
	_ = w.enc.Encode(v)
}

// list begins the last value of a part: a list whose length is not known yet.
func (w *writer) list(key string) {
	const array32 = 0xdd
	w.key(key)
	w.buf.Write([]byte{array32, 0, 0, 0, 0})
	w.at, w.count = w.buf.Len()-4, 0
}

// element begins an element that is a map of so many pairs.
func (w *writer) element(pairs int) {
	w.count++
	w.mapLen(pairs)
}

// full says that an element of so many bytes goes into the next part.
func (w *writer) full(n int) bool {
	const overlay = 64 // what may be added to a record
	return w.count > 0 && w.buf.Len()+n+overlay > MaxPart
}

// next begins a part for an element of so many bytes where this one is full: one
// that has nothing but more of the list of packages.
func (w *writer) next(n int) error {
	if !w.full(n) {
		return nil
	}
	if err := w.flush(true); err != nil {
		return err
	}
	w.mapLen(1)
	w.list("packages")
	return nil
}

// flush emits the part.
func (w *writer) flush(more bool) error {
	binary.BigEndian.PutUint32(w.buf.Bytes()[w.at:], w.count)
	err := w.emit(w.buf.Bytes(), more)
	w.buf.Reset()
	return err
}

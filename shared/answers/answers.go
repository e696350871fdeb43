// Package answers answers requests from a snapshot. It encodes each result in MessagePack, ready to be sent, and copies
// packages from an index without decoding them.
//
// A result is split into chunks of at most MaxChunk bytes. The client joins the lists of all chunks (see package wire).
package answers

import (
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// Emit sends one chunk of a result; more means that another chunk follows. The function must not keep the slice.
type Emit func(chunk []byte, more bool) error

// Encoder answers requests from a snapshot with encoded results.
type Encoder struct {
	*snapshot.Snapshot
	search encodedBasis // the basis of a search in all repositories, which most searches are
	host   Host         // nil without a server
}

// Host is the server for which an Encoder answers.
type Host interface {
	// Keep reports how many bytes of memory a long result needs until its last chunk is emitted.
	// It is not called for a short result.
	Keep(bytes int)
	// Pause is called again and again while a search computes, so that other requests can run. An error ends the search.
	Pause() error
}

// New returns an encoder for a snapshot.
func New(s *snapshot.Snapshot) *Encoder {
	return &Encoder{Snapshot: s, search: encodeBasis(s.SearchBasis())}
}

// For returns a copy of the encoder that answers one request for the host.
func (e *Encoder) For(h Host) *Encoder {
	with := *e
	with.host = h
	return &with
}

// find searches in s, the encoder's snapshot or a part of it.
func (e *Encoder) find(s *snapshot.Snapshot, r *wire.SearchRequest) (*snapshot.Matches, error) {
	var pause func() error
	if e.host != nil {
		pause = e.host.Pause
	}
	found, err := s.SearchPausing(r, pause)
	if err == nil {
		e.kept(found.Hits)
	}
	return found, err
}

// kept tells the host, if there is one, how much memory is needed to emit a long list of hits.
func (e *Encoder) kept(hits []pkgindex.Hit) {
	const few = 50 // packages, which usually fit into one chunk
	if e.host != nil && len(hits) > few {
		e.host.Keep(cap(hits)*int(unsafe.Sizeof(pkgindex.Hit{})) + MaxChunk)
	}
}

// encodedBasis holds the encoded key-value pairs of a wire.Basis, and their number.
type encodedBasis struct {
	pairs int
	bytes []byte
}

func encodeBasis(b wire.Basis) encodedBasis {
	w := newWriter(nil)
	defer w.release()
	var e encodedBasis
	w.buf.Reset()
	w.uint("generation", b.Generation)
	w.value("at", b.At)
	e.pairs = 2
	if b.Stale {
		w.value("stale", true)
		e.pairs++
	}
	if b.Why != "" {
		w.str("why", b.Why)
		e.pairs++
	}
	if b.Partial {
		w.value("partial", true)
		e.pairs++
	}
	if len(b.Sources) > 0 {
		w.value("sources", b.Sources)
		e.pairs++
	}
	e.bytes = append(e.bytes, w.buf.Bytes()...)
	return e
}

// Search answers a SearchRequest without querying the AUR.
func (e *Encoder) Search(r *wire.SearchRequest, emit Emit) error {
	found, err := e.find(e.Snapshot, r)
	if err != nil {
		return err
	}
	w := newWriter(emit)
	defer w.release()
	basis := e.search
	if asked, _ := snapshot.SplitRepositories(r); len(asked) > 0 || r.OnlyAUR {
		basis = encodeBasis(found.Basis)
	}
	w.begin(basis, 1, field{"suggestions", found.Suggestions, len(found.Suggestions) > 0})
	w.uint("total", uint64(found.Total))
	if err := w.packages(e.Snapshot, found.Hits, false); err != nil {
		return err
	}
	return w.flush(false)
}

// Info answers an InfoRequest without querying the AUR.
func (e *Encoder) Info(r *wire.InfoRequest, emit Emit) error {
	found, err := e.Snapshot.Info(r)
	if err != nil {
		return err
	}
	return e.EncodeInfo(found, emit)
}

// EncodeInfo encodes the result of Snapshot.Info.
func (e *Encoder) EncodeInfo(found *snapshot.Matches, emit Emit) error {
	missing, err := e.Missing(found.Unknown)
	if err != nil {
		return err
	}
	e.kept(found.Hits)
	w := newWriter(emit)
	defer w.release()
	w.begin(encodeBasis(found.Basis), 0, field{"missing", missing, len(missing) > 0})
	if err := w.packages(e.Snapshot, found.Hits, true); err != nil {
		return err
	}
	return w.flush(false)
}

// Installed answers an InstalledRequest.
func (e *Encoder) Installed(r *wire.InstalledRequest, emit Emit) error {
	found, err := e.Snapshot.Installed(r)
	if err != nil {
		return err
	}
	w := newWriter(emit)
	defer w.release()
	w.begin(encodeBasis(found.Basis), 0, field{"missing", found.Missing, len(found.Missing) > 0})
	w.list("packages")
	for _, p := range found.Packages {
		if err := w.elementOf(e.Describe(p, r.Details)); err != nil {
			return err
		}
	}
	return w.flush(false)
}

// Explicit answers OpExplicit.
func (e *Encoder) Explicit(emit Emit) error { return emitOne(e.Snapshot.Explicit, emit) }

// Outdated answers OpOutdated.
func (e *Encoder) Outdated(emit Emit) error { return emitOne(e.Snapshot.Outdated, emit) }

// Runtimes answers OpRuntimes.
func (e *Encoder) Runtimes(emit Emit) error { return emitOne(e.ActiveRuntimes, emit) }

// emitOne calls the function answer and emits its result in one chunk.
func emitOne[R any](answer func() (*R, error), emit Emit) error {
	r, err := answer()
	if err != nil {
		return err
	}
	b, err := msgpack.Marshal(r)
	if err != nil {
		return err
	}
	return emit(b, false)
}

// Security answers a SecurityRequest.
func (e *Encoder) Security(r *wire.SecurityRequest, emit Emit) error {
	found, err := e.Snapshot.Security(r)
	if err != nil {
		return err
	}
	w := newWriter(emit)
	defer w.release()
	w.begin(encodeBasis(found.Basis), 1, field{"missing", found.Missing, len(found.Missing) > 0})
	w.uint("skipped", uint64(found.Skipped))
	w.list("packages")
	for _, p := range found.Packages {
		if err := w.vulnerable(p); err != nil {
			return err
		}
	}
	return w.flush(false)
}

// vulnerable writes a package with its advisories. If the advisories do not fit into one chunk, the next chunk has another
// element for the same package with the remaining advisories.
func (w *writer) vulnerable(p *advisories.PackageFindings) error {
	for rest := p.Findings; len(rest) > 0; {
		n := fitting(rest)
		if err := w.elementOf(snapshot.Vulnerable(p, rest[:n])); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// fitting returns how many of the findings fit into one element of a list. The number is at least one.
func fitting(findings []advisories.Finding) int {
	const keys = 150 // bytes that the keys and the fixed strings of an advisory need
	size := 0
	for i, f := range findings {
		size += keys + len(f.Name) + len(f.Status) + len(f.Type) + len(f.Affected) + len(f.FixedIn) + textLen(f.Issues) + textLen(f.Advisories)
		if i > 0 && size > MaxChunk/2 {
			return i
		}
	}
	return len(findings)
}

// textLen returns an upper bound for the size of a list of strings in a result, in bytes.
func textLen(list []string) int {
	n := 0
	for _, s := range list {
		n += len(s) + 8
	}
	return n
}

// packages writes the key "packages" and the list of packages for some hits, and begins new chunks where necessary.
func (w *writer) packages(s *snapshot.Snapshot, hits []pkgindex.Hit, details bool) error {
	w.list("packages")
	var failed error
	err := s.Read(hits, details, func(summary, rest pkgindex.Record, o snapshot.Overlay) bool {
		if failed = w.next(len(summary.Bytes) + len(rest.Bytes) + textLen(o.Advisories)); failed != nil {
			return false
		}
		pairs := summary.Pairs + rest.Pairs
		for _, has := range []bool{o.Installed != "", o.Shadowed, len(o.Advisories) > 0} {
			if has {
				pairs++
			}
		}
		w.element(pairs)
		w.buf.Write(summary.Bytes)
		w.buf.Write(rest.Bytes)
		if o.Installed != "" {
			w.str("installed", o.Installed)
		}
		if o.Shadowed {
			w.value("shadowed", true)
		}
		if len(o.Advisories) > 0 {
			w.value("advisories", o.Advisories)
		}
		return true
	})
	if failed != nil {
		return failed
	}
	return err
}

// SearchLive answers a SearchRequest in two parts: first with the packages of the repositories, and then with the packages
// of the AUR. For the second part, it calls the function ask, which queries the AUR. Each part is sorted separately and has
// at most as many packages as the request's limit. The first chunk of the second part has the total. SearchLive returns an
// error if the query fails, the snapshot has no data of the AUR, and nothing is found in the repositories although all of
// them could be read.
func (e *Encoder) SearchLive(r *wire.SearchRequest, ask func() snapshot.AURResult, emit Emit) error {
	official, err := e.WithoutAUR()
	if err != nil {
		return err
	}
	found, err := e.find(official, r)
	if err != nil {
		return err
	}
	w := newWriter(emit)
	defer w.release()
	w.begin(encodeBasis(found.Basis), 0, field{"suggestions", found.Suggestions, len(found.Suggestions) > 0})
	if err := w.packages(official, found.Hits, false); err != nil {
		return err
	}
	if err := w.flush(true); err != nil {
		return err
	}
	both, source, err := e.WithAUR(ask())
	if err != nil {
		return err
	}
	total, more := found.Total, &snapshot.Matches{}
	if both == nil {
		if total == 0 && !found.Partial {
			text := "the AUR could not be queried: " + source.Why
			if !r.OnlyAUR {
				text = "nothing found in the repositories, and " + text
			}
			return wire.Errorf(wire.CodeNetwork, "%s", text)
		}
		both = official
	} else {
		only := *r
		only.Repos, only.OnlyAUR = nil, true
		_, only.Words = snapshot.SplitRepositories(r)
		if more, err = e.find(both, &only); err != nil {
			return err
		}
		total += more.Total
	}
	w.mapLen(3)
	w.uint("total", uint64(total))
	w.value("sources", []wire.Source{source})
	if err := w.packages(both, more.Hits, false); err != nil {
		return err
	}
	return w.flush(false)
}

// InfoLive answers an InfoRequest in two parts, like SearchLive: first with the packages that the snapshot has, and then
// with packages of the AUR. For the second part, it calls the function ask, which queries the AUR for the names that the
// snapshot does not have.
func (e *Encoder) InfoLive(r *wire.InfoRequest, ask func(names []string) snapshot.AURResult, emit Emit) error {
	found, err := e.Lookup(r)
	if err != nil {
		return err
	}
	e.kept(found.Hits)
	w := newWriter(emit)
	defer w.release()
	basis := found.Basis
	basis.Sources = repositories(basis.Sources)
	w.begin(encodeBasis(basis), 0)
	if err := w.packages(e.Snapshot, found.Hits, true); err != nil {
		return err
	}
	if err := w.flush(true); err != nil {
		return err
	}
	var names []string
	for _, target := range found.Unknown {
		if name, ok := e.InAUR(target); ok {
			names = append(names, name)
		}
	}
	result := ask(names)
	both, source, err := e.WithAUR(result)
	switch {
	case err != nil:
		return err
	case both == nil && len(found.Hits) == 0 && len(names) == len(found.Unknown) && !found.Partial:
		return e.inNoRepository(found.Unknown, source.Why)
	case both == nil:
		both = e.Snapshot
	}
	var hits []pkgindex.Hit
	var unknown []string
	for _, target := range found.Unknown {
		var aurHits []pkgindex.Hit
		if name, ok := e.InAUR(target); ok && result.Packages != nil {
			if aurHits, err = both.LookupAUR(name); err != nil {
				return err
			}
		}
		if len(aurHits) == 0 {
			unknown = append(unknown, target)
		}
		hits = append(hits, aurHits...)
	}
	missing, err := e.Missing(unknown)
	if err != nil {
		return err
	}
	w.begin(encodedBasis{}, 1, field{"missing", missing, len(missing) > 0})
	w.value("sources", []wire.Source{source})
	if err := w.packages(both, hits, true); err != nil {
		return err
	}
	return w.flush(false)
}

// inNoRepository returns the error for names that are in no repository, if the AUR could not be queried. why is the reason
// why the query failed.
func (e *Encoder) inNoRepository(names []string, why string) error {
	missing, err := e.Missing(names)
	if err != nil {
		return err
	}
	var quoted, similar []string
	for _, m := range missing[:min(len(missing), 3)] {
		quoted = append(quoted, strconv.Quote(m.Name))
		similar = append(similar, m.Suggestions...)
	}
	text := fmt.Sprintf("package %s is in no repository, and the AUR could not be queried: %s", strings.Join(quoted, ", "), why)
	if len(quoted) > 1 {
		text = fmt.Sprintf("packages %s are in no repository, and the AUR could not be queried: %s", strings.Join(quoted, ", "), why)
	}
	if len(similar) > 0 {
		text += "; did you mean: " + strings.Join(similar, " ")
	}
	return wire.Errorf(wire.CodeNetwork, "%s", text)
}

// repositories returns only the repositories among the sources. The AUR is added to the second part of a result.
func repositories(sources []wire.Source) (kept []wire.Source) {
	for _, s := range sources {
		if s.IsRepository() {
			kept = append(kept, s)
		}
	}
	return kept
}

// Package answers computes the replies to requests from a snapshot. It encodes each result in MessagePack. An index stores
// packages in the same encoding, so they are copied into a reply without decoding.
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

// Emit is a function that sends one chunk of a result. The parameter more is true if another chunk follows. The
// function must not use the slice chunk after it has returned.
type Emit func(chunk []byte, more bool) error

// Encoder computes and encodes the results of requests from one snapshot.
type Encoder struct {
	*snapshot.Snapshot
	searchBasis encodedBasis // the encoded basis of a search in all repositories, computed once because most searches need it
	host        Host         // nil if the encoder is not used in a server
}

// Host is the server that uses an Encoder.
type Host interface {
	// CountMemory is called before a long result is emitted. It tells the server how much memory, in bytes, the result needs
	// until its last chunk is emitted.
	CountMemory(bytes int)
	// Yield is called regularly during a search, so that other requests can run. If it returns an error, the search
	// ends with that error.
	Yield() error
}

// New returns an encoder for a snapshot.
func New(s *snapshot.Snapshot) *Encoder {
	return &Encoder{Snapshot: s, searchBasis: encodeBasis(s.SearchBasis())}
}

// WithHost returns a copy of the encoder that uses the given host, for one request.
func (e *Encoder) WithHost(h Host) *Encoder {
	copied := *e
	copied.host = h
	return &copied
}

// searchSnapshot searches in the snapshot s, which is the encoder's snapshot or a copy with other data of the AUR.
func (e *Encoder) searchSnapshot(s *snapshot.Snapshot, r *wire.SearchRequest) (*snapshot.Matches, error) {
	found, err := s.SearchWithPause(r, e.pauseFunc())
	if err == nil {
		e.reportHitsMemory(found.Hits)
	}
	return found, err
}

// pauseFunc returns the function that a long search calls regularly; nil if there is no host.
func (e *Encoder) pauseFunc() func() error {
	if e.host == nil {
		return nil
	}
	return e.host.Yield
}

// reportHitsMemory tells the host how much memory a long list of hits needs until it is emitted. It does nothing if there
// is no host.
func (e *Encoder) reportHitsMemory(hits []pkgindex.Hit) {
	const shortList = 50 // this many packages usually fit into one chunk
	if e.host != nil && len(hits) > shortList {
		e.host.CountMemory(cap(hits)*int(unsafe.Sizeof(pkgindex.Hit{})) + MaxChunk)
	}
}

// encodedBasis contains the encoded key-value pairs of a wire.Basis, and the number of pairs.
type encodedBasis struct {
	pairCount int
	bytes     []byte
}

func encodeBasis(b wire.Basis) encodedBasis {
	w := newWriter(nil)
	defer w.release()
	var e encodedBasis
	w.buf.Reset()
	w.writeUint("generation", b.Generation)
	w.writeValue("at", b.ConfirmedAt)
	e.pairCount = 2
	if b.Stale {
		w.writeValue("stale", true)
		e.pairCount++
	}
	if b.Why != "" {
		w.writeString("why", b.Why)
		e.pairCount++
	}
	if b.Partial {
		w.writeValue("partial", true)
		e.pairCount++
	}
	if len(b.Sources) > 0 {
		w.writeValue("sources", b.Sources)
		e.pairCount++
	}
	e.bytes = append(e.bytes, w.buf.Bytes()...)
	return e
}

// Search answers a SearchRequest. It sends no query to the AUR.
func (e *Encoder) Search(r *wire.SearchRequest, emit Emit) error {
	found, err := e.searchSnapshot(e.Snapshot, r)
	if err != nil {
		return err
	}
	w := newWriter(emit)
	defer w.release()
	basis := e.searchBasis
	if asked, _ := snapshot.SplitReposFromWords(r); len(asked) > 0 || r.OnlyAUR || r.NamesState() {
		basis = encodeBasis(found.Basis)
	}
	w.beginChunk(basis, 1, field{"suggested", found.Suggestions, len(found.Suggestions) > 0})
	w.writeUint("total", uint64(found.Total))
	if err := w.writePackages(e.Snapshot, found.Hits, false, found.Explainer); err != nil {
		return err
	}
	return w.flush(false)
}

// Info answers an InfoRequest. It sends no query to the AUR.
func (e *Encoder) Info(r *wire.InfoRequest, emit Emit) error {
	found, err := e.Snapshot.Info(r)
	if err != nil {
		return err
	}
	return e.EncodeInfo(found, emit)
}

// EncodeInfo encodes and emits the result of Snapshot.Info or Snapshot.Lookup.
func (e *Encoder) EncodeInfo(found *snapshot.Matches, emit Emit) error {
	missing, err := e.SuggestForUnknown(found.UnknownNames)
	if err != nil {
		return err
	}
	e.reportHitsMemory(found.Hits)
	w := newWriter(emit)
	defer w.release()
	w.beginChunk(encodeBasis(found.Basis), 0, field{"missing", missing, len(missing) > 0})
	if err := w.writePackages(e.Snapshot, found.Hits, true, nil); err != nil {
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
	w.beginChunk(encodeBasis(found.Basis), 0, field{"missing", found.NotInstalled, len(found.NotInstalled) > 0})
	w.beginList("packages")
	for _, p := range found.Packages {
		if err := w.writeElement(e.DescribeInstalled(p, r.Details)); err != nil {
			return err
		}
	}
	return w.flush(false)
}

// Explicit answers OpExplicit.
func (e *Encoder) Explicit(emit Emit) error { return emitInOneChunk(e.Snapshot.Explicit, emit) }

// Outdated answers OpOutdated.
func (e *Encoder) Outdated(emit Emit) error { return emitInOneChunk(e.Snapshot.Outdated, emit) }

// Runtimes answers OpRuntimes.
func (e *Encoder) Runtimes(emit Emit) error { return emitInOneChunk(e.ActiveRuntimes, emit) }

// emitInOneChunk calls the function compute, and emits the encoded result in one chunk.
func emitInOneChunk[R any](compute func() (*R, error), emit Emit) error {
	r, err := compute()
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
	w.beginChunk(encodeBasis(found.Basis), 1, field{"missing", found.NotInstalled, len(found.NotInstalled) > 0})
	w.writeUint("skipped", uint64(found.SkippedCount))
	w.beginList("packages")
	for _, p := range found.Packages {
		if err := w.writeVulnerable(p); err != nil {
			return err
		}
	}
	return w.flush(false)
}

// News answers OpNews.
func (e *Encoder) News(emit Emit) error {
	news, err := e.Snapshot.News()
	if err != nil {
		return err
	}
	w := newWriter(emit)
	defer w.release()
	w.beginChunk(encodedBasis{}, 1, field{"upgraded", news.UpgradedAt, news.UpgradedAt != 0})
	w.writeValue("sources", news.Sources)
	w.beginList("items")
	for i := range news.Items {
		if err := w.writeElement(&news.Items[i]); err != nil {
			return err
		}
	}
	return w.flush(false)
}

// writeVulnerable writes a package with its advisories as an element of the list. If the advisories do not fit into one
// element, it writes several elements for the same package, each with a part of the advisories.
func (w *writer) writeVulnerable(p *advisories.PackageFindings) error {
	for rest := p.Findings; len(rest) > 0; {
		n := countFitting(rest)
		if err := w.writeElement(snapshot.ConvertVulnerable(p, rest[:n])); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// countFitting returns how many of the findings, from the first one, fit into one element of the list. It returns at
// least 1.
func countFitting(findings []advisories.Finding) int {
	const keys = 150 // an upper bound for the size of the keys and fixed strings of one finding, in bytes
	size := 0
	for i, f := range findings {
		size += keys + len(f.Name) + len(f.Status) + len(f.Type) + len(f.AffectedVersion) + len(f.FixedIn) + maxEncodedLen(f.Issues) + maxEncodedLen(f.Advisories)
		if i > 0 && size > MaxChunk/2 {
			return i
		}
	}
	return len(findings)
}

// maxEncodedLen returns an upper bound for the encoded size of a list of strings, in bytes.
func maxEncodedLen(list []string) int {
	n := 0
	for _, s := range list {
		n += len(s) + 8
	}
	return n
}

// maxEncodedMarkLen returns an upper bound for the encoded size of a mark with its key, in bytes; 0 if there is no mark.
func maxEncodedMarkLen(m *wire.AURMark) int {
	if m == nil {
		return 0
	}
	const keys = 48
	return keys + len(m.Level) + maxEncodedLen(m.Reasons)
}

// maxEncodedRankLen returns the maximum size in bytes of a rank with its key.
func maxEncodedRankLen(r *wire.SearchRank) int {
	if r == nil {
		return 0
	}
	const keysAndNumbers = 80
	return keysAndNumbers + len(r.Place)
}

// writePackages writes the key "packages" and a list of the packages that the hits identify. Whenever a chunk is full,
// packages starts a new chunk. The Explainer, which may be nil, sets the packages' ranks.
func (w *writer) writePackages(s *snapshot.Snapshot, hits []pkgindex.Hit, details bool, explainer *pkgindex.Explainer) error {
	w.beginList("packages")
	var failed error
	err := s.ReadRecords(hits, details, explainer, func(summary, rest pkgindex.Record, o snapshot.UnindexedFields) bool {
		if failed = w.makeRoomFor(len(summary.Bytes) + len(rest.Bytes) + maxEncodedLen(o.AdvisoryLines) + maxEncodedMarkLen(o.AURFindings) + maxEncodedRankLen(o.Rank)); failed != nil {
			return false
		}
		pairs := summary.PairCount + rest.PairCount
		for _, has := range []bool{o.InstalledVersion != "", o.ShadowedByRepo, len(o.AdvisoryLines) > 0, o.AURFindings != nil, o.Rank != nil} {
			if has {
				pairs++
			}
		}
		w.beginElement(pairs)
		w.buf.Write(summary.Bytes)
		w.buf.Write(rest.Bytes)
		if o.InstalledVersion != "" {
			w.writeString("installed", o.InstalledVersion)
		}
		if o.ShadowedByRepo {
			w.writeValue("shadowed", true)
		}
		if len(o.AdvisoryLines) > 0 {
			w.writeValue("advisories", o.AdvisoryLines)
		}
		if o.AURFindings != nil {
			w.writeValue("aur_findings", o.AURFindings)
		}
		if o.Rank != nil {
			w.writeValue("rank", o.Rank)
		}
		return true
	})
	if failed != nil {
		return failed
	}
	return err
}

// SearchLive answers a SearchRequest in two parts. The first part contains the packages of the repositories. Then
// SearchLive calls the function queryAUR, which queries the AUR, and the second part contains the packages of the AUR.
// The limit of the request applies to each part, and each part is sorted separately. The first chunk of the second part
// contains the total number of matches. If the query fails, the data of the AUR in the snapshot is used. If the
// snapshot has no such data either, and no package is found although all repositories could be read, SearchLive returns
// an error.
func (e *Encoder) SearchLive(r *wire.SearchRequest, queryAUR func() snapshot.AURQueryResult, emit Emit) error {
	official, err := e.WithoutAUR()
	if err != nil {
		return err
	}
	found, err := e.searchSnapshot(official, r)
	if err != nil {
		return err
	}
	w := newWriter(emit)
	defer w.release()
	w.beginChunk(encodeBasis(found.Basis), 0, field{"suggested", found.Suggestions, len(found.Suggestions) > 0})
	if err := w.writePackages(official, found.Hits, false, found.Explainer); err != nil {
		return err
	}
	if err := w.flush(true); err != nil {
		return err
	}
	both, source := e.WithAUR(queryAUR())
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
		_, only.Words = snapshot.SplitReposFromWords(r)
		if more, err = e.searchSnapshot(both, &only); err != nil {
			return err
		}
		total += more.Total
	}
	w.writeMapLen(3)
	w.writeUint("total", uint64(total))
	w.writeValue("sources", []wire.Source{source})
	if err := w.writePackages(both, more.Hits, false, nil); err != nil {
		return err
	}
	return w.flush(false)
}

// InfoLive answers an InfoRequest in two parts, like SearchLive. The first part contains the packages that are in the
// snapshot. The second part contains packages of the AUR: InfoLive calls the function queryAUR with the names that are
// not in the snapshot.
func (e *Encoder) InfoLive(r *wire.InfoRequest, queryAUR func(names []string) snapshot.AURQueryResult, emit Emit) error {
	found, err := e.Lookup(r)
	if err != nil {
		return err
	}
	e.reportHitsMemory(found.Hits)
	w := newWriter(emit)
	defer w.release()
	basis := found.Basis
	basis.Sources = filterRepositories(basis.Sources)
	w.beginChunk(encodeBasis(basis), 0)
	if err := w.writePackages(e.Snapshot, found.Hits, true, nil); err != nil {
		return err
	}
	if err := w.flush(true); err != nil {
		return err
	}
	var names []string
	for _, target := range found.UnknownNames {
		if name, ok := e.ParseAURTarget(target); ok {
			names = append(names, name)
		}
	}
	result := queryAUR(names)
	both, source := e.WithAUR(result)
	switch {
	case both == nil && len(found.Hits) == 0 && len(names) == len(found.UnknownNames) && !found.Partial:
		return e.notInRepositoriesError(found.UnknownNames, source.Why)
	case both == nil:
		both = e.Snapshot
	}
	var hits []pkgindex.Hit
	var unknown []string
	for _, target := range found.UnknownNames {
		var aurHits []pkgindex.Hit
		if name, ok := e.ParseAURTarget(target); ok && result.Packages != nil {
			if aurHits, err = both.LookupAUR(name); err != nil {
				return err
			}
		}
		if len(aurHits) == 0 {
			unknown = append(unknown, target)
		}
		hits = append(hits, aurHits...)
	}
	missing, err := e.SuggestForUnknown(unknown)
	if err != nil {
		return err
	}
	w.beginChunk(encodedBasis{}, 1, field{"missing", missing, len(missing) > 0})
	w.writeValue("sources", []wire.Source{source})
	if err := w.writePackages(both, hits, true, nil); err != nil {
		return err
	}
	return w.flush(false)
}

// notInRepositoriesError returns the error for names that are in no repository, if the AUR could not be queried. The parameter
// reason is the reason why the query of the AUR failed.
func (e *Encoder) notInRepositoriesError(names []string, reason string) error {
	missing, err := e.SuggestForUnknown(names)
	if err != nil {
		return err
	}
	var quoted, similar []string
	for _, m := range missing[:min(len(missing), 3)] {
		quoted = append(quoted, strconv.Quote(m.Name))
		similar = append(similar, wire.SuggestedNames(m.Suggestions)...)
	}
	text := fmt.Sprintf("package %s is in no repository, and the AUR could not be queried: %s", strings.Join(quoted, ", "), reason)
	if len(quoted) > 1 {
		text = fmt.Sprintf("packages %s are in no repository, and the AUR could not be queried: %s", strings.Join(quoted, ", "), reason)
	}
	if len(similar) > 0 {
		text += "; did you mean: " + strings.Join(similar, " ")
	}
	return wire.Errorf(wire.CodeNetwork, "%s", text)
}

// filterRepositories returns the sources that are repositories. The source AUR is left out, because the second part of a
// reply contains it.
func filterRepositories(sources []wire.Source) (kept []wire.Source) {
	for _, s := range sources {
		if s.IsRepository() {
			kept = append(kept, s)
		}
	}
	return kept
}

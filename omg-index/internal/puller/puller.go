// Package puller gets the sources of a published directory from its mirrors, and builds their indexes. Its own directory has:
//
//	core.omgidx …         the index of each source
//	advisories.json, news.json, popularity.json, aur.omgjournal
//	                      the file of a source that has no index
//	records/HASH-SIZE.zst the compressed records of each source, under the SHA-256 and the size of the records: patches apply to them
//	new/                  an index until it is complete and checked
//	objects/HASH.zst      the beginning of an object whose download broke off
//	documents/HASH.json   the last manifest and the last statement
//	publishers.json       what was accepted from each key
//	mirrors.json          which mirrors have failed, and the signatures that they have sent
//	state.json            what is installed: see package pulled
//
// Each source is replaced as a whole: after any failure, the last good index and records stay.
package puller

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/sourcerecords"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	recordsDir   = "records"
	newDir       = "new"
	objectsDir   = "objects"
	documentsDir = "documents"
	stateName    = "publishers.json"
)

// ErrLocked means that another process pulls into the directory.
var ErrLocked = errors.New("another omg-index pulls into this directory")

// errSameName means that a manifest has another source of the same kind and name that this machine could use.
var errSameName = errors.New("the manifest has two of this name, for different architectures of this machine or with and without names of maintainers: the first one is used")

// errExpired is why a mirror is asked after the others whose manifests have not expired.
var errExpired = errors.New("its manifest has expired")

// Mirror is a copy of a published directory.
type Mirror struct {
	// Name is its address, for errors.
	Name string
	publication.Fetcher
}

// Options control a pull.
type Options struct {
	Trust publication.Trust
	// IsTrusted reports whether a user may own the files of the directory.
	IsTrusted func(uid uint32) bool
	// Architecture is that of the repositories that are wanted, such as x86_64.
	Architecture string
	Now          time.Time

	maxWait time.Duration // 0 means maxWait; tests set another value
}

// Result describes a pull.
type Result struct {
	*publication.Publication
	// Mirror is the name of the mirror that had the manifest.
	Mirror string
	// Refused has the reason for each mirror whose manifest, or one of whose objects, was not used. If all manifests were refused, the reason
	// for the last one is the error.
	Refused []string
	Sources []SourceResult
	// Bytes is the size of what was received.
	Bytes int64
}

// SourceResult is the result for a source.
type SourceResult struct {
	*publication.Source
	// Changed reports whether there is a new index.
	Changed bool
	// PatchCount is the number of texts of records that a patch gave, and ObjectCount that of those that were received as a whole.
	PatchCount, ObjectCount int
	// Err is why the source was not updated.
	Err error
}

// puller is a pull.
type puller struct {
	dir     string
	options *Options
	mirrors []Mirror
	records map[string]*mirrorRecord // by the names of the mirrors
	result  *Result
}

// Pull updates the directory at path from the first mirror that has a manifest that is trusted, not older than the last one, and not
// expired. If all have expired, the latest one is used.
func Pull(ctx context.Context, path string, mirrors []Mirror, o *Options) (*Result, error) {
	p := &puller{dir: path, options: o, result: &Result{}}
	for _, m := range mirrors {
		if _, ok := m.Fetcher.(*Web); !ok {
			m.Fetcher = &counter{m.Fetcher, &p.result.Bytes}
		}
		p.mirrors = append(p.mirrors, m)
	}
	unlock, err := p.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	installed, err := pulled.ReadOrNew(path, o.IsTrusted)
	if err != nil {
		return nil, err
	}
	if err := p.readMirrors(); err != nil {
		return nil, err
	}
	p.prepareMirrors()
	err = p.pull(ctx)
	for _, m := range p.mirrors {
		if w, ok := m.Fetcher.(*Web); ok {
			p.result.Bytes += w.received
		}
	}
	if ctx.Err() != nil {
		return p.result, ctx.Err()
	}
	p.describe(installed, err)
	if err := errors.Join(p.writeMirrors(), installed.Write(path)); err != nil {
		return p.result, err
	}
	if err == nil {
		err = p.removeOld()
	}
	return p.result, err
}

// pull finds the latest manifest and updates its sources.
func (p *puller) pull(ctx context.Context) error {
	state, err := publication.OpenState(filepath.Join(p.dir, stateName), p.options.IsTrusted)
	if err != nil {
		return err
	}
	if err := p.findManifest(ctx, &publication.Reader{Trust: p.options.Trust, State: state}); err != nil {
		return err
	}
	for i := range p.result.Publication.Sources {
		s := &p.result.Publication.Sources[i]
		if !p.isWanted(s) {
			continue
		}
		r := SourceResult{Source: s}
		if slices.ContainsFunc(p.result.Sources, func(other SourceResult) bool { return indexName(other.Source) == indexName(s) }) {
			r.Err = fmt.Errorf("%s %s: %w", s.Kind, s.Name, errSameName) // it would replace the other one
		} else {
			r.Err = p.update(ctx, &r)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		p.result.Sources = append(p.result.Sources, r)
	}
	return nil
}

// describe changes the description of what is installed by the result of a pull, and its error.
func (p *puller) describe(installed *pulled.State, err error) {
	r := p.result
	installed.TriedAt, installed.LastError = p.options.Now.Unix(), ""
	installed.Bytes += r.Bytes
	if err != nil {
		installed.LastError = err.Error()
		return
	}
	installed.Publisher, installed.Sequence, installed.Created, installed.Expires = r.Key.String(), r.Sequence, r.Created, r.Expires
	installed.Mirror, installed.ConfirmedAt = r.Mirror, p.options.Now.Unix()
	before := *installed
	installed.Sources = nil
	for _, s := range r.Sources {
		installed.Patches += s.PatchCount
		installed.Whole += s.ObjectCount
		next := pulled.Source{Kind: s.Kind, Name: s.Name, Architecture: s.Architecture, Server: s.Server, AsOf: s.AsOf, Sequence: r.Sequence}
		if s.Err != nil {
			if old := findInstalled(&before, s.Source); old != nil {
				next = *old
			} else {
				next.Sequence = 0
			}
			next.LastError = s.Err.Error()
			installed.LastError = next.LastError
		}
		installed.Sources = append(installed.Sources, next)
	}
}

// findInstalled returns the source whose file would be replaced by that of the source s; nil if there is none.
func findInstalled(before *pulled.State, s *publication.Source) *pulled.Source {
	for i := range before.Sources {
		f := &before.Sources[i]
		if kind, known := kinds[f.Kind]; known && f.Sequence > 0 && kind.name(f.Name) == indexName(s) {
			return f
		}
	}
	return nil
}

// lock makes the directories and locks them.
func (p *puller) lock() (unlock func(), err error) {
	for _, dir := range []string{"", recordsDir, newDir, objectsDir, documentsDir} {
		if err := os.MkdirAll(filepath.Join(p.dir, dir), 0o755); err != nil {
			return nil, err
		}
	}
	f, err := atomicfile.LockDir(p.dir, p.dir, ErrLocked)
	if err != nil {
		return nil, err
	}
	return func() { _ = f.Close() }, nil
}

// findManifest asks the mirrors in order for a manifest. An expired one is used only if no later mirror has another.
func (p *puller) findManifest(ctx context.Context, r *publication.Reader) error {
	for i, m := range p.mirrors {
		found, err := r.Latest(ctx, m, p.options.Now)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			p.fail(m, err)
			if i == len(p.mirrors)-1 && p.result.Mirror == "" {
				return fmt.Errorf("%s: %w", m.Name, err)
			}
			p.refuse(m, err)
			continue
		}
		if p.result.Mirror != "" && p.result.Publication.Stale {
			p.result.Refused = append(p.result.Refused, p.result.Mirror+": "+errExpired.Error())
		}
		p.result.Publication, p.result.Mirror = found, m.Name
		if !found.Stale {
			p.record(m).succeed()
			return nil
		}
		p.record(m).fail(errExpired, p.options.Now)
	}
	return nil
}

// isWanted reports whether this machine uses a source.
func (p *puller) isWanted(s *publication.Source) bool {
	arch := p.options.Architecture
	if s.Architecture != "" && s.Architecture != arch && !strings.HasPrefix(s.Architecture, arch+"_v") {
		return false
	}
	_, known := kinds[s.Kind]
	return known
}

// textsOf returns the sources whose records the index of a source is built from.
func (p *puller) textsOf(s *publication.Source) ([]*publication.Source, error) {
	texts := []*publication.Source{s}
	switch s.Kind {
	case sourcerecords.KindAUR:
		votes := p.findSource(sourcerecords.KindAURVotes, s.Name)
		if votes == nil {
			return nil, errors.New("the manifest has no votes of the AUR")
		}
		return append(texts, votes), nil
	case sourcerecords.KindRepository:
		if shares := p.findSource(sourcerecords.KindShares, wire.SourcePopularity); shares != nil {
			return append(texts, shares), nil
		}
	}
	return texts, nil
}

// findSource returns the source of a kind and name in the manifest; nil if there is none.
func (p *puller) findSource(kind, name string) *publication.Source {
	all := p.result.Publication.Sources
	for i := range all {
		if all[i].Kind == kind && all[i].Name == name {
			return &all[i]
		}
	}
	return nil
}

// removeOld removes the records and indexes that are not of the manifest, and what an earlier process has left. If a source was not updated,
// everything stays, because the next pull may need it.
func (p *puller) removeOld() error {
	indexes, stored := map[string]bool{}, map[string]bool{}
	for _, r := range p.result.Sources {
		if r.Err != nil {
			return nil
		}
		indexes[indexName(r.Source)] = true
	}
	for i := range p.result.Publication.Sources {
		stored[filepath.Base(p.recordsPath(&p.result.Publication.Sources[i]))] = true
	}
	documents := map[string]bool{}
	for _, r := range p.records {
		for _, kept := range r.Signatures {
			documents[publication.SignedHash(kept.Content)+".json"] = true
		}
	}
	isAny := func(string) bool { return true }
	return errors.Join(
		removeOthers(p.dir, isInstalledName, indexes), removeOthers(filepath.Join(p.dir, recordsDir), isAny, stored), removeOthers(filepath.Join(p.dir, newDir), isAny, nil),
		removeOthers(filepath.Join(p.dir, objectsDir), isAny, nil), removeOthers(filepath.Join(p.dir, documentsDir), isAny, documents),
	)
}

// removeOthers removes those files of a directory whose names the function isOurs accepts and that are not in the map.
func removeOthers(dir string, isOurs func(name string) bool, keep map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || keep[e.Name()] || !isOurs(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// counter counts the bytes that a mirror sends.
type counter struct {
	publication.Fetcher
	n *int64
}

// Fetch implements publication.Fetcher.
func (c *counter) Fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	content, err := c.Fetcher.Fetch(ctx, name, limit)
	*c.n += int64(len(content))
	return content, err
}

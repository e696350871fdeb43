package sources

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// Pulled gives access to the indexes that omg-index pull has built from a published directory.
type Pulled struct {
	// Dir is the directory of the indexes, and State says where they come from.
	Dir   string
	State *pulled.State
	// StaleAfter limits the time since a mirror last had the manifest. After a longer time, what was pulled is stale.
	StaleAfter time.Duration
	// NextRequestAt is when the next pull is planned, in Unix seconds; 0 if this is unknown.
	NextRequestAt int64
}

// Status returns what the status says about the published directory.
func (p *Pulled) Status() *wire.PulledStatus {
	s := p.State
	return &wire.PulledStatus{
		Publisher: s.Publisher, Sequence: s.Sequence, Created: s.Created, Expires: s.Expires, Mirror: s.Mirror, ConfirmedAt: s.ConfirmedAt,
		LastError: s.LastError, NextRequestAt: p.NextRequestAt, Bytes: s.Bytes, Patches: s.Patches, Whole: s.Whole,
	}
}

// errOtherContent means that an index has another source than its name says.
var errOtherContent = errors.New("its index does not contain this repository")

// Repositories returns the names of the pulled repositories.
func (p *Pulled) Repositories() (names []string) {
	for i := range p.State.Sources {
		if s := &p.State.Sources[i]; s.Kind == string(wire.KindRepository) && s.Sequence > 0 {
			names = append(names, s.Name)
		}
	}
	return names
}

// ReplacePacmanSources returns the repositories with pulled indexes, by the rules of Downloads.ReplacePacmanSources. A pulled repository must be
// for one of the architectures that pacman.conf allows, and if its publisher has named its server, pacman.conf must have this server.
func (p *Pulled) ReplacePacmanSources(
	repositories []snapshot.IndexedSource, pacman *PacmanSetup, open func(path string) (*pkgindex.File, error),
) []snapshot.IndexedSource {
	return replaceSources(repositories, pacman.Repositories, "pulled", func(r *Repository, system *snapshot.IndexedSource) (*snapshot.IndexedSource, string) {
		s := p.State.Find(string(wire.KindRepository), r.Name)
		if s == nil {
			return nil, ""
		}
		allowed := pacman.Config.Architectures
		if s.Architecture != "" && len(allowed) > 0 && !slices.Contains(allowed, s.Architecture) {
			return nil, "the repository is for " + s.Architecture
		}
		if why := otherServer(s, r); why != "" {
			return nil, why
		}
		f, err := open(IndexPath(p.Dir, pkgindex.KindRepo, r.Name))
		if err != nil {
			return nil, err.Error()
		}
		facts, ok := f.IndexInfo().FindSource(pkgindex.KindRepo, r.Name)
		switch {
		case !ok:
			return nil, errOtherContent.Error()
		case (system.Index != nil || system.Building) && facts.AsOf < system.AsOf:
			return nil, ""
		}
		found := p.describe(s, wire.KindRepository, facts.AsOf)
		found.Downloaded = true
		return &snapshot.IndexedSource{Index: f, Usage: r.Usage, Source: found}, ""
	})
}

// otherServer returns why a pulled source is not of the repository with its name in pacman.conf; "" if it may be.
func otherServer(s *pulled.Source, r *Repository) string {
	isServer := func(server string) bool { return strings.TrimRight(server, "/") == strings.TrimRight(s.Server, "/") }
	if s.Server == "" || r.Servers == nil || slices.ContainsFunc(r.Servers, isServer) {
		return ""
	}
	return "another repository of this name: its server is " + s.Server + ", which pacman.conf does not have"
}

// ReplaceFiles replaces the file lists of a repository, which were examined, by the pulled ones, by the rules of ReplacePacmanSources.
func (p *Pulled) ReplaceFiles(r *Repository, e *ExaminedFiles, open func(path string) (*filesindex.File, error)) {
	s := p.State.Find(string(wire.KindFiles), r.Name)
	if s == nil {
		return
	}
	if why := otherServer(s, r); why != "" {
		if e.Index == nil {
			e.Why = joinReasons(e.Why, "pulled", why)
		}
		return
	}
	f, err := open(FilesIndexPath(p.Dir, r.Name))
	if err == nil && f.Info().Repository != r.Name {
		err = errOtherContent
	}
	switch {
	case err != nil && e.Index == nil:
		e.Why = joinReasons(e.Why, "pulled", err.Error())
	case err == nil && (e.Index == nil && !e.Building || f.Info().AsOf >= e.AsOf):
		found := p.describe(s, wire.KindFiles, f.Info().AsOf)
		found.Downloaded = true
		*e = ExaminedFiles{Source: found, Index: f}
	}
}

// AUR returns the AUR as a source that uses the pulled index. It returns nil if the AUR is not published, and an error if it is and there is no index.
func (p *Pulled) AUR(open func(path string) (*pkgindex.File, error)) (*snapshot.IndexedSource, error) {
	s := p.findListed(string(wire.KindAUR))
	if s == nil {
		return nil, nil
	}
	if s.Sequence == 0 {
		return nil, errors.New(cmp.Or(s.LastError, wire.NotDownloadedYet))
	}
	f, err := open(IndexPath(p.Dir, pkgindex.KindAUR, wire.SourceAUR))
	if err != nil {
		return nil, err
	}
	facts, ok := f.IndexInfo().FindSource(pkgindex.KindAUR, wire.SourceAUR)
	if !ok {
		return nil, errOtherContent
	}
	return &snapshot.IndexedSource{Index: f, Source: p.describe(s, wire.KindAUR, facts.AsOf)}, nil
}

// describe describes a pulled source. The time asOf is that of its index, which can be newer than what the state says.
func (p *Pulled) describe(s *pulled.Source, kind wire.SourceKind, asOf int64) wire.Source {
	found := wire.Source{
		Name: s.Name, Kind: kind, State: wire.SourceOK, AsOf: asOf, ChangedAt: p.State.ConfirmedAt, NextRequestAt: p.NextRequestAt, Publisher: p.State.Publisher,
	}
	now := clock.Now()
	age := now.Sub(time.Unix(p.State.ConfirmedAt, 0))
	switch {
	case s.LastError != "":
		found.State, found.Why = wire.SourceStale, s.LastError
	case age > p.StaleAfter || age < -wire.MaxClockDifference:
		found.State, found.Why = wire.SourceStale, "not confirmed by a mirror for "+formatAge(age)
		if p.State.LastError != "" {
			found.Why += ": " + p.State.LastError
		}
	case p.State.Expires <= now.Unix():
		found.State, found.Why = wire.SourceStale, "the publisher is late: its manifest expired "+formatAge(now.Sub(time.Unix(p.State.Expires, 0)))+" ago"
	}
	return found
}

package direct

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/vcs"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// Devel implements backend.Backend. Only with DevelRequest.Ask it runs git, which asks servers.
func (b *Backend) Devel(ctx context.Context, r *backend.DevelRequest) (*backend.DevelResult, error) {
	foreign, err := b.Installed(ctx, &wire.InstalledRequest{Filter: wire.FilterForeign, Details: true})
	if err != nil {
		return nil, err
	}
	records, files := vcs.ReadRecords(b.env)
	result := &backend.DevelResult{Basis: foreign.Basis, Records: []backend.DevelRecords{}, Packages: []backend.DevelPackage{}}
	for _, f := range files {
		one := backend.DevelRecords{By: f.By, Path: f.Path}
		if f.Err != nil {
			one.Problem = f.Err.Error()
		}
		result.Records = append(result.Records, one)
	}
	for i := range foreign.Packages {
		p := &foreign.Packages[i]
		one := backend.DevelPackage{Name: p.Name, Installed: p.Version, Base: p.Base, Sources: develSources(records, p)}
		isNamed := len(r.Names) == 0 || slices.Contains(r.Names, p.Name)
		if isNamed && (len(one.Sources) > 0 || snapshot.IsVCSName(p.Name)) {
			result.Packages = append(result.Packages, one)
		}
	}
	for _, name := range r.Names {
		if !slices.ContainsFunc(result.Packages, func(p backend.DevelPackage) bool { return p.Name == name }) {
			result.Missing = append(result.Missing, name)
		}
	}
	var answers map[vcs.Source]vcs.Answer
	if r.Ask {
		if answers, err = b.askServers(ctx, result.Packages); err != nil {
			return nil, err
		}
	}
	noSource := "neither yay nor paru has recorded a source"
	for _, f := range result.Records {
		if f.Problem != "" {
			noSource = "the records of " + f.By + " could not be read"
		}
	}
	for i := range result.Packages {
		p := &result.Packages[i]
		if setDevelStates(p, answers, r.Ask); len(p.Sources) == 0 {
			p.State, p.Why = backend.DevelUnknown, noSource
		}
	}
	return result, nil
}

// develSources returns the sources that are recorded for a package.
func develSources(records []vcs.Record, p *wire.InstalledPackage) []backend.DevelSource {
	sources := []backend.DevelSource{}
	for _, r := range records {
		base := p.Base
		if base == "" {
			base = p.Name
		}
		if r.IsBase && r.Name != base || !r.IsBase && r.Name != p.Name {
			continue
		}
		at := slices.IndexFunc(sources, func(s backend.DevelSource) bool { return s.URL == r.URL && s.Branch == r.Branch })
		if at < 0 {
			at = len(sources)
			sources = append(sources, backend.DevelSource{URL: r.URL, Branch: r.Branch})
		}
		sources[at].Recorded = append(sources[at].Recorded, backend.DevelRecord{By: r.By, Commit: r.Commit})
	}
	return sources
}

// askServers asks the servers of the sources of packages.
func (b *Backend) askServers(ctx context.Context, packages []backend.DevelPackage) (map[vcs.Source]vcs.Answer, error) {
	var sources []vcs.Source
	for i := range packages {
		for _, s := range packages[i].Sources {
			if source := (vcs.Source{URL: s.URL, Branch: s.Branch}); source.Refusal() == "" {
				sources = append(sources, source)
			}
		}
	}
	// A signal that would end omg first ends git, which is in process groups of its own, and the answers so far are written.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	network := b.settings().Network
	asker := &vcs.Asker{Env: b.env, Proxy: network.Proxy, NetworkTimeout: time.Duration(network.Timeout)}
	answers, err := asker.Ask(ctx, sources)
	if ctx.Err() != nil {
		return nil, errors.New("interrupted")
	}
	return answers, err
}

// setDevelStates sets the states of a package and its sources. The parameter asked is whether servers were asked.
func setDevelStates(p *backend.DevelPackage, answers map[vcs.Source]vcs.Answer, asked bool) {
	p.State = backend.DevelCurrent
	for i := range p.Sources {
		s := &p.Sources[i]
		setSourceState(s, answers, asked)
		switch {
		case s.State == backend.DevelUpdate:
			p.State, p.Why = s.State, ""
		case s.State == backend.DevelUnknown && p.State == backend.DevelCurrent:
			p.State, p.Why = s.State, s.Why
		}
	}
}

func setSourceState(s *backend.DevelSource, answers map[vcs.Source]vcs.Answer, asked bool) {
	source := vcs.Source{URL: s.URL, Branch: s.Branch}
	answer, isAnswered := answers[source]
	s.State = backend.DevelUnknown
	switch refusal := source.Refusal(); {
	case refusal != "":
		s.Why = refusal
	case !asked:
		s.Why = "not asked"
	case !isAnswered:
		s.Why = "not asked: too many sources, or too little time"
	case answer.Commit == "":
		s.Asked, s.Why = &answer.At, answer.Why
	case slices.ContainsFunc(s.Recorded, func(r backend.DevelRecord) bool { return r.Commit == answer.Commit }):
		s.State, s.Latest, s.Asked = backend.DevelCurrent, answer.Commit, &answer.At
	case !slices.ContainsFunc(s.Recorded, func(r backend.DevelRecord) bool { return vcs.IsCommit(r.Commit) }):
		s.Latest, s.Asked, s.Why = answer.Commit, &answer.At, "no commit is recorded"
	default:
		s.State, s.Latest, s.Asked = backend.DevelUpdate, answer.Commit, &answer.At
	}
}

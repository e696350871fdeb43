package refresh

import (
	"context"

	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// LibAlpmSearch answers a search by asking libalpm. It is used while no repository has an index, and is
// slower than an index.
func (r *Refresher) LibAlpmSearch(ctx context.Context, req *wire.SearchRequest, emit answers.Emit) error {
	query, err := pkgindex.ParseQuery(req)
	if err != nil {
		return wire.Errorf(wire.CodeInvalid, "%v", err)
	}
	words, ok := query.AsRegexps()
	if !ok {
		return wire.Errorf(wire.CodeInvalid, "no index yet: only names, descriptions, groups and provides can be searched")
	}
	s, err := r.askLibAlpm(ctx, func(d alpm.Databases) (*alpm.Result, error) { return r.config.Alpm.Search(ctx, d, words) })
	if err != nil {
		return err
	}
	return answers.New(s).Search(req, emit)
}

// LibAlpmInfo answers an info request by asking libalpm.
func (r *Refresher) LibAlpmInfo(ctx context.Context, req *wire.InfoRequest, emit answers.Emit) error {
	s, err := r.askLibAlpm(ctx, func(d alpm.Databases) (*alpm.Result, error) { return r.config.Alpm.Info(ctx, d, req.Names) })
	if err != nil {
		return err
	}
	return answers.New(s).Info(req, emit)
}

// askLibAlpm returns a snapshot of the packages that libalpm finds. With a snapshot, replies have the same
// order and form as replies from an index.
func (r *Refresher) askLibAlpm(ctx context.Context, find func(alpm.Databases) (*alpm.Result, error)) (*snapshot.Snapshot, error) {
	pacman, err := r.config.Pacman.ReadPacmanSetup()
	if err != nil {
		return nil, err
	}
	d := alpm.Databases{Path: pacman.DBPath, IgnorePkg: pacman.Config.IgnorePkg, IgnoreGroup: pacman.Config.IgnoreGroup}
	build := pkgindex.NewBuilder("libalpm", 0)
	into := map[string]*pkgindex.SourceBuilder{}
	in := snapshot.Inputs{DBPath: pacman.DBPath, PacmanConfig: pacman.Config}
	for i := range pacman.Repositories {
		repo := &pacman.Repositories[i]
		d.Repos = append(d.Repos, repo.LibAlpmRepo())
		into[repo.Name] = build.AddSource(repo.Name, pkgindex.KindRepo)
		in.Repositories = append(in.Repositories, repo.Examine(ctx, nil).IndexedSource)
	}
	found, err := find(d)
	if err != nil {
		return nil, err
	}
	for i := range found.Packages {
		if p := &found.Packages[i]; into[p.Repo] != nil {
			if err := into[p.Repo].Add(p); err != nil {
				return nil, err
			}
		}
	}
	data, err := build.Bytes()
	if err != nil {
		return nil, err
	}
	file, err := pkgindex.OpenBytes(data)
	if err != nil {
		return nil, err
	}
	for i := range found.Databases {
		src := &in.Repositories[i]
		if found.Databases[i].Err != "" {
			src.State, src.Why = wire.SourceFailed, "libalpm: "+found.Databases[i].Err
			continue
		}
		src.Index = file
		if src.State != wire.SourceStale { // a source whose database is too old stays stale
			src.State, src.Why = wire.SourceOK, "read by libalpm, because there is no index"
		}
	}
	if st, release, err := r.config.SnapshotHolder.Acquire(); err == nil {
		in.Local, in.Generation, in.CheckedAt, in.LibalpmResult = st.Inputs().Local, st.Generation(), st.Inputs().CheckedAt, st.Inputs().LibalpmResult
		release()
	}
	return snapshot.Build(in), nil
}

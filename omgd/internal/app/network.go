package app

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/omg-arch/omg/omgd/internal/aur"
	"github.com/omg-arch/omg/omgd/internal/findings"
	"github.com/omg-arch/omg/omgd/internal/incidentlists"
	"github.com/omg-arch/omg/omgd/internal/indexer"
	"github.com/omg-arch/omg/omgd/internal/mirror"
	"github.com/omg-arch/omg/omgd/internal/newsfeed"
	"github.com/omg-arch/omg/omgd/internal/pkgstats"
	"github.com/omg-arch/omg/omgd/internal/pull"
	"github.com/omg-arch/omg/omgd/internal/schedule"
	"github.com/omg-arch/omg/omgd/internal/tracker"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/incidents"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// initNetwork makes the client for all outgoing requests.
func (d *daemon) initNetwork() (err error) {
	d.fetcher, err = fetch.New(d.config.Network, "omg/"+version.String())
	if err == nil {
		d.fetcher.OnRequest = d.metrics.CountFetch
	}
	return err
}

// kick requests a refresh.
func (d *daemon) kick() { d.refresher.Kick() }

// initTracker sets up the security tracker, if it is enabled.
func (d *daemon) initTracker() error {
	c := d.config.Tracker
	if !c.Enabled {
		return nil
	}
	t := tracker.New(tracker.Config{
		URL: c.URL, Interval: time.Duration(c.Interval), StaleAfter: time.Duration(d.config.Stale.Tracker),
		Client: d.fetcher, Store: d.statusKeeper.store, Log: d.log, OnRequestDone: d.kick,
	})
	d.refreshConfig.TrackerData = pulledOr(d, t.Latest, func(p *pull.Puller) *snapshot.TrackerData {
		return p.Documents.Tracker(p.Latest(), t.StaleAfter)
	})
	d.addRequests(sourceDemands{wire.SourceTracker, pulled.KindAdvisories, t.Demands, "the security tracker"}, t.Run)
	return nil
}

// initNews sets up Arch's news, if they are enabled.
func (d *daemon) initNews() error {
	c, path := d.config.News, news.Path(d.data)
	if !c.Enabled {
		if err := newsfeed.Remove(path); err != nil {
			d.log.Warn("old news not removed", "err", err)
		}
		return nil
	}
	f := newsfeed.New(newsfeed.Config{
		URL: c.URL, Interval: time.Duration(c.Interval), StaleAfter: time.Duration(d.config.Stale.News), Path: path, IsTrusted: d.env.Trusts,
		Client: d.fetcher, Log: d.log, OnRequestDone: d.kick,
	})
	d.refreshConfig.News = pulledOr(d, f.Latest, func(p *pull.Puller) *snapshot.NewsData { return p.Documents.News(p.Latest(), f.StaleAfter) })
	d.addRequests(sourceDemands{wire.SourceNews, pulled.KindNews, f.Demands, "the server of Arch's news"}, f.Run)
	return nil
}

// initPopularity sets up the shares of machines that have packages, if they are enabled. Otherwise it removes them, and the indexes are built
// without them.
func (d *daemon) initPopularity() error {
	c, path := d.config.Popularity, popularity.Path(d.data)
	if !c.Enabled {
		pkgstats.Forget(path, d.statusKeeper.store, d.log)
		return nil
	}
	p := pkgstats.New(pkgstats.Config{
		URL: c.URL, Path: path, IsTrusted: d.env.Trusts, Client: d.fetcher, Store: d.statusKeeper.store, Log: d.log, OnRequestDone: d.kick,
	})
	d.refreshConfig.Popularity = pulledOr(d, p.Latest, func(p *pull.Puller) *snapshot.PopularityData { return p.Documents.Popularity(p.Latest()) })
	d.refreshConfig.PopularityPath = func() string {
		if d.isPulled(pulled.KindShares) {
			return d.puller.Latest().SharesPath()
		}
		return path
	}
	d.addRequests(sourceDemands{wire.SourcePopularity, pulled.KindShares, p.Demands, "pkgstats"}, p.Run)
	return nil
}

// pulledOr returns a function that returns what is pulled of a source, or what the function own returns if the source is not published.
func pulledOr[T any](d *daemon, own func() *T, pulled func(*pull.Puller) *T) func() *T {
	if d.puller == nil {
		return own
	}
	return func() *T {
		if found := pulled(d.puller); found != nil {
			return found
		}
		return own()
	}
}

// addRequests adds a function that sends requests to the server of a source, unless the source is pulled, and the demands for these requests.
func (d *daemon) addRequests(demands sourceDemands, run func(context.Context)) {
	if d.puller != nil {
		requests := run
		run = func(ctx context.Context) { d.puller.RunUnlessReplaced(ctx, demands.pulledKind, requests) }
	}
	d.backgroundFuncs = append(d.backgroundFuncs, run)
	d.demands = append(d.demands, demands)
}

// isPulled reports whether the sources of a kind are pulled.
func (d *daemon) isPulled(kind string) bool {
	return d.puller != nil && d.puller.Latest().IsPublished(kind)
}

// popularityPath returns the path of the file with the shares of machines, or "" if there are none.
func (d *daemon) popularityPath() string {
	if latest := d.refreshConfig.Popularity; latest != nil && latest().SHA256 != "" {
		return d.refreshConfig.PopularityPath()
	}
	return ""
}

// initFindings sets up the findings about packages of the AUR. They are also computed if the AUR is disabled, from the last dump and
// the journal.
func (d *daemon) initFindings() error {
	d.findings = findings.New(findings.Config{
		JournalPath: filepath.Join(paths.IndexDir(d.data), journal.FileName), IsTrustedOwner: d.env.Trusts,
		Incidents: incidents.Sources{
			HasShipped: d.config.AUR.Incidents.Shipped, Elements: incidents.ParseElements(d.config.AUR.Incidents.Lists),
			Dirs: []string{paths.IndexDir(d.data)}, IsTrusted: d.env.Trusts,
		},
		Levels:         aurlevel.ParseLevels(d.config.AUR.Levels.ByReason()),
		SnapshotHolder: d.snapshotHolder, Log: d.log, OnChange: d.kick,
	})
	if d.puller != nil {
		d.findings.PulledJournal = func(own string) (path, problem string) { return d.puller.Latest().Journal(own) }
	}
	d.backgroundFuncs = append(d.backgroundFuncs, d.findings.Run)
	d.refreshConfig.AURFindings = d.findings.Latest
	return nil
}

// initAUR sets up the AUR, if it is enabled.
func (d *daemon) initAUR() error {
	c := d.config.AUR
	if !c.Enabled {
		return nil
	}
	dumpPath, otherDumpPath := filepath.Join(d.data, "aur.json.gz"), filepath.Join(d.data, "aur.pack")
	if c.Source == config.AURArchive {
		dumpPath, otherDumpPath = otherDumpPath, dumpPath
	}
	a, err := aur.New(aur.Config{
		AUR: c, StaleAfter: time.Duration(d.config.Stale.AUR), Fetch: d.fetcher, Store: d.statusKeeper.store, Log: d.log,
		DumpPath: dumpPath, OtherDumpPath: otherDumpPath,
		IndexPath: sources.IndexPath(paths.IndexDir(d.data), pkgindex.KindAUR, wire.SourceAUR),
		Build:     func(ctx context.Context, dump, index string) error { return build(ctx, index, "--aur", dump) },
		Journal: aur.JournalConfig{
			Path:         d.findings.JournalPath,
			RecordedDump: filepath.Join(d.data, "aur.observed"),
			Record: func(ctx context.Context, path, old, now string) error {
				err := indexer.RecordJournal(ctx, d.log, path, old, now)
				d.findings.Wake()
				return err
			},
		},
		OnChange: d.kick, ForeignPackages: d.foreignPackageNames, IsReplaced: d.isAURReplaced(),
	})
	if err != nil {
		return err
	}
	d.backgroundFuncs = append(d.backgroundFuncs, a.Run)
	d.aur, d.refreshConfig.AURSource, d.refreshConfig.AURReplies = a, a.Source, a.ForeignReplies
	d.demands = append(d.demands, sourceDemands{wire.SourceAUR, string(wire.KindAUR), a.DumpDemands, "the AUR"})
	if c.Watch {
		d.demands = append(d.demands, sourceDemands{"aur packages", "", a.ForeignDemands, "the AUR"})
	}
	return nil
}

// initIncidentLists sets up the lists of known incidents that are on servers, if the AUR is enabled.
func (d *daemon) initIncidentLists() error {
	if !d.config.AUR.Enabled {
		return nil
	}
	dir := paths.IndexDir(d.data)
	var remote []incidents.Location
	for _, element := range d.findings.Incidents.Elements {
		switch {
		case element.Err != nil:
			return fmt.Errorf("aur.incidents.lists: %w", element.Err)
		case element.Path == "":
			remote = append(remote, element.Location)
		}
	}
	incidentlists.RemoveOthers(dir, remote)
	for _, location := range remote {
		l := incidentlists.New(incidentlists.Config{
			Location: location, Dir: dir, Client: d.fetcher, Store: d.statusKeeper.store, Log: d.log, IsTrusted: d.env.Trusts,
			OnChange: func() { d.findings.Wake(); d.kick() },
		})
		d.incidentLists = append(d.incidentLists, l)
		d.backgroundFuncs = append(d.backgroundFuncs, l.Run)
		d.demands = append(d.demands, sourceDemands{location.Address, "", l.Demands, "the server of the list of incidents"})
	}
	return nil
}

// initDownloads sets up the downloaded databases, if they are enabled.
func (d *daemon) initDownloads() error {
	c := d.config.Sync
	if c.Enabled {
		m := d.newDownloader(mirror.Packages, sources.DownloadDir, time.Duration(c.Interval), d.buildRepository, "downloaded databases")
		d.refreshConfig.DownloadedDatabases = &sources.Downloads{Dir: m.Dir, StaleAfter: c.StaleAfter(d.config.Stale.Repos), DownloadErrorOf: m.FailureReason}
		d.refreshConfig.SearchDownloads = c.UseForSearch
	}
	if c.Files {
		m := d.newDownloader(mirror.Files, sources.FilesDownloadDir, config.FilesInterval, buildFiles, "downloaded lists of files")
		d.refreshConfig.DownloadedFiles = &sources.Downloads{Dir: m.Dir, StaleAfter: c.FilesStaleAfter(d.config.Stale.Repos), DownloadErrorOf: m.FailureReason}
	}
	return nil
}

// initPull sets up the pulled indexes, if there are mirrors.
func (d *daemon) initPull() error {
	c := d.config.Index
	if len(c.URLs) == 0 {
		return nil
	}
	d.puller = pull.New(pull.Config{
		Index: c, StaleAfter: c.StaleAfter(d.config.Stale.Repos), DataDir: d.data, IsTrusted: d.env.Trusts, Log: d.log,
		RunIndex: func(ctx context.Context, args ...string) ([]string, error) {
			return indexer.Pull(ctx, d.config.Network, args...)
		},
		OnDone: d.kick,
	})
	d.backgroundFuncs = append(d.backgroundFuncs, d.puller.Run)
	d.refreshConfig.Pulled = d.puller.Latest
	d.demands = append(d.demands, sourceDemands{"pulled indexes", "", d.puller.Demands, "a mirror"})
	return nil
}

// isAURReplaced returns the function that reports whether the packages of the AUR are pulled; nil if nothing is pulled.
func (d *daemon) isAURReplaced() func() (bool, error) {
	if d.puller == nil {
		return nil
	}
	return func() (bool, error) { return d.puller.Replaces(string(wire.KindAUR)) }
}

// newDownloader starts the downloads of a kind of databases to a directory in the data directory. The function buildIndex builds the index
// of a downloaded database. The parameter name is the name of their source.
func (d *daemon) newDownloader(
	kind mirror.Kind, dir string, interval time.Duration, buildIndex func(ctx context.Context, db, index string) error, name string,
) *mirror.Downloader {
	m := mirror.New(mirror.Config{
		Kind: kind, Interval: interval, Fetch: d.fetcher, Store: d.statusKeeper.store, Log: d.log, Dir: filepath.Join(d.data, dir),
		ReadConfig: func() (*pacmandb.Config, error) {
			return pacmandb.ReadConfig(cmp.Or(d.pacmanConfig, sources.DefaultPacmanConfig))
		},
		BuildIndex: buildIndex, OnRoundDone: d.kick,
	})
	d.backgroundFuncs = append(d.backgroundFuncs, m.Run)
	d.demands = append(d.demands, sourceDemands{name, "", m.Demands, "a mirror"})
	return m
}

// sourceDemands has the demands for the requests to the server of a source.
type sourceDemands struct {
	name       string
	pulledKind string // the kind of the source in a manifest; "" if it cannot be pulled
	demands    *schedule.Demands
	server     string // what errors call the server
}

// refreshSources demands a request to the server of each source that is not pulled, and waits for the replies until ctx ends.
func (d *daemon) refreshSources(ctx context.Context) []wire.SourceRefresh {
	wanted := slices.Clone(d.demands)
	if d.puller != nil {
		wanted = slices.DeleteFunc(wanted, func(s sourceDemands) bool {
			replaced, err := d.puller.Replaces(s.pulledKind)
			return s.pulledKind != "" && (replaced || err != nil)
		})
	}
	list := make([]wire.SourceRefresh, len(wanted))
	var waiting sync.WaitGroup
	for i, source := range wanted {
		waiting.Go(func() { list[i] = source.describe(source.demands.Demand(ctx)) })
	}
	waiting.Wait()
	return list
}

// describe returns what became of a demand, as it is sent to the user.
func (s *sourceDemands) describe(r schedule.DemandResult) wire.SourceRefresh {
	seconds := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.Unix()
	}
	result := wire.SourceRefresh{
		Name: s.name, State: wire.RefreshDone, LastRequestAt: seconds(r.LastEndedAt), AllowedAt: seconds(r.AllowedAt), NextRequestAt: seconds(r.PlannedAt),
	}
	if r.Err != nil {
		result.State, result.Why = wire.RefreshFailed, fetch.ErrorText(s.server, r.Err)
	}
	switch {
	case r.Running:
		result.State = wire.RefreshRunning
	case !r.Sent:
		result.State = wire.RefreshRecent
	}
	return result
}

// build builds an index and writes it to a file. The parameter source contains the arguments of
// indexer.Build: they say what the index is built from.
func build(ctx context.Context, index string, source ...string) error {
	image, err := indexer.Build(ctx, source...)
	return writeImage(image, err, index)
}

// buildRepository builds the index of a package database.
func (d *daemon) buildRepository(ctx context.Context, db, index string) error {
	image, err := indexer.BuildRepository(ctx, d.log, db, d.popularityPath())
	return writeImage(image, err, index)
}

// buildFiles builds the index of a database with lists of files.
func buildFiles(ctx context.Context, db, index string) error {
	return build(ctx, index, "--files", "--db", db)
}

// writeImage writes an index to a file, unless building it has failed with the error err.
func writeImage(image *indexer.Image, err error, index string) error {
	if err != nil {
		return err
	}
	defer image.Close()
	return image.Write(index)
}

// foreignPackageNames returns the names of the installed packages that are in no repository. It returns false while these
// names are unknown.
func (d *daemon) foreignPackageNames() ([]string, bool) {
	st, release, err := d.snapshotHolder.Acquire()
	if err != nil {
		return nil, false
	}
	defer release()
	if st.HasBuildingIndex() {
		return nil, false
	}
	return st.ForeignNames()
}

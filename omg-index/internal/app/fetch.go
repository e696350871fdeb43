package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-index/internal/fetcher"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/upstream"
)

// fetchOptions holds the flags about publish --fetch.
type fetchOptions struct {
	networkOptions
	enabled  bool
	cacheDir string
}

func (o *fetchOptions) flags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "fetch", Destination: &o.enabled, Usage: "get the sources from their servers first"},
		&cli.StringFlag{Name: "cache-dir", Destination: &o.cacheDir, Usage: "keep in `DIR` what --fetch got", DefaultText: "$XDG_CACHE_HOME/omg/fetched, or ~/.cache/omg/fetched"},
	}, o.networkOptions.flags()...)
}

// dir returns the directory in which fetched files are kept.
func (o *fetchOptions) dir() (string, error) {
	if o.cacheDir != "" {
		return o.cacheDir, nil
	}
	home := paths.ProcessEnv().CacheHome()
	if home == "" {
		return "", command.Usagef("neither XDG_CACHE_HOME nor HOME is an absolute path: name a directory with --cache-dir")
	}
	return filepath.Join(home, "omg", "fetched"), nil
}

// fetchedSource is a source that is fetched before it is read.
type fetchedSource struct {
	publishedSource
	// label is what errors call it.
	label string
	get   func(ctx context.Context, f *fetcher.Fetcher) error
	err   error
}

// publish implements publishedSource.
func (s *fetchedSource) publish(ctx context.Context, p *publishRun, count func()) (*readResult, error) {
	if s.err != nil {
		return &readResult{source: s, err: s.err}, nil
	}
	return s.publishedSource.publish(ctx, p, count)
}

// fetchedDocument is a source that is one file of one server.
type fetchedDocument struct {
	// kind is the value of --source, address the default address, and fileName the name of the file in the cache directory.
	kind, address, fileName string
	open                    func(path string) publishedSource
	get                     func(f *fetcher.Fetcher, ctx context.Context, address string) error
}

var fetchedDocuments = []fetchedDocument{
	{"aur", config.Default().AUR.URL, fetcher.DumpName, func(path string) publishedSource { return &aurDumpSource{path} }, (*fetcher.Fetcher).Dump},
	{"advisories", config.Default().Tracker.URL, fetcher.AdvisoriesName, func(path string) publishedSource { return newAdvisories(path) }, (*fetcher.Fetcher).Advisories},
	{"news", config.Default().News.URL, fetcher.NewsName, func(path string) publishedSource { return newNews(path) }, (*fetcher.Fetcher).News},
	{"popularity", config.Default().Popularity.URL, fetcher.SharesName, func(path string) publishedSource { return newShares(path) }, (*fetcher.Fetcher).Shares},
}

// findDocument returns the document of a value of --source; nil if there is none.
func findDocument(kind string) *fetchedDocument {
	i := slices.IndexFunc(fetchedDocuments, func(d fetchedDocument) bool { return d.kind == kind })
	if i < 0 {
		return nil
	}
	return &fetchedDocuments[i]
}

// fetchedByDefault returns the values of --source that --fetch gets by default: all that it can get.
func fetchedByDefault() []string {
	list := []string{"repositories", "files"}
	for i := range fetchedDocuments {
		list = append(list, fetchedDocuments[i].kind)
	}
	return list
}

// check returns an error if the other flags exclude these.
func (o *fetchOptions) check(c *cli.Context) error {
	for _, name := range []string{"cache-dir", "proxy", "timeout", "user-agent"} {
		if !o.enabled && c.IsSet(name) {
			return command.Usagef("--%s is for --fetch", name)
		}
	}
	if o.enabled && c.IsSet("dbpath") {
		return command.Usagef("--fetch and --dbpath exclude each other: the databases of the mirrors are published")
	}
	return nil
}

// sources returns the sources that a value of --source names, if it names no file: those of the mirrors in the file pacmanConfig, or that of an
// address, which may be empty.
func (o *fetchOptions) sources(kind, address, pacmanConfig string) (list []publishedSource, isFetched bool, err error) {
	if address == "" && (kind == "repositories" || kind == "files") {
		list, err = o.databases(kind, pacmanConfig)
		return list, true, err
	}
	if d := findDocument(kind); d != nil && (address == "" || strings.Contains(address, "://")) {
		s, err := o.document(d, cmp.Or(address, d.address))
		return []publishedSource{s}, true, err
	}
	return nil, false, nil
}

func (o *fetchOptions) document(d *fetchedDocument, address string) (publishedSource, error) {
	u, err := url.Parse(address)
	if err == nil {
		err = fetch.CheckURL(u)
	}
	if err != nil {
		return nil, command.Usagef("--source %s: %v", d.kind, err)
	}
	dir, err := o.dir()
	return &fetchedSource{
		publishedSource: d.open(filepath.Join(dir, d.fileName)), label: d.kind,
		get: func(ctx context.Context, f *fetcher.Fetcher) error { return d.get(f, ctx, address) },
	}, err
}

// databases returns the repositories in pacman.conf, or their file lists.
func (o *fetchOptions) databases(kind, pacmanConfig string) (list []publishedSource, err error) {
	conf, err := pacmandb.ReadConfig(cmp.Or(pacmanConfig, sources.DefaultPacmanConfig))
	if err != nil {
		return nil, err
	}
	dir, err := o.dir()
	if err != nil {
		return nil, err
	}
	for i := range conf.Repos {
		repo := &conf.Repos[i]
		if repo.Usage&pacmandb.UsageSync == 0 {
			continue
		}
		database := &sources.Repository{Name: repo.Name, DatabasePath: filepath.Join(dir, repo.Name+upstream.Packages.Extension), Usage: repo.Usage}
		s := &fetchedSource{publishedSource: &repository{database}}
		wanted := upstream.Packages
		if kind == "files" {
			s.publishedSource, wanted = &fileLists{database}, upstream.Files
		}
		s.label = repo.Name + wanted.Extension
		s.get = func(ctx context.Context, f *fetcher.Fetcher) error { return f.Database(ctx, wanted, repo) }
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no repository that pacman synchronizes", cmp.Or(pacmanConfig, sources.DefaultPacmanConfig))
	}
	return list, nil
}

// fetch gets the sources of the list that must be fetched. The error of a source is kept until it is published. The caller must close the result,
// so that no other process changes the files before.
func (o *fetchOptions) fetch(c *cli.Context, list []publishedSource) (io.Closer, error) {
	dir, err := o.dir()
	if err == nil {
		err = checkOut(dir)
	}
	if err != nil {
		return nil, err
	}
	client, err := o.newClient()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	f, err := fetcher.Open(dir, client, clock.Now())
	if err != nil {
		return nil, explainPublish(err)
	}
	fetched := 0
	for _, s := range list {
		source, ok := s.(*fetchedSource)
		if !ok {
			continue
		}
		fetched++
		if err := source.get(c.Context, f); err != nil {
			source.err = fmt.Errorf("%s could not be fetched: %w", source.label, err)
		}
		if err := c.Context.Err(); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %d of %s new, %d bytes received\n", termtext.Clean(dir), f.NewCount, formatCount(fetched, "file"), f.Received)
	return f, exit.WithCode(exit.Failed, err)
}

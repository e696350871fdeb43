package client

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// Each method below sends the request of one operation and returns the result. If a reply is sent in chunks, the method
// joins their lists.

// requestOneChunk sends a request whose reply has one chunk.
func requestOneChunk[R any](ctx context.Context, c *Conn, op string, req any) (*R, error) {
	r := new(R)
	return r, c.CallForResult(ctx, op, req, r)
}

// Hello returns the daemon's version and the paths of the databases that the daemon reads.
func (c *Conn) Hello(ctx context.Context) (*wire.HelloResult, error) {
	return requestOneChunk[wire.HelloResult](ctx, c, wire.OpHello, &wire.HelloRequest{Protocol: wire.ProtocolVersion, Client: c.opt.ClientName})
}

// Search sends a search. It passes every package to the function visit, which must not keep the pointer. After each chunk
// except the last, Search calls the function endChunk. The returned result has all fields except the packages. A daemon that does not
// understand the whole request is an error with the code CodeVersion.
func (c *Conn) Search(ctx context.Context, r *wire.SearchRequest, visit func(*wire.Package) error, endChunk func()) (*wire.SearchResult, error) {
	all := &wire.SearchResult{}
	err := c.Call(ctx, wire.OpSearch, r, func(chunk []byte, more bool) error {
		if hello := c.Greeting(); hello != nil && hello.Protocol < r.RequiredProtocol() {
			return wire.Errorf(wire.CodeVersion, "the running omgd %s does not understand this search: omg daemon restart starts the installed one", hello.Server)
		}
		err := wire.DecodeSearchResult(chunk, all, visit)
		if err == nil && more {
			endChunk()
		}
		return err
	})
	return all, err
}

// Info looks up packages by name. It calls the functions visit and endChunk as Search does.
func (c *Conn) Info(ctx context.Context, r *wire.InfoRequest, visit func(*wire.Package) error, endChunk func()) (*wire.InfoResult, error) {
	all := &wire.InfoResult{}
	err := c.Call(ctx, wire.OpInfo, r, func(chunk []byte, more bool) error {
		err := wire.DecodeInfoResult(chunk, all, visit)
		if err == nil && more {
			endChunk()
		}
		return err
	})
	return all, err
}

// AURInfo returns what the AUR's server has about packages now.
func (c *Conn) AURInfo(ctx context.Context, names []string) (*wire.AURInfoResult, error) {
	all := &wire.AURInfoResult{}
	err := c.Call(ctx, wire.OpAURInfo, &wire.AURInfoRequest{Names: names}, func(b []byte, _ bool) error {
		var chunk wire.AURInfoResult
		if err := msgpack.Unmarshal(b, &chunk); err != nil {
			return err
		}
		all.Sources = append(all.Sources, chunk.Sources...)
		all.Packages = append(all.Packages, chunk.Packages...)
		all.NotAsked = append(all.NotAsked, chunk.NotAsked...)
		return nil
	})
	return all, err
}

// AURPKGBUILD returns the PKGBUILD of a package that the AUR's server has now.
func (c *Conn) AURPKGBUILD(ctx context.Context, name string) (*wire.AURPKGBUILDResult, error) {
	all := &wire.AURPKGBUILDResult{}
	err := c.Call(ctx, wire.OpAURPKGBUILD, &wire.AURPKGBUILDRequest{Name: name}, func(b []byte, _ bool) error {
		var chunk wire.AURPKGBUILDResult
		if err := msgpack.Unmarshal(b, &chunk); err != nil {
			return err
		}
		if all.Base == "" {
			all.Base, all.AsOf = chunk.Base, chunk.AsOf
		}
		if all.Content = append(all.Content, chunk.Content...); len(all.Content) > wire.MaxPKGBUILD {
			return fmt.Errorf("%w: a PKGBUILD of more than %d bytes", wire.ErrMalformed, wire.MaxPKGBUILD)
		}
		return nil
	})
	return all, err
}

// AURCheck returns the findings about the installed packages that are in no repository.
func (c *Conn) AURCheck(ctx context.Context) (*wire.AURCheckResult, error) {
	return requestOneChunk[wire.AURCheckResult](ctx, c, wire.OpAURCheck, nil)
}

// Status returns the counts, the state of the sources, and problems.
func (c *Conn) Status(ctx context.Context) (*wire.StatusResult, error) {
	return requestOneChunk[wire.StatusResult](ctx, c, wire.OpStatus, nil)
}

// Installed returns the installed packages that the request selects.
func (c *Conn) Installed(ctx context.Context, r *wire.InstalledRequest) (*wire.InstalledResult, error) {
	var all *wire.InstalledResult
	err := c.Call(ctx, wire.OpInstalled, r, func(b []byte, _ bool) error {
		var chunk wire.InstalledResult
		if err := msgpack.Unmarshal(b, &chunk); err != nil {
			return err
		}
		if all == nil {
			all = &chunk
		} else {
			all.Packages = append(all.Packages, chunk.Packages...)
		}
		return nil
	})
	return all, err
}

// Explicit returns the names of the explicitly installed packages.
func (c *Conn) Explicit(ctx context.Context) (*wire.ExplicitResult, error) {
	return requestOneChunk[wire.ExplicitResult](ctx, c, wire.OpExplicit, nil)
}

// Outdated returns the available updates.
func (c *Conn) Outdated(ctx context.Context) (*wire.OutdatedResult, error) {
	return requestOneChunk[wire.OutdatedResult](ctx, c, wire.OpOutdated, nil)
}

// Security returns the installed packages with advisories.
func (c *Conn) Security(ctx context.Context, r *wire.SecurityRequest) (*wire.SecurityResult, error) {
	var all *wire.SecurityResult
	err := c.Call(ctx, wire.OpSecurity, r, func(b []byte, _ bool) error {
		var chunk wire.SecurityResult
		if err := msgpack.Unmarshal(b, &chunk); err != nil {
			return err
		}
		if all == nil {
			all = &chunk
			return nil
		}
		for _, p := range chunk.Packages {
			// If a package has many advisories, the next chunk has another element with the same name.
			if last := len(all.Packages) - 1; last >= 0 && all.Packages[last].Name == p.Name {
				all.Packages[last].Advisories = append(all.Packages[last].Advisories, p.Advisories...)
			} else {
				all.Packages = append(all.Packages, p)
			}
		}
		return nil
	})
	return all, err
}

// News returns the items of Arch's news.
func (c *Conn) News(ctx context.Context) (*wire.NewsResult, error) {
	var all *wire.NewsResult
	err := c.Call(ctx, wire.OpNews, nil, func(b []byte, _ bool) error {
		var chunk wire.NewsResult
		if err := msgpack.Unmarshal(b, &chunk); err != nil {
			return err
		}
		if all == nil {
			all = &chunk
		} else {
			all.Items = append(all.Items, chunk.Items...)
		}
		return nil
	})
	return all, err
}

// FilesOwner finds packages of the repositories by their files. It passes every package to the function visit. The returned result
// has all fields except the packages.
func (c *Conn) FilesOwner(ctx context.Context, r *wire.FilesOwnerRequest, visit func(*wire.FileOwner) error) (*wire.FilesOwnerResult, error) {
	all := &wire.FilesOwnerResult{}
	err := callAndVisit(ctx, c, wire.OpFilesOwner, r, all, func() error {
		owners := all.Owners
		all.Owners = nil
		return visitEach(owners, visit)
	})
	return all, err
}

// FilesList returns the files of packages of the repositories. It passes every package to the function visit. The returned result has
// all fields except the packages.
func (c *Conn) FilesList(ctx context.Context, r *wire.FilesListRequest, visit func(*wire.RepositoryFiles) error) (*wire.FilesListResult, error) {
	all := &wire.FilesListResult{}
	err := callAndVisit(ctx, c, wire.OpFilesList, r, all, func() error {
		packages := all.Packages
		all.Packages = nil
		return visitEach(packages, visit)
	})
	return all, err
}

// callAndVisit sends a request and decodes each chunk of the reply into the result, one after the other. After each chunk, it calls
// the function take, which takes the list out of the result.
func callAndVisit(ctx context.Context, c *Conn, op string, req, result any, take func() error) error {
	return c.Call(ctx, op, req, func(chunk []byte, _ bool) error {
		if err := msgpack.Unmarshal(chunk, result); err != nil {
			return err
		}
		return take()
	})
}

func visitEach[E any](list []E, visit func(*E) error) error {
	for i := range list {
		if err := visit(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

// Command returns the packages of the repositories that bring commands.
func (c *Conn) Command(ctx context.Context, r *wire.CommandRequest) (*wire.CommandResult, error) {
	return requestOneChunk[wire.CommandResult](ctx, c, wire.OpCommand, r)
}

// StatusHistory returns earlier counts.
func (c *Conn) StatusHistory(ctx context.Context, r *wire.HistoryRequest) (*wire.HistoryResult, error) {
	return requestOneChunk[wire.HistoryResult](ctx, c, wire.OpHistory, r)
}

// Health returns the state of each part of the daemon.
func (c *Conn) Health(ctx context.Context) (*wire.HealthResult, error) {
	return requestOneChunk[wire.HealthResult](ctx, c, wire.OpHealth, nil)
}

// startPollInterval is the interval at which AwaitStarted requests the health of a starting daemon.
const startPollInterval = 20 * time.Millisecond

// AwaitStarted waits until the daemon has read all its data for the first time, or has failed to read it.
func (c *Conn) AwaitStarted(ctx context.Context) error {
	for {
		health, err := c.Health(ctx)
		if err != nil {
			return err
		}
		starting := func(p wire.Component) bool { return p.State == wire.HealthStarting }
		if !slices.ContainsFunc(health.Components, starting) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(startPollInterval):
		}
	}
}

// Metrics returns the daemon's metrics.
func (c *Conn) Metrics(ctx context.Context) (*wire.MetricsResult, error) {
	return requestOneChunk[wire.MetricsResult](ctx, c, wire.OpMetrics, nil)
}

// Refresh makes the daemon read what has changed.
func (c *Conn) Refresh(ctx context.Context) (*wire.RefreshResult, error) {
	return requestOneChunk[wire.RefreshResult](ctx, c, wire.OpRefresh, nil)
}

// RefreshSources makes the daemon send a request to the server of each source, unless it sent one recently.
func (c *Conn) RefreshSources(ctx context.Context) (*wire.RefreshSourcesResult, error) {
	return requestOneChunk[wire.RefreshSourcesResult](ctx, c, wire.OpRefreshSources, nil)
}

// ClearCache empties the daemon's caches.
func (c *Conn) ClearCache(ctx context.Context) (*wire.CacheClearResult, error) {
	return requestOneChunk[wire.CacheClearResult](ctx, c, wire.OpCacheClear, nil)
}

// LogLevel changes the daemon's log level, unless the parameter level is empty, and returns the level that now applies.
func (c *Conn) LogLevel(ctx context.Context, level string) (*wire.LogLevelResult, error) {
	return requestOneChunk[wire.LogLevelResult](ctx, c, wire.OpLogLevel, &wire.LogLevelRequest{Level: level})
}

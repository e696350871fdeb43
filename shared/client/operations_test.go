package client

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// replying returns a connection to a test server that knows one operation. The server checks that a request has the
// fields of the parameter expected, and replies with the chunks.
func replying(t *testing.T, op string, expected any, chunks ...any) *Conn {
	t.Helper()
	return dial(t, startServer(t, answering(func(h wire.RequestHeader, frame []byte) (b []byte) {
		if string(h.Op) != op {
			return wire.AppendError(nil, h.ID, wire.Errorf(wire.CodeInvalid, "%s instead of %s", h.Op, op))
		}
		var got, want map[string]any
		fields, err := msgpack.Marshal(expected)
		if expected == nil {
			fields, err = []byte{0x80}, nil
		}
		if err == nil {
			err = errors.Join(msgpack.Unmarshal(frame, &got), msgpack.Unmarshal(fields, &want))
		}
		delete(got, "id")
		delete(got, "op")
		if err != nil || !same(got, want) {
			return wire.AppendError(nil, h.ID, wire.Errorf(wire.CodeInvalid, "fields %v instead of %v: %v", got, want, err))
		}
		for i, chunk := range chunks {
			b = wire.AppendResult(b, h.ID, encode(chunk), i+1 < len(chunks))
		}
		return b
	})), Options{ClientName: "test 1"})
}

func same(a, b map[string]any) bool {
	return string(encode(&sorted{a})) == string(encode(&sorted{b}))
}

// sorted is a map that is encoded with its keys in order.
type sorted struct{ fields map[string]any }

func (s *sorted) EncodeMsgpack(e *msgpack.Encoder) error { return e.EncodeMapSorted(s.fields) }

// TestOperations_OneChunk calls each operation whose reply has one chunk, and compares the request and the result.
func TestOperations_OneChunk(t *testing.T) {
	n := uint32(3)
	basis := wire.Basis{Generation: 7, ConfirmedAt: 1_700_000_000, Partial: true, Why: "w", Sources: []wire.Source{{Name: "core", Kind: wire.KindRepository, State: wire.SourceFailed}}}
	for _, c := range []struct {
		op      string
		request any
		result  any
		ask     func(*Conn) (any, error)
	}{
		{wire.OpStatus, nil, &wire.StatusResult{Basis: basis, Counts: wire.Counts{Updates: &n}, PartialCounts: []string{"updates"}}, func(c *Conn) (any, error) {
			return c.Status(ctx)
		}},
		{wire.OpExplicit, nil, &wire.ExplicitResult{Basis: basis, Names: []string{"a", "b"}}, func(c *Conn) (any, error) { return c.Explicit(ctx) }},
		{wire.OpOutdated, nil, &wire.OutdatedResult{Basis: basis, Updates: []wire.Update{{Name: "a", Installed: "1-1", Version: "2-1", Repo: "core"}}}, func(c *Conn) (any, error) {
			return c.Outdated(ctx)
		}},
		{wire.OpHistory, &wire.HistoryRequest{Limit: 2}, &wire.HistoryResult{Entries: []wire.CountsHistoryEntry{{At: 5, Counts: wire.Counts{Installed: &n}}}}, func(c *Conn) (any, error) {
			return c.StatusHistory(ctx, &wire.HistoryRequest{Limit: 2})
		}},
		{wire.OpHealth, nil, &wire.HealthResult{State: wire.HealthOK, Components: []wire.Component{{Name: "store", State: wire.HealthOK, Since: 1}}}, func(c *Conn) (any, error) {
			return c.Health(ctx)
		}},
		{wire.OpMetrics, nil, &wire.MetricsResult{Text: "a 1\n"}, func(c *Conn) (any, error) { return c.Metrics(ctx) }},
		{wire.OpRefresh, nil, &wire.RefreshResult{Refreshed: true, Generation: 8, At: 9}, func(c *Conn) (any, error) { return c.Refresh(ctx) }},
		{wire.OpRefreshSources, nil, &wire.RefreshSourcesResult{Sources: []wire.SourceRefresh{{Name: "aur", State: wire.RefreshRecent, AllowedAt: 9}}}, func(c *Conn) (any, error) { return c.RefreshSources(ctx) }},
		{wire.OpAURInfo, &wire.AURInfoRequest{Names: []string{"a", "b"}}, &wire.AURInfoResult{Sources: []wire.Source{{Name: "aur", State: wire.SourceOK}}, Packages: []wire.Package{{Name: "a", AUR: &wire.AUR{PendingRequests: &n}}}, NotAsked: []string{"b"}}, func(c *Conn) (any, error) {
			return c.AURInfo(ctx, []string{"a", "b"})
		}},
		{wire.OpAURPKGBUILD, &wire.AURPKGBUILDRequest{Name: "a"}, &wire.AURPKGBUILDResult{Base: "b", AsOf: 5, Content: []byte("pkgname=a\n")}, func(c *Conn) (any, error) {
			return c.AURPKGBUILD(ctx, "a")
		}},
		{wire.OpNews, nil, &wire.NewsResult{Sources: []wire.Source{{Name: "news", State: wire.SourceOK}}, UpgradedAt: 5, Items: []wire.NewsItem{{NewsHeadline: wire.NewsHeadline{ID: "a", PublishedAt: 6}, Text: "b"}}}, func(c *Conn) (any, error) { return c.News(ctx) }},
		{wire.OpAURCheck, nil, &wire.AURCheckResult{CheckedCount: 1, Packages: []wire.CheckedPackage{{Name: "a", Findings: []wire.AURFinding{{Level: wire.FindingLevelLook}}}}}, func(c *Conn) (any, error) { return c.AURCheck(ctx) }},
		{wire.OpCommand, &wire.CommandRequest{Names: []string{"rg"}}, &wire.CommandResult{Basis: basis, Commands: []wire.CommandOwner{{Command: "rg", Path: "usr/bin/rg"}}, Missing: []wire.MissingCommand{{Name: "x"}}}, func(c *Conn) (any, error) {
			return c.Command(ctx, &wire.CommandRequest{Names: []string{"rg"}})
		}},
		{wire.OpCacheClear, nil, &wire.CacheClearResult{ClearedCount: 4}, func(c *Conn) (any, error) { return c.ClearCache(ctx) }},
		{wire.OpLogLevel, &wire.LogLevelRequest{}, &wire.LogLevelResult{Level: "info"}, func(c *Conn) (any, error) { return c.LogLevel(ctx, "") }},
		{wire.OpLogLevel, &wire.LogLevelRequest{Level: "debug"}, &wire.LogLevelResult{Level: "debug"}, func(c *Conn) (any, error) {
			return c.LogLevel(ctx, "debug")
		}},
	} {
		t.Run(c.op, func(t *testing.T) {
			conn := replying(t, c.op, c.request, c.result)
			for range 2 {
				got, err := c.ask(conn)
				require.NoError(t, err)
				require.Equal(t, c.result, got)
			}
		})
	}
}

// TestHello checks that a program may send hello in addition to the greeting that each connection sends.
func TestHello(t *testing.T) {
	want := &wire.HelloResult{Protocol: wire.ProtocolVersion, Server: "1.0", ServedPaths: wire.ServedPaths{DBPath: "/srv/pacman"}}
	var greetings atomic.Int32
	c := dial(t, startServer(t, func(nc *net.UnixConn, _ int) {
		for {
			frame, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
			if err != nil {
				return
			}
			h, _ := wire.DecodeRequestHeader(frame)
			var r wire.HelloRequest
			if err := msgpack.Unmarshal(frame, &r); err != nil || string(h.Op) != wire.OpHello || r != (wire.HelloRequest{Protocol: wire.ProtocolVersion, Client: "test 1"}) {
				t.Errorf("%s %+v: %v", h.Op, r, err)
			}
			greetings.Add(1)
			if _, err := nc.Write(wire.AppendResult(nil, h.ID, encode(want), false)); err != nil {
				return
			}
		}
	}), Options{ClientName: "test 1"})
	got, err := c.Hello(ctx)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.EqualValues(t, 2, greetings.Load())
}

// packages has the functions that the tests pass to Search and Info. They collect the names of packages, and count the
// pauses between chunks.
type packages struct {
	names  []string
	pauses int
}

func (p *packages) add(pkg *wire.Package) error {
	p.names = append(p.names, pkg.Name)
	return nil
}

func (p *packages) countPause() { p.pauses++ }

func named(names ...string) (list []wire.Package) {
	for _, name := range names {
		list = append(list, wire.Package{Repo: "core", Name: name, Version: "1-1"})
	}
	return list
}

// TestSearch checks that Search joins all chunks of a reply, including the first chunk with packages of the AUR. This chunk
// also has the total and one more source.
func TestSearch(t *testing.T) {
	core := wire.Source{Name: "core", Kind: wire.KindRepository, State: wire.SourceOK}
	aur := wire.Source{Name: "aur", Kind: wire.KindAUR, State: wire.SourceStale, Why: "slow"}
	request := &wire.SearchRequest{Words: []string{"a"}, Limit: 5, Live: true}
	c := replying(t, wire.OpSearch, request,
		&wire.SearchResult{Basis: wire.Basis{Generation: 7, ConfirmedAt: 8, Sources: []wire.Source{core}}, Packages: named("a", "b")},
		map[string]any{"packages": named("c")},
		map[string]any{"total": 4, "packages": named("d"), "sources": []wire.Source{aur}},
	)
	var p packages
	got, err := c.Search(ctx, request, p.add, p.countPause)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c", "d"}, p.names)
	require.Equal(t, 2, p.pauses, "one pause between each two chunks")
	require.Equal(t, &wire.SearchResult{Basis: wire.Basis{Generation: 7, ConfirmedAt: 8, Sources: []wire.Source{core, aur}}, Total: 4}, got)

	enough := errors.New("enough")
	_, err = c.Search(ctx, request, func(*wire.Package) error { return enough }, p.countPause)
	require.ErrorIs(t, err, enough)
}

// TestInfo checks that Info joins the chunks of a reply.
func TestInfo(t *testing.T) {
	request := &wire.InfoRequest{Names: []string{"a", "b", "c"}}
	c := replying(t, wire.OpInfo, request,
		&wire.InfoResult{Basis: wire.Basis{Generation: 7, Partial: true}, Packages: named("a")},
		map[string]any{"packages": named("b"), "missing": []wire.MissingName{{Name: "c", Suggestions: []wire.Suggestion{{Name: "b", Reason: wire.SuggestionSpelling}}}}, "sources": []wire.Source{{Name: "aur"}}},
	)
	var p packages
	got, err := c.Info(ctx, request, p.add, p.countPause)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, p.names)
	require.Equal(t, 1, p.pauses)
	require.Equal(t, &wire.InfoResult{
		Basis: wire.Basis{Generation: 7, Partial: true, Sources: []wire.Source{{Name: "aur"}}}, Missing: []wire.MissingName{{Name: "c", Suggestions: []wire.Suggestion{{Name: "b", Reason: wire.SuggestionSpelling}}}},
	}, got)
}

// TestInstalled checks that Installed joins the chunks of a reply.
func TestInstalled(t *testing.T) {
	list := func(names ...string) (out []wire.InstalledPackage) {
		for _, p := range named(names...) {
			out = append(out, wire.InstalledPackage{Package: p, Reason: "explicit"})
		}
		return out
	}
	request := &wire.InstalledRequest{Names: []string{"a", "none"}, Filter: wire.FilterExplicit, Details: true}
	c := replying(t, wire.OpInstalled, request,
		&wire.InstalledResult{Basis: wire.Basis{Generation: 7, Stale: true}, Packages: list("a"), Missing: []string{"none"}},
		map[string]any{"packages": list("b", "c")},
		map[string]any{"packages": list("d")},
	)
	got, err := c.Installed(ctx, request)
	require.NoError(t, err)
	require.Equal(t, &wire.InstalledResult{Basis: wire.Basis{Generation: 7, Stale: true}, Packages: list("a", "b", "c", "d"), Missing: []string{"none"}}, got)
}

// TestSecurity checks that Security joins the chunks of a reply. If the advisories of a package are spread over several
// chunks, Security also joins the package's elements into one element.
func TestSecurity(t *testing.T) {
	vulnerable := func(name string, advisories ...string) wire.VulnerablePackage {
		p := wire.VulnerablePackage{Name: name, Installed: "1-1", Severity: "High", Verdict: "affected"}
		for _, a := range advisories {
			p.Advisories = append(p.Advisories, wire.Advisory{Name: a})
		}
		return p
	}
	request := &wire.SecurityRequest{Packages: []string{"a", "b", "none"}}
	c := replying(t, wire.OpSecurity, request,
		&wire.SecurityResult{Basis: wire.Basis{Generation: 7}, Packages: []wire.VulnerablePackage{vulnerable("a", "AVG-1")}, Missing: []string{"none"}, Skipped: 2},
		map[string]any{"packages": []wire.VulnerablePackage{vulnerable("a", "AVG-2", "AVG-3")}},
		map[string]any{"packages": []wire.VulnerablePackage{vulnerable("a", "AVG-4"), vulnerable("b", "AVG-1")}},
	)
	got, err := c.Security(ctx, request)
	require.NoError(t, err)
	require.Equal(t, &wire.SecurityResult{
		Basis: wire.Basis{Generation: 7}, Missing: []string{"none"}, Skipped: 2,
		Packages: []wire.VulnerablePackage{vulnerable("a", "AVG-1", "AVG-2", "AVG-3", "AVG-4"), vulnerable("b", "AVG-1")},
	}, got)
}

// TestNews checks that News joins the chunks of a reply.
func TestNews(t *testing.T) {
	item := func(id string) wire.NewsItem {
		return wire.NewsItem{NewsHeadline: wire.NewsHeadline{ID: id, Title: "T", PublishedAt: 5}, Text: "x"}
	}
	c := replying(t, wire.OpNews, nil,
		&wire.NewsResult{Sources: []wire.Source{{Name: "news", State: wire.SourceOK}}, UpgradedAt: 4, Items: []wire.NewsItem{item("a")}},
		map[string]any{"items": []wire.NewsItem{item("b"), item("c")}},
	)
	got, err := c.News(ctx)
	require.NoError(t, err)
	require.Equal(t, &wire.NewsResult{
		Sources: []wire.Source{{Name: "news", State: wire.SourceOK}}, UpgradedAt: 4, Items: []wire.NewsItem{item("a"), item("b"), item("c")},
	}, got)
}

// TestFiles checks that FilesOwner and FilesList pass on the elements of all chunks.
func TestFiles(t *testing.T) {
	pkg := wire.RepositoryPackage{Repo: "core", Name: "bash", Version: "5-1"}
	basis := wire.Basis{Generation: 7}
	owner := func(paths ...string) wire.FileOwner {
		return wire.FileOwner{Query: "bash", RepositoryPackage: pkg, Paths: paths}
	}
	c := replying(t, wire.OpFilesOwner, &wire.FilesOwnerRequest{Names: []string{"bash", "none"}},
		&wire.FilesOwnerResult{Basis: basis, Owners: []wire.FileOwner{owner("a", "b")}},
		map[string]any{"owners": []wire.FileOwner{owner("c")}},
		map[string]any{"owners": []wire.FileOwner{}, "missing": []string{"none"}},
	)
	var owners []wire.FileOwner
	found, err := c.FilesOwner(ctx, &wire.FilesOwnerRequest{Names: []string{"bash", "none"}}, func(o *wire.FileOwner) error {
		owners = append(owners, *o)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, &wire.FilesOwnerResult{Basis: basis, Missing: []string{"none"}}, found)
	require.Equal(t, []wire.FileOwner{owner("a", "b"), owner("c")}, owners)

	list := func(paths ...string) wire.RepositoryFiles {
		return wire.RepositoryFiles{RepositoryPackage: pkg, Paths: paths}
	}
	c = replying(t, wire.OpFilesList, &wire.FilesListRequest{Names: []string{"bash", "none"}},
		&wire.FilesListResult{Basis: basis, Packages: []wire.RepositoryFiles{list("a")}},
		map[string]any{"packages": []wire.RepositoryFiles{list("b")}, "missing": []string{"none"}},
	)
	failed := errors.New("the pipe is closed")
	_, err = c.FilesList(ctx, &wire.FilesListRequest{Names: []string{"bash", "none"}}, func(*wire.RepositoryFiles) error { return failed })
	require.ErrorIs(t, err, failed)
	var lists []wire.RepositoryFiles
	listed, err := c.FilesList(ctx, &wire.FilesListRequest{Names: []string{"bash", "none"}}, func(f *wire.RepositoryFiles) error {
		lists = append(lists, *f)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, &wire.FilesListResult{Basis: basis, Missing: []string{"none"}}, listed)
	require.Equal(t, []wire.RepositoryFiles{list("a"), list("b")}, lists)
}

// TestOperations_Errors checks that each method returns the server's error, and returns an error if the result has a wrong
// type.
func TestOperations_Errors(t *testing.T) {
	methods := map[string]func(*Conn) error{
		"hello": func(c *Conn) error { _, err := c.Hello(ctx); return err },
		"search": func(c *Conn) error {
			_, err := c.Search(ctx, &wire.SearchRequest{}, (&packages{}).add, func() {})
			return err
		},
		"info": func(c *Conn) error {
			_, err := c.Info(ctx, &wire.InfoRequest{}, (&packages{}).add, func() {})
			return err
		},
		"status":    func(c *Conn) error { _, err := c.Status(ctx); return err },
		"installed": func(c *Conn) error { _, err := c.Installed(ctx, &wire.InstalledRequest{}); return err },
		"explicit":  func(c *Conn) error { _, err := c.Explicit(ctx); return err },
		"outdated":  func(c *Conn) error { _, err := c.Outdated(ctx); return err },
		"security":  func(c *Conn) error { _, err := c.Security(ctx, &wire.SecurityRequest{}); return err },
		"news":      func(c *Conn) error { _, err := c.News(ctx); return err },
		"owners":    func(c *Conn) error { _, err := c.FilesOwner(ctx, &wire.FilesOwnerRequest{}, nil); return err },
		"files":     func(c *Conn) error { _, err := c.FilesList(ctx, &wire.FilesListRequest{}, nil); return err },
		"command":   func(c *Conn) error { _, err := c.Command(ctx, &wire.CommandRequest{}); return err },
		"watch": func(c *Conn) error {
			return c.Watch(ctx, func(int, time.Duration) error { return nil }, func(*wire.StatusResult) error { return nil })
		},
		"history": func(c *Conn) error { _, err := c.StatusHistory(ctx, &wire.HistoryRequest{}); return err },
		"health":  func(c *Conn) error { _, err := c.Health(ctx); return err },
		"started": func(c *Conn) error { return c.AwaitStarted(ctx) },
		"metrics": func(c *Conn) error { _, err := c.Metrics(ctx); return err },
		"refresh": func(c *Conn) error { _, err := c.Refresh(ctx); return err },
		"sources": func(c *Conn) error { _, err := c.RefreshSources(ctx); return err },
		"clear":   func(c *Conn) error { _, err := c.ClearCache(ctx); return err },
		"level":   func(c *Conn) error { _, err := c.LogLevel(ctx, ""); return err },
	}
	for name, ask := range methods {
		t.Run(name, func(t *testing.T) {
			served := &wire.ServedPaths{DBPath: "/srv/pacman"}
			sent := &wire.Error{Code: wire.CodeNotReady, Message: "not yet", ServedPaths: served}
			reply := func(result func(id uint64) []byte) *Conn {
				return dial(t, startServer(t, func(nc *net.UnixConn, _ int) {
					for greeted := false; ; {
						frame, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
						if err != nil {
							return
						}
						h, _ := wire.DecodeRequestHeader(frame)
						b := result(h.ID)
						if !greeted {
							b, greeted = wire.AppendResult(nil, h.ID, []byte{0x80}, false), true
						}
						if _, err := nc.Write(b); err != nil {
							return
						}
					}
				}), Options{})
			}
			err := ask(reply(func(id uint64) []byte { return wire.AppendError(nil, id, sent) }))
			require.Equal(t, sent, err)
			err = ask(reply(func(id uint64) []byte { return wire.AppendResult(nil, id, []byte{0xa1, 'x'}, false) }))
			require.Error(t, err, "the result is a text and not a map")
		})
	}
}

// TestGreeting checks that Greeting returns the paths of the daemon's databases after the reply to the greeting, even if the
// request fails.
func TestGreeting(t *testing.T) {
	hello := &wire.HelloResult{Protocol: wire.ProtocolVersion, Server: "1.0", ServedPaths: wire.ServedPaths{DBPath: "/srv/pacman", PacmanConfig: "/srv/pacman.conf"}}
	old := &wire.HelloResult{Protocol: 1, Server: "0.1", ServedPaths: hello.ServedPaths}
	greeting := func(id uint64) []byte { return wire.AppendResult(nil, id, encode(hello), false) }
	for name, c := range map[string]struct {
		greeting, request func(id uint64) []byte // the server's replies; with nil, the server closes the connection instead
		fails             bool
		want              *wire.HelloResult
	}{
		"an answer":          {greeting, func(id uint64) []byte { return wire.AppendResult(nil, id, []byte{0x80}, false) }, false, hello},
		"a refused request":  {greeting, func(id uint64) []byte { return wire.AppendError(nil, id, wire.Errorf(wire.CodeNotReady, "not yet")) }, true, hello},
		"a break":            {greeting, nil, true, hello},
		"half a reply":       {greeting, func(id uint64) []byte { return wire.AppendResult(nil, id, []byte{0x80}, true)[:9] }, true, hello},
		"a break before":     {nil, nil, true, nil},
		"a refused greeting": {func(id uint64) []byte { return wire.AppendError(nil, id, wire.Errorf(wire.CodeVersion, "too new")) }, nil, true, nil},
		"an old daemon": {func(id uint64) []byte { return wire.AppendResult(nil, id, encode(old), false) }, func(id uint64) []byte {
			return wire.AppendResult(nil, id, []byte{0x80}, false)
		}, true, old},
		"rubbish": {func(id uint64) []byte { return wire.AppendResult(nil, id, []byte{0xa1, 'x'}, false) }, func(id uint64) []byte {
			return wire.AppendResult(nil, id, []byte{0x80}, false)
		}, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, startServer(t, func(nc *net.UnixConn, _ int) {
				for _, reply := range []func(uint64) []byte{c.greeting, c.request} {
					frame, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
					if err != nil || reply == nil {
						return
					}
					h, _ := wire.DecodeRequestHeader(frame)
					if _, err := nc.Write(reply(h.ID)); err != nil {
						return
					}
				}
			}), Options{})
			require.Nil(t, conn.Greeting(), "no request was sent yet")
			err := conn.CallForResult(ctx, "op", nil, &struct{}{})
			require.Equal(t, c.fails, err != nil, "%v", err)
			require.Equal(t, c.want, conn.Greeting())
		})
	}
}

// TestAwaitStarted checks that AwaitStarted repeats its request until no component is starting.
func TestAwaitStarted(t *testing.T) {
	states := [][]string{
		{wire.HealthOK, wire.HealthStarting},
		{wire.HealthStarting, wire.HealthFailed},
		{wire.HealthOK, wire.HealthDegraded, wire.HealthFailed},
	}
	var requests atomic.Int32
	c := dial(t, startServer(t, answering(func(h wire.RequestHeader, _ []byte) []byte {
		var r wire.HealthResult
		for _, state := range states[min(int(requests.Add(1)), len(states))-1] {
			r.Components = append(r.Components, wire.Component{Name: "x", State: state})
		}
		return wire.AppendResult(nil, h.ID, encode(&r), false)
	})), Options{})
	require.NoError(t, c.AwaitStarted(ctx))
	require.EqualValues(t, len(states), requests.Load())
}

// TestAwaitStarted_Canceled checks that AwaitStarted returns when its context is canceled, although a component is still
// in the state starting.
func TestAwaitStarted_Canceled(t *testing.T) {
	canceled, cancel := context.WithCancel(ctx)
	defer cancel()
	var requests atomic.Int32
	c := dial(t, startServer(t, answering(func(h wire.RequestHeader, _ []byte) []byte {
		if requests.Add(1) == 3 {
			cancel()
		}
		return wire.AppendResult(nil, h.ID, encode(&wire.HealthResult{Components: []wire.Component{{Name: "index", State: wire.HealthStarting}}}), false)
	})), Options{})
	require.ErrorIs(t, c.AwaitStarted(canceled), context.Canceled)
	require.LessOrEqual(t, requests.Load(), int32(4))
}

// TestSearch_EarlierDaemon checks that the reply of a daemon to a request that it does not understand is never used.
func TestSearch_EarlierDaemon(t *testing.T) {
	for name, c := range map[string]struct {
		protocol uint32
		request  wire.SearchRequest
		refused  bool
	}{
		"a page":                    {wire.ProtocolVersion, wire.SearchRequest{AllRepos: true, Skip: 1}, false},
		"a page, an earlier daemon": {4, wire.SearchRequest{AllRepos: true, Skip: 1}, true},
		"a state":                   {4, wire.SearchRequest{Words: []string{"not:is:installed"}}, true},
		"the start":                 {4, wire.SearchRequest{AllRepos: true, Limit: 5}, false},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, startServer(t, greetingAs(&wire.HelloResult{Protocol: c.protocol, Server: "0.9"}, func(h wire.RequestHeader, _ []byte) []byte {
				return wire.AppendResult(nil, h.ID, encode(&wire.SearchResult{Total: 1, Packages: []wire.Package{{Name: "a"}}}), false)
			})), Options{})
			var names []string
			_, err := conn.Search(ctx, &c.request, func(p *wire.Package) error {
				names = append(names, p.Name)
				return nil
			}, func() {})
			if c.refused {
				require.Equal(t, wire.CodeVersion, wire.CodeOf(err))
				require.ErrorContains(t, err, "omg daemon restart")
				require.Empty(t, names)
			} else {
				require.NoError(t, err)
				require.Equal(t, []string{"a"}, names)
			}
		})
	}
}

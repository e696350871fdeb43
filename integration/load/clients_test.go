package load

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// truth is the content of a set of databases.
type truth struct {
	versions map[string]string // by name
	names    []string          // in order
	with     map[string]string // maps a word to the sorted and joined names that contain the word
}

// words are the words that clients search for in names.
var words = []string{"lib", "python", "perl", "kde", "font", "x"}

// newTruths returns every content that the databases can have while they change. Each repository changes at its own
// time, so each can come from either set. The first content in the result has all repositories from the first set,
// and the second content has all repositories from the second set.
func newTruths(sets [2]fixture.Options) []truth {
	var packages [2]map[string][]wire.Package // by repository
	for i, set := range sets {
		packages[i] = map[string][]wire.Package{}
		for p := range fixture.GeneratePackages(set) {
			packages[i][p.Repo] = append(packages[i][p.Repo], p)
		}
	}
	repos := slices.Sorted(maps.Keys(packages[0]))
	all := 1<<len(repos) - 1
	truths := []truth{newTruth(packages, repos, 0), newTruth(packages, repos, all)}
	for second := 1; second < all; second++ {
		truths = append(truths, newTruth(packages, repos, second))
	}
	return truths
}

// newTruth returns the content of databases that may come from different sets. If bit i of the parameter second is set,
// the i-th repository comes from the second set, otherwise from the first set.
func newTruth(packages [2]map[string][]wire.Package, repos []string, second int) truth {
	v := truth{versions: map[string]string{}, with: map[string]string{}}
	for i, repo := range repos {
		for _, p := range packages[second>>i&1][repo] {
			v.versions[p.Name] = p.Version
		}
	}
	v.names = slices.Sorted(maps.Keys(v.versions))
	for _, word := range words {
		var names []string
		for _, n := range v.names {
			if strings.Contains(strings.ToLower(n), word) {
				names = append(names, n)
			}
		}
		v.with[word] = strings.Join(names, " ")
	}
	return v
}

// maxAsking is the number of clients that may send requests concurrently after their first request. If all clients sent
// requests, little processor time would be left for the changes.
const maxAsking = 64

// askUntilDone sends random requests until ctx ends, and at least minRequests of them. It requires that each answer is
// right for at least one element of truths. Before each request except the first, it waits until fewer than maxAsking
// clients are sending. It returns the number of requests.
func askUntilDone(ctx context.Context, t *testing.T, socket string, seed uint64, truths []truth, turns chan struct{}, minRequests int) (asked int) {
	rng := rand.New(rand.NewPCG(seed, 7))
	c, err := client.Dial(context.Background(), socket, client.Options{Timeout: harness.HangTimeout})
	if err != nil {
		t.Error(err)
		return 0
	}
	defer c.Close()
	for ; asked < minRequests || ctx.Err() == nil; asked++ {
		if asked > 0 {
			turns <- struct{}{}
		}
		err := sendOne(c, rng, truths)
		if asked > 0 {
			<-turns
		}
		if err != nil {
			t.Error(err)
			return asked
		}
	}
	return asked
}

// sendOne sends one random request, and returns an error if the answer is wrong.
func sendOne(c *client.Conn, rng *rand.Rand, truths []truth) error {
	background := context.Background()
	any := truths[rng.IntN(len(truths))]
	switch n := rng.IntN(100); {
	case n < 60:
		name := any.names[rng.IntN(len(any.names))]
		var r wire.InfoResult
		if err := c.CallForResult(background, wire.OpInfo, &wire.InfoRequest{Names: []string{name}}, &r); err != nil {
			return err
		}
		return oneOf(truths, fmt.Sprintf("info %s: %+v", name, r), func(v truth) bool {
			version, there := v.versions[name]
			if len(r.Packages) == 0 {
				return !there && len(r.Missing) == 1
			}
			return there && r.Packages[0].Name == name && r.Packages[0].Version == version
		})
	case n < 80:
		word := words[rng.IntN(len(words))]
		var r wire.SearchResult
		var names []string
		err := c.Call(background, wire.OpSearch, &wire.SearchRequest{Words: []string{word}, NameOnly: true, Sort: wire.SortName}, func(b []byte, _ bool) error {
			return wire.DecodeSearchResult(b, &r, func(p *wire.Package) error {
				names = append(names, strings.Clone(p.Name))
				return nil
			})
		})
		if err != nil {
			return err
		}
		slices.Sort(names)
		got := strings.Join(slices.Compact(names), " ")
		return oneOf(truths, fmt.Sprintf("search %s: %s", word, got), func(v truth) bool { return got == v.with[word] })
	case n < 88:
		var r wire.StatusResult
		if err := c.CallForResult(background, wire.OpStatus, nil, &r); err != nil {
			return err
		}
		if r.Counts.Installed == nil || *r.Counts.Installed != installed {
			return fmt.Errorf("status: %+v", r)
		}
	case n < 94:
		var r wire.InstalledResult
		if err := c.CallForResult(background, wire.OpInstalled, &wire.InstalledRequest{}, &r); err != nil {
			return err
		}
		if len(r.Packages) != installed {
			return fmt.Errorf("%d packages are installed", len(r.Packages))
		}
	case n < 98:
		var e wire.ExplicitResult
		var o wire.OutdatedResult
		if err := c.CallForResult(background, wire.OpExplicit, nil, &e); err != nil {
			return err
		}
		if err := c.CallForResult(background, wire.OpOutdated, nil, &o); err != nil {
			return err
		}
		if len(e.Names) == 0 || len(e.Names) > installed {
			return fmt.Errorf("%d packages are explicitly installed", len(e.Names))
		}
	case n < 99:
		return c.CallForResult(background, wire.OpCacheClear, nil, &wire.CacheClearResult{})
	default:
		err := c.CallForResult(background, wire.OpRefresh, nil, &wire.RefreshResult{})
		if wire.CodeOf(err) == wire.CodeBusy { // a refresh that takes longer than a request may wait
			return nil
		}
		return err
	}
	return nil
}

func oneOf(truths []truth, what string, fits func(truth) bool) error {
	if slices.ContainsFunc(truths, fits) {
		return nil
	}
	return fmt.Errorf("an answer that was never true: %.300s", what)
}

// misbehave opens one connection after the other until ctx ends. On each it sends garbage or half a frame, or sends
// many requests and reads no reply, or sends nothing. It ends a connection when the server has closed it, or with the
// next change of the databases.
func misbehave(ctx context.Context, socket string, kind int, next func() <-chan struct{}) {
	for ctx.Err() == nil {
		nc, err := net.Dial("unix", socket)
		if err != nil {
			pause(ctx)
			continue
		}
		leave := context.AfterFunc(ctx, func() { _ = nc.Close() })
		changed := next()
		switch kind % 5 {
		case 0:
			_, _ = nc.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
			_, _ = io.Copy(io.Discard, nc)
		case 1:
			_, _ = nc.Write(binary.BigEndian.AppendUint32(nil, 1<<20))
			if kind%10 > 5 { // a frame longer than the server accepts
				_, _ = io.Copy(io.Discard, nc)
			} else {
				either(ctx, changed)
			}
		case 2:
			b, _ := wire.AppendRequest(nil, 1, wire.OpSearch, &wire.SearchRequest{Words: []string{"e"}})
			_, _ = nc.Write(bytes.Repeat(b, 20))
			either(ctx, changed)
		case 3:
			b, _ := msgpack.Marshal(strings.Repeat("x", 1000))
			_, _ = nc.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
			_, _ = io.Copy(io.Discard, nc)
		case 4: // connects, and sends nothing
			either(ctx, changed)
		}
		leave()
		_ = nc.Close()
	}
}

func either(ctx context.Context, c <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-c:
	}
}

// pause lets other goroutines run.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Millisecond):
	}
}

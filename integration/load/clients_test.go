package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// truth is what a set of databases has.
type truth struct {
	versions map[string]string // by name
	names    []string          // in order
	with     map[string]string // the names that have a word in them, in order and joined
}

// words are what searches look for in names.
var words = []string{"lib", "python", "perl", "kde", "font", "x"}

func newTruth(o fixture.Options) truth {
	v := truth{versions: map[string]string{}, with: map[string]string{}}
	for p := range fixture.Packages(o) {
		v.versions[p.Name] = p.Version
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

// good asks mixed questions and demands answers that are true of one of the sets.
func good(ctx context.Context, t *testing.T, socket string, seed uint64, truths []truth) (times []time.Duration) {
	rng := rand.New(rand.NewPCG(seed, 7))
	c, err := client.Dial(context.Background(), socket, client.Options{Timeout: 30 * time.Second})
	if err != nil {
		t.Error(err)
		return nil
	}
	defer c.Close()
	sleep(ctx, time.Duration(rng.IntN(500))*time.Millisecond)
	for ctx.Err() == nil {
		start := time.Now()
		if err := question(c, rng, truths); err != nil {
			t.Error(err)
			return times
		}
		times = append(times, time.Since(start))
		sleep(ctx, time.Duration(rng.IntN(500))*time.Millisecond)
	}
	return times
}

// question asks one question; an error is a wrong answer.
func question(c *client.Conn, rng *rand.Rand, truths []truth) error {
	background := context.Background()
	any := truths[rng.IntN(len(truths))]
	switch n := rng.IntN(100); {
	case n < 60:
		name := any.names[rng.IntN(len(any.names))]
		var r wire.InfoResult
		if err := c.Get(background, wire.OpInfo, &wire.InfoRequest{Names: []string{name}}, &r); err != nil {
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
			return wire.DecodeSearch(b, &r, func(p *wire.Package) error {
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
		if err := c.Get(background, wire.OpStatus, nil, &r); err != nil {
			return err
		}
		if r.Counts.Installed == nil || *r.Counts.Installed != installed {
			return fmt.Errorf("status: %+v", r)
		}
	case n < 94:
		var r wire.InstalledResult
		if err := c.Get(background, wire.OpInstalled, &wire.InstalledRequest{}, &r); err != nil {
			return err
		}
		if len(r.Packages) != installed {
			return fmt.Errorf("%d packages are installed", len(r.Packages))
		}
	case n < 98:
		var e wire.ExplicitResult
		var o wire.OutdatedResult
		if err := c.Get(background, wire.OpExplicit, nil, &e); err != nil {
			return err
		}
		if err := c.Get(background, wire.OpOutdated, nil, &o); err != nil {
			return err
		}
		if len(e.Names) == 0 || len(e.Names) > installed {
			return fmt.Errorf("%d packages are explicitly installed", len(e.Names))
		}
	case n < 99:
		return c.Get(background, wire.OpCacheClear, nil, &wire.CacheClearResult{})
	default:
		return c.Get(background, wire.OpRefresh, nil, &wire.RefreshResult{})
	}
	return nil
}

func oneOf(truths []truth, what string, fits func(truth) bool) error {
	if slices.ContainsFunc(truths, fits) {
		return nil
	}
	return fmt.Errorf("an answer that was never true: %.300s", what)
}

// bad sends rubbish, half a frame, or asks for much and reads nothing.
func bad(ctx context.Context, socket string, kind int) {
	for ctx.Err() == nil {
		nc, err := net.Dial("unix", socket)
		if err != nil {
			sleep(ctx, 10*time.Millisecond)
			continue
		}
		_ = nc.SetWriteDeadline(time.Now().Add(time.Second))
		switch kind % 5 {
		case 0:
			_, _ = nc.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		case 1:
			_, _ = nc.Write(binary.BigEndian.AppendUint32(nil, 1<<20))
		case 2:
			b, _ := wire.AppendRequest(nil, 1, wire.OpSearch, &wire.SearchRequest{Words: []string{"e"}})
			for range 20 {
				_, _ = nc.Write(b)
			}
		case 3:
			b, _ := msgpack.Marshal(strings.Repeat("x", 1000))
			_, _ = nc.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
		case 4: // connects, and says nothing
		}
		sleep(ctx, 300*time.Millisecond)
		if kind%10 > 5 { // longer than the server is patient
			sleep(ctx, 12*time.Second)
		}
		_ = nc.Close()
	}
}

// get asks a question on a connection of its own.
func get(socket, op string, req, result any) error {
	c, err := client.Dial(context.Background(), socket, client.Options{})
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Get(context.Background(), op, req, result)
}

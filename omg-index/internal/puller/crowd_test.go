package puller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/publication"
)

// crowdVariable has the crowd that TestPull_Crowd simulates, as JSON. The tests of integration/publish set it.
const crowdVariable = "OMG_TEST_CROWD"

// crowd is a number of machines, each of which has the mirrors in another order.
type crowd struct {
	Machines int
	// Dir has a directory for each machine.
	Dir string
	// Keys are trusted, and Mirrors are the addresses of the mirrors.
	Keys, Mirrors []string
	// Now is the time of the pulls in Unix seconds.
	Now int64
}

// crowdResult is the sum of the results of all machines.
type crowdResult struct {
	Pulled, Stale  int
	Sources        int // of all machines
	Patches, Whole int
	Bytes          int64
	Errors         []string // of some machines
}

// maxPulls is the number of machines that pull at the same time.
const maxPulls = 64

// TestPull_Crowd has each machine of a crowd pull once, in one process, and prints what they have got. The machines pull in a random order, as if
// each had waited for a random part of its interval, and the next one begins as soon as one of maxPulls has ended.
func TestPull_Crowd(t *testing.T) {
	text := os.Getenv(crowdVariable)
	if text == "" {
		return
	}
	var c crowd
	require.NoError(t, json.Unmarshal([]byte(text), &c))
	trust, err := publication.ParseTrust(c.Keys)
	require.NoError(t, err)
	var mu sync.Mutex
	var sum crowdResult
	slots := make(chan struct{}, maxPulls)
	var pulls sync.WaitGroup
	for _, i := range rand.Perm(c.Machines) {
		slots <- struct{}{}
		pulls.Go(func() {
			defer func() { <-slots }()
			r, err := c.pull(t.Context(), i, trust)
			mu.Lock()
			defer mu.Unlock()
			sum.add(r, err)
		})
	}
	pulls.Wait()
	out, err := json.Marshal(&sum)
	require.NoError(t, err)
	fmt.Printf("\ncrowd %s\n", out)
}

// pull has a machine get and verify what has changed, as Pull does. It does not apply the patches and builds no indexes.
func (c *crowd) pull(ctx context.Context, machine int, trust publication.Trust) (*Result, error) {
	client, err := fetch.New(config.Network{Proxy: "none", Timeout: config.Duration(await.Timeout)}, "omg-test")
	if err != nil {
		return nil, err
	}
	defer client.Close()
	p := &puller{dir: filepath.Join(c.Dir, fmt.Sprint(machine)), result: &Result{}, options: &Options{
		Trust: trust, IsTrusted: paths.ProcessEnv().Trusts, Now: time.Unix(c.Now, 0), maxWait: time.Hour,
	}}
	at := machine % len(c.Mirrors)
	for _, address := range slices.Concat(c.Mirrors[at:], c.Mirrors[:at]) {
		p.mirrors = append(p.mirrors, NewWeb(address, client))
	}
	unlock, err := p.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := p.readMirrors(); err != nil {
		return nil, err
	}
	p.prepareMirrors()
	state, err := publication.OpenState(filepath.Join(p.dir, stateName), p.options.IsTrusted)
	if err != nil {
		return nil, err
	}
	if err := p.findManifest(ctx, &publication.Reader{Trust: trust, State: state}); err != nil {
		return nil, err
	}
	for i := range p.result.Publication.Sources {
		r := SourceResult{Source: &p.result.Publication.Sources[i]}
		r.Err = p.verify(ctx, &r)
		p.result.Sources = append(p.result.Sources, r)
	}
	for _, m := range p.mirrors {
		p.result.Bytes += m.Fetcher.(*Web).Received()
	}
	return p.result, p.writeMirrors()
}

// verify gets the records of a source, or a patch of those that the machine has. It keeps an empty file in their place.
func (p *puller) verify(ctx context.Context, r *SourceResult) error {
	if _, err := p.findRecords(r.SHA256); err == nil {
		return nil
	}
	at := slices.IndexFunc(r.Patches, func(patch publication.Patch) bool {
		_, err := p.findRecords(patch.From)
		return err == nil
	})
	err := p.fromMirrors(ctx, func(m Mirror) error {
		if at < 0 {
			r.ObjectCount = 1
			return publication.FetchContent(ctx, m, r.Source, io.Discard)
		}
		r.PatchCount = 1
		patch, err := publication.OpenPatch(ctx, m, &r.Patches[at])
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, patch)
		return errors.Join(err, patch.Close())
	})
	if err != nil {
		return err
	}
	return os.WriteFile(p.recordsPath(r.Source), nil, 0o644)
}

func (s *crowdResult) add(r *Result, err error) {
	var problems []string
	if err != nil {
		problems = append(problems, err.Error())
	} else {
		s.Pulled++
		s.Bytes += r.Bytes
		if r.Stale {
			s.Stale++
		} else {
			problems = append(problems, r.Refused...)
		}
		for _, source := range r.Sources {
			s.Sources++
			s.Patches += source.PatchCount
			s.Whole += source.ObjectCount
			if source.Err != nil {
				problems = append(problems, source.Err.Error())
			}
		}
	}
	s.Errors = append(s.Errors, problems[:min(len(problems), 5-min(len(s.Errors), 5))]...)
}

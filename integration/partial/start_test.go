package partial

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// TestStart_Asked sends requests from many clients while a daemon without stored data starts to read a large system. In
// the end, each client must get the right number. Before that, a client may get a wrong number, such as 0, only if the
// reply marks it as uncertain.
func TestStart_Asked(t *testing.T) {
	t.Parallel()
	const clients = 200
	o := fixture.Options{Packages: 60_000, Installed: 1500, Seed: 1}
	s := harness.New(t, harness.WithGenerated(o))
	indexed := s.ForSubtest(t)
	indexed.Data = s.Path("indexed") // the daemon has no index yet
	indexed.BuildIndexes()
	var want wire.StatusResult
	r := indexed.RunWithoutDaemon("status", "--json")
	require.Zero(t, r.Code, r.Stderr)
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &want))
	require.EqualValues(t, o.Installed, *want.Counts.Installed)
	for name, n := range counts(&want) {
		require.NotNil(t, n, name)
		require.Equal(t, name != "ignored" && name != "replacements", *n > 0, "%s: a 0 has to be a wrong number", name)
	}
	found := len(indexed.RunWithoutDaemon("search", "-q", "--limit", "0", "lib").Lines())
	require.NotZero(t, found)
	updates := indexed.RunWithoutDaemon("outdated", "-q", "--no-aur").Stdout

	var all sync.WaitGroup
	var early atomic.Int64
	wrong := make(chan error, clients+1)
	p := harness.Start(t, s.Command("omgd", append(s.PathFlags(), "--foreground", "--socket", s.Socket())...))
	for i := range clients {
		all.Go(func() {
			if err := askUntilRight(s, i, &want, found, &early); err != nil {
				wrong <- fmt.Errorf("client %d: %w", i, err)
			}
		})
	}
	// This request may be answered by the daemon, or by omg without the daemon.
	all.Go(func() {
		if r := s.Run("omg", append(s.PathFlags(), "--socket", s.Socket(), "outdated", "-q", "--no-aur")...); r.Stdout != updates {
			wrong <- fmt.Errorf("omg outdated: exit code %d, %d bytes, not %d: %s", r.Code, len(r.Stdout), len(updates), r.Stderr)
		}
	})
	all.Wait()
	close(wrong)
	for err := range wrong {
		t.Error(err)
	}
	t.Logf("%d times there was no certain answer yet", early.Load())
	require.True(t, p.Running(), p.Stderr())
}

// counts returns the counts of a status by name. It leaves out the counts of the AUR and of the security tracker, which
// this system does not use.
func counts(r *wire.StatusResult) map[string]*uint32 {
	c := &r.Counts
	return map[string]*uint32{
		"installed": c.Installed, "explicit": c.Explicit, "orphans": c.Orphans, "orphans_required": c.OrphansOrOptional,
		"foreign": c.Foreign, "updates": c.Updates, "ignored": c.Ignored, "replacements": c.Replacements,
	}
}

// askUntilRight repeats a request until the answer is certain, and returns an error for a wrong answer that is not
// marked as uncertain.
func askUntilRight(s *harness.System, client int, want *wire.StatusResult, found int, early *atomic.Int64) error {
	for end := time.Now().Add(harness.HangTimeout); ; time.Sleep(20 * time.Millisecond) {
		certain, err := ask(s, client, want, found)
		if certain || err != nil {
			return err
		}
		early.Add(1)
		if time.Now().After(end) {
			return fmt.Errorf("no certain answer")
		}
	}
}

// ask sends one request, and reports whether the answer was certain. It returns an error for a wrong answer, but not if
// the daemon cannot answer yet.
func ask(s *harness.System, i int, want *wire.StatusResult, found int) (certain bool, err error) {
	ctx := context.Background()
	conn, err := client.Dial(ctx, s.Socket(), client.Options{ClientName: "test", Timeout: harness.HangTimeout, IsTrustedUser: func(uint32) bool { return true }})
	if err != nil {
		return false, nil // the daemon does not listen yet
	}
	defer conn.Close()
	number := func(what string, n int, right uint32, b *wire.Basis) (bool, error) {
		if uint32(n) != right && !b.Partial && !b.Stale {
			return false, fmt.Errorf("%s: %d, not %d", what, n, right)
		}
		return uint32(n) == right && !b.Partial && !b.Stale, nil
	}
	switch i % 4 {
	case 0:
		r, err := conn.Status(ctx)
		if err != nil {
			return false, refusal(err)
		}
		return status(r, want)
	case 1:
		r, err := conn.Outdated(ctx)
		if err != nil {
			return false, refusal(err)
		}
		return number("outdated", len(r.Updates), *want.Counts.Updates, &r.Basis)
	case 2:
		r, err := conn.Installed(ctx, &wire.InstalledRequest{Filter: wire.FilterForeign})
		if err != nil {
			return false, refusal(err)
		}
		return number("foreign", len(r.Packages), *want.Counts.Foreign, &r.Basis)
	default:
		n := 0
		r, err := conn.Search(ctx, &wire.SearchRequest{Words: []string{"lib"}}, func(*wire.Package) error { n++; return nil }, func() {})
		if err != nil {
			return false, refusal(err)
		}
		return number("search", n, uint32(found), &r.Basis)
	}
}

// refusal returns nil if err means that the daemon has no data yet or is busy. It returns any other error unchanged.
func refusal(err error) error {
	if code := wire.CodeOf(err); code == wire.CodeNotReady || code == wire.CodeBusy {
		return nil
	}
	return err
}

// status checks the counts of a status. Each count must be unknown, marked as partial, or right.
func status(r, want *wire.StatusResult) (certain bool, err error) {
	right := counts(want)
	certain = !r.Partial && !r.Stale
	for name, n := range counts(r) {
		switch {
		case n == nil:
			if certain {
				return false, fmt.Errorf("status: %s is unknown, which nothing says", name)
			}
		case *n != *right[name] && !slices.Contains(r.PartialCounts, name):
			return false, fmt.Errorf("status: %s is %d, not %d (partial: %s)", name, *n, *right[name], strings.Join(r.PartialCounts, ", "))
		}
	}
	return certain, nil
}

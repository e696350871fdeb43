package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) { programs.Main(m) }

// duration is how long the load lasts: seconds in a test, minutes in a soak.
func duration() time.Duration {
	if os.Getenv("OMG_SOAK") != "" {
		return 10 * time.Minute
	}
	return 5 * time.Second
}

// TestAnswersStayRightUnderLoad: clients ask and get right answers while the
// databases change to and fro (omgd has the index built anew and takes it over),
// while others send rubbish, stall or never read; in the end omgd is as small as
// before and stops in time.
func TestAnswersStayRightUnderLoad(t *testing.T) {
	const clients, rude = 200, 20
	home := t.TempDir()
	db, other := filepath.Join(home, "db"), filepath.Join(home, "other")
	require.NoError(t, fixture.Write(db, fixture.Options{Packages: 2000, Installed: 100, Seed: 1}))
	require.NoError(t, fixture.Write(other, fixture.Options{Packages: 2000, Seed: 2}))
	truths := []map[string]string{versions(1), versions(2)}
	conf := filepath.Join(home, "pacman.conf")
	require.NoError(t, os.WriteFile(conf, []byte(fixture.Config), 0o644))
	d := programs.Start(t, programs.Env(home), "--dbpath", db, "--pacman-config", conf, "--data-dir", filepath.Join(home, "data"))
	require.Eventually(t, func() bool { return ask(t, d.Socket, "firefox") != "" }, 20*time.Second, 10*time.Millisecond)
	before := memory(t, d.Pid)

	ctx, cancel := context.WithTimeout(context.Background(), duration())
	defer cancel()
	var wait sync.WaitGroup
	times := make([][]time.Duration, clients)
	for i := range clients {
		wait.Go(func() { times[i] = good(ctx, t, d.Socket, uint64(i), truths) })
	}
	for i := range rude {
		wait.Go(func() { bad(ctx, d.Socket, i) })
	}
	swaps := 0
	for from := other; ctx.Err() == nil; swaps++ {
		swap(t, from, db)
		if from = filepath.Join(home, "first"); swaps%2 == 1 {
			from = other
		}
		sleep(ctx, 700*time.Millisecond)
	}
	wait.Wait()

	all := slices.Concat(times...)
	slices.Sort(all)
	require.Greater(t, len(all), 1000)
	t.Logf("%d answers, p50 %s, p99 %s, %d changes of the databases", len(all), all[len(all)/2], all[len(all)*99/100], swaps)
	require.Eventually(t, func() bool { return memory(t, d.Pid) < before+64<<10 }, 20*time.Second, 100*time.Millisecond,
		"anonymous memory was %d kB, is %d kB", before, memory(t, d.Pid))
	d.Stop(t)
}

// versions are the packages of a seed, by name.
func versions(seed uint64) map[string]string {
	v := map[string]string{}
	for p := range fixture.Packages(fixture.Options{Packages: 2000, Seed: seed}) {
		v[p.Name] = p.Version
	}
	return v
}

// good asks about packages and demands answers that are true of one of the
// databases.
func good(ctx context.Context, t *testing.T, socket string, seed uint64, truths []map[string]string) (times []time.Duration) {
	rng := rand.New(rand.NewPCG(seed, 7))
	var names []string
	for _, truth := range truths {
		for n := range truth {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	c, err := client.Dial(context.Background(), socket, client.Options{})
	if err != nil {
		t.Error(err)
		return nil
	}
	defer c.Close()
	for ctx.Err() == nil {
		name := names[rng.IntN(len(names))]
		start := time.Now()
		var r wire.InfoResult
		if err := c.Get(context.Background(), wire.OpInfo, &wire.InfoRequest{Names: []string{name}}, &r); err != nil {
			t.Error(err)
			return times
		}
		times = append(times, time.Since(start))
		if !slices.ContainsFunc(truths, func(truth map[string]string) bool {
			version, there := truth[name]
			if len(r.Packages) == 0 {
				return !there
			}
			return there && r.Packages[0].Name == name && r.Packages[0].Version == version
		}) {
			t.Errorf("%s: an answer that was never true: %+v", name, r)
		}
		sleep(ctx, time.Duration(rng.IntN(20))*time.Millisecond)
	}
	return times
}

// bad sends rubbish, half a frame, or asks for much and reads nothing.
func bad(ctx context.Context, socket string, kind int) {
	for ctx.Err() == nil {
		nc, err := net.Dial("unix", socket)
		if err != nil {
			sleep(ctx, 10*time.Millisecond)
			continue
		}
		switch kind % 4 {
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
		}
		sleep(ctx, 300*time.Millisecond)
		_ = nc.Close()
	}
}

// swap puts the databases of another directory in place as pacman does: each whole
// by a rename, all under its lock. The first swap keeps the ones that were there.
func swap(t *testing.T, from, db string) {
	t.Helper()
	first := filepath.Join(filepath.Dir(db), "first")
	if _, err := os.Stat(first); err != nil {
		require.NoError(t, os.CopyFS(filepath.Join(first, "sync"), os.DirFS(filepath.Join(db, "sync"))))
	}
	lock := filepath.Join(db, "db.lck")
	require.NoError(t, os.WriteFile(lock, nil, 0o644))
	defer func() { require.NoError(t, os.Remove(lock)) }()
	for _, repo := range []string{"core", "extra", "multilib"} {
		b, err := os.ReadFile(filepath.Join(from, "sync", repo+".db"))
		require.NoError(t, err)
		tmp := filepath.Join(db, "sync", repo+".db.part")
		require.NoError(t, os.WriteFile(tmp, b, 0o644))
		require.NoError(t, os.Rename(tmp, filepath.Join(db, "sync", repo+".db")))
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// ask returns the version of a package, empty if there is no answer yet.
func ask(t *testing.T, socket, name string) string {
	t.Helper()
	c, err := client.Dial(context.Background(), socket, client.Options{})
	if err != nil {
		return ""
	}
	defer c.Close()
	var r wire.InfoResult
	if c.Get(context.Background(), wire.OpInfo, &wire.InfoRequest{Names: []string{name}}, &r) != nil || len(r.Packages) == 0 {
		return ""
	}
	return r.Packages[0].Version
}

// memory is a process' anonymous memory in kB.
func memory(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(b), "RssAnon:")
	require.True(t, ok)
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kb
}

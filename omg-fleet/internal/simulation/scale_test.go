package simulation

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg-fleet/internal/asking"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/await"
)

var hasXZ = question.Spec{Kind: question.KindHas, Words: []string{"xz"}}

// TestScale asks a fleet of simulated hosts. In the long form it prints a table for growing fleets with a cluster of three.
func TestScale(t *testing.T) {
	if !soak {
		measureFleet(t, 100, 1)
		return
	}
	for _, hosts := range []int{100, 1000, 10_000} {
		t.Run(strconv.Itoa(hosts), func(t *testing.T) { measureFleet(t, hosts, 3) })
	}
}

// figure is the time of something: by the clock, and of the processor in this process.
type figure struct{ wall, cpu time.Duration }

func (f figure) String() string {
	return fmt.Sprintf("%s (%s of this process)", f.wall.Round(10*time.Millisecond), f.cpu.Round(10*time.Millisecond))
}

func measure(run func()) figure {
	cpu := func() time.Duration {
		var u unix.Rusage
		_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	begin, before := time.Now(), cpu()
	run()
	return figure{time.Since(begin), cpu() - before}
}

func measureFleet(t *testing.T, hosts, servers int) {
	c := startCluster(t, servers)
	simulated := start(t, "hosts", "-servers", c.url, "-hosts", strconv.Itoa(hosts))
	published := measure(func() {
		next := time.Now()
		awaitLong(t, func() bool {
			stored := c.storedState().Msgs
			if now := time.Now(); now.After(next) {
				t.Logf("%d of %d messages are stored", stored, 2*hosts)
				next = now.Add(time.Minute)
			}
			return stored == uint64(2*hosts)
		}, "all inventories and signs of life")
	})
	live := measure(func() { requireAll(t, c, hosts, false) })
	stored := measure(func() { requireAll(t, c, hosts, true) })
	bytes := c.storedState().Bytes / uint64(hosts)
	memory := []int{}
	for _, s := range c.servers {
		memory = append(memory, s.memory(t))
	}
	back := figure{}
	if servers > 1 {
		c.servers[0].kill()
		back = measure(func() {
			awaitLong(t, func() bool { return answeredNow(t, c, 5*time.Second) == hosts }, "all hosts to be back")
		})
	}
	t.Logf("%d hosts, %d servers: published after %s, answered live in %s, from the stored inventories in %s", hosts, servers, published, live, stored)
	t.Logf("%d bytes a host, memory of the servers %v MiB, of the simulated hosts %d MiB, all back after a kill in %s", bytes, memory, simulated.memory(t), back)
}

// awaitLong is await.Condition with pauses and without its limit, because large fleets take long to start.
func awaitLong(t *testing.T, holds func() bool, what string) {
	t.Helper()
	for begin := time.Now(); !holds(); time.Sleep(200 * time.Millisecond) {
		require.Less(t, time.Since(begin), 10*await.Timeout, what)
	}
}

// ask asks whether the hosts have xz.
func ask(ctx context.Context, c *cluster, s *question.Spec, deadline time.Duration, stored bool, roster []string) (*question.Summary, error) {
	f, err := asking.Open(ctx, c.options())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	coverage := question.NewCoverage(roster, time.Hour, time.Now())
	take := func(a *question.Answer) error {
		coverage.Add(a, a.Host)
		return nil
	}
	if stored {
		err = f.AskStored(ctx, s, take)
	} else {
		err = f.Ask(ctx, s, deadline, take)
	}
	if err != nil {
		return nil, err
	}
	return coverage.Finish(), nil
}

func requireAll(t *testing.T, c *cluster, hosts int, stored bool) {
	t.Helper()
	s, err := ask(t.Context(), c, &hasXZ, await.Timeout, stored, nil)
	require.NoError(t, err)
	require.Empty(t, s.Silent)
	require.Empty(t, s.Duplicates)
	require.Equal(t, []int{hosts, hosts, hosts}, []int{s.Asked, s.Answered, s.Found})
}

// answeredNow returns the number of hosts that answer.
func answeredNow(t *testing.T, c *cluster, deadline time.Duration) int {
	t.Helper()
	s, err := ask(t.Context(), c, &hasXZ, deadline, false, nil)
	if err != nil {
		t.Log(err)
		return 0
	}
	return s.Answered
}

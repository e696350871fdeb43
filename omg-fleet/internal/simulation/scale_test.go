package simulation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg-fleet/internal/asking"
	"github.com/omg-arch/omg/omg-fleet/internal/inventories"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/omg-fleet/internal/serverwatch"
	"github.com/omg-arch/omg/shared/await"
)

// The questions: most need only the short documents, and a search needs the whole ones.
var (
	hasXZ    = question.Spec{Kind: question.KindHas, Words: []string{"xz"}}
	searchXZ = question.Spec{Kind: question.KindSearch, Words: []string{"name:xz"}}
)

// TestScale asks a fleet of simulated hosts. In the long form it prints a table for growing fleets with a cluster of three.
func TestScale(t *testing.T) {
	if !soak {
		measureFleet(t, 100, 1)
		return
	}
	var all []*figures
	for _, hosts := range []int{100, 1000, 10_000} {
		t.Run(strconv.Itoa(hosts), func(t *testing.T) {
			f := measureFleet(t, hosts, 3)
			t.Log(table(f))
			all = append(all, f)
		})
	}
	t.Log(table(all...))
}

// figures is what was measured of a fleet.
type figures struct {
	hosts                                               int
	published, live, stored, search, files, load, reply figure
	back                                                time.Duration
	bytes                                               uint64 // that a host needs in the stream
	memory, peak                                        int    // of the largest server, in MiB
}

// rows are the rows of the table.
var rows = []struct {
	name  string
	value func(f *figures) string
}{
	{"hosts", func(f *figures) string { return strconv.Itoa(f.hosts) }},
	{"`has xz`, answered by all hosts", func(f *figures) string { return f.live.String() }},
	{"`--stored has xz`", func(f *figures) string { return f.stored.String() }},
	{"`--stored search name:xz`", func(f *figures) string { return f.search.String() }},
	{"`--from DIR has xz`, pages dropped", func(f *figures) string { return f.files.String() }},
	{"loading all states into memory", func(f *figures) string { return f.load.String() }},
	{"the packages of all hosts in memory, `xz`", func(f *figures) string { return fmt.Sprintf("%.1f ms", f.reply.wall.Seconds()*1000) }},
	{"all servers killed and started, until all hosts answer", func(f *figures) string { return formatSeconds(f.back) }},
	{"all hosts started, until everything is stored", func(f *figures) string { return f.published.String() }},
	{"in the stream of a server, a host", func(f *figures) string { return fmt.Sprintf("%.1f kB", float64(f.bytes)/1000) }},
	{"memory of a server after the questions, and at most", func(f *figures) string { return fmt.Sprintf("%d, %d MiB", f.memory, f.peak) }},
}

// table returns the figures as a table, with a column for each fleet.
func table(all ...*figures) string {
	var b strings.Builder
	b.WriteString("\n")
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |", row.name)
		for _, f := range all {
			fmt.Fprintf(&b, " %s |", row.value(f))
		}
		b.WriteString("\n")
		if i == 0 {
			fmt.Fprintf(&b, "| --- |%s\n", strings.Repeat(" ---: |", len(all)))
		}
	}
	return b.String()
}

// figure is the time of something: by the clock, and of the processors in this process and in the servers.
type figure struct{ wall, own, servers time.Duration }

// String returns "2.10 s (0.51 + 0.32 s)", with the times of the processors in brackets.
func (f figure) String() string {
	return fmt.Sprintf("%s (%.2f + %.2f s)", formatSeconds(f.wall), f.own.Seconds(), f.servers.Seconds())
}

func formatSeconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func (c *cluster) measure(run func()) figure {
	own := func() time.Duration {
		var u unix.Rusage
		_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	servers := func() (sum time.Duration) {
		for _, s := range c.servers {
			sum += s.cpu(c.t)
		}
		return sum
	}
	begin, ownBefore, serversBefore := time.Now(), own(), servers()
	run()
	return figure{time.Since(begin), own() - ownBefore, servers() - serversBefore}
}

func measureFleet(t *testing.T, hosts, servers int) *figures {
	c := startCluster(t, servers)
	f := &figures{hosts: hosts}
	start(t, "hosts", "-servers", c.url, "-hosts", strconv.Itoa(hosts))
	f.published = c.measure(func() {
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
	f.live = c.measure(func() { requireAll(t, c, hosts, &hasXZ, false) })
	f.stored = c.measure(func() { requireAll(t, c, hosts, &hasXZ, true) })
	f.search = c.measure(func() { requireAll(t, c, hosts, &searchXZ, true) })
	f.bytes = c.storedState().Bytes / uint64(hosts)
	for _, s := range c.servers {
		f.memory, f.peak = max(f.memory, s.memory(t, "VmRSS:")), max(f.peak, s.memory(t, "VmHWM:"))
	}
	f.measureResident(t, c)
	f.measureFiles(t, c)
	begin := time.Now()
	for _, s := range c.servers {
		s.kill()
	}
	for i := range c.servers {
		c.start(i)
	}
	awaitLong(t, func() bool { return answeredNow(t, c, 5*time.Second) == hosts }, "all hosts to be back")
	f.back = time.Since(begin)
	return f
}

// measureResident measures reading all states into memory, as omg-fleet web does, and a question to them.
func (f *figures) measureResident(t *testing.T, c *cluster) {
	fleet := resident.New()
	w, err := serverwatch.Open(fleet, c.options(), func(text string) { t.Log(text) })
	require.NoError(t, err)
	defer w.Close()
	f.load = c.measure(func() {
		await.Condition(t, func() bool { err = w.Read(t.Context()); return err == nil }, "the states: %v", func() string { return fmt.Sprint(err) })
	})
	q, err := hasXZ.Question()
	require.NoError(t, err)
	var s *question.Summary
	f.reply = c.measure(func() { _, s = fleet.Ask(q, hasXZ.Words, time.Hour, time.Now()) })
	require.Equal(t, []int{f.hosts, f.hosts, f.hosts}, []int{s.Asked, s.Answered, s.Found})
}

// measureFiles measures a question to the same inventories as files, which the kernel has not in memory.
func (f *figures) measureFiles(t *testing.T, c *cluster) {
	dir := t.TempDir()
	variants, err := makeVariants(min(f.hosts, maxVariants), packagesOfHost)
	require.NoError(t, err)
	for i := range f.hosts {
		h := &simulatedHost{i, variants[i%len(variants)]}
		require.NoError(t, os.WriteFile(filepath.Join(dir, hostName(i)+".json.zst"), h.Latest().Compressed, 0o644))
	}
	require.NoError(t, dropPages(dir))
	q, err := hasXZ.Question()
	require.NoError(t, err)
	f.files = c.measure(func() {
		files, err := inventories.List(dir)
		require.NoError(t, err)
		coverage := question.NewCoverage(nil, time.Hour, time.Now())
		err = inventories.Each(t.Context(), files, q.Ask, func(file inventories.File, a *question.Answer, err error) error {
			if err == nil {
				a.Host = file.Host
				coverage.Add(a, file.Path)
			}
			return err
		})
		require.NoError(t, err)
		require.Equal(t, f.hosts, coverage.Finish().Found)
	})
}

// dropPages makes the kernel forget the pages of the files in a directory, after it has written them.
func dropPages(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	for _, name := range names {
		file, openErr := os.Open(filepath.Join(dir, name))
		if err = errors.Join(err, openErr); err != nil {
			return err
		}
		err = errors.Join(unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED), file.Close())
	}
	return err
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

func requireAll(t *testing.T, c *cluster, hosts int, spec *question.Spec, stored bool) {
	t.Helper()
	s, err := ask(t.Context(), c, spec, await.Timeout, stored, nil)
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

package simulation

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/need"
)

// fillDisk writes a file into a directory until its disk is full, and returns a function that removes it.
func fillDisk(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "other-data")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	for data := make([]byte, 4096); err == nil; {
		_, err = f.Write(data)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	return func() { require.NoError(t, os.Remove(path)) }
}

// awaitGivenUp waits until a server stores nothing any more: a single one still has what it has stored, and one of several leaves the others.
func (f *fleet) awaitGivenUp(i int) {
	f.t.Helper()
	var last *jetstream.StreamInfo
	await.Condition(f.t, func() bool {
		ctx, stop := context.WithTimeout(f.t.Context(), 10*time.Second)
		defer stop()
		s, err := f.js.Stream(ctx, subject.StateStream)
		if err != nil {
			return false
		}
		before := last
		last = s.CachedInfo()
		if len(f.servers) == 1 {
			f.changeAll()
			time.Sleep(time.Second)
			return before != nil && before.State.LastSeq == last.State.LastSeq
		}
		return slices.ContainsFunc(last.Cluster.Replicas, func(p *jetstream.PeerInfo) bool {
			return p.Name == fmt.Sprintf(serverName, i) && (p.Offline || !p.Current)
		})
	}, "server %d to give up: %s", i, func() string { return fmt.Sprintf("%+v", last) })
}

// TestChaos_FullDisk fills the disk of a server while hosts change and questions are asked. Until it is started again, such a server stores nothing,
// and confirms nothing.
func TestChaos_FullDisk(t *testing.T) {
	besideOthers(t)
	questions := 2
	if soak {
		questions = 100
	}
	for _, servers := range []int{1, 3} {
		t.Run(strconv.Itoa(servers), func(t *testing.T) {
			dirs := []string{need.Tmpfs(t, "64m")}
			for len(dirs) < servers {
				dirs = append(dirs, t.TempDir())
			}
			f := startFleet(t, startClusterIn(t, dirs...), 20)
			confirmed := f.follow()
			var before, full, after tally
			f.workUntilComplete(&before, questions)
			free := fillDisk(t, dirs[0])
			f.work(&full, questions)
			f.awaitGivenUp(0)
			f.workUntilComplete(&full, questions)
			if servers > 1 {
				f.requireDelivered(confirmed, f.ports[1:]...)
			} else {
				stored, err := f.storedVersions(f.url)
				require.NoError(t, err)
				require.NotEqual(t, f.versions(), stored)
				confirmed.requireKept(f)
			}
			free()
			f.servers[0].kill()
			f.start(0)
			f.work(&after, questions)
			f.requireRecovered(confirmed)
			t.Logf("before: %s. While the disk was full: %s. After it: %s", before, full, after)
		})
	}
}

// TestChaos_SlowDisk delays what a server of three writes to its disk, while it does not lead the others and while it does.
func TestChaos_SlowDisk(t *testing.T) {
	besideOthers(t)
	strace, log := need.Strace(t), filepath.Join(t.TempDir(), "strace.log")
	questions, delay := 2, 20*time.Millisecond
	if soak {
		questions = 100
	}
	f := startFleet(t, startCluster(t, 3), 6)
	confirmed := f.follow()
	var c tally
	const calls = "fsync,fdatasync,pwrite64"
	f.servers[0].kill()
	f.startUnder([]string{
		strace, "-D", "-f", "-qq", "--seccomp-bpf", "-o", log, "-e", "trace=" + calls, "-e", fmt.Sprintf("inject=%s:delay_enter=%d", calls, delay.Microseconds()),
	}, 0)
	f.requireRecovered(confirmed)
	for _, leader := range []int{1, 0} {
		f.lead(leader)
		f.work(&c, questions)
		f.requireDelivered(confirmed, f.ports...)
		t.Logf("server %d leads, and server 0 is slow: so far %s", leader, c)
	}
	f.servers[0].kill()
	f.start(0)
	f.workUntilComplete(&c, questions)
	f.requireRecovered(confirmed)
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Contains(t, string(text), "(DELAYED)")
}

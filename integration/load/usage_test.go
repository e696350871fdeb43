package load

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// usage is the usage of an idle daemon: live objects of the heap and their bytes, goroutines, and kB of anonymous
// memory.
type usage struct{ objects, bytes, goroutines, resident int }

// usageOf waits until the only connection to a daemon is the one to its debug socket, and then measures the daemon.
func usageOf(t *testing.T, d *harness.Daemon, debug string) (u usage) {
	t.Helper()
	profile := func(query string) string {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", debug)
		}}}
		resp, err := client.Get("http://omgd/debug/pprof/" + query)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode, string(body))
		return string(body)
	}
	require.NoError(t, d.Ask(wire.OpCacheClear, nil, &wire.CacheClearResult{}))
	stacks := ""
	harness.Await(t, func() bool {
		stacks = profile("goroutine?debug=2")
		return !strings.Contains(stacks, "server.(*conn)")
	}, "no goroutine serves a connection: %s", func() string { return stacks })
	u.goroutines = len(goroutine.FindAllString(stacks, -1))
	require.NotZero(t, u.goroutines)
	profile("heap?gc=1") // run one more garbage collection, because objects in a sync.Pool survive the first one
	heap := profile("heap?gc=1&debug=1")
	number := func(name string) int {
		found := regexp.MustCompile(`(?m)^# ` + name + ` = (\d+)$`).FindStringSubmatch(heap)
		require.NotNil(t, found, name)
		n, err := strconv.Atoi(found[1])
		require.NoError(t, err)
		return n
	}
	u.objects, u.bytes = number("HeapObjects"), number("HeapAlloc")
	u.resident = resident(t, d.PID())
	return u
}

var goroutine = regexp.MustCompile(`(?m)^goroutine \d+ `)

// resident returns a process' anonymous memory in kB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	_, rest, ok := strings.Cut(string(harness.ReadFile(t, fmt.Sprintf("/proc/%d/status", pid))), "RssAnon:")
	require.True(t, ok)
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kb
}

package partial

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// TestWatch runs omgd in a user namespace in which one of inotify's limits is reached. omgd must report this wherever
// it reports problems, must still notice changes, and must use inotify when the limit is raised.
func TestWatch(t *testing.T) {
	t.Parallel()
	need.Root(t) // in a user namespace of an ordinary user, / would belong to nobody
	need.UserNamespace(t)
	unshare, nsenter := need.Program(t, "unshare"), need.Program(t, "nsenter")
	for limit, advice := range map[string]string{
		"max_inotify_instances": "raise fs.inotify.max_user_instances",
		"max_inotify_watches":   "raise fs.inotify.max_user_watches",
	} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			limit := "/proc/sys/user/" + limit
			s := harness.New(t).WithEnv("OMG_REFRESH_INTERVAL=24h")
			line := append([]string{"-r", "sh", "-c", `echo 0 >"$0" && exec "$@"`, limit, s.Program("omgd"), "--foreground", "--socket", s.Socket()}, s.PathFlags()...)
			d := s.StartDaemonCommand(s.Command(unshare, line...), s.Socket())
			d.AwaitReady()

			watch := func(r *wire.StatusResult) int {
				return slices.IndexFunc(r.Problems, func(p wire.Problem) bool { return p.Name == "watch" })
			}
			st := d.Status()
			require.GreaterOrEqual(t, watch(&st), 0, "%v", st.Problems)
			p := st.Problems[watch(&st)]
			require.Equal(t, "polling", p.State)
			require.Contains(t, p.Why, advice)
			require.Contains(t, d.Omg("status").Stdout, "watch: polling: ")
			health := d.Omg("health", "--json")
			require.Equal(t, 6, health.Code)
			require.Contains(t, health.Stdout, `"name":"watch","state":"degraded","why":"polling: `+p.Why+`"`)
			require.Contains(t, d.Omg("metrics").Stdout, `omg_component_ok{component="watch",state="degraded"} 0`)
			require.Contains(t, d.Omg("doctor", "--json").Stdout, `"name":"watch","state":"problem","found":"polling: `+p.Why+`"`)
			probe := func() string { return s.Run("omg-probe", "--deadline", "0", "--status", "-f", "json").Stdout }
			require.Contains(t, probe(), `"degraded":["watch"]`)

			before := *st.Counts.Installed
			entries, err := filepath.Glob(filepath.Join(s.DB, "local", "*", "desc"))
			require.NoError(t, err)
			require.NoError(t, os.RemoveAll(filepath.Dir(entries[0])))
			d.AwaitStatus(func(r *wire.StatusResult) bool { return *r.Counts.Installed == before-1 }, "one package less")
			harness.WriteFile(t, filepath.Join(s.DB, "local", "new-1-1", "desc"), harness.Desc("new", "1-1"))
			d.AwaitStatus(func(r *wire.StatusResult) bool { return *r.Counts.Installed == before }, "one package more")

			raise := exec.Command(nsenter, "--user", "--preserve-credentials", "--target", strconv.Itoa(d.PID()), "sh", "-c", "echo 100 >"+limit)
			out, err := raise.CombinedOutput()
			require.NoError(t, err, "%s", out)
			d.AwaitStatus(func(r *wire.StatusResult) bool { return watch(r) < 0 }, "no problem with watching")
			harness.Await(t, func() bool { return strings.Contains(probe(), `"degraded":[]`) }, "the status file has no problem; omg-probe printed %s", probe)
			require.Contains(t, d.Omg("health", "--json").Stdout, `"name":"watch","state":"ok"`)
			fdinfo, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", d.PID()))
			require.NoError(t, err)
			require.True(t, slices.ContainsFunc(fdinfo, func(path string) bool {
				text, _ := os.ReadFile(path)
				return strings.Contains(string(text), "inotify wd:")
			}), "it watches by inotify")
		})
	}
}

package publish

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/child"
)

// TestPull_LimitsMemory checks that omg-index pull, run by hand, reads what a server sends in a process whose memory is limited.
func TestPull_LimitsMemory(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-answer
		http.NotFound(w, r)
	}))
	t.Cleanup(server.Close)
	p := newPublisher(t, 1, 150)
	m := harness.New(t, harness.WithoutDatabases())
	pull := harness.Start(t, m.Command("omg-index", "pull", "-P", p.key, "--data-dir", m.Data, server.URL))
	<-asked
	limits := ""
	for _, pid := range childrenOf(t, pull.PID()) {
		limits += string(harness.ReadFile(t, "/proc/"+pid+"/limits"))
	}
	close(answer)
	require.Regexp(t, `Max data size +`+strconv.Itoa(child.MaxIndexMemory)+` `, limits)
	require.NotZero(t, pull.Wait().Code)
}

// childrenOf returns the process IDs of the children of a process.
func childrenOf(t *testing.T, pid int) (list []string) {
	t.Helper()
	threads, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	require.NoError(t, err)
	for _, path := range threads {
		content, err := os.ReadFile(path)
		if !errors.Is(err, os.ErrNotExist) { // the thread has ended
			require.NoError(t, err)
		}
		list = append(list, strings.Fields(string(content))...)
	}
	return list
}

// TestPull_OutOfMemory lets a pull need more memory than its limit. What was pulled before stays.
func TestPull_OutOfMemory(t *testing.T) {
	p := newPublisher(t, 1, packageCount)
	m := harness.New(t, harness.WithoutDatabases())
	args := []string{"pull", "-P", p.key, "--data-dir", m.Data, p.dir}
	requireOK(t, m.Run("omg-index", args...))
	before := filesIn(t, m.Data)
	p.publish(2)
	cmd := m.Command("omg-index", append(args, "--child")...)
	_, err := child.Run(t.Context(), child.Spec{Path: cmd.Path, Args: cmd.Args[1:], Env: cmd.Env, MaxMemory: 48 << 20})
	require.Error(t, err)
	for name, content := range before {
		if strings.HasSuffix(name, ".omgidx") || filepath.Base(name) == "state.json" {
			require.Equal(t, content, string(harness.ReadFile(t, name)), name)
		}
	}
	requireOK(t, m.Run("omg-index", args...))
}

// filesIn returns the contents of the files below a directory.
func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	list := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			list[path] = string(harness.ReadFile(t, path))
		}
		return err
	}))
	return list
}

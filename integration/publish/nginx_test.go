package publish

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/freeport"
	"github.com/omg-arch/omg/shared/need"
)

// server is an nginx with one of the files of packaging/nginx.
type server struct {
	t       *testing.T
	dir     string
	URL     string
	command *exec.Cmd
}

// startNginx starts nginx with a file of packaging/nginx, in which the texts of the map are replaced.
func startNginx(t *testing.T, file string, replace map[string]string) *server {
	t.Helper()
	program := need.Program(t, "nginx")
	s := &server{t: t, dir: t.TempDir()}
	s.URL = "http://" + freeport.TakeAddress(t)
	config := string(harness.ReadFile(t, filepath.Join(harness.ProjectRoot(t), "packaging", "nginx", file)))
	change := func(from, to string) {
		require.Contains(t, config, from)
		config = strings.ReplaceAll(config, from, to)
	}
	change("listen 80;", "listen "+strings.TrimPrefix(s.URL, "http://")+";")
	for from, to := range replace {
		change(from, to)
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n" // nginx would change to a user who cannot read the test's directories
	}
	harness.WriteFile(t, filepath.Join(s.dir, "nginx.conf"), fmt.Sprintf(`%sworker_processes 1;
daemon off;
pid %[2]s/nginx.pid;
error_log %[2]s/error.log;
events { worker_connections 4096; }
http {
	access_log %[2]s/access.log;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
%[3]s
}
`, user, s.dir, config))
	s.command = exec.Command(program, "-p", s.dir, "-e", filepath.Join(s.dir, "error.log"), "-c", filepath.Join(s.dir, "nginx.conf"))
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	require.NoError(t, s.command.Start())
	t.Cleanup(s.stop)
	harness.Await(t, func() bool {
		r, err := http.Get(s.URL)
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return true
	}, "nginx answers")
	return s
}

// stop ends nginx, and so does the end of the test.
func (s *server) stop() {
	if s.command.ProcessState == nil {
		_ = s.command.Process.Signal(syscall.SIGTERM)
		_ = s.command.Wait()
	}
}

// sentBytes returns the number of bytes that nginx has sent for files below a path, and the number of requests.
func (s *server) sentBytes(path string) (bytes int64, requests int) {
	s.t.Helper()
	for line := range strings.Lines(string(harness.ReadFile(s.t, filepath.Join(s.dir, "access.log")))) {
		_, rest, _ := strings.Cut(line, `"GET `+path)
		if rest == "" || !strings.HasSuffix(line, "\n") { // nginx has not written the whole line yet
			continue
		}
		var status int
		var n int64
		_, after, _ := strings.Cut(rest, `" `)
		_, err := fmt.Sscan(after, &status, &n)
		require.NoError(s.t, err, line)
		bytes += n
		requests++
	}
	return bytes, requests
}

package probe

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// maxFileOperations limits the system calls that open, inspect or read a file.
const maxFileOperations = 115

// call matches a line of strace's log: a thread ID and a system call.
var call = regexp.MustCompile(`^\d+ +([a-z_0-9]+)\((.*)$`)

// uncounted matches the files that are not counted: the files of the machine's Java and Go, and the files that Go's
// runtime reads before main. The number of the latter files depends on the machine's control groups.
var uncounted = regexp.MustCompile(`"/sys/|<(/sys|/proc/\d+)/|"/proc/self/|["<]/usr/(lib/jvm|local/go)`)

func trace(s *harness.System, args ...string) (calls [][2]string, stdout string) {
	s.T.Helper()
	log := filepath.Join(s.T.TempDir(), "log")
	r := s.Run(need.Strace(s.T), append([]string{"-f", "-y", "-qq", "-o", log, s.Program("omg-probe")}, args...)...)
	require.Zero(s.T, r.Code, r.Stderr)
	for line := range strings.Lines(string(harness.ReadFile(s.T, log))) {
		if m := call.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			calls = append(calls, [2]string{m[1], m[2]})
		}
	}
	require.NotEmpty(s.T, calls)
	return calls, r.Stdout
}

func TestSystemCalls_ReadFilesOnly(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	deep := s.Path("1/2/3/4/5/6/7/8/9/10/11/12")
	for path, text := range map[string]string{
		deep + "/.node-version":                     "20.1.0\n",
		deep + "/.tool-versions":                    "ruby 3.3.0\n",
		deep + "/mise.toml":                         "[tools]\njava = '21'\n",
		deep + "/.python-version":                   "3.12.1\n",
		deep + "/go.mod":                            "module x\ngo 1.24\n",
		s.Path(".pyenv/versions/3.12.1/bin/python"): "",
		s.Path(".rustup/settings.toml"):             "default_toolchain = 'stable'\n",
	} {
		harness.WriteFile(t, path, text)
	}
	writeUpdates(s, 7)
	for _, args := range [][]string{
		{"-C", deep},
		{"-C", deep, "--status", "all", "-f", "json", "--deadline", "10s"},
		{"-C", deep, "--why"},
		{"uc"},
	} {
		calls, stdout := trace(s, append([]string{"--deadline", "0", "--dbpath", s.DB}, args...)...)
		require.NotEmpty(t, stdout)
		executed, operations := 0, 0
		for _, c := range calls {
			name, rest := c[0], c[1]
			line := name + "(" + rest
			counts := !uncounted.MatchString(rest)
			switch name {
			case "execve", "execveat":
				executed++
			case "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "io_uring_setup":
				t.Errorf("%q opens a socket: %s", args, line)
			case "fork", "vfork":
				t.Errorf("%q starts a process: %s", args, line)
			case "clone", "clone3":
				require.Contains(t, rest, "CLONE_THREAD", "%q starts a process", args)
			case "write", "writev", "pwrite64":
				// Go wakes a thread through an eventfd.
				if !strings.HasPrefix(rest, "1<") {
					require.Regexp(t, `^\d+<anon_inode:\[eventfd\]>`, rest, "%q writes: %s", args, line)
				}
			case "open", "openat", "openat2":
				if counts {
					operations++
				}
				require.NotRegexp(t, `O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND`, rest, "%q", args)
			case "mkdir", "mkdirat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
				"symlinkat", "chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "truncate", "ftruncate", "utimensat",
				"mknod", "mknodat", "rmdir", "creat", "setxattr":
				t.Errorf("%q changes a file: %s", args, line)
			case "stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "readlink",
				"readlinkat", "getdents64", "read", "pread64", "chdir", "fchdir":
				if counts {
					operations++
				}
			}
		}
		require.Equal(t, 1, executed, "%q: execve but its own", args)
		require.Positive(t, operations)
		require.Less(t, operations, maxFileOperations, "%q", args)
		t.Logf("%q: %d file operations", args, operations)
	}
}

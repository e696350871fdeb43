package probe

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
)

// maxFileOperations is how many system calls may open, look at or read a file.
const maxFileOperations = 150

// call is a system call in strace's log, with the thread before it and the file
// behind each descriptor.
var call = regexp.MustCompile(`^\d+ +([a-z_0-9]+)\((.*)$`)

// own are the files that Go's runtime reads before the program begins, more or
// fewer by the machine's control groups.
var own = regexp.MustCompile(`"/sys/|<(/sys|/proc/\d+)/|"/proc/self/`)

func trace(t *testing.T, home string, args ...string) (calls [][2]string, stdout string) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace: make deps installs it")
	}
	log := filepath.Join(t.TempDir(), "log")
	r := programs.Exec(t, programs.Env(home), strace, append([]string{
		"-f", "-y", "-qq", "-o", log, filepath.Join(programs.Dir(t), "omg-probe"),
	}, args...)...)
	if r.Code != 0 && strings.Contains(r.Stderr, "ptrace") {
		t.Skip("strace may not trace here: ", r.Stderr)
	}
	require.Zero(t, r.Code, r.Stderr)
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if m := call.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			calls = append(calls, [2]string{m[1], m[2]})
		}
	}
	require.NotEmpty(t, calls)
	return calls, r.Stdout
}

func TestItReadsFilesAndDoesNothingElse(t *testing.T) {
	dir := home(t)
	deep := dir + "/1/2/3/4/5/6/7/8/9/10/11/12"
	put(t, deep+"/.node-version", "20.1.0\n")
	put(t, deep+"/.tool-versions", "ruby 3.3.0\n")
	put(t, deep+"/mise.toml", "[tools]\njava = '21'\n")
	put(t, deep+"/.python-version", "3.12.1\n")
	put(t, deep+"/go.mod", "module x\ngo 1.24\n")
	put(t, dir+"/.pyenv/versions/3.12.1/bin/python", "")
	put(t, dir+"/.rustup/settings.toml", "default_toolchain = 'stable'\n")
	updates(t, dir, 7)
	for _, args := range [][]string{
		{"-C", deep},
		{"-C", deep, "--status", "all", "-f", "json", "--deadline", "10s"},
		{"-C", deep, "--why"},
		{"uc"},
	} {
		calls, stdout := trace(t, dir, append([]string{"--deadline", "0"}, args...)...)
		require.NotEmpty(t, stdout)
		executed, operations := 0, 0
		for _, c := range calls {
			name, rest := c[0], c[1]
			line := name + "(" + rest
			counts := !own.MatchString(rest)
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
				// A thread of Go's wakes another by an eventfd.
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

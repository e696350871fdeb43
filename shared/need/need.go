// Package need lets a test request what it needs of the machine, such as a program, root or a terminal.
//
// If the machine lacks something, the test is skipped with the reason. The command `make test` sets OMG_REQUIRE=1. A test
// then fails if it needs a program or header that the command `make deps` installs and that is missing: otherwise a run
// could pass although half of its tests were skipped. A test is always skipped if it needs something that no package
// manager can install (root, namespaces, terminals, the corpus of real databases).
package need

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Program returns the path of a program that the command `make deps` installs.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		failOrSkip(t, name+" is not installed")
	}
	return path
}

// LibAlpm requires the headers of libalpm, with which omg-alpm-worker is built.
func LibAlpm(t testing.TB) {
	t.Helper()
	Program(t, "pkg-config")
	if exec.Command("pkg-config", "--cflags", "libalpm").Run() != nil {
		failOrSkip(t, "the headers of libalpm are not installed")
	}
}

// Python returns the path of a Python interpreter that can import the module. The command `make deps` installs the module
// for the system's Python, which is not always the first one in PATH.
func Python(t testing.TB, module string) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if path, err := exec.LookPath(python); err == nil && exec.Command(path, "-c", "import "+module).Run() == nil {
			return path
		}
	}
	failOrSkip(t, "no Python has the module "+module)
	return ""
}

// Strace returns the path of strace, and skips the test if strace may not trace processes on this machine.
func Strace(t testing.TB) string {
	t.Helper()
	path := Program(t, "strace")
	if out, err := exec.Command(path, "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("needs to trace processes, which this machine forbids: %v: %s", err, out)
	}
	return path
}

// OwnProgram returns the path of the running test program, for a test that starts it again. With an emulator such as qemu-aarch64, the
// kernel may not be able to start this program.
func OwnProgram(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(path, "-test.run=^$").Run(); errors.Is(err, syscall.ENOEXEC) {
		t.Skipf("needs to start its own program again, which this machine cannot: %v", err)
	}
	return path
}

// Root requires root, to act as several users or to have the real pacman change a system.
func Root(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}

// NotRoot requires that an ordinary user runs the test, because root may read and write files without permission.
func NotRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() == 0 {
		t.Skip("needs an ordinary user: root may do everything")
	}
}

// DeviceCreation requires the right to create device files, which root has, except in a user namespace.
func DeviceCreation(t testing.TB) {
	t.Helper()
	const null = 1<<8 | 3
	if err := syscall.Mknod(filepath.Join(t.TempDir(), "null"), syscall.S_IFCHR|0o600, null); err != nil {
		t.Skipf("needs to make a device file: %v", err)
	}
}

// unshareCommand returns the first words of a command line that runs a command in its own mount namespace, and an error if that is
// not possible. For an ordinary user, the command runs as root of a new user namespace.
var unshareCommand = sync.OnceValues(func() ([]string, error) {
	line := []string{"unshare", "--mount"}
	if os.Getuid() != 0 {
		line = append(line, "--map-root-user")
	}
	return line, exec.Command(line[0], append(line[1:len(line):len(line)], "true")...).Run()
})

// MountNamespace requires mount namespaces, in which a test can mount something over the system's files without changing
// the files for other processes. It returns the first words of a command line, which run the command that the test appends
// in a new mount namespace.
func MountNamespace(t testing.TB) []string {
	t.Helper()
	Program(t, "unshare")
	line, err := unshareCommand()
	if err != nil {
		t.Skipf("needs a mount namespace, which this machine forbids: %v", err)
	}
	return line
}

// checkUserNamespace makes a user namespace, which the kernel forbids for example in a chroot.
var checkUserNamespace = sync.OnceValue(exec.Command("unshare", "--map-root-user", "true").Run)

// UserNamespace requires user namespaces.
func UserNamespace(t testing.TB) {
	t.Helper()
	Program(t, "unshare")
	if err := checkUserNamespace(); err != nil {
		t.Skipf("needs a user namespace, which this machine forbids: %v", err)
	}
}

// MountPoint requires the file at path, over which the test mounts another file.
func MountPoint(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs a file as a mount point: %v", err)
	}
}

// Tmpfs mounts a file system in memory, with a size such as "4m", and returns its directory. The file system is unmounted
// when the test ends.
func Tmpfs(t testing.TB, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("needs to mount a tmpfs, which this machine forbids: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// SharedMemoryDir returns a new directory in /dev/shm, for tests that need a directory in a file system that is mounted in
// another file system. The directory is removed when the test ends.
func SharedMemoryDir(t testing.TB) string {
	t.Helper()
	const shm = "/dev/shm"
	var shmStat, parentStat syscall.Stat_t
	if syscall.Stat(shm, &shmStat) != nil || syscall.Stat(filepath.Dir(shm), &parentStat) != nil || shmStat.Dev == parentStat.Dev {
		t.Skipf("needs %s to be a file system of its own", shm)
	}
	dir, err := os.MkdirTemp(shm, "omg-")
	if err != nil {
		t.Skipf("needs to write to %s: %v", shm, err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// OpenFileLimit returns how many files a test may open: the wanted number, or fewer if the limit of this process is lower.
func OpenFileLimit(t testing.TB, wanted int) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	const others = 50 // files that the process may already have open
	if limit.Cur < 2*others {
		t.Skipf("needs to open many files, but this machine allows only %d", limit.Cur)
	}
	return int(min(uint64(wanted), limit.Cur-others))
}

// systemdPath is the path of the program systemd, which is in no directory of PATH.
const systemdPath = "/usr/lib/systemd/systemd"

// checkSystemd returns an error if a second systemd cannot run on this machine. To find out, it starts systemd in the
// same way as tests do: as the systemd of a user, with its own control group, in namespaces that end with the process.
var checkSystemd = sync.OnceValue(func() error {
	const script = `
mount --make-rprivate /
mount -t tmpfs -o mode=755 none /run; mkdir -p /run/systemd/system /run/user
umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup || exit
group=$(mktemp -d /sys/fs/cgroup/omg-need-XXXXXX) || exit
sh -c 'echo $$ >"$1/cgroup.procs" && exec "$2" --user' sh "$group" "$1" 2>/run/log & manager=$!
while kill -0 $manager 2>/dev/null && ! [ -S /run/user/systemd/private ]; do sleep 0.02; done
[ -S /run/user/systemd/private ]; result=$?
while [ -d "$group" ]; do
	kill -KILL $(cat $(find "$group" -name cgroup.procs)); find "$group" -depth -type d -exec rmdir {} +; sleep 0.02
done 2>/dev/null
[ $result = 0 ] || cat /run/log >&2
exit $result
`
	cmd := exec.Command("unshare", "--mount", "--cgroup", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script, "sh", systemdPath)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/run/user", "XDG_RUNTIME_DIR=/run/user", "SYSTEMD_UNIT_PATH=/usr/lib/systemd/user"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
})

// Systemd requires root, and that a second systemd can run on this machine. It returns the path of systemd.
func Systemd(t testing.TB) string {
	t.Helper()
	Program(t, "systemctl")
	Program(t, "unshare")
	if _, err := os.Stat(systemdPath); err != nil {
		failOrSkip(t, "systemd is not installed")
	}
	Root(t)
	if err := checkSystemd(); err != nil {
		t.Skipf("needs a systemd with its own control group, which cannot run here: %v", err)
	}
	return systemdPath
}

// Terminal requires pseudo-terminals.
func Terminal(t testing.TB) {
	t.Helper()
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs a pseudo-terminal: %v", err)
	}
	_ = f.Close()
}

// Loopback skips a test that connects to a server in the test, if the loopback interface is down, as it is in a new
// network namespace.
func Loopback(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		defer l.Close()
		var c net.Conn
		if c, err = net.Dial("tcp", l.Addr().String()); err == nil {
			_ = c.Close()
		}
	}
	if err != nil {
		t.Skipf("needs the loopback interface: %v", err)
	}
}

// IPv6 requires that this machine has the loopback address of IPv6, ::1.
func IPv6(t testing.TB) {
	t.Helper()
	list, err := os.ReadFile("/proc/net/if_inet6")
	if err != nil || !strings.Contains(string(list), "00000000000000000000000000000001") {
		t.Skip("needs IPv6 on the loopback interface")
	}
}

// Corpus returns the directory of the real Arch Linux databases that some tests read. The databases are not part of the
// project. The directory is $OMG_CORPUS, otherwise shared/corpus beside the project's root directory.
func Corpus(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("OMG_CORPUS")
	if dir == "" {
		dir = filepath.Join(filepath.Dir(ProjectRoot(t)), "shared", "corpus")
	}
	if _, err := os.Stat(filepath.Join(dir, "pacman-db.tar.gz")); err != nil {
		t.Skipf("needs the corpus of real databases, which is not at %s: set OMG_CORPUS", dir)
	}
	return dir
}

// ProjectRoot returns the project's root directory, which contains go.work. Tests keep build results in its subdirectory build.
func ProjectRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("needs the project's root directory, but no directory above the test's directory contains go.work")
		}
		dir = up
	}
}

// failOrSkip fails or skips a test, depending on OMG_REQUIRE, because something that the command `make deps` installs is
// missing.
func failOrSkip(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("OMG_REQUIRE") == "1" {
		t.Fatalf("%s: run make deps to install it", what)
	}
	t.Skipf("%s: run make deps to install it", what)
}

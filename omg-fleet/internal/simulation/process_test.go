package simulation

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
)

var soak = os.Getenv("OMG_SOAK") != ""

// besideOthers lets a test run beside others in its short form: most of its time, it waits.
func besideOthers(t *testing.T) {
	t.Helper()
	if !soak {
		t.Parallel()
	}
}

// roles are what the test program does instead of running tests, by its first argument.
var roles = map[string]func(ctx context.Context, args []string) error{"server": serve, "hosts": simulateHosts}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		if err := roles[os.Args[1]](context.Background(), os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// process is a process of this program with another role. It is killed at the end of the test.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// start starts a process, and waits until it says that it is ready.
func start(t *testing.T, role string, args ...string) *process {
	t.Helper()
	return startUnder(t, nil, role, args...)
}

// startUnder is like start, with the first words of a command line that replaces itself by the process.
func startUnder(t *testing.T, command []string, role string, args ...string) *process {
	t.Helper()
	line := slices.Concat(command, []string{os.Args[0], role}, args)
	p := &process{cmd: exec.Command(line[0], line[1:]...), ended: make(chan struct{})}
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	ready := make(chan bool, 1)
	go func() {
		s := bufio.NewScanner(out)
		ready <- s.Scan()
		for s.Scan() {
		}
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	require.True(t, await.Receive(t, ready, "the process %s %v", role, args))
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// cpu returns the processor time of the process.
func (p *process) cpu(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), ") ") // after the name, which could have spaces
	fields := strings.Fields(rest)
	var ticks time.Duration
	for _, field := range fields[11:13] { // utime and stime: proc_pid_stat(5)
		n, err := strconv.Atoi(field)
		require.NoError(t, err)
		ticks += time.Duration(n)
	}
	return ticks * time.Second / 100 // the kernel tells user space 100 ticks a second on all machines that Arch Linux runs on
}

// memory returns a field of /proc/PID/status that is a memory, in MiB.
func (p *process) memory(t *testing.T, field string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), field)
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kB >> 10
}

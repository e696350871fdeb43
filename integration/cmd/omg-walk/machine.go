package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// hangTimeout guards against a command that never ends; no machine is so slow.
const hangTimeout = 10 * time.Minute

// machine is the booted Debian.
type machine struct {
	nspawn *exec.Cmd
	ended  chan struct{} // closed when nspawn has ended
	leader string        // the number of the process 1 of the machine
	cgroup string
	log    bytes.Buffer
}

// booting mounts the control groups, which not every machine has at this place, and starts systemd-nspawn in a group of its own.
const booting = `set -e
mount --make-rprivate /
umount -R -l /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$2"
echo $$ >"/sys/fs/cgroup/$2/cgroup.procs"
exec systemd-nspawn --quiet --directory="$1" --boot --register=no --keep-unit --private-network --console=pipe --machine="$2" \
	--resolv-conf=off --timezone=off --link-journal=no </dev/null
`

// removing removes the control groups.
const removing = `
mount --make-rprivate /
umount -R -l /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup && [ ! -d "/sys/fs/cgroup/$1" ] || find "/sys/fs/cgroup/$1" -depth -type d -exec rmdir {} +
`

// boot starts the machine, and returns when it has started all services.
func boot(root string) (*machine, error) {
	dir, err := os.MkdirTemp("", "omg-walk-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	m := &machine{cgroup: "omg-walk-" + strconv.Itoa(os.Getpid()), ended: make(chan struct{})}
	m.nspawn = exec.Command("unshare", "--mount", "bash", "-c", booting, "bash", root, m.cgroup)
	m.nspawn.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
	m.nspawn.Stdout, m.nspawn.Stderr = &m.log, &m.log
	m.nspawn.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.nspawn.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = m.nspawn.Wait()
		close(m.ended)
		_ = l.SetReadDeadline(time.Now())
	}()
	_ = l.SetReadDeadline(time.Now().Add(hangTimeout))
	for buffer := make([]byte, 4096); m.leader == ""; {
		n, err := l.Read(buffer)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("the machine does not boot: %w", err), m.powerOff(), errors.New(m.log.String()))
		}
		for line := range strings.Lines(string(buffer[:n])) {
			if pid, ok := strings.CutPrefix(strings.TrimSpace(line), "X_NSPAWN_LEADER_PID="); ok {
				m.leader = pid
			}
		}
	}
	if err := m.await("root", "systemctl is-system-running --wait; systemctl is-active multi-user.target"); err != nil {
		return nil, errors.Join(err, m.powerOff())
	}
	return m, nil
}

// powerOff ends the machine, and removes its control groups.
func (m *machine) powerOff() error {
	_ = m.nspawn.Process.Signal(syscall.SIGTERM) // systemd-nspawn shuts the machine down
	select {
	case <-m.ended:
	case <-time.After(time.Minute):
		_ = m.nspawn.Process.Kill()
		if pid, err := strconv.Atoi(m.leader); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL) // all processes of the machine end with its process 1
		}
		<-m.ended
	}
	out, err := exec.Command("unshare", "--mount", "sh", "-c", removing, "sh", m.cgroup).CombinedOutput()
	if err != nil {
		return fmt.Errorf("the control group %s is left: %w: %s", m.cgroup, err, out)
	}
	return nil
}

// command prepares a command in the machine. A user's command runs as "machinectl shell" would run it: in a session of its own, with
// the user's service manager.
func (m *machine) command(name string, onTerminal bool, line string) *exec.Cmd {
	words := []string{"-t", m.leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd", "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	if name == "root" {
		words = append(words, "HOME=/root", "bash", "-c", "cd; "+line)
	} else {
		streams := "--pipe"
		if onTerminal {
			streams = "--pty"
		}
		words = append(words, "systemd-run", "--quiet", "--wait", "--collect", streams, "-p", "User="+name, "-p", "PAMName=login", "-p", "WorkingDirectory=~",
			"-E", "LC_ALL=C.UTF-8", "-E", "TERM=dumb", "bash", "-lc", line)
	}
	cmd := exec.Command("nsenter", words...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// exitCode returns the exit code of a command that has ended.
func exitCode(err error) (int, error) {
	var exited *exec.ExitError
	if errors.As(err, &exited) && exited.Exited() {
		return exited.ExitCode(), nil
	}
	return 0, err
}

func (m *machine) run(name, line string) (output string, code int, err error) {
	cmd := m.command(name, false, line)
	guard := time.AfterFunc(hangTimeout, func() { _ = cmd.Process.Kill() })
	defer guard.Stop()
	out, err := cmd.CombinedOutput()
	code, err = exitCode(err)
	return string(out), code, err
}

func (m *machine) await(name, line string) error {
	for end := time.Now().Add(hangTimeout); ; time.Sleep(100 * time.Millisecond) {
		output, code, err := m.run(name, line)
		switch {
		case err != nil:
			return err
		case code == 0:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("it never succeeds: exit code %d: %s", code, output)
		}
	}
}

func (m *machine) progress(s step) {
	if s.kind != "" {
		fmt.Printf("%s%s\n", s.kind, s.text)
	}
}

// pseudoTerminal is a terminal of the machine.
type pseudoTerminal struct {
	cmd    *exec.Cmd
	file   *os.File
	mu     sync.Mutex
	seen   strings.Builder
	keysAt int           // length of the output when the last keys were typed
	closed chan struct{} // closed when the terminal shows nothing more
}

func (m *machine) open(name, line string) (terminal, error) {
	cmd := m.command(name, true, line)
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 200})
	if err != nil {
		return nil, err
	}
	t := &pseudoTerminal{cmd: cmd, file: file, closed: make(chan struct{})}
	go func() {
		defer close(t.closed)
		for buffer := make([]byte, 4096); ; {
			n, err := file.Read(buffer)
			t.mu.Lock()
			t.seen.Write(buffer[:n])
			t.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return t, nil
}

func (t *pseudoTerminal) all() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen.String()
}

func (t *pseudoTerminal) enter(keys string) error {
	t.keysAt = len(t.all())
	_, err := t.file.WriteString(keys)
	return err
}

func (t *pseudoTerminal) expect(text string) error { return t.await(text, func() error { return nil }) }

func (t *pseudoTerminal) expectPrompt(text string) error {
	next := time.Now()
	return t.await(text, func() error {
		if time.Now().Before(next) {
			return nil
		}
		next = time.Now().Add(time.Second)
		_, err := t.file.WriteString("true\r")
		return err
	})
}

// await waits until the terminal shows a text after the last keys. It calls again after each failed look.
func (t *pseudoTerminal) await(text string, again func() error) error {
	for end := time.Now().Add(hangTimeout); ; time.Sleep(20 * time.Millisecond) {
		shown := t.all()[t.keysAt:]
		if strings.Contains(shown, text) {
			return nil
		}
		select {
		case <-t.closed:
			return fmt.Errorf("the command has ended; the terminal shows %q", shown)
		default:
		}
		if time.Now().After(end) {
			return errors.Join(fmt.Errorf("the terminal shows %q", shown), t.cmd.Process.Kill())
		}
		if err := again(); err != nil {
			return err
		}
	}
}

func (t *pseudoTerminal) end() (output string, code int, err error) {
	guard := time.AfterFunc(hangTimeout, func() { _ = t.cmd.Process.Kill() })
	defer guard.Stop()
	code, err = exitCode(t.cmd.Wait())
	<-t.closed
	_ = t.file.Close()
	return t.all(), code, err
}

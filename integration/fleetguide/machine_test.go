package fleetguide

import (
	_ "embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
)

// machine is a machine of its own as far as the guide is concerned: it has its own network interface, host name, processes, /etc, /var, /run, /root
// and /tmp. It shares the kernel and the programs in /usr with the machine on which the test runs.
type machine struct {
	name, address string
	*harness.System
	isMine bool // it has no process IDs of its own, because its ssh enters the namespaces of the others
	init   *harness.Process
	port   string // the interface of the network to which it is connected
}

// office is a network of machines.
type office struct {
	t        *testing.T
	network  *harness.Process // it has the bridge between the machines
	machines map[string]*machine
	order    []*machine
}

//go:embed testdata/machine.sh
var machineScript string

// networkScript makes the bridge to which all machines are connected.
const networkScript = `ip link add lan type bridge && ip link set lan up && echo ready && exec sleep infinity`

// newOffice makes a network. The test is skipped where this is not possible.
func newOffice(t *testing.T) *office {
	t.Helper()
	need.Root(t)
	for _, name := range []string{"bash", "nsenter", "setpriv", "useradd"} {
		need.Program(t, name)
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip of iproute2, to connect network namespaces")
	}
	const probe = "ip link add lan type bridge && ip link add port0 type veth peer name port1 && mount --make-rprivate /"
	if out, err := exec.Command("unshare", "--net", "--mount", "--uts", "--pid", "--fork", "sh", "-c", probe).CombinedOutput(); err != nil {
		t.Skipf("needs namespaces with a network between them, which this machine forbids: %v: %s", err, out)
	}
	o := &office{t: t, machines: map[string]*machine{}}
	o.network = start(t, networkScript, syscall.CLONE_NEWNET)
	return o
}

// start starts a script in new namespaces, and waits until it is ready.
func start(t *testing.T, script string, namespaces uintptr, args ...string) *harness.Process {
	t.Helper()
	cmd := exec.Command("bash", append([]string{"-c", script, "bash"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	p := harness.Start(t, cmd)
	harness.Await(t, func() bool { return strings.HasPrefix(p.Stdout(), "ready") || !p.Running() }, "the namespaces of a machine")
	require.True(t, p.Running(), p.Stderr())
	return p
}

var enabled = regexp.MustCompile(`(?m)^#enabled = true$`)

// add adds a machine with the units and the configuration file of omg's package. What omgd gets from the internet is switched off.
func (o *office) add(name string, isMine bool, tools ...string) *machine {
	o.t.Helper()
	t := o.t
	n := len(o.order) + 1
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 100, Installed: 20, Seed: uint64(n)}))
	m := &machine{name: name, address: fmt.Sprintf("10.90.0.%d", n), System: s, isMine: isMine, port: fmt.Sprintf("port%d", n)}
	tree, root := s.Path("machine"), need.ProjectRoot(t)
	harness.WriteFile(t, filepath.Join(tree, "etc/pacman.conf"), harness.ReadFile(t, s.PacmanConf))
	harness.WriteFile(t, filepath.Join(tree, "etc/machine-id"), fmt.Sprintf("%032x\n", n))
	config := harness.ReadFile(t, filepath.Join(root, "packaging/config.toml"))
	require.Greater(t, len(enabled.FindAll(config, -1)), 2)
	harness.WriteFile(t, filepath.Join(tree, "etc/omg/config.toml"), enabled.ReplaceAll(config, []byte("enabled = false")))
	for _, unit := range []string{"omgd", "omg-fleet-agent"} {
		text := harness.ReadFile(t, filepath.Join(root, "packaging/systemd/system", unit+".service.in"))
		harness.WriteFile(t, filepath.Join(tree, "etc/systemd/system", unit+".service"), strings.ReplaceAll(string(text), "@BINDIR@", "/mnt"))
	}
	for _, tool := range append(tools, "systemctl") {
		harness.WriteProgram(t, filepath.Join(tree, "local", tool), harness.ReadFile(t, filepath.Join("testdata", tool)))
	}
	namespaces := uintptr(syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS)
	if !isMine {
		namespaces |= syscall.CLONE_NEWPID
	}
	m.init = start(t, machineScript, namespaces, name, tree, s.Bin, s.DB)
	o.machines[name] = m
	o.order = append(o.order, m)
	r := harness.Run(t, o.inNetwork("ip", "link", "add", m.port, "type", "veth", "peer", "name", "lan", "netns", fmt.Sprint(m.init.PID())))
	require.Zero(t, r.Code, r.Stderr)
	m.sh("ip address add " + m.address + "/24 dev lan; ip link set lan up")
	o.plug(m, true)
	return m
}

// inNetwork prepares a command in the namespace of the network.
func (o *office) inNetwork(line ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"-t", fmt.Sprint(o.network.PID()), "-n"}, line...)...)
}

// plug connects a machine to the network, or disconnects it.
func (o *office) plug(m *machine, isConnected bool) {
	o.t.Helper()
	state := "down"
	if isConnected {
		state = "up"
	}
	r := harness.Run(o.t, o.inNetwork("ip", "link", "set", m.port, "master", "lan", state))
	require.Zero(o.t, r.Code, r.Stderr)
}

// introduce gives all machines the names of all others, and mine the way into them for ssh.
func (o *office) introduce(mine *machine) {
	o.t.Helper()
	hosts := "127.0.0.1 localhost\n"
	for _, m := range o.order {
		hosts += m.address + " " + m.name + "\n"
	}
	for _, m := range o.order {
		harness.WriteFile(o.t, m.Path("machine/etc/hosts"), hosts)
		harness.WriteFile(o.t, mine.inside("/run/machines/"+m.name), fmt.Sprint(m.init.PID()))
	}
}

// inside returns the path of a file of the machine for the test.
func (m *machine) inside(path string) string {
	return filepath.Join("/proc", fmt.Sprint(m.init.PID()), "root", path)
}

// command prepares a script on the machine, in the home directory of root.
func (m *machine) command(script string) *exec.Cmd {
	line := []string{"-t", fmt.Sprint(m.init.PID()), "--mount", "--uts", "--net"}
	if !m.isMine {
		line = append(line, "--pid")
	}
	line = append(line, "env", "-i", "HOME=/root", "PATH="+path, "LC_ALL=C.UTF-8", "TZ=UTC", "NATS_VERSION="+natsVersion, "bash", "-euo", "pipefail", "-c", "cd\n"+script)
	return exec.Command("nsenter", line...)
}

// path has the programs of omg, which are mounted on /mnt, and those that the guide installs.
const path = "/usr/local/bin:/mnt:/usr/bin:/usr/sbin:/bin:/sbin"

// run runs a script on the machine.
func (m *machine) run(script string) harness.Result {
	m.T.Helper()
	return harness.Run(m.T, m.command(script))
}

// sh runs a script on the machine, which must succeed.
func (m *machine) sh(script string) string {
	m.T.Helper()
	r := m.run(script)
	require.Zero(m.T, r.Code, "%s: %s\n%s%s", m.name, script, r.Stdout, r.Stderr)
	return r.Stdout
}

// log returns what the process of a unit has printed.
func (m *machine) log(unit string) string {
	m.T.Helper()
	return string(harness.ReadFile(m.T, m.inside("/run/units/"+unit+".log")))
}

// dial connects to an address from the network of the machine. The thread that is in this network for a moment must not end, because the machines
// end with the threads that have started them.
func (m *machine) dial(network, address string) (net.Conn, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := os.Open("/proc/thread-self/ns/net")
	require.NoError(m.T, err)
	defer here.Close()
	there, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", m.init.PID()))
	require.NoError(m.T, err)
	defer there.Close()
	require.NoError(m.T, unix.Setns(int(there.Fd()), unix.CLONE_NEWNET))
	conn, err := net.Dial(network, address)
	require.NoError(m.T, unix.Setns(int(here.Fd()), unix.CLONE_NEWNET))
	return conn, err
}

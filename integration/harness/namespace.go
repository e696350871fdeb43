package harness

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/omg-arch/omg/shared/need"
)

// isolatedVariable names the test that runs in its own mount namespace.
const isolatedVariable = "OMG_TEST_ISOLATED"

// RunIsolated runs a test a second time, in a mount namespace where it may mount over the system's files. It returns true
// in this second run. In the first run, it waits for the second one and returns false, and the test must return:
//
//	if !harness.RunIsolated(t) {
//		return
//	}
//
// A test must check what it needs of the machine before it calls RunIsolated. It requires root: in a user namespace of
// an ordinary user, / belongs to nobody, and omgd refuses to listen below it.
func RunIsolated(t *testing.T) bool {
	t.Helper()
	if os.Getenv(isolatedVariable) == t.Name() {
		return true
	}
	need.Root(t)
	line := need.MountNamespace(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line = append(slices.Clone(line), self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1", "-test.timeout=0")
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), isolatedVariable+"="+t.Name(), "OMG_BIN="+ProgramsDir(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err != nil || !strings.Contains(text, "--- PASS: "+t.Name()) || strings.Contains(text, "--- SKIP: ") {
		t.Fatalf("in the mount namespace of the test: %v\n%s", err, text)
	}
	return false
}

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/inventory"
)

// hostile is text that would control a terminal or forge a line.
const hostile = "x\x1b[31m\u202e\n\"</script>"

// fleet writes the inventories of hosts, with the present time, and returns the directory.
func fleet(t *testing.T, hosts map[string]*inventory.Inventory) string {
	t.Helper()
	dir := t.TempDir()
	for name, v := range hosts {
		v.Schema, v.At = inventory.Schema, time.Now().Unix()
		if v.Host == "" {
			v.Host = name
		}
		for _, part := range []inventory.PartName{inventory.PartPackages, inventory.PartUpdates, inventory.PartAdvisories, inventory.PartFindings} {
			v.Parts = append(v.Parts, inventory.Part{Name: part, State: inventory.PartOK})
		}
		text, err := inventory.Encode(v)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".json"), text, 0o644))
	}
	return dir
}

func run(t *testing.T, args ...string) (code int, out, stderr string) {
	t.Helper()
	var o, e bytes.Buffer
	code = Run(context.Background(), append([]string{"omg-fleet"}, args...), &o, &e)
	return code, o.String(), e.String()
}

// TestHostileText checks that text of a hostile host cannot control the terminal or forge a line, in each command and form.
func TestHostileText(t *testing.T) {
	n := uint32(1)
	v := &inventory.Inventory{
		Host: hostile, OmgVersion: hostile, Kernel: hostile, PartialCounts: []string{hostile},
		Updates:    []inventory.HostUpdate{{Name: hostile, Installed: hostile, Version: hostile, Repo: hostile}},
		Advisories: []inventory.Vulnerable{{Name: hostile, Installed: hostile, Update: hostile, Advisories: []inventory.HostAdvisory{{Name: hostile, Severity: hostile, Verdict: hostile}}}},
		Findings:   []inventory.HostFinding{{Name: hostile, Installed: hostile, Level: hostile, Reasons: []string{hostile}}},
		Packages:   []inventory.HostPackage{{Name: hostile, Version: hostile, Desc: hostile}},
	}
	v.Counts.Installed = &n
	dir := fleet(t, map[string]*inventory.Inventory{"web1": v})
	for _, command := range []string{"hosts", "status", "outdated", "security", "search script", "aur"} {
		for _, form := range []string{"", "--json", "-q", "--format {{.}}"} {
			args := append([]string{"--from", dir}, strings.Fields(command)...)
			name, value, _ := strings.Cut(form, " ")
			if form != "" {
				args = append(args, name)
			}
			if value != "" {
				args = append(args, value)
			}
			code, out, stderr := run(t, args...)
			require.Zero(t, code, "%s %s: %s", command, form, stderr)
			require.NotContains(t, out+stderr, "\x1b", command)
			require.NotContains(t, out+stderr, "\u202e", command)
			lines := strings.Count(out, "\n")
			if form == "" || form == "--json" {
				lines--
			}
			require.Equal(t, 1, lines, "%s %s:\n%s", command, form, out)
			if form == "--json" {
				for line := range strings.Lines(out) {
					require.True(t, json.Valid([]byte(line)), line)
				}
			}
		}
	}
}

// TestHostNames checks that names of files that a program could take for something else are not printed for programs.
func TestHostNames(t *testing.T) {
	dir := fleet(t, map[string]*inventory.Inventory{"-rf": {}, "$(id)": {}, "web1": {}})
	code, out, stderr := run(t, "--from", dir, "hosts", "-q")
	require.Zero(t, code)
	require.Equal(t, "web1\n", out)
	require.Contains(t, stderr, "left out 2 hosts whose names could be taken for something else")
	_, out, _ = run(t, "--from", dir, "hosts", "--json")
	require.Contains(t, out, `"host":"-rf"`)
}

// TestManySilent checks that all hosts that have not answered are in JSON, and that notes name some of them.
func TestManySilent(t *testing.T) {
	dir := fleet(t, map[string]*inventory.Inventory{"web1": {Packages: []inventory.HostPackage{{Name: "xz", Version: "1-1"}}}})
	var roster strings.Builder
	for i := range 200 {
		fmt.Fprintf(&roster, "gone%03d\n", i)
	}
	path := filepath.Join(t.TempDir(), "roster")
	require.NoError(t, os.WriteFile(path, []byte(roster.String()), 0o644))
	code, out, stderr := run(t, "--from", dir, "--roster", path, "has", "xz")
	require.Zero(t, code)
	require.Equal(t, "web1 xz 1-1\nasked 201, answered 1\n", out)
	require.Equal(t, maxNotes+2, strings.Count(stderr, "\n"))
	require.Contains(t, stderr, "and 150 more hosts have not answered: --json names all\n")
	_, out, stderr = run(t, "--from", dir, "--roster", path, "has", "xz", "--json")
	require.Empty(t, stderr)
	require.Equal(t, 200, strings.Count(out, `"state":"missing"`))
	code, _, _ = run(t, "--from", dir, "--roster", path, "--require-all", "hosts")
	require.Equal(t, exit.Incomplete, code)
}

// TestClosedOutput checks that an output that cannot be written is an error.
func TestClosedOutput(t *testing.T) {
	dir := fleet(t, map[string]*inventory.Inventory{"web1": {}})
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()
	var stderr bytes.Buffer
	require.Equal(t, exit.Failed, Run(context.Background(), []string{"omg-fleet", "--from", dir, "hosts"}, full, &stderr))
	require.Contains(t, stderr.String(), "no space left on device")
}

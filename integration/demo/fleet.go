package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// WriteFleet writes a directory with the inventories of a small fleet at the time Now, and a roster beside it with one host more. The inventory of
// db2 is 3 days old, and web2 does not know its advisories.
func WriteFleet(s *harness.System, dir, roster string) {
	all := map[string]*inventory.Inventory{
		"build1": fleetHost(1, "5.8.1-1", 0), "db1": fleetHost(2, "5.8.0-1", 2), "db2": fleetHost(3, "5.6.1-1", 1), "web1.example.org": fleetHost(4, "5.8.1-1", 0),
		"web2.example.org": fleetHost(5, "5.6.1-2", 2),
	}
	all["db2"].At = Now.Add(-72 * time.Hour).Unix()
	web2 := all["web2.example.org"]
	web2.Advisories, web2.Counts.Security = []inventory.Vulnerable{}, nil
	web2.Parts[2] = inventory.Part{Name: inventory.PartAdvisories, State: inventory.PartUnknown, Why: "omgd is not running"}
	build1 := all["build1"]
	build1.Packages = append(build1.Packages, inventory.HostPackage{Name: "yay-bin", Version: "11.2.0-1", Foreign: true, Desc: "Yet another yogurt. Pacman wrapper and AUR helper"})
	build1.Counts.AURFindings = &wire.FindingCounts{Look: 1}
	build1.Findings = []inventory.HostFinding{{Name: "yay-bin", Installed: "11.2.0-1", Level: "look", Reasons: []string{"it has another maintainer"}}}
	names := []string{"mail"}
	for name, v := range all {
		v.Host = name
		text, err := inventory.Encode(v)
		require.NoError(s.T, err)
		harness.WriteFile(s.T, filepath.Join(dir, name+".json"), text)
		if at := time.Unix(v.At, 0); at.Before(Now) {
			require.NoError(s.T, os.Chtimes(filepath.Join(dir, name+".json"), at, at))
		}
		names = append(names, name)
	}
	harness.WriteFile(s.T, roster, strings.Join(names, "\n")+"\n")
}

// fleetHost returns the inventory of a host with a version of xz and a number of updates.
func fleetHost(identity int, xz string, updates int) *inventory.Inventory {
	installed, count, reboot := uint32(4), uint32(updates), updates > 1
	v := &inventory.Inventory{
		Schema: inventory.Schema, Identity: fmt.Sprintf("%032x", identity), At: Now.Unix(), OmgVersion: "1.0.0", Daemon: true, Kernel: "5.18.9-arch1-1", RebootNeeded: &reboot,
		Counts:  wire.Counts{Installed: &installed, Updates: &count, Security: &wire.SecurityCounts{}, AURFindings: &wire.FindingCounts{}},
		Sources: []wire.Source{{Name: "core", Kind: wire.KindRepository, State: wire.SourceOK, AsOf: Now.Unix()}}, Findings: []inventory.HostFinding{},
		Advisories: []inventory.Vulnerable{}, Updates: []inventory.HostUpdate{},
		Packages: []inventory.HostPackage{
			{Name: "bash", Version: "5.1.016-1", Repo: "core", Reason: "explicit", Desc: "The GNU Bourne Again shell"},
			{Name: "openssl", Version: "1.1.1.p-1", Repo: "core", Reason: "dependency", Desc: "The Open Source toolkit for Secure Sockets Layer and Transport Layer Security"},
			{Name: "w3m", Version: "0.5.3.git20220429-1", Repo: "extra", Reason: "explicit", Desc: "Text-based Web browser, as well as pager"},
			{Name: "xz", Version: xz, Repo: "core", Reason: "dependency", Desc: "Library and command line tools for XZ and LZMA compressed files"},
		},
	}
	for _, part := range []inventory.PartName{inventory.PartPackages, inventory.PartUpdates, inventory.PartAdvisories, inventory.PartFindings} {
		v.Parts = append(v.Parts, inventory.Part{Name: part, State: inventory.PartOK})
	}
	v.Updates = []inventory.HostUpdate{
		{Name: "openssl", Installed: "1.1.1.p-1", Version: "1.1.1.q-1", Repo: "core", Severity: "High"}, {Name: "w3m", Installed: "0.5.3.git20220429-1", Version: "0.5.3.git20220608-1", Repo: "extra"},
	}[:updates]
	if updates > 0 {
		v.Counts.Security = &wire.SecurityCounts{Vulnerabilities: 1, High: 1}
		v.Advisories = []inventory.Vulnerable{{
			Name: "openssl", Installed: "1.1.1.p-1", Advisories: []inventory.HostAdvisory{{Name: "AVG-2765", Severity: "High", Verdict: "fixable"}},
		}}
	}
	return v
}

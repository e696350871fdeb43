package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/inventory"
)

func TestInventory(t *testing.T) {
	reboot := true
	f := fake{inventory: &inventory.Inventory{
		Schema: 1, Host: "web1\x1b", At: 5, Kernel: "6.17", RebootNeeded: &reboot, Updates: []inventory.HostUpdate{{Name: "a"}}, Packages: []inventory.HostPackage{{Name: "a", Version: "1"}, {Name: "b", Version: "1"}},
		Parts: []inventory.Part{{Name: inventory.PartPackages, State: inventory.PartOK}, {Name: inventory.PartUpdates, State: inventory.PartPartial, Why: "core: damaged"}, {Name: inventory.PartFindings, State: inventory.PartUnknown, Why: "no omgd"}},
	}}
	code, out, stderr := f.run(t, "inventory")
	require.Zero(t, code)
	require.Equal(t, `Host        web1�
Identity    unknown: the host has no machine ID
Packages    2
Updates     1 (updates: partial: core: damaged)
Advisories  unknown: the inventory does not say
AUR         unknown: no omgd
Reboot      needed: the modules of the running kernel 6.17 are not installed any
            more
`, out)
	require.Equal(t, "omg: note: updates: partial: core: damaged\n", stderr)

	code, out, _ = f.run(t, "inventory", "--json")
	require.Zero(t, code)
	require.Contains(t, out, `{"schema":1,"host":"web1\u001b","at":5,`)
	require.Contains(t, out, `"advisories":null`)

	code, out, stderr = f.run(t, "--strict", "inventory")
	require.Equal(t, exit.Failed, code)
	require.Empty(t, out)
	require.Contains(t, stderr, "the result is partial: updates: partial: core: damaged")

	code, out, _ = f.run(t, "inventory", "-o", "/x.zst")
	require.Zero(t, code)
	require.Empty(t, out, "the inventory is in the file")
	for _, args := range [][]string{{"x"}, {"-o", ""}, {"-o", "x", "--json"}, {"-o", "x", "--format", "{{.host}}"}} {
		code, _, _ = f.run(t, append([]string{"inventory"}, args...)...)
		require.Equal(t, exit.Usage, code, args)
	}
}

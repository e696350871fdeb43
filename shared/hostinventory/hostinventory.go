// Package hostinventory makes the inventory of this host from the answers of omgd, or from files that are read as omgd reads them.
package hostinventory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/kernel"
	"github.com/omg-arch/omg/shared/version"
)

// Describe sets what an inventory says about the host itself: the time, the name, the identity and the kernel. The text is a note about
// something that could not be found out; it is empty if there is none.
func Describe(v *inventory.Inventory) (note string, err error) {
	v.At, v.OmgVersion = clock.Now().Unix(), version.String()
	if v.Host, err = os.Hostname(); err != nil {
		return "", fmt.Errorf("cannot find out the name of this host: %w", err)
	}
	if v.Identity, err = readIdentity(machineIDPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
		note = "the inventory has no identity: " + err.Error()
	}
	if installed, err := kernel.AnyInstalled(kernel.ModulesDir); err == nil && installed {
		v.Kernel = kernel.Release()
		needed := kernel.MissingModules(kernel.ModulesDir, v.Kernel) != ""
		v.RebootNeeded = &needed
	}
	return note, nil
}

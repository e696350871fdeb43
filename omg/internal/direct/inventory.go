package direct

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/kernel"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// compressedSuffix is the end of the name of a file that is compressed.
const compressedSuffix = ".zst"

// Inventory implements backend.Backend. If omgd runs, its answers are used, because it has the data of the AUR and of the security tracker.
func (b *Backend) Inventory(ctx context.Context, r *backend.InventoryRequest) (*inventory.Inventory, error) {
	found, err := b.inventoryAnswers(ctx)
	if err != nil {
		return nil, err
	}
	v := found.inventory()
	v.At, v.OmgVersion = clock.Now().Unix(), version.String()
	if v.Host, err = os.Hostname(); err != nil {
		return nil, fmt.Errorf("cannot find out the name of this host: %w", err)
	}
	if v.Identity, err = readIdentity(machineIDPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.o.PrintNote("the inventory has no identity: " + err.Error())
	}
	if installed, err := kernel.AnyInstalled(kernel.ModulesDir); err == nil && installed {
		v.Kernel = kernel.Release()
		needed := kernel.MissingModules(kernel.ModulesDir, v.Kernel) != ""
		v.RebootNeeded = &needed
	}
	if r.OutputPath != "" && !(r.CertainOnly && v.Problem() != "") {
		err = writeInventory(r.OutputPath, v)
	}
	return v, err
}

// writeInventory replaces a file by the document of an inventory.
func writeInventory(path string, v *inventory.Inventory) error {
	content, err := inventory.Encode(v)
	if err != nil {
		return err
	}
	if strings.HasSuffix(path, compressedSuffix) {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression))
		if err != nil {
			return err
		}
		content = e.EncodeAll(content, nil)
	}
	mask := unix.Umask(0o777)
	unix.Umask(mask)
	if err := atomicfile.Write(path, content, atomicfile.Options{Mode: 0o666 &^ fs.FileMode(mask), Sync: true}); err != nil {
		return fmt.Errorf("cannot write the inventory: %w", err)
	}
	return nil
}

// inventoryAnswers holds the answers from which an inventory is made. An answer is nil if it is unknown, and the reason is in the map why.
type inventoryAnswers struct {
	fromDaemon bool
	status     *wire.StatusResult
	installed  *wire.InstalledResult
	foreign    *wire.InstalledResult
	outdated   *wire.OutdatedResult
	security   *wire.SecurityResult
	findings   *wire.AURCheckResult
	// repos maps the names of installed packages to the first repository that has such a package.
	repos map[string]string
	why   map[inventory.PartName]string
}

// inventoryAnswers asks omgd, if it runs, and otherwise reads the files.
func (b *Backend) inventoryAnswers(ctx context.Context) (*inventoryAnswers, error) {
	if b.o.LiveSocket != "" {
		found, err := b.askForInventory(ctx)
		if err == nil || ctx.Err() != nil {
			return found, err
		}
		b.o.PrintNote("answering without omgd: " + err.Error())
	}
	return withNewsSnapshot(ctx, b, func(s *snapshot.Snapshot) (*inventoryAnswers, error) {
		const needsDaemon = "omgd, which has this data, does not run"
		found := &inventoryAnswers{why: map[inventory.PartName]string{inventory.PartAdvisories: needsDaemon, inventory.PartFindings: needsDaemon}}
		installed := func(r *wire.InstalledRequest) (*wire.InstalledResult, error) { return installedIn(s, r) }
		info := func(r *wire.InfoRequest, visit func(*wire.Package) error) error {
			matches, err := s.Info(r)
			if err != nil {
				return err
			}
			return s.EachPackage(matches.Hits, false, visit)
		}
		err := found.askAboutPackages(s.Status, installed, s.Outdated, info)
		return found, err
	})
}

// maxInventoryTries is how often omgd is asked again because its data has changed between two answers.
const maxInventoryTries = 5

// askForInventory asks omgd until all answers are from one snapshot.
func (b *Backend) askForInventory(ctx context.Context) (*inventoryAnswers, error) {
	conn := &liveConn{Backend: b}
	defer conn.close()
	if err := conn.connect(ctx); err != nil {
		return nil, err
	}
	for range maxInventoryTries {
		found, err := askConnForInventory(ctx, conn.conn)
		if err != nil || found.isOneSnapshot() {
			return found, err
		}
	}
	return nil, fmt.Errorf("its data changed %d times while it was read", maxInventoryTries)
}

func askConnForInventory(ctx context.Context, c *client.Conn) (*inventoryAnswers, error) {
	found := &inventoryAnswers{fromDaemon: true, why: map[inventory.PartName]string{}}
	err := found.askAboutPackages(
		func() (*wire.StatusResult, error) { return c.Status(ctx) },
		func(r *wire.InstalledRequest) (*wire.InstalledResult, error) { return c.Installed(ctx, r) },
		func() (*wire.OutdatedResult, error) { return c.Outdated(ctx) },
		func(r *wire.InfoRequest, visit func(*wire.Package) error) error {
			_, err := c.Info(ctx, r, visit, func() {})
			return err
		})
	if err != nil {
		return nil, err
	}
	if found.security, err = c.Security(ctx, &wire.SecurityRequest{}); err != nil {
		if err = found.unknown(inventory.PartAdvisories, err); err != nil {
			return nil, err
		}
	}
	if found.findings, err = c.AURCheck(ctx); err != nil {
		err = found.unknown(inventory.PartFindings, err)
	}
	return found, err
}

// unknown records that a part is unknown because of a reply that is an error. It returns other errors.
func (a *inventoryAnswers) unknown(part inventory.PartName, err error) error {
	refused := new(wire.Error)
	if !errors.As(err, &refused) {
		return err
	}
	a.why[part] = refused.Message
	return nil
}

// askAboutPackages asks for everything except advisories and findings.
func (a *inventoryAnswers) askAboutPackages(
	status func() (*wire.StatusResult, error), installed func(*wire.InstalledRequest) (*wire.InstalledResult, error),
	outdated func() (*wire.OutdatedResult, error), info func(*wire.InfoRequest, func(*wire.Package) error) error,
) (err error) {
	if a.status, err = status(); err != nil {
		return err
	}
	if a.installed, err = installed(&wire.InstalledRequest{Details: true}); err != nil {
		return err
	}
	if a.foreign, err = installed(&wire.InstalledRequest{Filter: wire.FilterForeign}); err != nil && !errors.As(err, new(*wire.Error)) {
		return err // otherwise no repository could be read
	}
	if a.outdated, err = outdated(); err != nil {
		if err := a.unknown(inventory.PartUpdates, err); err != nil {
			return err
		}
	}
	a.repos = map[string]string{}
	names := make([]string, len(a.installed.Packages))
	for i := range names {
		names[i] = a.installed.Packages[i].Name
	}
	for some := range slices.Chunk(names, maxInfoNames) {
		err := info(&wire.InfoRequest{Names: some, Offline: true}, func(p *wire.Package) error {
			if p.AUR == nil && a.repos[p.Name] == "" {
				a.repos[strings.Clone(p.Name)] = strings.Clone(p.Repo)
			}
			return nil
		})
		if err != nil && !errors.As(err, new(*wire.Error)) {
			return err
		}
	}
	return nil
}

// maxInfoNames is the number of names in one request, of which a request may have 10,000.
const maxInfoNames = 5000

// isOneSnapshot reports whether all answers are from the same snapshot of omgd.
func (a *inventoryAnswers) isOneSnapshot() bool {
	generation := a.status.Generation
	return a.installed.Generation == generation && (a.foreign == nil || a.foreign.Generation == generation) &&
		(a.outdated == nil || a.outdated.Generation == generation) && (a.security == nil || a.security.Generation == generation)
}

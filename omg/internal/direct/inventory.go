package direct

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/hostinventory"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// compressedSuffix is the end of the name of a file that is compressed.
const compressedSuffix = ".zst"

// Inventory implements backend.Backend. If omgd runs, its answers are used, because it has the data of the AUR and of the security tracker.
func (b *Backend) Inventory(ctx context.Context, r *backend.InventoryRequest) (*inventory.Inventory, error) {
	v, err := b.packagesInventory(ctx)
	if err != nil {
		return nil, err
	}
	note, err := hostinventory.Describe(v)
	if err != nil {
		return nil, err
	}
	if note != "" {
		b.o.PrintNote(note)
	}
	if r.OutputPath != "" && !(r.CertainOnly && v.Problem() != "") {
		err = writeInventory(r.OutputPath, v)
	}
	return v, err
}

// writeInventory replaces a file by the document of an inventory.
func writeInventory(path string, v *inventory.Inventory) error {
	content, err := inventory.Encode(v)
	if err == nil && strings.HasSuffix(path, compressedSuffix) {
		content, err = hostinventory.Compress(v, content)
	}
	if err != nil {
		return err
	}
	mask := unix.Umask(0o777)
	unix.Umask(mask)
	if err := atomicfile.Write(path, content, atomicfile.Options{Mode: 0o666 &^ fs.FileMode(mask), Sync: true}); err != nil {
		return fmt.Errorf("cannot write the inventory: %w", err)
	}
	return nil
}

// packagesInventory asks omgd, if it runs, and otherwise reads the files.
func (b *Backend) packagesInventory(ctx context.Context) (*inventory.Inventory, error) {
	if b.o.LiveSocket != "" {
		v, err := b.askForInventory(ctx)
		if err == nil || ctx.Err() != nil {
			return v, err
		}
		b.o.PrintNote("answering without omgd: " + err.Error())
	}
	return withNewsSnapshot(ctx, b, func(s *snapshot.Snapshot) (*inventory.Inventory, error) {
		return hostinventory.Ask(hostinventory.Questions{
			Status:    s.Status,
			Installed: func(r *wire.InstalledRequest) (*wire.InstalledResult, error) { return installedIn(s, r) },
			Outdated:  s.Outdated,
			Info: func(r *wire.InfoRequest, visit func(*wire.Package) error) error {
				matches, err := s.Info(r)
				if err != nil {
					return err
				}
				return s.EachPackage(matches.Hits, false, visit)
			},
		})
	})
}

func (b *Backend) askForInventory(ctx context.Context) (*inventory.Inventory, error) {
	conn := &liveConn{Backend: b}
	defer conn.close()
	if err := conn.connect(ctx); err != nil {
		return nil, err
	}
	return hostinventory.AskDaemon(ctx, conn.conn)
}

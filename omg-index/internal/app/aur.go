package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// aurAlone says that the AUR is all that is built: it is named and no repository
// is.
func aurAlone(c *cli.Context) bool {
	if c.String("aur") == "" {
		return false
	}
	for _, flag := range []string{"dbpath", "pacman-config", "repo", "db"} {
		if c.IsSet(flag) {
			return false
		}
	}
	return true
}

// addAUR adds the packages of a dump, behind those of the repositories.
func addAUR(ctx context.Context, built *catalog.Built, path string, each func()) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	src := built.Source(aurdump.Repo, pkgindex.KindAUR)
	f, err := aurdump.Read(ctx, path, func(p *wire.Package) error {
		if each != nil {
			each()
		}
		err := src.Add(p)
		if errors.Is(err, pkgindex.ErrRecord) {
			built.Skipped = append(built.Skipped, err.Error())
			err = nil
		}
		return err
	})
	if err != nil {
		return remedied(err)
	}
	src.Describe(hex.EncodeToString(f.SHA256[:]), f.Stamp.Size, f.Stamp.MtimeNS/1e9)
	built.Files = append(built.Files, pacmandb.SyncFile{
		Path: f.Path, Stamp: f.Stamp, SHA256: f.SHA256, Packages: f.Packages, Warnings: f.Warnings, MoreWarnings: f.MoreWarnings,
	})
	return nil
}

// remedied adds to what is wrong with a dump what to do about it.
func remedied(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, aurdump.ErrNotRegular) {
		return err
	}
	for _, damage := range []error{aurdump.ErrEmpty, aurdump.ErrTruncated, aurdump.ErrNotDump, aurdump.ErrDamaged, aurdump.ErrOversize} {
		if errors.Is(err, damage) {
			return fmt.Errorf("%w: download packages-meta-ext-v1.json.gz anew", err)
		}
	}
	return err
}

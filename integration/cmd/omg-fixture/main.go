// Command omg-fixture writes generated pacman databases, and AUR dumps, for trying out and measuring the programs.
package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fixture"
)

func main() {
	os.Exit(run(context.Background(), os.Args, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := &cli.App{
		Name:      "omg-fixture",
		Usage:     "write generated pacman databases",
		ArgsUsage: "DIR",
		Description: "Writes DIR/sync, and with --installed DIR/local. The same flags give the same files.\n" +
			command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "packages", Usage: "`NUMBER` of packages in the repositories", Value: 1000},
			&cli.Uint64Flag{Name: "seed", Usage: "`NUMBER` that determines the content of all packages", Value: 1},
			&cli.IntFlag{Name: "day", Usage: "`NUMBER` of days that have changed the packages in the repositories and in the AUR dump"},
			&cli.IntFlag{Name: "installed", Usage: "`NUMBER` of packages in the local database"},
			&cli.IntFlag{Name: "duplicates", Usage: "`NUMBER` of packages that are in two repositories"},
			&cli.StringFlag{Name: "compress", Usage: "`HOW`: gzip, zstd, xz or none", Value: string(fixture.Gzip)},
			&cli.BoolFlag{Name: "no-signatures", Usage: "leave out the PGP signatures"},
			&cli.BoolFlag{Name: "files", Usage: "write databases with file lists too"},
			&cli.StringFlag{Name: "config", Usage: "write a pacman.conf for the databases to `FILE`"},
			&cli.StringFlag{Name: "aur", Usage: "write an AUR dump to `FILE`"},
			&cli.IntFlag{Name: "aur-packages", Usage: "`NUMBER` of packages in the AUR dump", Value: 1000},
		},
		Action: generate,
	}
	return command.Run(ctx, app, args, stdout, stderr)
}

func generate(c *cli.Context) error {
	if c.NArg() != 1 {
		return command.Usagef("one directory is needed, not %d", c.NArg())
	}
	err := fixture.WriteDatabases(c.Args().First(), fixture.Options{
		Packages: c.Int("packages"), Installed: c.Int("installed"), Seed: c.Uint64("seed"),
		Compression: fixture.Compression(c.String("compress")), NoSignatures: c.Bool("no-signatures"),
		DuplicatePackages: c.Int("duplicates"), FileLists: c.Bool("files"), Day: c.Int("day"),
	})
	if errors.Is(err, fs.ErrExist) {
		return &exit.Error{Code: exit.Failed, Err: err, Hint: "choose a directory that does not contain sync or local yet"}
	}
	if path := c.String("config"); err == nil && path != "" {
		err = os.WriteFile(path, []byte(fixture.PacmanConfig), 0o644)
	}
	if path := c.String("aur"); err == nil && path != "" {
		err = writeAUR(path, c.Int("aur-packages"), c.Uint64("seed"), c.Int("day"))
	}
	if errors.Is(err, fixture.ErrOptions) {
		return command.Usagef("%w", err)
	}
	return err
}

func writeAUR(path string, n int, seed uint64, day int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(fixture.WriteAURDumpOfDay(f, n, seed, day), f.Close())
}

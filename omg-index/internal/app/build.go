package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/aurdump"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/version"
)

func buildCommand() *cli.Command {
	return &cli.Command{
		Name:  "build",
		Usage: "build an index from pacman's databases, the AUR's dump, or both",
		Description: `Reads the databases that pacman.conf names (without a pacman.conf: all in
DIR/sync) and writes an index of them, whole or not at all. The same databases
give the same bytes but for the time of the build, which SOURCE_DATE_EPOCH sets.
What --output names is replaced: a regular file, and none of those that are read.

With --aur it reads the AUR's dump, packages-meta-ext-v1.json.gz, as it is or
unpacked, into an index of its own; with --aur and any of --dbpath,
--pacman-config, --repo and --db, into one together with those repositories.

` + command.ExitCodes(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dbpath", Usage: "pacman's database `DIR`", DefaultText: "what pacman.conf says"},
			&cli.StringFlag{Name: "pacman-config", Usage: "read the repositories from `FILE`", DefaultText: "/etc/pacman.conf"},
			&cli.StringSliceFlag{Name: "repo", Usage: "only the repository `NAME` (repeatable)"},
			&cli.StringSliceFlag{Name: "db", Usage: "the database `FILE` instead of DIR/sync's (repeatable); its name is the repository's"},
			&cli.StringFlag{Name: "aur", Usage: "read the AUR's dump `FILE`"},
			&cli.StringFlag{Name: "o", Aliases: []string{"output"}, Usage: "write to `FILE`", DefaultText: "repos.omgidx in the data directory; aur.omgidx of the AUR alone"},
			&cli.StringFlag{Name: "data-dir", Usage: "omg's data `DIR`", DefaultText: "$XDG_DATA_HOME/omg, else ~/.local/share/omg"},
		},
		Action: build,
	}
}

// gcPercent is by how much the heap of a build may outgrow what is in use: most
// of it is kept until it is written, and collecting it costs little.
const gcPercent = 40

func build(c *cli.Context) error {
	if c.Args().Present() {
		return command.Usagef("build takes no argument %q: name a database with --db", c.Args().First())
	}
	if c.IsSet("aur") && c.String("aur") == "" {
		return command.Usagef("--aur takes the path of the AUR's dump")
	}
	at, err := buildTime(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	repos, err := reposToBuild(c)
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	out, err := output(c, repos)
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	debug.SetGCPercent(gcPercent)
	start := time.Now()
	bar := newProgress(c.App.ErrWriter)
	built, err := repos.Build(c.Context, "omg-index "+version.String(), at, bar.each())
	if err == nil && c.IsSet("aur") {
		err = addAUR(c.Context, built, c.String("aur"), bar.each())
	}
	bar.end()
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	if err := built.WriteFile(out); err != nil {
		wrong := &exit.Error{Code: exit.Failed, Err: fmt.Errorf("cannot write the index: %w", err)}
		if errors.Is(err, fs.ErrNotExist) { // of a file that is to be made: its directory
			wrong.Hint = "make the directory " + filepath.Dir(out) + " first"
		}
		return wrong
	}
	if err := built.Stamps().Write(out); err != nil {
		return exit.With(exit.Failed, fmt.Errorf("cannot write the index's stamps: %w", err))
	}
	warn(c, repos, built)
	return summarize(c, out, repos, built, time.Since(start))
}

// warn names repositories without a database and what is wrong with single
// packages.
func warn(c *cli.Context, repos *catalog.Repos, built *catalog.Built) {
	for _, name := range repos.Missing {
		command.Note(c.App.ErrWriter, c.App.Name, "warning: "+name+" has no database: pacman -Sy downloads it")
	}
	for _, f := range built.Files {
		for _, w := range f.Warnings {
			command.Note(c.App.ErrWriter, c.App.Name, "warning: "+f.Path+": "+w)
		}
		if f.MoreWarnings > 0 {
			command.Note(c.App.ErrWriter, c.App.Name, fmt.Sprintf("warning: %s: %d more warnings", f.Path, f.MoreWarnings))
		}
	}
	for _, s := range built.Skipped {
		command.Note(c.App.ErrWriter, c.App.Name, "warning: left out: "+s)
	}
}

// buildTime is the time of the build in Unix seconds: now, or what
// SOURCE_DATE_EPOCH says (reproducible-builds.org/specs/source-date-epoch).
func buildTime(epoch string) (int64, error) {
	if epoch == "" {
		return time.Now().Unix(), nil
	}
	t, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil || t < 0 {
		return 0, command.Usagef("SOURCE_DATE_EPOCH is %q: it takes seconds since 1970", epoch)
	}
	return t, nil
}

// reposToBuild are the databases that the flags name.
func reposToBuild(c *cli.Context) (*catalog.Repos, error) {
	if aurAlone(c) {
		return &catalog.Repos{}, nil
	}
	if dbs := c.StringSlice("db"); len(dbs) > 0 {
		if len(c.StringSlice("repo")) > 0 {
			return nil, command.Usagef("--repo and --db exclude each other")
		}
		repos := &catalog.Repos{}
		for _, path := range dbs {
			abs, err := filepath.Abs(path)
			if err != nil {
				return nil, err
			}
			name, _, _ := strings.Cut(filepath.Base(path), ".db")
			if err := repos.Add(name, abs); err != nil {
				return nil, command.Usagef("%w", err)
			}
		}
		return repos, nil
	}
	repos, err := catalog.Config{DBPath: c.String("dbpath"), PacmanConfig: c.String("pacman-config")}.ReadRepos()
	if err != nil {
		return nil, err
	}
	if names := c.StringSlice("repo"); len(names) > 0 {
		if err := repos.Only(names); err != nil {
			return nil, command.Usagef("%w", err)
		}
		repos.Missing = nil
	}
	return repos, nil
}

// summarize prints what was built: a line a repository, and one for the file.
func summarize(c *cli.Context, out string, repos *catalog.Repos, built *catalog.Built, took time.Duration) error {
	fi, err := os.Stat(out)
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	total := 0
	for i, f := range built.Files {
		name := aurdump.Repo
		if i < len(repos.List) {
			name = repos.List[i].Name
		}
		fmt.Fprintf(c.App.Writer, "%s: %d packages\n", termtext.Clean(name), f.Packages)
		total += f.Packages
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %d packages, %d bytes, %s\n", termtext.Clean(out), total, fi.Size(), took.Round(time.Millisecond))
	return exit.With(exit.Failed, err)
}

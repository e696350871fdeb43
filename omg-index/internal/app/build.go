package app

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/termtext"
)

// buildOptions holds the flags of omg-index build.
type buildOptions struct {
	dbpath, pacmanConfig     string
	repoNames, databasePaths cli.StringSlice
	aurDumpPath              string
	popularityPath           string
	output                   string
	dataDir                  string
	fileLists                bool
}

func buildCommand() *cli.Command {
	o := &buildOptions{}
	return &cli.Command{
		Name:  "build",
		Usage: "build an index from pacman's databases, the AUR's dump, or both",
		Description: `Reads the databases of the repositories in pacman.conf, or all databases in DIR/sync
if there is no pacman.conf, and writes an index of each database into the data
directory. If a database cannot be read, an error names this database, and the old
index of the database is kept.

With --output, one index of all sources is written to a file, which is replaced only
if all sources could be read; "-" is standard output. The same databases give the same
bytes, except for the time of the build, which SOURCE_DATE_EPOCH sets.

With --aur, only the AUR's dump is read. The dump is packages-meta-ext-v1.json.gz,
compressed or not. The git archive that the AUR has announced as its successor is read
as well: a directory with pkgbase.json and pkgname.json, or a pack with a commit of it.
omg-index does not run git. With --aur and one of --dbpath, --pacman-config, --repo and --db,
the databases of the repositories are read as well.

With --files, the databases with file lists are read instead, DIR/sync/*.files, which
pacman -Fy downloads, and an index of the files of each repository is written. As for
pacman -F, they need not be as new as the other databases, nor of this architecture.

With --popularity, the share of machines that have a package of a repository is one of
the numbers by which search results are sorted. The file is a reply of pkgstats:
https://pkgstats.archlinux.de/api/packages?limit=10000. A running omgd builds its
indexes with the shares that it has downloaded itself (popularity.enabled).

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dbpath", Destination: &o.dbpath, Usage: "pacman's database `DIR`", DefaultText: "DBPath in pacman.conf"},
			&cli.StringFlag{Name: "pacman-config", Destination: &o.pacmanConfig, Usage: "read the repositories from `FILE`", DefaultText: "/etc/pacman.conf"},
			&cli.StringSliceFlag{Name: "repo", Destination: &o.repoNames, Usage: "only the repository `NAME` (repeatable)"},
			&cli.StringSliceFlag{Name: "db", Destination: &o.databasePaths, Usage: "read the database `FILE` instead of those in DIR/sync (repeatable); the file name is the name of the repository"},
			&cli.StringFlag{Name: "aur", Destination: &o.aurDumpPath, Usage: "read the AUR's dump `FILE`, or its git archive"},
			&cli.BoolFlag{Name: "files", Destination: &o.fileLists, Usage: "index the files of the packages, from databases with file lists"},
			&cli.StringFlag{Name: "popularity", Destination: &o.popularityPath, Usage: "sort results also by the shares in `FILE`, a reply of pkgstats"},
			&cli.StringFlag{Name: "o", Aliases: []string{"output"}, Destination: &o.output, Usage: "write one `FILE` with all sources", DefaultText: "one file per source, in index/ in the data directory"},
			&cli.StringFlag{Name: "data-dir", Destination: &o.dataDir, Usage: "omg's data `DIR`", DefaultText: "$XDG_DATA_HOME/omg, or ~/.local/share/omg, or without HOME /var/lib/omg"},
		},
		Action: func(c *cli.Context) error { return o.run(c) },
	}
}

// gcPercent is the value of GOGC during a build. It is below the default, 100, to keep the heap small. The more frequent
// collections take little time, because a build creates little garbage.
const gcPercent = 40

// fileListsMemory is the size of the heap in bytes from which more frequent collections keep it small while file lists are indexed. The
// file lists of Debian, 8.7 million paths, need 290 MiB.
const fileListsMemory = 340 << 20

func (o *buildOptions) run(c *cli.Context) error {
	if c.Args().Present() {
		return command.Usagef("build takes no arguments, got %q: name a database with --db", c.Args().First())
	}
	if c.IsSet("aur") && o.aurDumpPath == "" {
		return command.Usagef("--aur needs the path of the AUR's dump")
	}
	if o.fileLists && c.IsSet("aur") {
		return command.Usagef("--files and --aur exclude each other: the AUR has no file lists")
	}
	if c.IsSet("popularity") && o.popularityPath == "" {
		return command.Usagef("--popularity needs the path of a reply of pkgstats")
	}
	if o.fileLists && c.IsSet("popularity") {
		return command.Usagef("--files and --popularity exclude each other: the files have no order by shares")
	}
	at, err := buildTime(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	list, err := o.sources(c)
	if err != nil {
		return exit.WithCode(exit.Failed, err)
	}
	if o.fileLists && c.IsSet("o") && len(list) > 1 {
		return command.Usagef("--output: an index of files has one repository: name it with --repo or --db")
	}
	shares, err := o.readShares(c, list)
	if err != nil {
		return err
	}
	debug.SetGCPercent(gcPercent)
	if o.fileLists {
		debug.SetMemoryLimit(fileListsMemory)
	}
	b := &buildRun{
		cliContext: c, builtAt: at, sources: list, fileLists: o.fileLists, shares: shares, popularityPath: o.popularityPath,
		startedAt: time.Now(), progress: newProgress(c.App.ErrWriter),
	}
	if c.IsSet("o") {
		return b.buildSingleIndex(o.output)
	}
	return b.buildIndexPerSource(paths.IndexDir(paths.ProcessEnv().DataDir(o.dataDir)))
}

// readShares reads the file that --popularity names. It returns nil without this flag.
func (o *buildOptions) readShares(c *cli.Context, list []source) (*popularity.Shares, error) {
	if o.popularityPath == "" {
		return nil, nil
	}
	if !slices.ContainsFunc(list, func(s source) bool { p, ok := s.(packageSource); return ok && p.kind() == pkgindex.KindRepo }) {
		return nil, command.Usagef("--popularity is for packages of repositories, but only the AUR's dump is read: its packages have votes")
	}
	shares, err := popularity.Read(c.Context, o.popularityPath)
	return shares, exit.WithCode(exit.Failed, err)
}

// buildTime returns the time of the build in Unix seconds. The parameter epoch is the value of SOURCE_DATE_EPOCH
// (reproducible-builds.org/specs/source-date-epoch); if it is empty, the time is now.
func buildTime(epoch string) (int64, error) {
	if epoch == "" {
		return time.Now().Unix(), nil
	}
	t, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil || t < 0 {
		return 0, command.Usagef("SOURCE_DATE_EPOCH is %q, not a number of seconds since 1970", epoch)
	}
	return t, nil
}

// sources returns the databases and the dump that the flags name.
func (o *buildOptions) sources(c *cli.Context) (list []source, err error) {
	if o.aurDumpPath == "" || slices.ContainsFunc([]string{"dbpath", "pacman-config", "repo", "db"}, c.IsSet) {
		if list, err = o.repositorySources(c); err != nil {
			return nil, err
		}
	}
	if o.aurDumpPath != "" {
		dump, err := newAURDumpSource(o.aurDumpPath)
		if err != nil {
			return nil, err
		}
		list = append(list, dump)
	}
	return list, nil
}

func (o *buildOptions) repositorySources(c *cli.Context) ([]source, error) {
	only := o.repoNames.Value()
	if databases := o.databasePaths.Value(); len(databases) > 0 {
		if len(only) > 0 {
			return nil, command.Usagef("--repo and --db exclude each other")
		}
		return o.databaseFileSources(databases)
	}
	database, databases, download := "database", "package databases", "pacman -Syu"
	if o.fileLists {
		database, databases, download = "database with file lists", "databases with file lists", "pacman -Fy"
	}
	pacman, err := sources.Config{DBPath: o.dbpath, PacmanConfig: o.pacmanConfig}.ReadPacmanSetup()
	if err != nil {
		return nil, err
	}
	for _, name := range only {
		if !slices.ContainsFunc(pacman.Repositories, func(r sources.Repository) bool { return r.Name == name }) {
			return nil, command.Usagef("pacman.conf has no repository %q", name)
		}
	}
	var list []source
	var missing []string
	for i := range pacman.Repositories {
		r := &pacman.Repositories[i]
		if len(only) > 0 && !slices.Contains(only, r.Name) {
			continue
		}
		s := o.repositorySource(r)
		if _, err := os.Stat(s.path()); errors.Is(err, os.ErrNotExist) {
			if len(only) > 0 {
				return nil, command.Usagef("%s has no %s: download it with %s", r.Name, database, download)
			}
			missing = append(missing, r.Name)
			continue
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no %s in %s/sync: download them with %s", databases, pacman.DBPath, download)
	}
	for _, name := range missing {
		command.Warn(c.App.ErrWriter, c.App.Name, fmt.Sprintf("%s has no %s: download it with %s", name, database, download))
	}
	return list, nil
}

// repositorySource returns a repository as a source: its packages or its file lists.
func (o *buildOptions) repositorySource(r *sources.Repository) source {
	if o.fileLists {
		return &fileLists{r}
	}
	return &repository{r}
}

// databaseFileSources returns a repository for each database file that the flag --db names.
func (o *buildOptions) databaseFileSources(files []string) (list []source, err error) {
	open := sources.RepositoryFromFile
	if o.fileLists {
		open = sources.RepositoryFromFilesDatabase
	}
	var names []string
	for _, path := range files {
		r, err := open(path)
		if err != nil {
			return nil, err
		}
		if slices.Contains(names, r.Name) {
			return nil, command.Usagef("two databases are named %q", r.Name)
		}
		names = append(names, r.Name)
		list = append(list, o.repositorySource(r))
	}
	return list, nil
}

// summarize prints a line for each source that was read, and a line for the file or directory that was written.
func (b *buildRun) summarize(out string, size int64, built []*readResult) error {
	packages, paths := 0, 0
	for _, r := range built {
		if r.err != nil {
			continue
		}
		fmt.Fprintf(b.cliContext.App.Writer, "%s: %s\n", termtext.Clean(r.source.name()), b.formatCounts(r.packageCount, r.pathCount))
		packages += r.packageCount
		paths += r.pathCount
	}
	_, err := fmt.Fprintf(b.cliContext.App.Writer, "%s: %s, %d bytes, %s\n", termtext.Clean(out), b.formatCounts(packages, paths), size, time.Since(b.startedAt).Round(time.Millisecond))
	return exit.WithCode(exit.Failed, err)
}

func (b *buildRun) formatCounts(packages, paths int) string {
	if b.fileLists {
		return fmt.Sprintf("%d packages, %d paths", packages, paths)
	}
	return fmt.Sprintf("%d packages", packages)
}

// warn prints warnings about single packages.
func (b *buildRun) warn(built []*readResult) {
	note := func(text string) { command.Warn(b.cliContext.App.ErrWriter, b.cliContext.App.Name, text) }
	for _, r := range built {
		for _, w := range r.warnings {
			note(r.sourceFile.Path + ": " + w)
		}
		if r.omittedWarningCount > 0 {
			note(fmt.Sprintf("%s: %d more warnings", r.sourceFile.Path, r.omittedWarningCount))
		}
		for _, s := range r.skippedPackages {
			note("left out: " + s)
		}
	}
}

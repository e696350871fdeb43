package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"aead.dev/minisign"
	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-index/internal/fetcher"
	"github.com/omg-arch/omg/omg-index/internal/keyfile"
	"github.com/omg-arch/omg/omg-index/internal/publisher"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/sourcerecords"
	"github.com/omg-arch/omg/shared/termtext"
)

const (
	// defaultExpiry is the time after which a manifest expires by default: a publisher who publishes once a day may miss one day.
	defaultExpiry = 48 * time.Hour
	// minExpiry is the minimum time after which a document may expire.
	minExpiry = time.Minute
	// patchCount is the number of earlier contents of a source from which there are patches: a weekend, if there is a new one every six hours. Daily
	// contents are kept for a week. Each patch costs half a second: decision 0020.
	patchCount = 14
)

// publishOptions holds the flags of publish.
type publishOptions struct {
	secretPath, out      string
	dbpath, pacmanConfig string
	sources, servers     cli.StringSlice
	expiry               time.Duration
	note                 string
	journalNames         bool
	fetching             fetchOptions
}

func outFlag(path *string) cli.Flag {
	return &cli.StringFlag{Name: "out", Destination: path, Usage: "the published `DIR`, which is created if it does not exist"}
}

func publishCommand() *cli.Command {
	o := &publishOptions{}
	return &cli.Command{
		Name:  "publish",
		Usage: "write a signed directory from which other machines get their indexes",
		Description: `Reads the databases of the repositories in pacman.conf, and writes their packages as
records into DIR, with a manifest that names and hashes them: manifest.json, and its
signature manifest.json.minisig. Any web server can serve a copy of DIR. A copy
that is not complete yet shows the last state or the next one.

The flag --source selects other sources, and can be repeated:
  repositories      all repositories in pacman.conf, as without --source
  repository=FILE   the database FILE of a repository
  files             all databases with file lists, which pacman -Fy downloads
  files=FILE        the database FILE with file lists
  aur=FILE          the AUR's dump FILE, or its git archive
  advisories=FILE   the security tracker's all.json
  news=FILE         Arch's news as omgd keeps them: news.json in its data directory
  popularity=FILE   the shares of machines that have packages: a reply of pkgstats
  journal[=PATH]    the AUR's journal at PATH, or that of omgd. It is published without
                    the names of maintainers, except with --journal-names

A repository is found by its name. If others have a repository of the same name, name
the server of yours, as in pacman.conf: --server 'own=https://example.org/$repo/$arch'.

With --fetch, the databases come from the servers in pacman.conf, and these sources need
no FILE: repositories, files, aur, advisories, news, popularity. Without --source, all
of them are published. An address selects another server: aur=https://aur.example.org.
What was fetched stays in the directory of --cache-dir, and is requested again only if
it has changed; popularity at most once a week. A file that is damaged or incomplete
is refused, and the next server in pacman.conf is asked.

The key is one of omg-index keygen or minisign. If it is encrypted, its password is
asked for on the terminal; if the standard input is not a terminal, its first line is
the password. If a source cannot be read, an error names it, what was published of it
last stays in the manifest, and the exit code is 3, or 4 if all that failed is that
servers could not be reached.

A manifest expires: readers then say that their data is old. DIR keeps what the
manifests of the last week name, and patches from the last 14 contents of each source.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed, exit.Network),
		Flags: append([]cli.Flag{
			secretKeyFlag(&o.secretPath),
			outFlag(&o.out),
			&cli.StringFlag{Name: "dbpath", Destination: &o.dbpath, Usage: "pacman's database `DIR`", DefaultText: "DBPath in pacman.conf"},
			&cli.StringFlag{Name: "pacman-config", Destination: &o.pacmanConfig, Usage: "read the repositories from `FILE`", DefaultText: "/etc/pacman.conf"},
			&cli.StringSliceFlag{Name: "source", Destination: &o.sources, Usage: "publish `SOURCE` (repeatable)", DefaultText: "repositories; with --fetch all that it gets"},
			&cli.StringSliceFlag{Name: "server", Destination: &o.servers, Usage: "`NAME=URL`: only for machines whose pacman.conf has the repository NAME with the server URL (repeatable)", DefaultText: "a repository may have any server"},
			&cli.BoolFlag{Name: "journal-names", Destination: &o.journalNames, Usage: "publish the names of maintainers in the AUR's journal"},
			&cli.GenericFlag{Name: "expires", Value: command.TimeValue(&o.expiry, defaultExpiry), Usage: "the manifest expires after `TIME`, such as 48h or 7d", DefaultText: "48h"},
			&cli.StringFlag{Name: "note", Destination: &o.note, Usage: "a line of `TEXT` in the manifest, for those who read it"},
		}, o.fetching.flags()...),
		Action: func(c *cli.Context) error { return o.run(c) },
	}
}

// publishRun is one run of omg-index publish.
type publishRun struct {
	directory *publisher.Directory
	// architectures has the architecture of each repository that was read.
	architectures map[string]string
	servers       repositoryServers
	// shares are the records of the shares of machines that the next manifest has; nil if there are none.
	shares []byte
	// warnings are about patches.
	warnings []string
}

func (o *publishOptions) run(c *cli.Context) error {
	if err := o.check(c); err != nil {
		return err
	}
	list, err := o.readSources(c)
	if err != nil {
		return exit.WithCode(exit.Failed, err)
	}
	servers, err := parseServers(o.servers.Value(), list)
	if err != nil {
		return err
	}
	key, err := readSecretKey(c, o.secretPath)
	if err != nil {
		return exit.WithCode(exit.Failed, err)
	}
	debug.SetGCPercent(gcPercent)
	now := clock.Now()
	d, err := publisher.Open(o.out, &publisher.Options{
		Key: key, Note: o.note, At: now, Expires: now.Add(o.expiry), WritePatch: records.WritePatch, PatchCount: patchCount,
	})
	if err != nil {
		return explainPublish(err)
	}
	defer d.Close()
	if o.fetching.enabled {
		fetched, err := o.fetching.fetch(c, list)
		if err != nil {
			return exit.WithCode(exit.Failed, err)
		}
		defer fetched.Close()
	}
	if d.HasOtherKey() {
		command.Warn(c.App.ErrWriter, c.App.Name, o.out+": another key has signed the last manifest: machines must trust the new key")
	}
	return o.publish(c, d, list, servers, key)
}

func (o *publishOptions) check(c *cli.Context) error {
	switch {
	case c.Args().Present():
		return command.Usagef("publish takes no arguments, got %q", c.Args().First())
	case o.secretPath == "":
		return command.Usagef("publish needs the file of the secret key: -s FILE")
	case o.out == "":
		return command.Usagef("publish needs a directory: --out DIR")
	case o.expiry < minExpiry || o.expiry > publication.MaxManifestAge:
		return command.Usagef("--expires %s: not between 1 minute and 90 days (90d)", o.expiry)
	case len(o.note) > publication.MaxNoteBytes || termtext.Clean(o.note) != o.note:
		return command.Usagef("--note: not a line of at most %d bytes", publication.MaxNoteBytes)
	}
	if err := o.fetching.check(c); err != nil {
		return err
	}
	return checkOut(o.out)
}

// checkOut returns an error if this process must not write into the directory.
func checkOut(dir string) error {
	if err := paths.ProcessEnv().CheckRootWrites(dir); err != nil {
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("cannot write to %s as root: %w", dir, err), Hint: "run omg-index as that user, or name another directory"}
	}
	return nil
}

// readSecretKey reads the file of a secret key, and asks for its password if it has one.
func readSecretKey(c *cli.Context, path string) (minisign.PrivateKey, error) {
	key, err := keyfile.ReadSecret(path, func() (string, error) {
		return keyfile.AskPassword(c.Context, os.Stdin, c.App.ErrWriter, "Password of "+termtext.Clean(path))
	})
	if fi, statErr := os.Stat(path); err == nil && statErr == nil && fi.Mode().Perm()&0o077 != 0 {
		command.Warn(c.App.ErrWriter, c.App.Name, fmt.Sprintf("%s: other users can use this secret key: run chmod go-rwx on it", path))
	}
	return key, err
}

// explainPublish adds to an error of the published directory what the user can do about it.
func explainPublish(err error) error {
	hint := ""
	switch {
	case errors.Is(err, publisher.ErrLocked), errors.Is(err, fetcher.ErrLocked):
		hint = "wait until it has ended"
	case errors.Is(err, publisher.ErrChanged):
		hint = "publish into a new directory, or remove manifest.json.minisig"
	}
	return &exit.Error{Code: exit.Failed, Err: err, Hint: hint}
}

// readSources returns the sources that the flags --source select.
func (o *publishOptions) readSources(c *cli.Context) (list []publishedSource, err error) {
	wanted := o.sources.Value()
	switch {
	case len(wanted) > 0:
	case o.fetching.enabled:
		wanted = fetchedByDefault()
	default:
		wanted = []string{"repositories"}
	}
	var repositoryFiles, fileListFiles []string
	repositories := &buildOptions{dbpath: o.dbpath, pacmanConfig: o.pacmanConfig}
	withFiles := &buildOptions{dbpath: o.dbpath, pacmanConfig: o.pacmanConfig, fileLists: true}
	var all []publishedSource
	add := func(more []source, err error) error {
		for _, s := range more {
			all = append(all, s.(publishedSource))
		}
		return err
	}
	slices.Sort(wanted)
	for _, text := range slices.Compact(wanted) {
		kind, path, hasPath := strings.Cut(text, "=")
		if o.fetching.enabled && (path != "" || !hasPath) {
			fetched, isFetched, err := o.fetching.sources(kind, path, o.pacmanConfig)
			if err != nil {
				return nil, err
			}
			all = append(all, fetched...)
			if isFetched {
				continue
			}
		}
		switch document := findDocument(kind); {
		case hasPath && path == "":
			return nil, command.Usagef("--source %s needs the path of a file", kind)
		case strings.Contains(path, "://"):
			return nil, command.Usagef("--source %s: an address needs --fetch", text)
		case document != nil && !hasPath:
			return nil, command.Usagef("--source %s needs the path of a file, or --fetch", kind)
		case text == "repositories":
			err = add(repositories.repositorySources(c))
		case text == "files":
			err = add(withFiles.repositorySources(c))
		case kind == "repository" && hasPath:
			repositoryFiles = append(repositoryFiles, path)
		case kind == "files":
			fileListFiles = append(fileListFiles, path)
		case document != nil:
			all = append(all, document.open(path))
		case kind == "journal":
			all = append(all, newJournal(path, o.journalNames))
		default:
			return nil, command.Usagef("--source %q: not one of those that omg-index publish --help lists", text)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := errors.Join(add(repositories.databaseFileSources(repositoryFiles)), add(withFiles.databaseFileSources(fileListFiles))); err != nil {
		return nil, err
	}
	for _, s := range all {
		if slices.ContainsFunc(list, func(other publishedSource) bool {
			return other.name() == s.name() && slices.Equal(other.publishedKinds(), s.publishedKinds())
		}) {
			return nil, command.Usagef("--source: %s is there twice", s.name())
		}
		list = append(list, s)
	}
	// The file lists of a repository get the architecture of its packages, and the indexes of repositories have the shares of machines, which are
	// read first.
	slices.SortStableFunc(list, func(a, b publishedSource) int { return strings.Compare(b.publishedKinds()[0], a.publishedKinds()[0]) })
	return list, nil
}

// publish reads the sources and signs what could be read.
func (o *publishOptions) publish(c *cli.Context, d *publisher.Directory, list []publishedSource, servers repositoryServers, key minisign.PrivateKey) error {
	run := &publishRun{directory: d, architectures: map[string]string{}, servers: servers}
	progress := newProgress(c.App.ErrWriter)
	var results []*readResult
	failed, code := 0, exit.OK
	for _, s := range list {
		r, err := s.publish(c.Context, run, progress.newCounter())
		if err == nil {
			err = c.Context.Err()
		}
		if err != nil {
			progress.clearLine()
			if errors.Is(err, context.Canceled) {
				return err
			}
			return exit.WithCode(exit.Failed, fmt.Errorf("cannot publish %s: %w", s.name(), err))
		}
		results = append(results, r)
		if r.err != nil {
			failed++
			if code != exit.Failed {
				code = codeOf(r.err)
			}
			if keep(run, s) {
				run.warnings = append(run.warnings, s.name()+": what was published last stays in the manifest")
			}
		}
		if slices.Contains(s.publishedKinds(), sourcerecords.KindShares) {
			if err := run.readShares(c.Context); err != nil {
				return exit.WithCode(exit.Failed, fmt.Errorf("cannot publish %s: %w", s.name(), err))
			}
		}
	}
	progress.clearLine()
	b := &buildRun{cliContext: c}
	b.warn(results)
	for _, r := range results {
		if r.err != nil {
			command.ReportError(c.App.ErrWriter, c.App.Name, r.err.Error())
		}
	}
	if failed == len(list) { // nothing is new: the last manifest expires, so that readers notice
		return exit.QuietError(code)
	}
	for _, w := range run.warnings {
		command.Warn(c.App.ErrWriter, c.App.Name, w)
	}
	result, err := d.Commit()
	if err != nil {
		return explainPublish(err)
	}
	if err := o.summarize(c, results, result, key); err != nil {
		return err
	}
	if failed > 0 {
		return exit.QuietError(code)
	}
	return nil
}

// summarize prints a line for each source that was read, and lines about the manifest.
func (o *publishOptions) summarize(c *cli.Context, results []*readResult, r *publisher.Result, key minisign.PrivateKey) error {
	for _, s := range results {
		if s.err != nil {
			continue
		}
		b := &buildRun{fileLists: s.pathCount > 0}
		fmt.Fprintf(c.App.Writer, "%s: %s\n", termtext.Clean(s.source.name()), cmp.Or(s.content, b.formatCounts(s.packageCount, s.pathCount)))
	}
	if len(r.Ended) > 0 {
		command.Warn(c.App.ErrWriter, c.App.Name, "no longer published: "+strings.Join(r.Ended, ", "))
	}
	m := r.Manifest
	_, err := fmt.Fprintf(c.App.Writer, "%s: sequence %d, %s, %d bytes in objects (%d new, %d removed, %d bytes written)\n"+
		"signed with %s, expires %s\n", termtext.Clean(o.out), m.Sequence, formatCount(len(m.Sources), "source"), r.ObjectBytes, r.WrittenObjects, r.RemovedObjects, r.WrittenBytes,
		key.Public(), formatTime(m.Expires))
	return exit.WithCode(exit.Failed, err)
}

// formatCount returns a number with a noun.
func formatCount(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

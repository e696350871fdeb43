package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg-index/internal/keyfile"
	"github.com/omg-arch/omg/omg-index/internal/puller"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/termtext"
)

// pullOptions holds the flags of pull.
type pullOptions struct {
	publicPaths, offlinePaths cli.StringSlice
	dataDir                   string
}

func pullCommand() *cli.Command {
	o := &pullOptions{}
	return &cli.Command{
		Name:      "pull",
		Usage:     "get indexes from a published directory",
		ArgsUsage: "DIR...",
		Description: `Gets the records of the sources in a published directory, with patches if possible,
and builds their indexes in pulled/ in the data directory. The arguments are copies of
one published directory, which are asked in order: a disk that is shared by several
machines, or what rsync has copied.

Nothing is used that is not signed with a key in PUBLIC, or with a key that a
statement of an offline key names. A copy that is older than what was used before, or
damaged, is refused. After any failure, the last good index of each source stays.

omg uses the indexes with --index or OMG_INDEX, e.g.
OMG_INDEX=~/.local/share/omg/pulled.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "p", Aliases: []string{"public-key"}, Destination: &o.publicPaths, Usage: "trust the key in the file `PUBLIC` (repeatable)"},
			&cli.StringSliceFlag{Name: "offline-key", Destination: &o.offlinePaths, Usage: "trust the keys that the offline key in `FILE` names (repeatable)"},
			&cli.StringFlag{Name: "data-dir", Destination: &o.dataDir, Usage: "omg's data `DIR`", DefaultText: "$XDG_DATA_HOME/omg, or ~/.local/share/omg"},
		},
		Action: func(c *cli.Context) error { return o.run(c) },
	}
}

func (o *pullOptions) run(c *cli.Context) error {
	if !c.Args().Present() {
		return command.Usagef("pull needs a published directory, e.g. omg-index pull -p key.pub /srv/omg")
	}
	trust, err := o.readTrust()
	if err != nil {
		return exit.WithCode(exit.Failed, err)
	}
	var mirrors []puller.Mirror
	for _, dir := range c.Args().Slice() {
		if fi, err := os.Stat(dir); err == nil && !fi.IsDir() {
			return command.Usagef("%s: not a directory", dir)
		}
		mirrors = append(mirrors, puller.Mirror{Name: dir, Fetcher: publication.Dir(dir)})
	}
	out := filepath.Join(paths.ProcessEnv().DataDir(o.dataDir), "pulled")
	if err := checkOut(out); err != nil {
		return err
	}
	debug.SetGCPercent(gcPercent)
	r, err := puller.Pull(c.Context, out, mirrors, &puller.Options{
		Trust: trust, IsTrusted: paths.ProcessEnv().Trusts, Architecture: machineArchitecture(), Now: clock.Now(),
	})
	if err := c.Context.Err(); err != nil {
		return err
	}
	if r != nil {
		for _, text := range r.Refused {
			command.Warn(c.App.ErrWriter, c.App.Name, text)
		}
	}
	if err != nil {
		return explainPull(err)
	}
	return o.summarize(c, out, r)
}

// readTrust reads the files of the trusted keys.
func (o *pullOptions) readTrust() (publication.Trust, error) {
	var list []string
	for _, kind := range []struct {
		paths  []string
		prefix string
	}{{o.publicPaths.Value(), ""}, {o.offlinePaths.Value(), publication.OfflinePrefix}} {
		for _, path := range kind.paths {
			key, err := keyfile.ReadPublic(path)
			if err != nil {
				return publication.Trust{}, err
			}
			list = append(list, kind.prefix+key.String())
		}
	}
	if len(list) == 0 {
		return publication.Trust{}, command.Usagef("pull needs the file of a public key: -p PUBLIC")
	}
	return publication.ParseTrust(list)
}

// machineArchitecture returns the architecture of this machine, as pacman names it.
func machineArchitecture() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Machine[:])
}

// explainPull adds to an error of a pull what the user can do about it.
func explainPull(err error) error {
	hint := ""
	switch {
	case errors.Is(err, puller.ErrLocked):
		hint = "wait until it has ended"
	case errors.Is(err, publication.ErrSignature):
		hint = "name the publisher's key with -p, or its offline key with --offline-key"
	case errors.Is(err, fs.ErrNotExist):
		hint = "create the directory with omg-index publish"
	}
	return &exit.Error{Code: exit.Failed, Err: err, Hint: hint}
}

// summarize prints a line for each source, and one about the manifest.
func (o *pullOptions) summarize(c *cli.Context, out string, r *puller.Result) error {
	failed := false
	for _, s := range r.Sources {
		if s.Err != nil {
			failed = true
			command.ReportError(c.App.ErrWriter, c.App.Name, s.Err.Error())
			continue
		}
		how := "not changed"
		switch {
		case s.Changed && s.PatchCount > 0 && s.ObjectCount == 0:
			how = "patched"
		case s.Changed:
			how = "new"
		}
		fmt.Fprintf(c.App.Writer, "%s (%s): %s, of %s\n", termtext.Clean(s.Name), s.Kind, how, formatTime(s.AsOf))
	}
	if len(r.Sources) == 0 {
		command.Warn(c.App.ErrWriter, c.App.Name, fmt.Sprintf("%s: no source for this machine, whose architecture is %s", r.Mirror, machineArchitecture()))
	}
	if r.Stale {
		command.Warn(c.App.ErrWriter, c.App.Name, fmt.Sprintf("%s: the manifest expired at %s: the publisher or its copy is late", r.Mirror, formatTime(r.Expires)))
	}
	note := ""
	if r.Note != "" {
		note = ", " + termtext.Clean(r.Note)
	}
	_, err := fmt.Fprintf(c.App.Writer, "%s: sequence %d of key %s%s; %d bytes received\n", termtext.Clean(out), r.Sequence, r.Key, note, r.Bytes)
	if err == nil && failed {
		return exit.QuietError(exit.Failed)
	}
	return exit.WithCode(exit.Failed, err)
}

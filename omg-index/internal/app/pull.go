package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg-index/internal/fetcher"
	"github.com/omg-arch/omg/omg-index/internal/keyfile"
	"github.com/omg-arch/omg/omg-index/internal/puller"
	"github.com/omg-arch/omg/shared/child"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/termtext"
)

// pullOptions holds the flags of pull.
type pullOptions struct {
	publicPaths, offlinePaths, keys cli.StringSlice
	dataDir                         string
	networkOptions
	isChild bool
}

func pullCommand() *cli.Command {
	o := &pullOptions{}
	return &cli.Command{
		Name:      "pull",
		Usage:     "get indexes from a published directory on web servers",
		ArgsUsage: "URL...",
		Description: `Gets the records of the sources in a published directory, with patches if possible,
and builds their indexes in pulled/ in the data directory. The arguments are mirrors
of one published directory, which are asked in order: addresses of web servers, or
directories on this machine. A mirror that has failed is asked last for a while, which
grows with each failure. A download that broke off goes on where it ended.

Nothing is used that is not signed with a key of -p or -P, or with a key that a statement
of an offline key names. These flags can be repeated. An http:// address is as safe as
an https:// address, because of the signatures, but others can see what is downloaded.
A mirror that is older than what was used before, or damaged, is refused.
After any failure, the last good index of each source stays, and the exit code is 3, or
4 if servers could not be reached.

A running omgd pulls by itself: index.urls in omg-config(5). Without it, omg uses the
indexes with --index or OMG_INDEX, e.g. OMG_INDEX=~/.local/share/omg/pulled.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed, exit.Network),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringSliceFlag{Name: "p", Destination: &o.publicPaths, Usage: "trust the key in `FILE`"},
			&cli.StringSliceFlag{Name: "offline-key", Destination: &o.offlinePaths, Usage: "trust what the offline key in `FILE` names"},
			&cli.StringSliceFlag{Name: "P", Destination: &o.keys, Usage: "trust `KEY`, as in the setting index.keys"},
		}, o.networkOptions.flags(), []cli.Flag{
			&cli.StringFlag{Name: "data-dir", Destination: &o.dataDir, Usage: "omg's data `DIR`", DefaultText: "$XDG_DATA_HOME/omg, or ~/.local/share/omg, or without HOME /var/lib/omg"},
			&cli.BoolFlag{Name: "child", Destination: &o.isChild, Hidden: true, Usage: "pull in this process, whose memory is limited (omg-index and omgd pass this)"},
		}),
		Action: func(c *cli.Context) error {
			if !o.isChild {
				return runLimited(c)
			}
			// child.Run closes this process's standard input after its memory is limited.
			if _, err := io.Copy(io.Discard, c.App.Reader); err != nil {
				return err
			}
			return o.run(c)
		},
	}
}

// runLimited runs this command again in a process whose memory is limited, as omgd runs it: what a server sends is unpacked and parsed there.
func runLimited(c *cli.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	stderr, err := child.Run(c.Context, child.Spec{
		Path: program, Args: slices.Insert(slices.Clone(os.Args[1:]), 1, "--child"), Env: os.Environ(), Dir: dir, Stdout: c.App.Writer, MaxMemory: child.MaxIndexMemory,
	})
	if errors.Is(err, child.ErrMemory) {
		return fmt.Errorf("cannot pull: %w", err)
	}
	if stderr != "" {
		fmt.Fprintln(c.App.ErrWriter, stderr)
	}
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.Exited() {
		return exit.QuietError(ended.ExitCode())
	}
	return err
}

func (o *pullOptions) run(c *cli.Context) error {
	if !c.Args().Present() {
		return command.Usagef("pull needs a published directory, e.g. omg-index pull -p key.pub https://example.org/omg")
	}
	trust, err := o.readTrust()
	if err != nil {
		return exit.WithCode(exit.Failed, err)
	}
	client, err := o.newClient()
	if err != nil {
		return err
	}
	defer client.Close()
	mirrors, err := mirrorsOf(c.Args().Slice(), client)
	if err != nil {
		return err
	}
	out := pulled.Dir(paths.ProcessEnv().DataDir(o.dataDir))
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

// mirrorsOf returns the mirrors that arguments name.
func mirrorsOf(args []string, client *fetch.Client) (list []puller.Mirror, err error) {
	if len(args) > puller.MaxMirrors {
		return nil, command.Usagef("more than %d mirrors", puller.MaxMirrors)
	}
	for i, arg := range args {
		if slices.Contains(args[:i], arg) {
			return nil, command.Usagef("%s: named twice", arg)
		}
		if !strings.Contains(arg, "://") {
			switch fi, err := os.Stat(arg); {
			case err == nil && !fi.IsDir():
				return nil, command.Usagef("%s: neither a directory nor an address such as https://example.org/omg", arg)
			case errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(arg): // an absolute path can be on a disk that is not there now: the other mirrors are then asked
				return nil, &exit.Error{Code: exit.Failed, Err: fmt.Errorf("%s: no such directory", arg), Hint: "an address begins with https:// or http://"}
			}
			list = append(list, puller.Mirror{Name: arg, Fetcher: publication.Dir(arg)})
			continue
		}
		u, err := url.Parse(arg)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, command.Usagef("%s: not an address such as https://example.org/omg", arg)
		}
		list = append(list, puller.NewWeb(arg, client))
	}
	return list, nil
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
	list = append(list, o.keys.Value()...)
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
	return &exit.Error{Code: codeOf(err), Err: err, Hint: hint}
}

// codeOf returns the exit code for an error of a source.
func codeOf(err error) int {
	if errors.As(err, new(*puller.NetworkError)) || errors.As(err, new(*fetcher.NetworkError)) {
		return exit.Network
	}
	return exit.Failed
}

// summarize prints a line for each source, and one about the manifest.
func (o *pullOptions) summarize(c *cli.Context, out string, r *puller.Result) error {
	code := exit.OK
	for _, s := range r.Sources {
		if s.Err != nil {
			if code != exit.Failed {
				code = codeOf(s.Err)
			}
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
	if err == nil && code != exit.OK {
		return exit.QuietError(code)
	}
	return exit.WithCode(exit.Failed, err)
}

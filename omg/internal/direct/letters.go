package direct

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/letters"
	"github.com/omg-arch/omg/omg/internal/pacman"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
)

// RunLetters implements backend.Backend. It reads only pacman's own databases.
func (b *Backend) RunLetters(ctx context.Context, r *backend.LettersRequest) (code int, err error) {
	if ok := pacman.ReadTargets(r.Line, r.Stdin, r.ReportError); !ok {
		return 1, nil
	}
	if r.Line.Has("sysroot") {
		if err := b.changeRoot(r.Line.Value("sysroot")); err != nil {
			r.ReportError(err.Error())
			return 1, nil
		}
	}
	reader := &snapshotReader{Backend: b, config: b.settings(), pacmanOnly: true}
	defer reader.close()
	setup, err := b.pacmanConfig(&reader.config)
	if unread := new(fs.PathError); errors.As(err, &unread) && unread.Path == b.o.PacmanConfig {
		r.ReportError(fmt.Sprintf("config file %s could not be read: %s", unread.Path, pacman.ErrnoText(unread)))
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	s, err := reader.lettersSnapshot(ctx, r.Line)
	if err != nil {
		return 0, err
	}
	style, err := show.NewStyle(lettersColor(r, setup.Config), r.Terminal)
	if err != nil {
		return 0, err
	}
	style.Exact = r.Terminal == nil
	out := bufio.NewWriterSize(r.Stdout, 64<<10)
	run := &pacman.Runner{Line: r.Line, Setup: setup, Snapshot: s, Style: style, Out: out, ReportError: r.ReportError, Warn: r.Warn}
	code, err = run.Run(ctx)
	return code, errors.Join(err, out.Flush())
}

// changeRoot makes a directory the root directory of this process, as pacman --sysroot does. Only root can do this.
func (b *Backend) changeRoot(dir string) error {
	if b.env.UID != 0 {
		return errors.New("you cannot perform this operation unless you are root")
	}
	pacman.LearnVersion()
	err := unix.Chroot(dir)
	if err == nil {
		err = os.Chdir("/")
	}
	if err != nil {
		return fmt.Errorf("chroot to '%s' failed: (%s)", dir, pacman.ErrnoText(err))
	}
	return nil
}

// lettersSnapshot returns a snapshot of the databases that a command line needs.
func (r *snapshotReader) lettersSnapshot(ctx context.Context, line *letters.Line) (*snapshot.Snapshot, error) {
	if line.NeedsFiles() {
		return r.filesSnapshot(ctx, false)
	}
	if !line.NeedsRepositories() {
		return r.installedSnapshot(ctx)
	}
	in, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	if in.Local.Packages == nil {
		return nil, errors.New("the installed packages are unknown: " + in.Local.FailureReason)
	}
	return snapshot.Build(*in), nil
}

// lettersColor returns the value of --color, or the one that pacman.conf means.
func lettersColor(r *backend.LettersRequest, conf *pacmandb.Config) string {
	color := r.Line.Value("color")
	switch {
	case color == "always":
		return color
	case (color == "auto" || color == "" && conf.Color) && r.Terminal != nil:
		return "always" // unlike omg's own commands, pacman ignores NO_COLOR
	}
	return "never"
}

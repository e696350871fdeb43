package loader

import (
	"bufio"
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/exit"
)

// buildFiles adds the build files of a package of the AUR, what changed in them, and the findings about the package. Without a request of the
// user it says what it would do: it copies the build files, as omg aur diff does, and asks omgd to download the PKGBUILD.
func (l *Loader) buildFiles(ctx context.Context, p *page, s *subject, fetch bool) error {
	base := s.base()
	if s.isInRepository() {
		p.text("Arch keeps the build files of the packages in its repositories at https://gitlab.archlinux.org/archlinux/packaging/packages.")
		p.text("")
		p.text("The devtools get them: pkgctl repo clone --protocol=https " + base)
		return nil
	}
	if !fetch {
		p.text("The key of this tab, Alt-B, shows the build files of " + base + ", what changed in them since their last copy, and what is known about the package.")
		p.text("")
		p.text("omg then reads them from $AURDEST and from the directories of yay and paru, and copies them to $XDG_STATE_HOME/omg/builds if they have " +
			"changed, as omg aur diff does. omgd downloads the PKGBUILD from the AUR, unless aur.live.enabled is false. Nothing is run.")
		return nil
	}
	p.heading("Findings")
	l.findings(ctx, p, s)
	copies, copyErr := l.backend.AURDiff(ctx, &backend.AURDiffRequest{Name: s.name})
	current := l.currentPKGBUILD(ctx, p, s)
	if copyErr != nil {
		p.heading("Copies")
		p.warn(message(copyErr))
		return nil
	}
	p.copies(copies, current)
	return nil
}

// currentPKGBUILD adds the PKGBUILD that the AUR has now, with its differences to the last copy, and returns it; nil if it is unknown.
func (l *Loader) currentPKGBUILD(ctx context.Context, p *page, s *subject) []byte {
	p.heading("PKGBUILD in the AUR")
	current, err := l.backend.AURPKGBUILD(ctx, s.name)
	if err != nil {
		p.warn("unknown: " + message(err))
		p.text("git clone https://aur.archlinux.org/" + s.base() + ".git, yay -G " + s.base() + " or paru -G " + s.base() + " gets it")
		return nil
	}
	content := append([]byte{}, current.Content...) // not nil, even if it is empty
	diff, err := l.backend.AURDiff(ctx, &backend.AURDiffRequest{Name: s.name, Current: content, CurrentAsOf: time.Unix(current.AsOf, 0)})
	switch {
	case err != nil && exit.Code(err) == exit.NotFound:
		p.text("there is no copy to compare it with")
	case err != nil:
		p.warn("not compared: " + message(err))
	case len(diff.Files) == 0:
		p.text("equal to the last copy")
	default:
		p.print(func(style show.Style, w *bufio.Writer) []string { style.PrintDiff(w, diff); return nil })
	}
	p.text("")
	p.file(string(content))
	return content
}

// copies adds the differences between the last two copies of build files, and the files of the last copy, except for a PKGBUILD that is equal
// to the current one.
func (p *page) copies(diff *backend.AURDiff, current []byte) {
	p.heading("Copies")
	switch {
	case diff.From != nil && len(diff.Files) > 0:
		p.print(func(style show.Style, w *bufio.Writer) []string { style.PrintDiff(w, diff); return nil })
	case diff.From != nil:
		p.text("the last two copies do not differ")
	case len(diff.Copies) > 0:
		p.text("there is only one copy, of " + diff.Copies[0].Copied.Local().Format("2006-01-02 15:04") + ": nothing to compare it with")
	}
	p.warn(diff.Problem)
	for _, f := range diff.Last {
		if current == nil || !bytes.Equal(f.Content, current) {
			p.heading(f.Name + " of the last copy")
			p.file(string(f.Content))
		}
	}
}

// maxBuildLines is the maximum number of lines of a build file that are shown.
const maxBuildLines = 10_000

// file adds the lines of a file.
func (p *page) file(content string) {
	count := 0
	for line := range strings.Lines(content) {
		if count++; count <= maxBuildLines {
			p.text(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    "))
		}
	}
	p.omitted(count - maxBuildLines)
}

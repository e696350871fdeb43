package loader

import (
	"bufio"
	"context"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/exit"
)

// buildFiles adds the build files of a package of the AUR, what changed in them, and the findings about the package. Without a request of the
// user it says what it would read: it copies the build files, as omg aur diff does.
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
			"changed, as omg aur diff does. It runs nothing, and sends no request.")
		p.text("")
		p.howToGet(base)
		return nil
	}
	p.heading("Findings")
	l.findings(ctx, p, s)
	diff, err := l.backend.AURDiff(ctx, &backend.AURDiffRequest{Name: s.name})
	switch {
	case err != nil && exit.Code(err) == exit.NotFound:
		p.heading("Build files")
		p.warn(message(err))
		p.howToGet(base)
		return nil
	case err != nil:
		return err
	}
	p.heading("Changes")
	switch {
	case diff.From == nil:
		p.text("there is only one copy, of " + diff.Copies[0].Copied.Local().Format("2006-01-02 15:04") + ": nothing to compare it with")
	case len(diff.Files) == 0:
		p.text("the last two copies do not differ")
	default:
		p.print(func(style show.Style, w *bufio.Writer) []string { style.PrintDiff(w, diff); return nil })
	}
	p.warn(diff.Problem)
	for i := range diff.Last {
		p.heading(diff.Last[i].Name)
		p.file(string(diff.Last[i].Content))
	}
	return nil
}

// howToGet says how to get the current build files of a package base.
func (p *page) howToGet(base string) {
	p.text("To get the current ones: git clone https://aur.archlinux.org/" + base + ".git, yay -G " + base + ", or paru -G " + base)
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

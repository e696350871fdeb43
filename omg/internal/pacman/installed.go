package pacman

import (
	"bytes"
	"crypto/md5"
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/filecheck"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// printInstalledInfo prints the fields of an installed package: pacman -Qi or, with extra, pacman -Qii.
func (r *Runner) printInstalledInfo(p *pacmandb.Installed, extra bool) {
	described := r.Snapshot.DescribeInstalled(p, true)
	if !extra {
		r.Style.PrintPacmanInstalled(r.Out, &described, nil)
		return
	}
	more := &show.LocalExtra{XData: p.XData, OldFormat: installedPacman().isBefore(6, 1)}
	backups, err := pacmandb.PackageBackups(r.dbPath(), p)
	if err != nil {
		r.errorf("%v", err)
	}
	if len(backups) > 0 {
		more.Backups = []show.Backup{}
	}
	for _, b := range backups {
		if !b.HasMD5 {
			continue
		}
		path := r.Setup.Root() + b.Name
		if state := r.backupState(path, b.MD5); state != "" {
			more.Backups = append(more.Backups, show.Backup{Path: path, State: state})
		}
	}
	r.Style.PrintPacmanInstalled(r.Out, &described, more)
}

// backupState returns pacman's word for the state of a configuration file.
func (r *Runner) backupState(path, md5sum string) string {
	switch err := unix.Access(path, unix.R_OK); {
	case errors.Is(err, unix.EACCES):
		return "UNREADABLE"
	case errors.Is(err, unix.ENOENT):
		return "MISSING"
	case err != nil:
		return "UNKNOWN"
	}
	sum, err := filecheck.Digest(path, md5.New())
	switch {
	case err != nil:
		r.errorf("could not calculate checksums for %s", path)
		return "(null)" // pacman prints this text, which is C's for a missing string
	case sum != md5sum:
		return "MODIFIED"
	}
	return "UNMODIFIED"
}

// printFiles prints the files of an installed package: pacman -Ql.
func (r *Runner) printFiles(p *pacmandb.Installed) {
	files, err := pacmandb.PackageFiles(r.dbPath(), p)
	if err != nil {
		r.errorf("%v", err)
	}
	r.printPaths(p.Name, files)
}

// printPaths prints the paths of a package's files, which are relative to the root directory.
func (r *Runner) printPaths(name string, files []string) {
	root, quiet := r.Setup.Root(), r.Line.Has("quiet")
	for _, f := range files {
		if quiet {
			r.Style.PrintText(r.Out, root+f)
			continue
		}
		r.Style.PrintPackageFile(r.Out, name, root+f)
	}
}

// printChangelog prints the changelog of an installed package: pacman -Qc.
func (r *Runner) printChangelog(p *pacmandb.Installed) {
	text, err := pacmandb.ReadInstalledFile(r.dbPath(), p, "changelog")
	if err != nil {
		r.errorf("no changelog available for '%s'.", p.Name)
		return
	}
	r.printChangelogText(p.Name, text)
}

func (r *Runner) printChangelogText(name string, text []byte) {
	r.Style.PrintText(r.Out, "Changelog for "+name+":")
	if r.Style.Exact {
		_, _ = r.Out.Write(text)
		_ = r.Out.WriteByte('\n')
		return
	}
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		r.Style.PrintText(r.Out, strings.ReplaceAll(string(line), "\t", "        "))
	}
}

package pacman

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/pacmandb"
)

// check runs pacman -Qk and -Qkk for one package. It returns false if a file is missing or altered.
func (r *Runner) check(p *pacmandb.Installed) (ok bool) {
	if r.Line.Count("check") > 1 {
		return r.checkProperties(p)
	}
	return r.checkExistence(p)
}

// checkExistence reports whether all files of a package exist.
func (r *Runner) checkExistence(p *pacmandb.Installed) bool {
	files, err := pacmandb.PackageFiles(r.dbPath(), p)
	if err != nil {
		r.errorf("%v", err)
	}
	return r.checkFiles(p.Name, files)
}

// checkFiles reports whether all files of a package exist, and prints those that do not. Their paths are relative to the root directory.
func (r *Runner) checkFiles(name string, files []string) bool {
	missing, root := 0, r.Setup.Root()
	for _, f := range files {
		path := root + f
		st, skip, exists := r.stat(name, path)
		switch isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR; {
		case skip:
		case !exists:
			missing++
		case isDir != strings.HasSuffix(f, "/"):
			missing++
			r.warnAbout(name, path, "File type mismatch")
		}
	}
	r.printCheck(name, len(files), missing, "missing")
	return missing == 0
}

// stat returns the state of a file of a package. It reports a file that does not exist, unless NoExtract contains the file: then skip
// is true.
func (r *Runner) stat(name, path string) (st unix.Stat_t, skip, exists bool) {
	trimmed := strings.TrimRight(path, "/")
	err := unix.Lstat(trimmed, &st)
	switch {
	case err == nil:
		return st, false, true
	case pacmandb.MatchesPatterns(r.Setup.Config.NoExtract, path[min(len(r.Setup.Root()), len(path)):]):
		return st, true, false
	case r.Line.Has("quiet"):
		r.Style.PrintText(r.Out, name+" "+path)
	default:
		r.Warn(fmt.Sprintf("%s: %s (%s)", name, path, errnoText(err)))
	}
	return st, false, false
}

// errnoText returns the text of an error of the system as C's strerror prints it.
func errnoText(err error) string {
	errno := unix.Errno(0)
	if !errors.As(err, &errno) {
		return err.Error()
	}
	text := errno.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// warnAbout prints a problem of a file.
func (r *Runner) warnAbout(name, path, problem string) {
	r.Warn(fmt.Sprintf("%s: %s (%s)", name, path, problem))
}

// printCheck prints the last line about a package.
func (r *Runner) printCheck(name string, files, problems int, kind string) {
	if !r.Line.Has("quiet") {
		r.Style.PrintText(r.Out, fmt.Sprintf("%s: %d total %s, %d %s %s", name, files, fileWord(files), problems, kind, fileWord(problems)))
	}
}

func fileWord(n int) string {
	if n == 1 {
		return "file"
	}
	return "files"
}

// propertyCheck is the check of one file.
type propertyCheck struct {
	*Runner
	name, path string
	entry      *pacmandb.MtreeEntry
	st         unix.Stat_t
	isBackup   bool
	altered    bool
}

// checkProperties reports whether all files of a package are as its mtree file says, and prints the differences.
func (r *Runner) checkProperties(p *pacmandb.Installed) bool {
	var backups []pacmandb.Backup
	files, altered := 0, 0
	err := pacmandb.ReadMtree(r.dbPath(), p, func(e *pacmandb.MtreeEntry) {
		path := r.Setup.Root() + e.Path
		switch {
		case e.Path == ".INSTALL":
			path = pacmandb.InstalledFilePath(r.dbPath(), p, "install")
		case e.Path == ".CHANGELOG":
			path = pacmandb.InstalledFilePath(r.dbPath(), p, "changelog")
		case strings.HasPrefix(e.Path, "."):
			return
		}
		if files == 0 {
			backups, _ = pacmandb.PackageBackups(r.dbPath(), p) // without a list, no file is a configuration file
		}
		files++
		if r.checkEntry(p, e, path, backups) {
			altered++
		}
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.printNoMtree(p.Name)
		return true
	case err != nil:
		r.errorf("%v", err)
		return false
	}
	r.printCheck(p.Name, files, altered, "altered")
	return altered == 0
}

func (r *Runner) printNoMtree(name string) {
	if !r.Line.Has("quiet") {
		r.Style.PrintText(r.Out, name+": no mtree file")
	}
}

// checkEntry checks one file. It returns true if the file is missing or altered.
func (r *Runner) checkEntry(p *pacmandb.Installed, e *pacmandb.MtreeEntry, path string, backups []pacmandb.Backup) (altered bool) {
	st, skip, exists := r.stat(p.Name, path)
	if skip || !exists {
		return !skip
	}
	types := map[string]uint32{"file": unix.S_IFREG, "dir": unix.S_IFDIR, "link": unix.S_IFLNK}
	kind, known := types[e.Type]
	switch {
	case !known:
		r.Warn("file type not recognized: " + r.Setup.Root() + e.Path)
		return false
	case st.Mode&unix.S_IFMT != kind:
		if r.Line.Has("quiet") {
			r.Style.PrintText(r.Out, p.Name+" "+path)
		} else {
			r.warnAbout(p.Name, path, "File type mismatch")
		}
		return true
	}
	c := propertyCheck{Runner: r, name: p.Name, path: path, entry: e, st: st}
	c.isBackup = slices.ContainsFunc(backups, func(b pacmandb.Backup) bool { return b.Name == e.Path })
	c.run()
	if c.altered && r.Line.Has("quiet") {
		r.Style.PrintText(r.Out, p.Name+" "+path)
	}
	return c.altered
}

// run compares all properties of the file.
func (c *propertyCheck) run() {
	e, st := c.entry, &c.st
	c.require(int64(st.Uid) == e.UID, "UID mismatch")
	c.require(int64(st.Gid) == e.GID, "GID mismatch")
	c.require(st.Mode&0o7777 == e.Mode, "Permissions mismatch")
	if e.Type == "link" {
		c.checkLink()
	}
	if e.Type != "dir" {
		c.requireOfBackup(st.Mtim.Sec == e.Mtime, "Modification time mismatch")
	}
	if e.Type != "file" {
		return
	}
	c.requireOfBackup(st.Size == e.Size, "Size mismatch")
	if installedPacman().isBefore(6, 1) { // later versions compare only one checksum
		c.checkDigest("MD5", md5.New(), e.MD5)
	}
	c.checkDigest("SHA256", sha256.New(), e.SHA256)
}

// require reports a problem unless ok is true.
func (c *propertyCheck) require(ok bool, problem string) {
	if ok {
		return
	}
	c.altered = true
	if !c.Line.Has("quiet") {
		c.warnAbout(c.name, c.path, problem)
	}
}

// requireOfBackup is like require, for a property that users change in configuration files: there, the problem does not count.
func (c *propertyCheck) requireOfBackup(ok bool, problem string) {
	switch {
	case ok:
	case !c.isBackup:
		c.require(false, problem)
	case !c.Line.Has("quiet"):
		c.Style.PrintPacmanBackup(c.Out, c.name, c.path, problem)
	}
}

func (c *propertyCheck) checkLink() {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(c.path, buf)
	if err != nil || int64(n) != c.st.Size {
		c.altered = true
		c.errorf("unable to read symlink contents: %s", c.path)
		return
	}
	c.require(string(buf[:n]) == c.entry.Link, "Symlink path mismatch")
}

func (c *propertyCheck) checkDigest(kind string, h hash.Hash, want string) {
	got, err := digestOfFile(c.path, h)
	switch {
	case err != nil:
		c.require(false, "failed to calculate "+kind+" checksum")
	case want == "":
		c.require(false, kind+" checksum information not available")
	default:
		c.requireOfBackup(got == want, kind+" checksum mismatch")
	}
}

// digestOfFile returns the digest of a regular file in hexadecimal.
func digestOfFile(path string, h hash.Hash) (string, error) {
	f, err := openRegular(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

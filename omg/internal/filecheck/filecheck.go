// Package filecheck compares the files of installed packages with pacman's local database, as pacman -Qk and -Qkk do.
package filecheck

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// Kind is the kind of a problem.
type Kind int

// The kinds of problems. A file with a problem counts as missing or altered, except for BackupChanged and UnknownType.
const (
	// Missing means that the file does not exist, or that it is unknown whether it exists: then Problem.Err is the error.
	Missing Kind = iota
	// WrongType means that it is, for example, a directory instead of a file.
	WrongType
	// Altered means that a property differs. A file can have several such problems.
	Altered
	// BackupChanged means that a property differs which users change in configuration files.
	BackupChanged
	// UnreadableLink means that the target of a link cannot be read.
	UnreadableLink
	// UnreadableContent means that the content of a file cannot be read.
	UnreadableContent
	// UnknownType means that the mtree file has an unknown type of file.
	UnknownType
)

// Problem is a problem of a file.
type Problem struct {
	Kind    Kind
	Package string
	Path    string
	// Text is the problem in pacman's words, such as "Size mismatch". It is empty for a missing file.
	Text string
	// Err is the error of the system for the kinds Missing and UnreadableContent.
	Err error
}

// Checker checks the files of packages.
type Checker struct {
	// DBPath is the database directory, Root the directory to which the paths are relative, with a slash at its end.
	DBPath, Root string
	// NoExtract are patterns of files that may be missing.
	NoExtract []string
	// WithMD5 means that MD5 checksums are compared too, as pacman did before version 6.1.
	WithMD5 bool
	// Report is called for each problem.
	Report func(Problem)
}

// Result counts the files of a package, and those that are missing or altered.
type Result struct{ Files, Bad int }

// CheckExistence checks that files exist. Their paths are relative to the root directory.
func (c *Checker) CheckExistence(name string, files []string) Result {
	r := Result{Files: len(files)}
	for _, f := range files {
		path := c.Root + f
		st, skip, exists := c.stat(name, path)
		switch isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR; {
		case skip:
		case !exists:
			r.Bad++
		case isDir != strings.HasSuffix(f, "/"):
			r.Bad++
			c.Report(Problem{Kind: WrongType, Package: name, Path: path, Text: "File type mismatch"})
		}
	}
	return r
}

// stat returns the state of a file of a package. It reports a file that does not exist, unless NoExtract contains the file: then skip
// is true.
func (c *Checker) stat(name, path string) (st unix.Stat_t, skip, exists bool) {
	err := unix.Lstat(strings.TrimRight(path, "/"), &st)
	switch {
	case err == nil:
		return st, false, true
	case pacmandb.MatchesPatterns(c.NoExtract, path[min(len(c.Root), len(path)):]):
		return st, true, false
	}
	c.Report(Problem{Kind: Missing, Package: name, Path: path, Err: err})
	return st, false, false
}

// CheckProperties checks that all files of a package are as its mtree file says. The error wraps fs.ErrNotExist if the package has no
// mtree file.
func (c *Checker) CheckProperties(p *pacmandb.Installed) (r Result, err error) {
	var backups []pacmandb.Backup
	err = pacmandb.ReadMtree(c.DBPath, p, func(e *pacmandb.MtreeEntry) {
		path := c.Root + e.Path
		switch {
		case e.Path == ".INSTALL":
			path = pacmandb.InstalledFilePath(c.DBPath, p, "install")
		case e.Path == ".CHANGELOG":
			path = pacmandb.InstalledFilePath(c.DBPath, p, "changelog")
		case strings.HasPrefix(e.Path, "."):
			return
		}
		if r.Files == 0 {
			backups, _ = pacmandb.PackageBackups(c.DBPath, p) // without a list, no file is a configuration file
		}
		r.Files++
		if c.checkEntry(p, e, path, backups) {
			r.Bad++
		}
	})
	return r, err
}

// entryCheck is the check of one file.
type entryCheck struct {
	*Checker
	name, path string
	entry      *pacmandb.MtreeEntry
	st         unix.Stat_t
	isBackup   bool
	altered    bool
}

// checkEntry checks one file. It returns true if the file is missing or altered.
func (c *Checker) checkEntry(p *pacmandb.Installed, e *pacmandb.MtreeEntry, path string, backups []pacmandb.Backup) (altered bool) {
	st, skip, exists := c.stat(p.Name, path)
	if skip || !exists {
		return !skip
	}
	types := map[string]uint32{"file": unix.S_IFREG, "dir": unix.S_IFDIR, "link": unix.S_IFLNK}
	kind, known := types[e.Type]
	switch {
	case !known:
		c.Report(Problem{Kind: UnknownType, Package: p.Name, Path: c.Root + e.Path, Text: "file type not recognized"})
		return false
	case st.Mode&unix.S_IFMT != kind:
		c.Report(Problem{Kind: WrongType, Package: p.Name, Path: path, Text: "File type mismatch"})
		return true
	}
	one := entryCheck{Checker: c, name: p.Name, path: path, entry: e, st: st}
	one.isBackup = slices.ContainsFunc(backups, func(b pacmandb.Backup) bool { return b.Name == e.Path })
	one.run()
	return one.altered
}

// run compares all properties of the file.
func (c *entryCheck) run() {
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
	if c.WithMD5 {
		c.checkDigest("MD5", md5.New(), e.MD5)
	}
	c.checkDigest("SHA256", sha256.New(), e.SHA256)
}

func (c *entryCheck) report(kind Kind, text string, err error) {
	c.altered = c.altered || kind != BackupChanged
	c.Report(Problem{Kind: kind, Package: c.name, Path: c.path, Text: text, Err: err})
}

// require reports a problem unless ok is true.
func (c *entryCheck) require(ok bool, problem string) {
	if !ok {
		c.report(Altered, problem, nil)
	}
}

// requireOfBackup is like require, for a property that users change in configuration files: there, the problem does not count.
func (c *entryCheck) requireOfBackup(ok bool, problem string) {
	switch {
	case ok:
	case c.isBackup:
		c.report(BackupChanged, problem, nil)
	default:
		c.report(Altered, problem, nil)
	}
}

func (c *entryCheck) checkLink() {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(c.path, buf)
	if err != nil || int64(n) != c.st.Size {
		c.report(UnreadableLink, "unable to read symlink contents", err)
		return
	}
	c.require(string(buf[:n]) == c.entry.Link, "Symlink path mismatch")
}

func (c *entryCheck) checkDigest(kind string, h hash.Hash, want string) {
	got, err := Digest(c.path, h)
	switch {
	case err != nil:
		c.report(UnreadableContent, "failed to calculate "+kind+" checksum", err)
	case want == "":
		c.require(false, kind+" checksum information not available")
	default:
		c.requireOfBackup(got == want, kind+" checksum mismatch")
	}
}

// Digest returns the digest of a regular file in hexadecimal.
func Digest(path string, h hash.Hash) (string, error) {
	f, _, err := sourcefile.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

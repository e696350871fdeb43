package pacmandb

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// Limits of a package file. The largest real packages have some GiB, with hundreds of thousands of files.
const (
	maxPackageBytes   = 64 << 30 // decompressed
	maxPackageInfo    = 4 << 20
	maxPackageFiles   = 4_000_000
	maxPackageNames   = 256 << 20 // the bytes of all names
	maxPackageExtra   = 64 << 20  // .MTREE and .CHANGELOG
	packageInfoName   = ".PKGINFO"
	packageMtreeName  = ".MTREE"
	packageScriptName = ".INSTALL"
)

// ErrPackageFile means that a file is not a package.
var ErrPackageFile = errors.New("invalid or corrupted package")

// PackageFile is a package that was read from a package file. Its fields for the repository and the installation are not set.
type PackageFile struct {
	Installed
	// Size is the size of the file.
	Size int64
	// Files are relative to the root directory, in order of name. The paths of directories end in a slash.
	Files     []string
	HasScript bool
	// Changelog is the text of the changelog; HasChangelog is false if there is none.
	Changelog    []byte
	HasChangelog bool
}

// ReadPackageFile reads a package file. The error wraps that of the system, ErrPackageFile, or sourcefile.ErrOversize.
func ReadPackageFile(path string) (*PackageFile, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, sourcefile.ErrNotRegular
	}
	return readPackage(f, st.Size())
}

// readPackage reads a package file of the given size.
func readPackage(in io.Reader, size int64) (*PackageFile, error) {
	content, _, err := decompress(bufio.NewReaderSize(in, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPackageFile, err)
	}
	defer content.Close()
	r := packageReader{file: &PackageFile{Size: size}}
	if err := r.read(&io.LimitedReader{R: content, N: maxPackageBytes}); err != nil {
		return nil, err
	}
	slices.Sort(r.file.Files)
	return r.file, nil
}

// packageReader reads one package file.
type packageReader struct {
	file              *PackageFile
	hasInfo, hasMtree bool
	nameBytes         int
}

// read reads the archive. Like libalpm, it takes the list of files from the mtree file if there is one.
func (r *packageReader) read(in *io.LimitedReader) error {
	archive := tar.NewReader(in)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = r.readEntry(h, archive)
		}
		switch {
		case err == nil:
		case in.N == 0:
			return fmt.Errorf("%w: the package is larger than %d GiB", sourcefile.ErrOversize, int64(maxPackageBytes)>>30)
		case errors.Is(err, sourcefile.ErrOversize):
			return err
		default:
			return fmt.Errorf("%w: %w", ErrPackageFile, err)
		}
	}
	switch p := r.file; {
	case !r.hasInfo:
		return fmt.Errorf("%w: missing package metadata", ErrPackageFile)
	case p.Name == "":
		return fmt.Errorf("%w: missing package name", ErrPackageFile)
	case !strings.Contains(p.Version, "-"):
		return fmt.Errorf("%w: invalid package version", ErrPackageFile)
	}
	return nil
}

func (r *packageReader) readEntry(h *tar.Header, body io.Reader) error {
	switch name := strings.TrimPrefix(h.Name, "./"); {
	case name == packageInfoName:
		text, err := readLimited(body, maxPackageInfo)
		if err == nil {
			r.hasInfo = true
			r.file.parseInfo(string(text))
		}
		return err
	case name == packageMtreeName:
		var list []string
		err := parseMtree(io.LimitReader(body, maxPackageExtra), func(e *MtreeEntry) {
			switch {
			case e.Path == packageScriptName:
				r.file.HasScript = true
			case strings.HasPrefix(e.Path, "."), e.Path == "":
			default:
				list = r.appendName(list, e.Path, e.Type == "dir")
			}
		})
		if err == nil {
			r.hasMtree, r.file.Files = true, list
		}
		return r.checkSize()
	case name == ".CHANGELOG":
		text, err := readLimited(body, maxPackageExtra)
		r.file.Changelog, r.file.HasChangelog = text, err == nil
		return err
	case name == packageScriptName:
		r.file.HasScript = true
	case strings.HasPrefix(name, "."), name == "", r.hasMtree:
	default:
		r.file.Files = r.appendName(r.file.Files, name, h.Typeflag == tar.TypeDir)
		return r.checkSize()
	}
	return nil
}

func (r *packageReader) appendName(list []string, name string, isDir bool) []string {
	if isDir && !strings.HasSuffix(name, "/") {
		name += "/"
	}
	if r.nameBytes += len(name); r.nameBytes > maxPackageNames || len(list) >= maxPackageFiles {
		return list
	}
	return append(list, name)
}

func (r *packageReader) checkSize() error {
	if r.nameBytes > maxPackageNames || len(r.file.Files) >= maxPackageFiles {
		return fmt.Errorf("%w: the package has too many files", sourcefile.ErrOversize)
	}
	return nil
}

func readLimited(in io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%w: an entry is larger than %d MiB", sourcefile.ErrOversize, limit>>20)
	}
	return text, err
}

// parseInfo parses .PKGINFO: lines of the form "key = value".
func (p *PackageFile) parseInfo(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		line, _, _ = strings.Cut(line, "\x00") // a zero byte ends a string in C
		line = strings.TrimSuffix(line, "\r")
		key, value, ok := strings.Cut(line, " = ")
		if !ok || strings.HasPrefix(line, "#") || strings.Contains(key, " ") {
			continue
		}
		switch key {
		case "pkgname":
			p.Name = value
		case "pkgbase":
			p.Base = value
		case "pkgver":
			p.Version = value
		case "pkgdesc":
			p.Desc = value
		case "group":
			p.Groups = append(p.Groups, value)
		case "url":
			p.URL = value
		case "license":
			p.Licenses = append(p.Licenses, value)
		case "builddate":
			p.BuildDate = parseLocalDate(value)
		case "packager":
			p.Packager = value
		case "arch":
			p.Arch = value
		case "size":
			p.ISize, _ = strconv.ParseUint(value, 10, 63)
		case "depend":
			p.Depends = append(p.Depends, value)
		case "optdepend":
			p.OptDepends = append(p.OptDepends, value)
		case "conflict":
			p.Conflicts = append(p.Conflicts, value)
		case "replaces":
			p.Replaces = append(p.Replaces, value)
		case "provides":
			p.Provides = append(p.Provides, value)
		case "xdata":
			p.XData = append(p.XData, value)
		}
	}
}

package pacmandb

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxExtraBytes limits the size of a changelog or an mtree of an installed package.
const maxExtraBytes = 64 << 20

// Backup is a configuration file of a package, with the MD5 digest that the file had when the package was installed.
type Backup struct {
	// Name is relative to the root directory.
	Name string
	// MD5 is in hexadecimal. HasMD5 is false if the list has no digest for the file.
	MD5    string
	HasMD5 bool
}

// PackageBackups returns the configuration files of an installed package: the section %BACKUP% of its file list.
func PackageBackups(dbpath string, p *Installed) ([]Backup, error) {
	data, err := ReadInstalledFile(dbpath, p, "files")
	if err != nil {
		return nil, err
	}
	var list []Backup
	in := localLines{rest: string(data), hasZeroBytes: strings.IndexByte(string(data), 0) >= 0}
	for {
		line, ok := in.next()
		if !ok {
			return list, nil
		}
		if line != "%BACKUP%" {
			continue
		}
		for {
			line, ok := in.next()
			if !ok || line == "" {
				break
			}
			b := Backup{}
			b.Name, b.MD5, b.HasMD5 = strings.Cut(line, "\t")
			list = append(list, b)
		}
	}
}

// ReadInstalledFile reads a file of an installed package's entry in the local database, such as its changelog. Its error wraps
// that of the system.
func ReadInstalledFile(dbpath string, p *Installed, name string) ([]byte, error) {
	path := InstalledFilePath(dbpath, p, name)
	if strings.Contains(p.localDirName(), "/") {
		return nil, fmt.Errorf("%q: %w", path, unix.ENOENT)
	}
	limit := int64(maxExtraBytes)
	if name == "files" {
		limit = maxFileListBytes
	}
	data, _, err := readRegular(unix.AT_FDCWD, path, nil, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return data, nil
}

// InstalledFilePath returns the path of a file of an installed package's entry in the local database.
func InstalledFilePath(dbpath string, p *Installed, name string) string {
	return filepath.Join(dbpath, "local", p.localDirName(), name)
}

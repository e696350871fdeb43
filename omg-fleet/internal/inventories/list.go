// Package inventories reads a directory with the inventories of many hosts. What the files contain may be hostile; their names are those
// that the collecting program gave them, and name the hosts.
package inventories

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// The names of the files end with one of these suffixes.
const (
	plainSuffix      = ".json"
	compressedSuffix = ".json.zst"
)

// Limits of a directory and a roster.
const (
	maxFiles       = 100_000
	maxRosterBytes = 16 << 20
	maxNameBytes   = 255
)

// File is a file with the inventory of a host.
type File struct {
	Path string
	// Host is the name of the file without its suffix.
	Host string
}

// List returns the files with inventories in a directory, by the names of their hosts. Other files are ignored.
func List(dir string) ([]File, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var files []File
	for {
		names, err := d.Readdirnames(1000)
		for _, name := range names {
			host, found := strings.CutSuffix(name, compressedSuffix)
			if !found {
				host, found = strings.CutSuffix(name, plainSuffix)
			}
			if found && host != "" && host[0] != '.' { // a file that rsync is still writing begins with a dot
				files = append(files, File{filepath.Join(dir, name), host})
			}
		}
		if len(files) > maxFiles {
			return nil, fmt.Errorf("%s has more than %d inventories", dir, maxFiles)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Host+"\x00"+a.Path, b.Host+"\x00"+b.Path) })
	return files, nil
}

// ReadRoster reads a file with the names of all hosts, one on a line. A # begins a comment. It returns the names in order, each once.
func ReadRoster(path string) ([]string, error) {
	f, _, err := sourcefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRosterBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxRosterBytes {
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxRosterBytes>>20)
	}
	var names []string
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		name := strings.TrimSpace(line)
		if name == "" {
			continue
		}
		if len(name) > maxNameBytes || strings.ContainsFunc(name, isOdd) {
			return nil, fmt.Errorf("%s: line %d is not the name of a host", path, number)
		}
		names = append(names, name)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// FindRoster returns the names in a roster, which must have some; nil if the path is empty.
func FindRoster(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	names, err := ReadRoster(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the roster: %w", err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the roster %s has no hosts", path)
	}
	return names, nil
}

// isOdd reports whether a character cannot be in the name of a host, which is also the name of a file.
func isOdd(r rune) bool {
	return r == '/' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsPrint(r)
}

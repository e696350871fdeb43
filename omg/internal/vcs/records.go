// Package vcs knows which commits of their sources packages were built from, as far as yay and paru have recorded it, and asks the
// servers of these sources for their latest commits.
package vcs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

// The programs that record commits.
const (
	Yay  = "yay"
	Paru = "paru"
)

const (
	// maxRecordsSize is the maximum size in bytes of a file with records. A record has about 150 bytes.
	maxRecordsSize = 4 << 20
	// maxRecords is the maximum number of records that are read from a file.
	maxRecords = 10_000
)

// head is the branch of a source that names none.
const head = "HEAD"

// Source is a branch of a git repository from which packages are built.
type Source struct {
	// URL is the address of the repository. Branch is HEAD for the default branch.
	URL, Branch string
}

// Record is a commit from which a program has built a package.
type Record struct {
	Source
	Commit string
	// By is the program: Yay or Paru.
	By string
	// IsBase means that Name is a package base, not a package.
	IsBase bool
	Name   string
}

// RecordsFile is a file in which a program keeps records.
type RecordsFile struct {
	By, Path string
	// Err is the reason why the file could not be read; nil if it was read.
	Err error
}

// ReadRecords returns the records of a user's yay and paru, and the files that exist. A file must belong to the user.
func ReadRecords(env paths.Env) (records []Record, files []RecordsFile) {
	for _, place := range recordPlaces(env) {
		for _, path := range place.paths {
			content, err := readFile(path, env.UID)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			var found []Record
			if err == nil {
				found, err = place.parse(content, filepath.Ext(path))
			}
			if len(found) > maxRecords {
				found, err = nil, fmt.Errorf("more than %d records", maxRecords)
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", path, withoutPath(err))
			}
			records = append(records, found...)
			files = append(files, RecordsFile{place.by, path, err})
			break
		}
	}
	slices.SortFunc(records, compareRecords)
	return records, files
}

func compareRecords(a, b Record) int {
	return slices.Compare([]string{a.Name, a.URL, a.Branch, a.By, a.Commit}, []string{b.Name, b.URL, b.Branch, b.By, b.Commit})
}

// recordPlace says where a program keeps its records. The first path that exists is used.
type recordPlace struct {
	by    string
	paths []string
	parse func(content []byte, extension string) ([]Record, error)
}

func recordPlaces(env paths.Env) []recordPlace {
	cache, state := env.CacheHome(), ""
	if dir := env.StateDir(); dir != "" {
		state = filepath.Dir(dir)
	}
	if cache == "" || state == "" {
		return nil
	}
	return []recordPlace{
		{Yay, []string{filepath.Join(cache, "yay", "vcs.json")}, parseYay},
		// paru moves the records of its earlier versions into devel.toml.
		{Paru, []string{filepath.Join(state, "paru", "devel.toml"), filepath.Join(state, "paru", "devel.json"), filepath.Join(cache, "paru", "devel.json")}, parseParu},
	}
}

// readFile returns the content of a file that belongs to the user.
func readFile(path string, uid int) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, _, err := paths.ReadTrustedFile(file, maxRecordsSize, func(owner uint32) bool { return int(owner) == uid })
	return content, err
}

// withoutPath returns the error without the path that os.OpenFile adds.
func withoutPath(err error) error {
	if wrapped := new(fs.PathError); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// parseYay parses yay's vcs.json: an object with a member for each package, which has a member for each address without its protocol.
func parseYay(content []byte, _ string) (records []Record, err error) {
	var packages map[string]map[string]struct {
		Protocols []string `json:"protocols"`
		Branch    string   `json:"branch"`
		SHA       string   `json:"sha"`
	}
	if err := json.Unmarshal(content, &packages); err != nil {
		return nil, err
	}
	for name, addresses := range packages {
		for address, info := range addresses {
			r := Record{Source: newSource(address, info.Branch), Commit: info.SHA, By: Yay, Name: name}
			if n := len(info.Protocols); n > 0 {
				r.URL = info.Protocols[n-1] + "://" + address
			}
			records = append(records, r)
		}
	}
	return records, nil
}

func newSource(url, branch string) Source {
	if branch == "" {
		branch = head
	}
	return Source{url, branch}
}

// paruRepository is a source in paru's records.
type paruRepository struct {
	URL    string `json:"url" toml:"url"`
	Branch string `json:"branch" toml:"branch"`
	Commit string `json:"commit" toml:"commit"`
}

// parseParu parses paru's devel.toml or, of earlier versions, devel.json. Both have a list of sources for each package base. In the
// first versions, these lists were called repos, below a table info.
func parseParu(content []byte, extension string) (records []Record, err error) {
	decode := toml.Unmarshal
	if extension == ".json" {
		decode = json.Unmarshal
	}
	var bases map[string]any
	if err := decode(content, &bases); err != nil {
		return nil, err
	}
	lists := map[string]any{}
	for base, value := range bases {
		old, isTable := value.(map[string]any)
		if base != "info" || !isTable {
			lists[base] = value
			continue
		}
		for base, value := range old {
			if table, ok := value.(map[string]any); ok {
				lists[base] = table["repos"]
			}
		}
	}
	for base, value := range lists {
		list, ok := value.([]any)
		if !ok {
			return nil, fmt.Errorf("%.100q is not a list of sources", base)
		}
		for _, element := range list {
			r, ok := parseParuRepository(element)
			if !ok {
				return nil, fmt.Errorf("a source of %.100q has no url and commit", base)
			}
			records = append(records, Record{Source: newSource(r.URL, r.Branch), Commit: r.Commit, By: Paru, IsBase: true, Name: base})
		}
	}
	return records, nil
}

func parseParuRepository(element any) (r paruRepository, ok bool) {
	table, _ := element.(map[string]any)
	text := func(key string) string {
		s, _ := table[key].(string)
		return s
	}
	r = paruRepository{text("url"), text("branch"), text("commit")}
	return r, r.URL != "" && r.Commit != ""
}

// IsCommit reports whether a text is the name of a commit: 40 or 64 hexadecimal digits in lower case.
func IsCommit(text string) bool {
	return (len(text) == 40 || len(text) == 64) && strings.Trim(text, "0123456789abcdef") == ""
}

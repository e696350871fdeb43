package pacmandb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// RepoFile is a repository and the path of its database.
type RepoFile struct {
	Name  string
	Path  string // <dbpath>/sync/<name>.db; the file need not exist
	Usage Usage
}

// ListRepoFiles lists the repositories in dbpath in order of preference. These are the repositories of the configuration c.
// If c is nil or has none, they are the repositories whose databases exist: first Arch's own in Arch's order, then the
// others by name. In that case the list is empty if the directory sync does not exist; all other errors are the
// system's.
func ListRepoFiles(dbpath string, c *Config) ([]RepoFile, error) {
	dir := filepath.Join(dbpath, "sync")
	var out []RepoFile
	if c != nil && len(c.Repos) > 0 {
		for _, repo := range c.Repos {
			out = append(out, RepoFile{repo.Name, filepath.Join(dir, repo.Name+".db"), repo.Usage})
		}
		return out, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries { // ReadDir sorts the entries by name
		name, ok := strings.CutSuffix(e.Name(), ".db")
		if ok && name != "" && name != "local" {
			out = append(out, RepoFile{name, filepath.Join(dir, e.Name()), UsageAll})
		}
	}
	slices.SortStableFunc(out, func(a, b RepoFile) int { return archRepoRank(a.Name) - archRepoRank(b.Name) })
	return out, nil
}

// archRepos are Arch Linux's repositories in the order of its pacman.conf.
var archRepos = []string{"core-testing", "core", "extra-testing", "extra", "multilib-testing", "multilib"}

func archRepoRank(name string) int {
	if i := slices.Index(archRepos, name); i >= 0 {
		return i
	}
	return len(archRepos)
}

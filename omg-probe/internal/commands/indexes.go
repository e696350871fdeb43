package commands

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/omg-arch/omg/shared/commandindex"
	"github.com/omg-arch/omg/shared/paths"
)

// indexSuffix is the suffix of files indexes. downloadDir is the directory in a data directory with the indexes of the lists
// that omgd itself has downloaded.
const (
	indexSuffix = ".files.omgidx"
	downloadDir = "files"
)

// Limits of what is read. Nobody has so many repositories.
const (
	maxDirEntries   = 1024
	maxRepositories = 64
	maxPacmanConf   = 64 << 10 // bytes
)

// repository is a repository with its list of commands.
type repository struct {
	name  string
	index *commandindex.File
}

// openIndexes opens the indexes of the first data directory that has any: for each repository, the index of the newer
// database.
func (f Finder) openIndexes() (all []repository) {
	for _, dataDir := range f.DataDirs {
		for _, dir := range []string{paths.IndexDir(dataDir), filepath.Join(dataDir, downloadDir)} {
			all = f.addIndexes(all, dir)
		}
		if len(all) > 0 {
			break
		}
	}
	order := readRepositoryOrder(filepath.Join(f.Env.Root, "/etc/pacman.conf"))
	slices.SortFunc(all, func(x, y repository) int {
		return cmp.Or(cmp.Compare(order.position(x.name), order.position(y.name)), strings.Compare(x.name, y.name))
	})
	return all
}

// addIndexes adds the indexes in a directory. An index replaces an earlier one of the same repository if it is newer.
func (f Finder) addIndexes(all []repository, dir string) []repository {
	d, err := os.Open(dir)
	if err != nil {
		return all
	}
	defer d.Close()
	names, _ := d.Readdirnames(maxDirEntries) // with an error, there are the names that were read before it
	for _, name := range names {
		if !strings.HasSuffix(name, indexSuffix) || strings.HasPrefix(name, ".") || len(all) == maxRepositories {
			continue
		}
		index, err := commandindex.Open(filepath.Join(dir, name), f.Env.Trusts)
		if err != nil {
			continue
		}
		r := repository{index.Info().Repository, index}
		at := slices.IndexFunc(all, func(o repository) bool { return o.name == r.name })
		switch {
		case isHarmless(r.name) && at < 0:
			all = append(all, r)
		case at >= 0 && index.Info().AsOf > all[at].index.Info().AsOf:
			all[at].index.Close()
			all[at] = r
		default:
			index.Close()
		}
	}
	return all
}

// repositoryOrder is the repositories in the order of pacman.conf.
type repositoryOrder []string

// readRepositoryOrder reads the sections of the pacman.conf at path. It does not read the files that pacman.conf includes: they
// list servers. A pacman.conf that cannot be read gives no order.
func readRepositoryOrder(path string) (order repositoryOrder) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, maxPacmanConf))
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok && strings.HasSuffix(name, "]") && len(order) < maxRepositories {
			order = append(order, strings.TrimSuffix(name, "]"))
		}
	}
	return order
}

// usualRepositories is the order of Arch's own repositories.
var usualRepositories = repositoryOrder{"core", "extra", "multilib"}

// position returns a number that is smaller for an earlier repository. Those that pacman.conf does not list come last: first
// Arch's own.
func (o repositoryOrder) position(name string) int {
	if i := slices.Index(o, name); i >= 0 {
		return i
	}
	if i := slices.Index(usualRepositories, name); i >= 0 {
		return len(o) + i
	}
	return len(o) + len(usualRepositories)
}

package buildfiles

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// schema is the version of the format of a file with copies. A file of another version is neither read nor replaced.
	schema = 1
	// maxCopies is the maximum number of copies of a package base, and maxCopiesSize the maximum size of the file with them in bytes.
	maxCopies     = 8
	maxCopiesSize = 16 << 20
	// maxBases is the maximum number of package bases with copies, and maxStoreSize the maximum size of all copies in bytes. Beyond them,
	// the copies of the package bases that have not changed for the longest time are removed.
	maxBases     = 2000
	maxStoreSize = 128 << 20
)

// Copy is a copy of the build files of a package base.
type Copy struct {
	// Number is 1 for the first copy of a package base, and larger by 1 for each next one.
	Number int       `json:"number"`
	At     time.Time `json:"copied"`
	Files  Files     `json:"files"`
}

// document is the content of a file with the copies of one package base.
type document struct {
	Schema int    `json:"schema"`
	Base   string `json:"pkgbase"`
	Copies []Copy `json:"copies"`
}

// Store holds the copies of one user, with a file for each package base.
type Store struct {
	dir string
	env paths.Env
}

// OpenStore returns the user's store. Its directory does not need to exist.
func OpenStore(env paths.Env) (*Store, error) {
	dir := env.StateDir()
	if dir == "" {
		return nil, errors.New("neither XDG_STATE_HOME nor HOME is an absolute path")
	}
	return &Store{filepath.Join(dir, "builds"), env}, nil
}

const copiesSuffix = ".json"

func (s *Store) path(base string) string { return filepath.Join(s.dir, base+copiesSuffix) }

// Copies returns the copies of a package base, the oldest first. The file with them must belong to this user.
func (s *Store) Copies(base string) ([]Copy, error) {
	if !wire.IsSafeName(base) {
		return nil, nil
	}
	f, err := os.OpenFile(s.path(base), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, _, err := paths.ReadTrustedFile(f, maxCopiesSize, func(uid uint32) bool { return int(uid) == s.env.UID })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	var d document
	if err := json.Unmarshal(content, &d); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if d.Schema != schema || d.Base != base || len(d.Copies) > maxCopies {
		return nil, fmt.Errorf("%s: not a file of this version of omg: schema %d, package base %q, %d copies", f.Name(), d.Schema, d.Base, len(d.Copies))
	}
	return d.Copies, nil
}

// Update adds a copy of the given build files of a package base, unless the last copy is of the same build files. It returns all copies, the oldest
// first. If the new copy cannot be written, Update returns the error and all copies, including the new one. If the earlier copies
// cannot be read, they stay as they are, and only the new copy is returned.
func (s *Store) Update(base string, files Files, now time.Time) ([]Copy, error) {
	copies, err := s.Copies(base)
	next := Copy{Number: 1, At: now.UTC().Truncate(time.Second), Files: files}
	if err != nil {
		return []Copy{next}, err
	}
	if n := len(copies); n > 0 {
		if copies[n-1].Files.isSameBuild(files) {
			return copies, nil
		}
		next.Number = copies[n-1].Number + 1
	}
	copies = append(copies, next)
	if extra := len(copies) - maxCopies; extra > 0 {
		copies = slices.Delete(copies, 0, extra)
	}
	return copies, s.write(base, copies)
}

// write replaces the file with the copies of a package base. Only the user can read it.
func (s *Store) write(base string, copies []Copy) error {
	if err := s.env.CheckRootWrites(s.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	content, err := json.Marshal(document{schema, base, copies})
	if err != nil {
		return err
	}
	if err := s.makeRoom(base, int64(len(content))); err != nil {
		return err
	}
	return atomicfile.Write(s.path(base), append(content, '\n'), atomicfile.Options{Mode: 0o600, Sync: true})
}

// makeRoom removes the copies of the package bases that have not changed for the longest time until a file of the given size for the
// package base can be added. It also removes the temporary files of killed writers.
func (s *Store) makeRoom(base string, size int64) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	type file struct {
		path     string
		size     int64
		modified time.Time
	}
	var files []file
	total := size
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".tmp") {
			if of := strings.TrimPrefix(name, "."); strings.Contains(of, copiesSuffix+".") {
				atomicfile.RemoveLeftovers(filepath.Join(s.dir, of[:strings.LastIndex(of, copiesSuffix+".")]+copiesSuffix))
			}
			continue
		}
		fi, err := e.Info()
		if err != nil || !fi.Mode().IsRegular() || name == base+copiesSuffix || !strings.HasSuffix(name, copiesSuffix) {
			continue
		}
		total += fi.Size()
		files = append(files, file{filepath.Join(s.dir, name), fi.Size(), fi.ModTime()})
	}
	slices.SortFunc(files, func(a, b file) int { return a.modified.Compare(b.modified) })
	for len(files) > 0 && (len(files)+1 > maxBases || total > maxStoreSize) {
		if err := os.Remove(files[0].path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		total -= files[0].size
		files = files[1:]
	}
	return nil
}

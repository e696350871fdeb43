package sources

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// IndexSuffix is the suffix of index files.
const IndexSuffix = ".omgidx"

// IndexPath returns the path of a source's index file in a directory. The index of the AUR is called aur. In the name of a
// repository, special characters are escaped, so that no two sources have the same index file.
func IndexPath(dir string, kind pkgindex.SourceKind, name string) string {
	if kind == pkgindex.KindAUR {
		return filepath.Join(dir, wire.SourceAUR+IndexSuffix)
	}
	return filepath.Join(dir, escapeRepoName(name)+IndexSuffix)
}

// FilesIndexSuffix is the suffix of index files of the file lists of a repository.
const FilesIndexSuffix = ".files" + IndexSuffix

// FilesIndexPath returns the path of the index file of a repository's file lists in a directory.
func FilesIndexPath(dir, repo string) string {
	return filepath.Join(dir, escapeRepoName(repo)+FilesIndexSuffix)
}

// maxEscapedLength limits the length of an escaped name in bytes. A file name may have 255 bytes, but suffixes are appended to
// the name, especially for temporary files.
const maxEscapedLength = 200

// escapeRepoName returns a unique file name for a repository. The file name has no dot, so that the index of a repository called
// "core.files" cannot be confused with an index of core's file list.
func escapeRepoName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		unescaped := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
		if unescaped && (i > 0 || name != wire.SourceAUR) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	if b.Len() > maxEscapedLength {
		sum := sha256.Sum256([]byte(name))
		return "%" + hex.EncodeToString(sum[:])
	}
	return b.String()
}

// Origin identifies a file from which an index was built, and the file's state at that time.
type Origin struct {
	Path   string           `msgpack:"path"`
	Stamp  sourcefile.Stamp `msgpack:"stamp"`
	SHA256 string           `msgpack:"sha256"`
}

// IndexOrigins lists the files from which an index was built. With the origins, a program can find out without reading a
// database whether the database has changed since then, and whether the index was built from a database with the same name
// in another directory. Origins are stored in a file beside the index and not in the index, so that the bytes of an index
// do not depend on the directory in which it is built.
type IndexOrigins []Origin

const (
	originSuffix      = ".origin"
	maxOriginFileSize = 1 << 20 // maximum size of an origin file in bytes; each origin needs a few hundred bytes
)

// OriginOfFile returns the origin for a file that was read to build an index.
func OriginOfFile(f *sourcefile.File) Origin {
	return Origin{Path: f.Path, Stamp: f.Stamp, SHA256: f.HexDigest()}
}

// find returns the origin with the given path, or nil if the index was not built from the file at this path.
func (o IndexOrigins) find(path string) *Origin {
	for i := range o {
		if o[i].Path == path {
			return &o[i]
		}
	}
	return nil
}

// Write stores the origins in a file beside the index file.
func (o IndexOrigins) Write(index string) error {
	b, err := msgpack.Marshal(o)
	if err != nil {
		return err
	}
	return atomicfile.Write(index+originSuffix, b, atomicfile.Options{Mode: 0o644, Sync: true})
}

// ReadOrigins reads the origins of an index. It returns nil if the origin file is missing, damaged or not trusted. Without
// origins, the digest of a database decides whether the database has changed, and the index is not used in place of an
// unreadable database. Origins must be as trusted as the index, because forged origins could make a changed database look
// unchanged.
func ReadOrigins(index string, trust func(uid uint32) bool) IndexOrigins {
	f, _, err := sourcefile.Open(index + originSuffix)
	if err != nil {
		return nil
	}
	defer f.Close()
	if pkgindex.CheckFileOwner(f, trust) != nil {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, maxOriginFileSize))
	if err != nil || wire.CheckMessagePack(b) != nil {
		return nil
	}
	var o IndexOrigins
	if msgpack.Unmarshal(b, &o) != nil {
		return nil
	}
	return o
}

// RemoveUnusedIndexes removes unused indexes from a directory in which omg keeps its indexes. An index is unused if it was built
// from a database of this system, and the repository of this database is no longer configured. RemoveUnusedIndexes returns the
// paths of the removed indexes.
func (p *PacmanSetup) RemoveUnusedIndexes(dir string, trust func(uid uint32) bool) (removed []string) {
	if len(p.Config.Repos) == 0 {
		// If pacman.conf lists no repositories, p.Repositories are those whose databases exist. A database may be missing
		// only for a moment, and its index must not be removed.
		return nil
	}
	packages, err := IndexFiles(dir)
	if err != nil {
		return nil
	}
	files, err := FilesIndexFiles(dir)
	if err != nil {
		return nil
	}
	for _, path := range slices.Concat(packages, files) {
		origins := ReadOrigins(path, trust)
		if len(origins) != 1 || filepath.Dir(origins[0].Path) != filepath.Join(p.DBPath, "sync") {
			continue
		}
		name, isFiles := strings.CutSuffix(filepath.Base(origins[0].Path), filesDatabaseSuffix)
		ownPath := FilesIndexPath(dir, name)
		if !isFiles {
			name = strings.TrimSuffix(name, databaseSuffix)
			ownPath = IndexPath(dir, pkgindex.KindRepo, name)
		}
		if path != ownPath || slices.ContainsFunc(p.Repositories, func(r Repository) bool { return r.Name == name }) {
			continue
		}
		if errors.Join(atomicfile.Remove(path), atomicfile.Remove(path+originSuffix)) == nil {
			removed = append(removed, path)
		}
	}
	return removed
}

// RemoveOldIndexes removes the index files of earlier versions of omg, in which one file had several sources.
func RemoveOldIndexes(dataDir string) {
	for _, name := range []string{"repos.omgidx", "aur.omgidx"} {
		for _, suffix := range []string{"", ".stamps"} {
			_ = os.Remove(filepath.Join(dataDir, name+suffix))
		}
	}
}

// IndexFiles returns the index files of packages in the directory at path, sorted by name. If path is not a directory, it returns path
// itself, unless the name is that of an index of file lists.
func IndexFiles(path string) ([]string, error) {
	return indexFiles(path, func(name string) bool { return !strings.HasSuffix(name, FilesIndexSuffix) })
}

// FilesIndexFiles returns the index files of file lists in the directory at path, sorted by name. If path is not a directory, it
// returns path itself if its name is that of an index of file lists.
func FilesIndexFiles(path string) ([]string, error) {
	return indexFiles(path, func(name string) bool { return strings.HasSuffix(name, FilesIndexSuffix) })
}

// indexFiles returns the index files in the directory at path whose names are accepted. If path is not a directory, it
// returns path itself if its name is accepted.
func indexFiles(path string, accepts func(name string) bool) (out []string, err error) {
	fi, err := os.Stat(path)
	if err != nil || !fi.IsDir() {
		if accepts(path) {
			out = []string{path}
		}
		return out, nil // if there is no such file, the caller gets the error when it opens the file
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, IndexSuffix) && accepts(name) && !strings.HasPrefix(name, ".") && !e.IsDir() {
			out = append(out, filepath.Join(path, name))
		}
	}
	return out, nil
}

package sources

import (
	"context"
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

// IndexDir returns the directory of omg's own index files in a data directory. It has one file per source.
func IndexDir(dataDir string) string { return filepath.Join(dataDir, "index") }

// IndexPath returns the path of a source's index file in a directory. The AUR's is named aur; a repository's name is
// escaped where it could collide with another file.
func IndexPath(dir string, kind pkgindex.Kind, name string) string {
	if kind == pkgindex.KindAUR {
		return filepath.Join(dir, wire.SourceAUR+IndexSuffix)
	}
	return filepath.Join(dir, escape(name)+IndexSuffix)
}

// maxEscaped limits the length of an escaped name: a file name has at most 255 bytes, and temporary names are longer.
const maxEscaped = 200

// escape returns a unique file name for a repository. It contains no dot, so that "core.files" is not the index of
// core's file list.
func escape(name string) string {
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
	if b.Len() > maxEscaped {
		sum := sha256.Sum256([]byte(name))
		return "%" + hex.EncodeToString(sum[:])
	}
	return b.String()
}

// Origin is a file that an index was built from, in its state at that time.
type Origin struct {
	Path   string           `msgpack:"path"`
	Stamp  sourcefile.Stamp `msgpack:"stamp"`
	SHA256 string           `msgpack:"sha256"`
}

// Origins are the files that an index was built from. They are stored beside the index, whose bytes thus do not depend
// on where it is built. They show, without reading a database, whether it has changed, and that the index is not of a
// database of the same name in another directory.
type Origins []Origin

const (
	originSuffix = ".origin"
	maxOrigins   = 1 << 20 // bytes; an entry has a few hundred
)

// OriginOf returns the origin for a file that was read.
func OriginOf(f *sourcefile.File) Origin {
	return Origin{Path: f.Path, Stamp: f.Stamp, SHA256: f.Digest()}
}

// of returns the origin with a path, nil if the index was not built from it.
func (o Origins) of(path string) *Origin {
	for i := range o {
		if o[i].Path == path {
			return &o[i]
		}
	}
	return nil
}

// Write stores the origins beside an index.
func (o Origins) Write(index string) error {
	b, err := msgpack.Marshal(o)
	if err != nil {
		return err
	}
	return atomicfile.Write(index+originSuffix, b, atomicfile.Options{Mode: 0o644, Sync: true})
}

// ReadOrigins reads the origins of an index. It returns nil if they are missing or not trusted: then the database is
// compared by its digest, and the index does not answer in place of an unreadable database. Origins must be as trusted
// as the index, because forged ones could make a changed database look unchanged.
func ReadOrigins(index string, trust func(uid uint32) bool) Origins {
	f, _, err := sourcefile.Open(index + originSuffix)
	if err != nil {
		return nil
	}
	defer f.Close()
	if pkgindex.CheckOwner(f, trust) != nil {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, maxOrigins))
	if err != nil || wire.Check(b) != nil {
		return nil
	}
	var o Origins
	if msgpack.Unmarshal(b, &o) != nil {
		return nil
	}
	return o
}

// RemoveUnused removes from a directory of omg's own indexes those of this system's databases whose repositories are no
// longer configured. It returns the paths of the removed indexes.
func (p *Pacman) RemoveUnused(dir string, trust func(uid uint32) bool) (removed []string) {
	if len(p.Config.Repos) == 0 {
		return nil // without configured repositories the existing databases decide, and there may be none for a moment
	}
	paths, err := IndexFiles(dir)
	if err != nil {
		return nil
	}
	for _, path := range paths {
		origins := ReadOrigins(path, trust)
		if len(origins) != 1 || filepath.Dir(origins[0].Path) != filepath.Join(p.DBPath, "sync") {
			continue
		}
		repo, err := DatabaseFile(origins[0].Path)
		configured := slices.ContainsFunc(p.Repositories, func(r Repository) bool { return r.Name == repo.Name })
		if err != nil || configured || path != IndexPath(dir, pkgindex.KindRepo, repo.Name) {
			continue
		}
		if errors.Join(atomicfile.Remove(path), atomicfile.Remove(path+originSuffix)) == nil {
			removed = append(removed, path)
		}
	}
	return removed
}

// RemoveOldIndexes removes the index files of earlier versions, which held several sources each.
func RemoveOldIndexes(dataDir string) {
	for _, name := range []string{"repos.omgidx", "aur.omgidx"} {
		for _, suffix := range []string{"", ".stamps"} {
			_ = os.Remove(filepath.Join(dataDir, name+suffix))
		}
	}
}

// current reports whether the file at path still has the content from which an index was built, by its stamp or
// otherwise by its digest.
func (o Origins) current(ctx context.Context, path string, now sourcefile.Stamp, built pkgindex.SourceInfo) (bool, error) {
	if now.Size != built.Size {
		return false, nil
	}
	if then := o.of(path); then != nil && then.Stamp == now {
		return then.SHA256 == built.SHA256, nil
	}
	digest, err := sourcefile.Digest(ctx, path)
	return digest == built.SHA256, err
}

// IndexFiles returns path itself or, for a directory, the index files in it, sorted by name.
func IndexFiles(path string) ([]string, error) {
	fi, err := os.Stat(path)
	if err != nil || !fi.IsDir() {
		return []string{path}, nil // opening it returns the error
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), IndexSuffix) && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			out = append(out, filepath.Join(path, e.Name()))
		}
	}
	return out, nil
}

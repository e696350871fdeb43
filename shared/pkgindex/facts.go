package pkgindex

import (
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// IndexInfo describes which program built an index, when, and from which sources.
type IndexInfo struct {
	// Builder is the program and version that wrote the file.
	Builder string `msgpack:"builder" json:"builder"`
	// BuiltAt is the time of the build, in Unix seconds.
	BuiltAt int64 `msgpack:"built" json:"built"`
	// Sources describes the sources in the order of their docs: the repositories, and the AUR last.
	Sources []SourceInfo `msgpack:"sources" json:"sources"`
}

// SourceKind distinguishes repositories from the AUR.
type SourceKind string

// The kinds of sources.
const (
	KindRepo SourceKind = "repo"
	KindAUR  SourceKind = "aur"
)

// SourceInfo describes one source of an index.
type SourceInfo struct {
	// Name is the repository's name, "aur" for the AUR.
	Name string     `msgpack:"name" json:"name"`
	Kind SourceKind `msgpack:"kind" json:"kind"`
	// SHA256 is the digest of the source file in lower-case hexadecimal, Size its size in bytes and AsOf its
	// modification time in Unix seconds.
	SHA256   string `msgpack:"sha256" json:"sha256"`
	FileSize int64  `msgpack:"size" json:"size"`
	AsOf     int64  `msgpack:"as_of" json:"as_of"`
	// Commit is the commit of the AUR's git archive that the packages come from; empty for any other source.
	Commit string `msgpack:"commit,omitempty" json:"commit,omitempty"`
	// PopularitySHA256 is the digest of the file with the shares of machines that have the packages, in lower-case hexadecimal; empty
	// if the source was built without shares.
	PopularitySHA256 string `msgpack:"popularity_sha256,omitempty" json:"popularity_sha256,omitempty"`
	// FirstDoc is the number of the source's first doc, and Packages is the number of docs that the source has.
	FirstDoc     uint32 `msgpack:"first" json:"first"`
	PackageCount uint32 `msgpack:"packages" json:"packages"`
	// LeftOutCount is the number of packages in the source file that are missing from the index, or that are in the index
	// without some of their data. Why is the reason for the first such package.
	LeftOutCount  uint32 `msgpack:"left_out,omitempty" json:"left_out,omitempty"`
	LeftOutReason string `msgpack:"why,omitempty" json:"why,omitempty"`
}

// FindSource returns the facts about the source with this kind and name, and whether the index has such a source.
func (f *IndexInfo) FindSource(kind SourceKind, name string) (SourceInfo, bool) {
	for _, s := range f.Sources {
		if s.Kind == kind && s.Name == name {
			return s, true
		}
	}
	return SourceInfo{}, false
}

func decodeIndexInfo(b []byte, docs uint32) (IndexInfo, error) {
	var f IndexInfo
	if err := wire.CheckMessagePack(b); err != nil {
		return f, fmt.Errorf("%w: build facts: %w", ErrDamaged, err)
	}
	if err := msgpack.Unmarshal(b, &f); err != nil {
		return f, fmt.Errorf("%w: build facts: %w", ErrDamaged, err)
	}
	next := uint32(0)
	for _, s := range f.Sources {
		if s.FirstDoc != next || s.PackageCount > docs-next {
			return f, fmt.Errorf("%w: build facts: the range of docs of source %q is wrong", ErrDamaged, s.Name)
		}
		next += s.PackageCount
	}
	if next != docs {
		return f, fmt.Errorf("%w: build facts: %d docs belong to no source", ErrDamaged, docs-next)
	}
	return f, nil
}

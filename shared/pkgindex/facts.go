package pkgindex

import (
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// BuildInfo describes which program built an index, when, and from which sources.
type BuildInfo struct {
	// Builder is the program and version that wrote the file.
	Builder string `msgpack:"builder" json:"builder"`
	// Built is the time of the build, in Unix seconds.
	Built int64 `msgpack:"built" json:"built"`
	// Sources describes the sources in the order of their docs: the repositories, and the AUR last.
	Sources []SourceInfo `msgpack:"sources" json:"sources"`
}

// Kind distinguishes repositories from the AUR.
type Kind string

// The kinds of sources.
const (
	KindRepo Kind = "repo"
	KindAUR  Kind = "aur"
)

// SourceInfo describes one source of an index.
type SourceInfo struct {
	// Name is the repository's name, "aur" for the AUR.
	Name string `msgpack:"name" json:"name"`
	Kind Kind   `msgpack:"kind" json:"kind"`
	// SHA256 is the digest of the source file in lower-case hexadecimal, Size its size in bytes and AsOf its
	// modification time in Unix seconds.
	SHA256 string `msgpack:"sha256" json:"sha256"`
	Size   int64  `msgpack:"size" json:"size"`
	AsOf   int64  `msgpack:"as_of" json:"as_of"`
	// First is the number of the source's first doc, and Packages is the number of docs that the source has.
	First    uint32 `msgpack:"first" json:"first"`
	Packages uint32 `msgpack:"packages" json:"packages"`
	// LeftOut is the number of packages in the source file that are missing from the index, or that are in the index
	// without some of their data. Why is the reason for the first such package.
	LeftOut uint32 `msgpack:"left_out,omitempty" json:"left_out,omitempty"`
	Why     string `msgpack:"why,omitempty" json:"why,omitempty"`
}

// Source returns the facts about the source with this kind and name, and whether the index has such a source.
func (f *BuildInfo) Source(kind Kind, name string) (SourceInfo, bool) {
	for _, s := range f.Sources {
		if s.Kind == kind && s.Name == name {
			return s, true
		}
	}
	return SourceInfo{}, false
}

func decodeFacts(b []byte, docs uint32) (BuildInfo, error) {
	var f BuildInfo
	if err := wire.Check(b); err != nil {
		return f, fmt.Errorf("%w: build facts: %w", ErrDamaged, err)
	}
	if err := msgpack.Unmarshal(b, &f); err != nil {
		return f, fmt.Errorf("%w: build facts: %w", ErrDamaged, err)
	}
	next := uint32(0)
	for _, s := range f.Sources {
		if s.First != next || s.Packages > docs-next {
			return f, fmt.Errorf("%w: build facts: the range of docs of source %q is wrong", ErrDamaged, s.Name)
		}
		next += s.Packages
	}
	if next != docs {
		return f, fmt.Errorf("%w: build facts: %d docs belong to no source", ErrDamaged, docs-next)
	}
	return f, nil
}

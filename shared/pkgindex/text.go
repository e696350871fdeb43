package pkgindex

import (
	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/wire"
)

// docText is the text of one doc, cut into its fields. desc is nil if the package has no description, and empty but not
// nil if its description is empty.
type docText struct {
	all, name, provides, groups, desc []byte
}

// textLens has the lengths of the fields of a text, without the NUL after the name.
type textLens struct{ name, provides, groups int }

// appendText appends the text of a package, as the section TEXT has it.
func appendText(dst []byte, p *wire.Package) ([]byte, textLens) {
	var lens textLens
	mark := len(dst)
	dst = append(fold.Append(dst, p.Name), 0)
	lens.name = len(dst) - mark - 1
	mark = len(dst)
	for _, v := range p.Provides {
		dst = append(fold.Append(dst, stripVersion(v)), 0)
	}
	lens.provides = len(dst) - mark
	mark = len(dst)
	for _, v := range p.Groups {
		dst = append(fold.Append(dst, v), 0)
	}
	lens.groups = len(dst) - mark
	dst = append(fold.Append(dst, p.Desc), 0)
	if p.Desc == "" && p.EmptyDesc {
		dst = append(dst, 0)
	}
	return dst, lens
}

// cutText cuts a text into its fields. The lengths must not exceed that of the text.
func cutText(t []byte, lens textLens) docText {
	desc := t[lens.name+1+lens.provides+lens.groups : len(t)-1]
	switch string(desc) {
	case "":
		desc = nil
	case "\x00":
		desc = desc[:0]
	}
	return docText{
		all:      t,
		name:     t[:lens.name],
		provides: t[lens.name+1:][:lens.provides],
		groups:   t[lens.name+1+lens.provides:][:lens.groups],
		desc:     desc,
	}
}

package publisher

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/omg-arch/omg/shared/publication"
)

// maxPatchShare is the maximum size of a patch, as a part of that of the object. A reader gets the object instead of a larger one.
const maxPatchShare = 0.5

// patches returns the patches from the last contents of a source to its content s, and warnings about missing ones.
func (d *Directory) patches(ctx context.Context, s *publication.Source) (list []publication.Patch, warnings []string, err error) {
	seen := map[string]bool{s.SHA256: true}
	for _, m := range d.history {
		earlier := findSource(m, s)
		if earlier == nil || seen[earlier.SHA256] {
			continue
		}
		if len(seen) > d.options.PatchCount {
			break
		}
		seen[earlier.SHA256] = true
		p := d.findPatch(s, earlier.SHA256)
		if p == nil {
			var warning string
			if p, warning, err = d.writePatch(ctx, earlier, s); err != nil {
				return nil, nil, err
			}
			if warning != "" {
				warnings = append(warnings, warning)
			}
		}
		if p != nil {
			list = append(list, *p)
		}
	}
	return list, warnings, nil
}

// findPatch returns the patch between the same contents that is named by the last manifest; nil if there is none. Other manifests do not
// count, because their signatures are not verified.
func (d *Directory) findPatch(s *publication.Source, from string) *publication.Patch {
	if d.last == nil {
		return nil
	}
	last := findSource(d.last, s)
	if last == nil || last.SHA256 != s.SHA256 {
		return nil
	}
	for i := range last.Patches {
		p := &last.Patches[i]
		fi, err := os.Stat(filepath.Join(d.path, filepath.FromSlash(p.Object.Name())))
		if err == nil && p.From == from && fi.Size() == p.Object.Size {
			return p
		}
	}
	return nil
}

// writePatch writes the patch from an earlier content to the content s. It returns nil if the patch would be large, and also a warning if
// it cannot be made, because the earlier content is damaged for example.
func (d *Directory) writePatch(ctx context.Context, earlier, s *publication.Source) (p *publication.Patch, warning string, err error) {
	from, err := publication.OpenContent(ctx, publication.Dir(d.path), earlier)
	if err != nil {
		return nil, fmt.Sprintf("no patch from an earlier content: %v", err), nil
	}
	defer from.Close()
	to, err := publication.OpenContent(ctx, publication.Dir(d.path), s)
	if err != nil {
		return nil, "", err
	}
	defer to.Close()
	object, size, _, err := compress(func(out io.Writer) error { return d.options.WritePatch(out, from, to) })
	if err != nil {
		return nil, fmt.Sprintf("no patch from an earlier content of %s %s: %v", s.Kind, s.Name, err), nil
	}
	if size > publication.MaxObjectBytes || float64(len(object)) > maxPatchShare*float64(s.Object.Size) {
		return nil, "", nil
	}
	o, err := d.writeObject(object)
	return &publication.Patch{From: earlier.SHA256, Size: size, Object: o}, "", err
}

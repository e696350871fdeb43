package publisher

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"aead.dev/minisign"

	"github.com/omg-arch/omg/shared/publication"
)

// keepFor is how long a manifest and its objects are kept after the next manifest. A reader or a mirror has this time to get them.
const keepFor = 7 * 24 * time.Hour

// documentName and objectName match the names of the files that are removed when they are old. Nothing else in the directory is touched.
var (
	documentName = regexp.MustCompile(`^[0-9a-f]{64}\.json$`)
	objectName   = regexp.MustCompile(`^[0-9a-f]{64}\.zst$`)
)

// readHistory returns the manifests in the directory, the latest first. Files that are not manifests are left out.
func (d *Directory) readHistory() ([]*publication.Manifest, error) {
	var list []*publication.Manifest
	err := d.eachManifest(func(_ string, m *publication.Manifest) error {
		if m != nil {
			list = append(list, m)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b *publication.Manifest) int { return compareAge(b, a) })
	return list, err
}

// compareAge compares the ages of two manifests. Those of different keys are compared by their times.
func compareAge(a, b *publication.Manifest) int {
	if a.Created != b.Created {
		return int(min(max(a.Created-b.Created, -1), 1))
	}
	return int(min(max(a.Sequence-b.Sequence, -1), 1))
}

// eachManifest passes the path of each file in the directory of manifests to the function visit, and the manifest in it; nil if there is
// none.
func (d *Directory) eachManifest(visit func(path string, m *publication.Manifest) error) error {
	dir := filepath.Join(d.path, publication.ManifestDir)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !documentName.MatchString(e.Name()) {
			continue
		}
		document, err := publication.Dir(dir).Fetch(context.Background(), e.Name(), publication.MaxManifestBytes)
		if err != nil && !errors.Is(err, publication.ErrTooLarge) {
			return err
		}
		var m *publication.Manifest
		if publication.CopyName(publication.ManifestName, document) == publication.ManifestDir+"/"+e.Name() {
			m, _ = publication.ParseManifest(document)
		}
		if err := visit(filepath.Join(dir, e.Name()), m); err != nil {
			return err
		}
	}
	return nil
}

// readLast reads the last manifest as a reader sees it, if this key has signed it.
func (d *Directory) readLast() error {
	public := d.options.Key.Public().(minisign.PublicKey)
	name := publication.ManifestName + publication.SignatureSuffix
	text, err := publication.Dir(d.path).Fetch(context.Background(), name, publication.MaxSignatureBytes)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	var signature minisign.Signature
	if err := signature.UnmarshalText(text); err == nil && signature.KeyID != public.ID() {
		d.otherKey = true
		return nil
	}
	if d.last, err = publication.ReadManifest(context.Background(), publication.Dir(d.path), public); err != nil {
		return fmt.Errorf("%s: %w: %w", d.path, ErrChanged, err)
	}
	return nil
}

// removeOld removes the manifests that were replaced more than a week ago, and then the objects that no other manifest names. The manifest m
// is the current one.
func (d *Directory) removeOld(m *publication.Manifest) error {
	all := append([]*publication.Manifest{m}, d.history...)
	slices.SortStableFunc(all[1:], func(a, b *publication.Manifest) int { return compareAge(b, a) })
	named := map[string]bool{}
	kept := map[header]bool{}
	oldest := d.options.At.Add(-keepFor).Unix()
	for i, m := range all {
		// A manifest is current until the next one is created.
		if i > 0 && all[i-1].Created <= oldest {
			break
		}
		kept[headerOf(m)] = true
		for j := range m.Sources {
			for _, o := range m.Sources[j].Objects() {
				named[o.Name()] = true
			}
		}
	}
	err := d.eachManifest(func(path string, m *publication.Manifest) error {
		if m == nil || !kept[headerOf(m)] {
			return os.Remove(path)
		}
		return nil
	})
	return errors.Join(err, d.removeObjects(named), d.removeTemporary(publication.ManifestDir))
}

// header identifies a manifest of any key.
type header struct {
	sequence, created int64
}

func headerOf(m *publication.Manifest) header { return header{m.Sequence, m.Created} }

// removeObjects removes the objects that are not in the map.
func (d *Directory) removeObjects(named map[string]bool) error {
	dirs, err := os.ReadDir(filepath.Join(d.path, publication.ObjectDir))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if !dir.IsDir() {
			continue // not of omg-index
		}
		place := publication.ObjectDir + "/" + dir.Name()
		entries, err := os.ReadDir(filepath.Join(d.path, place))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !objectName.MatchString(e.Name()) || named[place+"/"+e.Name()] {
				continue
			}
			if err := os.Remove(filepath.Join(d.path, place, e.Name())); err != nil {
				return err
			}
			d.result.RemovedObjects++
		}
		if err := d.removeTemporary(place); err != nil {
			return err
		}
	}
	return nil
}

// removeTemporary removes the temporary files of writers that were killed: this process has the lock, so there is no other writer.
func (d *Directory) removeTemporary(place string) error {
	entries, err := os.ReadDir(filepath.Join(d.path, place))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), ".tmp") {
			if err := os.Remove(filepath.Join(d.path, place, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

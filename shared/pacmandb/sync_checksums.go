package pacmandb

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// SyncChecksums holds the values of a package in a sync database that no index contains.
type SyncChecksums struct {
	MD5 string
	// Signature is the signature of the package file, in base64.
	Signature string
}

// ReadSyncChecksums reads the checksums of those packages of a sync database whose names the function wants accepts. Its errors are
// those of ReadSync.
func ReadSyncChecksums(ctx context.Context, path string, wants func(name string) bool) (map[string]SyncChecksums, error) {
	var found map[string]SyncChecksums
	read := func(hold bool) error {
		found = map[string]SyncChecksums{}
		_, err := sourcefile.Read(ctx, path, func(in io.Reader) error {
			r := syncReader{out: &SyncFile{}, limits: syncLimits, holdAll: hold}
			r.parser.keepsChecksums = true
			r.onPackage = func(p *wire.Package) error {
				if wants(p.Name) {
					extras := &r.parser.extras
					found[strings.Clone(p.Name)] = SyncChecksums{strings.Clone(extras.md5), strings.Clone(extras.signature)}
				}
				return nil
			}
			return r.read(ctx, in)
		})
		return err
	}
	err := read(false)
	if errors.Is(err, errPackageFilesScattered) {
		err = read(true)
	}
	return found, err
}

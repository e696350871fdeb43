package upstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/fetch"
)

const (
	// checksumSuffix is appended to the path of the dump to get the path of its checksum.
	checksumSuffix = ".sha256"
	// maxChecksumFile is the limit of a file with a checksum in bytes. The AUR's has about 110.
	maxChecksumFile = 1 << 10
)

// ErrDumpRejected means that a dump cannot be read, does not match its checksum, or has far fewer packages than the last dump.
var ErrDumpRejected = errors.New("the AUR's dump was rejected")

// errChecksum means that a dump has another checksum than the one that the AUR publishes.
var errChecksum = fmt.Errorf("%w: it does not match its checksum", ErrDumpRejected)

// DumpDownload downloads the AUR's dump.
type DumpDownload struct {
	Client Client
	// Request is the result of Dump, with the values of the last dump.
	Request fetch.Request
	// Path is the path of the dump.
	Path string
	// Check returns an error for a dump that must not replace the last one.
	Check func(path string) error
	// OnNoChecksum, unless it is nil, is called if the server has no checksum.
	OnNoChecksum func(status int)
}

// Run downloads the dump if it has changed, and checks it.
//
// The AUR writes a new dump and a new checksum every five minutes, so the checksum that is requested after a dump can be that of the next dump.
// Then both are downloaded once more. The second dump must have one of the two checksums: on a slow connection it is the earlier one.
func (d *DumpDownload) Run(ctx context.Context) (got fetch.Response, err error) {
	var sums [][]byte
	for range 2 {
		got, err = d.Client.File(ctx, d.Request, d.Path, func(path string) error {
			if err := d.checkSum(ctx, path, &sums); err != nil {
				return err
			}
			return d.Check(path)
		})
		if !errors.Is(err, errChecksum) {
			return got, err
		}
	}
	return got, err
}

// checkSum requests the checksum of the dump, adds it to sums, and returns an error unless the file at path has one of these checksums. A
// server without checksums is accepted: a dump that is cut off or damaged does not unpack, and a checksum from the same server proves no more.
func (d *DumpDownload) checkSum(ctx context.Context, path string, sums *[][]byte) error {
	var text bytes.Buffer
	_, err := d.Client.Get(ctx, fetch.Request{URL: d.Request.URL + checksumSuffix, MaxBytes: maxChecksumFile, Timeout: dumpTimeout}, &text)
	var status *fetch.StatusError
	if errors.As(err, &status) && slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, http.StatusGone}, status.Code) {
		if d.OnNoChecksum != nil {
			d.OnNoChecksum(status.Code)
		}
		return nil
	}
	if err != nil {
		return err
	}
	published, err := parseChecksum(text.String())
	if err != nil {
		return err
	}
	*sums = append(*sums, published)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	digest := sha256.New()
	if _, err := io.Copy(digest, f); err != nil {
		return err
	}
	if slices.ContainsFunc(*sums, func(sum []byte) bool { return bytes.Equal(sum, digest.Sum(nil)) }) {
		return nil
	}
	return errChecksum
}

// parseChecksum returns the SHA-256 in a line such as "SHA256 (NAME) = HEX", which the AUR writes, or "HEX  NAME".
func parseChecksum(text string) ([]byte, error) {
	for word := range strings.FieldsSeq(text) {
		if sum, err := hex.DecodeString(word); err == nil && len(sum) == sha256.Size {
			return sum, nil
		}
	}
	return nil, fmt.Errorf("%w: its checksum is not a SHA-256, but %.40q", ErrDumpRejected, text)
}

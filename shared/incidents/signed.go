package incidents

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"aead.dev/minisign"
)

// MaxSignatureBytes is the maximum size of a signature.
const MaxSignatureBytes = 4 << 10

// signatureLines is the number of lines of a signature.
const signatureLines = 4

// ErrSignature means that a list is not signed by the publisher whose key the user has set.
var ErrSignature = errors.New("the signature is not valid for this key")

// Location is where a list is: in a file or, signed, at the address of a server.
type Location struct {
	// Path is an absolute path; empty for a list of a server.
	Path string
	// Address is the list's https address, and Key the minisign key of its publisher.
	Address string
	Key     minisign.PublicKey
}

// SignatureAddress returns the address of the list's signature.
func (l *Location) SignatureAddress() string { return l.Address + ".minisig" }

// ParseLocation returns the location in an element of the setting aur.incidents.lists, which package config has checked: a path, or
// an address and a key.
func ParseLocation(text string) (Location, error) {
	if filepath.IsAbs(text) {
		return Location{Path: text}, nil
	}
	address, key, _ := strings.Cut(text, " ")
	l := Location{Address: address}
	if err := l.Key.UnmarshalText([]byte(strings.TrimSpace(key))); err != nil {
		return Location{}, fmt.Errorf("%s: %q is not a public key of minisign", address, shorten(key))
	}
	return l, nil
}

// FilePattern matches the names of all files that FileName returns, for filepath.Glob.
const FilePattern = "incidents-*.signed"

// FileName returns the name of the file in the directory of the index files in which omgd keeps the list of a server with its
// signature. Another key leads to another file.
func (l *Location) FileName() string {
	sum := sha256.Sum256([]byte(l.Address + " " + l.Key.String()))
	return "incidents-" + hex.EncodeToString(sum[:8]) + ".signed"
}

// Verify returns ErrSignature unless the key has signed a list.
func Verify(key minisign.PublicKey, list, signature []byte) error {
	if len(signature) > MaxSignatureBytes || !minisign.Verify(key, list, signature) {
		return ErrSignature
	}
	return nil
}

// Join returns the content of the file with a list and its signature: the lines of the signature, and then the list. One file
// cannot hold a list and the signature of another one, as two files could after a crash.
func Join(list, signature []byte) []byte {
	return append(append(bytes.TrimRight(bytes.ReplaceAll(signature, []byte("\r"), nil), "\n"), '\n'), list...)
}

// split returns the parts of a file that Join has made.
func split(data []byte) (list, signature []byte) {
	end := 0
	for range signatureLines {
		at := bytes.IndexByte(data[end:], '\n')
		if at < 0 {
			return nil, data
		}
		end += at + 1
	}
	return data[end:], data[:end]
}

// ParseSigned returns the list in a file that Join has made, if the key has signed the list. The signature is verified before the
// list is parsed. The parameter name is the list's name in errors.
func ParseSigned(name string, key minisign.PublicKey, data []byte) (*List, error) {
	list, signature := split(data)
	if err := Verify(key, list, signature); err != nil {
		return nil, &Error{name, 0, err}
	}
	return Parse(name, list)
}

// Package keyfile creates and reads the files of keys with which published directories are signed. The files are those of minisign: both
// programs can use them.
package keyfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"aead.dev/minisign"

	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// maxBytes is the maximum size of the file of a key.
const maxBytes = 4 << 10

// ErrPassword means that the password of a secret key is wrong. A damaged file looks the same.
var ErrPassword = errors.New("the password is wrong")

// Generate creates a pair of keys, and returns the public key. The secret key is encrypted with the password; it is not encrypted if the
// password is empty. An error wraps fs.ErrExist if one of the files exists: it is never replaced.
func Generate(secretPath, publicPath, password string) (minisign.PublicKey, error) {
	if _, err := os.Lstat(publicPath); err == nil {
		return minisign.PublicKey{}, &fs.PathError{Op: "create", Path: publicPath, Err: fs.ErrExist}
	}
	public, secret, err := minisign.GenerateKey(nil)
	if err != nil {
		return public, err
	}
	text, err := secret.MarshalText()
	if password != "" {
		text, err = minisign.EncryptKey(password, secret)
	}
	if err != nil {
		return public, err
	}
	if err := create(secretPath, text, 0o600); err != nil {
		return public, err
	}
	text, err = public.MarshalText()
	if err == nil {
		err = create(publicPath, text, 0o644)
	}
	if err != nil {
		_ = os.Remove(secretPath) // a secret key without its public key is of no use
	}
	return public, err
}

// create writes a file of one key, which must not exist.
func create(path string, text []byte, mode fs.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if err = f.Chmod(mode); err == nil { // whatever the umask
		_, err = f.Write(append(text, '\n'))
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}

// ReadSecret reads the file of a secret key. If the key is encrypted, the function password returns its password. An error wraps ErrPassword
// if this is wrong.
func ReadSecret(path string, password func() (string, error)) (secret minisign.PrivateKey, err error) {
	text, err := read(path)
	if err != nil {
		return secret, err
	}
	if !minisign.IsEncrypted(text) {
		if err := secret.UnmarshalText(text); err != nil {
			return secret, fmt.Errorf("%s: not a secret key of minisign", path)
		}
		return secret, nil
	}
	word, err := password()
	if err != nil {
		return secret, err
	}
	if secret, err = minisign.DecryptKey(word, text); err != nil {
		return secret, fmt.Errorf("%s: %w", path, ErrPassword)
	}
	return secret, nil
}

// ReadPublic reads the file of a public key.
func ReadPublic(path string) (minisign.PublicKey, error) {
	text, err := read(path)
	if err != nil {
		return minisign.PublicKey{}, err
	}
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(string(text), "\r", ""), "\n"), "\n")
	key, err := publication.ParseKey(lines[len(lines)-1])
	if err != nil || len(lines) > 2 {
		return minisign.PublicKey{}, fmt.Errorf("%s: not a public key of minisign", path)
	}
	return key, nil
}

// read returns the content of the file of a key.
func read(path string) ([]byte, error) {
	f, _, err := sourcefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err == nil && len(text) > maxBytes {
		err = fmt.Errorf("%s: not a key of minisign: more than %d bytes", path, maxBytes)
	}
	return text, err
}

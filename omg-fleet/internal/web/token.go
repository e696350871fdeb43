package web

import (
	"fmt"
	"io"
	"strings"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// The length of a token in bytes. Those that are made have 26 characters with 130 bits.
const (
	minToken = 20
	maxToken = 1024
)

// ReadToken reads a token from a file that not everyone may read.
func ReadToken(path string) (string, error) {
	f, _, err := sourcefile.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode()&0o007 != 0 {
		return "", fmt.Errorf("all users may use %s: chmod 600 changes this", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if len(token) < minToken || len(text) > maxToken || strings.ContainsFunc(token, isOdd) {
		return "", fmt.Errorf("%s does not have one line with a token of %d to %d bytes", path, minToken, maxToken)
	}
	return token, nil
}

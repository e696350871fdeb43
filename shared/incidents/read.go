package incidents

import (
	"bytes"
	"os"
	"time"

	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// ShippedName is the name of the list that is installed with omg.
const ShippedName = "aur-incidents.toml"

// ReadFile reads the list in a file, unless a user whom the function trust rejects could have written the file.
func ReadFile(path string, trust func(uid uint32) bool) (*List, error) {
	data, _, err := readTrusted(path, MaxBytes, trust)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// ReadSigned reads the list of a server that omgd has downloaded to a file. It verifies the signature. The second result is when the
// server has last confirmed that this is its list: the modification time of the file.
func ReadSigned(l *Location, path string, trust func(uid uint32) bool) (*List, time.Time, error) {
	data, confirmedAt, err := readTrusted(path, MaxBytes+MaxSignatureBytes, trust)
	if err != nil {
		return nil, time.Time{}, err
	}
	list, err := ParseSigned(l.Address, l.Key, data)
	return list, confirmedAt, err
}

// HasContent reports whether the file of ReadSigned has a list with the given content, whatever its signature is.
func HasContent(path string, list []byte) (bool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	last, _ := split(data)
	return bytes.Equal(last, list), nil
}

// readTrusted returns the content and the modification time of a file.
func readTrusted(path string, maxBytes int64, trust func(uid uint32) bool) ([]byte, time.Time, error) {
	f, _, err := sourcefile.Open(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	data, st, err := paths.ReadTrustedFile(f, maxBytes, trust)
	if err != nil {
		return nil, time.Time{}, &Error{path, 0, err}
	}
	return data, time.Unix(st.Mtim.Unix()), nil
}

package hostinventory

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
)

// machineIDPath is the file with the machine ID: machine-id(5).
const machineIDPath = "/etc/machine-id"

// applicationID is the ID with which the identities of hosts are derived. Another ID would give each host another identity.
const applicationID = "6f9180cc753e40ee8991de90190b6817"

var errMachineID = errors.New(machineIDPath + " has no machine ID")

// readIdentity returns the identity of this host. It is what sd_id128_get_machine_app_specific(3) and
// "systemd-id128 machine-id --app-specific" derive from the machine ID, which is confidential.
func readIdentity(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const most = 64
	text, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return "", err
	}
	return deriveIdentity(strings.TrimSpace(string(text)), applicationID)
}

// deriveIdentity returns the first half of the HMAC-SHA256 of an application's ID, keyed with the machine ID, in the form of a random UUID.
func deriveIdentity(machineID, application string) (string, error) {
	key, err := hex.DecodeString(machineID)
	if err != nil || len(key) != 16 {
		return "", errMachineID
	}
	id, err := hex.DecodeString(application)
	if err != nil {
		return "", err
	}
	h := hmac.New(sha256.New, key)
	_, _ = h.Write(id)
	sum := h.Sum(nil)[:16]
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	return hex.EncodeToString(sum), nil
}

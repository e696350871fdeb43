package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// maxIncidentLists is the maximum number of lists of incidents.
const maxIncidentLists = 20

// checkIncidentLists returns an error unless each element is an absolute path, or an address with a key. The key is checked here
// without package minisign, which would make the programs larger.
func checkIncidentLists(list []string) error {
	if len(list) > maxIncidentLists {
		return fmt.Errorf("%d lists, at most %d", len(list), maxIncidentLists)
	}
	for _, element := range list {
		address, key, remote := strings.Cut(element, " ")
		switch {
		case filepath.IsAbs(element):
		case !strings.Contains(address, "://"):
			return fmt.Errorf("%q is neither an absolute path nor an address", element)
		case !remote:
			return fmt.Errorf("%q has no key: write the address, a space and the minisign public key of the list's publisher", element)
		default:
			if err := checkURL(address, "https", "http"); err != nil {
				return err
			}
			if err := checkMinisignKey(key); err != nil {
				return fmt.Errorf("%s: %w", address, err)
			}
		}
	}
	return nil
}

// checkMinisignKey returns an error unless a text has the form of a public key of minisign: "Ed", the number of the key in 8 bytes, and
// the key in 32 bytes.
func checkMinisignKey(key string) error {
	const length = 2 + 8 + 32
	if data, err := base64.StdEncoding.DecodeString(key); err != nil || len(data) != length || !bytes.HasPrefix(data, []byte("Ed")) {
		return errors.New("the key is not a public key of minisign: write the second line of the publisher's file minisign.pub")
	}
	return nil
}

package config

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// maxMirrors is the maximum number of mirrors, and maxKeys that of trusted keys.
	maxMirrors = 16
	maxKeys    = 32

	// offlinePrefix is the word before an offline key.
	offlinePrefix = "offline "
)

// checkMirrors returns an error unless each element is the address of a mirror.
func checkMirrors(list []string) error {
	if len(list) > maxMirrors {
		return fmt.Errorf("%d mirrors, at most %d", len(list), maxMirrors)
	}
	for i, address := range list {
		if err := checkURL(address, "http", "https"); err != nil {
			return err
		}
		if slices.Contains(list[:i], address) {
			return fmt.Errorf("%q is in the list twice", address)
		}
	}
	return nil
}

// checkKeys returns an error unless each element is a public key of minisign, which the word offline may precede.
func checkKeys(list []string) error {
	if len(list) > maxKeys {
		return fmt.Errorf("%d keys, at most %d", len(list), maxKeys)
	}
	for _, element := range list {
		key := strings.TrimPrefix(element, offlinePrefix)
		if err := checkMinisignKey(key); err != nil {
			return fmt.Errorf("%q: %w", element, err)
		}
	}
	return nil
}

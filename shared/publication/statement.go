package publication

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"aead.dev/minisign"
)

const (
	// MaxStatementAge is the maximum time after which a statement expires.
	MaxStatementAge = 2 * 366 * 24 * time.Hour
	// MaxOnlineKeys is the maximum number of keys in a statement.
	MaxOnlineKeys = 16
)

// Statement is the list of the online keys that an offline key names.
type Statement struct {
	Header
	// Keys are public keys of minisign, each as in the second line of its file. The list may be empty: then no key is trusted.
	Keys []string `json:"keys"`
}

// ParseStatement returns the statement in a document. A caller verifies the signature before.
func ParseStatement(content []byte) (*Statement, error) {
	s := &Statement{}
	if err := parse(content, StatementName, s); err != nil {
		return nil, err
	}
	if _, err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", StatementName, ErrFormat, err)
	}
	return s, nil
}

// Encode returns the statement as a document.
func (s *Statement) Encode() ([]byte, error) {
	s.Format = Format
	if _, err := s.check(); err != nil {
		return nil, err
	}
	return encode(StatementName, s)
}

// check returns the keys of the statement, or what is wrong with it.
func (s *Statement) check() ([]minisign.PublicKey, error) {
	if err := s.Header.check(MaxStatementAge); err != nil {
		return nil, err
	}
	switch {
	case s.Keys == nil:
		return nil, errors.New("no list of keys")
	case len(s.Keys) > MaxOnlineKeys:
		return nil, fmt.Errorf("more than %d keys", MaxOnlineKeys)
	}
	var keys []minisign.PublicKey
	for i, text := range s.Keys {
		key, err := ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i+1, err)
		}
		if slices.Contains(s.Keys[:i], text) {
			return nil, fmt.Errorf("key %d is in the list twice", i+1)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// ParseKey returns the public key in a text: the second line of the file of the key.
func ParseKey(text string) (key minisign.PublicKey, err error) {
	// The function of the library also accepts a line before the key, and other lines in it.
	if err := key.UnmarshalText([]byte(text)); err != nil || key.String() != text {
		return minisign.PublicKey{}, errors.New("not a public key of minisign")
	}
	return key, nil
}

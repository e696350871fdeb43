// Package roster describes the entries of the stream with the hosts of a fleet. The subject of an entry names the host.
package roster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/omg-arch/omg/omg-fleet/internal/subject"
)

// Entry says which key a host has, and whether it may still use it.
type Entry struct {
	// PublicKey is the host's public key in the form of NATS, such as UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4. It is empty if
	// the servers know hosts by their certificates.
	PublicKey string `json:"public_key,omitempty"`
	// AddedAt and RevokedAt are times in seconds since 1970. RevokedAt is 0 for a host that may connect.
	AddedAt   int64 `json:"added_at"`
	RevokedAt int64 `json:"revoked_at,omitempty"`
}

// Revoked reports whether the host was removed from the fleet.
func (e *Entry) Revoked() bool { return e.RevokedAt != 0 }

// AddedHost is a host with its entry, as omg-fleet host list prints it. Times are in seconds since 1970.
type AddedHost struct {
	// Schema is the version of this line.
	Schema int    `json:"schema"`
	Host   string `json:"host"`
	// PublicKey is the host's public key, in the form of NATS.
	PublicKey string `json:"public_key"`
	// State is added or revoked.
	State   string `json:"state"`
	AddedAt int64  `json:"added_at"`
	// RevokedAt is absent unless the host was revoked.
	RevokedAt int64 `json:"revoked_at,omitempty"`
	// Node means that the host may answer the lookups of others.
	Node bool `json:"node,omitempty"`
}

// Added returns the entry of a host with its name.
func (e *Entry) Added(host string) *AddedHost {
	h := &AddedHost{Host: host, PublicKey: e.PublicKey, State: "added", AddedAt: e.AddedAt, RevokedAt: e.RevokedAt}
	if e.Revoked() {
		h.State = "revoked"
	}
	return h
}

// maxBytes limits the size of an entry.
const maxBytes = 4096

// Parse reads an entry.
func Parse(b []byte) (*Entry, error) {
	if len(b) > maxBytes {
		return nil, fmt.Errorf("an entry of %d bytes", len(b))
	}
	e := &Entry{}
	if err := json.Unmarshal(b, e); err != nil {
		return nil, err
	}
	if e.AddedAt <= 0 {
		return nil, errors.New("an entry without a time")
	}
	return e, nil
}

// Marshal returns the entry as Parse reads it.
func (e *Entry) Marshal() []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and numbers can always be written
	}
	return b
}

// Publish writes the entry of a host into the roster of the servers. Servers that have just received another version of the account do not answer for
// a moment.
func (e *Entry) Publish(ctx context.Context, js jetstream.JetStream, host string) error {
	if _, err := js.Publish(ctx, subject.Roster(host), e.Marshal(), jetstream.WithRetryAttempts(20), jetstream.WithRetryWait(250*time.Millisecond)); err != nil {
		return fmt.Errorf("cannot write %s into the roster: %w", host, err)
	}
	return nil
}

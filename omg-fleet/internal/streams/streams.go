// Package streams has the configurations of the streams in which a NATS server keeps the states and the roster of a fleet.
package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/omg-arch/omg/omg-fleet/internal/subject"
)

// MaxMessage is the number of bytes of the largest message. It is the default limit of a NATS server, and enough for an inventory of 20,000
// packages, which is more than the repositories have.
const MaxMessage = 1 << 20

// DefaultMaxAge is the time after which the state of a host is forgotten.
const DefaultMaxAge = 30 * 24 * time.Hour

// duplicateWindow is the time during which a second message with the same header Nats-Msg-Id is dropped, whatever its subject. A server allows
// no less. Hosts send no such header, so that none can make the server drop the message of another one.
const duplicateWindow = 100 * time.Millisecond

// State returns the configuration of the stream of states. It keeps the last message of each subject.
//
// Each subject belongs to one host, so a host can replace only its own messages. Whatever lets a message change more than its subject is
// off: roll-up, deleting and purging, time limits of messages, schedules, counters and batches. Only the time removes the message of a host.
//
// The server does not acknowledge a message on the subject that the message names for replies, because no permission limits this subject: the
// acknowledgement would replace the state of another host. It sends the headers of what it has stored to a subject of the same host.
func State(replicas int, maxAge time.Duration) jetstream.StreamConfig {
	c := lastOfEach(subject.StateStream, replicas)
	c.Description = "the last inventory and sign of life of each host"
	c.Subjects = []string{subject.AllInventories, subject.AllAlive}
	c.MaxAge = maxAge
	c.NoAck = true
	c.RePublish = &jetstream.RePublish{Source: subject.StateTree, Destination: subject.StoredTree, HeadersOnly: true}
	return c
}

// Roster returns the configuration of the stream with an entry for each host that was added. Entries have no age limit.
func Roster(replicas int) jetstream.StreamConfig {
	c := lastOfEach(subject.RosterStream, replicas)
	c.Description = "the hosts of the fleet"
	c.Subjects = []string{subject.AllRoster}
	return c
}

// Make makes the streams, or changes those that differ from what they should be.
func Make(ctx context.Context, js jetstream.JetStream, replicas int, maxAge time.Duration) error {
	for _, config := range []jetstream.StreamConfig{State(replicas, maxAge), Roster(replicas)} {
		if err := makeStream(ctx, js, config); err != nil {
			return fmt.Errorf("cannot make the stream %s: %w", config.Name, err)
		}
	}
	return nil
}

// Servers that have just received an account, or have just started, do not make streams for a moment.
const (
	startTime = 10 * time.Second
	startStep = 250 * time.Millisecond
)

// makeStream makes or changes a stream. It repeats this while the servers say that they cannot do it now.
func makeStream(ctx context.Context, js jetstream.JetStream, config jetstream.StreamConfig) error {
	for end := time.Now().Add(startTime); ; {
		_, err := js.CreateOrUpdateStream(ctx, config)
		var refusal *jetstream.APIError
		if !errors.As(err, &refusal) || refusal.Code != unavailable || time.Now().After(end) {
			return err
		}
		select {
		case <-time.After(startStep):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// unavailable is the code of errors that may end by themselves. NATS has taken it from HTTP.
const unavailable = 503

// lastOfEach returns the configuration of a stream that keeps the last message of each subject. The server does not compress messages, because
// inventories are compressed.
func lastOfEach(name string, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              name,
		Retention:         jetstream.LimitsPolicy,
		Storage:           jetstream.FileStorage,
		Compression:       jetstream.NoCompression,
		Discard:           jetstream.DiscardOld,
		MaxConsumers:      -1,
		MaxMsgs:           -1,
		MaxBytes:          -1,
		MaxMsgsPerSubject: 1,
		MaxMsgSize:        MaxMessage,
		Replicas:          replicas,
		Duplicates:        duplicateWindow,
		DenyDelete:        true,
		DenyPurge:         true,
		AllowRollup:       false,
		AllowDirect:       true,
	}
}

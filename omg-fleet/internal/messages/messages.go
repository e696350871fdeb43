// Package messages defines what the programs of a fleet send each other through a NATS server. What another host has sent may be hostile:
// sizes are limited, and a message never says who has sent it, because its subject does.
package messages

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/termtext"
)

// Schema is the version of the messages. New fields do not change it.
const Schema = 1

// MaxQuestionBytes limits a question.
const MaxQuestionBytes = 64 << 10

// Limits of other messages. A NATS server passes on at most 1 MiB, unless it is told otherwise.
const (
	maxAliveBytes  = 4 << 10
	maxReplyBytes  = 1 << 20
	maxAnswerBytes = 16 << 20 // of a reply that was decompressed
	maxIDBytes     = 64
)

// Question is a question to all hosts.
type Question struct {
	Schema int `json:"schema"`
	// ID is the last token of the subjects of the replies.
	ID string `json:"id"`
	question.Spec
}

// ParseQuestion returns the question in a message.
func ParseQuestion(data []byte) (*Question, error) {
	q := &Question{}
	if err := decode(data, MaxQuestionBytes, q); err != nil {
		return nil, err
	}
	if q.Schema != Schema {
		return nil, fmt.Errorf("its schema is %d, but this program reads %d", q.Schema, Schema)
	}
	if !isID(q.ID) {
		return nil, fmt.Errorf("its ID is not one of 1 to %d letters and digits", maxIDBytes)
	}
	return q, nil
}

// isID reports whether a text can be the ID of a question, and thus a token of a subject.
func isID(id string) bool {
	for _, c := range []byte(id) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
			return false
		}
	}
	return id != "" && len(id) <= maxIDBytes
}

// Alive is the sign of life of a host.
type Alive struct {
	Schema int `json:"schema"`
	// Now is the host's clock in Unix seconds. The server records when the message has come.
	Now int64 `json:"now"`
	// InventoryAt is when the inventory that the server has stored was last known to be right, by the host's clock; 0 if it has stored none of
	// this agent. An inventory that has not changed is not published again.
	InventoryAt int64 `json:"inventory_at,omitempty"`
	// Problem says why the host cannot make its inventory; empty if it can.
	Problem string `json:"problem,omitempty"`
	// OmgVersion is the version of the agent.
	OmgVersion string `json:"omg_version"`
	// Interval is the time between two signs of life, in seconds.
	Interval int64 `json:"interval"`
	// Stopped means that the agent has ended in an orderly way, so that no further sign of life is expected.
	Stopped bool `json:"stopped,omitempty"`
	// Duplicate means that another agent publishes with the name of this host. Each replaces the state that the other has published.
	Duplicate bool `json:"duplicate,omitempty"`
}

// MissedBeats is the number of intervals without a sign of life after which an agent is considered to have ended.
const MissedBeats = 3

// ParseAlive returns the sign of life in a message.
func ParseAlive(data []byte) (*Alive, error) {
	a := &Alive{}
	return a, decode(data, maxAliveBytes, a)
}

// Reply is a host's reply to a question.
type Reply struct {
	Schema int `json:"schema"`
	// Now is the host's clock in Unix seconds.
	Now int64 `json:"now"`
	// Answer is nil if the host cannot answer. Problem is the reason.
	Answer  *question.Answer `json:"answer,omitempty"`
	Problem string           `json:"problem,omitempty"`
}

// ErrNoReply means that a message is not a reply of a host.
var ErrNoReply = errors.New("it is not a reply of omg-fleet")

// Encode returns the message of a reply.
func (r *Reply) Encode() ([]byte, error) {
	return pack(r, maxReplyBytes)
}

// pack returns a value as compressed JSON of at most limit bytes.
func pack(v any, limit int64) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	data := encoder().EncodeAll(text, nil)
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("the answer is larger than %d kB: ask for less", limit>>10)
	}
	return data, nil
}

// unpack reads what pack has returned into a value.
func unpack(data []byte, limit int, v any) error {
	// The server's acknowledgement of a message can be directed to any subject, but it is never compressed.
	if len(data) > limit || !bytes.HasPrefix(data, zstdMagic) {
		return ErrNoReply
	}
	text, err := decoder().DecodeAll(data, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoReply, err)
	}
	return decode(text, maxAnswerBytes, v)
}

func otherSchemaError(schema int) error {
	return fmt.Errorf("the schema of its reply is %d, but this program reads %d: use the same version of omg", schema, Schema)
}

// ParseReply returns the reply in a message.
func ParseReply(data []byte) (*Reply, error) {
	r := &Reply{}
	if err := unpack(data, maxReplyBytes, r); err != nil {
		return nil, err
	}
	if r.Schema != Schema {
		return nil, otherSchemaError(r.Schema)
	}
	r.Problem = shorten(r.Problem)
	if r.Answer != nil {
		r.Answer.Why, r.Answer.Reported, r.Answer.OmgVersion = shorten(r.Answer.Why), shorten(r.Answer.Reported), shorten(r.Answer.OmgVersion)
	}
	return r, nil
}

// maxTextBytes limits the texts of a host that are printed as a line.
const maxTextBytes = 500

func shorten(text string) string { return termtext.Shorten(text, maxTextBytes) }

// Encode returns the message for a question or a sign of life.
func Encode(v any) ([]byte, error) { return json.Marshal(v) }

func decode(data []byte, limit int, v any) error {
	if len(data) > limit {
		return fmt.Errorf("it is larger than %d kB", limit>>10)
	}
	return json.Unmarshal(data, v)
}

// zstdMagic is the beginning of each zstd frame: RFC 8878, section 3.1.1.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxAnswerBytes))
	if err != nil {
		panic(err)
	}
	return d
})

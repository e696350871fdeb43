package store

import (
	"log/slog"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// ValueStore stores values by bucket and key. Store implements it.
type ValueStore interface {
	Put(bucket, key string, value []byte, at time.Time) error
	Get(bucket, key string) (value []byte, at time.Time, ok bool)
}

// Load returns a value that Save has stored, and its time. The result ok is false if the value is missing,
// damaged or of another type.
func Load[T any](from ValueStore, bucket, key string) (v T, at time.Time, ok bool) {
	b, at, ok := from.Get(bucket, key)
	if !ok || msgpack.Unmarshal(b, &v) != nil {
		var none T
		return none, time.Time{}, false
	}
	return v, at, true
}

// Save stores a value. A failure is only logged, because it only affects the next start.
func Save[T any](in ValueStore, log *slog.Logger, bucket, key string, v T, at time.Time) {
	b, err := msgpack.Marshal(v)
	if err == nil {
		err = in.Put(bucket, key, b, at)
	}
	if err != nil {
		log.Warn("value not stored", "bucket", bucket, "key", key, "err", err)
	}
}

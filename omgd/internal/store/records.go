package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/omg-arch/omg/shared/wire"
)

const (
	keySchema  = "schema"
	headerSize = 16
)

// record is a value in its stored form.
type record struct {
	seq  uint64
	at   time.Time
	body []byte
}

// pendingValue is a value to be stored.
type pendingValue struct {
	bucket, key string
	value       []byte
}

// valueIndex has the write numbers and the sizes of all values, to enforce the limits of buckets.
type valueIndex struct {
	seq     uint64 // the number of the last write
	buckets map[string]*bucketIndex
}

// bucketIndex has the write number and the size of each value in a bucket.
type bucketIndex struct {
	valueInfoByKey map[string]valueInfo
	bytes          int
}

type valueInfo struct {
	seq  uint64
	size int
}

func (ix *valueIndex) bucket(name string) *bucketIndex {
	if ix.buckets == nil {
		ix.buckets = map[string]*bucketIndex{}
	}
	b := ix.buckets[name]
	if b == nil {
		b = &bucketIndex{valueInfoByKey: map[string]valueInfo{}}
		ix.buckets[name] = b
	}
	return b
}

func (b *bucketIndex) set(key string, s valueInfo) {
	b.bytes += s.size - b.valueInfoByKey[key].size
	b.valueInfoByKey[key] = s
}

func (b *bucketIndex) remove(key string) {
	b.bytes -= b.valueInfoByKey[key].size
	delete(b.valueInfoByKey, key)
}

// oldestExcess returns the key of the oldest value, if the bucket exceeds its limits.
func (b *bucketIndex) oldestExcess() (string, bool) {
	if len(b.valueInfoByKey) <= MaxBucketEntries && b.bytes <= MaxBucketBytes {
		return "", false
	}
	oldest, first := "", true
	for key, s := range b.valueInfoByKey {
		if first || s.seq < b.valueInfoByKey[oldest].seq {
			oldest, first = key, false
		}
	}
	return oldest, !first
}

// checkValue returns an error if a value cannot be stored.
func checkValue(bucket, key string, value []byte) error {
	switch {
	case bucket == "" || strings.Contains(bucket, "\x00") || len(bucket)+len(key) > MaxKey:
		return fmt.Errorf("%w: the bucket or the key is invalid", ErrValue)
	case len(value) > MaxValue:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrValue, len(value), MaxValue)
	}
	if err := wire.CheckMessagePack(value); err != nil {
		return fmt.Errorf("%w: %w", ErrValue, err)
	}
	return nil
}

func diskKey(bucket, key string) []byte { return append(append([]byte(bucket), 0), key...) }

func encodeRecord(r record) []byte {
	b := make([]byte, 0, headerSize+len(r.body))
	b = binary.BigEndian.AppendUint64(b, r.seq)
	b = binary.BigEndian.AppendUint64(b, uint64(r.at.UnixNano()))
	return append(b, r.body...)
}

// decodeRecord decodes and checks a stored value. The body of the result shares the memory of v.
func decodeRecord(v []byte) (record, bool) {
	if len(v) < headerSize || len(v) > headerSize+MaxValue || wire.CheckMessagePack(v[headerSize:]) != nil {
		return record{}, false
	}
	return record{
		binary.BigEndian.Uint64(v),
		time.Unix(0, int64(binary.BigEndian.Uint64(v[8:]))),
		v[headerSize:],
	}, true
}

// loadedData is the result of load.
type loadedData struct {
	valueIndex      valueIndex
	lastStatusEntry StatusEntry
}

// loadAll checks the schema and reads every value once, so that damage is found now and not later by a
// background job of Pebble. It removes invalid values.
func loadAll(db *pebble.DB, log *slog.Logger) (found loadedData, err error) {
	ix := &found.valueIndex
	v, closer, err := db.Get([]byte(keySchema))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return found, db.Set([]byte(keySchema), []byte{schemaVersion}, pebble.Sync)
	case err != nil:
		return found, err
	}
	version := string(v)
	if err := closer.Close(); err != nil {
		return found, err
	}
	if version != string([]byte{schemaVersion}) {
		return found, fmt.Errorf("unknown schema %x, this omgd uses %02x", version, schemaVersion)
	}
	it, err := db.NewIter(nil)
	if err != nil {
		return found, err
	}
	batch := db.NewBatch()
	defer batch.Close()
	for ok := it.First(); ok; ok = it.Next() {
		name, key, isValue := strings.Cut(string(it.Key()), "\x00")
		r, good := decodeRecord(it.Value())
		switch {
		case string(it.Key()) == keySchema:
		case isValue && good:
			ix.bucket(name).set(key, valueInfo{r.seq, len(r.body)})
			ix.seq = max(ix.seq, r.seq)
			if name == bucketStatus && key == keyLast {
				found.lastStatusEntry = StatusEntry{r.at, append([]byte(nil), r.body...)}
			}
		default:
			log.Warn("damaged value removed", "key", fmt.Sprintf("%q", it.Key()))
			if err := batch.Delete(it.Key(), nil); err != nil {
				return found, errors.Join(err, it.Close())
			}
		}
	}
	if err := it.Close(); err != nil {
		return found, err
	}
	return found, batch.Commit(pebble.NoSync)
}

// readRecord returns a copy of a value.
func readRecord(e *engine, bucket, key string) (record, bool, error) {
	v, err := runWithTimeout(e, e.limits.OperationTimeout, func() ([]byte, error) {
		v, closer, err := e.db.Get(diskKey(bucket, key))
		if err != nil {
			if errors.Is(err, pebble.ErrNotFound) {
				err = nil
			}
			return nil, err
		}
		v = append([]byte(nil), v...)
		return v, closer.Close()
	})
	if err != nil {
		return record{}, false, err
	}
	r, ok := decodeRecord(v)
	return r, ok, nil
}

// readStatusHistory returns the last n entries of the history, the oldest first.
func readStatusHistory(db *pebble.DB, n int) ([]StatusEntry, error) {
	it, err := db.NewIter(&pebble.IterOptions{
		LowerBound: diskKey(bucketHistory, ""), UpperBound: []byte(bucketHistory + "\x01"),
	})
	if err != nil {
		return nil, err
	}
	var out []StatusEntry
	for ok := it.Last(); ok && len(out) < n; ok = it.Prev() {
		if r, good := decodeRecord(it.Value()); good {
			out = append(out, StatusEntry{r.at, append([]byte(nil), r.body...)})
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out, it.Close()
}

// commit stores all values or none. If a bucket then exceeds its limits, commit removes the oldest values of
// the bucket.
func (s *Store) commit(e *engine, at time.Time, sync bool, writes ...pendingValue) error {
	opt := pebble.NoSync
	if sync && e.lock != nil { // a database in memory has no log to sync
		opt = pebble.Sync
	}
	seq := s.index.seq + 1
	var dropped, keys, values [][]byte
	for _, w := range writes {
		// Copy the keys and values: an operation that timed out may still run and read them.
		keys, values = append(keys, diskKey(w.bucket, w.key)), append(values, encodeRecord(record{seq, at, w.value}))
		b := s.index.bucket(w.bucket)
		b.set(w.key, valueInfo{seq, len(w.value)})
		for key, excess := b.oldestExcess(); excess; key, excess = b.oldestExcess() {
			b.remove(key)
			dropped = append(dropped, diskKey(w.bucket, key))
		}
	}
	s.index.seq = seq
	_, err := runWithTimeout(e, e.limits.OperationTimeout, func() (struct{}, error) {
		batch := e.db.NewBatch()
		defer batch.Close()
		for i := range keys {
			if err := batch.Set(keys[i], values[i], nil); err != nil {
				return struct{}{}, err
			}
		}
		for _, key := range dropped {
			if err := batch.Delete(key, nil); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, batch.Commit(opt)
	})
	return err
}

package answers

import (
	"bytes"
	"encoding/binary"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// MaxChunk is the maximum size of a chunk in bytes, unless a single package needs more. A value of MessagePack has at
// least one byte, so a chunk of this size cannot have more values than wire.MaxRequestValues.
const MaxChunk = 60 << 10

// writer builds the chunks of one result. It ignores errors of the encoder, which cannot fail because it writes to memory.
type writer struct {
	emit          Emit
	buf           bytes.Buffer
	enc           *msgpack.Encoder
	count         uint32 // the number of elements in the list that is being written
	listLenOffset int    // the offset in buf at which the length of this list is stored
	listKey       string // the key of this list
}

var writerPool = sync.Pool{New: func() any {
	w := &writer{}
	w.buf.Grow(4 << 10)
	w.enc = msgpack.NewEncoder(&w.buf)
	return w
}}

func newWriter(emit Emit) *writer {
	w := writerPool.Get().(*writer)
	w.emit = emit
	w.buf.Reset()
	w.count = 0
	return w
}

// release returns the writer to the pool.
func (w *writer) release() {
	w.emit = nil
	if w.buf.Cap() <= 2*MaxChunk {
		writerPool.Put(w)
	}
}

func (w *writer) writeMapLen(n int)   { _ = w.enc.EncodeMapLen(n) }
func (w *writer) writeKey(key string) { _ = w.enc.EncodeString(key) }

func (w *writer) writeUint(key string, v uint64) {
	w.writeKey(key)
	_ = w.enc.EncodeUint(v)
}

func (w *writer) writeString(key, v string) {
	w.writeKey(key)
	_ = w.enc.EncodeString(v)
}

func (w *writer) writeValue(key string, v any) {
	w.writeKey(key)
	_ = w.enc.Encode(v)
}

// field is an optional key-value pair of a result. It is written if isSet is true.
type field struct {
	key   string
	value any
	isSet bool
}

// beginChunk begins a chunk. A chunk is one MessagePack map: beginChunk writes the header of the map, the basis, and the fields
// that are set. The caller must then write callersPairs further key-value pairs, and after them the list.
func (w *writer) beginChunk(basis encodedBasis, callersPairs int, fields ...field) {
	pairs := basis.pairCount + callersPairs + 1
	for _, f := range fields {
		if f.isSet {
			pairs++
		}
	}
	w.writeMapLen(pairs)
	w.buf.Write(basis.bytes)
	for _, f := range fields {
		if f.isSet {
			w.writeValue(f.key, f.value)
		}
	}
}

// beginList begins the list that is the last value of a chunk. The method flush fills in the length of the list.
func (w *writer) beginList(key string) {
	const array32 = 0xdd
	w.writeKey(key)
	w.buf.Write([]byte{array32, 0, 0, 0, 0})
	w.listLenOffset, w.listKey, w.count = w.buf.Len()-4, key, 0
}

// beginElement begins a new element of the list that is being written. The element is a map, and the caller must write the given
// number of key-value pairs.
func (w *writer) beginElement(pairs int) {
	w.count++
	w.writeMapLen(pairs)
}

// writeElement encodes the value v and adds it to the list that is being written.
func (w *writer) writeElement(v any) error {
	b, err := msgpack.Marshal(v)
	if err != nil {
		return err
	}
	if err := w.makeRoomFor(len(b)); err != nil {
		return err
	}
	w.count++
	w.buf.Write(b)
	return nil
}

// lacksRoomFor reports whether an element of n bytes does not fit into the current chunk.
func (w *writer) lacksRoomFor(n int) bool {
	const overlay = 64 // maximum size in bytes of the fields that are added to a stored package record in each reply
	return w.count > 0 && w.buf.Len()+n+overlay > MaxChunk
}

// makeRoomFor emits the current chunk and begins a new chunk if an element of n bytes does not fit. The new chunk has only the
// key of the list, with the next elements.
func (w *writer) makeRoomFor(n int) error {
	if !w.lacksRoomFor(n) {
		return nil
	}
	if err := w.flush(true); err != nil {
		return err
	}
	w.writeMapLen(1)
	w.beginList(w.listKey)
	return nil
}

// flush fills in the length of the current list and emits the current chunk.
func (w *writer) flush(more bool) error {
	binary.BigEndian.PutUint32(w.buf.Bytes()[w.listLenOffset:], w.count)
	err := w.emit(w.buf.Bytes(), more)
	w.buf.Reset()
	return err
}

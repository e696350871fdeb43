// Package gitpack reads the files of one commit from a pack, the form in which git sends and stores objects. It runs no git, follows no link
// and reads no configuration.
//
// A pack comes from the network. Each object is read as a stream and its SHA-1 is computed, so that a file of the commit is the one that the commit
// names. The format is that of git's documentation: gitformat-pack(5).
package gitpack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zlib"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// Magic is the beginning of each pack.
const Magic = "PACK"

// Limits of a pack. A pack with one commit of the AUR's archive has 4 objects, and about 100 MiB without compression.
const (
	maxObjects = 1000
	// maxTotalBytes limits the size of all objects together, without compression.
	maxTotalBytes = 2 << 30
	// maxInMemoryBytes limits the size of an object that has to be in memory: a commit, a directory, and an object that is sent as a difference
	// (a delta), with the object that it differs from.
	maxInMemoryBytes = 256 << 20
)

const (
	headerSize  = 12
	trailerSize = sha1.Size
	version     = 2
)

// objectID is the name of an object: the SHA-1 of its kind, size and content.
type objectID [sha1.Size]byte

func (id objectID) String() string { return hex.EncodeToString(id[:]) }

// objectKind is the kind of an object. The numbers are those of the format.
type objectKind byte

const (
	kindCommit   objectKind = 1
	kindTree     objectKind = 2
	kindBlob     objectKind = 3
	kindTag      objectKind = 4
	kindRefDelta objectKind = 7
)

var kindNames = map[objectKind]string{kindCommit: "commit", kindTree: "tree", kindBlob: "blob", kindTag: "tag"}

// object is an object of a pack.
type object struct {
	kind   objectKind
	offset int64 // of the compressed content
	size   int64 // of the content
	id     objectID
	// content is the content of a commit, of a tree, and of an object that was sent as a delta; nil for any other object.
	content []byte
	base    objectID // of a delta: the object that it differs from
}

// Pack is a pack with one commit.
type Pack struct {
	// Commit is the name of the commit, and CommittedAt its time in Unix seconds.
	Commit      string
	CommittedAt int64

	content io.ReaderAt
	size    int64
	objects map[objectID]*object
	files   map[string]objectID // the regular files in the top directory of the commit
}

// Open checks a pack of the given size, and reads its objects once. The pack must contain exactly one commit, with its files. The errors wrap those of
// package sourcefile.
func Open(ctx context.Context, content io.ReaderAt, size int64) (*Pack, error) {
	p := &Pack{content: content, size: size, objects: map[objectID]*object{}, files: map[string]objectID{}}
	if err := p.checkTrailer(ctx); err != nil {
		return nil, err
	}
	deltas, err := p.readObjects(ctx)
	if err == nil {
		err = p.resolve(ctx, deltas)
	}
	if err == nil {
		err = p.findFiles()
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// File returns the content of a regular file in the top directory of the commit.
func (p *Pack) File(name string) (io.Reader, error) {
	id, ok := p.files[name]
	if !ok {
		return nil, damaged("the commit %s has no file %s", p.Commit, name)
	}
	o := p.objects[id]
	switch {
	case o == nil || o.kind != kindBlob:
		return nil, damaged("the file %s of the commit %s is missing", name, p.Commit)
	case o.content != nil:
		return bytes.NewReader(o.content), nil
	}
	return zlib.NewReader(bufio.NewReader(io.NewSectionReader(p.content, o.offset, p.size-o.offset)))
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", sourcefile.ErrDamaged, fmt.Sprintf(format, args...))
}

// checkTrailer compares the pack with the SHA-1 at its end.
func (p *Pack) checkTrailer(ctx context.Context) error {
	if p.size < headerSize+trailerSize {
		return sourcefile.ErrTruncated
	}
	sum := sha1.New()
	in := &contextReader{ctx, io.NewSectionReader(p.content, 0, p.size-trailerSize)}
	if _, err := io.Copy(sum, in); err != nil {
		return err
	}
	var trailer objectID
	if _, err := p.content.ReadAt(trailer[:], p.size-trailerSize); err != nil {
		return err
	}
	if objectID(sum.Sum(nil)) != trailer {
		return damaged("the checksum of the pack is wrong, or its end is missing")
	}
	return nil
}

// packReader reads a pack and knows its position. It does not read ahead of what it returns, as the decompressor needs it.
type packReader struct {
	in *bufio.Reader
	at int64
}

func (r *packReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.at += int64(n)
	return n, err
}

func (r *packReader) ReadByte() (byte, error) {
	b, err := r.in.ReadByte()
	if err == nil {
		r.at++
	}
	return b, err
}

// readObjects reads all objects, and returns those that are deltas.
func (p *Pack) readObjects(ctx context.Context) (deltas []*object, err error) {
	r := &packReader{in: bufio.NewReaderSize(&contextReader{ctx, io.NewSectionReader(p.content, 0, p.size-trailerSize)}, 64<<10)}
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	if string(header[:4]) != Magic {
		return nil, damaged("it is not a pack of git")
	}
	if v := binary.BigEndian.Uint32(header[4:]); v != version {
		return nil, damaged("the pack has version %d, not %d", v, version)
	}
	count := binary.BigEndian.Uint32(header[8:])
	if count > maxObjects {
		return nil, fmt.Errorf("%w: the pack has %d objects, at most %d", sourcefile.ErrOversize, count, maxObjects)
	}
	left := int64(maxTotalBytes)
	for range count {
		o, err := p.readObject(r, &left)
		if err != nil {
			return nil, err
		}
		if o.kind == kindRefDelta {
			deltas = append(deltas, o)
			continue
		}
		p.objects[o.id] = o
	}
	if r.at != p.size-trailerSize {
		return nil, damaged("data after the last object of the pack")
	}
	return deltas, nil
}

// readObject reads the next object. The parameter left is the number of bytes that the remaining objects may have.
func (p *Pack) readObject(r *packReader, left *int64) (*object, error) {
	o := &object{}
	var err error
	if o.kind, o.size, err = readObjectHeader(r); err != nil {
		return nil, truncatedAtEOF(err)
	}
	if *left -= o.size; *left < 0 {
		return nil, fmt.Errorf("%w: the objects of the pack have more than %d bytes", sourcefile.ErrOversize, maxTotalBytes)
	}
	var sink io.Writer
	var sum hash.Hash
	var kept bytes.Buffer
	switch o.kind {
	case kindCommit, kindTree, kindRefDelta:
		if o.size > maxInMemoryBytes {
			return nil, tooLargeForMemory()
		}
		sink = &kept
	case kindBlob, kindTag:
		sum = newObjectHash(o.kind, o.size)
		sink = sum
	default:
		return nil, damaged("the pack has an object of kind %d, which was not requested", o.kind)
	}
	if o.kind == kindRefDelta {
		if _, err := io.ReadFull(r, o.base[:]); err != nil {
			return nil, truncatedAtEOF(err)
		}
	}
	o.offset = r.at
	z, err := zlib.NewReader(r)
	if err == nil {
		var n int64
		if n, err = io.Copy(sink, io.LimitReader(z, o.size+1)); err == nil && n != o.size {
			return nil, damaged("an object has another size than %d bytes", o.size)
		}
	}
	if err != nil {
		return nil, truncatedAtEOF(err)
	}
	switch {
	case sum != nil:
		o.id = objectID(sum.Sum(nil))
	case o.kind != kindRefDelta:
		o.content = kept.Bytes()
		o.id = hashOf(o.kind, o.content)
	default:
		o.content = kept.Bytes()
	}
	return o, nil
}

// readObjectHeader reads the kind and the size of an object: 7 bits in each byte, the lowest first, but only 4 bits in the first byte, after the kind.
func readObjectHeader(r io.ByteReader) (objectKind, int64, error) {
	b, err := r.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	kind, size := objectKind(b>>4&7), int64(b&15)
	for shift := 4; b&0x80 != 0; shift += 7 {
		if b, err = r.ReadByte(); err != nil {
			return 0, 0, err
		}
		if shift > 40 {
			return 0, 0, damaged("the size of an object is impossible")
		}
		size |= int64(b&0x7f) << shift
	}
	return kind, size, nil
}

// resolve applies the deltas. Each round applies those that differ from an object that is known already.
func (p *Pack) resolve(ctx context.Context, deltas []*object) error {
	inMemory := int64(0)
	for len(deltas) > 0 {
		var later []*object
		for _, d := range deltas {
			base := p.objects[d.base]
			if base == nil {
				later = append(later, d)
				continue
			}
			content, err := p.inMemory(ctx, base)
			if err == nil {
				d.content, err = applyDelta(content, d.content)
			}
			if err != nil {
				return err
			}
			if inMemory += int64(len(d.content)); inMemory > maxInMemoryBytes {
				return tooLargeForMemory()
			}
			d.kind, d.size = base.kind, int64(len(d.content))
			d.id = hashOf(d.kind, d.content)
			p.objects[d.id] = d
		}
		if len(later) == len(deltas) {
			return damaged("an object differs from the object %s, which is missing", later[0].base)
		}
		deltas = later
	}
	return nil
}

// inMemory returns the whole content of an object.
func (p *Pack) inMemory(ctx context.Context, o *object) ([]byte, error) {
	if o.content != nil {
		return o.content, nil
	}
	if o.size > maxInMemoryBytes {
		return nil, tooLargeForMemory()
	}
	z, err := zlib.NewReader(bufio.NewReader(io.NewSectionReader(p.content, o.offset, p.size-o.offset)))
	if err != nil {
		return nil, err
	}
	content := make([]byte, o.size)
	_, err = io.ReadFull(&contextReader{ctx, z}, content)
	return content, err
}

// findFiles finds the commit, and the regular files in its top directory.
func (p *Pack) findFiles() error {
	var commit *object
	for _, o := range p.objects {
		if o.kind != kindCommit {
			continue
		}
		if commit != nil {
			return damaged("the pack has several commits")
		}
		commit = o
	}
	if commit == nil {
		return damaged("the pack has no commit")
	}
	p.Commit = commit.id.String()
	treeID, err := p.parseCommit(commit.content)
	if err != nil {
		return err
	}
	tree := p.objects[treeID]
	if tree == nil || tree.kind != kindTree {
		return damaged("the directory of the commit %s is missing", p.Commit)
	}
	// Each entry is the mode, a space, the name, a zero, and the name of the object.
	for rest := tree.content; len(rest) > 0; {
		mode, after, ok := bytes.Cut(rest, []byte(" "))
		name, object, found := bytes.Cut(after, []byte{0})
		if !ok || !found || len(object) < sha1.Size {
			return damaged("the directory of the commit %s cannot be read", p.Commit)
		}
		if strings.HasPrefix(string(mode), "100") { // a regular file
			p.files[string(name)] = objectID(object[:sha1.Size])
		}
		rest = object[sha1.Size:]
	}
	return nil
}

// parseCommit sets the time of the commit, and returns its directory.
func (p *Pack) parseCommit(content []byte) (tree objectID, err error) {
	header, _, _ := strings.Cut(string(content), "\n\n")
	for line := range strings.Lines(header) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "tree":
			if id, err := hex.DecodeString(value); err == nil && len(id) == sha1.Size {
				tree = objectID(id)
			}
		case "committer": // NAME <ADDRESS> SECONDS ZONE
			fields := strings.Fields(value[strings.LastIndexByte(value, '>')+1:])
			if len(fields) > 0 {
				p.CommittedAt, _ = strconv.ParseInt(fields[0], 10, 64)
			}
		}
	}
	if p.CommittedAt <= 0 {
		return tree, damaged("the commit %s has no time", p.Commit)
	}
	return tree, nil
}

func newObjectHash(kind objectKind, size int64) hash.Hash {
	sum := sha1.New()
	fmt.Fprintf(sum, "%s %d\x00", kindNames[kind], size)
	return sum
}

func hashOf(kind objectKind, content []byte) objectID {
	sum := newObjectHash(kind, int64(len(content)))
	sum.Write(content)
	return objectID(sum.Sum(nil))
}

func tooLargeForMemory() error {
	return fmt.Errorf("%w: an object of the pack needs more than %d MiB of memory", sourcefile.ErrOversize, maxInMemoryBytes>>20)
}

// truncatedAtEOF converts the end of the objects in the middle of one to an error of package sourcefile. The checksum of the pack is right, so that it
// was written in this way.
func truncatedAtEOF(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return sourcefile.ErrTruncated
	}
	return err
}

// contextReader stops when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Package publisher writes a published directory, which shared/publication describes. Readers of the directory, and of a copy of it, see
// the last state or the next one: objects are written before the manifest that names them, the signature is written last, and an object
// is removed when no manifest of the last week names it.
package publisher

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"aead.dev/minisign"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/records"
)

var (
	// ErrLocked means that another process publishes into the directory.
	ErrLocked = errors.New("another omg-index publishes into this directory")
	// ErrChanged means that the last manifest in the directory is not what this key has signed.
	ErrChanged = errors.New("somebody has changed what was published last")
)

// dirMode is the mode of directories, whatever the umask: a web server must read them.
const dirMode = 0o755

// Options control a publication.
type Options struct {
	Key minisign.PrivateKey
	// Note is a text for readers.
	Note string
	// At is the time of the publication, and Expires when the next one is due.
	At, Expires time.Time
	// WritePatch writes the patch from one content of a source to another one.
	WritePatch func(out io.Writer, from, to io.Reader) error
	// PatchCount is the maximum number of earlier contents of a source from which there are patches.
	PatchCount int
}

// Result describes a publication.
type Result struct {
	Manifest *publication.Manifest
	// ObjectBytes is the size of all objects that the manifest names.
	ObjectBytes int64
	// WrittenObjects and WrittenBytes are the number and the size of the objects that were not in the directory before, and RemovedObjects is
	// the number of those that were removed.
	WrittenObjects, RemovedObjects int
	WrittenBytes                   int64
	// Ended lists the names of the sources that the last manifest had and this one has not: machines ask elsewhere for them.
	Ended []string
}

// Directory is a published directory that this process has locked.
type Directory struct {
	path    string
	lock    *atomicfile.Lock
	options *Options
	// history has the manifests in the directory, the latest first.
	history []*publication.Manifest
	// last is the latest manifest that the key of the options has signed; nil if there is none.
	last     *publication.Manifest
	otherKey bool
	sources  []publication.Source
	result   Result
}

// Open creates the directory at path if it does not exist, locks it, and reads what was published last. The caller must call Close.
func Open(path string, o *Options) (d *Directory, err error) {
	if d, err = lock(path, o); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = d.Close()
		}
	}()
	if d.history, err = d.readHistory(); err != nil {
		return nil, err
	}
	return d, d.readLast()
}

// lock creates the directory if it does not exist, and locks it.
func lock(path string, o *Options) (*Directory, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return nil, err
		}
		if err := os.Chmod(path, dirMode); err != nil {
			return nil, err
		}
	}
	f, err := atomicfile.LockDir(path, path, ErrLocked)
	if err != nil {
		return nil, err
	}
	return &Directory{path: path, lock: f, options: o}, nil
}

// Close releases the lock.
func (d *Directory) Close() error { return d.lock.Close() }

// HasOtherKey reports whether another key than that of the options has signed the last manifest.
func (d *Directory) HasOtherKey() bool { return d.otherKey }

// findSource returns the source of a manifest with the same kind, name and architecture; nil if there is none.
func findSource(m *publication.Manifest, s *publication.Source) *publication.Source {
	for i := range m.Sources {
		if f := &m.Sources[i]; f.Kind == s.Kind && f.Name == s.Name && f.Architecture == s.Architecture {
			return f
		}
	}
	return nil
}

// Add adds a source to the next manifest, and writes its object and its patches. The source has the kind, the name, the architecture, the
// time and the index, and the function write writes the content. The warnings are about patches that are missing.
func (d *Directory) Add(ctx context.Context, s publication.Source, write func(io.Writer) error) (warnings []string, err error) {
	object, size, hash, err := compress(write)
	if err != nil {
		return nil, err
	}
	s.Size, s.SHA256 = size, hash
	if s.Object, err = d.writeObject(object); err != nil {
		return nil, err
	}
	if s.Patches, warnings, err = d.patches(ctx, &s); err != nil {
		return nil, err
	}
	d.sources = append(d.sources, s)
	return warnings, ctx.Err()
}

// Keep adds the sources of a kind and name to the next manifest as they were published last, because they cannot be read now, and returns
// them.
func (d *Directory) Keep(kind, name string) (kept []publication.Source) {
	if d.last != nil {
		for _, s := range d.last.Sources {
			if s.Kind == kind && s.Name == name {
				kept = append(kept, s)
			}
		}
	}
	d.sources = append(d.sources, kept...)
	return kept
}

// Open returns a reader of the content of a source of the next manifest; nil if it has none of this kind and name.
func (d *Directory) Open(ctx context.Context, kind, name string) (io.ReadCloser, error) {
	for i := range d.sources {
		if s := &d.sources[i]; s.Kind == kind && s.Name == name {
			return publication.OpenContent(ctx, publication.Dir(d.path), s)
		}
	}
	return nil, nil
}

// Commit signs a manifest of the sources that were added, and then removes what is no longer needed. An error after the manifest was
// signed is returned with the result.
func (d *Directory) Commit() (*Result, error) {
	m := &publication.Manifest{
		Header: publication.Header{Sequence: d.nextSequence(), Created: d.options.At.Unix(), Expires: d.options.Expires.Unix()},
		Note:   d.options.Note, Sources: append([]publication.Source{}, d.sources...),
	}
	slices.SortFunc(m.Sources, func(a, b publication.Source) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Architecture, b.Architecture))
	})
	document, err := m.Encode()
	if err != nil {
		return nil, err
	}
	if err := d.replaceDocument(publication.ManifestName, document); err != nil {
		return nil, err
	}
	d.result.Manifest = m
	if d.last != nil {
		for _, s := range d.last.Sources {
			if !slices.ContainsFunc(m.Sources, func(now publication.Source) bool { return now.Kind == s.Kind && now.Name == s.Name }) {
				d.result.Ended = append(d.result.Ended, s.Name+" ("+s.Kind+")")
			}
		}
	}
	sizes := map[string]int64{}
	for i := range m.Sources {
		for _, o := range m.Sources[i].Objects() {
			sizes[o.Name()] = o.Size
		}
	}
	for _, size := range sizes {
		d.result.ObjectBytes += size
	}
	return &d.result, d.removeOld(m)
}

// nextSequence returns the sequence of the next manifest: the time, so that it also grows if the directory is lost, or one more than that of
// the last manifest of this key.
func (d *Directory) nextSequence() int64 {
	next := d.options.At.Unix()
	if d.last != nil {
		next = max(next, d.last.Sequence+1)
	}
	return next
}

// PublishStatement writes a statement that names online keys into the directory at path, and signs it with the key of the options, which is
// an offline key.
func PublishStatement(path string, keys []string, o *Options) (*publication.Statement, error) {
	d, err := lock(path, o)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	s := &publication.Statement{
		Header: publication.Header{Sequence: o.At.Unix(), Created: o.At.Unix(), Expires: o.Expires.Unix()}, Keys: keys,
	}
	last, err := publication.ReadStatement(context.Background(), publication.Dir(path), o.Key.Public().(minisign.PublicKey))
	switch {
	case err == nil:
		s.Sequence = max(s.Sequence, last.Sequence+1)
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, publication.ErrSignature) && !errors.Is(err, publication.ErrDamaged):
		return nil, err
	}
	document, err := s.Encode()
	if err != nil {
		return nil, err
	}
	return s, d.replaceDocument(publication.StatementName, document)
}

// compress returns an object with the content that the function write writes, and the size and the hash of the content.
func compress(write func(io.Writer) error) (object []byte, size int64, hash string, err error) {
	var b bytes.Buffer
	w, err := records.NewCompressor(&b)
	if err != nil {
		return nil, 0, "", err
	}
	sum := sha256.New()
	counted := &counter{w: io.MultiWriter(w, sum)}
	if err := errors.Join(write(counted), w.Close()); err != nil {
		return nil, 0, "", err
	}
	return b.Bytes(), counted.n, hex.EncodeToString(sum.Sum(nil)), nil
}

// counter counts the bytes that are written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	if err == nil && c.n > publication.MaxContentBytes {
		err = fmt.Errorf("more than %d bytes", int64(publication.MaxContentBytes))
	}
	return n, err
}

// writeObject writes an object, unless it is there already.
func (d *Directory) writeObject(content []byte) (publication.Object, error) {
	o := publication.Object{Size: int64(len(content)), SHA256: publication.Digest(content)}
	if o.Size > publication.MaxObjectBytes {
		return o, fmt.Errorf("the object has %d bytes, more than %d", o.Size, publication.MaxObjectBytes)
	}
	there, err := publication.Dir(d.path).Fetch(context.Background(), o.Name(), o.Size)
	if err == nil && bytes.Equal(there, content) {
		return o, nil
	}
	if err := d.write(o.Name(), content); err != nil {
		return o, err
	}
	d.result.WrittenObjects++
	d.result.WrittenBytes += o.Size
	return o, nil
}

// replaceDocument writes a document, under its hash first, then its copy for people, and at last its signature: this is the step that
// readers see.
func (d *Directory) replaceDocument(name string, document []byte) error {
	signature, err := publication.Sign(d.options.Key, name, document, d.options.At)
	if err != nil {
		return err
	}
	if err := d.write(publication.CopyName(name, document), document); err != nil {
		return err
	}
	if err := d.replace(name, document); err != nil {
		return err
	}
	return d.replace(name+publication.SignatureSuffix, signature)
}

// fileOptions are those of all files of the directory.
var fileOptions = atomicfile.Options{Mode: 0o644, Sync: true}

// write writes a file that never changes, and makes its directory.
func (d *Directory) write(name string, content []byte) error {
	path := filepath.Join(d.path, filepath.FromSlash(name))
	if err := d.makeDirs(filepath.Dir(path)); err != nil {
		return err
	}
	return atomicfile.Write(path, content, fileOptions)
}

// replace replaces a file that each publication changes. Its modification time is that of the publication, and at least one second after that
// of the file before: to web servers, caches and rsync, two files of the same size are the same if their times are, in seconds.
func (d *Directory) replace(name string, content []byte) error {
	path := filepath.Join(d.path, name)
	modified := d.options.At.Unix()
	fi, err := os.Stat(path)
	switch {
	case err == nil:
		modified = max(modified, fi.ModTime().Unix()+1)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return atomicfile.WriteTo(path, fileOptions, func(f *atomicfile.File) error {
		if _, err := f.Write(content); err != nil {
			return err
		}
		at := time.Unix(modified, 0)
		return os.Chtimes(f.Name(), at, at)
	})
}

// makeDirs makes a directory below the published directory, so that it survives a power failure.
func (d *Directory) makeDirs(path string) error {
	err := os.Mkdir(path, dirMode)
	if err == nil {
		err = os.Chmod(path, dirMode)
	}
	switch parent := filepath.Dir(path); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist) && len(parent) > len(d.path):
		if err := d.makeDirs(parent); err != nil {
			return err
		}
		return d.makeDirs(path)
	case err != nil:
		return err
	default:
		f, err := os.Open(parent)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := f.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // some file systems cannot sync a directory
			return err
		}
		return nil
	}
}

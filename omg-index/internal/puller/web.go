package puller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/publication"
)

// maxResumes is how often an object is requested again after its download broke off.
const maxResumes = 3

// NetworkError is the error of a request to a server that did not send a file.
type NetworkError struct{ Err error }

func (e *NetworkError) Error() string { return fetch.ErrorText("the server", e.Err) }

func (e *NetworkError) Unwrap() error { return e.Err }

// Web gets the files of a published directory from a web server. What is signed may come over plain HTTP as well.
type Web struct {
	address string
	client  *fetch.Client
	// The directory of the pull, and what is remembered about this server: set by Pull.
	dir    string
	record *mirrorRecord
	// requested has the names that were requested in this pull, and received the bytes that the server has sent.
	requested map[string]bool
	received  int64
	// timeLeft is how long this pull waits for the server in all: set by Pull.
	timeLeft time.Duration
}

// NewWeb returns the mirror at an address, which begins with http:// or https://.
func NewWeb(address string, client *fetch.Client) Mirror {
	return Mirror{address, &Web{address: strings.TrimRight(address, "/"), client: client, requested: map[string]bool{}}}
}

// Fetch implements publication.Fetcher. A signature is requested only if it has changed. Files that never change are not requested again, and an
// object whose download broke off goes on where it ended.
func (w *Web) Fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	again := w.requested[name]
	w.requested[name] = true
	switch {
	case strings.HasSuffix(name, publication.SignatureSuffix):
		return w.fetchSignature(ctx, name, limit, again)
	case strings.HasPrefix(name, publication.ObjectDir+"/"):
		return w.fetchObject(ctx, name, limit, again)
	}
	return w.fetchDocument(ctx, name, limit, again)
}

// Received returns the number of bytes that the server has sent.
func (w *Web) Received() int64 { return w.received }

func (w *Web) get(ctx context.Context, name string, r fetch.Request, to io.Writer) (fetch.Response, error) {
	if w.timeLeft <= 0 {
		return fetch.Response{}, &NetworkError{fetch.ErrSlow}
	}
	r.URL, r.AllowHTTP, r.Timeout = w.address+"/"+name, true, w.timeLeft
	begin := time.Now()
	got, err := w.client.Get(ctx, r, &countingWriter{to, &w.received})
	w.timeLeft -= time.Since(begin)
	var status *fetch.StatusError
	switch {
	case err == nil || ctx.Err() != nil:
		return got, err
	case errors.Is(err, fetch.ErrTooLarge):
		return got, fmt.Errorf("%w: %w", publication.ErrTooLarge, err)
	case errors.As(err, &status) && (status.Code == http.StatusNotFound || status.Code == http.StatusGone):
		return got, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return got, &NetworkError{err}
}

type countingWriter struct {
	io.Writer
	n *int64
}

func (w *countingWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	*w.n += int64(n)
	return n, err
}

func (w *Web) fetchSignature(ctx context.Context, name string, limit int64, again bool) ([]byte, error) {
	r := fetch.Request{MaxBytes: limit, Revalidate: again}
	kept, found := w.record.Signatures[name]
	if found && !again {
		r.ETag, r.LastModified = kept.ETag, kept.LastModified
	}
	var content bytes.Buffer
	got, err := w.get(ctx, name, r, &content)
	switch {
	case err != nil:
		return nil, err
	case got.NotModified:
		return kept.Content, nil
	}
	next := keptSignature{Content: content.Bytes()}
	if !isRecent(got.LastModified) {
		next.ETag, next.LastModified = got.ETag, got.LastModified
	}
	w.record.Signatures[name] = next
	return content.Bytes(), nil
}

// isRecent reports whether a file may have changed again within the second of its last change. Neither this time nor the ETag that servers
// such as nginx make of it would show that.
func isRecent(lastModified string) bool {
	at, err := http.ParseTime(lastModified)
	return err == nil && time.Since(at) < 2*time.Second
}

// fetchDocument gets a document. It is kept under its name, if this has its hash.
func (w *Web) fetchDocument(ctx context.Context, name string, limit int64, again bool) ([]byte, error) {
	hash, isHashed := strings.CutSuffix(path.Base(name), ".json")
	isHashed = isHashed && strings.Contains(name, "/")
	keptPath := filepath.Join(w.dir, documentsDir, hash+".json")
	if isHashed && !again {
		if kept, err := os.ReadFile(keptPath); err == nil && int64(len(kept)) <= limit && publication.Digest(kept) == hash {
			return kept, nil
		}
	}
	var content bytes.Buffer
	if _, err := w.get(ctx, name, fetch.Request{MaxBytes: limit, Revalidate: again}, &content); err != nil {
		return nil, err
	}
	if isHashed && publication.Digest(content.Bytes()) == hash {
		if err := atomicfile.Write(keptPath, content.Bytes(), atomicfile.Options{Mode: 0o644}); err != nil {
			return nil, err
		}
	}
	return content.Bytes(), nil
}

// fetchObject gets an object. What has arrived is in a file, so that the next request, also that of a later process or to another mirror,
// is for the rest: the name of the object is the hash of its content.
func (w *Web) fetchObject(ctx context.Context, name string, limit int64, again bool) ([]byte, error) {
	partPath := filepath.Join(w.dir, objectsDir, path.Base(name))
	part, err := os.OpenFile(partPath, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	defer part.Close()
	fi, err := part.Stat()
	if err != nil {
		return nil, err
	}
	content, err := w.fetchPart(ctx, name, part, limit, again)
	if err == nil && fi.Size() > 0 && publication.Digest(content) != strings.TrimSuffix(path.Base(name), ".zst") {
		// The beginning, which another mirror may have sent, was wrong.
		content, err = w.fetchPart(ctx, name, part, limit, true)
	}
	if err != nil {
		return nil, err
	}
	return content, os.Remove(partPath)
}

// fetchPart requests what the file part does not have of an object, or all of it, and returns the object.
func (w *Web) fetchPart(ctx context.Context, name string, part *os.File, limit int64, whole bool) ([]byte, error) {
	if err := w.fetchRest(ctx, name, part, limit, whole); err != nil {
		return nil, err
	}
	if _, err := part.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(part, limit+1))
}

// fetchRest requests the rest of an object until the file part has all of it.
func (w *Web) fetchRest(ctx context.Context, name string, part *os.File, limit int64, whole bool) error {
	etag := ""
	for resumes := 0; ; resumes++ {
		size, err := part.Seek(0, io.SeekEnd)
		if err == nil && (size >= limit || whole && resumes == 0) { // it is no beginning of the object
			size, err = 0, restart(part)
		}
		if err != nil {
			return err
		}
		got, err := w.get(ctx, name, fetch.Request{
			MaxBytes: limit, Offset: size, IfRange: etag, Restart: func() error { return restart(part) }, Revalidate: whole,
		}, part)
		etag = got.ETag
		now, seekErr := part.Seek(0, io.SeekEnd)
		var status *fetch.StatusError
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case seekErr != nil:
			return seekErr
		case size > 0 && (errors.As(err, &status) && status.Code == http.StatusRequestedRangeNotSatisfiable || errors.Is(err, fetch.ErrRange)):
			if err := restart(part); err != nil { // this server has no such rest: request the whole object
				return err
			}
		case errors.As(err, &status), !errors.As(err, new(*NetworkError)), now <= size:
			return err
		}
		if resumes == maxResumes {
			return err
		}
	}
}

func restart(part *os.File) error {
	_, err := part.Seek(0, io.SeekStart)
	return errors.Join(err, part.Truncate(0))
}

// Package gitfetch downloads the latest commit of a git repository over HTTP, as `git clone --depth 1` does, without git: a clone runs what its
// configuration says, and keeps objects that nobody needs. It uses the first version of git's protocol (gitprotocol-http(5)), which all servers have.
package gitfetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/fetch"
)

// ErrNotRepository means that a server's reply is not that of a git repository.
var ErrNotRepository = errors.New("the reply is not that of a git repository")

// maxRefsBytes limits the list of a repository's branches and tags in bytes.
const maxRefsBytes = 256 << 10

// Getter sends requests. fetch.Client implements it.
type Getter interface {
	Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Response, error)
}

// Repository is a git repository on a server.
type Repository struct {
	Getter
	// URL is its address, such as https://example.org/archive.git.
	URL string
	// MaxBytes limits the size of a pack. Timeout limits each request.
	MaxBytes int64
	Timeout  time.Duration
}

// address returns the address of a service of the repository.
func (r *Repository) address(service, query string) (string, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return "", err
	}
	u = u.JoinPath(service)
	u.RawQuery = query
	return u.String(), nil
}

// Head returns the name of the latest commit: the SHA-1 in hexadecimal.
func (r *Repository) Head(ctx context.Context) (string, error) {
	address, err := r.address("info/refs", "service=git-upload-pack")
	if err != nil {
		return "", err
	}
	var reply bytes.Buffer
	if _, err := r.Get(ctx, fetch.Request{URL: address, MaxBytes: maxRefsBytes, Timeout: r.Timeout}, &reply); err != nil {
		return "", err
	}
	for line := range packetLines(reply.Bytes()) {
		if text, ok := strings.CutPrefix(line, "ERR "); ok {
			return "", fmt.Errorf("%w: the server says %.100q", ErrNotRepository, text)
		}
		ref, _, _ := strings.Cut(line, "\x00") // what the server supports follows the first name
		if commit, name, _ := strings.Cut(ref, " "); name == "HEAD" && isCommitName(commit) {
			return commit, nil
		}
	}
	return "", fmt.Errorf("%w with a commit", ErrNotRepository)
}

// Download writes the pack of a commit to w: the commit without the commits before it, and its files. The caller has to check the pack.
func (r *Repository) Download(ctx context.Context, commit string, w io.Writer) (fetch.Response, error) {
	address, err := r.address("git-upload-pack", "")
	if err != nil {
		return fetch.Response{}, err
	}
	request := packetLine("want "+commit+" no-progress\n") + packetLine("deepen 1\n") + flushPacket + packetLine("done\n")
	pack := &packWriter{w: w}
	got, err := r.Get(ctx, fetch.Request{
		URL: address, MaxBytes: r.MaxBytes, Timeout: r.Timeout, Body: request, ContentType: "application/x-git-upload-pack-request",
	}, pack)
	if err == nil && !pack.begun {
		err = fmt.Errorf("%w: it has no pack", ErrNotRepository)
	}
	return got, err
}

// isCommitName reports whether a text is the SHA-1 of an object in hexadecimal.
func isCommitName(s string) bool {
	return len(s) == 40 && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0") != ""
}

const (
	// A packet line begins with its length in 4 hexadecimal digits, which count too. Some lengths are too small for that: they are a separator.
	lengthSize  = 4
	flushPacket = "0000"
)

func packetLine(text string) string { return fmt.Sprintf("%04x%s", lengthSize+len(text), text) }

// packetLines returns the packet lines of a reply without the newlines at their ends. It ends at a line that is not one.
func packetLines(reply []byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for len(reply) > 0 {
			text, size, ok := cutPacketLine(reply)
			if !ok || !yield(text) {
				return
			}
			reply = reply[size:]
		}
	}
}

// cutPacketLine returns the text of the packet line at the beginning of b, and the size of the line. A separator has no text. It returns false if b does
// not begin with a whole line.
func cutPacketLine(b []byte) (text string, size int, ok bool) {
	if len(b) < lengthSize {
		return "", 0, false
	}
	n, err := strconv.ParseUint(string(b[:lengthSize]), 16, 16)
	switch {
	case err != nil, int(n) > len(b):
		return "", 0, false
	case n < lengthSize:
		return "", lengthSize, true
	}
	return strings.TrimSuffix(string(b[lengthSize:n]), "\n"), int(n), true
}

// packWriter removes the packet lines before a pack, and writes the pack to w.
type packWriter struct {
	w      io.Writer
	before []byte // the beginning of the reply
	begun  bool
}

// maxBeforePack limits the packet lines before a pack in bytes. Usually they have about 60.
const maxBeforePack = 64 << 10

func (p *packWriter) Write(b []byte) (int, error) {
	if p.begun {
		return p.w.Write(b)
	}
	p.before = append(p.before, b...)
	for {
		text, size, ok := cutPacketLine(p.before)
		switch said, isError := strings.CutPrefix(text, "ERR "); {
		case ok && isError:
			return 0, fmt.Errorf("%w: the server says %.100q", ErrNotRepository, said)
		case ok:
			p.before = p.before[size:]
		case bytes.HasPrefix(p.before, []byte("PACK")):
			p.begun = true
			_, err := p.w.Write(p.before)
			p.before = nil
			return len(b), err
		case len(p.before) > maxBeforePack:
			return 0, fmt.Errorf("%w: it has no pack", ErrNotRepository)
		default:
			return len(b), nil // the rest of a line is in the next part
		}
	}
}

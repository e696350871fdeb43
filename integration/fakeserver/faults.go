package fakeserver

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"
)

// Fault answers a request instead of the server, or calls next to let the server answer. It returns soon after the
// channel ended is closed.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler, ended <-chan struct{})

// abort closes the connection.
func abort() { panic(http.ErrAbortHandler) }

// Hang accepts the request and never answers.
func Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.Handler, ended <-chan struct{}) {
		select {
		case <-r.Context().Done():
		case <-ended:
		}
		abort()
	}
}

// LateAnswer delays the answer until the fault ends.
func LateAnswer() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, ended <-chan struct{}) {
		select {
		case <-r.Context().Done():
			abort()
		case <-ended:
			next.ServeHTTP(w, r)
		}
	}
}

// dripPause is the time between two bytes that Drip sends. It is so short that several bytes arrive within any time limit
// of a test.
const dripPause = 20 * time.Millisecond

// Drip sends the correct answer byte by byte, but never its last byte.
func Drip() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, ended <-chan struct{}) {
		body := captureAnswer(r, next, w)
		tick := time.NewTicker(dripPause)
		defer tick.Stop()
		for i := range len(body) - 1 {
			if _, err := w.Write(body[i : i+1]); err != nil {
				abort()
			}
			w.(http.Flusher).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
				abort()
			case <-ended:
				abort()
			}
		}
		Hang()(w, r, next, ended)
	}
}

// captureAnswer calls the server's handler, copies the headers of the answer and returns its body.
func captureAnswer(r *http.Request, next http.Handler, w http.ResponseWriter) []byte {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	return rec.Body.Bytes()
}

// ErrorStatus answers with an error page for people, like a proxy whose server is down. The header is a list of names and
// values.
func ErrorStatus(code int, header ...string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		w.Header().Set("Content-Type", "text/html")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, "<html><body><h1>%d %s</h1></body></html>\n", code, http.StatusText(code))
	}
}

// Page answers with a page for people as if it were the file, as the network of a hotel does.
func Page() Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><head><title>Welcome</title></head><body><p>Log in</p></body></html>\n")
	}
}

// OtherNotModified says of another file that it has not changed. It only answers an unconditional request correctly.
func OtherNotModified() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		if r.Header.Get("If-None-Match") == "" {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("ETag", `"another"`)
		w.WriteHeader(http.StatusNotModified)
	}
}

// TruncatedAnswer sends the first half of the answer as if it were complete.
func TruncatedAnswer() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		body := captureAnswer(r, next, w)
		w.Header().Del("Content-Length")
		_, _ = w.Write(body[:len(body)/2])
	}
}

// WrongLength sends fewer bytes than its Content-Length, and closes the connection.
func WrongLength() Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler, _ <-chan struct{}) {
		body := captureAnswer(r, next, w)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)+1000))
		_, _ = w.Write(body)
		w.(http.Flusher).Flush()
		abort()
	}
}

// LargeAnswer sends an answer of n bytes.
func LargeAnswer(n int64) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.CopyN(w, spaceReader{}, n)
	}
}

// Bomb sends a compressed answer that expands to n bytes.
func Bomb(n int64) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler, _ <-chan struct{}) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		part := bombPart()
		for left := n; left > 0; left -= gzipMemberCount * gzipMemberSize {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}
}

// A bomb is a gzip file with many members, each of which expands to gzipMemberSize bytes. A gzip file may have any number
// of members.
const (
	gzipMemberSize  = 1 << 20
	gzipMemberCount = 16
)

var bombPart = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.CopyN(z, spaceReader{}, gzipMemberSize)
	_ = z.Close()
	return bytes.Repeat(b.Bytes(), gzipMemberCount)
})

// spaceReader is a reader of endless white space, which may precede the value of a JSON text.
type spaceReader struct{}

var spacesBlock = bytes.Repeat([]byte(" "), 64<<10)

func (spaceReader) Read(p []byte) (int, error) { return copy(p, spacesBlock), nil }

// RedirectLoop redirects the client to the same URL.
func RedirectLoop() Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler, _ <-chan struct{}) {
		http.Redirect(w, r, r.URL.RequestURI(), http.StatusFound)
	}
}

// Redirect redirects the client to another URL.
func Redirect(to string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler, _ <-chan struct{}) {
		http.Redirect(w, r, to, http.StatusFound)
	}
}

// Misbehaviour is one kind of misbehaviour.
type Misbehaviour struct {
	Name     string
	SwitchOn func(*Server)
	// Hangs is set if a request ends only because of a time limit of the client. If Hangs is not set, a request fails
	// immediately.
	Hangs bool
	// NeedsTLS is set if this misbehaviour needs a server with certificates.
	NeedsTLS bool
}

// Misbehaviours returns each kind of misbehaviour.
func Misbehaviours() []Misbehaviour {
	set := func(name string, f Fault) Misbehaviour {
		return Misbehaviour{Name: name, SwitchOn: func(s *Server) { s.SetFault(f) }}
	}
	hang := func(name string, f Fault) Misbehaviour {
		sw := set(name, f)
		sw.Hangs = true
		return sw
	}
	return []Misbehaviour{
		{Name: "connection refused", SwitchOn: (*Server).RefuseConnections},
		hang("no answer", Hang()),
		hang("an answer that is late", LateAnswer()),
		hang("a body that drips", Drip()),
		set("429", ErrorStatus(http.StatusTooManyRequests)),
		set("429 with Retry-After", ErrorStatus(http.StatusTooManyRequests, "Retry-After", "1")),
		set("502", ErrorStatus(http.StatusBadGateway)),
		set("503", ErrorStatus(http.StatusServiceUnavailable)),
		set("truncated JSON", TruncatedAnswer()),
		set("a body of 1 GiB", LargeAnswer(1<<30)),
		set("gzip of 10 GiB", Bomb(10<<30)),
		set("a wrong content length", WrongLength()),
		set("a redirect loop", RedirectLoop()),
		set("a redirect to http", Redirect("http://aur.example/")),
		{Name: "an expired certificate", SwitchOn: func(s *Server) { s.SetCertificateExpired(true) }, NeedsTLS: true},
	}
}

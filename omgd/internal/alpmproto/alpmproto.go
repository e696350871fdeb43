// Package alpmproto has the messages between omgd and omg-alpm-worker: one question
// in one frame, and its answer in one or more frames. Frames are those of package
// wire.
package alpmproto

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// The operations.
const (
	OpFacts  = "facts"  // Databases and Installed
	OpSearch = "search" // Databases and Packages, with their summary fields
	OpInfo   = "info"   // Databases and Packages, complete
)

// The codes of an error answer, besides wire.CodeInvalid (the question or an
// expression in it is invalid) and wire.CodeTooLarge.
const (
	// CodeStub: the worker was built without libalpm.
	CodeStub = wire.CodeVersion
	// CodeOpenFailed: libalpm cannot open the database directory.
	CodeOpenFailed = wire.CodeNotReady
)

// ID is the id of the request.
const ID = 1

// MaxReply bounds all frames of a reply together, in bytes.
const MaxReply = 16 << 20

// ErrInvalidReply is the error for output that is not a valid reply.
var ErrInvalidReply = errors.New("invalid reply")

// Request is all that a worker needs to reply.
type Request struct {
	// Path is the database directory, absolute.
	Path string `msgpack:"path"`
	// Repos are in order of preference.
	Repos       []Repo   `msgpack:"repos,omitempty"`
	IgnorePkg   []string `msgpack:"ignore_pkg,omitempty"`
	IgnoreGroup []string `msgpack:"ignore_group,omitempty"`
	// Words are POSIX extended expressions, for OpSearch.
	Words []string `msgpack:"words,omitempty"`
	// Names are names, or "repository/name", for OpInfo.
	Names []string `msgpack:"names,omitempty"`
}

// Repo is a repository and its usage, with the values of libalpm and
// pacmandb.Usage, which are the same.
type Repo struct {
	Name  string `msgpack:"name"`
	Usage uint8  `msgpack:"usage"`
}

// Reply is the reply to any request.
type Reply struct {
	// LibAlpm is the library's version, such as "16.0.0".
	LibAlpm string `msgpack:"libalpm,omitempty"`
	// Databases are the sync databases in the question's order.
	Databases []Database `msgpack:"databases,omitempty"`
	// Installed are in order of name (bytes).
	Installed []PackageFacts `msgpack:"installed,omitempty"`
	// Packages are in order of the repositories; for OpInfo in order of the names,
	// and of the repositories for each name.
	Packages []wire.Package `msgpack:"packages,omitempty"`
}

// Database is a sync database and the number of its packages.
type Database struct {
	Name     string `msgpack:"name"`
	Packages int    `msgpack:"packages"`
	// Err says why it cannot be read; Packages is 0 then.
	Err string `msgpack:"err,omitempty"`
}

// Need is how much an installed package is needed by the installed packages.
type Need uint8

// The needs.
const (
	NeedNone     Need = iota // pacman -Qt lists it
	NeedOptional             // only as an optional dependency: -Qtt lists it
	NeedRequired
)

// PackageFacts are the facts about an installed package.
type PackageFacts struct {
	//lint:ignore U1000 package msgpack reads its tag: without keys a record has half the bytes and values.
	_msgpack struct{} `msgpack:",as_array"`

	Name, Version string
	// Reason is pacmandb.Reason.
	Reason int32
	Need   Need
	// Repo is the first repository that has the package, "" for a foreign one,
	// and Offered the version there.
	Repo, Offered string
	// Order is above 0 if Offered is an update, below 0 if it is older.
	Order int8
	// Ignored is pacman's mark [ignored]; it is set for updates only.
	Ignored bool
}

// Encode returns the frames of an answer. A chunk is small enough that it cannot
// have more values than a frame may have. The error is wire.ErrTooLarge or
// wire.ErrMalformed if one record does not fit in a frame, or the frames exceed
// MaxReply.
func Encode(id uint64, a *Reply) ([]byte, error) {
	s := splitter{id: id, next: chunk{LibAlpm: a.LibAlpm, Databases: a.Databases}}
	for i := range a.Installed {
		if err := s.add(&s.next.Installed, &a.Installed[i]); err != nil {
			return nil, err
		}
	}
	for i := range a.Packages {
		if err := s.add(&s.next.Packages, &a.Packages[i]); err != nil {
			return nil, err
		}
	}
	if err := s.flush(false); err != nil {
		return nil, err
	}
	return s.out, nil
}

// chunk is a part of a Reply with its records encoded.
type chunk struct {
	LibAlpm   string               `msgpack:"libalpm,omitempty"`
	Databases []Database           `msgpack:"databases,omitempty"`
	Installed []msgpack.RawMessage `msgpack:"installed,omitempty"`
	Packages  []msgpack.RawMessage `msgpack:"packages,omitempty"`
}

const chunkBytes = 60_000

type splitter struct {
	id   uint64
	next chunk
	size int
	out  []byte
}

func (s *splitter) add(to *[]msgpack.RawMessage, record any) error {
	b, err := msgpack.Marshal(record)
	if err != nil {
		return err
	}
	if s.size > 0 && s.size+len(b) > chunkBytes {
		if err := s.flush(true); err != nil {
			return err
		}
	}
	*to = append(*to, b)
	s.size += len(b)
	return nil
}

func (s *splitter) flush(more bool) error {
	b, err := msgpack.Marshal(&s.next)
	if err != nil {
		return err
	}
	start := len(s.out)
	s.out = wire.AppendResult(s.out, s.id, b, more)
	s.next, s.size = chunk{}, 0
	frame := s.out[start+wire.HeaderSize:]
	if len(frame) > wire.MaxFrame {
		return wire.ErrTooLarge
	}
	if len(s.out) > MaxReply {
		return fmt.Errorf("%w: more than %d bytes in all", wire.ErrTooLarge, MaxReply)
	}
	return wire.Check(frame)
}

// Collector decodes a reply from a worker's output. Write fails with ErrInvalidReply or
// the *wire.Error that the worker answered; the Collector is not usable after that.
type Collector struct {
	answer Reply
	frame  []byte // received bytes of the current frame, header included
	total  int
	done   bool
}

// Write decodes the next bytes of the worker's output.
func (c *Collector) Write(p []byte) (int, error) {
	if c.total += len(p); c.total > MaxReply {
		return 0, fmt.Errorf("%w: it has more than %d bytes", ErrInvalidReply, MaxReply)
	}
	c.frame = append(c.frame, p...)
	for len(c.frame) >= wire.HeaderSize {
		n, err := wire.FrameLength([wire.HeaderSize]byte(c.frame), wire.MaxFrame)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrInvalidReply, err)
		}
		if len(c.frame) < wire.HeaderSize+n {
			break
		}
		if err := c.decode(c.frame[wire.HeaderSize : wire.HeaderSize+n]); err != nil {
			return 0, err
		}
		c.frame = slices.Delete(c.frame, 0, wire.HeaderSize+n)
	}
	return len(p), nil
}

func (c *Collector) decode(frame []byte) error {
	if c.done {
		return fmt.Errorf("%w: data after its end", ErrInvalidReply)
	}
	if err := wire.Check(frame); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidReply, err)
	}
	r, err := wire.DecodeReply(frame)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrInvalidReply, err)
	case r.Err != nil:
		return r.Err
	case r.ID != ID:
		return fmt.Errorf("%w: it is for question %d", ErrInvalidReply, r.ID)
	}
	var a Reply
	if err := msgpack.Unmarshal(r.Result, &a); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidReply, err)
	}
	if a.LibAlpm != "" {
		c.answer.LibAlpm = a.LibAlpm
	}
	c.answer.Databases = append(c.answer.Databases, a.Databases...)
	c.answer.Installed = append(c.answer.Installed, a.Installed...)
	c.answer.Packages = append(c.answer.Packages, a.Packages...)
	c.done = !r.More
	return nil
}

// Reply returns the reply to a request about repos. It is ErrInvalidReply if the
// output is incomplete or contradicts itself or the question.
func (c *Collector) Reply(op string, repos []Repo) (*Reply, error) {
	a := &c.answer
	switch {
	case !c.done || len(c.frame) > 0:
		return nil, fmt.Errorf("%w: truncated", ErrInvalidReply)
	case a.LibAlpm == "":
		return nil, fmt.Errorf("%w: it has no version", ErrInvalidReply)
	}
	if !slices.EqualFunc(a.Databases, repos, func(d Database, r Repo) bool { return d.Name == r.Name && d.Packages >= 0 }) {
		return nil, fmt.Errorf("%w: its databases are not the ones asked for", ErrInvalidReply)
	}
	for i := range a.Installed {
		p := &a.Installed[i]
		if p.Name == "" || i > 0 && p.Name <= a.Installed[i-1].Name {
			return nil, fmt.Errorf("%w: its packages are not in order", ErrInvalidReply)
		}
		if p.Need > NeedRequired || p.Repo == "" && (p.Order != 0 || p.Offered != "") || p.Ignored && p.Order <= 0 {
			return nil, fmt.Errorf("%w: contradictory facts about %.100q", ErrInvalidReply, p.Name)
		}
	}
	for i := range a.Packages {
		if a.Packages[i].Name == "" {
			return nil, fmt.Errorf("%w: it has a package without a name", ErrInvalidReply)
		}
	}
	return a, nil
}

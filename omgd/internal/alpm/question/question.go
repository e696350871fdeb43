// Package question has the messages between omgd and omg-alpm-worker: one question
// in one frame, and its answer in one or more frames. Frames are those of package
// wire.
package question

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
	// CodeCannot: libalpm cannot open the database directory.
	CodeCannot = wire.CodeNotReady
)

// ID is the request id of the question.
const ID = 1

// MaxAnswer bounds all frames of an answer together, in bytes.
const MaxAnswer = 16 << 20

// ErrRubbish is the error for output that is not a valid answer.
var ErrRubbish = errors.New("not an answer")

// Question is all that a worker needs to answer.
type Question struct {
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

// Answer is the answer to any question.
type Answer struct {
	// LibAlpm is the library's version, such as "16.0.0".
	LibAlpm string `msgpack:"libalpm,omitempty"`
	// Databases are the sync databases in the question's order.
	Databases []Database `msgpack:"databases,omitempty"`
	// Installed are in order of name (bytes).
	Installed []Installed `msgpack:"installed,omitempty"`
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

// Installed are the facts about an installed package.
type Installed struct {
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
// MaxAnswer.
func Encode(id uint64, a *Answer) ([]byte, error) {
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

// chunk is a part of an Answer with its records encoded.
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
	if len(s.out) > MaxAnswer {
		return fmt.Errorf("%w: more than %d bytes in all", wire.ErrTooLarge, MaxAnswer)
	}
	return wire.Check(frame)
}

// Collector decodes an answer from a worker's output. Write fails with ErrRubbish or
// the *wire.Error that the worker answered; the Collector is not usable after that.
type Collector struct {
	answer Answer
	frame  []byte // received bytes of the current frame, header included
	total  int
	done   bool
}

// Write decodes the next bytes of the worker's output.
func (c *Collector) Write(p []byte) (int, error) {
	if c.total += len(p); c.total > MaxAnswer {
		return 0, fmt.Errorf("%w: it has more than %d bytes", ErrRubbish, MaxAnswer)
	}
	c.frame = append(c.frame, p...)
	for len(c.frame) >= wire.HeaderSize {
		n, err := wire.FrameLength([wire.HeaderSize]byte(c.frame), wire.MaxFrame)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrRubbish, err)
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
		return fmt.Errorf("%w: data after its end", ErrRubbish)
	}
	if err := wire.Check(frame); err != nil {
		return fmt.Errorf("%w: %w", ErrRubbish, err)
	}
	r, err := wire.DecodeResponse(frame)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrRubbish, err)
	case r.Err != nil:
		return r.Err
	case r.ID != ID:
		return fmt.Errorf("%w: it is for question %d", ErrRubbish, r.ID)
	}
	var a Answer
	if err := msgpack.Unmarshal(r.Result, &a); err != nil {
		return fmt.Errorf("%w: %w", ErrRubbish, err)
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

// Answer returns the answer to a question about repos. It is ErrRubbish if the
// output is incomplete or contradicts itself or the question.
func (c *Collector) Answer(op string, repos []Repo) (*Answer, error) {
	a := &c.answer
	switch {
	case !c.done || len(c.frame) > 0:
		return nil, fmt.Errorf("%w: truncated", ErrRubbish)
	case a.LibAlpm == "":
		return nil, fmt.Errorf("%w: it has no version", ErrRubbish)
	}
	if !slices.EqualFunc(a.Databases, repos, func(d Database, r Repo) bool { return d.Name == r.Name && d.Packages >= 0 }) {
		return nil, fmt.Errorf("%w: its databases are not the ones asked for", ErrRubbish)
	}
	for i := range a.Installed {
		p := &a.Installed[i]
		if p.Name == "" || i > 0 && p.Name <= a.Installed[i-1].Name {
			return nil, fmt.Errorf("%w: its packages are not in order", ErrRubbish)
		}
		if p.Need > NeedRequired || p.Repo == "" && (p.Order != 0 || p.Offered != "") || p.Ignored && p.Order <= 0 {
			return nil, fmt.Errorf("%w: contradictory facts about %.100q", ErrRubbish, p.Name)
		}
	}
	for i := range a.Packages {
		if a.Packages[i].Name == "" {
			return nil, fmt.Errorf("%w: it has a package without a name", ErrRubbish)
		}
	}
	return a, nil
}

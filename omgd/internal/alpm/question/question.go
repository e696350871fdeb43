// Package question is what omgd and omg-alpm-worker say to each other: one
// question, in one frame, and its answer, in one frame or more, all of them as
// package wire has them.
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
	OpVersion = "version" // libalpm's version, nothing else
	OpFacts   = "facts"   // Databases and Installed
	OpSearch  = "search"  // Databases and Packages, with their summary fields
	OpInfo    = "info"    // Databases and Packages, complete
)

// The codes of an answer that is an error, besides wire.CodeInvalid (the
// question or an expression in it) and wire.CodeTooLarge.
const (
	// CodeStub: the worker was built without libalpm.
	CodeStub = wire.CodeVersion
	// CodeCannot: libalpm cannot open the databases as a whole.
	CodeCannot = wire.CodeNotReady
)

// ID is the id of the one question.
const ID = 1

// MaxAnswer bounds all frames of an answer together, in bytes.
const MaxAnswer = 16 << 20

// ErrRubbish means that an answer is none.
var ErrRubbish = errors.New("not an answer")

// Question is everything a worker needs to know.
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

// Repo is a repository and what it is used for, with libalpm's values, which
// are also those of pacmandb.Usage.
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
	// Packages are in order of the repositories, for OpInfo after that of names.
	Packages []wire.Package `msgpack:"packages,omitempty"`
}

// Database says what a sync database holds.
type Database struct {
	Name     string `msgpack:"name"`
	Packages int    `msgpack:"packages"`
	// Err says why it cannot be read; then it counts as having no packages.
	Err string `msgpack:"err,omitempty"`
}

// Need is how much the other installed packages need one.
type Need uint8

// The needs.
const (
	NeedNone     Need = iota // pacman -Qt lists it
	NeedOptional             // only as an optional dependency: -Qtt lists it
	NeedRequired
)

// Installed is what is known of an installed package.
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
	// Order is above 0 if Offered is an update, below if it is older.
	Order int8
	// Ignored is pacman's mark [ignored]; it is set for updates only.
	Ignored bool
}

// Encode makes the frames of an answer. A part is small enough that it cannot
// have more values than a frame may. The error is wire.ErrTooLarge or
// wire.ErrMalformed if one record does not fit in a frame, or all of them are
// more than MaxAnswer.
func Encode(id uint64, a *Answer) ([]byte, error) {
	s := splitter{id: id, next: part{LibAlpm: a.LibAlpm, Databases: a.Databases}}
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

// part is Answer with its records encoded.
type part struct {
	LibAlpm   string               `msgpack:"libalpm,omitempty"`
	Databases []Database           `msgpack:"databases,omitempty"`
	Installed []msgpack.RawMessage `msgpack:"installed,omitempty"`
	Packages  []msgpack.RawMessage `msgpack:"packages,omitempty"`
}

const partBytes = 60_000

type splitter struct {
	id   uint64
	next part
	size int
	out  []byte
}

func (s *splitter) add(to *[]msgpack.RawMessage, record any) error {
	b, err := msgpack.Marshal(record)
	if err != nil {
		return err
	}
	if s.size > 0 && s.size+len(b) > partBytes {
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
	s.next, s.size = part{}, 0
	frame := s.out[start+wire.HeaderSize:]
	if len(frame) > wire.MaxFrame {
		return wire.ErrTooLarge
	}
	if len(s.out) > MaxAnswer {
		return fmt.Errorf("%w: more than %d bytes in all", wire.ErrTooLarge, MaxAnswer)
	}
	return wire.Check(frame)
}

// Collector puts an answer together from what a worker writes. After its first
// error, which is ErrRubbish or a *wire.Error from the worker, it has nothing.
type Collector struct {
	answer Answer
	frame  []byte // what has come of a frame, with its length
	total  int
	done   bool
}

// Write takes a piece of the worker's output.
func (c *Collector) Write(p []byte) (int, error) {
	if c.total += len(p); c.total > MaxAnswer {
		return 0, fmt.Errorf("%w: it has more than %d bytes", ErrRubbish, MaxAnswer)
	}
	c.frame = append(c.frame, p...)
	for len(c.frame) >= wire.HeaderSize {
		n, err := wire.FrameLength([wire.HeaderSize]byte(c.frame))
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrRubbish, err)
		}
		if len(c.frame) < wire.HeaderSize+n {
			break
		}
		if err := c.take(c.frame[wire.HeaderSize : wire.HeaderSize+n]); err != nil {
			return 0, err
		}
		c.frame = slices.Delete(c.frame, 0, wire.HeaderSize+n)
	}
	return len(p), nil
}

func (c *Collector) take(frame []byte) error {
	if c.done {
		return fmt.Errorf("%w: it goes on after its end", ErrRubbish)
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

// Answer returns the answer to a question about repos, if it is complete and
// one that a worker can give.
func (c *Collector) Answer(op string, repos []Repo) (*Answer, error) {
	a := &c.answer
	switch {
	case !c.done || len(c.frame) > 0:
		return nil, fmt.Errorf("%w: it is cut off", ErrRubbish)
	case a.LibAlpm == "":
		return nil, fmt.Errorf("%w: it has no version", ErrRubbish)
	}
	if op == OpVersion {
		return a, nil
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
			return nil, fmt.Errorf("%w: what it says of %.100q cannot be", ErrRubbish, p.Name)
		}
	}
	for i := range a.Packages {
		if a.Packages[i].Name == "" {
			return nil, fmt.Errorf("%w: it has a package without a name", ErrRubbish)
		}
	}
	return a, nil
}

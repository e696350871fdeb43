// Package alpmproto defines the messages between omgd and omg-alpm-worker. A request is one frame, and its
// reply is one or more frames. Package wire defines what a frame is.
package alpmproto

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/wire"
)

// The operations. Every reply also has the field LibAlpm.
const (
	OpFacts  = "facts"  // the reply has the fields Databases and Installed
	OpSearch = "search" // the reply has the fields Databases and Packages; a package has only its summary fields
	OpInfo   = "info"   // the reply has the fields Databases and Packages; a package has all its fields
)

// The error codes of a reply, besides wire.CodeInvalid (the request, or an expression in it, is invalid)
// and wire.CodeTooLarge.
const (
	// CodeWithoutLibalpm means that omg-alpm-worker was built without libalpm.
	CodeWithoutLibalpm = wire.CodeVersion
	// CodeOpenFailed means that libalpm cannot open the database directory.
	CodeOpenFailed = wire.CodeNotReady
)

// RequestID is the ID of the request. It is constant, because each process of omg-alpm-worker gets a single request.
const RequestID = 1

// MaxReply is the limit of the total size of a reply, in bytes.
const MaxReply = 16 << 20

// ErrInvalidReply means that the output of omg-alpm-worker is not a valid reply.
var ErrInvalidReply = errors.New("invalid reply")

// Request is a request to omg-alpm-worker, with everything that the reply depends on besides the databases.
type Request struct {
	// DatabaseDir is the absolute path of the database directory.
	DatabaseDir string `msgpack:"path"`
	// Repos are the repositories in order of preference.
	Repos       []Repo   `msgpack:"repos,omitempty"`
	IgnorePkg   []string `msgpack:"ignore_pkg,omitempty"`
	IgnoreGroup []string `msgpack:"ignore_group,omitempty"`
	// Words are the search words of OpSearch: POSIX extended regular expressions.
	Words []string `msgpack:"words,omitempty"`
	// Names are the names of the packages that OpInfo looks up. A name may be "repository/name".
	Names []string `msgpack:"names,omitempty"`
}

// Repo is a repository and its usage. Usage has the values of pacmandb.Usage, which are the same as
// libalpm's.
type Repo struct {
	Name  string `msgpack:"name"`
	Usage uint8  `msgpack:"usage"`
}

// Reply is the reply to any request.
type Reply struct {
	// LibAlpm is the version of libalpm, such as "16.0.0".
	LibAlpm string `msgpack:"libalpm,omitempty"`
	// Databases are the sync databases, in the order of the repositories in the request.
	Databases []Database `msgpack:"databases,omitempty"`
	// Installed are the installed packages, sorted by the bytes of their names.
	Installed []PackageFacts `msgpack:"installed,omitempty"`
	// Packages are the packages that were found. For OpSearch they are in order of the repositories; for
	// OpInfo they are in order of the names, and for each name in order of the repositories.
	Packages []wire.Package `msgpack:"packages,omitempty"`
}

// Database is a sync database and the number of its packages.
type Database struct {
	Name         string `msgpack:"name"`
	PackageCount int    `msgpack:"packages"`
	// Err is the reason why the database cannot be read. Packages is 0 then.
	Err string `msgpack:"err,omitempty"`
}

// NeedLevel is how strongly the installed packages need a package.
type NeedLevel uint8

// The values of NeedLevel.
const (
	NotRequired        NeedLevel = iota // pacman -Qt lists the package
	OptionallyRequired                  // needed only as an optional dependency: pacman -Qtt lists the package
	StrictlyRequired
)

// PackageFacts are the facts about an installed package.
type PackageFacts struct {
	//lint:ignore U1000 package msgpack reads the tag of this field: without keys, an encoded package has half the bytes and values.
	_msgpack struct{} `msgpack:",as_array"`

	Name, Version string
	// Reason has the values of pacmandb.Reason.
	Reason    int32
	NeedLevel NeedLevel
	// Repo is the first repository that has the package, "" for a foreign package. Offered is the version in
	// that repository.
	Repo, Offered string
	// VersionOrder is above 0 if Offered is newer than Version, and below 0 if Offered is older.
	VersionOrder int8
	// Ignored means that pacman marks the update as [ignored]. It is only set for updates.
	Ignored bool
}

// Encode returns the frames of a reply. A chunk has so few bytes that the number of its values is within the
// limit of a frame, too. The error is wire.ErrTooLarge or wire.ErrMalformed if one package does not fit in a
// frame, or if the frames together exceed MaxReply.
func Encode(id uint64, a *Reply) ([]byte, error) {
	s := splitter{id: id, next: chunk{LibAlpm: a.LibAlpm, Databases: a.Databases}}
	for i := range a.Installed {
		if err := s.addRecord(&s.next.Installed, &a.Installed[i]); err != nil {
			return nil, err
		}
	}
	for i := range a.Packages {
		if err := s.addRecord(&s.next.Packages, &a.Packages[i]); err != nil {
			return nil, err
		}
	}
	if err := s.flush(false); err != nil {
		return nil, err
	}
	return s.out, nil
}

// chunk is a part of a Reply whose packages are already encoded.
type chunk struct {
	LibAlpm   string               `msgpack:"libalpm,omitempty"`
	Databases []Database           `msgpack:"databases,omitempty"`
	Installed []msgpack.RawMessage `msgpack:"installed,omitempty"`
	Packages  []msgpack.RawMessage `msgpack:"packages,omitempty"`
}

const maxChunkSize = 60_000

type splitter struct {
	id   uint64
	next chunk
	size int
	out  []byte
}

func (s *splitter) addRecord(to *[]msgpack.RawMessage, record any) error {
	b, err := msgpack.Marshal(record)
	if err != nil {
		return err
	}
	if s.size > 0 && s.size+len(b) > maxChunkSize {
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
	frame := s.out[start+wire.FrameHeaderSize:]
	if len(frame) > wire.MaxFrameSize {
		return wire.ErrTooLarge
	}
	if len(s.out) > MaxReply {
		return fmt.Errorf("%w: more than %d bytes in all", wire.ErrTooLarge, MaxReply)
	}
	return wire.CheckMessagePack(frame)
}

// Collector decodes a reply from the output of omg-alpm-worker. Write fails with ErrInvalidReply, or with the
// *wire.Error that the program has sent as its reply. After an error the Collector cannot be used any more.
type Collector struct {
	reply Reply
	frame []byte // received bytes of the current frame, header included
	total int
	done  bool
}

// Write decodes the next bytes of the output of omg-alpm-worker.
func (c *Collector) Write(p []byte) (int, error) {
	if c.total += len(p); c.total > MaxReply {
		return 0, fmt.Errorf("%w: more than %d bytes", ErrInvalidReply, MaxReply)
	}
	c.frame = append(c.frame, p...)
	for len(c.frame) >= wire.FrameHeaderSize {
		n, err := wire.FrameLength([wire.FrameHeaderSize]byte(c.frame), wire.MaxFrameSize)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", ErrInvalidReply, err)
		}
		if len(c.frame) < wire.FrameHeaderSize+n {
			break
		}
		if err := c.decode(c.frame[wire.FrameHeaderSize : wire.FrameHeaderSize+n]); err != nil {
			return 0, err
		}
		c.frame = slices.Delete(c.frame, 0, wire.FrameHeaderSize+n)
	}
	return len(p), nil
}

func (c *Collector) decode(frame []byte) error {
	if c.done {
		return fmt.Errorf("%w: data after the last frame", ErrInvalidReply)
	}
	if err := wire.CheckMessagePack(frame); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidReply, err)
	}
	r, err := wire.DecodeReply(frame)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrInvalidReply, err)
	case r.Err != nil:
		return r.Err
	case r.ID != RequestID:
		return fmt.Errorf("%w: it has the ID of request %d", ErrInvalidReply, r.ID)
	}
	var a Reply
	if err := msgpack.Unmarshal(r.Result, &a); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalidReply, err)
	}
	if a.LibAlpm != "" {
		c.reply.LibAlpm = a.LibAlpm
	}
	c.reply.Databases = append(c.reply.Databases, a.Databases...)
	c.reply.Installed = append(c.reply.Installed, a.Installed...)
	c.reply.Packages = append(c.reply.Packages, a.Packages...)
	c.done = !r.More
	return nil
}

// Reply returns the reply to a request with this operation and these repositories. The error is
// ErrInvalidReply if the output is incomplete, contradicts itself or does not match the request.
func (c *Collector) Reply(op string, repos []Repo) (*Reply, error) {
	a := &c.reply
	switch {
	case !c.done || len(c.frame) > 0:
		return nil, fmt.Errorf("%w: truncated", ErrInvalidReply)
	case a.LibAlpm == "":
		return nil, fmt.Errorf("%w: the version of libalpm is missing", ErrInvalidReply)
	}
	if !slices.EqualFunc(a.Databases, repos, func(d Database, r Repo) bool { return d.Name == r.Name && d.PackageCount >= 0 }) {
		return nil, fmt.Errorf("%w: its databases are not those of the request", ErrInvalidReply)
	}
	for i := range a.Installed {
		p := &a.Installed[i]
		if p.Name == "" || i > 0 && p.Name <= a.Installed[i-1].Name {
			return nil, fmt.Errorf("%w: the installed packages are not sorted by name", ErrInvalidReply)
		}
		if p.NeedLevel > StrictlyRequired || p.Repo == "" && (p.VersionOrder != 0 || p.Offered != "") || p.Ignored && p.VersionOrder <= 0 {
			return nil, fmt.Errorf("%w: contradictory facts about %.100q", ErrInvalidReply, p.Name)
		}
	}
	for i := range a.Packages {
		if a.Packages[i].Name == "" {
			return nil, fmt.Errorf("%w: a package has no name", ErrInvalidReply)
		}
	}
	return a, nil
}

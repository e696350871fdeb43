package messages

import (
	"errors"
	"fmt"

	"github.com/omg-arch/omg/shared/wire"
)

// LookupKind is one of the requests that nodes answer.
type LookupKind string

// The kinds of lookups.
const (
	LookupSearch  LookupKind = "search"
	LookupInfo    LookupKind = "info"
	LookupCommand LookupKind = "command"
)

// Limits of lookups and their answers. An answer fits into a message of a server that passes on less than usual.
const (
	maxLookupBytes = 16 << 10
	maxWords       = 100
	maxFoundBytes  = 512 << 10
	// MaxLookupPackages is the largest limit of packages in the answer to a search.
	MaxLookupPackages = 1000
)

// Lookup is a request of a host without an index to a node, whose omgd has one.
type Lookup struct {
	Schema int `json:"schema"`
	// ID is the last token of the subjects of the answers.
	ID   string     `json:"id"`
	Kind LookupKind `json:"kind"`
	// Words are the words of a search, or the names of packages or commands.
	Words []string `json:"words"`
	// Regex, NameOnly and Limit are options of a search. Limit is the maximum number of packages.
	Regex    bool `json:"regex,omitempty"`
	NameOnly bool `json:"name_only,omitempty"`
	Limit    int  `json:"limit,omitempty"`
}

// ParseLookup returns the lookup in a message. If the ID can be read, it is returned with an error too, so that the host can be told.
func ParseLookup(data []byte) (*Lookup, error) {
	l := &Lookup{}
	if err := decode(data, maxLookupBytes, l); err != nil {
		return nil, err
	}
	if !isID(l.ID) {
		return nil, errors.New("it has no ID")
	}
	if l.Schema != Schema {
		return l, fmt.Errorf("the schema of the lookup is %d, but the node reads %d: use the same version of omg", l.Schema, Schema)
	}
	return l, l.Check()
}

// Check returns an error for a lookup that no node answers.
func (l *Lookup) Check() error {
	size := 0
	for _, word := range l.Words {
		if size += len(word); word == "" {
			return errors.New("a word is empty")
		}
	}
	switch {
	case len(l.Words) == 0 || len(l.Words) > maxWords || size > maxLookupBytes/2:
		return fmt.Errorf("a lookup has 1 to %d words, and together at most %d kB", maxWords, maxLookupBytes>>11)
	case l.Kind == LookupInfo || l.Kind == LookupCommand:
		return nil
	case l.Kind != LookupSearch:
		return fmt.Errorf("there is no lookup %.40q", l.Kind)
	case l.Limit < 1 || l.Limit > MaxLookupPackages:
		return fmt.Errorf("the limit of packages is a number from 1 to %d, not %d", MaxLookupPackages, l.Limit)
	case (&wire.SearchRequest{Words: l.Words}).NamesState():
		return errors.New("is: is about what is installed on the node: ask this host with omg search")
	}
	return nil
}

// FoundState says whether a node has answered a lookup.
type FoundState string

// The states of an answer.
const (
	FoundAnswered    FoundState = "answered"
	FoundBusy        FoundState = "busy"        // the node has too many lookups: another one may answer
	FoundUnavailable FoundState = "unavailable" // the node's omgd does not answer: that of another one may
	FoundRefused     FoundState = "refused"     // the lookup is wrong: no node answers it
)

// Found is the answer of a node to a lookup.
type Found struct {
	Schema int `json:"schema"`
	// Now is the node's clock in Unix seconds.
	Now   int64      `json:"now"`
	State FoundState `json:"state"`
	// Problem is why the node has not answered; empty if it has.
	Problem string `json:"problem,omitempty"`
	// One of these is the result, by the kind of the lookup. Their times are those of the node's clock.
	Search  *wire.SearchResult  `json:"search,omitempty"`
	Info    *wire.InfoResult    `json:"info,omitempty"`
	Command *wire.CommandResult `json:"command,omitempty"`
}

// Encode returns the message of an answer for a server that passes on messages of at most maxPayload bytes.
func (f *Found) Encode(maxPayload int64) ([]byte, error) {
	return pack(f, min(maxFoundBytes, maxPayload))
}

// ParseFound returns the answer to a lookup in a message.
func ParseFound(data []byte, l *Lookup) (*Found, error) {
	f := &Found{}
	if err := unpack(data, maxFoundBytes, f); err != nil {
		return nil, err
	}
	if f.Schema != Schema {
		return nil, otherSchemaError(f.Schema)
	}
	f.Problem = shorten(f.Problem)
	if f.State != FoundAnswered {
		return f, nil
	}
	var isWhole bool
	switch l.Kind {
	case LookupSearch:
		isWhole = f.Search != nil && len(f.Search.Packages) <= l.Limit && uint64(f.Search.Total) >= uint64(len(f.Search.Packages))
	case LookupInfo:
		isWhole = f.Info != nil
	case LookupCommand:
		isWhole = f.Command != nil
	}
	if !isWhole {
		return nil, errors.New("it is the answer to another lookup")
	}
	return f, nil
}

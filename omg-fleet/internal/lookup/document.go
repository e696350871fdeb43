package lookup

import (
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/wire"
)

// Origin says where an answer comes from.
type Origin struct {
	// Schema is the version of this document.
	Schema int `json:"schema"`
	// Node is the name of the host that has answered, as the server allows it.
	Node string `json:"node"`
	// AsOf is when the oldest of the node's databases was last changed, in seconds since 1970 by this host's clock; absent if this is unknown. The
	// other times are those of the node's clock.
	AsOf int64 `json:"as_of,omitempty"`
}

// Origin returns where the answer comes from.
func (a *Answer) Origin() Origin { return Origin{question.Schema, a.Node, a.AsOf} }

// SearchAnswer is what omg-fleet lookup search prints. Nothing in it is about what is installed.
type SearchAnswer struct {
	Origin
	*wire.SearchResult
}

// InfoAnswer is what omg-fleet lookup info prints. Nothing in it is about what is installed.
type InfoAnswer struct {
	Origin
	*wire.InfoResult
}

// CommandAnswer is what omg-fleet lookup command prints. Nothing in it is about what is installed.
type CommandAnswer struct {
	Origin
	*wire.CommandResult
}

package ask

import "github.com/omg-arch/omg/shared/wire"

// The operations on runtimes that Read takes: what they say depends on the
// asker's directory and environment, which no daemon sees.
const (
	OpWhich = "which"
	OpList  = "list"
	OpUse   = "use"
)

// WhichRequest asks what would run here.
type WhichRequest struct {
	// Names are the runtimes; empty for all.
	Names []string
}

// WhichResult is the answer to a WhichRequest.
type WhichResult struct {
	Runtimes []wire.Runtime `msgpack:"runtimes" json:"runtimes"`
	// Notes say what was not believed, and why.
	Notes []string `msgpack:"notes,omitempty" json:"notes,omitempty"`
}

// ListRequest asks which versions are installed.
type ListRequest struct {
	Names []string
}

// ListResult is the answer to a ListRequest.
type ListResult struct {
	Versions []RuntimeVersion `msgpack:"versions" json:"versions"`
}

// RuntimeVersion is an installed version.
type RuntimeVersion struct {
	Runtime string `msgpack:"runtime" json:"runtime"`
	Version string `msgpack:"version" json:"version"`
	// Alias is what it is called besides.
	Alias   string `msgpack:"alias,omitempty" json:"alias,omitempty"`
	Manager string `msgpack:"manager" json:"manager"`
	// Path is its directory; empty for a package.
	Path string `msgpack:"path,omitempty" json:"path,omitempty"`
	// Active versions are what would run here.
	Active bool `msgpack:"active,omitempty" json:"active,omitempty"`
}

// UseRequest asks to make a version omg's own choice.
type UseRequest struct {
	Runtime, Version string
}

// UseResult is the version that was chosen, and what runs here now.
type UseResult struct {
	RuntimeVersion
	Now wire.Runtime `msgpack:"now" json:"now"`
}

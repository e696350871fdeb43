package wire

// RuntimesResult is the answer to OpRuntimes, which has no fields of its own.
type RuntimesResult struct {
	Generation uint64 `msgpack:"generation" json:"generation"`
	// Runtimes are those that a new shell would run, as far as there are any.
	Runtimes []Runtime `msgpack:"runtimes" json:"runtimes"`
}

// Runtime is a version of node, python and the like.
type Runtime struct {
	Runtime string `msgpack:"runtime" json:"runtime"`
	Version string `msgpack:"version" json:"version"`
	// Manager put it there: omg, mise, nvm and the like; system for a package.
	Manager string `msgpack:"manager,omitempty" json:"manager,omitempty"`
	// Path is its directory; empty for a package.
	Path string `msgpack:"path,omitempty" json:"path,omitempty"`
	// Missing is declared and not installed.
	Missing bool `msgpack:"missing,omitempty" json:"missing,omitempty"`
	// Wanted is what decided, as it is written, a pin, a range or a floor, and
	// Source the file, or the variable with a $; empty if nothing did.
	Wanted string `msgpack:"wanted,omitempty" json:"wanted,omitempty"`
	Kind   string `msgpack:"kind,omitempty" json:"kind,omitempty"`
	Source string `msgpack:"source,omitempty" json:"source,omitempty"`
}

package wire

// RuntimesResult is the reply to OpRuntimes, whose request has no fields.
type RuntimesResult struct {
	Generation uint64 `msgpack:"generation" json:"generation"`
	// Runtimes are the active versions in a new shell.
	Runtimes []Runtime `msgpack:"runtimes" json:"runtimes"`
}

// Runtime is a version of node, python and the like.
type Runtime struct {
	Runtime string `msgpack:"runtime" json:"runtime"`
	Version string `msgpack:"version" json:"version"`
	// Manager is the version manager that installed it, such as omg, mise or nvm; "system" for a package.
	Manager string `msgpack:"manager,omitempty" json:"manager,omitempty"`
	// Path is its directory; empty for a package.
	Path string `msgpack:"path,omitempty" json:"path,omitempty"`
	// Missing means declared, but not installed.
	Missing bool `msgpack:"missing,omitempty" json:"missing,omitempty"`
	// Differs is running although Wanted stands for another version.
	Differs bool `msgpack:"differs,omitempty" json:"differs,omitempty"`
	// Wanted is what decided, as it is written, a pin, a range or a floor, and
	// Source the file, or the variable with a $; empty if nothing did.
	Wanted string `msgpack:"wanted,omitempty" json:"wanted,omitempty"`
	Kind   string `msgpack:"kind,omitempty" json:"kind,omitempty"`
	Source string `msgpack:"source,omitempty" json:"source,omitempty"`
}

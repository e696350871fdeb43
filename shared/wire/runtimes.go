package wire

// RuntimesResult is the reply to OpRuntimes, whose request has no fields.
type RuntimesResult struct {
	Generation uint64 `msgpack:"generation" json:"generation"`
	// Runtimes lists the active version of each runtime in a new shell.
	Runtimes []Runtime `msgpack:"runtimes" json:"runtimes"`
}

// Runtime is a version of node, python and the like.
type Runtime struct {
	Runtime string `msgpack:"runtime" json:"runtime"`
	Version string `msgpack:"version" json:"version"`
	// Manager is the version manager that installed this version, such as omg, mise or nvm; "system" for a package.
	Manager string `msgpack:"manager,omitempty" json:"manager,omitempty"`
	// Path is the directory of this version; empty for a package.
	Path string `msgpack:"path,omitempty" json:"path,omitempty"`
	// Missing means that a file or variable requires this version, but it is not installed.
	Missing bool `msgpack:"missing,omitempty" json:"missing,omitempty"`
	// Differs means that the shell runs this version, although Wanted requires another one.
	Differs bool `msgpack:"differs,omitempty" json:"differs,omitempty"`
	// Wanted is the version requirement that decided, as it is written. Kind is "pin", "range" or "floor". Source is the
	// file with the requirement, or the environment variable with a $ before its name. All three are empty if no file or
	// variable requires a version.
	Wanted       string `msgpack:"wanted,omitempty" json:"wanted,omitempty"`
	WantedKind   string `msgpack:"kind,omitempty" json:"kind,omitempty"`
	WantedSource string `msgpack:"source,omitempty" json:"source,omitempty"`
}

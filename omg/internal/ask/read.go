package ask

// The operations that Read takes; the protocol has none of them.
const (
	OpOwns   = "owns"
	OpFiles  = "files"
	OpWhy    = "why"
	OpConfig = "config"
)

// OwnsRequest asks which installed packages own files.
type OwnsRequest struct {
	// Paths are as typed; one without a slash that is not there is looked for
	// in PATH.
	Paths []string
}

// OwnsResult is the answer to an OwnsRequest.
type OwnsResult struct {
	// Paths follow the request's.
	Paths []Owned `msgpack:"paths" json:"paths"`
	// Unread counts the packages whose file list could not be read.
	Unread int `msgpack:"unread,omitempty" json:"unread,omitempty"`
}

// Owned is a path and who owns it.
type Owned struct {
	// Path is absolute, with a slash at the end of a directory's.
	Path   string `msgpack:"path" json:"path"`
	Exists bool   `msgpack:"exists" json:"exists"`
	// Owners are in order of name; only a directory has more than one.
	Owners []Owner `msgpack:"owners" json:"owners"`
}

// Owner is an installed package.
type Owner struct {
	Name    string `msgpack:"name" json:"name"`
	Version string `msgpack:"version" json:"version"`
}

// FilesRequest asks for the files of installed packages, by name or by what they
// provide.
type FilesRequest struct {
	Names []string
}

// FilesResult is the answer to a FilesRequest.
type FilesResult struct {
	Packages []PackageFiles `msgpack:"packages" json:"packages"`
	// Missing are the requested names that are not installed.
	Missing []string `msgpack:"missing,omitempty" json:"missing,omitempty"`
}

// PackageFiles are the files of a package.
type PackageFiles struct {
	Name string `msgpack:"name" json:"name"`
	// Files are absolute, in order, a directory's with a slash at the end.
	Files []string `msgpack:"files" json:"files"`
	// Why says why they are not known; empty if they are.
	Why string `msgpack:"why,omitempty" json:"why,omitempty"`
}

// WhyRequest asks why a package is installed or, with Reverse, what it brings.
type WhyRequest struct {
	// Name is a package's, or something that one provides.
	Name    string
	Reverse bool
}

// WhyResult is the answer to a WhyRequest.
type WhyResult struct {
	// Name is the package's; empty if none is installed that is called so.
	Name string `msgpack:"name" json:"name"`
	// Chains are the shortest ones: from each explicitly installed package that
	// needs it to the package or, reversed, from it to each that it needs.
	Chains []Chain `msgpack:"chains" json:"chains"`
}

// Chain is a row of packages, each needing the next.
type Chain struct {
	Links []Link `msgpack:"links" json:"links"`
}

// Link is a package of a Chain.
type Link struct {
	Name string `msgpack:"name" json:"name"`
	// Depend is the dependency that the next package meets; empty in the last.
	Depend string `msgpack:"depend,omitempty" json:"depend,omitempty"`
}

// ConfigRequest asks for the effective configuration.
type ConfigRequest struct {
	// System asks for that of the daemon of all users.
	System bool
}

// ConfigResult is the answer to a ConfigRequest.
type ConfigResult struct {
	// Files are those that were read.
	Files    []string  `msgpack:"files" json:"files"`
	Settings []Setting `msgpack:"settings" json:"settings"`
	// Warnings are lines about what in the files means nothing.
	Warnings []string `msgpack:"warnings,omitempty" json:"warnings,omitempty"`
}

// Setting is one effective value; see config.Setting.
type Setting struct {
	Key      string `msgpack:"key" json:"key"`
	Value    any    `msgpack:"value" json:"value"`
	Origin   string `msgpack:"origin" json:"origin"`
	Default  any    `msgpack:"default" json:"default"`
	Variable string `msgpack:"variable" json:"variable"`
	Reloads  bool   `msgpack:"reloads" json:"reloads"`
}

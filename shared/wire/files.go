package wire

// The limits of requests about the files of repositories.
const (
	// MaxFileQueries is the maximum number of names in a request.
	MaxFileQueries = 1000
	// MaxFileExpressions is the maximum number of regular expressions in a request.
	MaxFileExpressions = 100
)

// FilesOwnerRequest asks which packages of the repositories have files with the given names, like pacman -F.
type FilesOwnerRequest struct {
	// Names holds paths and names of files. A name with a slash is compared with whole paths, after the slashes at its start are removed.
	// Any other name is compared with the part of a path after the last slash. The path of a directory ends with a slash.
	Names []string `msgpack:"names" json:"names"`
	// Regex makes each name a POSIX extended regular expression that ignores case, like pacman -Fx.
	Regex bool `msgpack:"regex,omitempty" json:"regex,omitempty"`
}

// FilesOwnerResult is the reply to a FilesOwnerRequest, in chunks: the client joins the lists Owners. Sources lists the lists of files,
// one for each repository.
type FilesOwnerResult struct {
	Basis `msgpack:",inline"`
	// Missing lists the names that no package has. It is in the last chunk.
	Missing []string `msgpack:"missing,omitempty" json:"missing,omitempty"`
	// Owners are in the order of the request's names, then of the repositories, then of the packages' names.
	Owners []FileOwner `msgpack:"owners" json:"owners"`
}

// FileOwner is a package of a repository with files that match a name. If a package has many such files, the reply can have several
// elements for it, one after the other.
type FileOwner struct {
	// Query is the name in the request.
	Query             string `msgpack:"query" json:"query"`
	RepositoryPackage `msgpack:",inline"`
	// Paths are relative to the root directory, as in pacman's database, and sorted. They may have bytes that are not valid UTF-8.
	Paths []string `msgpack:"paths" json:"paths"`
}

// RepositoryPackage identifies a package in the list of files of a repository.
type RepositoryPackage struct {
	Repo    string `msgpack:"repo" json:"repo"`
	Name    string `msgpack:"name" json:"name"`
	Version string `msgpack:"version" json:"version"`
	// Groups lists the groups of the package.
	Groups []string `msgpack:"groups,omitempty" json:"groups,omitempty"`
	// InstalledVersion is the version of the installed package with this name; empty if none is installed, or if that is unknown.
	InstalledVersion string `msgpack:"installed,omitempty" json:"installed,omitempty"`
}

// FilesListRequest asks for the files of packages of the repositories, like pacman -Fl.
type FilesListRequest struct {
	// Names holds names of packages, or "repository/name".
	Names []string `msgpack:"names" json:"names"`
}

// FilesListResult is the reply to a FilesListRequest, in chunks: the client joins the lists Packages. Sources is as in FilesOwnerResult.
type FilesListResult struct {
	Basis `msgpack:",inline"`
	// Missing lists the names that no repository has. It is in the last chunk.
	Missing []string `msgpack:"missing,omitempty" json:"missing,omitempty"`
	// Packages are in the order of the request's names. Of several repositories with a package, the first is used.
	Packages []RepositoryFiles `msgpack:"packages" json:"packages"`
}

// RepositoryFiles is a package with its files. If the package has many files, the reply can have several elements for it, one after the
// other.
type RepositoryFiles struct {
	RepositoryPackage `msgpack:",inline"`
	// Paths are as in FileOwner.
	Paths []string `msgpack:"paths" json:"paths"`
}

// CommandRequest asks which packages of the repositories bring commands.
type CommandRequest struct {
	Names []string `msgpack:"names" json:"names"`
	// Exact means that no similar names are searched.
	Exact bool `msgpack:"exact,omitempty" json:"exact,omitempty"`
}

// CommandResult is the reply to a CommandRequest, in one chunk. Sources is as in FilesOwnerResult.
type CommandResult struct {
	Basis `msgpack:",inline"`
	// Commands are in the order of the request's names, then of the repositories, then of the packages' names.
	Commands []CommandOwner `msgpack:"commands" json:"commands"`
	// Missing lists the commands that no package brings, with similar ones.
	Missing []MissingCommand `msgpack:"missing,omitempty" json:"missing,omitempty"`
}

// CommandOwner is a package that brings a command.
type CommandOwner struct {
	// Command is the name in the request.
	Command           string `msgpack:"command" json:"command"`
	RepositoryPackage `msgpack:",inline"`
	// Path is the path of the command, relative to the root directory.
	Path string `msgpack:"path" json:"path"`
}

// MissingCommand is a command that no package brings.
type MissingCommand struct {
	Name string `msgpack:"name" json:"name"`
	// Similar lists commands with similar names, the most similar first.
	Similar []CommandOwner `msgpack:"similar,omitempty" json:"similar,omitempty"`
}

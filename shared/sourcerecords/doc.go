// Package sourcerecords turns the data of each source into records, which package records writes and reads, and records into an index or the
// data that omg keeps. It says what the records of each kind contain, and refuses records that the data of no source could have given.
//
// # Files
//
// NewFile makes a file of advisories, news, shares or a journal, in the form in which omg keeps what it gets itself: the same bytes on all machines.
// A source that could not be read completely is not published as if it were complete: the last line of its records says how much is left out.
//
// # Indexes
//
// An index that is built from records has the same bytes as an index that omg-index builds from the source itself, if these are the same, too,
// which the records do not contain:
//
//   - the program and its version, which an index names: the hash of an index says nothing to another version
//   - the time of the build
//   - for a repository, the shares of machines: those that ReadShares returns
//
// The facts about the source file that an index has, such as its digest and its modification time, are in the last line of the records. The origin
// of an index, a file beside it, is not: it is about one machine. The architecture and the servers of a repository are not either, because
// no database contains them.
//
// # Kinds
//
// repository: a package. The members are the values of the database that an index contains, with the names of the protocol (package wire). The
// member emptydesc says that there is a description without text. Signatures and other values that no index contains are missing. A package
// that an index could not have is left out, and counted as in the index.
//
// aur: a package of the AUR without the numbers that change most often. These are in the records of the kind aur-votes: the votes and the
// popularity of each package that does not have 0 of both. The two texts belong together if the digests of their dumps are equal.
//
// files: a package with its files. They are grouped by directory: each list begins with a directory, which ends with a slash or is empty, and
// then has the names in it, "" for the directory itself. The directories ascend, and so do the names in a list.
//
// advisories: a record of the security tracker, with the tracker's members.
//
// news: an item of Arch's news.
//
// shares: the share of the machines that have a package, in hundredths of a percent.
//
// journal: an entry of the journal of the AUR: an observation and its events, each with its name, the package base, the old and the new value. In
// a journal-without-names, the events about maintainers have no values, so that nobody can conclude from them who had a package.
package sourcerecords

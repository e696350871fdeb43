// Package sourcerecords turns the data of each source into records, which package records writes and reads, and records into an index or the
// file that omg keeps. It says what the records of each kind contain.
//
// An index that is built from records has the same bytes as an index that omg-index builds from the source itself, if the program, its
// version, the time of the build and the shares of machines are the same. The facts about the source file, such as its digest and its modification
// time, are in the last line of the records. The origin of an index, a file beside it, is not, because it is about one machine.
//
// # Kinds
//
// A record of the kind repository is a package: the values of the database that an index contains, with the names of the members in the
// protocol (package wire). The member emptydesc says that there is a description without text. Checksums and signatures that no index contains
// are not part of it. A package whose record an index could not have is left out, and counted as left out, as in the index.
//
// A record of the kind aur is a package of the AUR without the numbers that change each day. These are the records of the kind aur-votes:
// the votes and the popularity of each package that does not have 0 of both. The two texts belong together if they are of the same dump.
//
// A record of the kind files is a package with its files. They are grouped by directory: each list begins with a directory, which ends with a
// slash or is empty, and then has the names in it, "" for the directory itself. Directories ascend, and so do the names in a list.
package sourcerecords

// Package pkgindex writes an index file of packages, maps it into memory, and finds packages by name or by a search in
// the mapped bytes. A package's record is stored as it is sent, so that a reply is copied from the file and not encoded.
//
// # The file
//
// All integers are little-endian. Package sectionfile describes the header, whose magic is "OMGINDEX", and the section
// table. The sections are in the order of this text. A doc is a package's number in the file. Docs are grouped by source,
// and sorted within a source in the order in which results list equally good matches: by prominence, the largest first,
// then by the length of the name, then by name after case folding, then by name.
//
// FACT is one MessagePack map, see BuildInfo: the program that built the file, the time, and the sources, each with its
// first doc and its number of packages.
//
// DOCS has an entry [24] for each doc, and a final entry whose offsets are the ends of RECS and TEXT:
//
//	record   [4]  offset in RECS
//	text     [4]  offset in TEXT
//	name     [4]  bytes of the name in TEXT
//	provides [4]  bytes of the provides in TEXT
//	groups   [4]  bytes of the groups in TEXT
//	letters  [4]  bits for the characters in the name, see letters()
//
// RANK has an entry [2] for each doc, see docRank:
//
//	prominence [1]
//	head       [1] bytes of the description's head in TEXT, 0 for a part of something else
//
// SHAR is empty if no source was built with the shares of machines that have the packages. Otherwise it has an entry [2] for
// each doc: the share in hundredths of a percent (0 to 10000) and one, or 0 if the share is unknown.
//
// RECS has a record for each doc: the package in MessagePack as two sequences of key-value pairs without a map header
// (package wire lists the keys of each), so that a reply consists of a map header and copied bytes:
//
//	summary crc [4]  CRC32C of the summary's bytes
//	details crc [4]  CRC32C of the details' bytes
//	summary     [4]  bytes of the summary
//	pairs       [2]  number of pairs in the summary, and in the details [1 each]
//	summary, then details up to the next record
//
// TEXT has the searchable text of each doc, case-folded (see package fold): the name, the name in each provides, each group, and
// the description, with a NUL after each string. A package without a description has no bytes before the last NUL; a
// package with an empty description has one more NUL.
//
// NAME lists the docs [4 each] in the order of their folded names, for look-ups by name and by prefix.
//
// GRAM is the dictionary of the one-, two- and three-byte substrings of TEXT without a NUL, in ascending order of their
// key, an entry [12] each:
//
//	key   [4]  length << 24 | bytes, the first the most significant
//	where [4]  offset of the list in POST, or the doc itself if count is 1
//	count [4]  docs in the list
//
// A one- or two-byte substring has up to seven lists, one for each Tier, so that a search for a short word reads little of
// TEXT. The key of such a list has the tier in bits 29 to 31 and the length in bits 24 to 28.
//
// TERM is the dictionary of complete values: the names in provides, groups and relations, maintainers and keywords, in
// ascending order of hash, then of the field's letter, then of the value:
//
//	hash  [4]  low 32 bits of xxHash64 of the field's letter and the value
//	value [4]  offset of the value in VALS
//	where [4]  as in GRAM
//	count [4]  as in GRAM
//
// VALS has the values of TERM, each as its length [1 or more, unsigned varint], its field's letter [1] and its folded
// bytes.
//
// POST has lists of docs. A list of more than 1/32 of all docs is a bitmap of all docs, 8 per byte, the lowest bit
// first. A shorter list is a sequence of unsigned varints: the first doc, and then the difference from each doc to the
// next.
//
// # Trust
//
// Open checks the header, the section table, the bounds of every section and the facts, and reads nothing else. Open
// refuses a file that is mostly holes. Every other offset is checked where it is used, and a record's CRC before the
// record is returned. Check finds damage anywhere in the file, and Verify also finds a file that was built wrong. Other
// processes may truncate or overwrite a mapped file, so a method that reads the mapped bytes turns a memory fault into
// an error that wraps ErrDamaged.
package pkgindex

// Package pkgindex reads and writes the index file: it writes an index of packages, maps it, and answers look-ups and
// searches from it. It does not parse anything, and copies only what is sent.
//
// # The file
//
// All integers are little-endian. Sections start at multiples of 8, in the order of this text. A doc is a package's
// number in the file. Docs are grouped by source, and within a source sorted as a result list sorts equal matches (AUR
// votes, most first; length of the name; name), so that ascending docs are in the order of results.
//
//	header [64]
//	  magic        [8]  "OMGINDEX"
//	  version      [4]  format version, see Version
//	  sections     [4]  entries in the section table
//	  size         [8]  of the whole file
//	  table crc    [4]  CRC32C of the section table
//	  header crc   [4]  CRC32C of the bytes before it
//	  zero         [32]
//	section table, one entry a section [32]
//	  name         [4]  four letters, below
//	  crc          [4]  CRC32C of the section
//	  offset       [8]  from the start of the file
//	  length       [8]  in bytes
//	  zero         [8]
//
// A reader skips sections with unknown names.
//
// FACT is one MessagePack map, see Facts: the program that built the file, the time, and the sources, each with its
// first doc and its number of packages.
//
// DOCS has an entry [24] for each doc, and one more that ends the last:
//
//	record   [4]  offset in RECS
//	text     [4]  offset in TEXT
//	name     [4]  bytes of the name in TEXT
//	provides [4]  bytes of the provides in TEXT
//	groups   [4]  bytes of the groups in TEXT
//	letters  [4]  which characters the name has, see letters()
//
// RECS has a record for each doc: the package in MessagePack as two sequences of key-value pairs without a map header
// (package wire lists the keys of each), so that a reply consists of a map header and copied bytes:
//
//	summary crc [4]  CRC32C of the summary's bytes
//	details crc [4]  CRC32C of the details' bytes
//	summary     [4]  bytes of the summary
//	pairs       [2]  number of pairs: summary, details [1 each]
//	summary, then details up to the next record
//
// TEXT has for each doc what a search looks at, case-folded (see Fold): the
// name, each provides' name, each group, the description, with a NUL after
// every one of them. A description that is there and empty is one more NUL.
//
// NAME is the docs [4 each] in the order of their folded names, for look-ups by name and by prefix.
//
// GRAM is the dictionary of the one-, two- and three-byte substrings of TEXT without a NUL, in ascending order of their
// key, an entry [12] each:
//
//	key   [4]  length << 24 | bytes, the first the most significant
//	where [4]  offset in POST, or the doc itself if count is 1
//	count [4]  docs in the list
//
// One- and two-byte substrings have up to seven lists each, one for each tier of the result order, so that a search for
// a short word does not read TEXT. Their keys have the tier in bits 29 to 31 and the length in bits 24 to 28.
//
// TERM is the dictionary of whole values: the names in provides, groups and
// relations, maintainers and keywords, in ascending order of hash:
//
//	hash  [4]  low 32 bits of xxHash64 of the field's letter and the value
//	value [4]  offset in VALS
//	where [4]  as in GRAM
//	count [4]  as in GRAM
//
// VALS holds those values: length [1 or more, unsigned varint], field letter
// [1], folded bytes.
//
// POST holds lists of docs. A list of more than a thirty-second of all docs is a bitmap of all docs, 8 per byte, the
// lowest bit first; a shorter list is a sequence of unsigned varints, the first doc and then the differences.
//
// # Trust
//
// Open checks the header, the section table and the bounds of every section, and reads nothing else. Every other offset
// is checked where it is used, and a record's CRC before the record is returned. It refuses a file that is mostly holes.
// Check finds damage in the whole file, and Verify also a file that was built wrong. Other processes may truncate or
// overwrite a mapped file, so a method that reads the map turns a memory fault into an error that wraps ErrDamaged.
package pkgindex

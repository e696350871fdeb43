// Package filesindex writes an index of the files of a repository's packages, maps it into memory, and finds what pacman -F
// finds in the mapped bytes. It compares as pacman 6.0 to 7.0 does (src/pacman/files.c), see Query.
//
// # The file
//
// All integers are little-endian; a uvarint is an unsigned varint as in package encoding/binary, and a string is written as
// its length [1 or more, uvarint] and its bytes. Package sectionfile describes the header, whose magic is "OMGFILES", and
// the section table. The sections are in the order of this text. Strings are bytes, in any encoding, in bytewise order.
//
// A path is split after its last slash: the first part is the directory, with its slash, and the second part the name. A
// path that ends with a slash is a directory itself and has no name. A path without a slash is in the empty directory. The
// index has a dictionary of all directories and one of all names. A directory, a name or a package is known by its number
// in its order.
//
// INFO has the facts about the build, and CMDS the commands, see package commandindex.
//
// PKGN has a record for each package: the strings of its name and its version, and a string for each of its groups.
//
// LIST has the paths of each package, in bytewise order, duplicates too:
//
//	paths [uvarint] the number of paths
//	runs, of paths in the same directory that follow each other:
//	  directory [uvarint] the difference from the number of the directory of the run before, or from 0, in zigzag
//	                      encoding: 2n for n, -2n-1 for a negative n
//	  count     [uvarint] 2n for n names, 2n+1 for the directory itself and then n names
//	  names     [uvarint] each: the difference from the number of the name before in the run, or from 0
//
// PKGS has an entry [8] for each package, and a final entry with the ends of PKGN and LIST:
//
//	record [4] offset in PKGN
//	list   [4] offset in LIST
//
// Then come the sections of the dictionary of directories, whose names begin with DIR, and those of the dictionary of names,
// whose names begin with NAM. A block is 64 strings; the last block may have fewer. The sections of a dictionary end with:
//
// S: the strings of each block. The first is written as its length and its bytes. Each other one is written as the number of
// bytes that it shares with the string before it [uvarint], the number of its other bytes [uvarint], and these bytes.
//
// P: for each string of each block, the packages that use it. A string of one package is an even number [uvarint]: twice the
// zigzag encoding of the difference from the package of the last such string of the block, or from 0. A string of more
// packages is an odd number [uvarint], 2n+1 for the n bytes that follow: for each package, the difference from the package
// before it plus 1, or from 0 [uvarint].
//
// B: the number of strings [8], then an entry [8] for each block, and a final entry with the ends of S and P:
//
//	strings  [4] offset in S
//	packages [4] offset in P
//
// I: lists of blocks. A list has the difference from each block to the block before it plus 1, or from 0 [uvarint].
//
// G: an entry [8] for each three-byte substring of the strings after case folding (see package fold), in ascending order of
// the key, and a final entry with the key 1<<24 and the end of I:
//
//	key  [4] the bytes, the first the most significant
//	list [4] offset in I of the list of blocks that have the substring
//
// # Sizes
//
// The lists of 63,681 packages of Debian with 7,371,630 files, and 1,294,129 entries for the directories of each package,
// make a file of 105.0 MB, in millions of bytes:
//
//	INFO  0.0   DIRS  6.4   NAMS 42.4
//	CMDS  1.2   DIRP  1.5   NAMP  8.9
//	PKGN  1.9   DIRB  0.1   NAMB  0.5
//	LIST 16.8   DIRI  3.5   NAMI 20.5
//	PKGS  0.5   DIRG  0.4   NAMG  0.6
//
// LIST is what it costs to list the files of a package, 1.9 bytes a path; a search needs it, too, since P says which
// packages have a name, but not in which directory. Two ways lead to about 85 MB, and neither is taken. With zstd for each
// block, NAMS would have 22.8 MB, but a block would take 6 instead of 1 microseconds to read, and a search for a common
// word reads thousands. Without NAMI and NAMG, an expression would need all names, which takes a quarter of a second.
//
// # Trust
//
// Open checks the header, the section table, the lengths of the tables and the facts, and reads little else. It refuses a
// file that is mostly holes. Every other offset and number is checked where it is used. Verify finds damage anywhere in the
// file, and a file that was built wrong. Other processes may truncate or overwrite a mapped file, so a method that reads
// the mapped bytes turns a memory fault into an error that wraps ErrDamaged. A path can be absolute or have "..", control
// characters and invalid UTF-8: who prints or opens it must take care.
package filesindex

// Package records reads and writes the form in which the data of a source travels from the machine that publishes it to the machines that
// use it: lines of JSON in one canonical form, so that equal data has equal bytes, and so that two versions differ only in the lines that
// have changed. It does not know what the records of a source contain; package sourcerecords does.
//
// # The text
//
// Every line is one JSON object that ends with a newline. The first line says what follows:
//
//	{"kind":"repository","format":1,"name":"core"}
//
// The last line has the facts about the file that the records come from, see End. Its first member is the number of records, so that a text
// that was cut off is noticed, and so that the last line cannot be mistaken for a record:
//
//	{"records":15000,"as_of":1790000000,"sha256":"…","size":9000000}
//
// Each line between them is a record. Its first member is a string, the key of the record. The records are in ascending order of the bytes
// of their keys, and no two have the same key.
//
// # The canonical form
//
// There is no white space. The members of an object have a fixed order, and a member without a value is left out: an empty string or list, a
// number 0, false. A number is the shortest decimal number that is read as the same value. In a string, only '"', '\' and the characters below
// U+0020 are escaped: \", \\, and \u00XX with lower-case letters.
//
// A string may have bytes that are not UTF-8, as the paths and names in pacman's databases. Such a byte is written as U+0000 and two
// hexadecimal digits, and the character U+0000 as U+0000 and "00". A reader refuses a line that has any other form.
//
// # Patches
//
// A patch has what a text needs to become the next one of the same source. Each of its lines begins with a byte that says what it is; the
// lines for records are in ascending order of their keys:
//
//	={"kind":…}   the first line of the next text
//	-"key"        a record that the next text does not have
//	+{…}          a record that is new, or that replaces the record with the same key
//	.{"records":… the last line of the next text
//
// A patch has no digests. The program that applies it must know those of both texts, and compare them.
//
// # Limits
//
// Records may come from a server that is not trusted. A reader needs memory for one line of at most MaxLine bytes, with at most
// MaxStrings strings. Texts and patches travel compressed with zstd; a decompressor gets the size of the text from its caller, and never
// passes on more.
package records

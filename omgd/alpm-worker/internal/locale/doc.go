// Package locale sets a UTF-8 locale for the process, because libalpm needs one: in a C program without a
// locale, libarchive stops reading a database at the first path beyond ASCII. pacman uses its user's locale,
// which is normally a UTF-8 one.
package locale

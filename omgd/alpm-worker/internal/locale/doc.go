// Package locale gives the process the locale that libalpm's users have. A C program that sets none cannot read paths
// beyond ASCII: libarchive aborts a database at the first one. pacman sets its user's, which is a UTF-8 one.
package locale

// Package filesindex writes an index of the files of a repository's packages, maps it into memory, and finds what pacman -F
// finds in the mapped bytes.
package filesindex

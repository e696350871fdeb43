// Package pacmandb reads pacman's files without libalpm: the repositories' sync databases (ReadSync), the local
// database of installed packages (ReadLocal), and pacman.conf (ReadConfig). It orders versions as pacman does (Compare)
// and computes from these what pacman -Q answers.
//
// Damaged files are read as libalpm reads them, but with a warning or an error: libalpm silently reads a damaged
// database as a smaller one.
package pacmandb

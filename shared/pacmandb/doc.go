// Package pacmandb reads what pacman keeps in files, without libalpm: the
// repositories' sync databases (ReadSync), the local database of installed
// packages (ReadLocal), and pacman.conf (ReadConfig). It orders versions as
// pacman does (Compare) and answers, from these, what pacman -Q answers.
//
// Where the files are not what they should be it does what libalpm does, but
// says so: libalpm takes a damaged database for a smaller one in silence.
package pacmandb

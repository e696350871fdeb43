// Package pacmandb reads pacman's files without libalpm: the repositories' sync databases (ReadSync) and
// their file lists (ReadSyncFiles), the local database of installed packages (ReadLocal), and pacman.conf (ReadConfig). It
// compares versions as pacman does (Compare), and computes from these files the results of pacman -Q.
//
// Damaged files are read as libalpm reads them, but with a warning or an error. libalpm does not report such damage: it
// only finds fewer packages.
package pacmandb

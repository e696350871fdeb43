// Package pacman compares omg's answers with those of the real pacman on real
// databases.
package pacman
